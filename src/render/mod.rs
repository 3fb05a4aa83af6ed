//! Templates, each with one typed context, and the texts of two languages.
//! Everything is embedded in the binary; every value is escaped in HTML.

mod cut;
mod dates;
mod escape;
mod texts;
mod wrap;

pub use cut::cut;
pub use dates::long_date;

use crate::domain::digest::token;
use crate::domain::language::Language;
use crate::domain::post::Place;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde};
use minijinja::{AutoEscape, Environment, State};
use serde::Serialize;
use texts::Texts;

/// Renders pages and mails.
#[derive(Debug)]
pub struct Renderer {
    templates: Environment<'static>,
}

/// A mail's three texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line.
    pub subject: String,
    /// The HTML part.
    pub html: String,
    /// The text part.
    pub plain: String,
}

/// A template that does not fit its context: a fault of this program.
#[derive(Debug, thiserror::Error)]
#[error("the template {0} cannot be rendered: {1}")]
pub struct RenderError(&'static str, String);

/// What a digest's templates get.
#[derive(Debug, Clone, Serialize)]
pub struct DigestContext {
    /// The newsletter's language.
    #[serde(rename = "lang")]
    pub language: Language,
    /// The newsletter's title.
    pub title: String,
    /// The site's title.
    pub site: String,
    /// The site's address.
    pub home: String,
    /// The day, in words.
    pub date: String,
    /// In the mail's order; never empty.
    pub posts: Vec<DigestPost>,
}

/// A post as a digest shows it.
#[derive(Debug, Clone, Serialize)]
pub struct DigestPost {
    /// Plain text; may be empty.
    pub title: String,
    /// Where it stands.
    pub url: Option<String>,
    /// Author, source and day, in one line.
    pub byline: String,
    /// The beginning of its text, plain.
    pub excerpt: String,
    /// Where else it appeared.
    pub also_at: Vec<Place>,
}

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

/// What the index page gets.
#[derive(Debug, Clone, Serialize)]
pub struct IndexContext {
    /// What every page gets.
    #[serde(flatten)]
    pub frame: Frame,
    /// The newsletters.
    pub newsletters: Vec<IndexItem>,
    /// The sources.
    pub sources: Vec<IndexItem>,
}

/// One line of the index page.
#[derive(Debug, Clone, Serialize)]
pub struct IndexItem {
    /// Its language.
    #[serde(rename = "lang")]
    pub language: Language,
    /// Its title.
    pub title: String,
    /// One sentence; may be empty.
    pub description: String,
    /// The form's address; empty for a source.
    pub subscribe: String,
    /// "By mail", in its language.
    pub by_mail: String,
    /// "In a feed reader", in its language.
    pub by_reader: String,
    /// Its feeds.
    pub feeds: Vec<IndexFeed>,
}

/// A feed on the index page.
#[derive(Debug, Clone, Serialize)]
pub struct IndexFeed {
    /// `RSS`, `Atom`, `JSON Feed`.
    pub name: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// Its address.
    pub url: String,
}

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
    /// What may be chosen.
    pub cadences: Vec<CadenceChoice>,
    /// What was chosen.
    pub chosen: String,
    /// What was typed.
    pub email: String,
    /// The key of a text that says what was wrong.
    pub problem: Option<&'static str>,
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
    /// Where the button posts to.
    pub action: Option<String>,
    /// Where the button leads to, when it only leads.
    pub link: Option<String>,
}

/// The stylesheet of the pages.
pub const STYLESHEET: &str = include_str!("../../templates/pages/style.css");

/// The first post's title takes at most so many characters of the subject.
const SUBJECT_TITLE: usize = 70;
/// Inboxes show no more of a preheader than this.
const PREHEADER: usize = 140;
/// Both parts of a digest as they are, so that encoded they stay under 100 KB:
/// large mail services cut what is longer, the unsubscribe link first. The
/// later posts of a longer digest are shown by their titles only.
const MAIL_BYTES: usize = 72 * 1024;

const TEMPLATES: [(&str, &str); 8] = [
    ("mail/digest.html", include_str!("../../templates/mail/digest.html")),
    ("mail/digest.txt", include_str!("../../templates/mail/digest.txt")),
    ("mail/confirm.html", include_str!("../../templates/mail/confirm.html")),
    ("mail/confirm.txt", include_str!("../../templates/mail/confirm.txt")),
    ("pages/base.html", include_str!("../../templates/pages/base.html")),
    ("pages/index.html", include_str!("../../templates/pages/index.html")),
    ("pages/subscribe.html", include_str!("../../templates/pages/subscribe.html")),
    ("pages/notice.html", include_str!("../../templates/pages/notice.html")),
];

