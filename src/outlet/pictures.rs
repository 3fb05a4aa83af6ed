//! The pictures of a post, fetched to be handed over with it.

use crate::domain::html::CleanHtml;
use crate::domain::outlet::Manuscript;
use crate::domain::slug::Slug;
use crate::domain::token::sha256_hex;
use crate::domain::url::HttpUrl;
use crate::net::{Client, Outcome, Request};
use crate::render;
use dom_query::{Document, NodeRef};
use std::collections::BTreeMap;

/// The most bytes of one picture.
const LARGEST: u64 = 10 * 1024 * 1024;
/// The most pictures of a text that are uploaded; the others stay where they are.
const MOST: usize = 50;
/// So many hexadecimal digits name a picture.
const DIGITS: usize = 12;

/// The addresses of pictures, each with where it stands at the outlet.
pub(super) type Links = BTreeMap<String, String>;

/// A picture that was fetched.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    /// A name of the address's digest, with the ending that its bytes ask for.
    pub(super) name: String,
    /// Its media type, told from its bytes.
    pub(super) media_type: &'static str,
    /// What it is.
    pub(super) bytes: Vec<u8>,
}

/// The pictures of a post that are uploaded, each once: those of its text, and with `image` the one that stands for it.
pub(super) fn of(manuscript: &Manuscript, image: bool) -> Vec<String> {
    let mut addresses = render::pictures(&manuscript.html);
    addresses.truncate(MOST);
    let is_new = |image: &&HttpUrl| {
        !addresses.iter().any(|address| address.parse::<HttpUrl>().is_ok_and(|address| address == **image))
    };
    let own = manuscript.image.as_ref().filter(|_| image).filter(is_new).map(ToString::to_string);
    addresses.extend(own);
    addresses
}

/// The picture at an address; `None` when it cannot be had or is none: it stays linked then.
pub(super) async fn fetch(client: &Client, outlet: &Slug, address: &str) -> Option<Picture> {
    let url: HttpUrl = address.parse().ok()?;
    match client.fetch_within(Request { url: &url, etag: None, last_modified: None }, LARGEST).await {
        Ok(Outcome::Fresh(fetched)) => {
            let (ending, media_type) = kind(&fetched.bytes)?;
            Some(Picture { name: format!("{}.{ending}", digits(address)), media_type, bytes: fetched.bytes })
        }
        Ok(Outcome::NotModified { .. } | Outcome::Gone) => None,
        Err(error) => {
            tracing::info!(%outlet, %error, "a picture stays linked");
            None
        }
    }
}

/// A text with its pictures at the places that `links` names; of each there is one size then.
pub(super) fn relinked(html: &CleanHtml, links: &Links) -> String {
    let document = Document::fragment(html.as_str());
    for picture in document.select("img").nodes() {
        if let Some(place) = picture.attr("src").and_then(|address| links.get(address.as_ref())) {
            picture.set_attr("src", place);
            picture.remove_attrs(&["srcset", "sizes"]);
            let around = picture.parent().filter(|parent| parent.has_name("picture"));
            for other in around.iter().flat_map(NodeRef::children).filter(|other| other.has_name("source")) {
                other.remove_from_parent();
            }
        }
    }
    document.html_root().inner_html().to_string()
}

/// A picture's name before it was fetched, by the address's own ending.
pub(super) fn name_of(address: &str) -> String {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    let ending = match ending.as_str() {
        "png" | "gif" | "webp" => ending.as_str(),
        _ => "jpg",
    };
    format!("{}.{ending}", digits(address))
}

/// Whether a file may be a picture that was fetched, by its name.
pub(super) fn is_name(name: &str) -> bool {
    let Some((digits, ending)) = name.split_once('.') else { return false };
    digits.len() == DIGITS
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        && ["png", "jpg", "gif", "webp"].contains(&ending)
}

/// The ending and the media type of a picture that sites show; `None` of anything else.
fn kind(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some(("png", "image/png")),
        [0xff, 0xd8, 0xff, ..] => Some(("jpg", "image/jpeg")),
        [b'G', b'I', b'F', b'8', ..] => Some(("gif", "image/gif")),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(("webp", "image/webp")),
        _ => None,
    }
}

fn digits(address: &str) -> String {
    sha256_hex(address.as_bytes()).chars().take(DIGITS).collect()
}
