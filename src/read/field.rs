//! What a field says, as HTML or as plain text, whatever its type, its mode and
//! the dialect around it make of it.

use super::names::Ns;
use super::text::{fold, plain_text, plain_title};
use super::tree::{Element, escaped};
use crate::domain::html::CleanHtml;
use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::borrow::Cow;

/// Senders forget the padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A field's words, and how they are meant.
enum Said<'t> {
    Text(Cow<'t, str>),
    Html(Cow<'t, str>),
    /// Nobody says which of the two.
    Either(&'t str),
}

/// Atom says what its text is, and means plain text when it does not (RFC 4287
/// section 3.1.1; Atom 0.3 likewise); elsewhere nobody knows.
fn said<'t>(field: &'t Element<'_>, is_atom: bool) -> Option<Said<'t>> {
    let text = field.text.trim();
    if text.is_empty() {
        return None;
    }
    let in_atom = is_atom && field.ns == Ns::Feed;
    let kind = field.attribute("type").unwrap_or_default().to_ascii_lowercase();
    let is_plain = matches!(kind.as_str(), "" | "text" | "text/plain");
    let in_base64 = field.attribute("mode").is_some_and(|mode| mode.eq_ignore_ascii_case("base64"))
        || matches!(kind.as_str(), "base64" | "application/octet-stream")
        // Other media types are in base64 too (section 4.1.3.3).
        || in_atom && kind.contains('/') && !["text/", "multipart/"].iter().any(|known| kind.starts_with(known))
            && !kind.ends_with("xml");
    if in_base64 {
        let text = decoded(text)?.into();
        return Some(if is_plain { Said::Text(text) } else { Said::Html(text) });
    }
    Some(match kind.as_str() {
        "multipart/alternative" if field.markup => Said::Html(richest(text)),
        _ if field.markup => Said::Html(text.into()),
        "html" | "text/html" => Said::Html(text.into()),
        "xhtml" | "application/xhtml+xml" => Said::Text(text.into()),
        _ if in_atom && is_plain => Said::Text(text.into()),
        _ if in_atom => Said::Html(text.into()),
        _ => Said::Either(text),
    })
}

/// Of the same content in several forms, which Atom had before its version 1.0, the
/// last: they begin with the plainest.
fn richest(forms: &str) -> Cow<'_, str> {
    let last = forms.rsplit_once("<content").and_then(|(_, last)| last.split_once('>'));
    let Some((attributes, text)) = last else { return forms.into() };
    let text = text.rsplit_once("</content").map_or(text, |(text, _)| text);
    if attributes.contains("mode=\"escaped\"") { plain_text(text).into() } else { text.into() }
}

/// Base64, when it holds a text.
fn decoded(text: &str) -> Option<String> {
    let letters: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    String::from_utf8(BASE64.decode(letters).ok()?).ok()
}

/// A title, as plain text.
pub(super) fn title(field: &Element<'_>, is_atom: bool) -> String {
    match said(field, is_atom) {
        None => String::new(),
        Some(Said::Text(text)) => fold(&text),
        Some(Said::Html(html)) => plain_text(&html),
        Some(Said::Either(text)) => plain_title(text),
    }
}

/// The names in a field of a person or a term: one, nearly always. RDF lists
/// several, or has them stand in elements of another vocabulary.
pub(super) fn names<'t>(field: &'t Element<'_>) -> impl Iterator<Item = String> + 't {
    let has_elements = field.markup && field.text.contains("</");
    let pieces: Vec<&str> = if has_elements { field.text.split("</li>").collect() } else { vec![&field.text] };
    pieces.into_iter().map(move |piece| if has_elements { plain_text(piece) } else { plain_title(piece) })
}

/// A text, as HTML; where nobody says, it is HTML already unless nothing in it is.
pub(super) fn html(field: &Element<'_>, is_atom: bool) -> Option<String> {
    Some(match said(field, is_atom)? {
        Said::Text(text) => html_of_text(&text),
        Said::Html(html) => html.into_owned(),
        Said::Either(text) if text.contains(['<', '&']) => text.to_owned(),
        Said::Either(text) => html_of_text(text),
    })
}

/// Plain text as HTML; paragraphs only where there are several.
pub(super) fn html_of_text(text: &str) -> String {
    if text.contains("\n\n") { CleanHtml::from_text(text).to_string() } else { escaped(text.into()).into_owned() }
}
