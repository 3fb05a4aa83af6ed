//! A folder of files, of which a site is made: a post is a file of its own with what
//! the generator wants to know in front, and its pictures beside it.
//!
//! Invariants: a file appears as a whole or not at all; a post's file is found again
//! by its name; nothing is written or taken away but what was written here.

mod files;
mod front;
mod git;
mod markdown;

use super::{Protocol, pictures};
use crate::domain::html::CleanHtml;
use crate::domain::outlet::{Directory, Draft, Found, Generator, Gone, Manuscript, Outcome, Receipt, Words};
use crate::domain::slug::Slug;
use crate::domain::url::HttpUrl;
use crate::net::Client;
use crate::outlet::pictures::Picture;
use crate::render;
use files::{Files, Place};
use futures_util::future::BoxFuture;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::BTreeMap;

/// The most pictures of a post that are fetched; the others stay where they are.
const MOST: usize = 100;

/// The folder.
pub(super) struct Folder {
    outlet: Slug,
    directory: Directory,
    client: Client,
}

impl Folder {
    pub(super) fn new(outlet: Slug, directory: Directory, client: Client) -> Self {
        Self { outlet, directory, client }
    }

    fn files(&self) -> Files {
        Files { root: self.directory.path.clone(), generator: self.directory.generator }
    }

    /// A post's file, its pictures called as `named` says.
    fn text(&self, manuscript: &Manuscript, place: &Place, named: &BTreeMap<String, String>) -> String {
        let generator = self.directory.generator;
        let links = named.iter().map(|(address, name)| (address.clone(), place.link(name))).collect();
        let text = match self.directory.words {
            Words::Markdown => markdown::markdown(&manuscript.html, &links, generator),
            Words::Html => markdown::html(&manuscript.html, &links),
        };
        format!("{}\n{}\n", front::front(manuscript, generator), text.trim_end())
    }

    async fn write(&self, manuscript: &Manuscript, at: Option<&Receipt>) -> Outcome {
        let files = self.files();
        let place = match at.map_or_else(|| files.place(manuscript), |at| files.known(&at.id)) {
            Ok(place) => place,
            Err(why) => return Outcome::Later { why, after: None },
        };
        let pictures = if self.directory.images { self.pictures(&manuscript.html).await } else { BTreeMap::new() };
        let named = pictures.iter().map(|(address, picture)| (address.clone(), picture.name.clone())).collect();
        let text = self.text(manuscript, &place, &named);
        let written = {
            let (place, files) = (place.clone(), self.files());
            let pictures = pictures.into_values().map(|picture| (picture.name, picture.bytes)).collect();
            tokio::task::spawn_blocking(move || files.write(&place, &text, pictures)).await
        };
        let paths = match written.map_err(|error| error.to_string()).and_then(|written| written) {
            Ok(paths) => paths,
            Err(why) => return Outcome::Later { why, after: None },
        };
        let verb = if at.is_some() { "Change" } else { "Add" };
        let words = format!("{verb} {}", manuscript.title);
        if let Err(why) = git::record(&self.directory.path, self.directory.git, &paths, &words).await {
            return Outcome::Later { why, after: None };
        }
        Outcome::Done(Receipt { url: self.url(&place), id: place.name })
    }

    /// The pictures of a text that could be had, by their addresses.
    async fn pictures(&self, html: &CleanHtml) -> BTreeMap<String, Picture> {
        let mut had = BTreeMap::new();
        for address in render::pictures(html).into_iter().take(MOST) {
            if let Some(picture) = pictures::fetch(&self.client, &self.outlet, &address).await {
                had.insert(address, picture);
            }
        }
        had
    }

    fn url(&self, place: &Place) -> Option<HttpUrl> {
        let slug = utf8_percent_encode(&place.slug, NON_ALPHANUMERIC).to_string().replace("%2D", "-");
        self.directory.url.as_ref()?.replace("{slug}", &slug).parse().ok()
    }
}

impl Protocol for Folder {
    fn draft(&self, manuscript: &Manuscript) -> Draft {
        let files = self.files();
        let place = files.place(manuscript).unwrap_or_else(|_| files.first(manuscript));
        let named = if self.directory.images {
            let names = render::pictures(&manuscript.html).into_iter().take(MOST);
            names.map(|address| (address.clone(), pictures::name_of(&address))).collect()
        } else {
            BTreeMap::new()
        };
        let text = self.text(manuscript, &place, &named);
        let mut parts = vec![("file".to_owned(), self.directory.path.join(&place.name).display().to_string())];
        parts.extend(named.iter().map(|(address, name)| ("picture".to_owned(), format!("{name} of {address}"))));
        parts.push(("text".to_owned(), text));
        Draft(parts)
    }

    /// A file that is written twice is the same file.
    fn find<'a>(&'a self, _: &'a Manuscript) -> BoxFuture<'a, Found> {
        Box::pin(std::future::ready(Found::Known))
    }

    fn post<'a>(&'a self, manuscript: &'a Manuscript) -> BoxFuture<'a, Outcome> {
        Box::pin(self.write(manuscript, None))
    }

    fn update<'a>(&'a self, manuscript: &'a Manuscript, at: &'a Receipt) -> BoxFuture<'a, Outcome> {
        Box::pin(self.write(manuscript, Some(at)))
    }

    fn delete<'a>(&'a self, _: &'a Gone, at: &'a Receipt) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let files = self.files();
            let removed = files.known(&at.id).and_then(|place| files.remove(&place));
            let paths = match removed {
                Ok(paths) => paths,
                Err(why) => return Outcome::Later { why, after: None },
            };
            let words = format!("Remove {}", at.id);
            match git::record(&self.directory.path, self.directory.git, &paths, &words).await {
                Ok(()) => Outcome::Done(at.clone()),
                Err(why) => Outcome::Later { why, after: None },
            }
        })
    }

    fn test(&self) -> BoxFuture<'_, Outcome> {
        Box::pin(async {
            let tried = match self.files().try_out() {
                Ok(()) => git::try_out(&self.directory.path, self.directory.git).await,
                Err(why) => Err(why),
            };
            match tried {
                Ok(words) => {
                    let id = format!("{} can be written to{words}", self.directory.path.display());
                    Outcome::Done(Receipt { id, url: None })
                }
                Err(why) => Outcome::Later { why, after: None },
            }
        })
    }
}

impl Place {
    /// How a post's file names a picture of its own.
    fn link(&self, picture: &str) -> String {
        match self.generator {
            Generator::Hugo | Generator::Zola => picture.to_owned(),
            // Astro takes a name without a dot for a module's.
            Generator::Astro => format!("./{picture}"),
            Generator::Jekyll => format!("/assets/{}/{picture}", self.slug),
        }
    }
}
