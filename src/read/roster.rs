//! Lists of readers: our own export, and what other programs give their owners.
//! A list is read row by row, so that its length costs no memory; no row may be
//! longer than [`LONGEST`].

mod cells;
mod entry;
mod formats;
mod rows;

pub use cells::Field;
pub use formats::Format;

use crate::domain::consent::Consent;
use crate::domain::email_address::EmailAddress;
use crate::domain::language::Language;
use crate::domain::slug::Slug;
use crate::domain::subscriber::SubscriptionState;
use crate::domain::tag::Tag;
use crate::domain::time::Timestamp;
use chrono_tz::Tz;
use formats::Columns;
use rows::Rows;
use std::io::{Read, Seek, SeekFrom};

/// The most bytes of a row. A quote that is never closed would make one of all
/// that follows.
pub const LONGEST: u64 = 1024 * 1024;

/// How a list is to be understood, beyond what it says itself.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Whose export it is; told by its columns when left out.
    pub format: Option<Format>,
    /// What columns mean, by their names.
    pub map: Vec<(String, Field)>,
    /// What those are whose state the list does not tell; confirmed when left out.
    pub state: Option<SubscriptionState>,
}

/// A list that is being read.
#[derive(Debug)]
pub struct Roster<R> {
    rows: Rows<R>,
    columns: Columns,
    rules: Rules,
}

/// Where reading goes on: the begin of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The byte, from 0.
    pub byte: u64,
    /// The line, from 1.
    pub line: u64,
}

/// A row of a list.
#[derive(Debug)]
pub struct Row {
    /// The line that it begins on.
    pub line: u64,
    /// What stands where the address is expected.
    pub email: String,
    /// What it means.
    pub meaning: Meaning,
}

/// What a row means.
#[derive(Debug)]
pub enum Meaning {
    /// A reader.
    Reader(Box<Entry>),
    /// Nobody who ever asked for mails, and why.
    Nobody(String),
    /// Nothing, and why.
    Bad(String),
}

/// What a list says of a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The address.
    pub email: EmailAddress,
    /// What the reader is greeted by.
    pub name: Option<String>,
    /// The reader's language.
    pub language: Option<Language>,
    /// Whose clock shows the reader's morning.
    pub timezone: Option<Tz>,
    /// At which hour of that clock mails come.
    pub hour: Option<u8>,
    /// The newsletter's name.
    pub newsletter: Option<Slug>,
    /// The cadence's name.
    pub cadence: Option<Slug>,
    /// The topics; `None` when the list does not tell, empty when it is everything.
    pub topics: Option<Vec<Slug>>,
    /// Where the subscription stands.
    pub state: SubscriptionState,
    /// When it was asked for.
    pub created_at: Option<Timestamp>,
    /// When it was confirmed.
    pub confirmed_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// By whom or what.
    pub ended_by: Option<String>,
    /// Until when the reader rests.
    pub paused_until: Option<Timestamp>,
    /// The reader's tags.
    pub tags: Vec<Tag>,
    /// What was agreed to, in the list's words.
    pub consent: Option<String>,
    /// The proof of each act, where the list has it: our own has.
    pub consents: Option<Vec<Consent>>,
}

/// Why a list cannot be read at all, or no further.
#[derive(Debug, thiserror::Error)]
pub enum RosterError {
    /// The file cannot be read.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It is an archive or a spreadsheet.
    #[error("this is a ZIP archive or a spreadsheet: unpack it, or save it as CSV (UTF-8)")]
    Packed,
    /// It is not in UTF-8.
    #[error("this is not UTF-8: save it as CSV (UTF-8)")]
    Charset,
    /// A row that does not end.
    #[error("line {0}: a row of more than a megabyte; is a quote not closed?")]
    Endless(u64),
    /// No column holds addresses.
    #[error("no column is called `email`: say which is the address by --map COLUMN=email; there is: {0}")]
    NoAddress(String),
    /// A column that is mapped is not there.
    #[error("there is no column `{0}` to map; there is: {1}")]
    NoColumn(String, String),
    /// A column may say who left, and nobody said what it means.
    #[error("the column `{0}` may say who left: say what it is by --map '{0}=state', or --map '{0}=ignore'")]
    Unmapped(String),
    /// The list was said to be another program's.
    #[error("this does not look like an export of {0}: it has no column {1}")]
    OtherFormat(Format, String),
}

impl<R: Read + Seek> Roster<R> {
    /// Begins to read a list: tells what it is, by its first row.
    pub fn open(mut input: R, rules: &Rules) -> Result<Self, RosterError> {
        let mut begin = Vec::new();
        input.by_ref().take(64 * 1024).read_to_end(&mut begin)?;
        if begin.starts_with(b"PK\x03\x04") {
            return Err(RosterError::Packed);
        }
        if begin.starts_with(b"\xff\xfe") || begin.starts_with(b"\xfe\xff") {
            return Err(RosterError::Charset);
        }
        input.seek(SeekFrom::Start(0))?;
        let mut rows = Rows::new(input, &begin);
        let columns = match rows.head()? {
            None => Columns::of_json(),
            Some(head) => {
                let columns = Columns::of(&head.cells, rules)?;
                if columns.is_addresses() {
                    rows.go_to(head.place)?;
                }
                columns
            }
        };
        Ok(Self { rows, columns, rules: rules.clone() })
    }

    /// Whose export it is.
    #[must_use]
    pub fn format(&self) -> Format {
        self.columns.format
    }

    /// Where the next row begins.
    #[must_use]
    pub fn place(&self) -> Place {
        self.rows.place()
    }

    /// Goes to where a row begins.
    pub fn go_to(&mut self, place: Place) -> Result<(), RosterError> {
        self.rows.go_to(place)
    }

    /// The next row; `None` at the end.
    pub fn next_row(&mut self) -> Result<Option<Row>, RosterError> {
        loop {
            let Some((line, cells)) = self.rows.next(&self.columns)? else { return Ok(None) };
            let cells = match cells {
                Ok(cells) => cells,
                Err(why) => return Ok(Some(Row { line, email: String::new(), meaning: Meaning::Bad(why) })),
            };
            if cells.is_nothing() {
                continue;
            }
            let email: String = cells.get(Field::Email).unwrap_or_default().chars().take(254).collect();
            let meaning = entry::meaning(&cells, self.columns.format, self.rules.state);
            return Ok(Some(Row { line, email, meaning }));
        }
    }
}

#[cfg(test)]
mod tests;
