// Loaded before Ghost: its clock stands a day before the tests' clocks, which begin on a day of
// their own, since a token that is from five minutes ago is none.
const now = Date.now;
const off = Date.parse('2026-11-21T00:00:00Z') - now();
globalThis.Date = new Proxy(Date, {
  construct: (date, words, as) => Reflect.construct(date, words.length ? words : [now() + off], as),
  apply: () => new Date().toString(),
  get: (date, key) => (key === 'now' ? () => now() + off : Reflect.get(date, key)),
});
