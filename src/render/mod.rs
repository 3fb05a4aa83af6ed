//! Templates, each with one typed context, and the texts of two languages. All
//! of it is embedded in the binary, and may be replaced file by file by the
//! operator's own; every value is escaped in HTML.

mod archive;
mod article;
mod dates;
mod desk;
mod digest;
mod escape;
mod icons;
mod letters;
mod own;
mod plural;
mod prose;
mod sample;
mod sign_up;
mod templates;
mod texts;
mod trial;
mod wrap;

pub use archive::{
    CleanText, ContentsContext, Counted, DigestsContext, FileLink, Head, Hit, Link, ListContext, ListedDigest,
    ListedPost, Moment, Piece, PlaceLink, PostContext, SearchContext, WithdrawnContext, Year, alt_of, data, picture_of,
};
pub use article::{pictures, runs_leftwards};
pub use desk::{DeskContext, bare_post};
pub use digest::{DigestContext, DigestPage, DigestPost, Headline, Section};
pub use letters::{LinkContext, ReaderLetterContext};
pub use own::{
    DataContext, LanguageChoice, LeaveContext, LeftContext, LessOften, NewsletterChoices, PreferencesContext,
};
pub use sample::sample_digest;
pub use sign_up::{ConfirmPageContext, EmbeddedContext, NewsletterChoice, OtherPage, SubscribeContext};
pub use templates::{Template, TemplateFaults, templates};
pub use wrap::wrap;

use crate::domain::language::Language;
use arc_swap::ArcSwap;
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use templates::Engine;

/// Renders pages and mails. Its templates may change under it ([`Renderer::reload`]);
/// what is being rendered meanwhile ends with those it began with.
#[derive(Debug)]
pub struct Renderer {
    engine: ArcSwap<Engine>,
}

/// A mail's three texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendered {
    /// One line.
    pub subject: String,
    /// The HTML part.
    pub html: String,
    /// The text part.
    pub plain: String,
}

/// A template that does not fit what it gets: the operator's, since a test shows
/// that the embedded ones do.
#[derive(Debug, thiserror::Error)]
#[error("the template {0} cannot be rendered: {1}")]
pub struct RenderError(String, String);

/// What every page gets.
#[derive(Debug, Clone, Serialize)]
pub struct Frame {
    /// The page's language.
    #[serde(rename = "lang")]
    pub language: Language,
    /// The site's title.
    pub site: String,
    /// The path of the site's root, without a trailing slash.
    pub base: String,
}

/// What the front page gets.
#[derive(Debug, Clone, Serialize)]
pub struct IndexContext {
    /// Its head.
    #[serde(flatten)]
    pub head: Head,
    /// The newsletters.
    pub newsletters: Vec<IndexItem>,
    /// The sources; none when there are too many for the page.
    pub sources: Vec<IndexItem>,
    /// The newest posts.
    pub posts: Vec<ListedPost>,
}

/// A newsletter or a source on the front page.
#[derive(Debug, Clone, Serialize)]
pub struct IndexItem {
    /// Its language.
    #[serde(rename = "lang")]
    pub language: Language,
    /// Its title.
    pub title: String,
    /// One sentence; may be empty.
    pub description: String,
    /// The page of its posts.
    pub url: String,
    /// The form's address; empty for what is not mailed.
    pub subscribe: String,
    /// Its feeds.
    pub feeds: Vec<IndexFeed>,
}

/// A feed on a page.
#[derive(Debug, Clone, Serialize)]
pub struct IndexFeed {
    /// `RSS`, `Atom`, `JSON Feed`.
    pub name: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// Its address.
    pub url: String,
}

/// A topic in the form.
#[derive(Debug, Clone, Serialize)]
pub struct TopicChoice {
    /// Its name.
    pub name: String,
    /// Whether it was chosen.
    pub chosen: bool,
}

