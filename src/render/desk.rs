//! A post as it is mailed to those who publish it elsewhere: to an editor's desk, or to
//! an address at which mails become posts.

use super::article::{prepare, runs_leftwards};
use super::prose::{Links, prose};
use super::{RenderError, Rendered, Renderer};
use crate::domain::html::CleanHtml;
use crate::domain::language::Language;
use crate::domain::outlet::Task;
use crate::domain::text::{cut, escape};
use minijinja::value::Value;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// So many characters of a text are shown beside the subject.
const PREHEADER: usize = 120;

/// What `mail/desk.html` and `mail/desk.txt` are made of.
#[derive(Debug, Clone)]
pub struct DeskContext {
    /// The desk's language.
    pub language: Language,
    /// Whether it is a new piece, a corrected one, or one to be taken down.
    pub task: Task,
    /// The piece's title.
    pub title: String,
    /// Its text; empty of one to be taken down.
    pub html: CleanHtml,
    /// The pictures that come with the mail: each address with its Content-ID.
    pub embedded: BTreeMap<String, String>,
    /// The language that it is in, a BCP 47 tag.
    pub spoken: Option<String>,
    /// Who wrote it, where and when.
    pub byline: String,
    /// Where the original stands.
    pub url: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
}

/// What those templates get (docs/templates.md).
#[derive(Debug, Serialize)]
struct View<'a> {
    lang: Language,
    task: &'static str,
    subject: &'a str,
    preheader: &'a str,
    title: &'a str,
    post_lang: Option<&'a str>,
    dir: &'static str,
    byline: &'a str,
    url: Option<&'a str>,
    tags: String,
    html: Value,
    plain: String,
    links: Vec<String>,
}

impl Renderer {
    /// The letter that brings a piece to a desk.
    pub fn desk_letter(&self, context: &DeskContext) -> Result<Rendered, RenderError> {
        let engine = self.engine();
        let values = [("title", context.title.as_str())];
        let subject = match context.task {
            Task::Post => context.title.clone(),
            Task::Update => engine.texts.of(context.language).fill("desk_update_subject", &values),
            Task::Delete => engine.texts.of(context.language).fill("desk_delete_subject", &values),
        };
        let (html, links) = (prepare(&context.html, &context.title, &context.embedded), Links::default());
        let plain = prose(&html, &links);
        let preheader = engine.texts.of(context.language).fill(&format!("desk_{}", context.task), &values);
        let view = View {
            lang: context.language,
            task: context.task.as_str(),
            subject: &subject,
            preheader: &cut(&preheader, PREHEADER),
            title: &context.title,
            post_lang: context.spoken.as_deref(),
            dir: if runs_leftwards(&context.title) { "rtl" } else { "ltr" },
            byline: &context.byline,
            url: context.url.as_deref(),
            tags: context.tags.join(", "),
            html: Value::from_safe_string(html),
            plain,
            links: links.all(),
        };
        let html = engine.render("mail/desk.html", &view)?;
        let plain = engine.render("mail/desk.txt", &view)?;
        Ok(Rendered { subject, html, plain })
    }
}

/// A post alone, for programs that make posts of mails: its HTML as mails may hold it, and its text with its links
/// below.
#[must_use]
pub fn bare_post(
    (title, spoken): (&str, Option<&str>),
    html: &CleanHtml,
    embedded: &BTreeMap<String, String>,
) -> (String, String) {
    let (html, links) = (prepare(html, title, embedded), Links::default());
    let mut plain = prose(&html, &links);
    let dir = if runs_leftwards(title) { "rtl" } else { "ltr" };
    let html = format!(
        "<!doctype html>\n<html lang=\"{}\" dir=\"{dir}\"><head><meta charset=\"utf-8\"><title>{}</title></head>\n<body>\n{html}\n</body></html>\n",
        escape(spoken.unwrap_or("und")),
        escape(title)
    );
    for (number, link) in links.all().iter().enumerate() {
        // A string takes whatever is written into it.
        let _ = write!(plain, "{}[{}] {link}", if number == 0 { "\n\n" } else { "\n" }, number + 1);
    }
    (html, plain)
}
