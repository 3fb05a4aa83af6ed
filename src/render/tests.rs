use super::*;

fn post(title: &str) -> DigestPost {
    DigestPost {
        title: title.to_owned(),
        url: Some("https://blog.example.com/1?a=1&b=2".to_owned()),
        byline: "Kim · Essays".to_owned(),
        excerpt: "Words & <words>".to_owned(),
        also_at: vec![Place { name: "좋은뉴스".to_owned(), url: "https://news.example.kr/1".parse().ok() }],
    }
}

fn digest(language: Language, posts: Vec<DigestPost>) -> Rendered {
    Renderer::new()
        .unwrap()
        .digest(&DigestContext {
            language,
            title: "Good News".to_owned(),
            site: "Site".to_owned(),
            home: "https://example.com/".to_owned(),
            date: "today".to_owned(),
            posts,
        })
        .unwrap()
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
    for language in Language::ALL {
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
            subscribe: "https://example.com/subscribe/t".to_owned(),
            by_mail: String::new(),
            by_reader: String::new(),
            feeds,
        };
        let index = renderer
            .page_index(&IndexContext { frame: frame.clone(), newsletters: vec![item.clone()], sources: vec![item] })
            .unwrap();
        assert_eq!(index.matches("rel=\"alternate\"").count(), 2);
        assert!(!index.contains("<T>") && index.contains("&lt;T&gt;"));
        let form = renderer
            .page_subscribe(&SubscribeContext {
                frame: frame.clone(),
                name: "t".to_owned(),
                title: "T".to_owned(),
                description: String::new(),
                cadences: vec![CadenceChoice {
                    name: "daily".to_owned(),
                    label: renderer.cadence_label(language, "daily"),
                }],
                chosen: String::new(),
                email: "\"><script>".to_owned(),
                problem: Some("error_email"),
            })
            .unwrap();
        assert!(!form.contains("<script>"));
        let notice = NoticeContext {
            frame,
            title: "T".to_owned(),
            heading: "confirm_heading",
            text: "confirm_text",
            button: "confirm_button",
            action: Some("https://example.com/confirm/x".to_owned()),
            link: None,
        };
        assert!(renderer.page_notice(&notice).unwrap().contains("<form method=\"post\""));
        let letter = renderer
            .confirm_letter(&ConfirmContext {
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
    assert!(plain.lines().all(|line| line.chars().count() <= 72 || line.starts_with("https://")), "{plain}");
}

#[test]
fn the_text_part_reads_as_a_person_would_write_it() {
    let rendered = digest(Language::En, vec![post("One"), DigestPost { excerpt: String::new(), ..post("Two") }]);
    assert_eq!(
        rendered.plain.replace(token::EMAIL, "EMAIL").replace(token::UNSUBSCRIBE_URL, "LINK"),
        "Good News
today · 2 new posts

One
Kim · Essays

Words & <words>

https://blog.example.com/1?a=1&b=2
Also at 좋은뉴스: https://news.example.kr/1

* * *

Two
Kim · Essays
https://blog.example.com/1?a=1&b=2
Also at 좋은뉴스: https://news.example.kr/1

-- 
You get this because EMAIL subscribed to Good News.
Unsubscribe: LINK
Site: https://example.com/"
    );
}
