//! A post as one outlet gets it: as much of its text as its source and the outlet's
//! settings allow, in the outlet's words, with the original named.

use crate::domain::html::CleanHtml;
use crate::domain::outlet::{Attribution, Blank, Manuscript, Outlet, Share, Status};
use crate::domain::post::Post;
use crate::domain::text::{cut, escape, words};
use crate::domain::url::HttpUrl;
use crate::render::{Renderer, alt_of, picture_of};
use crate::store::{Store, StoreError};

/// So many characters of a text stand in its beginning.
const EXCERPT: usize = 300;

/// Makes manuscripts.
pub(super) struct Composer<'a> {
    pub(super) store: &'a Store,
    pub(super) renderer: &'a Renderer,
}

impl Composer<'_> {
    /// The post, as the outlet gets it.
    pub(super) async fn manuscript(&self, outlet: &Outlet, post: &Post, key: String) -> Result<Manuscript, StoreError> {
        let source = self.store.source_row(&post.source_name).await?.and_then(|source| source.title);
        let source = source.unwrap_or_else(|| post.source_name.to_string());
        Ok(Draft { composer: self, outlet, post, source }.finish(key))
    }
}

/// A manuscript in the making.
struct Draft<'a> {
    composer: &'a Composer<'a>,
    outlet: &'a Outlet,
    post: &'a Post,
    source: String,
}

impl Draft<'_> {
    fn finish(self, key: String) -> Manuscript {
        let (entry, form) = (&self.post.entry, &self.outlet.form);
        let share = self.share();
        let title = form
            .title
            .as_ref()
            .map_or_else(|| self.title(), |wording| line(&wording.filled(|blank| self.value(blank))));
        let picture = entry.content.as_ref().and_then(|html| picture_of(html).map(|address| (html, address)));
        let image_alt = picture.as_ref().and_then(|(html, address)| alt_of(html, address));
        let image = picture.and_then(|(_, address)| address.parse().ok());
        let of_files = entry
            .enclosures
            .iter()
            .find(|file| file.media_type.as_ref().is_some_and(|kind| kind.starts_with("image/")));
        Manuscript {
            key,
            post: self.post.id,
            title: if title.is_empty() { self.title() } else { title },
            share,
            html: self.html(share),
            excerpt: self.excerpt(),
            url: self.url().cloned(),
            authors: entry.authors.clone(),
            tags: form.tags(&entry.categories),
            language: self.post.spoken_language(),
            published: self.post.date().whole_seconds(),
            updated: (self.post.changed > self.post.first_seen).then(|| self.post.changed.whole_seconds()),
            image: image.or_else(|| of_files.map(|file| file.url.clone())),
            image_alt,
            source_name: self.post.source_name.clone(),
            draft: form.draft,
            status: self.status(share),
            source: self.source,
        }
    }

    /// How much of the text goes there: no more than there is.
    fn share(&self) -> Share {
        match self.outlet.form.share_of(&self.post.source_name) {
            Share::Full if self.post.entry.content.is_none() => Share::Excerpt,
            share => share,
        }
    }

    /// Where the original stands: where the post says, else at the post's own address.
    fn url(&self) -> Option<&HttpUrl> {
        self.post.entry.original.as_ref().or(self.post.entry.url.as_ref())
    }

    fn title(&self) -> String {
        let title = self.post.entry.title.trim();
        if title.is_empty() { self.text("untitled") } else { title.to_owned() }
    }

    fn text(&self, key: &str) -> String {
        self.composer.renderer.text(self.outlet.form.language, key)
    }

    fn excerpt(&self) -> String {
        let entry = &self.post.entry;
        let beginning = entry.summary.as_ref().or(entry.content.as_ref());
        beginning.map(|html| cut(&words(html), EXCERPT)).unwrap_or_default()
    }

    /// What a blank is filled with, plain text; that of the text is another matter.
    fn value(&self, blank: Blank) -> String {
        let (entry, form) = (&self.post.entry, &self.outlet.form);
        match blank {
            Blank::Title => self.title(),
            Blank::Text | Blank::Excerpt => self.excerpt(),
            Blank::Url => self.url().map(ToString::to_string).unwrap_or_default(),
            Blank::Source => self.source.clone(),
            Blank::Author => entry.authors.join(", "),
            Blank::Tags => {
                let tags = form.tags(&entry.categories);
                let tag = |tag: &String| format!("#{}", tag.split_whitespace().collect::<String>());
                tags.iter().map(tag).collect::<Vec<_>>().join(" ")
            }
            Blank::Date => self.composer.renderer.long_date(form.language, self.outlet.timing.zone, self.post.date()),
        }
    }

    /// What a short message says.
    fn status(&self, share: Share) -> Status {
        let text = match share {
            Share::Full => self.post.text().map(words).unwrap_or_default(),
            Share::Excerpt => self.excerpt(),
            Share::Link => String::new(),
        };
        let wording = self.outlet.form.status.clone();
        let wording = wording.unwrap_or_else(|| self.outlet.kind.usual_status(share != Share::Link));
        Status::new(wording, |blank| self.value(blank), text)
    }

    fn html(&self, share: Share) -> CleanHtml {
        let own = match share {
            Share::Full => self.post.text().cloned().unwrap_or_default(),
            Share::Excerpt => {
                let excerpt = CleanHtml::from_text(&self.excerpt());
                CleanHtml::join([&excerpt, &self.link(&self.text("read_on"))])
            }
            Share::Link => self.link(&self.title()),
        };
        let around = self.outlet.form.body.as_ref().and_then(|body| body.around(Blank::Text));
        let around = around.map(|(before, behind)| {
            let filled = |wording: crate::domain::outlet::Wording| {
                CleanHtml::sanitise(&wording.filled(|blank| escape(&self.value(blank))), None)
            };
            (filled(before), filled(behind))
        });
        let (before, behind) = around.unwrap_or_default();
        let attribution = self.attribution();
        match self.outlet.form.attribution {
            Attribution::Before => CleanHtml::join([&attribution, &before, &own, &behind]),
            Attribution::After => CleanHtml::join([&before, &own, &behind, &attribution]),
            Attribution::None => CleanHtml::join([&before, &own, &behind]),
        }
    }

    fn link(&self, words: &str) -> CleanHtml {
        match self.url() {
            Some(url) => paragraph(&format!("<a href=\"{}\">{}</a>", escape(url.as_str()), escape(words))),
            None => paragraph(&escape(words)),
        }
    }

    /// The line that names the original.
    fn attribution(&self) -> CleanHtml {
        // The name is put in once the words are HTML.
        const PLACE: &str = "\u{e000}";
        let words = self.composer.renderer.filled(self.outlet.form.language, "attribution", &[("place", PLACE)]);
        let entry = &self.post.entry;
        // An original elsewhere is named by its host: what stands there nobody has read.
        let name = match (&entry.original, &entry.url) {
            (Some(original), own) if own.as_ref() != Some(original) => original.host(),
            _ => &self.source,
        };
        let place = match self.url() {
            Some(url) => format!("<a href=\"{}\">{}</a>", escape(url.as_str()), escape(name)),
            None => escape(name),
        };
        paragraph(&format!("<em>{}</em>", escape(&words).replace(PLACE, &place)))
    }
}

fn paragraph(html: &str) -> CleanHtml {
    CleanHtml::sanitise(&format!("<p>{html}</p>"), None)
}

/// Words in one line.
fn line(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}
