//! The words that posts are found by: one way to take a text apart, for what is
//! stored and for what is looked for, whatever the database.
//!
//! Scripts that part their words are taken word by word, in lower case and without
//! accents. Hangul, Han, kana and scripts without spaces are taken by overlapping
//! pairs of letters, and the last letter of each run by itself: `글쓰기를` is `글쓰`, `쓰기`,
//! `기를`, `를`. So a word is found whatever follows it, and inside a longer one.

mod letters;

use letters::{folded, folded_in_place, paired, runs, short, words};
use serde::Serialize;
use std::borrow::Cow;
use std::iter;
use std::ops::Range;
use unicode_normalization::UnicodeNormalization as _;

/// Of one text, so many words are taken: PostgreSQL counts no further than 16,383 of them.
const MOST_OF_TEXT: usize = 15_000;
/// And so many bytes of words: a `tsvector` holds no more than a megabyte of them, with their places.
const MOST_BYTES: usize = 640 * 1024;
/// Of one word, so many places: a `tsvector` holds no more.
const MOST_PLACES: usize = 255;
/// Of a title, and of all names together.
const MOST_OF_NAMES: usize = 300;
/// Of what is looked for, so many characters count,
const LONGEST_QUERY: usize = 200;
/// and so many words.
const MOST_TERMS: usize = 12;
/// A word finds those that it begins when it has so many letters.
const TELLING_LETTERS: usize = 3;
/// So many characters stand before the first find of an excerpt, at most.
const BEFORE: usize = 60;

/// What is found of a post, most telling first.
#[derive(Debug, Clone, Default)]
pub struct Findable<'a> {
    /// Its title.
    pub title: &'a str,
    /// Its tags, its authors, and the title of its source.
    pub names: Vec<&'a str>,
    /// Its text, plain.
    pub text: &'a str,
}

impl Findable<'_> {
    /// Each with how many of its words are taken, and their weight: A, B or D in the two highest bits of a place.
    fn parts(&self) -> [(Cow<'_, str>, usize, u16); 3] {
        let names = self.names.join(" \n ");
        [
            (folded(self.title), MOST_OF_NAMES, 3 << 14),
            (Cow::Owned(folded(&names).into_owned()), MOST_OF_NAMES, 2 << 14),
            (folded(self.text), MOST_OF_TEXT, 0),
        ]
    }

    /// The words of title, names and text, a space between each two (for SQLite's FTS5).
    #[must_use]
    pub fn columns(&self) -> [String; 3] {
        self.parts().map(|(text, most, _)| {
            let mut column = String::with_capacity(text.len() * 2);
            for word in counted(&text, most) {
                if !column.is_empty() {
                    column.push(' ');
                }
                column.push_str(word);
            }
            column
        })
    }

    /// The words with their places and weights, as PostgreSQL is sent a `tsvector` in its binary form: how many words;
    /// of each, in their order, its bytes, a zero, how many places, and the places with their weights (`tsvectorrecv`).
    #[must_use]
    pub fn vector(&self) -> Vec<u8> {
        let parts = self.parts();
        let mut all: Vec<(u64, &str, u16)> = Vec::new();
        let mut place = 0;
        for (text, most, weight) in &parts {
            for word in counted(text, *most) {
                place += 1;
                all.push((beginning(word), word, place | weight));
            }
            // No phrase reaches from the title into the text.
            place += 1;
        }
        // Of one word, the places stay in their order.
        all.sort_by(|(a, a_word, _), (b, b_word, _)| a.cmp(b).then_with(|| a_word.cmp(b_word)));
        let words: Vec<_> = all.chunk_by(|(_, a, _), (_, b, _)| a == b).collect();
        let mut vector = Vec::with_capacity(all.len() * 12);
        vector.extend(u32::try_from(words.len()).unwrap_or(0).to_be_bytes());
        for places in words {
            let Some((_, word, _)) = places.first() else { continue };
            let places = places.get(..MOST_PLACES).unwrap_or(places);
            vector.extend(word.bytes());
            vector.push(0);
            vector.extend(u16::try_from(places.len()).unwrap_or(0).to_be_bytes());
            vector.extend(places.iter().flat_map(|(.., place)| place.to_be_bytes()));
        }
        vector
    }
}

