//! Broken JSON into a value, the way its author meant it: commas and quotes too
//! many or too few, comments, words that JSON does not know, values of the wrong
//! type, a cut end. One pass; what is nested too deep is left out (P15).

use super::repair::{Repair, Repairs};
use serde_json::{Map, Number, Value};

/// Values may be nested this deep.
const MAX_DEPTH: usize = 64;
/// No word that stands for a value, and no name without quotes, is longer.
const LONGEST_WORD: usize = 40;

/// The value of a document.
pub(super) fn parse(text: &str, repairs: &mut Repairs) -> Value {
    let mut scan = Scan { rest: text, cut: false };
    let value = scan.value(0).unwrap_or_default();
    repairs.note(Repair::Json);
    if scan.cut {
        repairs.note(Repair::Truncated);
    }
    value
}

/// A feed whose values have the types that JSON Feed asks for, as far as what
/// was meant is plain.
pub(super) fn typed(feed: &mut Value, repairs: &mut Repairs) {
    let mut mended = false;
    if let Some(items) = feed.get_mut("items") {
        let list = match items.take() {
            Value::Object(named) => named.into_iter().map(|(_, item)| item).collect(),
            Value::Array(list) => list,
            _ => Vec::new(),
        };
        let many = list.len();
        let mut list: Vec<Value> = list.into_iter().filter(Value::is_object).collect();
        mended |= list.len() < many;
        for item in &mut list {
            mended |= typed_item(item);
        }
        *items = list.into();
    }
    if mended {
        repairs.note(Repair::Json);
    }
}

/// Whether anything was changed. That identities may be numbers is nobody's fault.
fn typed_item(item: &mut Value) -> bool {
    let mut mended = false;
    for (name, value) in item.as_object_mut().into_iter().flatten() {
        let list = matches!(name.as_str(), "tags" | "authors" | "attachments");
        *value = match value.take() {
            Value::Number(number) if name != "id" => number.to_string().into(),
            one @ (Value::String(_) | Value::Object(_)) if list => vec![one].into(),
            right => {
                *value = right;
                continue;
            }
        };
        mended = true;
    }
    mended
}

struct Scan<'a> {
    rest: &'a str,
    /// Whether the document ended before its value did. What it cut is left out,
    /// but for the feed itself and the list of its items.
    cut: bool,
}

