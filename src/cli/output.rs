//! Answers on standard output: tables, JSON, lines, and progress on a terminal.
//! What came from the web or from readers is printed without control characters,
//! so that no feed can speak to the terminal.

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::io::{IsTerminal as _, Write};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The widest that a column becomes on a terminal.
const WIDEST: usize = 56;

/// Where answers go.
pub struct Out {
    to: Box<dyn Write + Send>,
    terminal: bool,
}

impl std::fmt::Debug for Out {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Out").field("terminal", &self.terminal).finish_non_exhaustive()
    }
}

impl Out {
    /// Standard output.
    #[must_use]
    pub fn standard() -> Self {
        let to = std::io::stdout();
        Self { terminal: to.is_terminal(), to: Box::new(to) }
    }

    /// One line.
    pub fn line(&mut self, text: impl AsRef<str>) -> std::io::Result<()> {
        writeln!(self.to, "{}", clean(text.as_ref()))
    }

    /// A text of many lines, as it is.
    pub(super) fn text(&mut self, text: &str) -> std::io::Result<()> {
        self.to.write_all(text.as_bytes())?;
        if text.ends_with('\n') { self.to.flush() } else { writeln!(self.to) }
    }

    /// A part of a long text, as it is.
    pub(super) fn part(&mut self, text: &str) -> std::io::Result<()> {
        self.to.write_all(text.as_bytes())
    }

    /// Hands on what was written in parts.
    pub(super) fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }

    /// A value as JSON.
    pub(super) fn json(&mut self, value: &impl Serialize) -> std::io::Result<()> {
        serde_json::to_writer_pretty(&mut self.to, value).map_err(std::io::Error::from)?;
        writeln!(self.to)
    }

    /// A table with its columns aligned, whatever the script; or `none` when it has no rows.
    pub(super) fn table<const N: usize>(
        &mut self,
        head: [&str; N],
        rows: &[[String; N]],
        none: &str,
    ) -> std::io::Result<()> {
        if rows.is_empty() {
            return self.line(none);
        }
        let head = head.map(str::to_owned);
        let rows: Vec<Vec<String>> = std::iter::once(&head)
            .chain(rows)
            .map(|row| {
                row.iter().map(|cell| if self.terminal { shorten(&clean(cell), WIDEST) } else { clean(cell) }).collect()
            })
            .collect();
        let widths: Vec<usize> = (0..N)
            .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max().unwrap_or(0))
            .collect();
        for row in &rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', width - cell.width() + 2));
            }
            writeln!(self.to, "{}", line.trim_end())?;
        }
        Ok(())
    }

    /// Named facts, one a line.
    pub(super) fn facts(&mut self, facts: &[(&str, String)]) -> std::io::Result<()> {
        let width = facts.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
        for (name, fact) in facts.iter().filter(|(_, fact)| !fact.is_empty()) {
            writeln!(self.to, "{name}{}  {}", " ".repeat(width - name.width()), clean(fact))?;
        }
        Ok(())
    }
}

/// Progress on standard error, when that is a terminal.
pub(super) fn progress(length: usize, what: &str) -> ProgressBar {
    bar(length as u64, what, "{prefix} {wide_bar} {pos}/{len} {elapsed}")
}

/// The same in bytes.
pub(super) fn progress_of_bytes(length: u64, what: &str) -> ProgressBar {
    bar(length, what, "{prefix} {wide_bar} {bytes}/{total_bytes} {elapsed}")
}

fn bar(length: u64, what: &str, template: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style).with_prefix(what.to_owned())
}

/// `text` in one line and without what speaks to a terminal.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => ' ',
            // Direction marks could make a line read as another (UAX #9).
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// As much of `text` as fits into `width` columns.
fn shorten(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut used = 1;
    let mut short: String = text
        .chars()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= width
        })
        .collect();
    short.push('…');
    short
}

/// `count` things, in words.
pub(super) fn count(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn printed(terminal: bool, title: &str) -> String {
        let page = Page::default();
        let mut out = Out { to: Box::new(page.clone()), terminal };
        let rows =
            [["1".to_owned(), title.to_owned(), "x".to_owned()], ["22".to_owned(), "b".to_owned(), String::new()]];
        out.table(["ID", "TITLE", "Z"], &rows, "none").unwrap();
        String::from_utf8(page.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn columns_stand_straight_in_every_script() {
        assert_eq!(printed(false, "한글 제목"), "ID  TITLE      Z\n1   한글 제목  x\n22  b\n");
        let long = "가".repeat(100);
        assert!(printed(false, &long).contains(&long));
        assert!(printed(true, &long).contains(&format!("{}…  x", "가".repeat(27))));
    }

    #[test]
    fn no_title_speaks_to_the_terminal() {
        let shown = printed(false, "a\u{1b}]0;b\u{7}\r\nc\u{202e}d");
        assert!(shown.contains("a\u{fffd}]0;b\u{fffd}\u{fffd} c\u{fffd}d"), "{shown}");
    }
}
