// Reads the archive in Chromium: every page as axe sees it, light and dark, narrow and
// broad; then finds a post, turns pages and signs up without a script. What to do comes
// as JSON; what was done goes out line by line, and whatever is wrong ends it.
'use strict';
const { chromium } = require('playwright-core');
const fs = require('fs');
const path = require('path');

const task = JSON.parse(fs.readFileSync(0, 'utf8'));
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const wrong = [];

async function look(context, address, name) {
  const page = await context.newPage();
  // Pictures that nobody serves are missing, and nothing else may be.
  page.on('console', (message) => {
    if (message.type() === 'error' && !/ERR_|404/.test(message.text())) wrong.push(`${name}: ${message.text()}`);
  });
  page.on('pageerror', (error) => wrong.push(`${name}: ${error}`));
  const answer = await page.goto(task.base + address);
  if (answer.status() !== 200) wrong.push(`${name}: ${answer.status()}`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (wide > 0) wrong.push(`${name}: ${wide} pixels wider than the screen`);
  if (task.shots) await page.screenshot({ path: path.join(task.shots, `${name}.png`), fullPage: true });
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run({ resultTypes: ['violations'] }));
  for (const { id, nodes } of violations) wrong.push(`${name}: ${id}: ${nodes.map((node) => node.html).join(' ')}`);
  await page.close();
}

async function act(browser) {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(`${task.base}/archive/`);
  await page.fill('#q', '서울');
  await page.press('#q', 'Enter');
  await page.click('article a.p-name');
  if (!(await page.textContent('h1')).includes('글쓰기')) throw new Error('the search led elsewhere');
  console.log('searched');
  await page.goto(`${task.base}/posts/`);
  const seen = new Set();
  for (let turn = 0; turn < 10; turn += 1) {
    for (const link of await page.$$eval('a.p-name', (links) => links.map((one) => one.href))) seen.add(link);
    const next = await page.$('a[rel=next]');
    if (!next) break;
    await next.click();
  }
  if (seen.size !== 44) throw new Error(`${seen.size} of 44 posts are listed`);
  console.log('turned');
  await page.goto(`${task.base}/`);
  await page.fill('form.sign-up input[type=email]', 'reader@example.org');
  await page.click('form.sign-up button');
  if ((await page.inputValue('#email')) !== 'reader@example.org') throw new Error('the form forgot the address');
  await page.click('form button[type=submit]');
  console.log('signed up', await page.textContent('h1'));
  await context.close();

  const keys = await browser.newContext();
  const reading = await keys.newPage();
  await reading.goto(`${task.base}/posts/`);
  await reading.keyboard.press('Tab');
  const first = await reading.evaluate(() => document.activeElement.getAttribute('href'));
  if (first !== '#main') throw new Error(`the first stop is ${first}`);
  await reading.keyboard.press('Enter');
  await reading.keyboard.press('Tab');
  const inside = await reading.evaluate(() => Boolean(document.activeElement.closest('main')));
  if (!inside) throw new Error('the way to the text leads elsewhere');
  console.log('read with the keyboard');
  await keys.close();
}

(async () => {
  const browser = await chromium.launch({ executablePath: task.chromium, args: ['--no-sandbox', '--disable-gpu'] });
  const looks = [['light', 1280], ['dark', 320]];
  for (const [colorScheme, width] of looks) {
    const context = await browser.newContext({ colorScheme, viewport: { width, height: 900 } });
    // axe is brought in from outside, which no page of ours allows.
    const bypassing = await browser.newContext({ colorScheme, viewport: { width, height: 900 }, bypassCSP: true });
    // Texts are the hardest on a narrow screen.
    for (const address of [...task.lists, ...task.posts.slice(0, width < 500 ? undefined : 3)]) {
      const name = `${colorScheme}-${width}${address.replace(/[^a-z0-9]+/g, '-')}`;
      await look(bypassing, address, name);
    }
    // Once as it is: nothing that a page has may be forbidden by its own policy.
    const page = await context.newPage();
    page.on('console', (message) => {
      if (/Content Security Policy/.test(message.text())) wrong.push(message.text());
    });
    for (const address of [...task.lists.slice(0, 3), ...task.posts.slice(0, 8)]) await page.goto(task.base + address);
    await context.close();
    await bypassing.close();
  }
  await act(browser);
  await browser.close();
  if (wrong.length) throw new Error(wrong.join('\n'));
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
