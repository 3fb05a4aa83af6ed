// Does what a reader does, with a real browser: node browse.cjs, where NODE_PATH holds
// playwright-core and axe-core. Standard input says what is to be done, as JSON:
//
//   base        the address of the site
//   chromium    the browser's program
//   outbox      the maildir into which the site mails
//   shots       a folder for pictures of the pages, or null
//   runs        readers, one after the other, each with
//     name        stands in the names of pictures
//     email       the reader's address
//     network     the network address that the site is told of
//     newsletter  what to subscribe to, whose language the pages have
//     language    that language
//     hand        "mouse", "keyboard" or "touch"
//     script      whether pages may run scripts
//     axe         whether axe judges each page (without scripts it cannot)
//     sign        by what the leaving page acts: "pointer", "wheel", "key", "touch", or "button"
//     leave       the path of the reader's link to leave
//     preferences the path of the reader's link to their choices
//
// Writes a line a step. What is not as it should be ends it with status 1.

const { chromium } = require("playwright-core");
const fs = require("fs");
const path = require("path");
const { must, accessible, fits } = require("./judge.cjs");

const task = JSON.parse(fs.readFileSync(0, "utf8"));

// A mail as its text part says it; quoted-printable is all that the site writes.
function textOf(file) {
  const bytes = fs.readFileSync(file, "latin1");
  const head = bytes.split("\r\n\r\n")[0].replace(/\r\n[ \t]+/g, " ");
  const part = bytes.split(/^--=_/m).find((some) => some.includes("text/plain")) ?? "";
  const body = part.slice(part.indexOf("\r\n\r\n") + 4);
  const plain = /base64/i.test(part.split("\r\n\r\n")[0])
    ? Buffer.from(body, "base64").toString("utf8")
    : body.replace(/=\r\n/g, "").replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  return { to: /^To: (.*)$/m.exec(head)?.[1]?.trim(), plain };
}

