//! Letters to readers about their subscriptions, and the words that are agreed to.

use super::digest::{Headline, PREHEADER};
use super::{ConfirmContext, RenderError, Rendered, Renderer, cut};
use crate::domain::digest::token;
use crate::domain::language::Language;
use crate::domain::newsletter::{Advertising, Newsletter, mark};
use serde::Serialize;

/// What the letters about a subscription get, which carry a reader's tokens.
#[derive(Debug, Clone)]
pub struct ReaderLetterContext {
    /// The reader's language.
    pub language: Language,
    /// The newsletter's title.
    pub title: String,
    /// The site's title.
    pub site: String,
    /// The site's address.
    pub home: String,
    /// When the reader agreed, in words.
    pub date: String,
    /// The newest posts, where they are shown.
    pub posts: Vec<Headline>,
    /// What must be said of advertising.
    pub advertising: Option<Advertising>,
    /// Whether the reader has anything to choose.
    pub preferences: bool,
}

/// What must be said of advertising, in words.
#[derive(Debug, Serialize)]
pub(super) struct AdvertisingView {
    /// Who sends it, and how they are reached.
    sender: String,
    /// How one refuses it: in Korean and in English, as the law's guide has it.
    refusals: Vec<RefusalView>,
}

#[derive(Debug, Serialize)]
struct RefusalView {
    lang: Language,
    words: String,
    link: String,
}

/// What `mail/welcome.*` and `mail/renewal.*` get (docs/templates.md).
#[derive(Debug, Serialize)]
struct LetterView<'a> {
    lang: Language,
    title: &'a str,
    site: &'a str,
    home: &'a str,
    date: &'a str,
    sender: &'a str,
    subject: &'a str,
    preheader: &'a str,
    posts: Vec<PostView>,
    advertising: Option<AdvertisingView>,
    email: &'static str,
    greeting: &'static str,
    unsubscribe: &'static str,
    preferences: &'static str,
}

#[derive(Debug, Serialize)]
struct PostView {
    title: String,
    url: Option<String>,
}

impl Renderer {
    /// The mail for somebody who asks for what they get already.
    pub fn known_letter(&self, context: &ConfirmContext) -> Result<Rendered, RenderError> {
        self.plain_letter("known", context)
    }

    /// A letter without anything of a reader's but the link.
    pub(super) fn plain_letter(&self, name: &str, context: &ConfirmContext) -> Result<Rendered, RenderError> {
        #[derive(Serialize)]
        struct Letter<'a> {
            #[serde(flatten)]
            context: &'a ConfirmContext,
            subject: &'a str,
            preheader: &'a str,
        }
        let engine = self.engine();
        let texts = engine.texts.of(context.language);
        let fill = |key: &str| texts.fill(&format!("{name}_{key}"), &[("title", &context.title)]);
        let (subject, preheader) = (fill("subject"), fill("hello"));
        let letter = Letter { context, subject: &subject, preheader: &preheader };
        let html = engine.render(&format!("mail/{name}.html"), &letter)?;
        let plain = engine.render(&format!("mail/{name}.txt"), &letter)?;
        Ok(Rendered { subject, html, plain })
    }

    /// The welcome after a confirmation.
    pub fn welcome_letter(&self, context: &ReaderLetterContext) -> Result<Rendered, RenderError> {
        let subject = self.filled(context.language, "welcome_subject", &[("title", &context.title)]);
        // A receipt is none; posts to read on are.
        let marked = context.advertising.is_some() && !context.posts.is_empty();
        self.letter("welcome", context, if marked { mark(&subject) } else { subject })
    }

    /// The letter that tells a reader after two years what they agreed to.
    pub fn renewal_letter(&self, context: &ReaderLetterContext) -> Result<Rendered, RenderError> {
        let subject = self.filled(context.language, "renewal_subject", &[("title", &context.title)]);
        self.letter("renewal", context, subject)
    }

    /// What that letter says, for the record.
    #[must_use]
    pub fn renewal_words(&self, context: &ReaderLetterContext) -> String {
        let sender = context.advertising.as_ref().map_or("", |advertising| advertising.sender.as_str());
        let values = [("title", context.title.as_str()), ("date", &context.date), ("sender", sender)];
        ["renewal_hello", "renewal_keep"].map(|key| self.filled(context.language, key, &values)).join("\n")
    }

    fn letter(&self, name: &str, context: &ReaderLetterContext, subject: String) -> Result<Rendered, RenderError> {
        let engine = self.engine();
        let sender = context.advertising.as_ref().map_or(context.site.as_str(), |known| known.sender.as_str());
        let values = [("title", context.title.as_str()), ("date", &context.date), ("sender", sender)];
        let preheader = self.filled(context.language, &format!("{name}_hello"), &values);
        let posts = context.posts.iter().map(|post| {
            let title = cut(&token::strip(&post.title), PREHEADER);
            let title = if title.trim().is_empty() { self.text(context.language, "untitled") } else { title };
            PostView { title, url: post.url.clone() }
        });
        let view = LetterView {
            lang: context.language,
            title: &context.title,
            site: &context.site,
            home: &context.home,
            date: &context.date,
            sender,
            subject: &subject,
            preheader: &cut(&preheader, PREHEADER),
            posts: posts.collect(),
            advertising: context.advertising.as_ref().map(|known| self.advertising(context.language, known)),
            email: token::EMAIL,
            greeting: token::GREETING,
            unsubscribe: token::UNSUBSCRIBE_URL,
            preferences: if context.preferences { token::PREFERENCES_URL } else { "" },
        };
        let html = engine.render(&format!("mail/{name}.html"), &view)?;
        let plain = engine.render(&format!("mail/{name}.txt"), &view)?;
        Ok(Rendered { subject, html, plain })
    }

    pub(super) fn advertising(&self, language: Language, known: &Advertising) -> AdvertisingView {
        let Advertising { sender, email, contact } = known;
        let values = [("sender", sender.as_str()), ("email", email), ("contact", contact)];
        let refusals = [Language::Ko, Language::En].map(|lang| RefusalView {
            lang,
            words: self.text(lang, "advertising_refuse"),
            link: self.text(lang, "unsubscribe"),
        });
        AdvertisingView { sender: self.filled(language, "advertising_sender", &values), refusals: refusals.into() }
    }

    /// What a sign-up form says that a reader agrees to, in the order of the form.
    #[must_use]
    pub fn sign_up_words(&self, language: Language, newsletter: &Newsletter, sender: &str) -> String {
        let mut words = vec![self.filled(language, "subscribe_heading", &[("title", &newsletter.title)])];
        words.extend(Some(newsletter.description.clone()).filter(|words| !words.is_empty()));
        words.push(self.text(language, "subscribe_what"));
        if newsletter.commercial.is_some() {
            words.push(self.filled(language, "subscribe_agree", &[("sender", sender)]));
        }
        words.push(self.text(language, "subscribe_button"));
        words.join("\n")
    }

    /// What the confirmation page says of a newsletter.
    #[must_use]
    pub fn confirm_words(&self, language: Language, title: &str) -> String {
        let text = self.filled(language, "confirm_text", &[("title", title)]);
        format!("{text}\n{}", self.text(language, "confirm_button"))
    }

    /// A text of the catalogue with `{name}`s filled in.
    #[must_use]
    pub fn filled(&self, language: Language, key: &str, values: &[(&str, &str)]) -> String {
        self.engine().texts.of(language).fill(key, values)
    }
}
