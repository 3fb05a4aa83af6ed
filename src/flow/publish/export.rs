//! The whole site as files, for any web server or object store: the bytes that would be
//! served, each at the place of its address.
//!
//! What is made of the same is not made again: a list in the folder says what each file
//! was made of. A run that is stopped half-way leaves every file whole, and the next one
//! goes on with what is missing.

mod files;
mod made;

use super::{Document, FeedKey, FeedOf, Page, Publisher, PublisherError};
use crate::domain::label::LabelKind;
use crate::domain::slug::Slug;
use crate::domain::token::sha256_hex;
use crate::publish::Format;
use files::Folder;
use made::Made;
use std::io;
use std::path::{Path, PathBuf};

/// So many posts' numbers are asked for at once.
const TOGETHER: u32 = 1_000;

/// What an export did, in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Exported {
    /// New ones, and those that changed.
    pub written: u64,
    /// Those that were rendered and are as they were.
    pub unchanged: u64,
    /// Those that nothing concerned that changed.
    pub kept: u64,
    /// Those that went.
    pub removed: u64,
}

/// Why an export ended.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The folder holds what an export has not written.
    #[error("{0} holds files that no export has written: name an empty folder, or a new one")]
    Occupied(PathBuf),
    /// A file or a folder.
    #[error("{0}: {1}")]
    File(PathBuf, #[source] io::Error),
    /// What was to be written.
    #[error(transparent)]
    Publisher(#[from] PublisherError),
}

/// What is made together, of the same posts.
struct Part {
    /// Its name in the list.
    name: String,
    /// Of what it is made; another one is another part.
    stamp: String,
    /// Whose feeds and lists it has.
    of: Option<FeedOf>,
}

impl Publisher {
    /// Writes everything into `folder` that is not there yet as it is now; with `all`, everything is rendered anew.
    /// What was exported and is published no more goes.
    pub async fn export(&self, folder: &Path, all: bool) -> Result<Exported, ExportError> {
        let mut folder = Folder::open(folder)?;
        let mut made = Made::read(folder.path())?;
        let base = self.base().await?;
        let mut labels = Vec::new();
        for kind in [LabelKind::Tag, LabelKind::Author, LabelKind::Language] {
            labels.extend(self.store.label_stamps(kind).await.map_err(PublisherError::from)?);
        }
        let labels = labels.into_iter().map(|label| Part {
            name: format!("{}/{}", label.kind.folder(), label.key),
            stamp: label.stamp,
            of: Some(FeedOf::Label(label.kind, label.key)),
        });
        for part in self.parts().await?.into_iter().chain(labels) {
            let stamp = sha256_hex(format!("{base} {}", part.stamp).as_bytes());
            if !all && made.is_of(&part.name, &stamp) {
                folder.keep(made.keep(&part.name));
                continue;
            }
            self.write_part(&part, &mut folder).await?;
            made.put(&part.name, stamp, folder.files());
        }
        folder.remove(made.gone())?;
        made.write(folder.path())?;
        Ok(folder.done())
    }

    /// The parts that are there by configuration.
    async fn parts(&self) -> Result<Vec<Part>, PublisherError> {
        let config = self.config.load_full();
        let revisions = self.store.revisions().await?;
        let of = |names: &mut dyn Iterator<Item = &Slug>| {
            let mut all: Vec<String> =
                names.map(|name| format!("{name} {}", revisions.get(name).copied().unwrap_or(-1))).collect();
            all.sort_unstable();
            all.join(",")
        };
        let whole = of(&mut revisions.keys());
        let mut parts = vec![Part { name: "site".to_owned(), stamp: whole.clone(), of: Some(FeedOf::Site) }];
        for newsletter in &config.newsletters {
            let stamp = newsletter.sources.as_ref().map_or_else(|| whole.clone(), |names| of(&mut names.iter()));
            // How old a post may be is asked of the clock.
            let aged = newsletter.feed_age.map(|_| self.clock.now().to_rfc3339());
            parts.push(Part {
                name: format!("newsletters/{}", newsletter.name),
                stamp: format!("{stamp} {}", aged.unwrap_or_default()),
                of: Some(FeedOf::Newsletter(newsletter.name.clone())),
            });
        }
        for source in &config.sources {
            parts.push(Part {
                name: format!("sources/{}", source.name),
                stamp: of(&mut std::iter::once(&source.name)),
                of: Some(FeedOf::Source(source.name.clone())),
            });
        }
        // What was mailed is not counted by any source; there is little of it.
        parts.push(Part { name: "digests".to_owned(), stamp: self.clock.now().to_rfc3339_exact(), of: None });
        Ok(parts)
    }

    /// Of what everything is made: the program, its configuration and templates, and what sources call themselves.
    async fn base(&self) -> Result<String, PublisherError> {
        let config = self.config.load_full();
        let mut titles: Vec<(Slug, String)> = self.source_titles().await?.into_iter().collect();
        titles.sort_unstable();
        let made = format!(
            "{} {} {:?} {titles:?}",
            env!("CARGO_PKG_VERSION"),
            self.renderer.stamp(),
            (&config.site, &config.newsletters, &config.sources)
        );
        Ok(sha256_hex(made.as_bytes()))
    }

    async fn write_part(&self, part: &Part, folder: &mut Folder) -> Result<(), ExportError> {
        match &part.of {
            Some(of) => {
                self.write_feeds(of, folder).await?;
                match of {
                    FeedOf::Site => self.write_site(folder).await,
                    FeedOf::Source(name) => self.write_posts(name, folder).await,
                    FeedOf::Newsletter(_) | FeedOf::Label(..) => Ok(()),
                }
            }
            None => self.write_digests(folder).await,
        }
    }

    /// Writes a document if there is one.
    async fn write_one(&self, document: Document, folder: &mut Folder) -> Result<bool, ExportError> {
        match self.text(document.clone()).await? {
            Some(text) => folder.write(&document.path(), text.as_bytes()).map(|()| true),
            None => Ok(false),
        }
    }

    /// The feeds and the list of the same posts, back to the first.
    async fn write_feeds(&self, of: &FeedOf, folder: &mut Folder) -> Result<(), ExportError> {
        let feed = |format, page| Document::Feed(FeedKey { page, ..FeedKey::new(of.clone(), format) });
        for format in Format::ALL {
            self.write_one(feed(format, None), folder).await?;
            let mut page = 1;
            while self.write_one(feed(format, Some(page)), folder).await? {
                page += 1;
            }
        }
        self.write_one(Page::List(of.clone(), None).into(), folder).await?;
        let mut page = 1;
        while self.write_one(Page::List(of.clone(), Some(page)).into(), folder).await? {
            page += 1;
        }
        Ok(())
    }

    /// What there is once: the front page, the table of contents, the months, sitemaps and assets.
    async fn write_site(&self, folder: &mut Folder) -> Result<(), ExportError> {
        for page in [Page::Front, Page::Contents, Page::Robots, Page::Sitemap(None), Page::Sources] {
            self.write_one(page.into(), folder).await?;
        }
        let mut number = 1;
        while self.write_one(Page::Sitemap(Some(number)).into(), folder).await? {
            number += 1;
        }
        let config = self.config.load_full();
        for (year, month) in self.archive(&config).all_months().await.map_err(PublisherError::from)? {
            let mut number = None;
            while self.write_one(Page::Month(year, month, number).into(), folder).await? {
                number = Some(number.unwrap_or(1) + 1);
            }
        }
        for (name, _) in Page::FILES {
            self.write_one(Page::File(name).into(), folder).await?;
        }
        for name in ["icon.png", "favicon.ico"] {
            folder.write(name, &self.renderer.icon(name))?;
        }
        Ok(())
    }

    /// What was mailed, and the lists of it.
    async fn write_digests(&self, folder: &mut Folder) -> Result<(), ExportError> {
        let config = self.config.load_full();
        for newsletter in config.mailed().filter(|newsletter| newsletter.web) {
            let mut number = None;
            while self.write_one(Page::Digests(newsletter.name.clone(), number).into(), folder).await? {
                number = Some(number.unwrap_or(1) + 1);
            }
            let mut behind = 0;
            loop {
                let digests = self.store.archive_digests(Some(&newsletter.name), TOGETHER, behind).await;
                let digests = digests.map_err(PublisherError::from)?;
                if digests.is_empty() {
                    break;
                }
                behind += u64::from(TOGETHER);
                for digest in digests {
                    self.write_one(Page::Digest(digest.edition).into(), folder).await?;
                }
            }
        }
        Ok(())
    }

    async fn write_posts(&self, source: &Slug, folder: &mut Folder) -> Result<(), ExportError> {
        let mut behind = None;
        loop {
            let ids = self.store.post_ids_of(source, behind, TOGETHER).await.map_err(PublisherError::from)?;
            let Some(last) = ids.last() else { return Ok(()) };
            behind = Some(*last);
            for id in ids {
                self.write_one(Page::Post(id).into(), folder).await?;
            }
        }
    }
}
