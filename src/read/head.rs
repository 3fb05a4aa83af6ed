//! What a page says of its article beside the text: its platform's own places
//! first, then JSON-LD (schema.org), OpenGraph, and older habits of `<meta>`.

use super::links::is_elsewhere;
use super::platforms::Known;
use super::text::plain_text;
use super::{dates, json};
use crate::domain::platform::Platform;
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use crate::domain::url_key::url_key;
use dom_query::{Document as Html, Selection};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Nobody has more tags, or more authors, of one article.
const MOST: usize = 30;
/// A name of more characters is a sentence.
const LONGEST_NAME: usize = 80;
/// So many characters of a page tell its language.
const BEGINS: usize = 2_000;

/// What the head says.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) title: Option<String>,
    pub(super) authors: Vec<String>,
    pub(super) published: Option<Timestamp>,
    pub(super) modified: Option<Timestamp>,
    pub(super) summary: Option<String>,
    pub(super) language: Option<String>,
    /// Its canonical address, as far as it is on the same site.
    pub(super) url: Option<HttpUrl>,
    /// Where its original stands, when that is another site (RFC 6596).
    pub(super) original: Option<HttpUrl>,
    pub(super) tags: Vec<String>,
    /// The lead image.
    pub(super) image: Option<HttpUrl>,
    /// Whether the page says of itself that it is an article.
    pub(super) is_article: bool,
}

impl Head {
    /// Reads the page's own words. `base` is what its links are relative to.
    pub(super) fn of(page: &Html, address: Option<&HttpUrl>, base: Option<&HttpUrl>, known: &Known<'_>) -> Self {
        let meta = Meta::of(page);
        let ld = linked_data(page, address).unwrap_or_default();
        let said_language = ld.text("inLanguage").or_else(|| meta.first(&["og:locale", "content-language"]));
        let said_language = said_language.and_then(|tag| language(&tag));
        // What names no zone on a Korean page is Korea's time.
        let date_of: fn(&str) -> Option<Timestamp> = if is_korean(page, said_language.as_deref()) {
            |text: &str| dates::parse_at(text, dates::SEOUL)
        } else {
            dates::parse
        };
        let resolve = |text: String| text.parse().ok().or_else(|| base?.join(&text));
        let at = |key: fn(&Platform) -> Option<&String>| known.one(key).and_then(|selector| page.try_select(selector));

        let site = meta.first(&["og:site_name"]).unwrap_or_default();
        let title = at(|platform| platform.title.as_ref()).and_then(|found| found.iter().find_map(|one| said(&one)));
        let tag = || said(&page.select("head > title")).or_else(|| said(&page.select("title")));
        let title = title.or_else(|| {
            let title = meta.first(&["og:title"]).or_else(|| ld.text("headline"));
            let title = title.or_else(|| meta.first(&["twitter:title", "title", "dc.title"])).or_else(tag);
            title.map(|title| without_site(title, &site, address))
        });
        let named = at(|platform| platform.author.as_ref()).and_then(|found| found.iter().find_map(|one| said(&one)));
        let mut authors = names(named.into_iter().collect());
        if authors.is_empty() {
            authors = names(ld.names("author"));
        }
        if authors.is_empty() {
            let keys = ["og:article:author", "byl", "article:author", "author", "dc.creator", "parsely-author"];
            authors = names(meta.all(&keys));
        }
        if authors.is_empty() {
            let marked = page.select("[rel~='author'], [itemprop='author']");
            authors = names(marked.iter().filter_map(|one| said(&one)).collect());
        }
        authors.truncate(MOST);

        let date = |names: &[&str]| meta.all(names).iter().find_map(|text| date_of(text));
        let shown = at(|platform| platform.date.as_ref());
        let published = shown.and_then(|found| found.iter().find_map(|one| date_of(&said(&one)?)));
        let published = published.or_else(|| date_of(&ld.text("datePublished")?)).or_else(|| {
            let names = [
                "article:published_time",
                "og:regdate",
                "datepublished",
                "pubdate",
                "date",
                "dc.date",
                "dc.date.issued",
            ];
            date(&names).or_else(|| {
                page.select("time[pubdate], article time[datetime]").iter().find_map(|one| date_of(&said(&one)?))
            })
        });

        let mut tags = at(|platform| platform.tags.as_ref())
            .map_or_else(Vec::new, |found| found.iter().filter_map(|one| said(&one)).collect::<Vec<_>>());
        if tags.is_empty() {
            tags = meta.all(&["article:tag"]);
        }
        if tags.is_empty() {
            tags = ld.list("keywords");
        }
        if tags.is_empty() {
            tags = meta.first(&["keywords", "news_keywords"]).map(|words| split(&words)).unwrap_or_default();
        }
        let tags = unique(tags.into_iter().map(|tag| tag.trim_start_matches('#').trim().to_owned()));

        let canonical = page.select("link[rel~='canonical'][href]").attr("href").map(|href| href.trim().to_owned());
        let original = canonical.clone().and_then(resolve).filter(|url| is_elsewhere(url, address));
        let canonical = canonical.or_else(|| meta.first(&["og:url"])).and_then(resolve);
        let image = meta.first(&["og:image", "og:image:secure_url", "og:image:url", "twitter:image"]);
        let image = image
            .or_else(|| ld.picture())
            .or_else(|| page.select("link[rel='image_src']").attr("href").map(Into::into));
        Self {
            title,
            authors,
            published,
            modified: date_of(&ld.text("dateModified").unwrap_or_default())
                .or_else(|| date(&["article:modified_time", "og:updated_time", "datemodified", "lastmod"])),
            summary: meta
                .first(&["og:description", "description", "twitter:description"])
                .or_else(|| ld.text("description")),
            language: said_language,
            url: canonical.filter(|url| address.is_none_or(|address| stands_for(url, address))),
            original,
            tags,
            image: image.and_then(resolve),
            is_article: !ld.0.is_empty()
                || meta.first(&["og:type"]).is_some_and(|kind| kind.eq_ignore_ascii_case("article")),
        }
    }
}

