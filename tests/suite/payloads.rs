//! S3: hundreds of texts made to run something, put into every field of a feed,
//! read, published and mailed. A parser looks at what comes out: only what is
//! known to be harmless may be left.

use dom_query::Document;
use std::fmt::Write as _;
use syndicated::domain::html::CleanHtml;
use syndicated::domain::id::{PostId, SourceId};
use syndicated::domain::language::Language;
use syndicated::domain::piece::Scope;
use syndicated::domain::platform::Platforms;
use syndicated::domain::post::{Post, Standing};
use syndicated::domain::time::Timestamp;
use syndicated::publish::{Channel, Format, Item, write};
use syndicated::read::{Input, plain_text, read};
use syndicated::render::{DigestContext, DigestPost, Renderer, Section};

/// What a browser does nothing with but show it.
const ELEMENTS: &str = " html head body a abbr acronym area article aside b bdi bdo blockquote br caption center cite code col \
    colgroup data dd del details dfn div dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6 header hgroup hr i img ins kbd li \
    main map mark nav ol p picture pre q rp rt rtc ruby s samp section small source span strike strong sub summary sup table \
    tbody td tfoot th thead time tr tt u ul var wbr ";
const ATTRIBUTES: &str = " align alt char charoff cite class colspan datetime dir headers height href hreflang id lang media \
    rel reversed rowspan scope shape size sizes span src srcset start summary title type valign value width coords ";

/// What could run in a piece of HTML, as a parser sees it.
fn active(html: &str) -> Vec<String> {
    let mut found = Vec::new();
    for node in Document::fragment(html).root().descendants().iter().filter(|node| node.is_element()) {
        let name = node.node_name().unwrap().to_string();
        if !ELEMENTS.contains(&format!(" {name} ")) {
            found.push(format!("<{name}>"));
        }
        for attribute in node.attrs() {
            let (key, value) = (attribute.name.local.to_string(), attribute.value.to_string());
            if !ATTRIBUTES.contains(&format!(" {key} ")) {
                found.push(format!("{name} {key}={value}"));
            }
            let bare: String = value.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
            let bare = bare.to_ascii_lowercase();
            let web = ["http://", "https://"].iter().any(|scheme| bare.starts_with(scheme));
            let sound = match key.as_str() {
                "href" | "cite" => web || bare.starts_with("mailto:") || bare.starts_with("#n"),
                "src" => web || name == "img" && bare.starts_with("data:image/") && !bare.starts_with("data:image/svg"),
                "srcset" => value.split(", ").all(|one| one.starts_with("http://") || one.starts_with("https://")),
                "class" => bare.starts_with("lang"),
                "id" => bare.starts_with('n'),
                _ => true,
            };
            if !sound {
                found.push(format!("{name} {key}={value}"));
            }
        }
    }
    found
}

