//! The rows of a list: of CSV with commas, semicolons or tabs, or objects in JSON,
//! one a line.

use super::cells::{Cells, Field};
use super::formats::Columns;
use super::{LONGEST, Place, RosterError};
use crate::domain::tag::{BadTag, Tag};
use serde_json::Value;
use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read, Seek, SeekFrom};

/// Hands on no more of one row than a row may have, and knows the lines: the parser
/// counts what stands between two rows to the second.
#[derive(Debug)]
pub(super) struct Lined<R> {
    inner: R,
    /// How many bytes since the last row ended.
    row: u64,
    /// The offset of what is read next.
    at: u64,
    /// Where lines end ahead, each CR and LF by itself, and whether it is an LF.
    ends: VecDeque<(u64, bool)>,
    /// The line that begins behind those that were taken from `ends`.
    line: u64,
}

/// The error that says so.
const TOO_LONG: &str = "a row does not end";

impl<R> Lined<R> {
    fn new(inner: R) -> Self {
        Self { inner, row: 0, at: 0, ends: VecDeque::new(), line: 1 }
    }

    /// A row was looked for from this offset on: the line that it begins on.
    fn row_from(&mut self, mut offset: u64) -> u64 {
        self.row = 0;
        // Empty lines before it are not the row's.
        while let Some((end, is_line)) = self.ends.front().copied().filter(|(end, _)| *end <= offset) {
            self.ends.pop_front();
            self.line += u64::from(is_line);
            offset += u64::from(end == offset);
        }
        self.line
    }

    /// The line of an offset behind the last row.
    fn line_of(&self, offset: u64) -> u64 {
        let before = self.ends.iter().take_while(|(end, _)| *end < offset);
        self.line + before.filter(|(_, is_line)| *is_line).count() as u64
    }
}

impl<R: Read> Read for Lined<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.row > LONGEST {
            return Err(std::io::Error::other(TOO_LONG));
        }
        let read = self.inner.read(into)?;
        let ends = into.iter().take(read).zip(self.at..).filter(|(byte, _)| matches!(byte, b'\n' | b'\r'));
        self.ends.extend(ends.map(|(byte, offset)| (offset, *byte == b'\n')));
        self.row += read as u64;
        self.at += read as u64;
        Ok(read)
    }
}

impl<R: Seek> Seek for Lined<R> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.at = self.inner.seek(to)?;
        self.row = 0;
        self.ends.clear();
        Ok(self.at)
    }
}

#[derive(Debug)]
pub(super) enum Rows<R> {
    Csv { reader: Box<csv::Reader<Lined<R>>>, record: csv::StringRecord },
    Json { reader: BufReader<R>, at: Place, line: Vec<u8> },
}

/// The first row, with where it begins.
pub(super) struct Head {
    pub(super) cells: Vec<String>,
    pub(super) place: Place,
}