/// The `<meta>` elements by name, property or itemprop in lower case.
struct Meta(HashMap<String, Vec<String>>);

impl Meta {
    fn of(page: &Html) -> Self {
        let mut found: HashMap<String, Vec<String>> = HashMap::new();
        for one in &page.select("meta[content]") {
            let name = ["property", "name", "itemprop", "http-equiv"].iter().find_map(|key| one.attr(key));
            let value = plain_text(&one.attr("content").unwrap_or_default());
            if let Some(name) = name.filter(|_| !value.is_empty()) {
                found.entry(name.trim().to_ascii_lowercase()).or_default().push(value);
            }
        }
        Self(found)
    }

    /// What the first of these names that is there says.
    fn all(&self, names: &[&str]) -> Vec<String> {
        names.iter().find_map(|name| self.0.get(*name)).cloned().unwrap_or_default()
    }

    fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.0.get(*name)?.first().cloned())
    }
}

/// What the page's JSON-LD says of its article; empty when it has none.
#[derive(Default)]
struct LinkedData(Map<String, Value>, HashMap<String, String>);

fn linked_data(page: &Html, address: Option<&HttpUrl>) -> Option<LinkedData> {
    let mut things = Vec::new();
    for value in json::linked_data(page) {
        flatten(value, &mut things);
    }
    let named = |thing: &Map<String, Value>| {
        Some((thing.get("@id")?.as_str()?.to_owned(), plain_text(thing.get("name")?.as_str()?)))
    };
    let people = things.iter().filter_map(named).collect();
    let mut articles: Vec<_> = things.into_iter().filter(is_article).collect();
    // Of several, the one that says that it stands here; the others are listed beside it.
    let here = articles.iter().position(|thing| stands_at(thing, address)).unwrap_or_default();
    (!articles.is_empty()).then(|| LinkedData(articles.swap_remove(here), people))
}

/// Whether linked data says that its thing stands at this address.
fn stands_at(thing: &Map<String, Value>, address: Option<&HttpUrl>) -> bool {
    let Some(address) = address else { return false };
    let key = url_key(address);
    let places = ["url", "mainEntityOfPage", "@id"].iter().filter_map(|name| match thing.get(*name)? {
        Value::Object(inner) => inner.get("@id").or_else(|| inner.get("url"))?.as_str(),
        value => value.as_str(),
    });
    places.filter_map(|href| href.parse().ok().or_else(|| address.join(href))).any(|url| url_key(&url) == key)
}

/// Whether a page is Korean, by what it says or by its words.
fn is_korean(page: &Html, said: Option<&str>) -> bool {
    let tag = page.select("html[lang]").attr("lang").map(|tag| tag.trim().to_ascii_lowercase());
    let tag = tag
        .filter(|tag| !tag.is_empty())
        .or_else(|| said.map(str::to_owned))
        .or_else(|| super::text::language(&page.select("body").text().chars().take(BEGINS).collect::<String>()));
    tag.is_some_and(|tag| tag.split(['-', '_']).next() == Some("ko"))
}

