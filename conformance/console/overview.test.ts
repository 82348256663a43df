import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { openPage, screenshot, startBrowser } from './browser.ts'
import { type World, startWorld } from './world.ts'

// One browser and one world for all: the tests below tell one story, in order.
let browser: Browser
let world: World

before(async () => {
  browser = await startBrowser()
  world = await startWorld()
})

after(async () => {
  await browser.close()
  await world.stop()
})

const step = (page: Page, name: string) => page.locator(`[data-step="${name}"]`)

test('before anything has happened, the page loads without complaint and every empty place says what brings it about', async () => {
  const { page, context, complaints } = await openPage(browser)
  await page.goto(world.url)
  await page.waitForSelector('.race')
  assert.equal(await page.locator('.step').count(), 10)
  assert.equal(await page.locator('.step-waiting').count(), 10)
  assert.deepEqual(await page.locator('.empty strong').allTextContents(), ['No labels yet', 'No week has ended yet', 'No version is registered yet', 'Nothing has happened yet'])
  await page.locator('.connection-live').waitFor()
  await screenshot(page, 'empty-light')
  assert.deepEqual(complaints, [])
  await context.close()
})

test('the loop fills in while the page is open', async () => {
  const { page, context, complaints } = await openPage(browser)
  await page.goto(world.url)
  await page.locator('.connection-live').waitFor()
  await world.begin()
  await step(page, 'serve').locator('b', { hasText: 'v1' }).waitFor()
  assert.match((await step(page, 'validate').textContent()) ?? '', /31\/31 checks hold.*1 file refused/)
  await world.liveUntil(9)
  await step(page, 'watch').locator('b', { hasText: '9' }).waitFor()
  await page.locator('.versions .is-champion th', { hasText: 'v2' }).waitFor()
  await page.locator('.wheel-title', { hasText: 'v2' }).waitFor()
  await page.getByText('v3 in shadow until 10 Jun').waitFor()
  await screenshot(page, 'half-light')
  assert.deepEqual(complaints, [])
  await context.close()
})

test('an event of this moment is on the page within two seconds, without loading it again', async () => {
  const { page, context, complaints } = await openPage(browser)
  await page.goto(world.url)
  await page.locator('.connection-live').waitFor()
  await world.emit('tracking', 'dev.millrace.model.created', 'a-new-model', { model: 'a-new-model' })
  await page.getByText('Model a-new-model is registered').waitFor({ timeout: 2000 })
  assert.deepEqual(complaints, [])
  await context.close()
})

test('the whole year, in light and dark, wide and narrow', async () => {
  await world.liveUntil(39)
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [1440, 900, 480]) {
      const { page, context, complaints } = await openPage(browser, { colorScheme, viewport: { width, height: 1000 } })
      await page.goto(world.url)
      await page.locator('.versions').waitFor()
      await page.locator('.heat-svg').waitFor()
      assert.equal(await page.locator('.chart canvas').count(), 2)
      const overflow = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
      assert.ok(Number(overflow) <= 0, `${width} wide: the page is ${String(overflow)} pixels too wide`)
      await screenshot(page, `full-${colorScheme}-${width}`)
      assert.deepEqual(complaints, [])
      await context.close()
    }
  }
})

test('the theme can be chosen, and is kept', async () => {
  const { page, context } = await openPage(browser, { colorScheme: 'light' })
  await page.goto(world.url)
  await page.waitForSelector('.race')
  const ground = () => page.evaluate('getComputedStyle(document.documentElement).backgroundColor')
  const light = await ground()
  await page.getByRole('radio', { name: 'Dark' }).check()
  const dark = await ground()
  assert.notEqual(dark, light)
  await page.reload()
  assert.equal(await ground(), dark)
  await context.close()
})

test('all of it can be reached and used by keyboard, in the order in which it is read', async () => {
  const { page, context, complaints } = await openPage(browser)
  await page.goto(world.url)
  await page.locator('.heat-svg').waitFor()
  const focused: string[] = []
  for (let i = 0; i < 35; i++) {
    await page.keyboard.press('Tab')
    const name = String(await page.evaluate(`(() => {
      const e = document.activeElement
      return e.closest('[data-step]')?.dataset.step ?? e.dataset?.column ?? e.closest('.panel')?.id ?? e.closest('fieldset')?.textContent ?? e.textContent
    })()`))
    if (focused.at(-1) !== name) focused.push(name)
  }
  const expected = ['Skip to the loop', 'Overview', 'Experiments', 'Models', '6 of 6 services up', 'ThemeAutoLightDark', 'version', 'validate', 'features', 'train', 'track', 'gate', 'serve', 'live', 'watch', 'retrain', 'performance', 'prediction', 'drift', 'versions']
  assert.deepEqual(focused.slice(0, expected.length), expected)

  await step(page, 'watch').locator('button').focus()
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Events of Watch' }).waitFor()
  assert.match(page.url(), /step=watch/)
  await page.locator('.heat-svg rect[tabindex="0"]').focus()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('ArrowRight')
  await page.locator('.tip').waitFor()
  assert.match((await page.locator('.tip').textContent()) ?? '', /^month8 Apr to 15 Apr 2013/)
  assert.match(String(await page.evaluate('document.activeElement.getAttribute("aria-label")')), /^month, week of 8 Apr 2013: [\d.]+ wasserstein, /)
  assert.deepEqual(complaints, [])
  await context.close()
})

test('who prefers less motion sees none', async () => {
  const { page, context } = await openPage(browser, { reducedMotion: 'reduce' })
  await page.goto(world.url)
  await page.waitForSelector('.race')
  assert.equal(await page.evaluate('document.getAnimations().filter((a) => a.playState === "running").length'), 0)
  await context.close()
})

test('a service that is down is named, and the rest of the page goes on', async () => {
  const { page, context } = await openPage(browser)
  await page.goto(world.url)
  await page.locator('.heat-svg').waitFor()
  await world.stopService('monitor')
  await page.getByText('5 of 6 services up').waitFor()
  assert.match((await page.locator('#drift .empty').textContent()) ?? '', /monitor does not answer/)
  assert.match((await step(page, 'serve').textContent()) ?? '', /v7/)
  await screenshot(page, 'monitor-down')
  await context.close()
})
