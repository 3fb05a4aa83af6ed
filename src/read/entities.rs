//! Character references, XML's and HTML's: feeds use the latter without the DTD
//! that would declare them.

use markup5ever::data::{C1_REPLACEMENTS, NAMED_ENTITIES};

/// Whether a reference could have this name.
pub(super) fn is_name(name: &str) -> bool {
    let digits = name.strip_prefix('#').unwrap_or(name);
    (1..=32).contains(&name.len()) && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// What `&name;` stands for, `name` being `amp`, `#39`, `#x27`, `nbsp` and so on.
pub(super) fn resolve(name: &str) -> Option<String> {
    match name {
        "amp" => return Some("&".to_owned()),
        "lt" => return Some("<".to_owned()),
        "gt" => return Some(">".to_owned()),
        "quot" => return Some("\"".to_owned()),
        "apos" => return Some("'".to_owned()),
        _ => {}
    }
    if !is_name(name) {
        return None;
    }
    if let Some(number) = name.strip_prefix('#') {
        let number = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return character(number).map(String::from);
    }
    let mut key = name.to_owned();
    key.push(';');
    // A name that only begins one has no characters of its own.
    let (first, second) = *NAMED_ENTITIES.get(&key).filter(|(first, _)| *first != 0)?;
    Some([first, second].into_iter().filter(|code| *code != 0).filter_map(char::from_u32).collect())
}

/// The character of a number: 128 to 159 are meant as windows-1252 has them
/// (HTML, "numeric character reference end state").
fn character(number: u32) -> Option<char> {
    let meant =
        number.checked_sub(0x80).and_then(|at| C1_REPLACEMENTS.get(usize::try_from(at).ok()?).copied().flatten());
    meant.or_else(|| char::from_u32(number)).filter(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_stand_for_characters() {
        for (name, text) in [
            ("amp", Some("&")),
            ("nbsp", Some("\u{a0}")),
            ("hellip", Some("…")),
            ("#8217", Some("’")),
            ("#x2019", Some("’")),
            ("#146", Some("’")),
            ("#0", None),
            ("#xD800", None),
            ("nosuch", None),
            ("T and more", None),
        ] {
            assert_eq!(resolve(name).as_deref(), text, "{name}");
        }
    }
}
