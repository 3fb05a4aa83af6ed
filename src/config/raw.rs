//! The configuration as it is written: files, tables and values with their
//! lines. Every key must be asked for; what nobody asked for is unknown. Reading
//! goes on after a fault, so that one look shows all of them.

use super::faults::{Collector, Spot, nearest};
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// One file.
#[derive(Debug)]
pub(super) struct File {
    /// As it is shown.
    pub(super) path: PathBuf,
    /// Its number among the files that were read.
    pub(super) order: usize,
    /// Its text.
    pub(super) text: String,
    /// Where its line ends are.
    line_ends: Vec<usize>,
}

/// What was parsed of a file.
pub(super) struct Parsed<'f> {
    root: DeTable<'f>,
    /// The lines that could not be read.
    broken: Vec<usize>,
}

/// A table in a file.
pub(super) struct Table<'f> {
    file: &'f File,
    entries: &'f DeTable<'f>,
    faults: &'f Collector,
    asked: Vec<&'static str>,
    /// Whether something else stands where the table should.
    replaced: bool,
    /// Where it begins.
    pub(super) spot: Spot,
}

/// A value with its place.
#[derive(Debug, Clone)]
pub(super) struct Located<T> {
    /// Where it stands.
    pub(super) spot: Spot,
    /// What stands there.
    pub(super) value: T,
}

/// What stands behind one of the operator's own keys.
pub(super) enum TextOrTable<'f> {
    /// A text.
    Text(&'f str),
    /// A table.
    Table(Table<'f>),
}

impl File {
    pub(super) fn new(path: &Path, order: usize, text: &str) -> Self {
        let line_ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect();
        Self { path: path.to_owned(), order, text: text.to_owned(), line_ends }
    }

    /// The place of the file as a whole.
    pub(super) fn spot(&self) -> Spot {
        Spot { file: self.path.clone(), order: self.order, line: 0, key: String::new() }
    }

    /// Parses the text as TOML, as far as it can be.
    pub(super) fn parse(&self, faults: &Collector) -> Parsed<'_> {
        let (root, errors) = DeTable::parse_recoverable(&self.text);
        let mut broken = Vec::new();
        for error in errors {
            let line = error.span().map_or(0, |span| self.line(span.start));
            // What follows the first trouble on a line is its echo.
            if !broken.contains(&line) {
                broken.push(line);
                faults.add(&Spot { line, ..self.spot() }, format_args!("this is not TOML: {}", error.message()));
            }
        }
        Parsed { root: root.into_inner(), broken }
    }

    /// The line of a byte, from 1.
    fn line(&self, offset: usize) -> usize {
        self.line_ends.partition_point(|end| *end < offset) + 1
    }
}

impl<'f> Parsed<'f> {
    /// The table that is the whole file.
    pub(super) fn root(&'f self, file: &'f File, faults: &'f Collector) -> Table<'f> {
        Table { file, entries: &self.root, faults, asked: Vec::new(), replaced: false, spot: file.spot() }
    }

    /// Drops what a broken line caused elsewhere in the file: what it should
    /// have given is not missing, and what was made of it means nothing.
    pub(super) fn drop_echoes(&self, file: &File, faults: &Collector) {
        if !self.broken.is_empty() {
            faults.retain(|fault| {
                fault.spot.order != file.order
                    || fault.message.starts_with("this is not TOML")
                    || !(self.broken.contains(&fault.spot.line) || fault.message.ends_with(MISSING))
            });
        }
    }
}

const MISSING: &str = "is missing";

impl<'f> Table<'f> {
    /// The value of `key`.
    fn find(&mut self, key: &'static str) -> Option<Located<&'f DeValue<'f>>> {
        self.asked.push(key);
        let (name, value) = self.entries.iter().find(|(name, _)| name.get_ref() == key)?;
        Some(Located { spot: self.at(key, name.span().start), value: value.get_ref() })
    }

    fn at(&self, key: &str, offset: usize) -> Spot {
        Spot { line: self.file.line(offset), ..self.spot.below(key) }
    }

    /// A text.
    pub(super) fn text(&mut self, key: &'static str) -> Option<Located<&'f str>> {
        let found = self.find(key)?;
        self.as_text(found)
    }

    fn as_text(&self, found: Located<&'f DeValue<'f>>) -> Option<Located<&'f str>> {
        let Located { spot, value } = found;
        let Some(text) = value.as_str() else {
            self.faults.add(&spot, format_args!("must be a text in quotes, not {}", kind(value)));
            return None;
        };
        Some(Located { spot, value: text })
    }

