//! Filters: which posts a source keeps in sight and a newsletter takes, in rules
//! that a person writes, such as `category: essays` or `not language: ko`.
//! `docs/filters.md` says what each matches. A rule's `Display` is the form that
//! parses to it again.

mod length;

use super::html::CleanHtml;
use super::post::Entry;
use super::reading::minutes;
use super::span::{self, BadSpan};
use super::spoken::spoken;
use super::text::plain_text;
use super::time::Timestamp;
use length::Length;
use std::cell::OnceCell;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use unicode_normalization::UnicodeNormalization as _;

/// Which posts are taken: those that a rule of `include` matches, or all when it
/// has none, without those that a rule of `exclude` matches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// One of these must match, unless there is none.
    pub include: Vec<Rule>,
    /// None of these may match.
    pub exclude: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Whether it matches where its test does not.
    not: bool,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    /// All of these stand in the title or the text.
    Words(Vec<Term>),
    /// All of these stand in the title.
    Title(Vec<Term>),
    /// All of these stand in the name of one author.
    Author(Vec<Term>),
    /// A category is called so.
    Category(Term),
    /// A lower-case BCP 47 tag, or how it begins.
    Language(String),
    /// Dated so long before it was first seen.
    OlderThan(Duration),
    /// A text of less.
    ShorterThan(Length),
    /// A text of more.
    LongerThan(Length),
}

/// A word or several that stand together, as written and as compared.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    written: String,
    folded: String,
}

/// What a filter says of a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// It is taken; by this rule of `include`, when there are any.
    Taken(Option<&'a Rule>),
    /// It is not, for this reason.
    LeftOut(Reason),
}

/// Why a post is left out, as it stands in the configuration:
/// `exclude = ["author: bot"]`, or `include = […]` when none of those matches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason(String);

/// Why a rule was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRule {
    /// It does not say what it looks at.
    #[error("`{0}` does not say what it looks at: write {FIELDS} before a colon, such as \"category: essays\"")]
    NoField(String),
    /// It looks at something else.
    #[error("`{0}` is nothing that a rule looks at: write {FIELDS}, `not` before it for the opposite")]
    Field(String),
    /// Nothing stands behind the colon.
    #[error("`{0}:` looks for nothing: write what it looks for behind the colon")]
    Empty(String),
    /// A quote is left open.
    #[error("`{0}` opens a quote and does not close it: words that stand together are written \"slow letters\"")]
    Quote(String),
    /// No length of time.
    #[error(transparent)]
    Span(#[from] BadSpan),
    /// No number.
    #[error("`{0}` is not a number of characters, such as 300, nor of minutes, such as 5 minutes")]
    Number(String),
    /// No language tag.
    #[error("`{0}` is not a language: write its tag, such as ko, en or pt-BR")]
    Language(String),
    /// More than a person writes.
    #[error("a rule has at most {LONGEST} characters: write several")]
    Long,
}

const FIELDS: &str =
    "one of `words`, `title`, `category`, `author`, `language`, `older than`, `shorter than`, `longer than`";

/// The most characters of a rule.
const LONGEST: usize = 200;

impl Filter {
    /// Whether it takes everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty()
    }

    /// What it says of an entry of a feed in `language`, as declared, that was
    /// first seen at `seen`.
    #[must_use]
    pub fn judge(&self, entry: &Entry, language: Option<&str>, seen: Timestamp) -> Verdict<'_> {
        let look = Look { entry, language, seen, texts: OnceCell::new() };
        if let Some(rule) = self.exclude.iter().find(|rule| rule.matches(&look)) {
            return Verdict::LeftOut(Reason(format!("exclude = [{}]", Quoted(rule))));
        }
        match self.include.iter().find(|rule| rule.matches(&look)) {
            None if !self.include.is_empty() => Verdict::LeftOut(self.not_included()),
            taken => Verdict::Taken(taken),
        }
    }

    /// Why it leaves such an entry out, if it does.
    #[must_use]
    pub fn leaves_out(&self, entry: &Entry, language: Option<&str>, seen: Timestamp) -> Option<Reason> {
        match self.judge(entry, language, seen) {
            Verdict::Taken(_) => None,
            Verdict::LeftOut(reason) => Some(reason),
        }
    }

    /// Whether it is still the filter that gave this reason: only then is a post
    /// that it no longer leaves out another post, rather than under another rule.
    #[must_use]
    pub fn stands_by(&self, reason: &str) -> bool {
        let excluded = |rule: &Rule| format!("exclude = [{}]", Quoted(rule)) == reason;
        self.exclude.iter().any(excluded) || (!self.include.is_empty() && self.not_included().0 == reason)
    }

    fn not_included(&self) -> Reason {
        Reason(format!("include = [{}]", List(&self.include)))
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [("include", &self.include), ("exclude", &self.exclude)];
        for (number, (key, rules)) in lists.into_iter().filter(|(_, rules)| !rules.is_empty()).enumerate() {
            write!(f, "{}{key} = [{}]", if number > 0 { ", " } else { "" }, List(rules))?;
        }
        Ok(())
    }
}