/// The first eight bytes of a word, which most words are told apart by at once.
fn beginning(word: &str) -> u64 {
    word.bytes().chain(iter::repeat(0)).take(8).fold(0, |all, byte| all << 8 | u64::from(byte))
}

/// What somebody looks for: posts that hold all of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    terms: Vec<Term>,
}

/// Runs of letters that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    runs: Vec<Run>,
    /// Whether it stood in quotes, so that its words are meant as they are.
    is_exact: bool,
}

/// Letters without anything between them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    letters: String,
    is_paired: bool,
}

/// A part of a text, and whether it is what was looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// The part.
    pub text: String,
    /// Whether it was looked for.
    pub is_found: bool,
}

impl Query {
    /// What was typed. Anything can be: what is no letter and no digit parts words, and what stands in quotes
    /// is looked for as it is.
    #[must_use]
    pub fn parse(typed: &str) -> Self {
        let end = typed.char_indices().nth(LONGEST_QUERY).map_or(typed.len(), |(end, _)| end);
        let typed = folded(typed.get(..end).unwrap_or(typed));
        let mut terms = Vec::new();
        for (number, part) in typed.split(['"', '“', '”', '„']).enumerate() {
            let found = runs(part).map(|(range, is_paired)| {
                let letters = part.get(range).unwrap_or_default();
                Run { letters: if is_paired { letters } else { short(letters) }.to_owned(), is_paired }
            });
            if number % 2 == 1 {
                let runs: Vec<Run> = found.take(MOST_TERMS).collect();
                terms.extend((!runs.is_empty()).then_some(Term { runs, is_exact: true }));
            } else {
                terms.extend(found.map(|run| Term { runs: vec![run], is_exact: false }));
            }
        }
        terms.truncate(MOST_TERMS);
        Self { terms }
    }

    /// Whether nothing is looked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// The same in the language of SQLite's FTS5.
    #[must_use]
    pub fn for_sqlite(&self) -> String {
        let term = |term: &Term| {
            let (words, ending) = term.words();
            let phrase = format!("\"{}\"", words.join(" "));
            match ending {
                Ending::Whole => phrase,
                Ending::Begins => format!("{phrase}*"),
                // What is meant as it is counts for more.
                Ending::Either => format!("({phrase} OR {phrase}*)"),
            }
        };
        self.terms.iter().map(term).collect::<Vec<_>>().join(" AND ")
    }

