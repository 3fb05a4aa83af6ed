//! A date's text as numbers, words and signs.

use super::words::unaccented;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Number(String),
    Word(String),
    Sign(char),
    Space,
}

impl Token {
    pub(super) fn is_in(&self, words: &[&str]) -> bool {
        matches!(self, Self::Word(word) if words.contains(&word.as_str()))
    }

    pub(super) fn number(&self) -> Option<&str> {
        match self {
            Self::Number(digits) => Some(digits),
            _ => None,
        }
    }

    pub(super) fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word),
            _ => None,
        }
    }
}

pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    for c in text.chars().map(narrow).flat_map(char::to_lowercase).map(unaccented) {
        match (c, tokens.as_mut_slice()) {
            ('0'..='9', [.., Token::Number(number)]) => number.push(c),
            ('0'..='9', _) => tokens.push(Token::Number(c.into())),
            // Points in `a.m.` and behind short names say nothing.
            ('.', [.., Token::Word(_)]) => {}
            // Spaniards put a space between the letters of `p. m.`
            ('m', [.., Token::Word(half), Token::Space]) if matches!(half.as_str(), "a" | "p") => {
                half.push(c);
                tokens.pop();
            }
            (_, [.., Token::Word(word)]) if c.is_alphabetic() => word.push(c),
            _ if c.is_alphabetic() => tokens.push(Token::Word(c.into())),
            _ if c.is_whitespace() || matches!(c, ',' | '(' | ')' | '[' | ']') => tokens.push(Token::Space),
            _ => tokens.push(Token::Sign(c)),
        }
    }
    tokens
}

/// The full-width forms that Japanese and Chinese keyboards write, as ASCII.
fn narrow(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => u8::try_from(u32::from(c) - 0xfee0).map_or(c, char::from),
        other => other,
    }
}