impl Reason {
    /// The reason as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Rules as a TOML list has them, without its brackets.
struct List<'a>(&'a [Rule]);

/// A rule as a TOML text.
struct Quoted<'a>(&'a Rule);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, rule) in self.0.iter().enumerate() {
            write!(f, "{}{}", if number > 0 { ", " } else { "" }, Quoted(rule))?;
        }
        Ok(())
    }
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = self.0.to_string();
        if rule.contains('"') { write!(f, "'{rule}'") } else { write!(f, "\"{rule}\"") }
    }
}

impl Rule {
    fn matches(&self, look: &Look<'_>) -> bool {
        let all = |terms: &[Term], texts: &[&str]| terms.iter().all(|term| texts.iter().any(|text| term.is_in(text)));
        let found = match &self.test {
            Test::Words(terms) => all(terms, &[&look.texts().title, &look.texts().body]),
            Test::Title(terms) => all(terms, &[&look.texts().title]),
            Test::Author(terms) => look.entry.authors.iter().any(|author| all(terms, &[&folded(author)])),
            Test::Category(name) => look.entry.categories.iter().any(|category| folded(category) == name.folded),
            Test::Language(tag) => look.is_in(tag),
            Test::OlderThan(age) => look.entry.published.is_some_and(|at| look.seen.since(at) > *age),
            Test::ShorterThan(length) => look.length(*length) < length.number(),
            Test::LongerThan(length) => look.length(*length) > length.number(),
        };
        found != self.not
    }
}

impl FromStr for Rule {
    type Err = BadRule;

    fn from_str(text: &str) -> Result<Self, BadRule> {
        let text = text.trim();
        let shown = |text: &str| text.trim().chars().take(60).collect::<String>();
        if text.chars().count() > LONGEST {
            return Err(BadRule::Long);
        }
        let (field, value) = text.split_once(':').ok_or_else(|| BadRule::NoField(shown(text)))?;
        let field = field.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        let (not, field) = field.strip_prefix("not ").map_or((false, field.as_str()), |field| (true, field));
        let value = value.trim();
        let terms = || {
            let terms = terms(value).ok_or_else(|| BadRule::Quote(shown(text)))?;
            if terms.is_empty() { Err(BadRule::Empty(field.to_owned())) } else { Ok(terms) }
        };
        let length = || Length::parse(value).ok_or_else(|| BadRule::Number(shown(value)));
        let test = match field {
            "" => return Err(BadRule::NoField(shown(text))),
            "words" => Test::Words(terms()?),
            "title" => Test::Title(terms()?),
            "author" => Test::Author(terms()?),
            "category" if value.is_empty() => return Err(BadRule::Empty(field.to_owned())),
            "category" => Test::Category(Term::new(value)),
            "language" if is_tag(value) => Test::Language(value.to_ascii_lowercase()),
            "language" => return Err(BadRule::Language(shown(value))),
            "older than" => Test::OlderThan(span::parse(value)?),
            "shorter than" => Test::ShorterThan(length()?),
            "longer than" => Test::LongerThan(length()?),
            other => return Err(BadRule::Field(shown(other))),
        };
        Ok(Self { not, test })
    }
}

/// Words apart, and those in quotes together; `None` when a quote stays open.
fn terms(text: &str) -> Option<Vec<Term>> {
    let pieces: Vec<&str> = text.split('"').collect();
    let terms = pieces
        .iter()
        .enumerate()
        .flat_map(|(number, piece)| if number % 2 == 1 { vec![*piece] } else { piece.split_whitespace().collect() });
    let terms = terms.filter(|term| !term.trim().is_empty()).map(Term::new).collect();
    (pieces.len() % 2 == 1).then_some(terms)
}

