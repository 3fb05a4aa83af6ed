//! What every mail must be before it may leave (S21), asked of the bytes that a
//! relay got. The sink asks it of each message that it takes, so that every test
//! that mails is a test of the mail as well.

use dom_query::Document;
use mail_parser::{Message, MessageParser, MimeHeaders as _};
use unicode_width::UnicodeWidthStr as _;

/// RFC 5322, section 2.1.1.
const LONGEST_LINE: usize = 998;
/// Gmail cuts what is longer.
const LARGEST: usize = 100 * 1024;
/// Of the text part; a list of links has lines of its own.
const WIDEST: usize = 78;

/// What is wrong with a mail; empty when nothing is.
pub(crate) fn faults(bytes: &[u8]) -> Vec<String> {
    let mut faults = wire(bytes);
    let Some(message) = MessageParser::default().parse(bytes) else {
        faults.push("it cannot be parsed".to_owned());
        return faults;
    };
    let text = String::from_utf8_lossy(bytes);
    let head = text.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ").replace("\r\n\t", " ");
    let is_list = all(&head, "List-Id").len() == 1;
    faults.extend(headers(&head, is_list));
    let (plain, html) = (message.body_text(0).unwrap_or_default(), message.body_html(0).unwrap_or_default());
    faults.extend(parts(&message, &plain, &html));
    if let Some(link) = one_click(&head) {
        for (part, shown) in [("text", plain.contains(link)), ("HTML", html.contains(&link.replace('&', "&amp;")))] {
            if is_list && !shown {
                faults.push(format!("the {part} part does not show the way out, {link}"));
            }
        }
    }
    let files: usize = message.attachments().map(|file| file.raw_len() as usize).sum();
    if bytes.len() - files > LARGEST {
        faults.push(format!("{} bytes without its files", bytes.len() - files));
    }
    faults
}

/// How it looks to a machine that hands it on (S4).
fn wire(bytes: &[u8]) -> Vec<String> {
    let mut faults = Vec::new();
    let text = String::from_utf8_lossy(bytes);
    if text.replace("\r\n", "").contains(['\r', '\n', '\0']) {
        faults.push("a bare CR, LF or NUL".to_owned());
    }
    if let Some(line) = text.split("\r\n").find(|line| line.len() > LONGEST_LINE) {
        faults.push(format!("a line of {} bytes", line.len()));
    }
    if !text.split("\r\n\r\n").next().unwrap_or_default().is_ascii() {
        faults.push("a header beyond ASCII".to_owned());
    }
    faults
}

/// Every value of a header in an unfolded head.
fn all<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .filter(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
        .collect()
}

fn one_click(head: &str) -> Option<&str> {
    let value = *all(head, "List-Unsubscribe").first()?;
    let (_, rest) = value.split_once("<http")?;
    let end = rest.find('>')?;
    let start = value.find("<http")? + 1;
    value.get(start..start + 4 + end)
}

fn headers(head: &str, is_list: bool) -> Vec<String> {
    let mut faults = Vec::new();
    let mut once =
        vec!["Date", "From", "To", "Subject", "Message-ID", "MIME-Version", "Content-Type", "Auto-Submitted"];
    if is_list {
        once.extend(["List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Precedence"]);
    }
    for name in once {
        let values = all(head, name);
        if values.len() != 1 || values[0].trim().is_empty() {
            faults.push(format!("{name} {values:?}, and not one"));
        }
    }
    for (name, right) in [
        ("Auto-Submitted", "auto-generated"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("Precedence", "bulk"),
    ] {
        for value in all(head, name) {
            if value != right {
                faults.push(format!("{name}: {value}"));
            }
        }
    }
    // RFC 2919: the identifier stands in brackets at the end, and has a dot.
    for id in all(head, "List-Id") {
        let inner = id.rsplit_once('<').map(|(_, inner)| inner.trim_end_matches('>'));
        if !id.ends_with('>') || !inner.is_some_and(|inner| inner.contains('.') && !inner.contains(' ')) {
            faults.push(format!("List-Id: {id}"));
        }
    }
    if is_list && one_click(head).is_none() {
        faults.push("List-Unsubscribe has no link".to_owned());
    }
    // RFC 8058, section 4: what a provider acts upon must be what the sender signed.
    for signature in all(head, "DKIM-Signature") {
        let tags = signature.replace(' ', "").to_lowercase();
        let signed = tags.split(';').find_map(|tag| tag.strip_prefix("h=").map(str::to_owned)).unwrap_or_default();
        let signed: Vec<&str> = signed.split(':').collect();
        let needed = if is_list {
            &["from", "to", "subject", "date", "list-unsubscribe", "list-unsubscribe-post"][..]
        } else {
            &["from"]
        };
        for name in needed.iter().filter(|name| !signed.contains(*name)) {
            faults.push(format!("a signature leaves out {name}"));
        }
    }
    faults
}

fn parts(message: &Message<'_>, plain: &str, html: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if message.text_body_count() == 0 || message.html_body_count() == 0 || message.text_body == message.html_body {
        faults.push("not both a text and an HTML part".to_owned());
    }
    for (name, text) in [("subject", message.subject().unwrap_or_default()), ("text", plain), ("HTML", html)] {
        if text.contains(['\u{e000}', '\u{e001}', '\u{fffd}']) {
            faults.push(format!("a token or a broken character is left in the {name}"));
        }
    }
    let document = Document::from(html);
    let wide = |line: &&str| line.width() > WIDEST && !line.contains("://");
    if let Some(line) = plain.lines().find(wide) {
        faults.push(format!("a line of {} columns: {line}", line.width()));
    }
    if !(document.select("html").has_attr("lang") && document.select("html").has_attr("dir")) {
        faults.push("the HTML does not say its language and direction".to_owned());
    }
    for element in ["script", "iframe", "object", "embed", "form", "input", "link", "base", "meta[http-equiv]"] {
        if document.select(element).exists() {
            faults.push(format!("<{element}> in a mail"));
        }
    }
    for node in document.root().descendants().iter().filter(|node| node.is_element()) {
        if let Some(on) = node.attrs().iter().find(|attribute| attribute.name.local.starts_with("on")) {
            faults.push(format!("a handler: {}", on.name.local));
        }
        let source = node.attr("src").unwrap_or_default();
        if node.has_name("img") && node.attr("alt").is_none() {
            faults.push(format!("a picture says nothing to who does not see it: {source}"));
        }
        if let Some(id) = source.strip_prefix("cid:")
            && !message.attachments().any(|file| file.content_id() == Some(id))
        {
            faults.push(format!("the picture {id} is not in the mail"));
        }
        for link in [node.attr("href").unwrap_or_default(), source] {
            let scheme = link.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
            if !matches!(scheme.as_deref(), None | Some("http" | "https" | "mailto" | "cid")) {
                faults.push(format!("a link to {link}"));
            }
        }
    }
    faults
}

