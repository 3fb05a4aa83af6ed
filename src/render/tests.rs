use super::digest::MAIL_BYTES;
use super::*;
use crate::domain::digest::token;
use crate::domain::html::CleanHtml;
use crate::domain::post::Place;
use unicode_width::UnicodeWidthStr as _;

fn post(title: &str) -> DigestPost {
    DigestPost {
        title: title.to_owned(),
        url: Some("https://blog.example.com/1?a=1&b=2".to_owned()),
        byline: "Kim · Essays".to_owned(),
        excerpt: "Words & <words>".to_owned(),
        also_at: vec![Place { name: "좋은뉴스".to_owned(), url: "https://news.example.kr/1".parse().ok() }],
        ..DigestPost::default()
    }
}

fn context(language: Language, posts: Vec<DigestPost>) -> DigestContext {
    DigestContext {
        language,
        title: "Good News".to_owned(),
        site: "Site".to_owned(),
        home: "https://example.com/".to_owned(),
        date: "today".to_owned(),
        sections: vec![Section { title: String::new(), posts }],
        ..DigestContext::default()
    }
}

fn mailed(context: &DigestContext) -> Rendered {
    Renderer::new().unwrap().digest(context).unwrap()
}

fn digest(language: Language, posts: Vec<DigestPost>) -> Rendered {
    mailed(&context(language, posts))
}

#[test]
fn a_digest_escapes_what_it_shows_and_keeps_its_tokens() {
    let rendered = digest(Language::En, vec![post("<script>x</script>\u{e000}email\u{e001}"), post("Two"), post("")]);
    assert_eq!(rendered.subject, "Good News: <script>x</script>email and 2 more");
    assert!(rendered.html.contains("&lt;script&gt;x&lt;/script&gt;email"), "{}", rendered.html);
    assert!(!rendered.html.contains("<script>"));
    assert!(rendered.html.contains("Untitled"));
    for part in [&rendered.html, &rendered.plain] {
        assert_eq!(part.matches(token::UNSUBSCRIBE_URL).count(), 1);
        assert_eq!(part.matches(token::EMAIL).count(), 1);
    }
    assert!(rendered.plain.contains("Words & <words>"));
    assert!(rendered.plain.contains("https://blog.example.com/1?a=1&b=2"));
}

#[test]
fn a_digest_speaks_its_language() {
    let rendered = digest(Language::Ko, vec![post("하나"), post("둘")]);
    assert_eq!(rendered.subject, "Good News: 하나 외 1편");
    assert!(rendered.html.contains("lang=\"ko\"") && rendered.html.contains("구독 해지"));
    assert!(rendered.plain.contains("새 글 2편"));
}

