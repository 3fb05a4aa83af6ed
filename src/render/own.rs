//! What the pages of a reader's own get: their choices, and the way out.

use super::{CadenceChoice, Frame, RenderError, Renderer, TopicChoice};
use crate::domain::language::Language;
use serde::Serialize;

/// What the page of a reader's own choices gets.
#[derive(Debug, Clone, Serialize)]
pub struct PreferencesContext {
    /// What every page gets.
    #[serde(flatten)]
    pub frame: Frame,
    /// The first letter of the reader's address: whoever got a forwarded mail sees no more.
    pub initial: String,
    /// Where the form posts to.
    pub action: String,
    /// What the reader gets.
    pub newsletters: Vec<NewsletterChoices>,
    /// The first day until which one may pause, `2026-11-24`.
    pub first_day: String,
    /// The last one.
    pub last_day: String,
    /// The languages to choose from.
    pub languages: Vec<LanguageChoice>,
    /// The time zones to choose from.
    pub zones: Vec<&'static str>,
    /// Which is chosen.
    pub zone: String,
    /// The hours to choose from, `00` to `23`; empty when everybody is mailed at once.
    pub hours: Vec<String>,
    /// Which is chosen, or nothing.
    pub hour: String,
    /// Whether the page answers a form that was kept.
    pub kept: bool,
    /// The key of a text that says what was wrong.
    pub problem: Option<&'static str>,
}

/// One newsletter on that page.
#[derive(Debug, Clone, Serialize)]
pub struct NewsletterChoices {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Its language.
    #[serde(rename = "lang")]
    pub language: Language,
    /// How often it may come; empty when it is configured no more, and can only be left.
    pub cadences: Vec<CadenceChoice>,
    /// What is chosen.
    pub chosen: String,
    /// What may be chosen of it; empty when each reader gets all.
    pub topics: Vec<TopicChoice>,
    /// The day from which it comes again, `2026-12-24`; empty when it is not paused.
    pub pause: String,
    /// The same in words.
    pub paused: String,
    /// The page on which the reader leaves it.
    pub leave: String,
}

/// What the page gets on which a reader leaves.
#[derive(Debug, Clone, Serialize)]
pub struct LeaveContext {
    /// What every page gets.
    #[serde(flatten)]
    pub frame: Frame,
    /// The newsletter's title.
    pub title: String,
    /// Where the button posts to.
    pub action: String,
}

/// What the page gets that a reader sees who has left.
#[derive(Debug, Clone, Serialize)]
pub struct LeftContext {
    /// What every page gets.
    #[serde(flatten)]
    pub frame: Frame,
    /// The newsletter's title.
    pub title: String,
    /// Where the way back is posted to; none when there is no way back from here.
    pub undo: Option<String>,
    /// What the way back agrees to besides, in words.
    pub agreement: Option<String>,
    /// What comes less often, where there is such a thing.
    pub less_often: Option<LessOften>,
    /// Where it is posted to why the reader left; none when that is not asked.
    pub why: Option<String>,
    /// What may be said of that: each `R` has a text `why_R`.
    pub reasons: Vec<&'static str>,
    /// The form to subscribe anew; none when the newsletter is no more.
    pub again: Option<String>,
}

/// What comes less often than what was left.
#[derive(Debug, Clone, Serialize)]
pub struct LessOften {
    /// The cadence's name.
    pub cadence: String,
    /// What readers see.
    pub label: String,
}

/// What the page gets that shows what is stored of a reader.
#[derive(Debug, Clone, Serialize)]
pub struct DataContext {
    /// What every page gets.
    #[serde(flatten)]
    pub frame: Frame,
    /// All of it, as JSON.
    pub data: String,
    /// Where the same is as a file.
    pub file: String,
}

/// A language on that page.
#[derive(Debug, Clone, Serialize)]
pub struct LanguageChoice {
    /// Its tag.
    pub tag: Language,
    /// What it is called in itself.
    pub name: String,
    /// Whether it is chosen.
    pub chosen: bool,
}

impl Renderer {
    /// The page of a reader's own choices.
    pub fn page_preferences(&self, context: &PreferencesContext) -> Result<String, RenderError> {
        self.engine().render("pages/preferences.html", context)
    }

    /// The page on which a reader leaves.
    pub fn page_leave(&self, context: &LeaveContext) -> Result<String, RenderError> {
        self.engine().render("pages/leave.html", context)
    }

    /// The page of one who has left.
    pub fn page_left(&self, context: &LeftContext) -> Result<String, RenderError> {
        self.engine().render("pages/left.html", context)
    }

    /// What is stored of a reader.
    pub fn page_data(&self, context: &DataContext) -> Result<String, RenderError> {
        self.engine().render("pages/data.html", context)
    }

    /// The languages of the operator's own, each with the keys of the texts that English stands for.
    #[must_use]
    pub fn lacking(&self) -> Vec<(Language, Vec<String>)> {
        let engine = self.engine();
        let lacks = |language| (language, engine.texts.of(language).lacks().to_vec());
        engine.texts.languages().map(lacks).filter(|(_, lacks)| !lacks.is_empty()).collect()
    }

    /// The language of a tag that a form sent; `None` when there are no texts in it.
    #[must_use]
    pub fn spoken(&self, tag: &str) -> Option<Language> {
        self.engine().texts.languages().find(|known| known.tag() == tag)
    }

    /// Every language with texts, and what it is called in itself; `chosen` is marked.
    #[must_use]
    pub fn languages(&self, chosen: Language) -> Vec<LanguageChoice> {
        let choice = |tag| LanguageChoice { tag, name: self.text(tag, "language_name"), chosen: tag == chosen };
        self.engine().texts.languages().map(choice).collect()
    }
}
