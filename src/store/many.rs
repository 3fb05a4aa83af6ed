//! Statements on many rows at once. Their texts are built, so the rows come in few
//! lengths: each text is prepared once and found again.

use super::Tx;
use std::fmt::Write as _;

/// Rows for a statement on many, the last one repeated up to a power of two: few
/// texts are ever prepared, whatever the number of rows.
pub(super) struct Padded<'a, T> {
    rows: &'a [T],
    last: &'a T,
}

impl<'a, T> Padded<'a, T> {
    pub(super) fn of(rows: &'a [T]) -> Option<Self> {
        rows.last().map(|last| Self { rows, last })
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len().next_power_of_two()
    }

    /// `$3, $4, …`, from that number on.
    pub(super) fn places(&self, from: usize) -> String {
        (from..from + self.len()).map(|number| format!("${number}")).collect::<Vec<_>>().join(", ")
    }
}

impl<'a, T> IntoIterator for Padded<'a, T> {
    type Item = &'a T;
    type IntoIter = std::iter::Take<std::iter::Chain<std::slice::Iter<'a, T>, std::iter::Repeat<&'a T>>>;

    fn into_iter(self) -> Self::IntoIter {
        let len = self.len();
        self.rows.iter().chain(std::iter::repeat(self.last)).take(len)
    }
}

/// Rows for a statement that must name each row once: parts whose lengths are
/// powers of two, so that few texts are ever prepared.
pub(super) fn parts<'a, T>(tx: &Tx, mut rows: &'a [T]) -> impl Iterator<Item = &'a [T]> + use<'a, T> {
    let most = match tx {
        // SQLite takes no more than 32,766 parameters.
        Tx::Sqlite(_) => 256,
        Tx::Postgres(_) => 512,
    };
    std::iter::from_fn(move || {
        let len = (rows.len() + 1).next_power_of_two() / 2;
        let (part, rest) = rows.split_at_checked(len.min(most)).filter(|(part, _)| !part.is_empty())?;
        rows = rest;
        Some(part)
    })
}

/// How the places of parameters are written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Places {
    /// `$3, $4`: numbered, from that number on.
    From(usize),
    /// `?, ?`: in turn. SQLite finds a number by walking along all of them, at each bind.
    InTurn,
}

impl Places {
    /// Of a statement that has no other parameters.
    pub(super) fn all_of(tx: &Tx) -> Self {
        match tx {
            Tx::Sqlite(_) => Self::InTurn,
            Tx::Postgres(_) => Self::From(1),
        }
    }

    fn write(self, sql: &mut String, place: usize) {
        match self {
            // A string takes whatever is written into it.
            Self::From(first) => drop(write!(sql, "${}", first + place)),
            Self::InTurn => sql.push('?'),
        }
    }
}

/// `($3, $4), ($5, $6)`: the places of so many rows of so many columns.
pub(super) fn values(rows: usize, columns: usize, places: Places) -> String {
    let mut sql = String::with_capacity(rows * (columns * 7 + 4));
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            sql.push_str(if column == 0 { "" } else { ", " });
            places.write(&mut sql, row * columns + column);
        }
        sql.push(')');
    }
    sql
}
