//! Publishing: what is written is what readers read back, whatever the posts
//! hold; and it is the same byte for byte until something changes.

use crate::engines;
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::time::Duration;
use syndicated::clock::Clock;
use syndicated::config::{
    Allow, Bounces, Config, Feeds, Fetch, Http, Lane, Live, Mail, OnAmbiguous, Relay, Retention, SignUp, Site,
};
use syndicated::domain::filter::Filter;
use syndicated::domain::html::CleanHtml;
use syndicated::domain::id::{PostId, SourceId};
use syndicated::domain::language::Language;
use syndicated::domain::newsletter::Newsletter;
use syndicated::domain::piece::{Appearance, Scope};
use syndicated::domain::platform::Platforms;
use syndicated::domain::post::{Enclosure, Entry, Place, Post, Standing};
use syndicated::domain::schedule::Schedule;
use syndicated::domain::slug::Slug;
use syndicated::domain::source::{Archived, Kind, Rules, Seed, Source, TextFrom};
use syndicated::domain::time::Timestamp;
use syndicated::domain::token::SecretKey;
use syndicated::domain::url::HttpUrl;
use syndicated::flow::publish::{Coding, FeedKey, FeedOf, Publisher};
use syndicated::publish::{Channel, Format, Item, Origin, links, updated, write};
use syndicated::render::Renderer;
use syndicated::store::{Arrival, Arriving, Store};

/// 2026-11-23T07:00:00Z.
const MONDAY: i64 = 1_795_417_200_000;

/// Templates for those who publish.
pub(crate) fn renderer() -> Arc<Renderer> {
    Arc::new(Renderer::new().unwrap())
}

pub(crate) fn at(minutes: i64) -> Timestamp {
    Timestamp::from_millis(MONDAY + minutes * 60_000)
}

fn url(text: &str) -> HttpUrl {
    text.parse().unwrap()
}

fn channel(format: Format) -> Channel {
    let own = url(&format!("https://news.example.org/feeds/weekly.{format}"));
    let channel = Channel::new("Good News & 좋은 소식", "en", url("https://news.example.org/"), own);
    Channel { description: "What <good> people write".to_owned(), ..channel }
}

fn entry(guid: &str, title: &str) -> Entry {
    Entry {
        guid: guid.to_owned(),
        url: Some(url("https://blog.example.com/a?b=1&c=2")),
        title: title.to_owned(),
        authors: vec!["김하늘".to_owned(), "Ada <Moss> & Sons".to_owned()],
        language: None,
        published: Some(at(-60)),
        updated: None,
        summary: Some(CleanHtml::sanitise("<p>In <b>short</b> &amp; sweet</p>", None)),
        content: Some(CleanHtml::sanitise("<p>In full: 안녕 👩‍💻</p>", None)),
        categories: vec!["수필".to_owned(), "R&D".to_owned()],
        enclosures: vec![Enclosure {
            url: url("https://blog.example.com/a.mp3?x=1&y=2"),
            media_type: Some("audio/mpeg".to_owned()),
            length: Some(1234),
        }],
        original: None,
        also_at: vec![Place { name: "The Post".to_owned(), url: Some(url("https://post.example.net/1")) }],
    }
}

fn post(id: i64, entry: Entry) -> Post {
    Post {
        id: PostId(id),
        source: SourceId(1),
        source_name: "essays".parse().unwrap(),
        source_language: None,
        entry,
        fingerprint: String::new(),
        first_seen: at(0),
        changed: at(0),
        standing: Standing::Live,
        held_for: None,
        filtered_by: None,
        hidden: false,
        retracted: None,
        appearances: Vec::new(),
        outlets: Vec::new(),
    }
}

fn origin() -> Origin {
    Origin { title: "Essays <of> a day".to_owned(), url: "https://blog.example.com/feed?a=1&b=2".to_owned() }
}

fn text_of(format: Format, posts: &[Post]) -> String {
    let origin = origin();
    let items: Vec<Item<'_>> =
        posts.iter().map(|post| Item { post, origin: Some(&origin), scope: Scope::default() }).collect();
    write(format, &channel(format), &items).unwrap()
}