/// Objects, whether they stand alone, in lists or in a graph.
fn flatten(value: Value, things: &mut Vec<Map<String, Value>>) {
    match value {
        Value::Array(list) => list.into_iter().for_each(|one| flatten(one, things)),
        Value::Object(mut thing) => {
            if let Some(graph) = thing.remove("@graph") {
                flatten(graph, things);
            }
            // A page that is about an article holds it.
            if let Some(main) = thing.get("mainEntity").filter(|main| main.is_object()) {
                flatten(main.clone(), things);
            }
            things.push(thing);
        }
        _ => {}
    }
}

fn is_article(thing: &Map<String, Value>) -> bool {
    let is = |kind: &Value| {
        kind.as_str().is_some_and(|kind| {
            let kind = kind.rsplit('/').next().unwrap_or(kind);
            kind.ends_with("Article") || kind.ends_with("Posting") || matches!(kind, "Report" | "Review")
        })
    };
    match thing.get("@type") {
        Some(Value::Array(kinds)) => kinds.iter().any(is),
        Some(kind) => is(kind),
        None => false,
    }
}

impl LinkedData {
    fn text(&self, key: &str) -> Option<String> {
        let text = match self.0.get(key)? {
            Value::Object(thing) => thing.get("name")?.as_str()?,
            value => value.as_str()?,
        };
        Some(plain_text(text)).filter(|text| !text.is_empty())
    }

    /// A list, or one text with commas.
    fn list(&self, key: &str) -> Vec<String> {
        match self.0.get(key) {
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(plain_text).collect(),
            Some(Value::String(words)) => split(words),
            _ => Vec::new(),
        }
    }

    /// The names of people: texts, objects, references, or lists of them.
    fn names(&self, key: &str) -> Vec<String> {
        let name = |one: &Value| match one {
            Value::String(name) => Some(plain_text(name)),
            Value::Object(person) => match person.get("name") {
                Some(Value::String(name)) => Some(plain_text(name)),
                Some(Value::Array(names)) => names.first()?.as_str().map(plain_text),
                _ => self.1.get(person.get("@id")?.as_str()?).cloned(),
            },
            _ => None,
        };
        match self.0.get(key) {
            Some(Value::Array(list)) => list.iter().filter_map(name).collect(),
            Some(one) => name(one).into_iter().collect(),
            None => Vec::new(),
        }
    }

    fn picture(&self) -> Option<String> {
        let mut value = self.0.get("image").or_else(|| self.0.get("thumbnailUrl"))?;
        loop {
            value = match value {
                Value::Array(list) => list.first()?,
                Value::Object(thing) => thing.get("url").or_else(|| thing.get("contentUrl"))?,
                value => return value.as_str().map(str::to_owned),
            }
        }
    }
}

/// What an element says: a `<meta>` by its content, a `<time>` by its instant,
/// others by their text.
fn said(one: &Selection<'_>) -> Option<String> {
    let value = one.attr("content").or_else(|| one.attr("datetime"));
    let value = value
        .filter(|value| !value.trim().is_empty())
        .map_or_else(|| plain_text(&one.inner_html()), |value| plain_text(&value));
    Some(value).filter(|value| !value.is_empty())
}

fn split(words: &str) -> Vec<String> {
    words.split(',').map(plain_text).collect()
}

fn unique(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for word in words.filter(|word| !word.is_empty()) {
        if found.len() < MOST && !found.contains(&word) {
            found.push(word);
        }
    }
    found
}

/// Names without what is no name: addresses of profiles, sentences, "by".
fn names(found: Vec<String>) -> Vec<String> {
    let bare = found.into_iter().map(|name| {
        let by = name.get(..3).is_some_and(|head| head.eq_ignore_ascii_case("by "));
        let name = if by { name.get(3..).unwrap_or_default() } else { &name };
        name.trim().trim_matches(['\'', '"', '‘', '’', '“', '”']).to_owned()
    });
    unique(bare.filter(|name| !name.contains("://") && name.chars().count() <= LONGEST_NAME))
}

/// "Title - Site": the site is told elsewhere.
fn without_site(title: String, site: &str, address: Option<&HttpUrl>) -> String {
    let is_site = |tail: &str| {
        let label = |host: &str| host.split('.').any(|label| label.len() > 3 && label.eq_ignore_ascii_case(tail));
        !tail.is_empty() && (tail.eq_ignore_ascii_case(site) || address.is_some_and(|url| label(url.host())))
    };
    let cut = [" - ", " | ", " – ", " — ", " :: ", " · ", " : ", " < "].iter().find_map(|between| {
        let (head, tail) = title.rsplit_once(between)?;
        is_site(tail.trim()).then(|| head.trim().to_owned())
    });
    cut.filter(|head| !head.is_empty()).unwrap_or(title)
}

