//! Whose export a list is, by the names of its columns, and what these mean.
//!
//! listmonk writes its columns in `cmd/subscribers.go`; Ghost's stand in its
//! members-csv package; Mailchimp's, Substack's and Buttondown's were taken from
//! exports; Stibee's are listed in its help pages (구독자 목록 내보내기).

use super::cells::{Cells, Field};
use super::rows::is_remark;
use super::{RosterError, Rules};
use std::fmt;

/// Whose export a list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Our own, which says everything.
    Own,
    /// listmonk's.
    Listmonk,
    /// Mailchimp's: subscribed, unsubscribed or cleaned members.
    Mailchimp,
    /// Substack's, of either kind.
    Substack,
    /// Ghost's.
    Ghost,
    /// Buttondown's.
    Buttondown,
    /// Stibee's (스티비).
    Stibee,
    /// Any other with a column of addresses.
    Csv,
    /// One address a line.
    Addresses,
}

impl Format {
    /// All that a person can name.
    pub const ALL: [Self; 8] = [
        Self::Own,
        Self::Listmonk,
        Self::Mailchimp,
        Self::Substack,
        Self::Ghost,
        Self::Buttondown,
        Self::Stibee,
        Self::Csv,
    ];

    /// The word for it, as `--format` takes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "syndicated",
            Self::Listmonk => "listmonk",
            Self::Mailchimp => "mailchimp",
            Self::Substack => "substack",
            Self::Ghost => "ghost",
            Self::Buttondown => "buttondown",
            Self::Stibee => "stibee",
            Self::Csv => "csv",
            Self::Addresses => "addresses",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own => "syndicated",
            Self::Listmonk => "listmonk",
            Self::Mailchimp => "Mailchimp",
            Self::Substack => "Substack",
            Self::Ghost => "Ghost",
            Self::Buttondown => "Buttondown",
            Self::Stibee => "Stibee",
            Self::Csv => "a table",
            Self::Addresses => "addresses alone",
        })
    }
}

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|format| format.as_str() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|format| format.as_str()).collect();
            format!("`{text}` is no format; there is: {}", names.join(", "))
        })
    }
}

/// A kind of export.
struct Kind {
    format: Format,
    /// It has one column of each of these, in small letters.
    signs: &'static [&'static [&'static str]],
    columns: &'static [(&'static str, Field)],
}

/// The most particular first.
const KINDS: [Kind; 8] = [
    Kind {
        format: Format::Own,
        signs: &[&["email"], &["newsletter"], &["cadence"], &["state"], &["consents"]],
        columns: &[],
    },
    Kind {
        format: Format::Listmonk,
        signs: &[&["uuid"], &["email"], &["attributes"], &["status"]],
        columns: &[
            ("email", Field::Email),
            ("name", Field::Name),
            ("status", Field::State),
            ("created_at", Field::CreatedAt),
            ("updated_at", Field::UpdatedAt),
        ],
    },
    // What its columns for addresses and names are called, the owner of the list decides.
    Kind {
        format: Format::Mailchimp,
        signs: &[&["leid"], &["euid"], &["optin_time"]],
        columns: &[
            ("email address", Field::Email),
            ("email", Field::Email),
            ("first name", Field::FirstName),
            ("last name", Field::LastName),
            ("optin_time", Field::CreatedAt),
            ("confirm_time", Field::ConfirmedAt),
            ("unsub_time", Field::EndedAt),
            ("clean_time", Field::BouncedAt),
            ("unsub_reason", Field::EndedBy),
            ("tags", Field::Tags),
        ],
    },
    Kind {
        format: Format::Substack,
        signs: &[&["email"], &["email_disabled", "active_subscription"]],
        columns: &[
            ("email", Field::Email),
            ("name", Field::Name),
            ("email_disabled", Field::Off),
            ("created_at", Field::CreatedAt),
        ],
    },
    Kind {
        format: Format::Substack,
        signs: &[&["email"], &["start date"], &["stripe plan", "paid upgrade date"]],
        columns: &[("email", Field::Email), ("name", Field::Name), ("start date", Field::CreatedAt)],
    },
    Kind {
        format: Format::Ghost,
        signs: &[&["email"], &["subscribed_to_emails"]],
        columns: &[
            ("email", Field::Email),
            ("name", Field::Name),
            ("subscribed_to_emails", Field::State),
            ("created_at", Field::CreatedAt),
            ("deleted_at", Field::EndedAt),
            ("labels", Field::Tags),
        ],
    },
    Kind {
        format: Format::Buttondown,
        signs: &[&["email", "email_address"], &["creation_date"], &["type", "subscriber_type"]],
        columns: &[
            ("email_address", Field::Email),
            ("email", Field::Email),
            ("name", Field::Name),
            ("type", Field::State),
            ("subscriber_type", Field::State),
            ("creation_date", Field::CreatedAt),
            ("unsubscription_date", Field::EndedAt),
            ("undeliverability_date", Field::BouncedAt),
            ("unsubscription_reason", Field::EndedBy),
            ("tags", Field::Tags),
        ],
    },
    Kind {
        format: Format::Stibee,
        signs: &[&["이메일 주소", "이메일"], &["구독일", "추가 경로"]],
        columns: &[
            ("이메일 주소", Field::Email),
            ("이메일", Field::Email),
            ("이름", Field::Name),
            ("구독 상태", Field::State),
            ("상태", Field::State),
            ("구독일", Field::CreatedAt),
            ("마지막 업데이트일", Field::UpdatedAt),
            ("구독 해지 사유", Field::EndedBy),
            ("그룹", Field::Tags),
            ("광고성 정보 수신 동의", Field::Advertising),
        ],
    },
];

