//! The recorded cases of R17, read from `tests/identity/*.txt`: each a script of
//! successive polls, and the posts that must result.
//!
//! ```text
//! case what the blog does
//! poll
//!   3..1                          three entries, the newest first, with everything by number
//! poll
//!   3 | guid=new-{n} | title+=!   one of them with another guid, and something behind its title
//! posts
//!   1..3 seed
//!   4 live | guid=new-4           standing; guid, title and earlier versions where they are others
//! address                         the source's posts are told apart by their addresses in the end
//! ```
//!
//! An entry has the fields `guid`, `link`, `title`, `day` and `text` (HTML); what is
//! left empty is not there. `long` in front of others gives it a text that is told
//! from every other. A link that begins with `/` stands on the blog.

use std::fmt::Write as _;
use std::path::Path;
use syndicated::domain::text::escape;
use syndicated::domain::time::Timestamp;

const SITE: &str = "https://blog.example.com";
const LONG: &str = "A text that is long enough to be told from every other text of this blog, since it goes on and on \
                    about one thing after another, with names, numbers such as 4711, and an end that nobody expects \
                    before they have read it at least twice, and most will not read it that often after all.";

/// One case.
#[derive(Debug, Default)]
pub(crate) struct Case {
    /// The file that it stands in, and its name.
    pub(crate) name: String,
    /// The documents, one after the other.
    pub(crate) polls: Vec<Vec<Shown>>,
    /// The posts that must result.
    pub(crate) posts: Vec<Expected>,
    /// Whether addresses tell the source's posts apart in the end.
    pub(crate) by_address: bool,
}

/// An entry of a document.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    guid: String,
    link: String,
    title: String,
    day: String,
    text: String,
}

/// A post that must be stored, and how.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Expected {
    pub(crate) guid: String,
    pub(crate) title: String,
    pub(crate) standing: String,
    pub(crate) versions: usize,
}

/// All cases, in the order of their files.
pub(crate) fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/identity");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
        .iter()
        .flat_map(|file| read(file.file_stem().unwrap().to_str().unwrap(), &std::fs::read_to_string(file).unwrap()))
        .collect()
}

fn read(file: &str, text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut in_posts = false;
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix("case ") {
            in_posts = false;
            cases.push(Case { name: format!("{file}: {name}"), ..Case::default() });
            continue;
        }
        let case = cases.last_mut().unwrap();
        match line {
            "poll" => case.polls.push(Vec::new()),
            "posts" => in_posts = true,
            "address" => case.by_address = true,
            _ if in_posts => case.posts.extend(expected(line)),
            _ => case.polls.last_mut().unwrap_or_else(|| panic!("{line}")).extend(shown(line)),
        }
    }
    cases
}

/// The numbers that a line begins with, and its fields.
fn parts(line: &str) -> (Vec<u32>, &str, Vec<&str>) {
    let mut parts = line.trim().split(" | ");
    let head = parts.next().unwrap();
    let (numbers, rest) = head.split_once(' ').unwrap_or((head, ""));
    let number = |text: &str| text.parse::<u32>().unwrap_or_else(|_| panic!("{line}"));
    let numbers = match numbers.split_once("..") {
        Some((from, to)) if number(from) > number(to) => (number(to)..=number(from)).rev().collect(),
        Some((from, to)) => (number(from)..=number(to)).collect(),
        None => vec![number(numbers)],
    };
    (numbers, rest.trim(), parts.collect())
}

fn shown(line: &str) -> Vec<Shown> {
    let (numbers, _, fields) = parts(line);
    numbers.into_iter().map(|number| one_shown(number, &fields)).collect()
}

fn one_shown(number: u32, fields: &[&str]) -> Shown {
    let mut shown = Shown {
        guid: format!("post-{number}"),
        link: format!("/{number}"),
        title: format!("Post {number}"),
        day: number.to_string(),
        text: format!("The text of post {number}."),
    };
    for field in fields {
        if *field == "long" {
            shown.text = format!("{number}. {LONG}");
            continue;
        }
        let (name, value) = field.split_once('=').unwrap_or_else(|| panic!("{field}"));
        let value = value.replace("{n}", &number.to_string());
        let (name, adds) = name.strip_suffix('+').map_or((name, false), |name| (name, true));
        let place = match name {
            "guid" => &mut shown.guid,
            "link" => &mut shown.link,
            "title" => &mut shown.title,
            "day" => &mut shown.day,
            "text" => &mut shown.text,
            other => panic!("{other}"),
        };
        *place = match (name, adds) {
            ("day", true) => (place.parse::<u32>().unwrap() + value.parse::<u32>().unwrap()).to_string(),
            (_, true) => format!("{place}{value}"),
            (_, false) => value,
        };
    }
    shown
}

fn expected(line: &str) -> Vec<Expected> {
    let (numbers, standing, fields) = parts(line);
    let one = |number: u32| {
        let (mut guid, mut title, mut versions) = (format!("post-{number}"), format!("Post {number}"), 0);
        for field in &fields {
            let (name, value) = field.split_once('=').unwrap_or_else(|| panic!("{line}"));
            let value = value.replace("{n}", &number.to_string());
            match name {
                "guid" => guid = value,
                "title" => title = value,
                "versions" => versions = value.parse().unwrap(),
                other => panic!("{other}"),
            }
        }
        Expected { guid, title, standing: standing.to_owned(), versions }
    };
    numbers.into_iter().map(one).collect()
}

/// The RSS document of these entries.
pub(crate) fn document(entries: &[Shown]) -> String {
    let mut feed =
        format!("<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>A blog</title><link>{SITE}/</link>");
    for Shown { guid, link, title, day, text } in entries {
        feed.push_str("<item>");
        let link = if link.starts_with('/') { format!("{SITE}{link}") } else { link.clone() };
        let date =
            day.parse::<i64>().map(|day| Timestamp::from_millis(1_790_000_000_000 + day * 86_400_000).to_rfc2822());
        for (name, value) in [
            ("guid isPermaLink=\"false\"", guid.clone()),
            ("link", link),
            ("title", title.clone()),
            ("pubDate", date.unwrap_or_default()),
            ("description", text.clone()),
        ] {
            if !value.is_empty() {
                let end = name.split(' ').next().unwrap();
                write!(feed, "<{name}>{}</{end}>", escape(&value)).unwrap();
            }
        }
        feed.push_str("</item>");
    }
    feed + "</channel></rss>"
}