/// `ko_KR`, `en-us`, `Korean`: a BCP 47 tag in lower case, or nothing.
fn language(tag: &str) -> Option<String> {
    let tag = tag.split(',').next().unwrap_or(tag).trim().replace('_', "-").to_ascii_lowercase();
    let sound =
        tag.split('-').all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    let first = tag.split('-').next().unwrap_or_default();
    (sound && (2..=3).contains(&first.len())).then_some(tag)
}

/// Whether a page at `address` may say that its own address is `url`: on the
/// same site, and not the front page of a site that says so everywhere.
fn stands_for(url: &HttpUrl, address: &HttpUrl) -> bool {
    let bare = |url: &HttpUrl| url.host().strip_prefix("www.").unwrap_or(url.host()).to_owned();
    let (one, other) = (bare(url), bare(address));
    let below =
        |one: &str, other: &str| other.contains('.') && one.strip_suffix(other).is_some_and(|rest| rest.ends_with('.'));
    let same_site = one == other || below(&one, &other) || below(&other, &one);
    let front = |url: &HttpUrl| url.as_url().path() == "/" && url.as_url().query().is_none();
    same_site && (!front(url) || front(address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::platform::Platforms;

    fn head(html: &str) -> Head {
        let address: HttpUrl = "https://blog.example.com/p/1?from=x".parse().unwrap();
        let platforms = Platforms::default();
        Head::of(&Html::from(html), Some(&address), Some(&address), &Known::of(&platforms, Some(&address), html))
    }

    #[test]
    fn linked_data_is_understood_however_it_is_laid_out() {
        let thing = r#""headline":"Clocks &amp; Hours","datePublished":"2026-03-01T09:30:00+09:00","dateModified":"2026-03-02",
            "inLanguage":"ko-KR","keywords":"clocks, hours","image":{"@type":"ImageObject","url":"/lead.jpg"},"description":"Late.""#;
        for data in [
            format!(r#"{{"@type":"Article",{thing},"author":"Mina"}}"#),
            format!(
                r#"[{{"@type":"WebSite","name":"Alley"}},{{"@type":"BlogPosting",{thing},"author":{{"@type":"Person","name":"Mina"}}}}]"#
            ),
            format!(
                r#"{{"@graph":[{{"@type":["NewsArticle"],{thing},"author":[{{"@id":"/mina"}}]}},{{"@id":"/mina","name":"Mina"}}]}}"#
            ),
            format!(
                r#"{{"@type":"WebPage","mainEntity":{{"@type":"https://schema.org/TechArticle",{thing},"author":[{{"name":"Mina"}}]}}}}"#
            ),
            format!("{{\"@type\":\"Article\",{thing},\"author\":\"Mina\",\"x\":\"a\nb\"}};"),
        ] {
            let head = head(&format!("<script type=\"application/ld+json\">{data}</script>"));
            assert!(head.is_article, "{data}");
            assert_eq!(head.title.as_deref(), Some("Clocks & Hours"), "{data}");
            assert_eq!((head.authors.join("+"), head.tags.join("+")), ("Mina".to_owned(), "clocks+hours".to_owned()));
            assert_eq!(head.published.unwrap().to_rfc3339(), "2026-03-01T00:30:00Z");
            assert!(head.modified.is_some() && head.summary.as_deref() == Some("Late."));
            assert_eq!(head.language.as_deref(), Some("ko-kr"));
            assert_eq!(head.image.unwrap().as_str(), "https://blog.example.com/lead.jpg");
        }
        let other = head(
            "<script type=\"application/ld+json\">{\"@type\":\"Product\",\"name\":\"x\"}</script><script type=\"application/ld+json\">{broken</script>",
        );
        assert!(!other.is_article && other.title.is_none());
    }

    #[test]
    fn meta_elements_of_every_habit_are_read() {
        for (html, title, author) in [
            ("<meta property=og:title content=A><meta name=author content='By Mina'>", "A", "Mina"),
            (
                "<meta property=og:site_name content=Alley><meta property=og:title content='A - Alley'><meta property=article:author content='https://x.example/mina'><a rel=author href=/m>Mina</a>",
                "A",
                "Mina",
            ),
            ("<title>A | blog</title><meta name=byl content=Mina>", "A", "Mina"),
            (
                "<head><title>A – B</title></head><svg><title>icon</title></svg><span itemprop=author>Mina</span>",
                "A – B",
                "Mina",
            ),
            ("<meta property=og:article:author content=Mina><meta name=twitter:title content=A>", "A", "Mina"),
        ] {
            let head = head(html);
            assert_eq!((head.title.as_deref(), head.authors.join("+").as_str()), (Some(title), author), "{html}");
        }
        for html in [
            "<html lang=ko><meta name=date content='2026-03-01 09:30'>",
            "<html lang=ko_KR><article><time datetime='2026-03-01T09:30:00'>어제</time></article>",
            "<meta property=og:locale content=ko_KR><meta property=article:published_time content='2026-03-01T09:30'>",
            "<meta name=date content='2026-03-01 09:30'><body><p>골목 끝에 시계방이 하나 있었다. 주인은 서두르는 법이 없었다.</p></body>",
            "<html lang=en><meta name=date content='2026-03-01 00:30'>",
            "<meta property=article:published_time content='2026-03-01T09:30:00+09:00'>",
            "<meta property=og:regDate content='2026-03-01T09:30+0900'>",
            "<meta itemprop=datePublished content='2026-03-01T00:30:00Z'>",
            "<meta name=date content='2026-03-01 09:30:00 +0900'>",
            "<article><time datetime='2026-03-01T00:30:00Z'>yesterday</time></article>",
        ] {
            assert_eq!(head(html).published.unwrap().to_rfc3339(), "2026-03-01T00:30:00Z", "{html}");
        }
        let tags = head("<meta property=article:tag content=a><meta property=article:tag content='#b'><meta property=article:tag content=a>").tags;
        assert_eq!(tags, ["a", "b"]);
        assert_eq!(head("<meta property=og:locale content=ko_KR>").language.as_deref(), Some("ko-kr"));
        assert_eq!(head("<meta property=og:locale content='the usual one'>").language, None);
    }

    #[test]
    fn of_several_articles_the_one_that_stands_here_is_believed() {
        let thing = |place: &str, title: &str| format!("{{\"@type\":\"Article\",{place},\"headline\":\"{title}\"}}");
        for here in [
            "\"url\":\"https://blog.example.com/p/1\"",
            "\"mainEntityOfPage\":{\"@type\":\"WebPage\",\"@id\":\"/p/1\"}",
            "\"@id\":\"https://blog.example.com/p/1#article\"",
        ] {
            let data = [thing("\"url\":\"/p/9\"", "Beside"), thing(here, "Here"), thing("\"url\":\"/p/8\"", "Behind")];
            let address: HttpUrl = "https://blog.example.com/p/1?utm_source=x".parse().unwrap();
            let html = format!("<script type=application/ld+json>[{}]</script>", data.join(","));
            let platforms = Platforms::default();
            let known = Known::of(&platforms, Some(&address), &html);
            let head = Head::of(&Html::from(html.as_str()), Some(&address), Some(&address), &known);
            assert_eq!(head.title.as_deref(), Some("Here"), "{here}");
        }
        // Where none says so, the first.
        let data = format!(
            "<script type=application/ld+json>[{},{}]</script>",
            thing("\"x\":1", "One"),
            thing("\"x\":2", "Two")
        );
        assert_eq!(head(&data).title.as_deref(), Some("One"));
        assert_eq!(head("<meta property=og:article:author content=\"'하늘'\">").authors, ["하늘"]);
    }

    #[test]
    fn a_canonical_address_is_believed_on_its_own_site_only() {
        for (href, believed) in [
            ("/p/1", Some("https://blog.example.com/p/1")),
            ("https://www.blog.example.com/p/1", Some("https://www.blog.example.com/p/1")),
            ("https://example.com/blog/1", Some("https://example.com/blog/1")),
            ("https://m.blog.example.com/p/1", Some("https://m.blog.example.com/p/1")),
            ("https://evil.example/p/1", None),
            ("https://notblog.example.com.evil.example/", None),
            ("https://blog.example.com/", None),
            ("javascript:alert(1)", None),
        ] {
            let found = head(&format!("<link rel=canonical href=\"{href}\">")).url;
            assert_eq!(found.as_ref().map(HttpUrl::as_str), believed, "{href}");
        }
        assert_eq!(
            head("<meta property=og:url content=\"https://blog.example.com/p/1\">").url.unwrap().as_str(),
            "https://blog.example.com/p/1"
        );
    }
}
