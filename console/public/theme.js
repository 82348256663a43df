// Before the first paint, so that a chosen theme never flashes in from the other one. A file of its own, since the page's policy allows no inline script.
const chosen = localStorage.getItem('millrace-theme')
if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen
