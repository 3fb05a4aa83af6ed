//! A post's own page.

use super::{Archive, data};
use crate::domain::id::PostId;
use crate::domain::label::LabelKind;
use crate::domain::language::Language;
use crate::domain::post::{Enclosure, Post};
use crate::domain::source::Archived;
use crate::domain::url::HttpUrl;
use crate::flow::publish::feed::FeedOf;
use crate::flow::publish::{Page, PublisherError, Written};
use crate::render::{CleanText, FileLink, Frame, Link, PlaceLink, PostContext, WithdrawnContext, picture_of};
use crate::store::Neighbour;
use percent_encoding::percent_decode_str;

impl Archive<'_> {
    /// The page of a post; `None` when it is nobody's to read.
    pub(super) async fn post(&self, id: PostId) -> Result<Option<Written>, PublisherError> {
        let Some(post) = self.store.post(id).await? else { return Ok(None) };
        if !post.is_shown() || self.config.source(&post.source_name).is_none() {
            return Ok(None);
        }
        let language = self.config.site.language;
        let titles = self.titles(std::iter::once(&post)).await?;
        let (older, newer) = self.store.neighbours(&post).await?;
        let neighbour = |found: Option<Neighbour>| {
            found.map(|found| Link { title: self.title(&found.title, language), url: self.path(&Page::Post(found.id)) })
        };
        let entry = &post.entry;
        let listed = self.listed(&post, &titles, language);
        let shown = self.shown(&post.source_name);
        let (text, continues) = match shown {
            Archived::Full => (entry.content.as_ref().or(entry.summary.as_ref()), entry.content.is_none()),
            Archived::Summary | Archived::Link => (None, true),
        };
        let own = Page::Post(id);
        let image = entry.content.as_ref().filter(|_| shown == Archived::Full).and_then(picture_of);
        let data = data::post(self, &post, &listed, image.as_deref());
        let mut head = self.head(self.url(&own), language, listed.title.clone(), &data);
        if !listed.excerpt.is_empty() {
            head.description.clone_from(&listed.excerpt);
        }
        head.kind = "article";
        head.image = image;
        head.feeds = self.feeds(&FeedOf::Source(post.source_name.clone()));
        let original = entry.url.as_ref().map(ToString::to_string);
        if let Some(original) = &original {
            head.canonical.clone_from(original);
        }
        let context = PostContext {
            head,
            changed: (post.changed > post.first_seen).then(|| self.moment(post.changed, language)),
            text: text.map(CleanText::of),
            continues: continues && original.is_some(),
            original,
            also_at: post
                .also_at()
                .into_iter()
                .map(|place| PlaceLink { name: place.name, url: place.url.as_ref().map(HttpUrl::to_string) })
                .collect(),
            tags: self.labels(LabelKind::Tag, &entry.categories),
            files: entry.enclosures.iter().map(file).collect(),
            older: neighbour(older),
            newer: neighbour(newer),
            newsletters: self.newsletters_of(&post, language),
            post: listed,
        };
        Ok(Some(Written::new(self.renderer.page_post(&context)?, post.changed.max(post.first_seen))))
    }

    /// The page of a post that was withdrawn, without anything of it; `None` when it was not, or nobody was ever to see
    /// it.
    pub(in crate::flow::publish) async fn withdrawn(&self, id: PostId) -> Result<Option<String>, PublisherError> {
        let Some(post) = self.store.post(id).await? else { return Ok(None) };
        let Some(at) = post.retracted else { return Ok(None) };
        let seen = Post { retracted: None, ..post };
        if !seen.is_shown() || self.config.source(&seen.source_name).is_none() {
            return Ok(None);
        }
        let language = self.config.site.language;
        let frame = Frame { language, site: self.config.site.title.clone(), base: self.config.path("") };
        let context = WithdrawnContext { frame, at: self.moment(at, language) };
        Ok(Some(self.renderer.page_withdrawn(&context)?))
    }

    /// The newsletters that mail what is like it.
    fn newsletters_of(&self, post: &Post, language: Language) -> Vec<Link> {
        let mails = |newsletter: &&crate::domain::newsletter::Newsletter| {
            newsletter.sources.as_ref().is_none_or(|names| names.contains(&post.source_name))
                && post.left_out_by(&newsletter.filter).is_none()
        };
        let link = |newsletter: &crate::domain::newsletter::Newsletter| Link {
            title: self.renderer.filled(language, "subscribe_heading", &[("title", &newsletter.title)]),
            url: self.config.path(&format!("/subscribe/{}", newsletter.name)),
        };
        self.config.mailed().filter(mails).take(3).map(link).collect()
    }
}

fn file(file: &Enclosure) -> FileLink {
    let last = file.url.as_url().path_segments().and_then(|mut segments| segments.next_back().map(str::to_owned));
    let name = percent_decode_str(&last.unwrap_or_default()).decode_utf8_lossy().into_owned();
    let kind = file.media_type.as_deref().unwrap_or_default();
    FileLink {
        name: if name.is_empty() { file.url.host().to_owned() } else { name },
        url: file.url.to_string(),
        plays: ["audio", "video"].into_iter().find(|plays| kind.starts_with(&format!("{plays}/"))).unwrap_or(""),
        media_type: file.media_type.clone().filter(|kind| kind.is_ascii()),
        size: file.length.filter(|length| *length > 0).map(size),
    }
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    let kilobytes = bytes.div_ceil(1024);
    if kilobytes < 1024 {
        format!("{kilobytes} KB")
    } else {
        format!("{}.{} MB", kilobytes / 1024, kilobytes % 1024 * 10 / 1024)
    }
}