    /// A text that is parsed at once.
    pub(super) fn parsed<T, E: fmt::Display>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.parsed_at(key, parse).map(|found| found.value)
    }

    /// The same, with its place.
    pub(super) fn parsed_at<T, E: fmt::Display>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<Located<T>> {
        let Located { spot, value } = self.text(key)?;
        match parse(value) {
            Ok(value) => Some(Located { spot, value }),
            Err(why) => {
                self.faults.add(&spot, why);
                None
            }
        }
    }

    /// A text of at least one visible character on one line.
    pub(super) fn words(&mut self, key: &'static str) -> Option<String> {
        self.parsed(key, |text| {
            if text.trim().is_empty() {
                Err("must not be empty")
            } else if text.chars().any(char::is_control) {
                Err("must be one line, without control characters")
            } else {
                Ok(text.trim().to_owned())
            }
        })
    }

    /// A whole number.
    pub(super) fn number<T: TryFrom<i64>>(&mut self, key: &'static str, range: RangeInclusive<i64>) -> Option<T> {
        let Located { spot, value } = self.find(key)?;
        let Some(number) = value.as_integer() else {
            self.faults.add(&spot, format_args!("must be a whole number, not {}", kind(value)));
            return None;
        };
        let number = i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok();
        let fitting = number.filter(|number| range.contains(number)).and_then(|number| T::try_from(number).ok());
        if fitting.is_none() {
            self.faults.add(&spot, format_args!("must be from {} to {}", range.start(), range.end()));
        }
        fitting
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        let Located { spot, value } = self.find(key)?;
        let flag = value.as_bool();
        if flag.is_none() {
            self.faults.add(&spot, format_args!("must be true or false, not {}", kind(value)));
        }
        flag
    }

    /// A text or a whole number, as text.
    pub(super) fn word_or_number(&mut self, key: &'static str) -> Option<Located<String>> {
        let Located { spot, value } = self.find(key)?;
        let text = match (value.as_str(), value.as_integer()) {
            (Some(text), _) => text.to_owned(),
            (_, Some(number)) => number.as_str().to_owned(),
            _ => {
                self.faults.add(&spot, format_args!("must be a text or a whole number, not {}", kind(value)));
                return None;
            }
        };
        Some(Located { spot, value: text })
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, key: &'static str) -> Option<Located<Vec<Located<&'f str>>>> {
        let found = self.find(key)?;
        self.as_texts(found)
    }

    fn as_texts(&self, found: Located<&'f DeValue<'f>>) -> Option<Located<Vec<Located<&'f str>>>> {
        let Located { spot, value } = found;
        let Some(list) = value.as_array() else {
            self.faults.add(&spot, format_args!("must be a list of texts in [ ], not {}", kind(value)));
            return None;
        };
        let items = list
            .iter()
            .filter_map(|item| {
                let spot = Spot { line: self.file.line(item.span().start), ..spot.clone() };
                self.as_text(Located { spot, value: item.get_ref() })
            })
            .collect();
        Some(Located { spot, value: items })
    }

    /// A table whose keys are the operator's own, in the order of the file.
    fn named(&mut self, key: &'static str) -> Vec<Located<(&'f str, &'f DeValue<'f>)>> {
        let Some(Located { spot, value }) = self.find(key) else { return Vec::new() };
        let Some(entries) = value.as_table() else {
            self.faults.add(&spot, format_args!("must be a table in {{ }}, not {}", kind(value)));
            return Vec::new();
        };
        let mut named: Vec<_> = entries.iter().collect();
        named.sort_by_key(|(name, _)| name.span().start);
        named
            .into_iter()
            .map(|(name, value)| {
                let spot = Spot { line: self.file.line(name.span().start), ..spot.below(name.get_ref()) };
                Located { spot, value: (name.get_ref().as_ref(), value.get_ref()) }
            })
            .collect()
    }

    /// The same, of texts or of tables.
    pub(super) fn texts_or_tables(&mut self, key: &'static str) -> Vec<Located<(&'f str, TextOrTable<'f>)>> {
        let named = self.named(key);
        named
            .into_iter()
            .filter_map(|Located { spot, value: (name, value) }| {
                let entry = match value.as_table() {
                    Some(entries) => TextOrTable::Table(Table {
                        file: self.file,
                        entries,
                        faults: self.faults,
                        asked: Vec::new(),
                        replaced: false,
                        spot: spot.clone(),
                    }),
                    None => TextOrTable::Text(self.as_text(Located { spot: spot.clone(), value })?.value),
                };
                Some(Located { spot, value: (name, entry) })
            })
            .collect()
    }

