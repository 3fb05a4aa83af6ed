//! Who wrote an entry: names in the many forms that feeds write them, of the
//! entry itself, of the feed that it was taken from, or of the whole feed.

use super::field;
use super::files::media;
use super::names::Ns;
use super::text::plain_title;
use super::tree::Element;

/// What those do who are a work's authors (Media RSS `credit`, EBU roles).
const WRITERS: [&str; 5] = ["author", "writer", "creator", "artist", "photographer"];

/// Who wrote all of a feed, unless an entry says otherwise.
pub(super) fn of_feed(channel: &Element<'_>) -> Vec<String> {
    let mut people = People::default();
    people.take(channel.all(Ns::Feed, "author"));
    people.take(channel.all(Ns::Dc, "creator"));
    if people.is_empty() {
        people.take(channel.all(Ns::Itunes, "author"));
    }
    if people.is_empty() {
        people.take(channel.all(Ns::Feed, "managingEditor"));
        // The address of an office is nobody's name.
        people.addresses.clear();
    }
    people.list()
}

/// Who wrote an entry; empty when it does not say.
pub(super) fn of_entry(element: &Element<'_>) -> Vec<String> {
    let mut people = People::default();
    people.take(element.all(Ns::Feed, "author"));
    people.take(element.all(Ns::Dc, "creator"));
    people.take(element.all(Ns::Dc, "author"));
    if people.is_empty() {
        people.take(element.all(Ns::Itunes, "author"));
    }
    if people.is_empty() {
        let credits = std::iter::once(element).chain(media(element)).flat_map(|place| place.all(Ns::Media, "credit"));
        people.take(credits.filter(|credit| {
            credit.attribute("role").is_none_or(|role| WRITERS.iter().any(|known| known.eq_ignore_ascii_case(role)))
        }));
    }
    if people.is_empty() {
        people.take(element.all(Ns::Feed, "source").flat_map(|source| source.all(Ns::Feed, "author")));
    }
    people.list()
}

/// People, each once; a mail address stands for a person without a name only.
#[derive(Default)]
struct People {
    names: Vec<String>,
    addresses: Vec<String>,
}

impl People {
    fn take<'t, 'a: 't>(&mut self, people: impl Iterator<Item = &'t Element<'a>>) {
        for person in people {
            let name = person.text_of(Ns::Feed, "name").map(plain_title);
            let email = person.text_of(Ns::Feed, "email").map(plain_title);
            match (name, email) {
                (Some(name), _) => push(&mut self.names, &name),
                (None, Some(email)) => push(&mut self.addresses, &email),
                (None, None) => field::names(person).for_each(|name| self.take_text(&name)),
            }
        }
    }

    /// One person, or several with a mail address each.
    fn take_text(&mut self, text: &str) {
        let each: Vec<&str> = text.split([',', ';']).collect();
        if each.len() > 1 && each.iter().all(|one| one.contains('@')) {
            for one in each {
                self.take_one(one);
            }
        } else {
            self.take_one(text);
        }
    }

    /// `mail@example.org (Name)`, `Name (mail@example.org)`, `Name <mail@example.org>`.
    fn take_one(&mut self, text: &str) {
        let (name, address) = match bracketed(text) {
            Some((inside, outside)) if is_address(&outside) => (inside, outside),
            Some((inside, outside)) if is_address(&inside) => (outside, inside),
            _ if is_address(text) => (String::new(), text.to_owned()),
            _ => (text.to_owned(), String::new()),
        };
        let name = name.trim().trim_matches('"');
        if name.is_empty() {
            push(&mut self.addresses, address.trim().trim_start_matches("mailto:"));
        } else {
            push(&mut self.names, name);
        }
    }

    fn is_empty(&self) -> bool {
        self.names.is_empty() && self.addresses.is_empty()
    }

    fn list(self) -> Vec<String> {
        if self.names.is_empty() { self.addresses } else { self.names }
    }
}

/// What stands in the first brackets, and what stands around them.
fn bracketed(text: &str) -> Option<(String, String)> {
    let (open, close) = if text.contains('(') { ('(', ')') } else { ('<', '>') };
    let (before, rest) = text.split_once(open)?;
    let (inside, behind) = rest.split_once(close).unwrap_or((rest, ""));
    Some((inside.to_owned(), format!("{before}{behind}")))
}

fn is_address(text: &str) -> bool {
    text.contains('@') && !text.trim().contains(' ')
}

/// No post has more authors, more tags or more files.
pub(super) const MOST: usize = 1_000;

/// Adds a text, unless it is there or empty, or the list is long enough.
pub(super) fn push(list: &mut Vec<String>, text: &str) {
    let text = text.trim();
    if list.len() < MOST && !text.is_empty() && !list.iter().any(|known| known == text) {
        list.push(text.to_owned());
    }
}