/// Whether this may be a BCP 47 tag: a language of two or three letters, then parts.
fn is_tag(text: &str) -> bool {
    let mut parts = text.split('-');
    let first = parts.next().unwrap_or_default();
    (2..=3).contains(&first.len())
        && first.bytes().all(|b| b.is_ascii_alphabetic())
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.not {
            f.write_str("not ")?;
        }
        let terms = |f: &mut fmt::Formatter<'_>, field: &str, terms: &[Term]| {
            write!(f, "{field}:")?;
            terms.iter().try_for_each(|Term { written, .. }| {
                if written.contains(' ') { write!(f, " \"{written}\"") } else { write!(f, " {written}") }
            })
        };
        match &self.test {
            Test::Words(words) => terms(f, "words", words),
            Test::Title(words) => terms(f, "title", words),
            Test::Author(words) => terms(f, "author", words),
            Test::Category(name) => write!(f, "category: {}", name.written),
            Test::Language(tag) => write!(f, "language: {tag}"),
            Test::OlderThan(age) => write!(f, "older than: {}", span::exact(*age)),
            Test::ShorterThan(length) => write!(f, "shorter than: {length}"),
            Test::LongerThan(length) => write!(f, "longer than: {length}"),
        }
    }
}

impl Term {
    fn new(written: &str) -> Self {
        let written = written.split_whitespace().collect::<Vec<_>>().join(" ");
        Self { folded: folded(&written), written }
    }

    /// Whether it stands in a folded text, by itself: not as a part of a longer
    /// word, in scripts that set words apart.
    fn is_in(&self, text: &str) -> bool {
        let ends = |term: &str| (term.chars().next(), term.chars().next_back());
        let (first, last) = ends(&self.folded);
        let mut before = None;
        // From each character on: two places where it begins may overlap.
        text.char_indices().any(|(at, c)| {
            let behind = text.get(at..).and_then(|rest| rest.strip_prefix(self.folded.as_str()));
            let found = behind.is_some_and(|rest| !one_word(before, first) && !one_word(last, rest.chars().next()));
            before = Some(c);
            found
        })
    }
}

/// Whether two neighbours belong to one word. A letter of a script without gaps
/// between words begins another: `AI가` holds the word `AI`.
fn one_word(left: Option<char>, right: Option<char>) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() && !runs_on(c));
    is_part(left) && is_part(right)
}

/// Whether a letter is of a script that sets no gaps between words, or hangs
/// particles on them (blocks of the Unicode Standard): Thai, Lao, Burmese, Khmer,
/// Hangul, Chinese characters, kana, bopomofo.
fn runs_on(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1100}'..='\u{11ff}' | '\u{1780}'..='\u{17ff}'
        | '\u{2e80}'..='\u{a4cf}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}'
        | '\u{1b000}'..='\u{1b16f}' | '\u{20000}'..='\u{3ffff}')
}

/// A text as it is compared: composed and without differences of width (NFKC),
/// without capitals, its white space folded, its apostrophes plain.
fn folded(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.nfkc().flat_map(char::to_lowercase).map(|c| if c == '’' { '\'' } else { c }).collect()
}

/// An entry under a filter's eyes; its texts are made when a rule asks for them.
struct Look<'a> {
    entry: &'a Entry,
    language: Option<&'a str>,
    seen: Timestamp,
    texts: OnceCell<Texts>,
}

/// Its title and its text, folded; and how many characters the text has, and how many minutes it takes to read.
struct Texts {
    title: String,
    body: String,
    length: u32,
    minutes: u32,
}