impl Scan<'_> {
    /// The next character that means something, still in front.
    fn next(&mut self) -> Option<char> {
        loop {
            self.rest = trimmed(self.rest);
            let end = match self.rest.get(..2) {
                Some("//") => self.rest.find('\n'),
                Some("/*") => self.rest.find("*/").map(|end| end + 2),
                _ => return self.rest.chars().next(),
            };
            self.skip(end.unwrap_or(self.rest.len()));
        }
    }

    fn skip(&mut self, length: usize) {
        self.rest = self.rest.get(length..).unwrap_or_default();
    }

    /// Steps over this character, if it is the next one.
    fn take(&mut self, c: char) -> bool {
        let found = self.next() == Some(c);
        self.skip(if found { c.len_utf8() } else { 0 });
        found
    }

    /// The value that begins here; `None` when the document ends in it.
    fn value(&mut self, depth: usize) -> Option<Value> {
        match self.next() {
            Some('{' | '[') if depth >= MAX_DEPTH => self.too_deep(),
            Some('{') => self.object(depth),
            Some('[') => self.array(depth),
            Some(quote @ ('"' | '\'')) => self.string(quote).map(Value::String),
            // Nothing stands where a value should.
            Some(',' | '}' | ']') => Some(Value::Null),
            Some(_) => Some(self.word()),
            None => self.ends(),
        }
    }

    /// The document ends here, in the middle of something.
    fn ends<T>(&mut self) -> Option<T> {
        self.cut = true;
        None
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        self.skip(1);
        let mut members = Map::new();
        loop {
            while self.take(',') || self.take(':') {}
            match self.next() {
                Some('}') => {
                    self.skip(1);
                    break;
                }
                // It was never closed: this belongs to what is around it, or to nothing.
                Some('{' | '[' | ']') if depth > 0 => break,
                Some(']') => self.skip(1),
                Some('{' | '[') => _ = self.value(depth + 1),
                Some(first) => {
                    let name = if matches!(first, '"' | '\'') { self.string(first) } else { Some(self.name()) };
                    let value = name.and_then(|name| {
                        Some((name, if self.take(':') { self.value(depth + 1)? } else { Value::Null }))
                    });
                    // The first of two members of a name is not the last word.
                    if let Some((name, value)) = value {
                        members.insert(name, value);
                    }
                }
                None => self.cut = true,
            }
            if self.cut {
                return (depth == 0).then_some(Value::Object(members));
            }
        }
        Some(Value::Object(members))
    }

    fn array(&mut self, depth: usize) -> Option<Value> {
        self.skip(1);
        let mut values = Vec::new();
        loop {
            while self.take(',') {}
            let before = self.rest;
            match self.next() {
                Some(']') => {
                    self.skip(1);
                    break;
                }
                Some('}') => break,
                Some(':') => self.skip(1),
                Some(_) => {
                    let value = self.value(depth + 1);
                    // A name with its value belongs to the object around an array that was never closed.
                    if matches!(value, Some(Value::String(_))) && self.next() == Some(':') {
                        self.rest = before;
                        break;
                    }
                    values.extend(value);
                }
                None => self.cut = true,
            }
            if self.cut {
                return (depth == 1).then_some(Value::Array(values));
            }
        }
        Some(Value::Array(values))
    }

    /// A text, behind whose end quote something must follow that can follow a text.
    fn string(&mut self, quote: char) -> Option<String> {
        self.skip(1);
        let mut text = String::new();
        loop {
            let Some(end) = self.rest.find([quote, '\\']) else {
                self.rest = "";
                return self.ends();
            };
            text.push_str(self.rest.get(..end).unwrap_or_default());
            let escapes = self.rest.get(end..).is_some_and(|rest| rest.starts_with('\\'));
            self.skip(end + 1);
            if escapes {
                self.escape(&mut text)?;
            } else if may_follow_text(self.rest) {
                return Some(text);
            } else {
                text.push(quote);
            }
        }
    }

    /// What follows a backslash.
    fn escape(&mut self, text: &mut String) -> Option<()> {
        let Some(kind) = self.rest.chars().next() else { return self.ends() };
        self.skip(kind.len_utf8());
        match kind {
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            'b' | 'f' => text.push(' '),
            'x' => match self.hexadecimal(2) {
                Some(code) => text.extend(char::from_u32(code)),
                None => text.push_str("\\x"),
            },
            'u' => match self.hexadecimal(4) {
                Some(high @ 0xD800..0xDC00) => {
                    let behind = self.rest;
                    let low = self.rest.starts_with("\\u").then(|| self.skip(2)).and_then(|()| self.hexadecimal(4));
                    let pair = low.filter(|low| (0xDC00..0xE000).contains(low));
                    let whole = pair.and_then(|low| char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)));
                    if whole.is_none() {
                        self.rest = behind;
                    }
                    text.push(whole.unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                Some(code) => text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)),
                None => text.push_str("\\u"),
            },
            // An escaped line end is none; an escape that JSON does not know is the character itself.
            '\n' => {}
            other => text.push(other),
        }
        Some(())
    }

    fn hexadecimal(&mut self, digits: usize) -> Option<u32> {
        let code = self.rest.get(..digits).filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        self.skip(digits);
        u32::from_str_radix(code, 16).ok()
    }

    /// A number, or a word.
    fn word(&mut self) -> Value {
        let end = self.rest.find(|c: char| c.is_whitespace() || matches!(c, ',' | ':' | '{' | '}' | '[' | ']' | '"'));
        let word = self.rest.get(..end.unwrap_or(self.rest.len())).unwrap_or_default();
        self.skip(word.len().max(usize::from(self.rest.starts_with(':'))));
        match word.to_ascii_lowercase().as_str() {
            "true" => true.into(),
            "false" => false.into(),
            number => {
                let number = number.trim_start_matches('+');
                let plain = number.strip_prefix('0').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
                let integer = plain.unwrap_or(number).parse::<i64>().ok().map(Number::from);
                integer.or_else(|| Number::from_f64(number.parse().ok()?)).map_or(Value::Null, Value::Number)
            }
        }
    }

    /// The name of a member that has no quotes.
    fn name(&mut self) -> String {
        let end = self.rest.find(|c: char| c.is_whitespace() || matches!(c, ':' | ',' | '{' | '}' | '[' | ']' | '"'));
        let name = self.rest.get(..end.unwrap_or(self.rest.len())).unwrap_or_default();
        self.skip(name.len());
        name.to_owned()
    }

    /// Steps over a value that is nested too deep.
    fn too_deep(&mut self) -> Option<Value> {
        let mut open = 0_usize;
        while let Some(c) = self.next() {
            match c {
                '"' => {
                    self.string(c)?;
                    continue;
                }
                '{' | '[' => open += 1,
                '}' | ']' => open -= 1,
                _ => {}
            }
            self.skip(c.len_utf8());
            if open == 0 {
                return Some(Value::Null);
            }
        }
        self.ends()
    }
}

fn trimmed(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
}

/// Whether what stands here may follow the end of a text; otherwise the quote
/// before it is one of the text's own.
fn may_follow_text(rest: &str) -> bool {
    let rest = trimmed(rest);
    match rest.chars().next() {
        None | Some(':' | '}' | ']' | '"' | '/') => true,
        Some(',') => {
            let rest = trimmed(rest.get(1..).unwrap_or_default());
            let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let behind = trimmed(rest.get(word..).unwrap_or_default());
            let ends = behind.starts_with([':', ',', '}', ']']) || behind.is_empty();
            if word == 0 {
                rest.starts_with(['"', '\'', '{', '[', '}', ']', '-', '/', ',']) || rest.is_empty()
            } else {
                word <= LONGEST_WORD && ends
            }
        }
        _ => false,
    }
}
