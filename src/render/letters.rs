//! Letters: mails outside any digest; and the words that are agreed to.

use super::digest::{Headline, PREHEADER};
use super::{RenderError, Rendered, Renderer};
use crate::domain::digest::token;
use crate::domain::language::Language;
use crate::domain::letter::LinkLetter;
use crate::domain::newsletter::{Advertising, Newsletter, mark};
use crate::domain::text::cut;
use serde::Serialize;

/// What the templates of letters get whose matter is a link: the confirmation's, and `mail/link.*`.
#[derive(Debug, Clone, Serialize)]
pub struct LinkContext {
    /// The reader's language.
    #[serde(rename = "lang")]
    pub language: Language,
    /// The newsletter's title; of several, all as one.
    pub title: String,
    /// The reader's own link.
    pub link: String,
}

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
    /// The mail that asks a reader to confirm.
    pub fn confirm_letter(&self, context: &LinkContext) -> Result<Rendered, RenderError> {
        let texts = ["confirm_subject", "confirm_hello"];
        self.letter("mail/confirm", context.language, texts, &[("title", &context.title)], context)
    }

    /// A letter that brings its reader a link.
    pub fn link_letter(&self, what: LinkLetter, context: &LinkContext) -> Result<Rendered, RenderError> {
        #[derive(Serialize)]
        struct Given<'a> {
            #[serde(flatten)]
            context: &'a LinkContext,
            /// What its texts begin with.
            word: &'static str,
        }
        let word = what.word();
        let texts = [format!("{word}_subject"), format!("{word}_hello")];
        let texts = texts.each_ref().map(String::as_str);
        let values = [("title", context.title.as_str())];
        self.letter("mail/link", context.language, texts, &values, &Given { context, word })
    }

    /// A mail that tells the owner something: `body` is plain text, with empty
    /// lines between its paragraphs. The program speaks English to its owner.
    pub fn owner_letter(&self, subject: &str, body: &str) -> Result<Rendered, RenderError> {
        #[derive(Serialize)]
        struct Letter<'a> {
            lang: Language,
            subject: &'a str,
            preheader: &'a str,
            paragraphs: Vec<Vec<&'a str>>,
        }
        let paragraphs: Vec<Vec<&str>> = body
            .split("\n\n")
            .map(|paragraph| paragraph.lines().map(str::trim).filter(|line| !line.is_empty()).collect())
            .filter(|lines: &Vec<&str>| !lines.is_empty())
            .collect();
        let preheader = paragraphs.first().and_then(|lines| lines.first()).copied().unwrap_or_default();
        let letter = Letter { lang: Language::En, subject, preheader, paragraphs };
        let engine = self.engine();
        let html = engine.render("mail/told.html", &letter)?;
        let plain = engine.render("mail/told.txt", &letter)?;
        Ok(Rendered { subject: subject.to_owned(), html, plain })
    }

    /// A letter of the two templates of `name`; subject and preheader are texts of the
    /// catalogue, filled in with `values`.
    fn letter<C: Serialize>(
        &self,
        name: &str,
        language: Language,
        [subject, preheader]: [&str; 2],
        values: &[(&str, &str)],
        context: &C,
    ) -> Result<Rendered, RenderError> {
        #[derive(Serialize)]
        struct Letter<'a, C> {
            #[serde(flatten)]
            context: &'a C,
            subject: &'a str,
            preheader: &'a str,
        }
        let engine = self.engine();
        let fill = |key| engine.texts.of(language).fill(key, values);
        let (subject, preheader) = (fill(subject), fill(preheader));
        let letter = Letter { context, subject: &subject, preheader: &preheader };
        let html = engine.render(&format!("{name}.html"), &letter)?;
        let plain = engine.render(&format!("{name}.txt"), &letter)?;
        Ok(Rendered { subject, html, plain })
    }

    /// The welcome after a confirmation.
    pub fn welcome_letter(&self, context: &ReaderLetterContext) -> Result<Rendered, RenderError> {
        let subject = self.filled(context.language, "welcome_subject", &[("title", &context.title)]);
        // A receipt is none; posts to read on are.
        let marked = context.advertising.is_some() && !context.posts.is_empty();
        self.readers_letter("welcome", context, if marked { mark(&subject) } else { subject })
    }

    /// The letter that tells a reader after two years what they agreed to.
    pub fn renewal_letter(&self, context: &ReaderLetterContext) -> Result<Rendered, RenderError> {
        let subject = self.filled(context.language, "renewal_subject", &[("title", &context.title)]);
        self.readers_letter("renewal", context, subject)
    }

    /// What that letter says, for the record.
    #[must_use]
    pub fn renewal_words(&self, context: &ReaderLetterContext) -> String {
        let sender = context.advertising.as_ref().map_or("", |advertising| advertising.sender.as_str());
        let values = [("title", context.title.as_str()), ("date", &context.date), ("sender", sender)];
        ["renewal_hello", "renewal_keep"].map(|key| self.filled(context.language, key, &values)).join("\n")
    }

    fn readers_letter(
        &self,
        name: &str,
        context: &ReaderLetterContext,
        subject: String,
    ) -> Result<Rendered, RenderError> {
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

    /// What a sign-up form says that a reader agrees to, in the order of the form; `form`
    /// is the newsletter that it is for, beside which `newsletter` may be ticked.
    #[must_use]
    pub fn sign_up_words(
        &self,
        language: Language,
        form: &Newsletter,
        newsletter: &Newsletter,
        sender: &str,
    ) -> String {
        let mut words = vec![self.filled(language, "subscribe_heading", &[("title", &form.title)])];
        words.extend(Some(form.description.clone()).filter(|words| !words.is_empty()));
        words.push(self.text(language, "subscribe_what"));
        words.extend((form.name != newsletter.name).then(|| newsletter.title.clone()));
        if newsletter.commercial.is_some() {
            words.push(self.filled(language, "subscribe_agree", &[("sender", sender)]));
        }
        words.push(self.text(language, "subscribe_button"));
        words.join("\n")
    }

    /// What the confirmation page says of a newsletter, which is the only one on it or
    /// one of several that may be ticked.
    #[must_use]
    pub fn confirm_words(&self, language: Language, title: &str, is_one_of_several: bool) -> String {
        let text = if is_one_of_several {
            format!("{}\n{title}", self.text(language, "confirm_several"))
        } else {
            self.filled(language, "confirm_text", &[("title", title)])
        };
        format!("{text}\n{}", self.text(language, "confirm_button"))
    }

    /// A text of the catalogue with `{name}`s filled in.
    #[must_use]
    pub fn filled(&self, language: Language, key: &str, values: &[(&str, &str)]) -> String {
        self.engine().texts.of(language).fill(key, values)
    }
}