impl Renderer {
    /// Compiles the templates. Fails only when one of them is broken, which a
    /// test would have shown.
    pub fn new() -> Result<Self, RenderError> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        let syntax = SyntaxConfig::builder().trim_blocks(true).build();
        templates.set_syntax(syntax.map_err(|error| RenderError("the syntax", error.to_string()))?);
        // Whatever is not plain text by name is escaped.
        templates.set_auto_escape_callback(|name| match name.rsplit('.').next() {
            Some("txt") => AutoEscape::None,
            _ => AutoEscape::Html,
        });
        for (name, text) in TEMPLATES {
            templates.add_template(name, text).map_err(|error| RenderError(name, error.to_string()))?;
        }
        templates.set_formatter(escape::print);
        templates.add_function("t", translate);
        templates.add_filter("wrap", |text: String| wrap::wrap(&text));
        Ok(Self { templates })
    }

    /// A text of the catalogue with nothing to fill in.
    #[must_use]
    pub fn text(&self, language: Language, key: &str) -> String {
        Texts::of(language).get(key).unwrap_or(key).to_owned()
    }

    /// A cadence's name for readers; the operator's own names stand as they are.
    #[must_use]
    pub fn cadence_label(&self, language: Language, name: &str) -> String {
        Texts::of(language).get(&format!("cadence_{name}")).unwrap_or(name).to_owned()
    }

    /// The mail of a digest, the same for every reader but for its tokens.
    pub fn digest(&self, context: &DigestContext) -> Result<Rendered, RenderError> {
        #[derive(Serialize)]
        struct Mail<'a> {
            #[serde(flatten)]
            context: &'a DigestContext,
            count: String,
            preheader: String,
            whole: usize,
            unsubscribe_token: &'static str,
            email_token: &'static str,
        }
        let texts = Texts::of(context.language);
        let clean = without_tokens(context, texts.get("untitled").unwrap_or_default());
        let titles: Vec<&str> = clean.posts.iter().map(|post| post.title.as_str()).collect();
        let more = titles.get(1..).unwrap_or_default();
        let first = cut(titles.first().copied().unwrap_or_default(), SUBJECT_TITLE);
        let count = match titles.len() {
            1 => texts.fill("posts_one", &[]),
            count => texts.fill("posts_many", &[("count", &count.to_string())]),
        };
        let subject = if more.is_empty() {
            texts.fill("digest_subject", &[("title", &clean.title), ("first", &first)])
        } else {
            let more = more.len().to_string();
            texts.fill("digest_subject_more", &[("title", &clean.title), ("first", &first), ("more", &more)])
        };
        // What an inbox shows behind the subject, which has named the first post.
        let preheader = match clean.posts.as_slice() {
            [only] => cut(&only.excerpt, PREHEADER),
            _ => cut(&more.join(" · "), PREHEADER),
        };
        let mut mail = Mail {
            whole: titles.len(),
            count,
            preheader,
            unsubscribe_token: token::UNSUBSCRIBE_URL,
            email_token: token::EMAIL,
            context: &clean,
        };
        loop {
            let html = self.render("mail/digest.html", &mail)?;
            let plain = self.render("mail/digest.txt", &mail)?;
            if mail.whole == 0 || html.len() + plain.len() <= MAIL_BYTES {
                return Ok(Rendered { subject, html, plain });
            }
            mail.whole /= 2;
        }
    }

    /// The mail that asks a reader to confirm.
    pub fn confirm_letter(&self, context: &ConfirmContext) -> Result<Rendered, RenderError> {
        Ok(Rendered {
            subject: Texts::of(context.language).fill("confirm_subject", &[("title", &context.title)]),
            html: self.render("mail/confirm.html", context)?,
            plain: self.render("mail/confirm.txt", context)?,
        })
    }

    /// The front page.
    pub fn page_index(&self, context: &IndexContext) -> Result<String, RenderError> {
        self.render("pages/index.html", context)
    }

    /// The form.
    pub fn page_subscribe(&self, context: &SubscribeContext) -> Result<String, RenderError> {
        self.render("pages/subscribe.html", context)
    }

    /// A page with a heading, a sentence, and at most one button.
    pub fn page_notice(&self, context: &NoticeContext) -> Result<String, RenderError> {
        self.render("pages/notice.html", context)
    }

    fn render<C: Serialize>(&self, name: &'static str, context: &C) -> Result<String, RenderError> {
        let failed = |error: minijinja::Error| RenderError(name, format!("{error:#}"));
        self.templates.get_template(name).map_err(failed)?.render(Serde(context)).map_err(failed)
    }
}

/// What comes from feeds, without the characters that frame tokens, so that no
/// post can name a reader; with a title for posts that have none.
fn without_tokens(context: &DigestContext, untitled: &str) -> DigestContext {
    let mut clean = context.clone();
    for post in &mut clean.posts {
        post.title = token::strip(&post.title);
        if post.title.trim().is_empty() {
            untitled.clone_into(&mut post.title);
        }
        post.byline = token::strip(&post.byline);
        post.excerpt = token::strip(&post.excerpt);
        for place in &mut post.also_at {
            place.name = token::strip(&place.name);
        }
    }
    clean
}

/// `t("key", name=value)` in a template: the text in the page's language.
#[expect(clippy::needless_pass_by_value, reason = "the signature that the template engine calls")]
fn translate(state: &State<'_, '_>, key: String, values: Kwargs) -> Result<String, minijinja::Error> {
    let missing = |what: &str| minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, what.to_owned());
    let language = state
        .lookup("lang")
        .and_then(|tag| tag.as_str().and_then(|tag| tag.parse::<Language>().ok()))
        .ok_or_else(|| missing("the context has no language"))?;
    let texts = Texts::of(language);
    if texts.get(&key).is_none() {
        return Err(missing(&format!("there is no text `{key}`")));
    }
    let names: Vec<String> = values.args().map(str::to_owned).collect();
    let mut filled = Vec::with_capacity(names.len());
    for name in &names {
        filled.push((name.as_str(), values.get::<String>(name)?));
    }
    let pairs: Vec<(&str, &str)> = filled.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Ok(texts.fill(&key, &pairs))
}

#[cfg(test)]
mod tests;