// The path of a link to `page` in the newest mail to `email` that has one.
async function mailed(email, page) {
  const folder = path.join(task.outbox, "new");
  for (let tries = 0; tries < 200; tries += 1) {
    const names = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
    const files = names.map((name) => path.join(folder, name));
    files.sort((a, b) => fs.statSync(b).mtimeMs - fs.statSync(a).mtimeMs);
    for (const file of files) {
      const { to, plain } = textOf(file);
      const found = to === email && new RegExp(`${page}[^\\s>"]+`).exec(plain);
      if (found) {
        fs.unlinkSync(file);
        return found[0];
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`no mail to ${email} brings a link to ${page}`);
}

class Reader {
  constructor(run, page) {
    this.run = run;
    this.page = page;
    this.judged = new Set();
  }

  say(words) {
    console.log(`${this.run.name}: ${words}`);
  }

  async open(where) {
    const answer = await this.page.goto(task.base + where);
    must(answer.status() === 200, `${where} answers ${answer.status()}`);
    await this.judge(where.split("/")[1]);
  }

  // Whatever page is shown: it is in the reader's language, and axe finds nothing. It takes its time: once each.
  async judge(name) {
    const { page, run } = this;
    await page.waitForLoadState("load");
    must((await page.getAttribute("html", "lang")) === run.language, `${page.url()} is not in ${run.language}`);
    if (run.axe && !this.judged.has(name)) await accessible(page, name);
    this.judged.add(name);
    await fits(page, `${run.name}-${name}`, task.shots);
    this.say(name);
  }

  // With the keyboard: on to the element by Tab, as a reader would.
  async reach(selector) {
    const element = this.page.locator(selector).first();
    for (let steps = 0; steps < 200; steps += 1) {
      if (await element.evaluate((it) => it === document.activeElement)) {
        const ring = await element.evaluate((it) => getComputedStyle(it).outlineStyle);
        must(ring !== "none", `${selector} has the focus and does not show it`);
        return;
      }
      await this.page.keyboard.press("Tab");
    }
    throw new Error(`${selector} is not reached by Tab`);
  }

  async write(selector, text) {
    if (this.run.hand !== "keyboard") return this.page.fill(selector, text);
    await this.reach(selector);
    await this.page.keyboard.type(text);
  }

  async choose(selector, value) {
    if (this.run.hand !== "keyboard") return void (await this.page.selectOption(selector, value));
    await this.reach(selector);
    const element = this.page.locator(selector).first();
    const [words, at, to] = await element.evaluate((it, value) => {
      const to = [...it.options].findIndex((one) => one.value === value);
      return [it.options[to].text, it.selectedIndex, to];
    }, value);
    // A list is gone through by its first letters, or step by step; there is no key for a Korean syllable.
    if (/^[\x20-\x7e]+$/.test(words)) await this.page.keyboard.type(words);
    else for (let step = 0; step < Math.abs(to - at); step += 1) await this.page.keyboard.press(to > at ? "ArrowDown" : "ArrowUp");
    must((await element.inputValue()) === value, `${selector} cannot be set to ${value} by keys`);
  }

  // The day `2026-12-24`, as an American types it.
  async day(selector, date) {
    if (this.run.hand !== "keyboard") return this.page.fill(selector, date);
    await this.reach(selector);
    const [year, month, day] = date.split("-");
    await this.page.keyboard.type(`${month}${day}${year}`);
  }

  async press(selector, name) {
    const { page, run } = this;
    const landed = page.waitForNavigation();
    if (run.hand === "keyboard") {
      await this.reach(selector);
      await page.keyboard.press("Enter");
    } else if (run.hand === "touch") {
      await page.tap(selector);
    } else {
      await page.click(selector);
    }
    const answer = await landed;
    must(answer.status() === 200, `${name} answers ${answer.status()}`);
    await this.judge(name);
  }

  // Whether the reader gets the newsletter, as their own page says.
  async gets() {
    const answer = await fetch(task.base + this.run.preferences);
    const text = await answer.text();
    must(answer.status === 200, `the choices answer ${answer.status}`);
    return text.includes(`name="pause.${this.run.newsletter}"`);
  }

  // On the page behind the link in a mail.
  async leave() {
    const { page, run } = this;
    await this.open(run.leave);
    // A browser that only loads it changes nothing, nor does one that waits.
    await page.waitForTimeout(700);
    must(await this.gets(), "the page acted by itself");
    if (run.sign === "button") {
      await page.mouse.move(300, 300);
      await page.mouse.move(310, 330);
      await page.waitForTimeout(300);
      must(await this.gets(), "without scripts nothing but the button acts");
      await this.press("button.big", "left");
    } else {
      const landed = page.waitForNavigation();
      if (run.sign === "pointer") {
        // A pointer that rests where the page opens below it is no sign.
        await page.mouse.move(300, 300);
        await page.waitForTimeout(300);
        must(await this.gets(), "a pointer at rest acted");
        await page.mouse.move(310, 330);
      }
      if (run.sign === "wheel") await page.mouse.wheel(0, 40);
      if (run.sign === "touch") await page.tap("h1");
      if (run.sign === "key") {
        // Keys that belong to the browser are no sign.
        await page.keyboard.press("Shift");
        await page.waitForTimeout(300);
        must(await this.gets(), "Shift acted");
        await page.keyboard.press("Tab");
      }
      const answer = await landed;
      must(answer.status() === 200, `leaving answers ${answer.status()}`);
      await this.judge("left");
    }
    must(!(await this.gets()), "the reader did not leave");
  }

  async go() {
    const { page, run } = this;
    const own = (name) => `[name="${name}.${run.newsletter}"]`;
    await this.open(`/subscribe/${run.newsletter}`);
    await this.write('[name="email"]', run.email);
    await this.choose('[name="cadence"]', "weekly");
    await this.press('form button[type="submit"]', "asked");
    await this.open(await mailed(run.email, "/confirm/"));
    await this.press('form button[type="submit"]', "confirmed");

    await this.open(run.preferences);
    const masked = await page.textContent("main");
    must(!masked.includes(run.email) && !masked.includes("example.org"), "the page shows the address");
    await this.choose(own("cadence"), "daily");
    await this.day(own("pause"), run.pause);
    await this.choose('[name="timezone"]', "Europe/Berlin");
    await this.choose('[name="hour"]', "18");
    await this.press('form button[type="submit"]', "kept");
    must(await page.isVisible('[role="status"]'), "it does not say that it kept the choices");
    await this.open(run.preferences);
    const shown = {
      cadence: await page.inputValue(own("cadence")),
      pause: await page.inputValue(own("pause")),
      zone: await page.inputValue('[name="timezone"]'),
      hour: await page.inputValue('[name="hour"]'),
    };
    const wanted = { cadence: "daily", pause: run.pause, zone: "Europe/Berlin", hour: "18" };
    must(JSON.stringify(shown) === JSON.stringify(wanted), `the page shows ${JSON.stringify(shown)}`);

    await this.leave();
    // Less often instead: offered on the page behind the act, once.
    must((await page.inputValue('[name="cadence"]')) === "weekly", "weekly is not offered instead");
    await this.press('form:has([name="cadence"]) button', "rather");
    must(await this.gets(), "the reader is not back");
    await this.leave();
    await this.press('form[action^="/back/"]:not(:has([name="cadence"])) button', "undone");
    must(await this.gets(), "the reader is not back");
    await this.leave();
    await page.evaluate(() => {});
    if (run.hand === "keyboard") {
      await this.reach('[name="why"]');
      await page.keyboard.press("Space");
    } else {
      await page.check('[name="why"][value="often"]');
    }
    await this.write('[name="words"]', "Enough for now");
    await this.press('form[action$="/why"] button', "why");
    await this.open(await mailed(run.email, "/back/"));
    await this.press('form button[type="submit"]', "returned");
    must(await this.gets(), "the letter did not bring the reader back");

    await this.open(run.preferences);
    await this.press('form[action$="/data"] button', "sent");
    await this.open(await mailed(run.email, "/data/"));
    must((await page.textContent("pre")).includes(run.email), "the data lack the address");
    await this.open(run.preferences);
    await this.write('[name="email"]', `new-${run.email}`);
    await this.press('form[action$="/address"] button', "moving");
    await this.open(await mailed(`new-${run.email}`, "/address/"));
    await this.press('form button[type="submit"]', "moved");
    await this.open(run.preferences);
    await this.press('a[href$="/erase"]', "erase");
    await this.press('form button[type="submit"]', "erased");
    const over = await fetch(task.base + run.preferences);
    must(over.status === 410, `after the erasure the link answers ${over.status}`);
  }
}

(async () => {
  const browser = await chromium.launch({ executablePath: task.chromium, args: ["--no-sandbox", "--disable-gpu"] });
  try {
    for (const run of task.runs) {
      const context = await browser.newContext({
        javaScriptEnabled: run.script,
        locale: "en-US",
        hasTouch: run.hand === "touch",
        viewport: run.hand === "touch" ? { width: 360, height: 740 } : { width: 900, height: 700 },
        colorScheme: run.dark ? "dark" : "light",
        extraHTTPHeaders: { "X-Forwarded-For": run.network },
      });
      const page = await context.newPage();
      page.setDefaultTimeout(15000);
      const told = [];
      page.on("console", (message) => {
        // A browser looks for an icon that nobody named.
        const icon = message.location().url.endsWith("/favicon.ico");
        if (message.type() === "error" && !icon) told.push(message.text());
      });
      page.on("pageerror", (error) => told.push(String(error)));
      try {
        await new Reader(run, page).go();
        must(told.length === 0, `the browser complains: ${told.join("; ")}`);
      } catch (error) {
        error.message = `${run.name} at ${page.url()}: ${error.message}`;
        throw error;
      }
      await context.close();
    }
  } finally {
    await browser.close();
  }
})().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