pub(crate) fn read_back(text: &str) -> feed_rs::model::Feed {
    feed_rs::parser::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn content_of(entry: &feed_rs::model::Entry) -> &str {
    entry.content.as_ref().and_then(|content| content.body.as_deref()).unwrap_or_default()
}

#[test]
fn rss_is_written_to_the_letter() {
    let text = text_of(Format::Rss, &[post(1, entry("https://blog.example.com/a?b=1&c=2", "One & <two> ]]> 셋"))]);
    let expected = concat!(
        r#"<?xml version="1.0" encoding="utf-8"?>"#,
        r#"<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/">"#,
        "<channel><title>Good News &#x26; 좋은 소식</title><link>https://news.example.org/</link>",
        "<description>What &#x3C;good&gt; people write</description><language>en</language>",
        "<lastBuildDate>Mon, 23 Nov 2026 07:00:00 +0000</lastBuildDate>",
        concat!("<generator>syndicated ", env!("CARGO_PKG_VERSION"), "</generator>"),
        r#"<atom:link href="https://news.example.org/feeds/weekly.rss" rel="self" type="application/rss+xml"/>"#,
        "<item><title>One &#x26; &#x3C;two&gt; ]]&gt; 셋</title><link>https://blog.example.com/a?b=1&#x26;c=2</link>",
        "<description><![CDATA[<p>In <b>short</b> &amp; sweet</p>]]></description>",
        "<category>수필</category><category>R&#x26;D</category>",
        r#"<enclosure url="https://blog.example.com/a.mp3?x=1&#x26;y=2" length="1234" type="audio/mpeg"/>"#,
        "<guid>https://blog.example.com/a?b=1&#x26;c=2</guid>",
        "<pubDate>Mon, 23 Nov 2026 06:00:00 +0000</pubDate>",
        r#"<source url="https://blog.example.com/feed?a=1&#x26;b=2">Essays &#x3C;of&gt; a day</source>"#,
        "<content:encoded><![CDATA[<p>In full: 안녕 👩‍💻</p>]]></content:encoded>",
        r#"<media:content fileSize="1234" medium="audio" type="audio/mpeg" url="https://blog.example.com/a.mp3?x=1&#x26;y=2"></media:content>"#,
        "<dc:creator>김하늘</dc:creator><dc:creator>Ada &#x3C;Moss&gt; &#x26; Sons</dc:creator>",
        "</item></channel></rss>",
    );
    assert_eq!(text, expected);
}

#[test]
fn json_feed_is_written_to_the_letter() {
    let text = text_of(Format::Json, &[post(1, entry("a b", "One"))]);
    let expected = serde_json::json!({
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Good News & 좋은 소식",
        "home_page_url": "https://news.example.org/",
        "feed_url": "https://news.example.org/feeds/weekly.json",
        "description": "What <good> people write",
        "language": "en",
        "items": [{
            "id": "tag:news.example.org,2026:essays/a+b",
            "url": "https://blog.example.com/a?b=1&c=2",
            "title": "One",
            "content_html": "<p>In full: 안녕 👩‍💻</p>",
            "summary": "In short & sweet",
            "date_published": "2026-11-23T06:00:00Z",
            "date_modified": "2026-11-23T06:00:00Z",
            "authors": [{ "name": "김하늘" }, { "name": "Ada <Moss> & Sons" }],
            "tags": ["수필", "R&D"],
            "attachments": [{
                "url": "https://blog.example.com/a.mp3?x=1&y=2",
                "mime_type": "audio/mpeg",
                "size_in_bytes": 1234,
            }],
            "_source": { "title": "Essays <of> a day", "url": "https://blog.example.com/feed?a=1&b=2" },
        }],
    });
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), expected);
}

#[test]
fn a_post_in_a_language_of_its_own_says_so() {
    for (language, tag) in [(Some("ko"), Some("ko")), (Some("see below"), None), (None, None)] {
        let own = Entry { language: language.map(str::to_owned), ..entry("g", "T") };
        let bare = post(1, Entry { authors: Vec::new(), ..own.clone() });
        let bare = [bare];
        let item: serde_json::Value = serde_json::from_str(&text_of(Format::Json, &bare)).unwrap();
        assert_eq!(item["items"][0]["language"].as_str(), tag);
        let text = text_of(Format::Rss, &bare);
        assert_eq!(text.contains("<dc:language>ko</dc:language>"), tag.is_some(), "{text}");
        let text = text_of(Format::Atom, &[post(1, own)]);
        assert_eq!(text.contains("<content xml:lang=\"ko\" type=\"html\">"), tag.is_some(), "{text}");
    }
}