#[test]
fn pages_render_in_both_languages() {
    let renderer = Renderer::new().unwrap();
    for language in Language::OURS {
        let frame = Frame { language, site: "<S>".to_owned(), base: "https://example.com".to_owned() };
        let feeds = vec![IndexFeed {
            name: "RSS",
            media_type: "application/rss+xml",
            url: "https://example.com/f.rss".to_owned(),
        }];
        let item = IndexItem {
            language,
            title: "<T>".to_owned(),
            description: String::new(),
            url: "/newsletters/t/".to_owned(),
            subscribe: "https://example.com/subscribe/t".to_owned(),
            feeds,
        };
        let address = "https://example.com/".to_owned();
        let head = Head {
            frame: frame.clone(),
            heading: "<H>".to_owned(),
            description: "\"><script>".to_owned(),
            url: address.clone(),
            canonical: address,
            kind: "website",
            image: None,
            feeds: Vec::new(),
            data: data(&serde_json::json!({ "name": "</script><script>" })),
        };
        let (newsletters, sources) = (vec![item.clone()], vec![item]);
        let index = renderer.page_index(&IndexContext { head, newsletters, sources, posts: Vec::new() }).unwrap();
        assert_eq!(index.matches("rel=\"alternate\"").count(), 2);
        assert!(!index.contains("<T>") && index.contains("&lt;T&gt;") && !index.contains("<H>"));
        // The page's own data, which is no program, and nothing else.
        assert_eq!((index.matches("<script").count(), index.matches("</script").count()), (1, 1), "{index}");
        let form = renderer
            .page_subscribe(&SubscribeContext {
                frame: frame.clone(),
                name: "t".to_owned(),
                title: "T".to_owned(),
                description: String::new(),
                elsewhere: Vec::new(),
                cadences: vec![CadenceChoice {
                    name: "daily".to_owned(),
                    label: renderer.cadence_label(language, "daily"),
                }],
                chosen: String::new(),
                topics: vec![TopicChoice { name: "film".to_owned(), chosen: true }],
                zones: vec!["Asia/Seoul"],
                zone: "Asia/Seoul".to_owned(),
                others: Vec::new(),
                languages: renderer.languages(language),
                email: "\"><script>".to_owned(),
                meant: Some("\"><script>".to_owned()),
                advertiser: None,
                must_agree: false,
                agreed: false,
                privacy: None,
                token: "\"><script>".to_owned(),
                return_to: "\"><script>".to_owned(),
                problem: Some("error_email"),
            })
            .unwrap();
        assert!(!form.contains("\"><script>") && form.matches("<script").count() == 1, "{form}");
        let notice = NoticeContext {
            frame,
            title: "T".to_owned(),
            heading: "confirm_heading",
            text: "confirm_text",
            button: "confirm_button",
            agreement: None,
            action: Some("https://example.com/confirm/x".to_owned()),
            link: None,
        };
        assert!(renderer.page_notice(&notice).unwrap().contains("<form method=\"post\""));
        let letter = renderer
            .confirm_letter(&LinkContext {
                language,
                title: "T".to_owned(),
                link: "https://example.com/confirm/x".to_owned(),
            })
            .unwrap();
        assert!(letter.plain.contains("https://example.com/confirm/x"));
    }
}

#[test]
fn a_digest_without_any_space_to_spare_shows_later_posts_by_title() {
    let many: Vec<DigestPost> = (0..60)
        .map(|number| DigestPost {
            excerpt: "걷는 동안에도 이미 어딘가에 있다. ".repeat(18),
            ..post(&format!("글 {number}"))
        })
        .collect();
    let rendered = digest(Language::Ko, many);
    assert!(rendered.html.len() + rendered.plain.len() <= MAIL_BYTES);
    for number in 0..60 {
        let title = format!("글 {number}");
        assert!(rendered.html.contains(&format!(">{title}</a>")) && rendered.plain.contains(&title), "{title}");
    }
    let shown = rendered.html.matches("걷는 동안에도").count();
    assert!(shown >= 18, "{shown}");
}

#[test]
fn a_subject_and_its_preheader_stay_short() {
    let rendered = digest(Language::En, vec![post(&"long ".repeat(100)), post(&"words ".repeat(100))]);
    assert!(rendered.subject.chars().count() < 110, "{}", rendered.subject);
    assert!(rendered.subject.ends_with("long… and 1 more"), "{}", rendered.subject);
    let plain = &rendered.plain;
    assert!(plain.lines().all(|line| line.width() <= 72 || line.starts_with('[')), "{plain}");
}

#[test]
fn the_text_part_reads_as_a_person_would_write_it() {
    let rendered = digest(Language::En, vec![post("One"), DigestPost { excerpt: String::new(), ..post("Two") }]);
    assert_eq!(
        rendered.plain.replace(token::EMAIL, "EMAIL").replace(token::UNSUBSCRIBE_URL, "LINK"),
        "Good News
=========
today · 2 new posts

One [1]
Kim · Essays

Words & <words>

Also at: 좋은뉴스 [2]

* * *

Two [1]
Kim · Essays

Also at: 좋은뉴스 [2]


Links
=====
[1] https://blog.example.com/1?a=1&b=2
[2] https://news.example.kr/1

-- 
You get this because EMAIL subscribed to Good News.
Unsubscribe: LINK
Site: https://example.com/"
    );
}

