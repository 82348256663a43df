import { useEffect, useState, useSyncExternalStore } from 'react'

export type Theme = 'system' | 'light' | 'dark'

const KEY = 'millrace-theme'
const darkMedia = matchMedia('(prefers-color-scheme: dark)')
const listeners = new Set<() => void>()

function read(): Theme {
  const chosen = document.documentElement.dataset.theme
  return chosen === 'light' || chosen === 'dark' ? chosen : 'system'
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function useTheme(): [Theme, (theme: Theme) => void] {
  const theme = useSyncExternalStore(subscribe, read)
  return [theme, choose]
}

function choose(theme: Theme): void {
  if (theme === 'system') {
    delete document.documentElement.dataset.theme
    localStorage.removeItem(KEY)
  } else {
    document.documentElement.dataset.theme = theme
    localStorage.setItem(KEY, theme)
  }
  for (const listener of listeners) listener()
}

/** Whether dark is shown now; canvases, which no style sheet reaches, draw themselves again when it changes. */
export function useDark(): boolean {
  const [theme] = useTheme()
  const [systemDark, setSystemDark] = useState(darkMedia.matches)
  useEffect(() => {
    const changed = (): void => setSystemDark(darkMedia.matches)
    darkMedia.addEventListener('change', changed)
    return () => darkMedia.removeEventListener('change', changed)
  }, [])
  return theme === 'system' ? systemDark : theme === 'dark'
}

/** A colour of the style sheet as canvases and scales understand it. */
export function resolveColor(name: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(--${name})`
  document.body.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}
