//! `[feeds]`: what feeds say of themselves, and who tells their readers of changes.

use super::parts::items;
use super::raw::Table;
use crate::domain::url::HttpUrl;

/// `[feeds]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Feeds {
    /// Hubs that are told when a feed has changed (WebSub).
    pub hubs: Vec<HttpUrl>,
    /// The picture that stands for the site's feeds: GIF, JPEG or PNG.
    pub image: Option<HttpUrl>,
    /// A small one, for a row in a list.
    pub icon: Option<HttpUrl>,
    /// Whose they are.
    pub copyright: Option<String>,
}

/// So many hubs are of use: each is told of each change.
const MOST_HUBS: usize = 8;

/// `[feeds]`.
pub(super) fn feeds(mut table: Table<'_>) -> Feeds {
    let hubs = items(&mut table, "hubs", hub);
    if hubs.len() > MOST_HUBS {
        table.faults().add(&table.place("hubs"), format_args!("names more than {MOST_HUBS} hubs"));
    }
    if hubs.iter().enumerate().any(|(number, hub)| hubs.iter().take(number).any(|earlier| earlier == hub)) {
        table.faults().add(&table.place("hubs"), "names a hub twice");
    }
    let feeds = Feeds {
        hubs,
        image: table.parsed("image", image),
        icon: table.parsed("icon", str::parse::<HttpUrl>),
        copyright: table.words("copyright"),
    };
    table.finish();
    feeds
}

/// The address of a picture that stands for a feed. RSS 2.0 knows three kinds.
pub(super) fn image(text: &str) -> Result<HttpUrl, String> {
    let url: HttpUrl = text.parse().map_err(|why: crate::domain::url::BadUrl| why.to_string())?;
    let file = url.as_url().path().rsplit('/').next().unwrap_or_default();
    let ending = file.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    match ending.as_deref() {
        None | Some("gif" | "jpg" | "jpeg" | "png") => Ok(url),
        Some(other) => Err(format!("`{other}` is no picture that all feed readers show: use a GIF, JPEG or PNG")),
    }
}

/// The address of a hub.
fn hub(text: &str) -> Result<HttpUrl, String> {
    let url: HttpUrl = text.parse().map_err(|why: crate::domain::url::BadUrl| why.to_string())?;
    match url.as_url().fragment() {
        None => Ok(url),
        Some(_) => Err(format!("`{text}` has a `#` in it, which no hub is sent: leave it out with what follows")),
    }
}
