// What holds for every page that a real browser shows: for browse.cjs and sign_up.cjs.

const axe = require("axe-core");
const path = require("path");

function must(holds, words) {
  if (!holds) throw new Error(words);
}

// axe finds nothing on the page, where it is asked.
async function accessible(page, name) {
  await page.evaluate(axe.source);
  const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  const told = found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
  must(told.length === 0, `${name}: axe finds ${told.join("; ")}`);
  must(found.passes.length > 10, `${name}: axe looked at nothing`);
}

// No page is broader than its window. Its picture is kept in `shots`, a folder or null.
async function fits(page, name, shots) {
  const [broad, room] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  must(broad <= room, `${name} is ${broad} broad in a window of ${room}`);
  if (shots) await page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true });
}

module.exports = { must, accessible, fits };
