//! What the columns of a list can mean, and a row's cells by what they mean.

use std::borrow::Cow;

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident = $word:literal),+ $(,)?) => {
        /// What a column means.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Field {
            $($(#[$doc])* $name),+
        }

        impl Field {
            pub(super) const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name of the column in our own export, and what `--map` calls it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word),+
                }
            }
        }
    };
}

fields! {
    /// The address.
    Email = "email",
    /// What the reader is greeted by.
    Name = "name",
    /// A part of that.
    FirstName = "first_name",
    /// The other part.
    LastName = "last_name",
    /// `en` or `ko`.
    Language = "language",
    /// Such as Asia/Seoul.
    Timezone = "timezone",
    /// At which hour of that clock mails come, 0 to 23.
    Hour = "hour",
    /// The newsletter's name.
    Newsletter = "newsletter",
    /// The cadence's name.
    Cadence = "cadence",
    /// The topics, with spaces or commas between them.
    Topics = "topics",
    /// Where the subscription stands.
    State = "state",
    /// Whether mails are switched off.
    Off = "off",
    /// When it was asked for.
    CreatedAt = "created_at",
    /// When it was confirmed.
    ConfirmedAt = "confirmed_at",
    /// When it ended.
    EndedAt = "ended_at",
    /// When the address was found to be dead.
    BouncedAt = "bounced_at",
    /// When the row was last changed.
    UpdatedAt = "updated_at",
    /// By whom or what it ended.
    EndedBy = "ended_by",
    /// Until when the reader rests.
    PausedUntil = "paused_until",
    /// Tags, with commas between them.
    Tags = "tags",
    /// What was agreed to.
    Consent = "consent",
    /// Whether advertisements were agreed to.
    Advertising = "advertising",
    /// The proof of each act of consent, as JSON.
    Consents = "consents",
    /// Nothing.
    Ignore = "ignore",
}

impl std::str::FromStr for Field {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let field = Self::ALL.iter().find(|field| field.as_str() == text).copied();
        field.ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|field| field.as_str()).collect();
            format!("`{text}` is nothing that a column can mean; there is: {}", names.join(", "))
        })
    }
}

/// A row's cells, by what they mean.
#[derive(Debug, Default)]
pub(super) struct Cells<'a> {
    cells: Vec<(Field, Cow<'a, str>)>,
    nothing: bool,
}

impl<'a> Cells<'a> {
    /// A row that stands for nobody: a remark, an empty line, a head that comes again.
    pub(super) fn nothing() -> Self {
        Self { cells: Vec::new(), nothing: true }
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.nothing
    }

    pub(super) fn put(&mut self, field: Field, cell: impl Into<Cow<'a, str>>) {
        let cell = cell.into();
        if !cell.is_empty() && field != Field::Ignore {
            self.cells.push((field, cell));
        }
    }

    /// The first cell that means this and is not empty.
    pub(super) fn get(&self, field: Field) -> Option<&str> {
        self.all(field).next()
    }

    /// All of them.
    pub(super) fn all(&self, field: Field) -> impl Iterator<Item = &str> {
        self.cells.iter().filter(move |(of, _)| *of == field).map(|(_, cell)| cell.as_ref())
    }
}