#[test]
fn atom_is_written_to_the_letter() {
    let mut later = post(1, entry("urn:uuid:60a76c80-d399-11d9-b91c-0003939e0af6", "One & <two>"));
    later.changed = at(5);
    let text = text_of(Format::Atom, &[later]);
    let expected = concat!(
        r#"<?xml version="1.0" encoding="utf-8"?>"#,
        r#"<feed xmlns="http://www.w3.org/2005/Atom" xmlns:media="http://search.yahoo.com/mrss/" xml:lang="en"><title>Good News &#x26; 좋은 소식</title>"#,
        "<id>https://news.example.org/feeds/weekly.atom</id><updated>2026-11-23T07:05:00+00:00</updated>",
        "<author><name>Good News &#x26; 좋은 소식</name></author>",
        concat!(r#"<generator version=""#, env!("CARGO_PKG_VERSION"), r#"">syndicated</generator>"#),
        r#"<link href="https://news.example.org/feeds/weekly.atom" rel="self" type="application/atom+xml"/>"#,
        r#"<link href="https://news.example.org/" rel="alternate" type="text/html"/>"#,
        "<subtitle>What &#x3C;good&gt; people write</subtitle>",
        "<entry><title>One &#x26; &#x3C;two&gt;</title><id>urn:uuid:60a76c80-d399-11d9-b91c-0003939e0af6</id>",
        // Each post has a moment of its own within the second.
        "<updated>2026-11-23T07:05:00.001+00:00</updated>",
        "<author><name>김하늘</name></author><author><name>Ada &#x3C;Moss&gt; &#x26; Sons</name></author>",
        r#"<category term="수필"/><category term="R&#x26;D"/>"#,
        r#"<link href="https://blog.example.com/a?b=1&#x26;c=2" rel="alternate" type="text/html"/>"#,
        r#"<link href="https://blog.example.com/a.mp3?x=1&#x26;y=2" rel="enclosure" type="audio/mpeg" length="1234"/>"#,
        r#"<link href="https://post.example.net/1" rel="related" title="The Post"/>"#,
        "<published>2026-11-23T06:00:00+00:00</published>",
        "<source><title>Essays &#x3C;of&gt; a day</title><id>https://blog.example.com/feed?a=1&#x26;b=2</id>",
        "<updated>2026-11-23T07:05:00.001+00:00</updated>",
        r#"<link href="https://blog.example.com/feed?a=1&#x26;b=2" rel="self"/></source>"#,
        r#"<summary type="html">&lt;p&gt;In &lt;b&gt;short&lt;/b&gt; &amp;amp; sweet&lt;/p&gt;</summary>"#,
        r#"<content type="html">&lt;p&gt;In full: 안녕 👩‍💻&lt;/p&gt;</content>"#,
        r#"<media:content fileSize="1234" medium="audio" type="audio/mpeg" url="https://blog.example.com/a.mp3?x=1&#x26;y=2"></media:content>"#,
        "</entry></feed>",
    );
    assert_eq!(text.replace('\n', ""), expected, "{text}");
}

#[test]
fn a_feed_says_whose_it_is_how_it_looks_and_who_announces_it() {
    let hubs = vec![url("https://hub.example.com/?a=1&b=2"), url("https://push.example.net/a|b")];
    let bare = post(1, entry("g", "T"));
    for format in Format::ALL {
        let channel = Channel {
            ttl: Some(15),
            image: Some(url("https://news.example.org/logo.png?a=1&b=2")),
            icon: Some(url("https://news.example.org/icon.svg")),
            copyright: Some("© 2026 Good <News> & friends".to_owned()),
            hubs: hubs.clone(),
            ..channel(format)
        };
        let text = write(format, &channel, &[Item { post: &bare, origin: None, scope: Scope::default() }]).unwrap();
        let expected: &[&str] = match format {
            Format::Rss => &[
                "<copyright>© 2026 Good &#x3C;News&gt; &#x26; friends</copyright>",
                "<ttl>15</ttl>",
                "<image><url>https://news.example.org/logo.png?a=1&#x26;b=2</url><title>Good News &#x26; 좋은 소식</title><link>https://news.example.org/</link></image>",
                "<atom:link href=\"https://hub.example.com/?a=1&#x26;b=2\" rel=\"hub\"/>",
                "<atom:link href=\"https://push.example.net/a%7Cb\" rel=\"hub\"/>",
            ],
            Format::Atom => &[
                "<rights>© 2026 Good &#x3C;News&gt; &#x26; friends</rights>",
                "<icon>https://news.example.org/icon.svg</icon>",
                "<logo>https://news.example.org/logo.png?a=1&#x26;b=2</logo>",
                "<link href=\"https://hub.example.com/?a=1&#x26;b=2\" rel=\"hub\"/>",
                "<link href=\"https://push.example.net/a%7Cb\" rel=\"hub\"/>",
            ],
            Format::Json => &[
                "\"_copyright\": \"© 2026 Good <News> & friends\"",
                "\"icon\": \"https://news.example.org/logo.png?a=1&b=2\"",
                "\"favicon\": \"https://news.example.org/icon.svg\"",
            ],
        };
        for piece in expected {
            assert!(text.contains(piece), "{format}: {piece}\n{text}");
        }
        if format == Format::Json {
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(
                json["hubs"][1],
                serde_json::json!({ "type": "WebSub", "url": "https://push.example.net/a%7Cb" })
            );
        }
        let own = channel.self_url.as_str();
        assert_eq!(
            links(&channel, Some("https://blog.example.com/feed")),
            format!(
                "<https://hub.example.com/?a=1&b=2>; rel=\"hub\", <https://push.example.net/a%7Cb>; rel=\"hub\", \
                 <{own}>; rel=\"self\", <https://blog.example.com/feed>; rel=\"canonical\""
            )
        );
        assert_eq!(links(&Channel { hubs: Vec::new(), ..channel }, None), "");
    }
}

#[test]
fn a_feed_tells_of_all_files_and_of_the_picture_of_a_post() {
    let file = |name: &str, kind: &str, length| Enclosure {
        url: url(&format!("https://blog.example.com/{name}?a=1&b=2")),
        media_type: (!kind.is_empty()).then(|| kind.to_owned()),
        length,
    };
    let own = Entry {
        enclosures: vec![
            file("a.mp3", "audio/mpeg", Some(1234)),
            file("b.mp4", "video/mp4; codecs=\"x y\"", None),
            file("c", "", Some(0)),
        ],
        content: Some(CleanHtml::sanitise(
            "<p><img src=\"https://blog.example.com/smile.png\" width=\"16\"><img src=\"https://blog.example.com/d.jpg?a=1&amp;b=2\"></p>",
            None,
        )),
        ..entry("g", "T")
    };
    let posts = [post(1, own)];
    let rss = text_of(Format::Rss, &posts);
    for piece in [
        "<enclosure url=\"https://blog.example.com/a.mp3?a=1&#x26;b=2\" length=\"1234\" type=\"audio/mpeg\"/>",
        "<media:content fileSize=\"1234\" medium=\"audio\" type=\"audio/mpeg\" url=\"https://blog.example.com/a.mp3?a=1&#x26;b=2\">",
        "<media:content medium=\"video\" type=\"video/mp4\" url=\"https://blog.example.com/b.mp4?a=1&#x26;b=2\">",
        "<media:content url=\"https://blog.example.com/c?a=1&#x26;b=2\">",
        "<media:thumbnail url=\"https://blog.example.com/d.jpg?a=1&#x26;b=2\">",
    ] {
        assert!(rss.contains(piece), "{piece}\n{rss}");
    }
    assert_eq!(rss.matches("<enclosure").count(), 1, "RSS has room for one");
    let atom = text_of(Format::Atom, &posts);
    for piece in [
        "<link href=\"https://blog.example.com/b.mp4?a=1&#x26;b=2\" rel=\"enclosure\" type=\"video/mp4\"/>",
        "<link href=\"https://blog.example.com/c?a=1&#x26;b=2\" rel=\"enclosure\"/>",
        "<media:thumbnail url=\"https://blog.example.com/d.jpg?a=1&#x26;b=2\">",
    ] {
        assert!(atom.contains(piece), "{piece}\n{atom}");
    }
    let json: serde_json::Value = serde_json::from_str(&text_of(Format::Json, &posts)).unwrap();
    assert_eq!(json["items"][0]["image"], "https://blog.example.com/d.jpg?a=1&b=2");
    assert_eq!(json["items"][0]["attachments"].as_array().unwrap().len(), 3);
    assert_eq!(json["items"][0]["attachments"][1]["mime_type"], "video/mp4");
}

/// Footnotes: in a feed there is no place that they could lead to but the post's own page.
#[test]
fn links_inside_a_text_lead_to_the_posts_own_page() {
    let html = "<p>a<a href=\"#fn1\" id=\"back\">1</a></p><p id=\"fn1\">b <a href=\"#back\">back</a></p>";
    let page = url("https://blog.example.com/a?b=1&c=2#d");
    let clean = CleanHtml::sanitise(html, Some(&page));
    let own = Entry { url: Some(page.clone()), content: Some(clean.clone()), ..entry("g", "T") };
    for format in Format::ALL {
        let back = read_back(&text_of(format, &[post(1, own.clone())]));
        let text = content_of(&back.entries[0]);
        assert!(text.contains("href=\"https://blog.example.com/a?b=1&amp;c=2#n") && !text.contains("href=\"#"));
        assert_eq!(text.replace("https://blog.example.com/a?b=1&amp;c=2#", "#"), clean.as_str(), "{format}");
    }
}

/// What people and machines put into posts.
const NASTY: [&str; 16] = [
    "<script>alert(1)</script>",
    "]]>",
    "a ]]]]><![CDATA[> b",
    "\"><img src=x onerror=alert(1)>",
    "<!-- <b> --> --!>",
    "&lt;b&gt; &amp;amp; &#0; &nbsp; &bogus;",
    "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"c\">]>&b;",
    "{{ 7 * 7 }}{% raw %}{# x #}",
    "안녕하세요, 세상 — “따옴표” … ㄱㄴㄷ",
    "👩‍💻👨‍👩‍👧‍👦🏳️‍🌈 é e\u{301}",
    "עברית العربية \u{202e}right\u{202c}",
    "𠮷野家 \u{1f600}\u{10ffff}",
    "back\\slash \\u0041 'quote' `tick`",
    "javascript:alert(1)",
    "line\u{2028}para\u{2029}end",
    "</content></entry></feed></item></channel></rss>",
];

#[test]
fn nasty_text_is_read_back_as_it_was() {
    for (text, number) in NASTY.iter().zip(1..) {
        let mut nasty = entry(&format!("guid {text}"), text);
        nasty.authors = vec![(*text).to_owned()];
        nasty.categories = vec![(*text).to_owned()];
        nasty.summary = Some(CleanHtml::from_text("short"));
        nasty.content = Some(CleanHtml::sanitise(&format!("<p>x {text} y</p>"), None));
        nasty.enclosures.clear();
        let written = nasty.content.clone().unwrap();
        let posts = [post(number, nasty)];
        for format in Format::ALL {
            let feed = text_of(format, &posts);
            let back = read_back(&feed);
            let [read] = back.entries.as_slice() else { panic!("{format}: {feed}") };
            let title = read.title.as_ref().map(|title| title.content.trim()).unwrap_or_default();
            assert_eq!(title, *text, "{format}: {feed}");
            assert_eq!(content_of(read), written.as_str(), "{format}: {feed}");
            assert_eq!(
                read.authors.iter().filter_map(|author| author.name.as_deref()).collect::<Vec<_>>(),
                [*text],
                "{format}"
            );
            assert_eq!(read.categories.iter().map(|c| c.term.as_str()).collect::<Vec<_>>(), [*text], "{format}");
            assert!(!content_of(read).contains("<script") && !content_of(read).contains("<img src=x"), "{format}");
        }
    }
}

#[test]
fn all_three_formats_tell_a_reader_the_same() {
    let mut second = entry("https://blog.example.com/second", "둘째");
    second.url = Some(url("https://blog.example.com/second"));
    second.published = Some(at(-120));
    second.content = None;
    second.enclosures.clear();
    let posts = [post(2, entry("https://blog.example.com/a?b=1&c=2", "첫째")), post(1, second)];
    for format in Format::ALL {
        let back = read_back(&text_of(format, &posts));
        assert_eq!(back.title.unwrap().content, "Good News & 좋은 소식", "{format}");
        assert_eq!(back.language.as_deref(), Some("en"), "{format}");
        let [first, second] = back.entries.as_slice() else { panic!("{format}") };
        for (read, post) in [(first, &posts[0]), (second, &posts[1])] {
            assert_eq!(read.id, post.entry.guid, "{format}");
            assert_eq!(read.published.map(Timestamp::from), Some(post.date()), "{format}");
            assert!(read.links.iter().any(|link| link.href == post.entry.url.as_ref().unwrap().as_str()), "{format}");
            assert_eq!(read.title.as_ref().unwrap().content, post.entry.title, "{format}");
        }
        assert!(content_of(first).contains("In full: 안녕 👩‍💻"), "{format}");
        // The short form is all there is of the second.
        let short = second.summary.as_ref().map_or(content_of(second), |summary| &summary.content);
        assert!(short.contains("<b>short</b>"), "{format}: {second:?}");
    }
}

#[test]
fn characters_that_xml_forbids_are_left_out_of_every_place() {
    let bad = "a\0b\u{1}c\u{8}d\u{b}e\u{1f}f\u{7f}g\u{85}h\u{fffe}i\u{ffff}j\tk";
    let mut entry = entry(bad, bad);
    entry.authors = vec![bad.to_owned()];
    entry.categories = vec![bad.to_owned()];
    entry.content = Some(CleanHtml::from_store(bad.to_owned()));
    entry.summary = Some(CleanHtml::from_store(bad.to_owned()));
    entry.enclosures[0].media_type = Some(bad.to_owned());
    entry.also_at[0].name = bad.to_owned();
    let origin = Origin { title: bad.to_owned(), url: "https://blog.example.com/feed".to_owned() };
    let post = post(1, entry);
    for format in Format::ALL {
        let channel =
            Channel { title: bad.to_owned(), description: bad.to_owned(), language: bad.to_owned(), ..channel(format) };
        let text =
            write(format, &channel, &[Item { post: &post, origin: Some(&origin), scope: Scope::default() }]).unwrap();
        let allowed =
            |c: char| matches!(c, '\t' | '\n' | '\r') || !(c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'));
        assert!(text.chars().all(allowed), "{format}: {text:?}");
        // No reference to a character, but to those that must be escaped.
        let rest = text.replace("&#x26;", "").replace("&#x3C;", "");
        assert!(!text.contains("\\u0000") && !rest.contains("&#"), "{format}: {text}");
        let back = read_back(&text);
        assert_eq!(back.entries[0].title.as_ref().unwrap().content, "abcdefghij\tk", "{format}");
        assert_eq!(back.language, None, "{format}");
    }
}

#[test]
fn a_feed_without_posts_and_a_post_without_anything_are_valid() {
    let bare = Entry {
        guid: "x".to_owned(),
        url: None,
        title: String::new(),
        authors: Vec::new(),
        language: None,
        published: None,
        updated: None,
        summary: None,
        content: None,
        categories: Vec::new(),
        enclosures: Vec::new(),
        original: None,
        also_at: Vec::new(),
    };
    for format in Format::ALL {
        assert_eq!(read_back(&text_of(format, &[])).entries.len(), 0, "{format}");
        let text = text_of(format, &[post(1, bare.clone())]);
        let back = read_back(&text);
        assert_eq!(back.entries.len(), 1, "{format}");
        assert_eq!(back.entries[0].id, "tag:news.example.org,2026:essays/x", "{format}");
        match format {
            Format::Rss => assert!(text.contains("<description>") && text.contains("isPermaLink=\"false\""), "{text}"),
            Format::Atom => assert!(text.contains("<author>") && text.contains("<content"), "{text}"),
            Format::Json => assert!(text.contains("\"content_html\": \"\""), "{text}"),
        }
    }
    assert_eq!(updated(&channel(Format::Rss), &[]), Timestamp::EPOCH);
}

/// An identity is an IRI, the same in every format, and no two sources share
/// one by chance.
#[test]
fn identities_are_valid_and_stable() {
    let cases = [
        ("https://blog.example.com/1", "https://blog.example.com/1"),
        // Not a URI, and no validator takes a long one for an IRI.
        (
            "http://블로그.example/글",
            "tag:news.example.org,2026:essays/http%3A%2F%2F%EB%B8%94%EB%A1%9C%EA%B7%B8.example%2F%EA%B8%80",
        ),
        // Written in two ways, which RFC 4287 takes for two.
        ("HTTPS://blog.example.com", "tag:news.example.org,2026:essays/HTTPS%3A%2F%2Fblog.example.com"),
        ("https://blog.example.com/%ea", "tag:news.example.org,2026:essays/e629e750c9fa286605ee9e601577cd2c"),
        ("tag:blog.example.com,2005:1", "tag:blog.example.com,2005:1"),
        ("urn:isbn:0451450523", "urn:isbn:0451450523"),
        ("17", "tag:news.example.org,2026:essays/17"),
        ("post:17", "tag:news.example.org,2026:essays/post%3A17"),
        ("https://blog.example.com/<1>", "tag:news.example.org,2026:essays/https%3A%2F%2Fblog.example.com%2F%3C1%3E"),
        ("https://a b/", "tag:news.example.org,2026:essays/https%3A%2F%2Fa+b%2F"),
        ("글 1", "tag:news.example.org,2026:essays/%EA%B8%80+1"),
        ("javascript:alert(1)", "tag:news.example.org,2026:essays/javascript%3Aalert%281%29"),
    ];
    for (guid, identity) in cases {
        for format in Format::ALL {
            let back = read_back(&text_of(format, &[post(1, entry(guid, "t"))]));
            assert_eq!(back.entries[0].id, identity, "{format}");
        }
    }
    let twice =
        [post(2, entry("https://blog.example.com/1", "first")), post(1, entry("https://blog.example.com/1", "second"))];
    for format in Format::ALL {
        let back = read_back(&text_of(format, &twice));
        assert_eq!(back.entries.len(), 1, "{format}");
        assert_eq!(back.entries[0].title.as_ref().unwrap().content, "first", "{format}");
    }
}

pub(crate) fn config(bench: &engines::Bench) -> Config {
    let source = |name: &str| Source {
        name: name.parse().unwrap(),
        url: url(&format!("https://{name}.example.com/feed")),
        kind: Kind::Feed,
        schedule: Schedule::parse("0 * * * *", chrono_tz::Tz::UTC).unwrap(),
        adaptive: false,
        seed: Seed::None,
        content: TextFrom::Feed,
        rules: Rules::default(),
        filter: Filter::default(),
        archive: Archived::default(),
        may_republish: true,
    };
    let newsletter = |name: &str, sources: Option<Vec<Slug>>| Newsletter {
        name: name.parse().unwrap(),
        title: format!("Newsletter {name}"),
        description: String::new(),
        language: Language::Ko,
        sources,
        prefer: Vec::new(),
        filter: Filter::default(),
        review_posts: false,
        corrections: false,
        cadences: Vec::new(),
        topics: Vec::new(),
        timezone: chrono_tz::Tz::UTC,
        settle: Duration::ZERO,
        settle_max: Duration::ZERO,
        feed_items: 3,
        feed_age: None,
        image: None,
        copyright: None,
        commercial: None,
        welcome: false,
        goodbye: true,
        web: true,
    };
    Config {
        site: Site {
            title: "Good News".to_owned(),
            base_url: url("https://news.example.org/"),
            language: Language::En,
            timezone: chrono_tz::Tz::UTC,
            owner: None,
            templates: None,
        },
        database: bench.place.clone(),
        http: Http { listen: "127.0.0.1:0".parse().unwrap(), ..Http::default() },
        fetch: Fetch {
            concurrency: 1,
            allow: Vec::<Allow>::new(),
            min_interval: Duration::from_mins(15),
            timeout: Duration::from_secs(5),
            max_bytes: 1024,
            websub: true,
            retract_after: None,
        },
        mail: Mail {
            from_name: "Good News".to_owned(),
            from: "news@example.org".parse().unwrap(),
            dkim: Vec::new(),
            lanes: vec![Lane::new(Relay::Maildir("unused".into()))],
            domains: Vec::new(),
            on_ambiguous: OnAmbiguous::Retry,
            lifetime: Duration::from_hours(24),
            late: Duration::from_hours(6),
            report: false,
        },
        sign_up: SignUp::default(),
        retention: Retention::default(),
        secret: SecretKey::new(vec![7; 32]).unwrap(),
        fresh_key: None,
        sources: vec![source("one"), source("two")],
        outlets: Vec::new(),
        newsletters: vec![newsletter("all", None), newsletter("half", Some(vec!["two".parse().unwrap()]))],
        bounces: Bounces::default(),
        platforms: Platforms::default(),
        feeds: Feeds::default(),
    }
}

pub(crate) async fn arrive(store: &Store, source: &str, now: Timestamp, entries: Vec<Entry>) {
    let claim = store.claim_source(&source.parse().unwrap(), now, Duration::from_mins(5)).await.unwrap().unwrap();
    let entries = entries
        .into_iter()
        .map(|entry| Arriving {
            fingerprint: format!("{:x}", entry.title.len() * 1000 + entry.guid.len()) + &entry.title,
            url_key: entry.url.as_ref().map(ToString::to_string),
            entry,
        })
        .collect();
    let arrival = Arrival {
        title: Some(format!("Source {source}")),
        link: Some(url(&format!("https://{source}.example.com/"))),
        language: Some("ko-KR".to_owned()),
        ..Arrival::of(entries, now.plus(Duration::from_hours(1)))
    };
    store.admit(claim, arrival, now).await.unwrap();
}

pub(crate) fn dated(source: &str, title: &str, minutes: i64) -> Entry {
    Entry {
        url: Some(url(&format!("https://{source}.example.com/{title}"))),
        published: Some(at(minutes)),
        ..entry(&format!("{source} {title}"), title)
    }
}

fn newsletter(name: &str, format: Format) -> FeedKey {
    FeedKey::new(FeedOf::Newsletter(name.parse().unwrap()), format)
}

pub(crate) fn source(name: &str, format: Format) -> FeedKey {
    FeedKey::new(FeedOf::Source(name.parse().unwrap()), format)
}

pub(crate) fn titles(bytes: &[u8]) -> Vec<String> {
    read_back(std::str::from_utf8(bytes).unwrap())
        .entries
        .into_iter()
        .map(|entry| entry.title.unwrap().content)
        .collect()
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(bytes), &mut text).unwrap();
    text
}

/// P16: rendered once, served from memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_is_rendered_once_per_change() {
    for bench in engines::all().await {
        let (store, config) = (bench.open().await, config(&bench));
        store.sync_sources(&config.sources, at(0)).await.unwrap();
        let live: Live = Arc::new(ArcSwap::from_pointee(config));
        let publisher = Arc::new(Publisher::new(store.clone(), live.clone(), renderer(), Clock::manual(at(0))));
        arrive(&store, "one", at(0), vec![dated("one", "b", -20), dated("one", "a", -40)]).await;
        arrive(&store, "two", at(0), vec![dated("two", "d", -10), dated("two", "c", -30)]).await;
        publisher.invalidate();

        // Newest first, and no more than asked for.
        let all = newsletter("all", Format::Rss);
        let first = publisher.get(&all).await.unwrap().unwrap();
        assert_eq!(titles(first.bytes(Coding::Identity)), ["d", "b", "c"], "{}", bench.engine);
        assert_eq!(gunzip(first.bytes(Coding::Gzip)), first.bytes(Coding::Identity).as_ref(), "{}", bench.engine);
        assert_eq!(first.modified, at(0), "{}", bench.engine);
        let half = publisher.get(&newsletter("half", Format::Json)).await.unwrap().unwrap();
        assert_eq!(titles(half.bytes(Coding::Identity)), ["d", "c"], "{}", bench.engine);
        let source = publisher.get(&source("one", Format::Atom)).await.unwrap().unwrap();
        assert_eq!(titles(source.bytes(Coding::Identity)), ["b", "a"], "{}", bench.engine);
        let source = read_back(std::str::from_utf8(source.bytes(Coding::Identity)).unwrap());
        assert_eq!(source.title.unwrap().content, "Source one", "{}", bench.engine);
        assert_eq!(source.language.as_deref(), Some("ko-KR"), "{}", bench.engine);

        // Nothing changed: the same bytes in the same place, and from a second
        // publisher the same bytes.
        publisher.invalidate();
        assert!(Arc::ptr_eq(&first, &publisher.get(&all).await.unwrap().unwrap()), "{}", bench.engine);
        let again = Publisher::new(store.clone(), live.clone(), renderer(), Clock::manual(at(0)));
        for format in Format::ALL {
            let key = newsletter("all", format);
            let (one, two) = (publisher.get(&key).await.unwrap().unwrap(), again.get(&key).await.unwrap().unwrap());
            for coding in Coding::ALL {
                assert_eq!(one.bytes(coding), two.bytes(coding), "{coding:?}");
            }
            assert_eq!(one.digest, two.digest);
        }

        // A post that is found late is a change, although it is not the newest.
        arrive(&store, "one", at(60), vec![dated("one", "late", -15), dated("one", "b", -20)]).await;
        publisher.invalidate();
        // A crowd: all of them get the one new rendering.
        let crowd: Vec<_> = (0..50)
            .map(|_| {
                let (publisher, all) = (publisher.clone(), all.clone());
                tokio::spawn(async move { publisher.get(&all).await.unwrap().unwrap() })
            })
            .collect();
        let mut seen: Vec<_> = Vec::new();
        for reader in crowd {
            seen.push(reader.await.unwrap());
        }
        let second = publisher.get(&all).await.unwrap().unwrap();
        assert!(seen.iter().all(|seen| Arc::ptr_eq(seen, &second)), "{}", bench.engine);
        assert_eq!(titles(second.bytes(Coding::Identity)), ["d", "late", "b"], "{}", bench.engine);
        assert_eq!(second.modified, at(60), "{}", bench.engine);
        assert_ne!(second.digest, first.digest, "{}", bench.engine);

        // What is not configured is not there, and what was is gone.
        assert!(publisher.get(&newsletter("none", Format::Rss)).await.unwrap().is_none());
        let mut smaller = (*live.load_full()).clone();
        smaller.newsletters.clear();
        live.store(Arc::new(smaller));
        publisher.invalidate();
        assert!(publisher.get(&all).await.unwrap().is_none(), "{}", bench.engine);
    }
}

