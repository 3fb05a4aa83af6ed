// Reads the feeds at the given addresses with a reader from npm, and writes what
// it understood as JSON: node read.cjs READER ADDRESS…, where NODE_PATH holds
// READER. An error of its ends it. Instants are whole seconds since
// 1970.

const seconds = (text) => Math.floor(Date.parse(text) / 1000);
const href = (links, rel) => links?.find((link) => link.rel === rel)?.href ?? null;

// rss-parser knows no language and no second author or enclosure.
async function rssParser(address) {
  const Parser = require("rss-parser");
  const feed = await new Parser().parseURL(address);
  const entries = feed.items.map((item) => {
    const rss = "guid" in item;
    const full = rss ? item["content:encoded"] : item.content;
    const short = (rss ? item.content : item.summary) ?? "";
    const told = {
      id: rss ? item.guid : item.id,
      link: item.link ?? null,
      title: item.title ?? "",
      author: (rss ? item.creator : item.author) ?? null,
      published: seconds(item.isoDate),
      summary: full ? short : "",
      content: full || short,
    };
    if (!rss) return told;
    const { url, type, length } = item.enclosure ?? {};
    return { ...told, categories: item.categories ?? [], enclosure: url ? [url, type, Number(length)] : null };
  });
  return { title: feed.title, link: feed.link, self: feed.feedUrl, entries };
}

async function feedsmith(address) {
  const answer = await fetch(address);
  const { format, feed } = require("feedsmith").parseFeed(await answer.text());
  return { rss: ofRss, atom: ofAtom, json: ofJson }[format](feed);
}

function ofRss(feed) {
  const entries = feed.items.map((item) => ({
    id: item.guid.value,
    link: item.link ?? null,
    title: item.title ?? "",
    authors: item.dc?.creators ?? [],
    published: seconds(item.pubDate),
    summary: item.content ? (item.description ?? "") : "",
    content: item.content?.encoded ?? item.description ?? "",
    categories: item.categories?.map((category) => category.name) ?? [],
    enclosures: item.enclosures?.map((file) => [file.url, file.type, file.length]) ?? [],
    source: [item.source.title, item.source.url],
  }));
  const { title, description, link, language } = feed;
  return { title, description, link, self: href(feed.atom.links, "self"), language, entries };
}

function ofAtom(feed) {
  const files = (links) => links?.filter((link) => link.rel === "enclosure") ?? [];
  const entries = feed.entries.map((entry) => ({
    id: entry.id,
    link: href(entry.links, "alternate"),
    title: entry.title?.value ?? "",
    authors: entry.authors?.map((author) => author.name) ?? [],
    published: seconds(entry.published),
    updated: seconds(entry.updated),
    summary: entry.summary?.value ?? "",
    content: entry.content?.value ?? "",
    categories: entry.categories?.map((category) => category.term) ?? [],
    enclosures: files(entry.links).map((file) => [file.href, file.type, file.length ?? 0]),
    source: [entry.source.title.value, href(entry.source.links, "self")],
  }));
  return {
    title: feed.title.value,
    description: feed.subtitle.value,
    link: href(feed.links, "alternate"),
    self: href(feed.links, "self"),
    language: feed.xml.lang,
    entries,
  };
}

function ofJson(feed) {
  const entries = feed.items.map((item) => ({
    id: item.id,
    link: item.url ?? null,
    title: item.title ?? "",
    authors: item.authors?.map((author) => author.name) ?? [],
    published: seconds(item.date_published),
    updated: seconds(item.date_modified),
    summary: item.summary ?? "",
    content: item.content_html ?? "",
    categories: item.tags ?? [],
    enclosures: item.attachments?.map((file) => [file.url, file.mime_type, file.size_in_bytes ?? 0]) ?? [],
  }));
  const { title, description, language } = feed;
  return { title, description, link: feed.home_page_url, self: feed.feed_url, language, entries };
}

const [reader, ...addresses] = process.argv.slice(2);
const read = { "rss-parser": rssParser, feedsmith }[reader];
Promise.all(addresses.map(read)).then((feeds) => console.log(JSON.stringify(feeds)));