    /// The same as PostgreSQL writes a `tsquery`.
    #[must_use]
    pub fn for_postgres(&self) -> String {
        let term = |term: &Term| {
            let (words, ending) = term.words();
            let phrase = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" <-> ");
            match ending {
                Ending::Whole => format!("({phrase})"),
                Ending::Begins => format!("({phrase}:*)"),
                Ending::Either => format!("({phrase} | {phrase}:*)"),
            }
        };
        self.terms.iter().map(term).collect::<Vec<_>>().join(" & ")
    }

    /// A short text, with what was looked for marked in it.
    #[must_use]
    pub fn marked(&self, text: &str) -> Vec<Piece> {
        let text: String = text.nfc().collect();
        let marks = self.marks(&text);
        pieces(&text, &marks)
    }

    /// About `most` characters of a text around the first thing that was looked for,
    /// else its beginning, with what was looked for marked.
    #[must_use]
    pub fn excerpt(&self, text: &str, most: usize) -> Vec<Piece> {
        let text: String = text.nfc().collect();
        let marks = self.marks(&text);
        let first = marks.first().map_or(0, |mark| mark.start);
        let head = text.get(..first).unwrap_or_default();
        let from = head.char_indices().rev().nth(BEFORE - 1).map_or(0, |(at, _)| at);
        // At a word's beginning, where one is near.
        let from = match head.get(from..).and_then(|near| near.find(char::is_whitespace)) {
            Some(space) if from > 0 => head.len().min(from + space + 1),
            _ => from,
        };
        let rest = text.get(from..).unwrap_or_default();
        let to = rest.char_indices().nth(most).map_or(text.len(), |(at, _)| from + at);
        let shown = text.get(from..to).unwrap_or_default();
        let to = match shown.rfind(char::is_whitespace) {
            Some(space) if to < text.len() && space > shown.len() / 2 => from + space,
            _ => to,
        };
        let inside: Vec<Range<usize>> = marks
            .into_iter()
            .filter(|mark| mark.start >= from && mark.end <= to)
            .map(|mark| mark.start - from..mark.end - from)
            .collect();
        let mut pieces = pieces(text.get(from..to).unwrap_or_default().trim_end(), &inside);
        if from > 0 {
            pieces.insert(0, Piece { text: "… ".to_owned(), is_found: false });
        }
        if to < text.len() {
            pieces.push(Piece { text: " …".to_owned(), is_found: false });
        }
        pieces
    }

    /// Where the text holds what is looked for, in order, none over another.
    fn marks(&self, text: &str) -> Vec<Range<usize>> {
        let (folded, places) = folded_in_place(text);
        let all: Vec<(Range<usize>, bool)> = runs(&folded).take(MOST_OF_TEXT).collect();
        let mut marks = Vec::new();
        for at in 0..all.len() {
            for term in &self.terms {
                term.find(&folded, all.get(at..).unwrap_or_default(), &mut marks);
            }
        }
        marks.sort_unstable_by_key(|mark| (mark.start, std::cmp::Reverse(mark.end)));
        let mut apart: Vec<Range<usize>> = Vec::new();
        for mark in marks {
            let original = |at: usize| places.get(at).copied().unwrap_or(text.len());
            let mark = original(mark.start)..original(mark.end);
            match apart.last_mut() {
                Some(last) if mark.start <= last.end => last.end = last.end.max(mark.end),
                _ => apart.push(mark),
            }
        }
        apart
    }
}

/// How the last word of a term is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Whole,
    Begins,
    Either,
}

impl Term {
    /// The words that follow each other in what is stored, and how the last is meant.
    fn words(&self) -> (Vec<&str>, Ending) {
        let (mut all, mut ending) = (Vec::new(), Ending::Whole);
        for (number, run) in self.runs.iter().enumerate() {
            if !run.is_paired {
                all.push(run.letters.as_str());
                let telling = run.letters.chars().count() >= TELLING_LETTERS;
                ending = if telling && !self.is_exact { Ending::Either } else { Ending::Whole };
                continue;
            }
            let is_last = number + 1 == self.runs.len();
            let pairs = all.len();
            all.extend(paired(&run.letters));
            ending = Ending::Whole;
            if is_last && all.len() - pairs > 1 {
                // More letters may follow.
                all.pop();
            } else if is_last {
                ending = Ending::Begins;
            }
        }
        (all, ending)
    }

    /// Marks where the first of these runs of a text begins what is looked for.
    fn find(&self, text: &str, all: &[(Range<usize>, bool)], marks: &mut Vec<Range<usize>>) {
        let letters = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default();
        let Some((first, first_is_paired)) = all.first() else { return };
        if let [run] = self.runs.as_slice() {
            if run.is_paired != *first_is_paired {
            } else if run.is_paired {
                let found = letters(first).match_indices(&run.letters);
                marks.extend(found.map(|(at, found)| first.start + at..first.start + at + found.len()));
            } else {
                let begins = !self.is_exact && run.letters.chars().count() >= TELLING_LETTERS;
                let word = short(letters(first));
                if word == run.letters || (begins && word.starts_with(&run.letters)) {
                    marks.push(first.clone());
                }
            }
            return;
        }
        let last = self.runs.len().saturating_sub(1);
        let (mut start, mut end) = (first.start, first.start);
        for (number, run) in self.runs.iter().enumerate() {
            let Some((range, is_paired)) = all.get(number) else { return };
            let word = if *is_paired { letters(range) } else { short(letters(range)) };
            let fits = *is_paired == run.is_paired
                && match number {
                    0 if run.is_paired => word.ends_with(&run.letters),
                    number if number == last && run.is_paired => word.starts_with(&run.letters),
                    _ => word == run.letters,
                };
            if !fits {
                return;
            }
            if number == 0 {
                start = range.end - run.letters.len();
            }
            end = range.start + run.letters.len();
        }
        marks.push(start..end);
    }
}