/// What columns of other tables mean when nobody says so.
const USUAL: [(&str, Field); 9] = [
    ("e-mail", Field::Email),
    ("e-mail address", Field::Email),
    ("email address", Field::Email),
    ("email_address", Field::Email),
    ("이메일", Field::Email),
    ("이메일 주소", Field::Email),
    ("이름", Field::Name),
    ("first name", Field::FirstName),
    ("last name", Field::LastName),
];

/// Columns that may say who left: somebody must say what they mean.
const TELLING: [&str; 13] = [
    "status",
    "subscribed",
    "unsubscribed",
    "opted_out",
    "opt_out",
    "opt-out",
    "optout",
    "active",
    "is_active",
    "confirmed",
    "구독 상태",
    "상태",
    "수신거부",
];

/// A list's columns: what each of them means.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) format: Format,
    fields: Vec<Field>,
    names: Vec<String>,
}

impl Columns {
    /// Of our own export in JSON.
    pub(super) fn of_json() -> Self {
        Self { format: Format::Own, fields: Vec::new(), names: Vec::new() }
    }

    /// By the first row.
    pub(super) fn of(head: &[String], rules: &Rules) -> Result<Self, RosterError> {
        let names: Vec<String> = head.iter().map(|name| name.to_lowercase()).collect();
        let there = || head.join(", ");
        if rules.map.is_empty()
            && rules.format.is_none()
            && head.first().is_none_or(|first| first.contains('@') || first.is_empty())
        {
            return Ok(Self { format: Format::Addresses, fields: vec![Field::Email], names: Vec::new() });
        }
        let has = |sign: &[&str]| sign.iter().any(|name| names.iter().any(|column| column == name));
        let fits = |kind: &&Kind| kind.signs.iter().all(|sign| has(sign));
        let kind = match rules.format {
            None => KINDS.iter().find(fits),
            Some(Format::Csv | Format::Addresses) => None,
            Some(format) => {
                let kinds = || KINDS.iter().filter(move |kind| kind.format == format);
                let kind = kinds().find(fits);
                if kind.is_none()
                    && let Some(sign) = kinds().flat_map(|kind| kind.signs).find(|sign| !has(sign))
                {
                    return Err(RosterError::OtherFormat(format, sign.join(" or ")));
                }
                kind
            }
        };
        let format = kind.map_or(Format::Csv, |kind| kind.format);
        let meaning = |name: &str| match kind {
            Some(kind) if kind.format != Format::Own => {
                kind.columns.iter().find(|(column, _)| *column == name).map(|(_, field)| *field)
            }
            _ => {
                let usual = || USUAL.iter().find(|(column, _)| *column == name).map(|(_, field)| *field);
                name.parse().ok().or_else(usual)
            }
        };
        let mut fields: Vec<Option<Field>> = names.iter().map(|name| meaning(name)).collect();
        for (column, field) in &rules.map {
            let column = column.trim().to_lowercase();
            let place = names.iter().position(|name| *name == column);
            let Some(place) = place.and_then(|place| fields.get_mut(place)) else {
                return Err(RosterError::NoColumn(column, there()));
            };
            *place = Some(*field);
        }
        if format == Format::Csv
            && rules.state.is_none()
            && !fields.contains(&Some(Field::State))
            && let Some((telling, _)) = head
                .iter()
                .zip(&names)
                .zip(&fields)
                .map(|((as_written, name), field)| (as_written, (name, field)))
                .find(|(_, (name, field))| field.is_none() && TELLING.contains(&name.as_str()))
        {
            return Err(RosterError::Unmapped(telling.clone()));
        }
        if format == Format::Mailchimp
            && !fields.contains(&Some(Field::Email))
            && let Some(first) = fields.first_mut()
        {
            // Whatever the owner calls it, the address comes first.
            *first = Some(Field::Email);
        }
        if !fields.contains(&Some(Field::Email)) {
            return Err(RosterError::NoAddress(there()));
        }
        let fields = fields.into_iter().map(|field| field.unwrap_or(Field::Ignore)).collect();
        Ok(Self { format, fields, names })
    }

    /// Whether there is no head: the first row is an address already.
    pub(super) fn is_addresses(&self) -> bool {
        self.format == Format::Addresses
    }

    /// Whether a row is a remark. Our own export has none, and an address may begin as one.
    pub(super) fn skips(&self, record: &csv::StringRecord) -> bool {
        self.format != Format::Own && is_remark(record)
    }

    /// The cells of a row that mean something. Our own are taken as they are, so
    /// that what is read is what was written.
    pub(super) fn cells<'r>(&self, record: &'r csv::StringRecord) -> Cells<'r> {
        let mut cells = Cells::default();
        for (cell, field) in record.iter().zip(&self.fields) {
            cells.put(*field, if self.format == Format::Own { cell } else { cell.trim() });
        }
        // Lists that were put together have a head for each.
        let is_head = |name: &String| cells.get(Field::Email).is_some_and(|cell| cell.eq_ignore_ascii_case(name));
        if self.names.iter().zip(&self.fields).any(|(name, field)| *field == Field::Email && is_head(name)) {
            return Cells::nothing();
        }
        cells
    }
}