fn payloads() -> Vec<String> {
    let mut found = Vec::new();
    let tags = [
        "img src=x",
        "svg",
        "body",
        "video src=x",
        "audio src=x",
        "input autofocus",
        "details open",
        "a href=x",
        "p",
        "iframe",
        "object data=x",
        "math",
        "marquee",
        "select autofocus",
        "form",
        "isindex",
        "table background=x",
        "button",
        "embed src=x",
        "style",
        "link rel=stylesheet href=x",
        "keygen autofocus",
        "source",
        "div style=width:1px",
    ];
    let events =
        ["onerror", "onload", "onclick", "onfocus", "onmouseover", "ontoggle", "onbegin", "onanimationend", "OnErRoR"];
    for tag in tags {
        for event in events {
            found.push(format!("<{tag} {event}=alert(1)>x"));
            found.push(format!("<{tag}/{event}='alert(1)'//>x"));
        }
    }
    let schemes = [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\tscript:alert(1)",
        "java\nscript:alert(1)",
        " javascript:alert(1)",
        "&#106;avascript:alert(1)",
        "&#x6A;&#x61;vascript&colon;alert(1)",
        "\u{1}javascript:alert(1)",
        "vbscript:msgbox(1)",
        "data:text/html,<script>alert(1)</script>",
        "data:text/html;base64,PHNjcmlwdD4=",
        "data:image/svg+xml,<svg onload=alert(1)>",
        "file:///etc/passwd",
        "blob:https://x/1",
        "view-source:x",
        "javascript&#58;alert(1)",
        "//x.example/a\" onclick=\"alert(1)",
    ];
    let places = [
        "<a href=\"{}\">x</a>",
        "<img src=\"{}\">",
        "<iframe src=\"{}\"></iframe>",
        "<form action=\"{}\"><input type=submit></form>",
        "<a xlink:href=\"{}\">x</a>",
        "<svg><a xlink:href=\"{}\"><text>x</text></a></svg>",
        "<object data=\"{}\"></object>",
        "<img srcset=\"{} 1x\">",
        "<video><source src=\"{}\"></video>",
        "<blockquote cite=\"{}\">x</blockquote>",
        "<img data-src=\"{}\">",
        "<noscript><img src=\"{}\"></noscript>",
        "<base href=\"{}\"><a href=y>x</a>",
        "<picture><source srcset=\"{}\"><img src=/x></picture>",
        "<table background=\"{}\"><tr><td>x</table>",
        "<meta http-equiv=refresh content=\"0;url={}\">",
    ];
    for scheme in schemes {
        found.extend(places.iter().map(|place| place.replace("{}", scheme)));
    }
    // A parser that reads its own output again must not see something else.
    let inner = "<img src=x onerror=alert(1)>";
    for (open, close) in [
        ("<svg><style>", "</style></svg>"),
        ("<math><mtext><table><mglyph><style><!--</style>", "-->"),
        ("<noscript><p title=\"</noscript>", "\">"),
        ("<template>", "</template>"),
        ("<svg></p><style><a id=\"</style>", "\">"),
        ("<math><mi><xmp>", "</xmp>"),
        ("<form><math><mtext></form><form><mglyph><style></math>", ""),
        ("<noembed>", "</noembed>"),
        ("<noframes>", "</noframes>"),
        ("<xmp><!--</xmp>", "-->"),
        ("<textarea>", "</textarea>"),
        ("<title>", "</title>"),
        ("<svg><title>", "</title></svg>"),
        ("<svg><desc><![CDATA[</desc>", "]]></svg>"),
        ("<math><annotation-xml encoding=\"text/html\"><style>", "</style>"),
        ("<svg><foreignObject>", "</foreignObject></svg>"),
        ("<plaintext>", ""),
        ("<select><style></select>", "</style>"),
        ("<!--><", "-->"),
        ("<!--!>", "--!>"),
        ("<?xml ", "?>"),
        ("<![CDATA[", "]]>"),
        ("<a title=\"--><", "\">"),
        ("&lt;", "&gt;"),
        ("<iframe srcdoc=\"", "\"></iframe>"),
        ("<noscript><style></noscript>", "</style></noscript>"),
    ] {
        found.push(format!("{open}{inner}{close}"));
        found.push(format!("<p>a{open}<p>{inner}</p>{close}b</p>"));
    }
    found.extend(
        [
            "<script>alert(1)</script>",
            "<scr<script>ipt>alert(1)</script>",
            "<script src=//x.example/a.js></script>",
            "<SCRIPT/x>alert(1)</SCRIPT>",
            "<a id=location href=x>x</a>",
            "<img name=getElementById>",
            "<p style=\"background:url(javascript:x)\">x",
            "<style>@import 'x'</style>",
            "<a href=\"#forms\" name=forms>x</a>",
        ]
        .map(str::to_owned),
    );
    found.push(format!("{}<img src=x onerror=alert(1)>", "<div>".repeat(2_000)));
    found.push(format!("{}<script>alert(1)</script>", "<b><p>".repeat(500)));
    found.push(format!("{}{inner}", "<svg><g>".repeat(300)));
    found
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            // No XML may hold it as it is.
            c if c.is_control() && !c.is_whitespace() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

/// A feed that has the text in every field of each of its two entries: as it stands, and escaped twice.
fn feed(text: &str) -> String {
    let mut feed = "<rss version=\"2.0\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
        xmlns:content=\"http://purl.org/rss/1.0/modules/content/\"><channel><title>x</title><link>https://x.example/</link><description>d</description>".to_owned();
    for (number, text) in [escaped(text), escaped(&escaped(text))].iter().enumerate() {
        write!(
            feed,
            "<item><guid isPermaLink=\"false\">{number}{text}</guid><link>{text}</link><title>{text}</title><dc:creator>{text}</dc:creator>\
             <category>{text}</category><description>{text}</description><content:encoded>{text}</content:encoded></item>"
        )
        .unwrap();
    }
    feed + "</channel></rss>"
}

#[test]
fn nothing_that_runs_is_left_of_what_a_feed_brings() {
    let payloads = payloads();
    assert!(payloads.len() >= 500, "{}", payloads.len());
    let (base, renderer) = ("https://x.example/feed".parse().unwrap(), Renderer::new().unwrap());
    let (home, own) = ("https://news.example.org/".parse().unwrap(), "https://news.example.org/f".parse().unwrap());
    let channel = Channel::new("T", "en", home, own);
    for payload in &payloads {
        let text = feed(payload);
        let input =
            Input { bytes: text.as_bytes(), content_type: None, base: Some(&base), platforms: &Platforms::default() };
        let entries = read(&input).unwrap_or_else(|why| panic!("{why}: {text}")).document.entries;
        assert_eq!(entries.len(), 2, "{payload}");
        let now = Timestamp::from_millis(0);
        let posts: Vec<Post> = entries
            .into_iter()
            .zip(1..)
            .map(|(entry, id)| Post {
                id: PostId(id),
                source: SourceId(1),
                source_name: "essays".parse().unwrap(),
                entry,
                fingerprint: String::new(),
                first_seen: now,
                changed: now,
                standing: Standing::Live,
                held_for: None,
                filtered_by: None,
                hidden: false,
                retracted: None,
                appearances: Vec::new(),
                outlets: Vec::new(),
                source_language: None,
            })
            .collect();
        for post in &posts {
            for html in post.entry.content.iter().chain(&post.entry.summary) {
                assert_eq!(active(html.as_str()), Vec::<String>::new(), "{payload}\n{html}");
                // Cleaning it again finds nothing to run either.
                assert_eq!(active(CleanHtml::sanitise(html.as_str(), Some(&base)).as_str()), Vec::<String>::new());
            }
            if let Some(url) = &post.entry.url {
                assert!(["http", "https"].contains(&url.as_url().scheme()), "{url}");
            }
        }
        let items: Vec<Item<'_>> =
            posts.iter().map(|post| Item { post, origin: None, scope: Scope::default() }).collect();
        for format in Format::ALL {
            let out = write(format, &channel, &items).unwrap();
            if format == Format::Json {
                let json: serde_json::Value = serde_json::from_str(&out).unwrap();
                for item in json["items"].as_array().unwrap() {
                    let html = item["content_html"].as_str().unwrap_or_default();
                    assert_eq!(active(html), Vec::<String>::new(), "{payload}\n{html}");
                }
                continue;
            }
            for entry in feed_rs::parser::parse(out.as_bytes()).unwrap().entries {
                let body = entry.content.and_then(|content| content.body);
                for html in body.into_iter().chain(entry.summary.map(|text| text.content)) {
                    assert_eq!(active(&html), Vec::<String>::new(), "{payload}\n{html}");
                }
                for link in entry.links {
                    assert!(link.href.starts_with("http"), "{}", link.href);
                }
            }
        }
        let shown = posts.iter().map(|post| DigestPost {
            title: post.entry.title.clone(),
            url: post.entry.url.as_ref().map(ToString::to_string),
            byline: post.entry.authors.join(", "),
            excerpt: post.entry.summary.as_ref().map(|html| plain_text(html.as_str())).unwrap_or_default(),
            also_at: post.entry.also_at.clone(),
            ..DigestPost::default()
        });
        let context = |posts| DigestContext {
            language: Language::En,
            title: "T".to_owned(),
            site: "S".to_owned(),
            home: "https://news.example.org/".to_owned(),
            date: "today".to_owned(),
            sections: vec![Section { title: String::new(), posts }],
            ..DigestContext::default()
        };
        let mail = renderer.digest(&context(shown.collect())).unwrap().html;
        // The mail's own frame has styles, and no more; what came with the post is text in it.
        let bare = renderer.digest(&context(Vec::new())).unwrap().html;
        let strange = |html: &str| {
            let document = Document::from(html);
            ["script", "iframe", "object", "embed", "svg", "math", "form", "base", "img", "style", "link", "template"]
                .map(|name| document.select(name).length())
        };
        assert_eq!(strange(&mail), strange(&bare), "{payload}");
        let document = Document::from(mail.as_str());
        for node in document.root().descendants().iter().filter(|node| node.is_element()) {
            for attribute in node.attrs() {
                assert!(!attribute.name.local.starts_with("on"), "{payload}");
                let scheme = attribute.value.trim().to_ascii_lowercase();
                assert!(!["javascript:", "vbscript:", "data:"].iter().any(|bad| scheme.starts_with(bad)), "{payload}");
            }
        }
    }
}
