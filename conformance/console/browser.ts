import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, type BrowserContext, type Page, chromium } from 'playwright-core'

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** The Chromium to drive: MILLRACE_CHROMIUM, or one on the PATH. */
export function findChromium(): string {
  const named = process.env.MILLRACE_CHROMIUM
  const folders = (process.env.PATH ?? '').split(':')
  const found = named ?? folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find((file) => existsSync(file))
  if (found === undefined) throw new Error('no Chromium: install one (apt-get install chromium), or name it in MILLRACE_CHROMIUM')
  return found
}

/** Each start has a profile of its own, which playwright makes and removes. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: findChromium(), headless: true, args: FLAGS })
}

export interface Watched {
  readonly page: Page
  readonly context: BrowserContext
  /** What the browser complained of: errors of scripts, of the console, of the content policy, and answers of 400 and more. */
  readonly complaints: string[]
}

export async function openPage(browser: Browser, options: Parameters<Browser['newContext']>[0] = {}): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, ...options })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(`script: ${error.message}`))
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`console: ${message.text()}`)
  })
  page.on('response', (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()}: ${response.url()}`)
  })
  // As text: it runs in the page, whose globals this file does not have.
  await page.addInitScript({
    content: "document.addEventListener('securitypolicyviolation', (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI} ${e.sample}`))",
  })
  return { page, context, complaints }
}

/** Saves a picture of the page where MILLRACE_SCREENSHOTS names a folder. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const folder = process.env.MILLRACE_SCREENSHOTS
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true })
}
