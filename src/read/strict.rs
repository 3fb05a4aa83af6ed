//! Well-formed XML into a tree, on quick-xml's tokens.

use super::builder::Builder;
use super::tree::Tree;
use crate::domain::url::HttpUrl;
use quick_xml::Reader;
use quick_xml::events::Event;
use std::io::BufRead as _;

/// The tree of a document, or what is wrong with it.
pub(super) fn parse<'a>(text: &'a str, base: Option<&HttpUrl>) -> Result<Tree<'a>, String> {
    let mut reader = Reader::from_str(text);
    let mut builder = Builder::new(base);
    loop {
        // A text is taken whole: its references one by one would cost more than all the rest.
        let begin = position(&reader);
        let characters = text.get(begin..).and_then(|rest| rest.split('<').next()).unwrap_or_default();
        if !characters.is_empty() {
            builder.raw_text(characters);
            reader.stream().consume(characters.len());
        }
        let begin = begin + characters.len();
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(_) => builder.open(tag(text, begin, position(&reader))),
            Event::Empty(_) => {
                builder.open(tag(text, begin, position(&reader)).trim_end_matches('/'));
                builder.close();
            }
            Event::End(_) => builder.close(),
            // A section in a section: the outer one, or one before it, was never closed.
            Event::CData(characters) if characters.contains("<![CDATA[") => {
                return Err("a marked section stands in another".to_owned());
            }
            Event::CData(characters) => builder.text(characters.into_inner()),
            Event::DocType(declaration) => builder.entities.declare(&declaration),
            Event::Eof if builder.is_open() => return Err("it ends in the middle".to_owned()),
            Event::Eof => return builder.finish().ok_or_else(|| "it has no elements".to_owned()),
            Event::Text(_) | Event::GeneralRef(_) | Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
        }
    }
}

fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

/// What stands between a tag's angle brackets.
fn tag(text: &str, begin: usize, end: usize) -> &str {
    let tag = text.get(begin..end).unwrap_or_default();
    let tag = tag.strip_prefix('<').unwrap_or(tag);
    tag.strip_suffix('>').unwrap_or(tag)
}
