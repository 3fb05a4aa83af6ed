//! Lines of a width that people like to read.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns; a Korean syllable takes two.
pub(super) const WIDTH: usize = 72;

/// Breaks each line at spaces so that none is wider than 72 columns. Chinese and
/// Japanese have no spaces: they break anywhere. Only a long word of narrow
/// letters, such as a link, is left whole.
#[must_use]
pub fn wrap(text: &str) -> String {
    let mut wrapped = String::with_capacity(text.len() + text.len() / WIDTH);
    for (number, line) in text.lines().enumerate() {
        if number > 0 {
            wrapped.push('\n');
        }
        let mut column = 0;
        for word in line.split_whitespace() {
            let width = word.width();
            if column > 0 && column + 1 + width > WIDTH {
                wrapped.push('\n');
                column = 0;
            } else if column > 0 {
                wrapped.push(' ');
                column += 1;
            }
            if width <= WIDTH || word.is_ascii() {
                wrapped.push_str(word);
                column += width;
                continue;
            }
            for c in word.chars() {
                let width = c.width().unwrap_or(0);
                if width == 2 && column + width > WIDTH {
                    wrapped.push('\n');
                    column = 0;
                }
                wrapped.push(c);
                column += width;
            }
        }
    }
    wrapped
}

/// A heading over a rule of its own width.
pub(super) fn ruled(text: &str) -> String {
    let text = wrap(text);
    let width = text.lines().map(UnicodeWidthStr::width).max().unwrap_or_default();
    format!("{text}\n{}", "=".repeat(width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn korean_counts_twice() {
        let korean = "가나다라마 ".repeat(20);
        assert!(wrap(&korean).lines().all(|line| line.width() <= WIDTH));
        assert_eq!(wrap(&korean).lines().next().map(|line| line.split(' ').count()), Some(6));
        assert_eq!(wrap("a\n\nb"), "a\n\nb");
    }

    #[test]
    fn a_rule_is_as_wide_as_its_heading() {
        assert_eq!(ruled("Essays"), "Essays\n======");
        assert_eq!(ruled("수필"), "수필\n====");
    }

    #[test]
    fn text_without_spaces_breaks_and_links_do_not() {
        let japanese = "吾輩は猫である".repeat(20);
        assert!(wrap(&japanese).lines().all(|line| line.width() <= WIDTH));
        assert_eq!(wrap(&japanese).replace('\n', ""), japanese);
        let link = format!("https://example.com/{}", "a".repeat(100));
        assert_eq!(wrap(&link), link);
    }
}