impl<R: Read + Seek> Rows<R> {
    /// The rows of a list that begins so.
    pub(super) fn new(input: R, begin: &[u8]) -> Self {
        let text = begin.strip_prefix(b"\xef\xbb\xbf").unwrap_or(begin).trim_ascii_start();
        if text.starts_with(b"{") {
            let at = Place { byte: 0, line: 1 };
            return Self::Json { reader: BufReader::new(input), at, line: Vec::new() };
        }
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter(text))
            .buffer_capacity(64 * 1024)
            .from_reader(Lined::new(input));
        Self::Csv { reader: Box::new(reader), record: csv::StringRecord::new() }
    }

    /// The first row that says something; `None` where the rows are JSON, whose
    /// names stand in each of them.
    pub(super) fn head(&mut self) -> Result<Option<Head>, RosterError> {
        let Self::Csv { reader, record } = self else { return Ok(None) };
        loop {
            let byte = reader.position().byte();
            let read = reader.read_record(record);
            let line = reader.get_mut().row_from(byte);
            if !read.map_err(|why| csv_error(why, line))? {
                return Ok(Some(Head { cells: Vec::new(), place: Place { byte: 0, line: 1 } }));
            }
            if is_remark(record) {
                continue;
            }
            let cells = record.iter().map(|cell| cell.trim().to_owned()).collect();
            return Ok(Some(Head { cells, place: Place { byte, line } }));
        }
    }

    pub(super) fn place(&self) -> Place {
        match self {
            Self::Csv { reader, .. } => {
                let byte = reader.position().byte();
                Place { byte, line: reader.get_ref().line_of(byte) }
            }
            Self::Json { at, .. } => *at,
        }
    }

    pub(super) fn go_to(&mut self, place: Place) -> Result<(), RosterError> {
        match self {
            Self::Csv { reader, .. } => {
                let mut position = csv::Position::new();
                position.set_byte(place.byte);
                // Also where the parser stands there by chance: what it has read ahead is forgotten below.
                reader.seek_raw(SeekFrom::Start(place.byte), position).map_err(|why| csv_error(why, place.line))?;
                reader.get_mut().line = place.line;
            }
            Self::Json { reader, at, .. } => {
                reader.seek(SeekFrom::Start(place.byte))?;
                *at = place;
            }
        }
        Ok(())
    }

    /// The next row's line and cells, or why it has none; `None` at the end.
    #[expect(clippy::type_complexity, reason = "a row is its line, and its cells or what is wrong with them")]
    pub(super) fn next(&mut self, columns: &Columns) -> Result<Option<(u64, Result<Cells<'_>, String>)>, RosterError> {
        match self {
            Self::Csv { reader, record } => {
                let byte = reader.position().byte();
                let read = reader.read_record(record);
                let line = reader.get_mut().row_from(byte);
                match read {
                    Ok(false) => return Ok(None),
                    Ok(true) => {}
                    Err(why) => {
                        return match csv_error(why, line) {
                            RosterError::Charset => Ok(Some((line, Err("it is not UTF-8".to_owned())))),
                            other => Err(other),
                        };
                    }
                }
                Ok(Some((line, Ok(if columns.skips(record) { Cells::nothing() } else { columns.cells(record) }))))
            }
            Self::Json { reader, at, line } => {
                line.clear();
                let read = reader.by_ref().take(LONGEST).read_until(b'\n', line)? as u64;
                if read == 0 {
                    return Ok(None);
                }
                if read == LONGEST && !line.ends_with(b"\n") {
                    return Err(RosterError::Endless(at.line));
                }
                let number = at.line;
                *at = Place { byte: at.byte + read, line: at.line + 1 };
                let text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
                Ok(Some((number, if text.is_empty() { Ok(Cells::nothing()) } else { object(text) })))
            }
        }
    }
}

fn csv_error(error: csv::Error, line: u64) -> RosterError {
    match error.into_kind() {
        csv::ErrorKind::Io(io) if io.to_string() == TOO_LONG => RosterError::Endless(line),
        csv::ErrorKind::Io(io) => RosterError::Io(io),
        _ => RosterError::Charset,
    }
}

pub(super) fn is_remark(record: &csv::StringRecord) -> bool {
    record.iter().all(|cell| cell.trim().is_empty()) || record.get(0).is_some_and(|first| first.starts_with('#'))
}

/// What stands between the cells of the first line that says something.
fn delimiter(text: &[u8]) -> u8 {
    let line = text.split(|byte| matches!(byte, b'\n' | b'\r'));
    let line = line.into_iter().find(|line| !line.trim_ascii().is_empty() && !line.starts_with(b"#"));
    let count = |delimiter: u8| {
        let (mut quoted, mut count) = (false, 0);
        for byte in line.unwrap_or_default() {
            quoted ^= *byte == b'"';
            count += usize::from(*byte == delimiter && !quoted);
        }
        count
    };
    [b',', b';', b'\t'].into_iter().rev().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}

/// The cells of an object in JSON, by the names of our own export.
fn object(text: &[u8]) -> Result<Cells<'static>, String> {
    let object: serde_json::Map<String, Value> =
        serde_json::from_slice(text).map_err(|why| format!("it is not an object in JSON: {why}"))?;
    let mut cells = Cells::default();
    for (name, value) in object {
        let Ok(field) = name.parse::<Field>() else { continue };
        let words = |value: &Value| -> Option<Vec<String>> {
            value.as_array()?.iter().map(|word| word.as_str().map(str::to_owned)).collect()
        };
        let cell = match (field, value) {
            (_, Value::Null) => continue,
            (_, Value::String(text)) => text,
            (Field::Hour, Value::Number(hour)) => hour.to_string(),
            (Field::Consents, value @ Value::Array(_)) => value.to_string(),
            (Field::Topics, value) if value.is_array() => words(&value).ok_or("topics are names")?.join(" "),
            (Field::Tags, value) if value.is_array() => {
                let words = words(&value).ok_or("tags are words")?;
                let tags = words.iter().map(|word| word.parse().map_err(|why: BadTag| why.to_string()));
                Tag::join(&tags.collect::<Result<Vec<_>, _>>()?)
            }
            (field, _) => return Err(format!("`{}` is not a text", field.as_str())),
        };
        cells.put(field, cell);
    }
    Ok(cells)
}
