//! What the pages of signing up get: the form, on our page and on others', and
//! the page that asks to confirm.

use super::{CadenceChoice, Frame, LanguageChoice, RenderError, Renderer, TopicChoice};
use crate::domain::language::Language;
use serde::Serialize;

/// What the subscribe page gets.
#[derive(Debug, Clone, Serialize)]
pub struct SubscribeContext {
    /// What every page gets.
    #[serde(flatten)]
    pub frame: Frame,
    /// The newsletter's name.
    pub name: String,
    /// The newsletter's title.
    pub title: String,
    /// One sentence; may be empty.
    pub description: String,
    /// The page in other languages.
    pub elsewhere: Vec<OtherPage>,
    /// What may be chosen.
    pub cadences: Vec<CadenceChoice>,
    /// What was chosen.
    pub chosen: String,
    /// What may be chosen of it; empty when each reader gets all.
    pub topics: Vec<TopicChoice>,
    /// The time zones to choose from; empty when everybody is mailed at once.
    pub zones: Vec<&'static str>,
    /// Which was chosen.
    pub zone: String,
    /// The site's other newsletters.
    pub others: Vec<NewsletterChoice>,
    /// The languages to choose from.
    pub languages: Vec<LanguageChoice>,
    /// What was typed.
    pub email: String,
    /// What was meant, most likely.
    pub meant: Option<String>,
    /// Who would send advertising, when a newsletter is that.
    pub advertiser: Option<String>,
    /// Whether nothing can be had without agreeing to it.
    pub must_agree: bool,
    /// Whether the reader has agreed to it.
    pub agreed: bool,
    /// The operator's page on what is kept of readers.
    pub privacy: Option<String>,
    /// The form's word.
    pub token: String,
    /// The page of another site that the form leads back to, or nothing.
    pub return_to: String,
    /// The key of a text that says what was wrong, or what is still to do.
    pub problem: Option<&'static str>,
}

/// The same page in another language.
#[derive(Debug, Clone, Serialize)]
pub struct OtherPage {
    /// The language.
    pub tag: Language,
    /// What it is called in itself.
    pub name: String,
}

/// Another newsletter on the form.
#[derive(Debug, Clone, Serialize)]
pub struct NewsletterChoice {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Its language.
    #[serde(rename = "lang")]
    pub language: Language,
    /// Whether it is chosen.
    pub chosen: bool,
}

/// What the form for other sites gets.
#[derive(Debug, Clone, Serialize)]
pub struct EmbeddedContext {
    /// Its language.
    #[serde(rename = "lang")]
    pub language: Language,
    /// Where it posts to.
    pub action: String,
    /// The newsletters, at least one; with several, readers choose.
    pub newsletters: Vec<NewsletterChoice>,
    /// The first newsletter's title.
    pub title: String,
    /// One sentence; may be empty.
    pub description: String,
    /// What may be chosen.
    pub cadences: Vec<CadenceChoice>,
    /// What may be chosen of it; empty when each reader gets all.
    pub topics: Vec<TopicChoice>,
    /// Who would send advertising, when a newsletter is that.
    pub advertiser: Option<String>,
    /// Whether nothing can be had without agreeing to it.
    pub must_agree: bool,
    /// The operator's page on what is kept of readers.
    pub privacy: Option<String>,
    /// The form's word.
    pub token: String,
    /// The page that it leads back to, or nothing.
    pub return_to: String,
}

/// What the page that asks to confirm gets.
#[derive(Debug, Clone, Serialize)]
pub struct ConfirmPageContext {
    /// What every page gets.
    #[serde(flatten)]
    pub frame: Frame,
    /// The titles, as one.
    pub title: String,
    /// What may be confirmed.
    pub newsletters: Vec<NewsletterChoice>,
    /// Where the button posts to.
    pub action: String,
    /// The key of a text that says why nothing has begun.
    pub problem: Option<&'static str>,
}

impl Renderer {
    /// The form.
    pub fn page_subscribe(&self, context: &SubscribeContext) -> Result<String, RenderError> {
        self.engine().render("pages/subscribe.html", context)
    }

    /// The form for other sites.
    pub fn embedded_form(&self, context: &EmbeddedContext) -> Result<String, RenderError> {
        self.engine().render("pages/embedded.html", context)
    }

    /// The page that asks to confirm.
    pub fn page_confirm(&self, context: &ConfirmPageContext) -> Result<String, RenderError> {
        self.engine().render("pages/confirm.html", context)
    }
}
