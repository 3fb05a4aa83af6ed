//! Statements on many rows at once. Their texts are built, so the rows come in few
//! lengths: each text is prepared once and found again.

use super::Tx;

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
        // SQLite finds a parameter's name by walking along all of them.
        Tx::Sqlite(_) => 32,
        Tx::Postgres(_) => 512,
    };
    std::iter::from_fn(move || {
        let len = (rows.len() + 1).next_power_of_two() / 2;
        let (part, rest) = rows.split_at_checked(len.min(most)).filter(|(part, _)| !part.is_empty())?;
        rows = rest;
        Some(part)
    })
}

/// `($3, $4), ($5, $6)`: the places of so many rows of so many columns, from that
/// number on.
pub(super) fn values(rows: usize, columns: usize, from: usize) -> String {
    let row = |row: usize| {
        let places = (0..columns).map(|column| format!("${}", from + row * columns + column));
        format!("({})", places.collect::<Vec<_>>().join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}