/// A linter that finds nothing proves nothing.
#[test]
fn the_linter_finds_what_is_wrong() {
    let sound = "Date: Sun, 22 Nov 2026 23:00:00 +0000\r\nFrom: news@example.com\r\nTo: reader@example.org\r\nSubject: s\r\n\
        Message-ID: <1@example.com>\r\nMIME-Version: 1.0\r\nAuto-Submitted: auto-generated\r\nPrecedence: bulk\r\n\
        List-Id: News <weekly.example.com>\r\nList-Unsubscribe: <https://e.example/u/1>\r\n\
        List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\
        DKIM-Signature: v=1; h=From:To:Subject:Date:List-Unsubscribe:List-Unsubscribe-Post; b=x\r\n\
        Content-Type: multipart/alternative; boundary=\"b\"\r\n\r\n\
        --b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello https://e.example/u/1\r\n\
        --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html lang=\"en\" dir=\"ltr\"><img src=\"https://e.example/a.png\" alt=\"\">\
        <a href=\"https://e.example/u/1\">out</a></html>\r\n--b--\r\n";
    assert_eq!(faults(sound.as_bytes()), Vec::<String>::new());
    let long = "a".repeat(1_000);
    let many = "a b c\r\n".repeat(20_000);
    for (from, to, said) in [
        ("Date: ", "Dated: ", "Date [], and not one"),
        ("Subject: s", "Subject: s\r\nSubject: t", "Subject"),
        ("auto-generated", "no", "Auto-Submitted: no"),
        ("One-Click", "Two-Clicks", "List-Unsubscribe-Post"),
        ("<weekly.example.com>", "weekly", "List-Id: News weekly"),
        ("<https://e.example/u/1>", "<mailto:out@e.example>", "List-Unsubscribe has no link"),
        (":List-Unsubscribe-Post; b", "; b", "a signature leaves out list-unsubscribe-post"),
        ("Hello https://e.example/u/1", "Hello", "the text part does not show the way out"),
        ("href=\"https://e.example/u/1\"", "href=\"https://e.example/\"", "the HTML part does not show the way out"),
        ("Hello", &long, "a line of 1022 bytes"),
        ("Hello", &("word ".repeat(17) + "\r\nHello"), "a line of"),
        ("Hello", &many, "bytes without its files"),
        ("Hello", "a\rb", "a bare CR, LF or NUL"),
        ("Subject: s", "Subject: 글", "a header beyond ASCII"),
        ("Hello", "\u{e000}email\u{e001}", "a token or a broken character is left in the text"),
        ("text/plain", "text/html", "not both a text and an HTML part"),
        (" lang=\"en\"", "", "its language"),
        (" alt=\"\"", "", "a picture says nothing"),
        ("https://e.example/a.png", "cid:1@p", "the picture 1@p is not in the mail"),
        ("https://e.example/a.png", "data:image/png,x", "a link to data:"),
        ("<img ", "<script></script><img ", "<script> in a mail"),
        ("<img ", "<img onload=\"x\" ", "a handler: onload"),
    ] {
        let broken = sound.replacen(from, to, 1);
        assert_ne!(broken, sound, "{from}");
        let found = faults(broken.as_bytes());
        assert!(found.iter().any(|fault| fault.contains(said)), "{from} → {to}: {found:?}");
    }
}