impl Look<'_> {
    /// How long its text is, counted as `by` is.
    fn length(&self, by: Length) -> u32 {
        match by {
            Length::Characters(_) => self.texts().length,
            Length::Minutes(_) => self.texts().minutes,
        }
    }

    fn texts(&self) -> &Texts {
        self.texts.get_or_init(|| {
            let plain = |html: &Option<CleanHtml>| html.as_ref().map(|html| plain_text(html.as_str()));
            let (summary, content) = (plain(&self.entry.summary), plain(&self.entry.content));
            let text = content.as_ref().or(summary.as_ref()).map_or("", String::as_str);
            Texts {
                title: folded(&self.entry.title),
                length: u32::try_from(text.chars().count()).unwrap_or(u32::MAX),
                minutes: u32::try_from(minutes(text)).unwrap_or(u32::MAX),
                // A line break is no word's neighbour, so that the two stay apart.
                body: format!("{}\n{}", folded(&summary.unwrap_or_default()), folded(&content.unwrap_or_default())),
            }
        })
    }

    /// Whether its language is `tag` or a kind of it (RFC 4647 section 3.3.1); see [`spoken`].
    fn is_in(&self, tag: &str) -> bool {
        let Texts { title, body, .. } = self.texts();
        let declared = self.entry.language.as_deref().or(self.language);
        spoken(&format!("{title}\n{body}"), declared)
            .is_some_and(|actual| actual.strip_prefix(tag).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KOREAN: &str =
        "<p>천천히 쓰는 편지를 좋아하는 사람들이 모여서 한 달에 한 번 서로의 글을 읽고 이야기를 나눕니다.</p>";

    fn seen() -> Timestamp {
        Timestamp::EPOCH.plus(Duration::from_hours(24 * 365))
    }

    /// Published 40 days before it was seen; its text has 20 characters.
    fn entry(title: &str, html: &str) -> Entry {
        Entry {
            guid: "g".into(),
            url: None,
            title: title.into(),
            authors: vec!["Kim Min-su".into(), "Deploy Bot".into()],
            language: None,
            published: Some(seen().minus(Duration::from_hours(24 * 40))),
            updated: None,
            summary: None,
            content: Some(CleanHtml::sanitise(html, None)),
            categories: vec!["Slow  Essays".into(), "편지".into()],
            enclosures: vec![],
            original: None,
            also_at: vec![],
        }
    }

    fn matches(rule: &str, entry: &Entry, language: Option<&str>) -> bool {
        let rule: Rule = rule.parse().unwrap_or_else(|why| panic!("{rule}: {why}"));
        let filter = Filter { include: vec![], exclude: vec![rule] };
        filter.leaves_out(entry, language, seen()).is_some()
    }

    #[test]
    fn a_rule_matches_what_it_says_and_nothing_else() {
        let post = entry("Slow Letters", "<p>of a CAT’s AI가 day</p>");
        for (rule, expected) in [
            ("words: slow", true),
            ("words: SLOW day", true),
            ("words: slow night", false),
            ("words: low", false),
            ("words: cat's", true),
            ("words: ca", false),
            ("words: \"slow letters\"", true),
            ("words: \"letters slow\"", false),
            // Title and text are two texts.
            ("words: \"letters of\"", false),
            ("words: ai", true),
            ("words: 가", true),
            ("title: letters", true),
            ("title: day", false),
            ("category: slow essays", true),
            ("category: essays", false),
            ("category: 편지", true),
            ("author: min-su", true),
            ("author: bot", true),
            ("author: kim bot", false),
            ("author: bo", false),
            ("older than: 30d", true),
            ("older than: 40d", false),
            ("shorter than: 19", true),
            ("shorter than: 18", false),
            ("longer than: 18", false),
            ("longer than: 1_7", true),
            ("shorter than: 2 minutes", true),
            ("longer than: 1 minute", false),
            ("not words: slow", false),
            ("not category: essays", true),
            ("Not Title : day", true),
        ] {
            assert_eq!(matches(rule, &post, None), expected, "{rule}");
        }
    }

    #[test]
    fn words_end_where_their_script_ends_them() {
        for (text, word, expected) in [
            ("느린 편지들이", "편지", true),
            ("東京タワーへ", "タワー", true),
            ("기차역", "차역", true),
            ("сообщение", "общение", false),
            ("Öl-Preis", "öl", true),
            ("Rapid-fire", "fire", true),
            ("C++ and Rust", "c++", true),
            ("nana na na", "\"na na\"", true),
            // The same Hangul, decomposed as some systems write it; full-width letters.
            ("\u{1112}\u{1161}\u{11ab}글", "한글", true),
            ("ＡＩ", "ai", true),
        ] {
            assert_eq!(matches(&format!("title: {word}"), &entry(text, ""), None), expected, "{text} {word}");
        }
    }

    #[test]
    fn a_text_that_tells_its_language_counts_more_than_what_the_feed_declares() {
        let (korean, silent) = (entry("편지", KOREAN), entry("?", "<p>1 2 3</p>"));
        for (post, declared, rule, expected) in [
            (&korean, Some("en-US"), "language: ko", true),
            (&korean, Some("en-US"), "language: en", false),
            (&korean, Some("ko_KR"), "language: ko-kr", true),
            (&korean, None, "language: ko", true),
            (&silent, Some("pt-BR"), "language: pt", true),
            (&silent, Some("pt-BR"), "language: pt-PT", false),
            (&silent, Some("pt"), "language: pt-BR", false),
            (&silent, None, "language: pt", false),
            (&silent, None, "not language: pt", true),
        ] {
            assert_eq!(matches(rule, post, declared), expected, "{rule} of {declared:?}");
        }
        let finnish = "<p>Hitaasti kirjoitettuja kirjeitä rakastavat ihmiset kokoontuvat kerran kuukaudessa lukemaan toistensa tekstejä.</p>";
        assert!(matches("language: fi", &entry("Kirje", finnish), Some("fi")));
        // An entry's own word counts more than its feed's, and less than its text.
        let of = |post: &Entry, language: &str| Entry { language: Some(language.to_owned()), ..post.clone() };
        assert!(matches("language: pt", &of(&silent, "pt-BR"), Some("en")));
        assert!(!matches("language: en", &of(&silent, "pt-BR"), Some("en")));
        assert!(matches("language: ko", &of(&korean, "en"), Some("en")));
    }

    #[test]
    fn one_of_include_is_enough_and_exclude_wins() {
        let rule = |text: &str| text.parse::<Rule>().unwrap();
        let filter = Filter {
            include: vec![rule("category: 편지"), rule("words: rust")],
            exclude: vec![rule("author: robot"), rule("title: \"slow train\"")],
        };
        let said = |title: &str, categories: Vec<String>| {
            let post = Entry { categories, ..entry(title, "") };
            match filter.judge(&post, None, seen()) {
                Verdict::Taken(rule) => format!("taken by {}", rule.unwrap()),
                Verdict::LeftOut(reason) => {
                    assert!(filter.stands_by(reason.as_str()));
                    assert!(
                        !Filter { include: vec![rule("words: go")], ..Filter::default() }.stands_by(reason.as_str())
                    );
                    reason.to_string()
                }
            }
        };
        assert_eq!(said("x", vec!["편지".into()]), "taken by category: 편지");
        assert_eq!(said("Rust", vec![]), "taken by words: rust");
        assert_eq!(said("x", vec![]), "include = [\"category: 편지\", \"words: rust\"]");
        assert_eq!(said("A slow train", vec!["편지".into()]), "exclude = ['title: \"slow train\"']");
        assert_eq!(Filter::default().judge(&entry("x", ""), None, seen()), Verdict::Taken(None));
        assert_eq!(
            filter.to_string(),
            "include = [\"category: 편지\", \"words: rust\"], exclude = [\"author: robot\", 'title: \"slow train\"']"
        );
    }

    #[test]
    fn what_is_shown_parses_to_the_same_rule() {
        for text in [
            "words: Slow \"two words\" c++",
            "not title: 편지",
            "author: Kim",
            "category: a: b, c",
            "language: pt-br",
            "older than: 36h",
            "not shorter than: 300",
            "longer than: 0",
            "longer than: 5 minutes",
            "shorter than: 1 minute",
        ] {
            let rule: Rule = text.parse().unwrap();
            assert_eq!(rule.to_string(), text);
            assert_eq!(rule.to_string().parse(), Ok(rule));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_rule_and_no_text_does_harm(rule in "(not )?(words|title|category|author): ?.{0,30}", text in ".{0,60}") {
            if let Ok(rule) = rule.parse::<Rule>() {
                let post = entry(&text, &text);
                let filter = Filter { include: vec![rule.clone()], exclude: vec![] };
                let _ = filter.judge(&post, None, seen());
                proptest::prop_assert_eq!(rule.to_string().parse::<Rule>(), Ok(rule));
            }
        }
    }
}
