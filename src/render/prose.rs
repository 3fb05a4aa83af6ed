//! HTML as a person would type it: lines of a width that people like, links as
//! numbers that a list at the end explains.

use super::wrap::WIDTH;
use html2text::render::TextDecorator;
use std::cell::RefCell;
use std::rc::Rc;

/// The links of a mail, numbered from 1 as they come, each once.
#[derive(Debug, Clone, Default)]
pub(super) struct Links(Rc<RefCell<Vec<String>>>);

impl Links {
    /// The number of `url`.
    pub(super) fn number(&self, url: &str) -> usize {
        let mut links = self.0.borrow_mut();
        let known = links.iter().position(|known| known == url);
        let at = known.unwrap_or_else(|| {
            links.push(url.to_owned());
            links.len() - 1
        });
        at + 1
    }

    /// All of them, in the order of their numbers.
    pub(super) fn all(&self) -> Vec<String> {
        self.0.borrow().clone()
    }
}

/// The text of sanitised HTML; its links are numbered among `links`.
pub(super) fn prose(html: &str, links: &Links) -> String {
    let config = html2text::config::with_decorator(Typed { links: links.clone(), open: Vec::new() })
        .link_footnotes(false)
        .no_table_borders()
        .allow_width_overflow();
    // Nothing is too narrow when the width may be passed, and sanitised HTML is short of nothing else.
    let text = config.string_from_read(whole_words(html).as_bytes(), WIDTH).unwrap_or_default();
    let mut lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.dedup_by(|later, earlier| later.is_empty() && earlier.is_empty());
    lines.join("\n").trim_matches('\n').to_owned()
}

/// Takes what ends a link's last word into the link, so that its number stands
/// between words: `이야기는 [1]`, since no particle stands alone.
fn whole_words(html: &str) -> String {
    let mut whole = String::with_capacity(html.len());
    let mut parts = html.split("</a>");
    whole.push_str(parts.next().unwrap_or_default());
    for part in parts {
        // Scripts without spaces would bring the whole sentence along.
        let goes_on = |c: char| c.is_ascii_alphabetic() || matches!(c, '가'..='힣');
        let rest = part.trim_start_matches(goes_on);
        whole.push_str(part.strip_suffix(rest).unwrap_or_default());
        whole.push_str("</a>");
        whole.push_str(rest);
    }
    whole
}

/// How a person marks up what is typed.
#[derive(Debug)]
struct Typed {
    links: Links,
    open: Vec<usize>,
}

impl TextDecorator for Typed {
    type Annotation = ();

    fn decorate_link_start(&mut self, url: &str) -> (String, ()) {
        self.open.push(self.links.number(url));
        (String::new(), ())
    }

    fn decorate_link_end(&mut self) -> String {
        self.open.pop().map_or_else(String::new, |number| format!(" [{number}]"))
    }

    fn decorate_em_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_em_end(&self) -> String {
        String::new()
    }

    fn decorate_strong_start(&self) -> (String, ()) {
        ("*".to_owned(), ())
    }

    fn decorate_strong_end(&self) -> String {
        "*".to_owned()
    }

    fn decorate_strikeout_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_strikeout_end(&self) -> String {
        String::new()
    }

    fn decorate_code_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_code_end(&self) -> String {
        String::new()
    }

    fn decorate_preformat_first(&self) {}

    fn decorate_preformat_cont(&self) {}

    fn decorate_image(&mut self, _: &str, alt: &str) -> (String, ()) {
        (if alt.is_empty() { String::new() } else { format!("[{alt}]") }, ())
    }

    fn header_prefix(&self, _: usize) -> String {
        "## ".to_owned()
    }

    fn quote_prefix(&self) -> String {
        "> ".to_owned()
    }

    fn unordered_item_prefix(&self) -> String {
        "- ".to_owned()
    }

    fn ordered_item_prefix(&self, number: i64) -> String {
        format!("{number}. ")
    }

    fn make_subblock_decorator(&self) -> Self {
        Self { links: self.links.clone(), open: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthStr as _;

    #[test]
    fn links_become_numbers_and_the_rest_reads_on() {
        let links = Links::default();
        let html = "<h3>Part</h3><p>See <a href=\"https://a.example/\">this</a> and <a href=\"https://b.example/\"><strong>that</strong></a>.</p>\
                    <ul><li>one <a href=\"https://a.example/\">again</a></li><li>two</li></ul><blockquote><p>said</p></blockquote>\
                    <pre><code>let a = 1;\n  let b = 2;</code></pre><p><img src=\"https://a.example/i.jpg\" alt=\"A boat\"></p>";
        assert_eq!(
            prose(html, &links),
            "## Part\n\nSee this [1] and *that* [2].\n- one again [1]\n- two\n\n> said\n\nlet a = 1;\n  let b = 2;\n\n[A boat]"
        );
        assert_eq!(links.all(), ["https://a.example/", "https://b.example/"]);
    }

    #[test]
    fn a_number_stands_behind_the_particle() {
        for (html, text) in [
            (
                "<p>아래 <a href=\"https://a.example/\">주전자 이야기</a>는 김이 오를 때</p>",
                "아래 주전자 이야기는 [1] 김이 오를 때",
            ),
            (
                "<p><a href=\"https://a.example/\">원망</a>을, <a href=\"https://b.example/\"><b>둘</b></a>도</p>",
                "원망을 [1], *둘*도 [2]",
            ),
            ("<p>two <a href=\"https://a.example/\">blog</a>s.</p>", "two blogs [1]."),
            ("<p><a href=\"https://a.example/\">これ</a>を読む</p>", "これ [1]を読む"),
        ] {
            assert_eq!(prose(html, &Links::default()), text);
        }
    }

    #[test]
    fn a_line_of_korean_is_as_wide_as_one_of_english() {
        let html = format!("<p>{}</p><p>{}</p>", "걷는 동안에도 이미 ".repeat(30), "words and ".repeat(60));
        let text = prose(&html, &Links::default());
        let widths: Vec<usize> = text.lines().map(str::width).collect();
        assert!(widths.iter().all(|width| *width <= WIDTH), "{widths:?}");
        assert!(widths.iter().filter(|width| **width > WIDTH - 12).count() > 10, "{widths:?}");
    }
}