/// P16: readers do not notice that the database is away.
#[tokio::test]
async fn feeds_stay_when_the_database_is_away() {
    for bench in engines::all().await {
        let (store, config) = (bench.open().await, config(&bench));
        store.sync_sources(&config.sources, at(0)).await.unwrap();
        arrive(&store, "one", at(0), vec![dated("one", "a", -20)]).await;
        let publisher =
            Publisher::new(store.clone(), Arc::new(ArcSwap::from_pointee(config)), renderer(), Clock::manual(at(0)));
        let all = newsletter("all", Format::Rss);
        let before = publisher.get(&all).await.unwrap().unwrap();
        store.close().await;
        publisher.invalidate();
        let after = publisher.get(&all).await.unwrap().unwrap();
        assert!(Arc::ptr_eq(&before, &after), "{}", bench.engine);
        let never_read = newsletter("half", Format::Rss);
        assert!(publisher.get(&never_read).await.is_err(), "{}", bench.engine);
    }
}

/// Where else a piece is followed stands below its text, in whatever form it comes.
#[test]
fn other_places_stand_below_the_text() {
    let other = Appearance {
        id: PostId(9),
        source: "paper".parse().unwrap(),
        name: "The <Paper>".to_owned(),
        url: Some(url("https://paper.example.net/9?a=1&b=2")),
        date: at(0),
        guid: "9".to_owned(),
    };
    for content in [entry("1", "One").content, None] {
        let whole = Entry { content, also_at: Vec::new(), ..entry("1", "One") };
        let post = Post { appearances: vec![other.clone()], ..post(1, whole) };
        for format in Format::ALL {
            let channel = Channel { also_at: "Also at".to_owned(), ..channel(format) };
            let items = [Item { post: &post, origin: None, scope: Scope::default() }];
            let back = read_back(&write(format, &channel, &items).unwrap());
            let read = &back.entries[0];
            let text = read.content.as_ref().and_then(|content| content.body.clone());
            let text = text.or_else(|| read.summary.as_ref().map(|summary| summary.content.clone())).unwrap();
            let line = "<p>Also at: <a href=\"https://paper.example.net/9?a=1&amp;b=2\">The &lt;Paper&gt;</a></p>";
            assert!(text.ends_with(line), "{format}: {text}");
            let bare = Channel { also_at: String::new(), ..channel };
            assert!(!write(format, &bare, &items).unwrap().contains("Also at"), "{format}");
        }
    }
}