    /// The same, of lists of texts.
    pub(super) fn lists(&mut self, key: &'static str) -> Vec<Located<(&'f str, Vec<&'f str>)>> {
        let named = self.named(key);
        named
            .into_iter()
            .filter_map(|Located { spot, value: (name, value) }| {
                let list = self.as_texts(Located { spot: spot.clone(), value })?;
                Some(Located { spot, value: (name, list.value.into_iter().map(|item| item.value).collect()) })
            })
            .collect()
    }

    /// A table of its own, `[key]`; an absent one is empty.
    pub(super) fn table(&mut self, key: &'static str, none: &'f DeTable<'f>) -> Table<'f> {
        let (spot, entries) = match self.find(key) {
            None => (self.spot.below(key), Some(none)),
            Some(Located { spot, value }) => {
                if !value.is_table() {
                    self.faults.add(&spot, format_args!("must be a table [{key}], not {}", kind(value)));
                }
                (spot, value.as_table())
            }
        };
        let (entries, replaced) = (entries.unwrap_or(none), entries.is_none());
        Table { file: self.file, entries, faults: self.faults, asked: Vec::new(), replaced, spot }
    }

    /// A list of tables, each `[[key]]`. Each goes by its `name` in messages, or
    /// by its number when it has none.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Table<'f>> {
        let Some(Located { spot, value }) = self.find(key) else { return Vec::new() };
        let Some(list) = value.as_array() else {
            self.faults.add(&spot, format_args!("must be written [[{key}]], with two brackets"));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (number, item) in list.iter().enumerate() {
            let line = self.file.line(item.span().start);
            let Some(entries) = item.get_ref().as_table() else {
                let key = format!("{key}[{}]", number + 1);
                self.faults.add(&Spot { line, key, ..spot.clone() }, "must be a table");
                continue;
            };
            let name = entries.iter().find(|(name, _)| name.get_ref() == "name");
            let key = match name.and_then(|(_, name)| name.get_ref().as_str()).filter(|name| !name.is_empty()) {
                Some(name) => format!("{key}.{}", name.escape_debug()),
                None => format!("{key}[{}]", number + 1),
            };
            let spot = Spot { line, key, ..spot.clone() };
            tables.push(Table {
                file: self.file,
                entries,
                faults: self.faults,
                asked: Vec::new(),
                replaced: false,
                spot,
            });
        }
        tables
    }

    /// Says that `key` must be there, unless it is there and something else is wrong with it.
    pub(super) fn required<T>(&self, key: &str, value: Option<T>, example: &str) -> Option<T> {
        if value.is_none() && !self.replaced && !self.holds(key) {
            self.faults.add_hint(&self.spot.below(key), MISSING, format_args!("write {key} = {example}"));
        }
        value
    }

    /// Marks a key as read elsewhere.
    pub(super) fn skip(&mut self, key: &'static str) {
        self.asked.push(key);
    }

    /// Where `key` stands, or the table when it is not there.
    pub(super) fn place(&self, key: &str) -> Spot {
        self.entries
            .iter()
            .find(|(name, _)| name.get_ref() == key)
            .map_or_else(|| self.spot.below(key), |(name, _)| self.at(key, name.span().start))
    }

    /// Whether `key` is there.
    pub(super) fn holds(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, _)| name.get_ref() == key)
    }

    /// The text of `key`, when it is one; faults are said when it is read in earnest.
    pub(super) fn peek(&self, key: &str) -> Option<&'f str> {
        self.entries.iter().find(|(name, _)| name.get_ref() == key).and_then(|(_, value)| value.get_ref().as_str())
    }

    /// Where faults go.
    pub(super) fn faults(&self) -> &'f Collector {
        self.faults
    }

    /// Says which keys nobody asked for.
    pub(super) fn finish(self) {
        for (name, _) in self.entries {
            let key: &str = name.get_ref();
            if self.asked.contains(&key) {
                continue;
            }
            let spot = self.at(&key.escape_debug().to_string(), name.span().start);
            match nearest(key, self.asked.iter().copied()) {
                Some(meant) => self.faults.add_hint(&spot, "unknown key", format_args!("did you mean `{meant}`?")),
                None => {
                    self.faults.add_hint(&spot, "unknown key", format_args!("known here: {}", self.asked.join(", ")));
                }
            }
        }
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
