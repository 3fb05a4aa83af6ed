//! Letters: mails outside any digest, each rendered when it is sent.

use super::{RenderError, Rendered, Renderer};
use crate::domain::language::Language;
use crate::domain::letter::LinkLetter;
use serde::Serialize;

/// What the confirmation mail's templates get.
#[derive(Debug, Clone, Serialize)]
pub struct ConfirmContext {
    /// The reader's language.
    #[serde(rename = "lang")]
    pub language: Language,
    /// The newsletter's title.
    pub title: String,
    /// The reader's own link.
    pub link: String,
}

impl Renderer {
    /// The mail that asks a reader to confirm.
    pub fn confirm_letter(&self, context: &ConfirmContext) -> Result<Rendered, RenderError> {
        let texts = ["confirm_subject", "confirm_hello"];
        self.letter("mail/confirm", context.language, texts, &[("title", &context.title)], context)
    }

    /// A letter that brings its reader a link; `title` is the newsletter's.
    pub fn link_letter(
        &self,
        what: LinkLetter,
        language: Language,
        title: &str,
        link: &str,
    ) -> Result<Rendered, RenderError> {
        #[derive(Serialize)]
        struct Given<'a> {
            lang: Language,
            title: &'a str,
            link: &'a str,
            /// What its texts begin with.
            word: &'static str,
        }
        let word = what.word();
        let texts = [format!("{word}_subject"), format!("{word}_hello")];
        let context = Given { lang: language, title, link, word };
        self.letter("mail/link", language, texts.each_ref().map(String::as_str), &[("title", title)], &context)
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
}
