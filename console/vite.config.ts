import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

/** While developing (`npx vite console`), the API comes from a gateway that runs on its usual port. */
const GATEWAY = 'http://127.0.0.1:8080'

export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2023',
    // The page's policy allows files of our own only: nothing is inlined as data:.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
  },
  server: { proxy: { '/api': GATEWAY, '/events': GATEWAY } },
})
