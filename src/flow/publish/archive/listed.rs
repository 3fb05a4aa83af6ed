//! A post as lists show it, with the names of its source and authors.

use super::Archive;
use crate::domain::label::{LabelKey, LabelKind};
use crate::domain::language::Language;
use crate::domain::post::Post;
use crate::domain::reading::minutes;
use crate::domain::slug::Slug;
use crate::domain::source::Archived;
use crate::domain::text::{cut, words};
use crate::domain::time::Timestamp;
use crate::flow::publish::{FeedOf, Page};
use crate::render::{Link, ListedPost, Moment, runs_leftwards};
use crate::store::StoreError;
use std::collections::HashMap;

/// So many characters of a text are shown beside its title.
const EXCERPT: usize = 240;

/// What sources call themselves, asked for once a page.
#[derive(Debug, Default)]
pub(super) struct Titles(HashMap<Slug, String>);

impl Titles {
    /// The title of a source; its name for want of one.
    pub(super) fn of(&self, name: &Slug) -> String {
        self.0.get(name).cloned().unwrap_or_else(|| name.to_string())
    }
}

impl Archive<'_> {
    /// The titles of the sources of these posts.
    pub(super) async fn titles<'p>(&self, posts: impl Iterator<Item = &'p Post>) -> Result<Titles, StoreError> {
        let mut titles = HashMap::new();
        for post in posts {
            if !titles.contains_key(&post.source_name) {
                let row = self.store.source_row(&post.source_name).await?;
                let title = row.and_then(|row| row.title).unwrap_or_else(|| post.source_name.to_string());
                titles.insert(post.source_name.clone(), title);
            }
        }
        Ok(Titles(titles))
    }

    /// How much of a source's posts may be shown; of one that is not configured any more, nothing.
    pub(super) fn shown(&self, source: &Slug) -> Archived {
        self.config.source(source).map_or(Archived::Link, |source| source.archive)
    }

    /// A post for a page in `language`.
    pub(super) fn listed(&self, post: &Post, titles: &Titles, language: Language) -> ListedPost {
        let entry = &post.entry;
        let text = |html| words(html);
        let whole = entry.content.as_ref().map(text).unwrap_or_default();
        let short = entry.summary.as_ref().map(text).filter(|short| !short.is_empty());
        let minutes = minutes(if whole.is_empty() { short.as_deref().unwrap_or_default() } else { &whole });
        let excerpt = match self.shown(&post.source_name) {
            Archived::Link => String::new(),
            Archived::Full | Archived::Summary => cut(short.as_deref().unwrap_or(&whole), EXCERPT),
        };
        let title = self.title(&entry.title, language);
        let read = if title.chars().any(char::is_alphabetic) { &title } else { &excerpt };
        ListedPost {
            dir: if runs_leftwards(read) { "rtl" } else { "ltr" },
            title,
            url: self.path(&Page::Post(post.id)),
            lang: post.language().and_then(crate::domain::text::language_tag),
            date: self.moment(post.date(), language),
            authors: self.labels(LabelKind::Author, &entry.authors),
            source: Link {
                title: titles.of(&post.source_name),
                url: self.path(&Page::List(FeedOf::Source(post.source_name.clone()), None)),
            },
            excerpt,
            minutes,
        }
    }

    /// A title, or the words that stand for one.
    pub(super) fn title(&self, title: &str, language: Language) -> String {
        if title.trim().is_empty() { self.renderer.text(language, "untitled") } else { title.to_owned() }
    }

    /// A moment by the site's clock. Its year is always said: a page must not change with the date.
    pub(super) fn moment(&self, at: Timestamp, language: Language) -> Moment {
        let zone = self.config.site.timezone;
        Moment { words: self.renderer.short_date(language, zone, at, Timestamp::EPOCH), exact: at.to_rfc3339() }
    }

    /// Labels with the pages that list their posts.
    pub(super) fn labels(&self, kind: LabelKind, names: &[String]) -> Vec<Link> {
        let link = |name: &String| {
            let key = LabelKey::of(name)?;
            Some(Link { title: name.clone(), url: self.path(&Page::List(FeedOf::Label(kind, key), None)) })
        };
        names.iter().filter_map(link).collect()
    }
}
