//! What stands in a line: emphasis, links, pictures, code, and the text between,
//! in which nothing is a mark by accident.

use super::{Writer, name};
use dom_query::NodeRef;

impl Writer<'_> {
    /// The line of what stands in these nodes.
    pub(super) fn line(&self, nodes: &[NodeRef<'_>]) -> String {
        let mut line = String::new();
        for node in nodes {
            self.inline(node, &mut line);
        }
        // A line's end at an end of the text is none.
        let parts: Vec<String> = line.split(BREAK).map(|part| fold(part).trim().to_owned()).collect();
        let from = parts.iter().position(|part| !part.is_empty()).unwrap_or(parts.len());
        let to = parts.iter().rposition(|part| !part.is_empty()).map_or(from, |last| last + 1);
        guarded(&parts.get(from..to).unwrap_or_default().join("\\\n"))
    }

    fn inline(&self, node: &NodeRef<'_>, out: &mut String) {
        if node.is_text() {
            append(out, &text(&node.text()));
            return;
        }
        let inner = || {
            let mut inner = String::new();
            for child in node.children() {
                self.inline(&child, &mut inner);
            }
            inner
        };
        match name(node).as_str() {
            "strong" | "b" => emphasised(out, &inner(), "**"),
            "em" | "i" | "cite" | "dfn" | "var" => emphasised(out, &inner(), "*"),
            "del" | "s" | "strike" => emphasised(out, &inner(), "~~"),
            "code" | "kbd" | "samp" | "tt" => append(out, &self.code(&node.text())),
            "br" => append(out, &BREAK.to_string()),
            "img" => append(out, &self.picture(node)),
            "a" => {
                let inner = inner();
                match node.attr("href").filter(|_| !inner.trim().is_empty()) {
                    Some(address) if !address.starts_with('#') => {
                        append(out, &format!("[{}]({})", inner.trim(), target(&address)));
                    }
                    _ => append(out, &inner),
                }
            }
            kept @ ("sub" | "sup" | "mark" | "u" | "small" | "ruby" | "rt" | "rp" | "ins") => {
                append(out, &format!("<{kept}>{}</{kept}>", inner()));
            }
            "source" | "script" | "style" => {}
            _ => append(out, &inner()),
        }
    }

    /// Code between so many backticks that it holds none of them (`CommonMark` section 6.1).
    fn code(&self, code: &str) -> String {
        let code = fold(code);
        let ticks = "`".repeat(longest_run(&code) + 1);
        let code = self.inert(&code);
        if code.contains('`') { format!("{ticks} {code} {ticks}") } else { format!("{ticks}{code}{ticks}") }
    }

    fn picture(&self, node: &NodeRef<'_>) -> String {
        let attribute = |name: &str| node.attr(name).map(|value| value.to_string()).unwrap_or_default();
        let address = attribute("src");
        if address.is_empty() {
            return String::new();
        }
        let address = self.links.get(&address).cloned().unwrap_or(address);
        format!("![{}]({})", fold(&text(&attribute("alt"))), target(&address))
    }
}

/// The longest run of backticks.
pub(super) fn longest_run(code: &str) -> usize {
    code.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// An address as it stands in parentheses.
fn target(address: &str) -> String {
    if address.contains(['(', ')', ' ', '<', '>']) {
        format!("<{}>", address.replace('<', "%3C").replace('>', "%3E"))
    } else {
        address.to_owned()
    }
}

/// White space, line ends included, as single spaces; those at the ends are kept.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' ' | '\t' | '\n' | '\r' => {
                if !folded.ends_with(' ') {
                    folded.push(' ');
                }
            }
            c => folded.push(c),
        }
    }
    folded
}

/// A text in which no character is a mark.
fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '~' => out.extend(['\\', c]),
            // Generators read these as commands of theirs.
            '{' if matches!(rest.peek(), Some('{' | '%' | '#')) => out.push_str("&#123;"),
            '&' if is_reference(&rest.clone().take(32).collect::<String>()) => out.push_str("&amp;"),
            c => out.push(c),
        }
    }
    out
}

/// Whether what follows an ampersand would make a character reference of it.
fn is_reference(behind: &str) -> bool {
    behind
        .split_once(';')
        .is_some_and(|(name, _)| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '#'))
}

/// A mark around a text. Its white space stands outside; and where `CommonMark` would not take the mark for one, since
/// punctuation is inside of it and a letter outside (section 6.2), the letter is written as a reference, which is
/// punctuation to it. In Korean a particle follows every word, quoted or not.
fn emphasised(out: &mut String, inner: &str, mark: &str) {
    let core = inner.trim();
    if core.is_empty() {
        append(out, inner);
        return;
    }
    if inner.starts_with(char::is_whitespace) {
        out.push(' ');
    }
    let opens = core.chars().next().is_some_and(is_punctuation);
    if opens && out.chars().next_back().is_some_and(|c| !c.is_whitespace() && !is_punctuation(c)) {
        out.push_str("&#8203;");
    }
    out.push_str(mark);
    out.push_str(core);
    out.push_str(mark);
    if inner.ends_with(char::is_whitespace) {
        out.push(' ');
    } else if core.chars().next_back().is_some_and(is_punctuation) {
        out.push(CLOSED);
    }
}

/// Stands for a line's end until the line is put together.
const BREAK: char = '\u{f8fe}';

/// Stands behind a mark that a letter would undo, until it is seen what follows.
const CLOSED: char = '\u{f8ff}';

/// Writes on, minding a mark before.
fn append(out: &mut String, more: &str) {
    if out.ends_with(CLOSED) && !more.is_empty() {
        out.pop();
        let mut rest = more.chars();
        if let Some(first) = rest.next().filter(|c| !c.is_whitespace() && !is_punctuation(*c)) {
            out.extend(["&#", &u32::from(first).to_string(), ";"]);
            out.push_str(rest.as_str());
            return;
        }
    }
    out.push_str(more);
}

/// Punctuation and symbols, as far as they can be told without Unicode's tables: what is no letter, digit or space.
fn is_punctuation(c: char) -> bool {
    !c.is_alphanumeric() && !c.is_whitespace() && c != CLOSED && c != BREAK
}

/// A line whose beginning makes no heading, list or quotation of it.
fn guarded(line: &str) -> String {
    let line = line.replace(CLOSED, "");
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let behind = line.get(digits..).unwrap_or_default();
    if (1..=9).contains(&digits) && behind.starts_with(['.', ')']) {
        let (number, behind) = line.split_at(digits);
        return format!("{number}\\{behind}");
    }
    if line.starts_with(['#', '+', '-', '=']) { format!("\\{line}") } else { line }
}