/// The words of a text as far as they are stored.
fn counted(folded: &str, most: usize) -> impl Iterator<Item = &str> {
    let mut bytes = 0;
    words(folded).take(most).take_while(move |word| {
        bytes += word.len();
        bytes <= MOST_BYTES
    })
}

fn pieces(text: &str, marks: &[Range<usize>]) -> Vec<Piece> {
    let (mut pieces, mut at) = (Vec::new(), 0);
    let mut push = |range: Range<usize>, is_found| {
        let part = text.get(range).unwrap_or_default();
        if !part.is_empty() {
            pieces.push(Piece { text: part.to_owned(), is_found });
        }
    };
    for mark in marks {
        push(at..mark.start, false);
        push(mark.clone(), true);
        at = mark.end;
    }
    push(at..text.len(), false);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str) -> Vec<String> {
        words(&folded(text)).map(str::to_owned).collect()
    }

    fn marked(query: &str, text: &str) -> String {
        let pieces = Query::parse(query).marked(text);
        pieces
            .iter()
            .map(|piece| if piece.is_found { format!("[{}]", piece.text) } else { piece.text.clone() })
            .collect()
    }

    #[test]
    fn a_text_is_taken_apart_by_its_scripts() {
        for (text, words) in [
            ("Slow letters, 2026!", vec!["slow", "letters", "2026"]),
            ("글쓰기를", vec!["글쓰", "쓰기", "기를", "를"]),
            ("서울 밤", vec!["서울", "울", "밤"]),
            ("BTS의 Café", vec!["bts", "의", "cafe"]),
            ("ﬁne ＡＢＣ Straße ÉCOLE", vec!["fine", "abc", "straße", "ecole"]),
            ("東京タワー", vec!["東京", "京タ", "タワ", "ワー", "ー"]),
            ("don’t — co-op", vec!["don", "t", "co", "op"]),
            ("\0\u{1f600} ' ; -- \u{e000}", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(taken(text), words, "{text}");
        }
        // As macOS writes names of files.
        let apart: String = "서울 학교".nfd().collect();
        assert_eq!(taken(&apart), taken("서울 학교"));
        assert_eq!(taken(&"x".repeat(200)), ["x".repeat(64)]);
    }

    #[test]
    fn what_is_stored_is_written_for_each_engine() {
        let post = Findable { title: "Tea, tea", names: vec!["차", "Ada's"], text: "a cup of tea" };
        assert_eq!(post.columns(), ["tea tea", "차 ada s", "a cup of tea"]);
        let (a, b) = (3 << 14, 2 << 14);
        let words: [(&str, &[u16]); 7] = [
            ("a", &[8]),
            ("ada", &[b | 5]),
            ("cup", &[9]),
            ("of", &[10]),
            ("s", &[b | 6]),
            ("tea", &[a | 1, a | 2, 11]),
            ("차", &[b | 4]),
        ];
        let mut vector = vec![0, 0, 0, 7];
        for (word, places) in words {
            vector.extend([word.as_bytes(), &[0, 0, u8::try_from(places.len()).unwrap()]].concat());
            vector.extend(places.iter().flat_map(|place| place.to_be_bytes()));
        }
        assert_eq!(post.vector(), vector);
        let long = Findable { text: &"말".repeat(40_000), ..Findable::default() };
        assert_eq!(long.columns()[2].split(' ').count(), MOST_OF_TEXT);
    }

    #[test]
    fn a_query_says_the_same_to_each_engine() {
        for (typed, sqlite, postgres) in [
            ("Slow tea", r#"("slow" OR "slow"*) AND ("tea" OR "tea"*)"#, "('slow' | 'slow':*) & ('tea' | 'tea':*)"),
            ("글쓰기", r#""글쓰 쓰기""#, "('글쓰' <-> '쓰기')"),
            ("서울", r#""서울""#, "('서울')"),
            ("글", r#""글"*"#, "('글':*)"),
            ("\"slow letters\" go", r#""slow letters" AND "go""#, "('slow' <-> 'letters') & ('go')"),
            ("“서울 여행”", r#""서울 울 여행""#, "('서울' <-> '울' <-> '여행')"),
            ("a' OR \"1\"=1; --", r#""a" AND "or" AND "1" AND "1""#, "('a') & ('or') & ('1') & ('1')"),
            (
                "NEAR(x* ^y) {title}: -z",
                r#"("near" OR "near"*) AND "x" AND "y" AND ("title" OR "title"*) AND "z""#,
                "('near' | 'near':*) & ('x') & ('y') & ('title' | 'title':*) & ('z')",
            ),
            ("\0 ' \" \\ ()", "", ""),
        ] {
            let query = Query::parse(typed);
            assert_eq!((query.for_sqlite().as_str(), query.for_postgres().as_str()), (sqlite, postgres), "{typed}");
        }
        let long = Query::parse(&"word ".repeat(2_000));
        assert_eq!(long.terms.len(), MOST_TERMS);
        assert!(Query::parse(&"\"".repeat(10_000)).is_empty());
    }

    #[test]
    fn what_was_looked_for_is_marked() {
        for (query, text, expected) in [
            ("writ", "Writing, writers and rewriting", "[Writing], [writers] and rewriting"),
            ("of", "of offers", "[of] offers"),
            ("글쓰", "느린 글쓰기와 글 쓰기", "느린 [글쓰]기와 글 쓰기"),
            ("cafe", "Le Cafe\u{301} CAFÉ", "Le [Café] [CAFÉ]"),
            ("\"서울 여행\"", "서울 여행기, 서울에서 여행", "[서울 여행]기, 서울에서 여행"),
            ("\"slow tea\" tea", "slow teas, slow, tea", "slow [teas], [slow, tea]"),
            ("nothing", "else", "else"),
            ("가", "가가 나", "[가가] 나"),
        ] {
            assert_eq!(marked(query, text), expected, "{query}");
        }
        let apart: String = "서울 학교".nfd().collect();
        assert_eq!(marked("학교", &apart), "서울 [학교]");
    }

    #[test]
    fn an_excerpt_stands_around_the_first_find() {
        let text = format!(
            "{}A cup of tea is here. {}",
            "Word after word goes by. ".repeat(20),
            "And on it goes. ".repeat(20)
        );
        let pieces = Query::parse("cup").excerpt(&text, 100);
        let said: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
        assert!(said.starts_with("… ") && said.ends_with(" …") && said.contains("A cup of tea"), "{said}");
        assert!((80..=104).contains(&said.chars().count()), "{said}");
        assert_eq!(pieces.iter().filter(|piece| piece.is_found).count(), 1);
        let beginning = Query::parse("absent").excerpt("Short.", 100);
        assert_eq!(beginning, [Piece { text: "Short.".to_owned(), is_found: false }]);
        assert_eq!(Query::parse("x").excerpt("", 10), []);
        let korean = "느린 편지를 쓰는 모임이 있습니다 ".repeat(50);
        let said: String = Query::parse("모임").excerpt(&korean, 40).iter().map(|piece| piece.text.clone()).collect();
        assert!(said.chars().count() <= 44, "{said}");
    }
}