/// Everything that a newsletter may show, in one mail.
fn rich(language: Language) -> DigestContext {
    let essay = CleanHtml::sanitise(
        "<h2>Part</h2><p>It is <a href=\"https://a.example/\">here</a>.</p><img src=\"https://a.example/i.jpg\" alt=\"A boat\">",
        None,
    );
    let note =
        |text: &str| Some(CleanHtml::sanitise(&format!("<p>{text} <a href=\"https://n.example/\">n</a></p>"), None));
    DigestContext {
        greeting: true,
        note_before: note("Good morning."),
        headlines: vec![Headline { title: "Lead".to_owned(), url: Some("https://a.example/lead".to_owned()) }],
        lead: Some(DigestPost {
            title: "Lead".to_owned(),
            url: Some("https://a.example/lead".to_owned()),
            text: Some(essay),
            ..DigestPost::default()
        }),
        sections: vec![
            Section { title: "수필".to_owned(), posts: vec![post("하나"), post("둘")] },
            Section { title: "Letters".to_owned(), posts: vec![post("three")] },
        ],
        more: 12,
        more_url: Some("https://example.com/all".to_owned()),
        note_after: note("Until next week."),
        preferences: true,
        ..context(language, Vec::new())
    }
}

#[test]
fn everything_that_a_newsletter_may_show_has_its_place() {
    let rendered = mailed(&rich(Language::En));
    assert_eq!(
        rendered.plain,
        "Good News
=========
today · 16 new posts

\u{e000}greeting\u{e001}

Good morning. n [1]

In this mail
- Lead [2]


Lead [2]

## Part

It is here [3].

[A boat]


수필
====

하나 [4]
Kim · Essays

Words & <words>

Also at: 좋은뉴스 [5]

* * *

둘 [4]
Kim · Essays

Words & <words>

Also at: 좋은뉴스 [5]


Letters
=======

three [4]
Kim · Essays

Words & <words>

Also at: 좋은뉴스 [5]

and 12 more [6]

Until next week. n [1]


Links
=====
[1] https://n.example/
[2] https://a.example/lead
[3] https://a.example/
[4] https://blog.example.com/1?a=1&b=2
[5] https://news.example.kr/1
[6] https://example.com/all

-- 
You get this because \u{e000}email\u{e001} subscribed to Good News.
Unsubscribe: \u{e000}unsubscribe\u{e001}
Change what you get: \u{e000}preferences\u{e001}
Site: https://example.com/"
    );
    let mut from = 0;
    for shown in [
        token::GREETING,
        "Good morning.",
        "In this mail",
        ">Lead</a>",
        "<h3 ",
        "A boat",
        ">수필<",
        "하나",
        ">Letters<",
        "and 12 more",
        "https://example.com/all",
        "Until next week.",
        token::UNSUBSCRIBE_URL,
        token::PREFERENCES_URL,
    ] {
        let at = rendered.html[from..].find(shown);
        from += at.unwrap_or_else(|| panic!("{shown} is missing or misplaced in {}", rendered.html));
    }
}

#[test]
fn long_texts_are_cut_alike_until_the_mail_fits_and_short_ones_stay_whole() {
    let essay = |paragraphs: usize| {
        let text = "걷는 동안에도 이미 어딘가에 있다. ".repeat(6);
        Some(CleanHtml::sanitise(&format!("<p>{text}</p>").repeat(paragraphs), None))
    };
    let posts = (0..12).map(|number| DigestPost {
        text: essay(if number % 2 == 0 { 2 } else { 100 }),
        ..post(&format!("글 {number}"))
    });
    let rendered = digest(Language::Ko, posts.collect());
    let size = rendered.html.len() + rendered.plain.len();
    assert!(size <= MAIL_BYTES && size > MAIL_BYTES * 3 / 4, "{size}");
    // The short ones are not continued elsewhere, the long ones are.
    assert_eq!(rendered.html.matches("계속 읽기").count(), 6);
    assert_eq!(rendered.plain.matches("계속 읽기 [1]").count(), 6);
}

