// Signs up as readers do, with a real browser: node sign_up.cjs, where NODE_PATH holds
// playwright-core and axe-core. Standard input says what is to be done, as JSON:
//
//   base      the address of the site
//   chromium  the browser's program
//   blog      the address of another site, with pages that hold our form (/form, and
//             /silent, whose browser says nothing of where it is) and a script that
//             sends JSON (/script)
//   stranger  the same script on a site that is not named
//   thanks    where the forms lead back to
//   shots     a folder for pictures of the pages, or null
//
// Writes a line a step. What is not as it should be ends it with status 1.

const { chromium } = require("playwright-core");
const fs = require("fs");
const { must, accessible, fits } = require("./judge.cjs");

const task = JSON.parse(fs.readFileSync(0, "utf8"));

async function judge(page, name) {
  await accessible(page, name);
  await fits(page, name, task.shots);
}

// The page's script suggests the reader's own zone, and only where nothing is chosen.
async function zones(page, run) {
  await page.goto(`${task.base}/subscribe/letter`);
  must((await page.inputValue("#timezone")) === "Europe/Berlin", "the zone of the browser is not suggested");
  await judge(page, `${run}-form`);
  await page.goto(`${task.base}/subscribe/letter?lang=ko`);
  must((await page.getAttribute("html", "lang")) === "ko", "the page is not in Korean");
  await judge(page, `${run}-form-ko`);
  await page.goto(`${task.base}/subscribe/offers`);
  await judge(page, `${run}-advertising`);
  await page.fill("#email", "ad@example.org");
  await page.click('form button[type="submit"]');
  must(page.url().endsWith("/subscribe/offers") && !(await page.isVisible("#problem")), "advertising is not asked about");
}

// A slip is asked about, with the keyboard alone.
async function slip(page, run, zone) {
  await page.goto(`${task.base}/subscribe/letter`);
  const reach = async (selector) => {
    for (let steps = 0; steps < 100; steps += 1) {
      if (await page.locator(selector).first().evaluate((it) => it === document.activeElement)) return;
      await page.keyboard.press("Tab");
    }
    throw new Error(`${selector} is not reached by Tab`);
  };
  await reach("#email");
  await page.keyboard.type(`${run}@gmial.com`);
  let landed = page.waitForNavigation();
  await page.keyboard.press("Enter");
  must((await landed).status() === 422, "the slip is not seen");
  must((await page.textContent("#problem")).includes(`${run}@gmail.com`), "nothing is suggested");
  must((await page.inputValue("#timezone")) === zone, "the zone is forgotten");
  if (zone) await judge(page, `${run}-slip`);
  // Nothing is decided by the button below, and the form is not lost.
  await reach('form > p:last-child button');
  landed = page.waitForNavigation();
  await page.keyboard.press("Enter");
  must((await landed).status() === 422, "the slip is taken unasked");
  await reach('button[name="instead"]');
  landed = page.waitForNavigation();
  await page.keyboard.press("Enter");
  must((await landed).status() === 200, "the suggestion is not taken");
  must((await page.textContent("h1")).includes("mailbox"), "nothing says that a mail comes");
  if (zone) await judge(page, `${run}-check`);
}

// An address in letters of its own goes through any browser. A form on another site leads back to it: by one press, or by two where the browser is silent.
async function embedded(page, run) {
  await page.goto(`${task.blog}/form`);
  await page.fill('[name="email"]', `${run}-양식@예시.한국`);
  await page.click("form button");
  await page.waitForURL(task.thanks);
  console.log(`${run}: by one press`);
  await page.goto(`${task.blog}/silent`);
  await page.fill('[name="email"]', `${run}-조용@예시.한국`);
  await page.click("form button");
  await page.waitForSelector("#problem");
  must((await page.inputValue("#email")) === `${run}-조용@예시.한국`, "what was typed is gone");
  await page.click('form button[type="submit"]');
  await page.waitForURL(task.thanks);
  console.log(`${run}: by two presses`);
}

async function json(page, run) {
  for (const [site, wanted] of [[task.blog, "check_mail"], [task.stranger, "refused"]]) {
    await page.goto(`${site}/script?${run}`);
    await page.waitForFunction(() => document.title !== "");
    must((await page.title()) === wanted, `${site}: ${await page.title()}`);
  }
  console.log(`${run}: by a script`);
}

(async () => {
  const browser = await chromium.launch({ executablePath: task.chromium, args: ["--no-sandbox", "--disable-gpu"] });
  try {
    for (const script of [true, false]) {
      const run = script ? "scripts" : "bare";
      // What a reader sends by hand is more than the limits leave for the script.
      const network = (url) => (url.endsWith(".json") ? "198.51.102.1" : script ? "198.51.100.1" : "198.51.101.1");
      const context = await browser.newContext({ javaScriptEnabled: script, timezoneId: "Europe/Berlin", locale: "en-US" });
      const page = await context.newPage();
      page.setDefaultTimeout(15000);
      // Whose network it is, the site is told; no other is, and no script could.
      await page.route(`${task.base}/**`, (route) =>
        route.continue({ headers: { ...route.request().headers(), "x-forwarded-for": network(route.request().url()) } }),
      );
      const told = [];
      page.on("console", (message) => {
        const expected = message.location().url.endsWith("/favicon.ico") || /422|CORS|ERR_FAILED/.test(message.text());
        if (message.type() === "error" && !expected) told.push(message.text());
      });
      page.on("pageerror", (error) => told.push(String(error)));
      try {
        if (script) await zones(page, run);
        await slip(page, run, script ? "Europe/Berlin" : "");
        await embedded(page, run);
        if (script) await json(page, run);
        must(told.length === 0, `the browser complains: ${told.join("; ")}`);
      } catch (error) {
        error.message = `${run} at ${page.url()}: ${error.message}`;
        throw error;
      }
      console.log(`${run}: done`);
      await context.close();
    }
  } finally {
    await browser.close();
  }
})().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