/// A cadence in the form.
#[derive(Debug, Clone, Serialize)]
pub struct CadenceChoice {
    /// Its name.
    pub name: String,
    /// What readers see.
    pub label: String,
}

/// What a page with a heading, a sentence and at most one thing to do gets.
#[derive(Debug, Clone, Serialize)]
pub struct NoticeContext {
    /// What every page gets.
    #[serde(flatten)]
    pub frame: Frame,
    /// The newsletter's title, or nothing.
    pub title: String,
    /// The heading's key.
    pub heading: &'static str,
    /// The sentence's key.
    pub text: &'static str,
    /// The button's key, where there is one.
    pub button: &'static str,
    /// What the button agrees to besides, in words.
    pub agreement: Option<String>,
    /// Where the button posts to.
    pub action: Option<String>,
    /// Where the button leads to, when it only leads.
    pub link: Option<String>,
}

impl Renderer {
    /// With the embedded templates. Fails only when one of them is broken, which
    /// a test would have shown.
    pub fn new() -> Result<Self, TemplateFaults> {
        Self::with(None)
    }

    /// With the files of `folder` in the places of the embedded ones.
    pub fn with(folder: Option<&Path>) -> Result<Self, TemplateFaults> {
        Ok(Self { engine: ArcSwap::from_pointee(Engine::new(templates(folder)?, folder)?) })
    }

    /// The same, when they stand every [`trial`](Self::trial): for who will need
    /// them later, when nobody looks on.
    pub fn tried(folder: Option<&Path>) -> Result<Self, TemplateFaults> {
        let renderer = Self::with(folder)?;
        // Ours are tried by our tests.
        let faults = if folder.is_some() { renderer.trial() } else { Vec::new() };
        if faults.is_empty() { Ok(renderer) } else { Err(TemplateFaults(faults)) }
    }

    /// Reads the files of `folder` again. When anything is wrong with them,
    /// those in force stay.
    pub fn reload(&self, folder: Option<&Path>) -> Result<(), TemplateFaults> {
        self.engine.store(Self::tried(folder)?.engine.into_inner());
        Ok(())
    }

    /// The templates in force.
    fn engine(&self) -> Arc<Engine> {
        self.engine.load_full()
    }

    /// A text of the catalogue with nothing to fill in.
    #[must_use]
    pub fn text(&self, language: Language, key: &str) -> String {
        self.engine().texts.of(language).get(key).unwrap_or(key).to_owned()
    }

    /// A cadence's name for readers; the operator's own names stand as they are.
    #[must_use]
    pub fn cadence_label(&self, language: Language, name: &str) -> String {
        self.engine().texts.of(language).get(&format!("cadence_{name}")).unwrap_or(name).to_owned()
    }

    /// The line that greets a reader, by name where it is known.
    #[must_use]
    pub fn greeting(&self, language: Language, name: Option<&str>) -> String {
        let engine = self.engine();
        let texts = engine.texts.of(language);
        match name {
            Some(name) => texts.fill("greeting_name", &[("name", name)]),
            None => texts.fill("greeting", &[]),
        }
    }

    /// The front page.
    pub fn page_index(&self, context: &IndexContext) -> Result<String, RenderError> {
        self.engine().render("pages/index.html", context)
    }

    /// A page with a heading, a sentence, and at most one button.
    pub fn page_notice(&self, context: &NoticeContext) -> Result<String, RenderError> {
        self.engine().render("pages/notice.html", context)
    }

    /// A text that is the same as long as the templates are.
    #[must_use]
    pub fn stamp(&self) -> String {
        self.engine().stamp.clone()
    }

    /// The site's sign as a picture, by its name.
    #[must_use]
    pub fn icon(&self, name: &str) -> Vec<u8> {
        self.engine().icon(name).to_vec()
    }

    /// A stylesheet or script of the pages, by its name; empty when there is none of that name.
    #[must_use]
    pub fn file(&self, name: &str) -> String {
        self.engine().file(name).to_owned()
    }
}

#[cfg(test)]
mod tests;