#[test]
fn a_digest_of_nothing_but_titles_still_fits() {
    let long = format!("https://blog.example.com/{}", "a".repeat(1_500));
    let posts = (0..90).map(|number| DigestPost { url: Some(format!("{long}{number}")), ..post("A title") }).collect();
    let rendered = digest(Language::En, posts);
    assert!(rendered.html.len() + rendered.plain.len() <= MAIL_BYTES);
    let shown = rendered.html.matches("A title</a>").count();
    assert!(shown > 10 && rendered.plain.contains(&format!("and {} more", 90 - shown)), "{shown}: {}", rendered.plain);
}

#[test]
fn the_embedded_templates_stand_every_trial() {
    assert_eq!(Renderer::new().unwrap().trial(), Vec::<String>::new());
    for language in Language::OURS {
        let sample = sample_digest(language).unwrap();
        assert!(sample.lead.is_some() && sample.sections.len() > 1);
    }
}

/// The faults of a folder that holds these files.
fn faults(files: &[(&str, &str)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let faults = match Renderer::with(Some(folder.path())) {
        Ok(renderer) => renderer.trial(),
        Err(faults) => faults.0,
    };
    let shown = format!("{}/", folder.path().display());
    faults.into_iter().map(|fault| fault.replace(&shown, "")).collect()
}

#[test]
fn a_file_of_ones_own_stands_in_its_templates_place() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("mail")).unwrap();
    std::fs::create_dir(folder.path().join("texts")).unwrap();
    std::fs::write(folder.path().join("mail/digest.txt"), "{{ title }}: {{ t(\"read_on\") }} {{ unsubscribe }}")
        .unwrap();
    std::fs::write(folder.path().join("texts/en.toml"), "read_on = \"On we go\"").unwrap();
    let renderer = Renderer::with(Some(folder.path())).unwrap();
    assert_eq!(renderer.trial(), Vec::<String>::new());
    let mail = renderer.digest(&context(Language::En, vec![post("One")])).unwrap();
    assert_eq!(mail.plain, format!("Good News: On we go {}", token::UNSUBSCRIBE_URL));
    assert!(mail.html.contains("On we go</a>"));
    let own: Vec<_> =
        templates(Some(folder.path())).unwrap().into_iter().filter(|one| one.own).map(|one| one.name).collect();
    assert_eq!(own, ["mail/digest.txt", "texts/en.toml"]);
}

#[test]
fn what_is_wrong_with_a_template_is_said_before_a_mail_needs_it() {
    for (files, said) in [
        (&[("mail/digets.html", "x")][..], "no template has this name"),
        (
            &[("mail/digest.txt", "{{ unsubscribe }} {{ titel }}")],
            "mail/digest.txt cannot be rendered: undefined value",
        ),
        (&[("mail/digest.txt", "{% if %}")], "mail/digest.txt: syntax error"),
        (&[("mail/digest.txt", "{{ title }}")], "mail/digest.txt does not show `unsubscribe`"),
        (
            &[("mail/digest.html", "<html lang=\"en\"><img src=x><script></script>{{ unsubscribe }}")],
            "<script> works in no mail program",
        ),
        (&[("mail/digest.html", "<html lang=\"en\"><img src=x>{{ unsubscribe }}")], "an <img> has no alt"),
        (&[("mail/digest.html", "<html>{{ unsubscribe }}")], "<html> has no lang"),
        (&[("pages/notice.html", "{{ t(\"nothing\") }}")], "there is no text `nothing`"),
        (&[("texts/ko.toml", "read_on = 3")], "texts/ko.toml: this is not a list of texts"),
    ] {
        let found = faults(files);
        assert!(found.iter().any(|fault| fault.contains(said)), "{said} is not in {found:#?}");
    }
}

#[test]
fn a_text_from_right_to_left_runs_so() {
    let rendered = digest(Language::En, vec![post("שלום עולם"), post("Hello")]);
    assert_eq!(rendered.html.matches("dir=\"rtl\"").count(), 1);
    assert!(rendered.html.contains("text-align: right") || rendered.html.contains("text-align:right"));
}
