//! The templates: embedded in the binary, each in its place taken by a file of
//! the operator's folder. Compiled once; a mail's styles are written into its
//! elements when it is rendered, since many mail programs read them only there.

use super::icons::{icons, is_icon};
use super::texts::Catalogue;
use super::{RenderError, escape, wrap};
use crate::domain::language::Language;
use crate::domain::token::sha256_hex;
use css_inline::CSSInliner;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde};
use minijinja::{AutoEscape, Environment, State};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What is embedded, by name, and what it is.
const EMBEDDED: [(&str, &str, &str); 49] = [
    ("mail/digest.html", "the digest, for programs that show HTML", include_str!("../../templates/mail/digest.html")),
    ("mail/digest.txt", "the digest, for the others", include_str!("../../templates/mail/digest.txt")),
    ("mail/confirm.html", "the mail that asks to confirm", include_str!("../../templates/mail/confirm.html")),
    ("mail/confirm.txt", "the same as text", include_str!("../../templates/mail/confirm.txt")),
    (
        "mail/link.html",
        "a letter with a link: subscribed already, goodbye, another address, a reader's data",
        include_str!("../../templates/mail/link.html"),
    ),
    ("mail/link.txt", "the same as text", include_str!("../../templates/mail/link.txt")),
    ("mail/welcome.html", "the welcome after a confirmation", include_str!("../../templates/mail/welcome.html")),
    ("mail/welcome.txt", "the same as text", include_str!("../../templates/mail/welcome.txt")),
    (
        "mail/renewal.html",
        "what readers of advertising are told every two years",
        include_str!("../../templates/mail/renewal.html"),
    ),
    ("mail/renewal.txt", "the same as text", include_str!("../../templates/mail/renewal.txt")),
    (
        "mail/told.html",
        "what the site's owner is told when something needs a person",
        include_str!("../../templates/mail/told.html"),
    ),
    ("mail/told.txt", "the same as text", include_str!("../../templates/mail/told.txt")),
    ("mail/desk.html", "a post for a desk that publishes it elsewhere", include_str!("../../templates/mail/desk.html")),
    ("mail/desk.txt", "the same as text", include_str!("../../templates/mail/desk.txt")),
    ("mail/foot.html", "below mails of a newsletter", include_str!("../../templates/mail/foot.html")),
    ("mail/foot.txt", "the same as text", include_str!("../../templates/mail/foot.txt")),
    (
        "mail/advertising.html",
        "what must be said in advertising",
        include_str!("../../templates/mail/advertising.html"),
    ),
    ("mail/advertising.txt", "the same as text", include_str!("../../templates/mail/advertising.txt")),
    ("mail/base.html", "the frame of every mail", include_str!("../../templates/mail/base.html")),
    ("mail/style.css", "how mails look", include_str!("../../templates/mail/style.css")),
    (
        "mail/screens.css",
        "how they look on narrow and on dark screens",
        include_str!("../../templates/mail/screens.css"),
    ),
    ("pages/base.html", "the frame of every page", include_str!("../../templates/pages/base.html")),
    ("pages/index.html", "the front page", include_str!("../../templates/pages/index.html")),
    (
        "pages/archive.html",
        "the frame of every page of the archive",
        include_str!("../../templates/pages/archive.html"),
    ),
    ("pages/list.html", "a list of posts; a feed in a browser", include_str!("../../templates/pages/list.html")),
    ("pages/post.html", "a post's own page", include_str!("../../templates/pages/post.html")),
    (
        "pages/withdrawn.html",
        "the page of a post that its author withdrew",
        include_str!("../../templates/pages/withdrawn.html"),
    ),
    ("pages/posts.html", "the posts of a list", include_str!("../../templates/pages/posts.html")),
    ("pages/byline.html", "when, who, where, how long", include_str!("../../templates/pages/byline.html")),
    ("pages/turn.html", "the way to newer and older pages", include_str!("../../templates/pages/turn.html")),
    ("pages/contents.html", "the table of contents", include_str!("../../templates/pages/contents.html")),
    ("pages/digests.html", "a newsletter's digests", include_str!("../../templates/pages/digests.html")),
    ("pages/search.html", "what a search found", include_str!("../../templates/pages/search.html")),
    (
        "pages/search_box.html",
        "where one writes what to look for",
        include_str!("../../templates/pages/search_box.html"),
    ),
    ("pages/icon.svg", "the site's sign", include_str!("../../templates/pages/icon.svg")),
    ("pages/subscribe.html", "the form", include_str!("../../templates/pages/subscribe.html")),
    ("pages/embedded.html", "the form for other sites", include_str!("../../templates/pages/embedded.html")),
    ("pages/confirm.html", "the page that asks to confirm", include_str!("../../templates/pages/confirm.html")),
    ("pages/subscribe.js", "what the form does where scripts run", include_str!("../../templates/pages/subscribe.js")),
    (
        "pages/preferences.html",
        "what a reader gets, for them to change",
        include_str!("../../templates/pages/preferences.html"),
    ),
    ("pages/leave.html", "the page on which a reader leaves", include_str!("../../templates/pages/leave.html")),
    (
        "pages/leave.js",
        "what acts there at a reader's first sign of life",
        include_str!("../../templates/pages/leave.js"),
    ),
    ("pages/left.html", "the page of one who has left", include_str!("../../templates/pages/left.html")),
    ("pages/data.html", "what is stored of a reader", include_str!("../../templates/pages/data.html")),
    ("pages/choices.html", "what the form lets one choose", include_str!("../../templates/pages/choices.html")),
    ("pages/notice.html", "a page with a sentence and a button", include_str!("../../templates/pages/notice.html")),
    ("pages/style.css", "how pages look", include_str!("../../templates/pages/style.css")),
    ("texts/en.toml", "every sentence, in English", include_str!("../../templates/texts/en.toml")),
    ("texts/ko.toml", "every sentence, in Korean", include_str!("../../templates/texts/ko.toml")),
];

/// A template as it is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its name: where its file lies in the operator's folder.
    pub name: String,
    /// What it is.
    pub what: &'static str,
    /// Its text.
    pub text: String,
    /// Whether a file of the operator's stands in its place.
    pub own: bool,
}

/// What is wrong in the operator's folder of templates, everything at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct TemplateFaults(pub Vec<String>);

/// The templates in force, embedded or from `folder`; each file in it must
/// stand in the place of one.
pub fn templates(folder: Option<&Path>) -> Result<Vec<Template>, TemplateFaults> {
    let mut faults = Vec::new();
    let mut files = BTreeMap::new();
    if let Some(folder) = folder {
        collect(folder, "", &mut files, &mut faults);
    }
    let mut templates: Vec<Template> = EMBEDDED
        .iter()
        .map(|&(name, what, text)| {
            let own = files.remove(name);
            let is_own = own.is_some();
            Template { name: name.to_owned(), what, own: is_own, text: own.unwrap_or_else(|| text.to_owned()) }
        })
        .collect();
    let languages: Vec<String> = files.keys().filter(|name| is_language(name)).cloned().collect();
    templates.extend(languages.into_iter().filter_map(|name| {
        let text = files.remove(&name)?;
        Some(Template { name, what: "every sentence, in a language of yours", own: true, text })
    }));
    let shown = folder.map(|folder| folder.display().to_string()).unwrap_or_default();
    for name in files.into_keys() {
        faults.push(format!("{shown}/{name}: no template has this name; `syndicated template list` shows all"));
    }
    if faults.is_empty() { Ok(templates) } else { Err(TemplateFaults(faults)) }
}

/// Whether a file of that name holds a language's texts.
fn is_language(name: &str) -> bool {
    let tag = name.strip_prefix("texts/").and_then(|name| name.strip_suffix(".toml"));
    tag.is_some_and(|tag| tag.parse::<Language>().is_ok())
}

/// The files below `folder` by their names; what is hidden is nobody's.
fn collect(folder: &Path, below: &str, files: &mut BTreeMap<String, String>, faults: &mut Vec<String>) {
    let shown = |path: &Path, why: &dyn std::fmt::Display| format!("{}: it cannot be read: {why}", path.display());
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(why) => return faults.push(shown(folder, &why)),
    };
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') || name.ends_with('~') {
            continue;
        }
        let name = format!("{below}{name}");
        if is_icon(&name) {
            continue;
        }
        // One level holds the groups, the next their files.
        if path.is_dir() && below.is_empty() {
            collect(&path, &format!("{name}/"), files, faults);
            continue;
        }
        match std::fs::read_to_string(&path) {
            Ok(text) => drop(files.insert(name, text)),
            Err(why) => faults.push(shown(&path, &why)),
        }
    }
}

/// The compiled templates with their texts.
#[derive(Debug)]
pub(super) struct Engine {
    environment: Environment<'static>,
    /// What readers see, by language.
    pub(super) texts: Arc<Catalogue>,
    /// What is served as it is: the pages' stylesheet and scripts, by name.
    files: BTreeMap<String, String>,
    /// The site's sign.
    icons: BTreeMap<&'static str, Vec<u8>>,
    /// A digest of all that is in force.
    pub(super) stamp: String,
}

impl Engine {
    /// Compiles `templates`, and reads the pictures of `folder`.
    pub(super) fn new(templates: Vec<Template>, folder: Option<&Path>) -> Result<Self, TemplateFaults> {
        let mut faults = Vec::new();
        let icons = icons(folder, &mut faults);
        let mut environment = Environment::new();
        environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        match SyntaxConfig::builder().trim_blocks(true).build() {
            Ok(syntax) => environment.set_syntax(syntax),
            Err(why) => faults.push(why.to_string()),
        }
        // Whatever is not plain text by name is escaped.
        environment.set_auto_escape_callback(|name| match name.rsplit('.').next() {
            Some("txt" | "css") => AutoEscape::None,
            _ => AutoEscape::Html,
        });
        let stamp = sha256_hex(format!("{templates:?} {icons:?}").as_bytes());
        let (mut texts, mut files) = (Vec::new(), BTreeMap::new());
        for Template { name, text, .. } in templates {
            if name.ends_with(".toml") {
                texts.push((name, text));
            } else if let Some(file) = name.strip_prefix("pages/").filter(|file| !file.ends_with(".html")) {
                files.insert(file.to_owned(), text);
            } else if let Err(why) = environment.add_template_owned(name.clone(), text) {
                faults.push(format!("{name}: {}", in_one_line(&why)));
            }
        }
        let texts = Arc::new(Catalogue::read(&texts, &mut faults));
        environment.set_formatter(escape::print);
        let spoken = texts.clone();
        environment.add_function("t", move |state: &State<'_, '_>, key: String, values: Kwargs| {
            translate(&spoken, state, &key, &values)
        });
        let spoken = texts.clone();
        environment.add_function("side", move |state: &State<'_, '_>| -> Result<&'static str, minijinja::Error> {
            let leftwards = spoken.of(language_of(state)?).get("language_dir") == Some("rtl");
            Ok(if leftwards { "end" } else { "start" })
        });
        environment.add_filter("wrap", |text: String| wrap::wrap(&text));
        environment.add_filter("ruled", |text: String| wrap::ruled(&text));
        if faults.is_empty() {
            Ok(Self { environment, texts, files, icons, stamp })
        } else {
            Err(TemplateFaults(faults))
        }
    }

    /// A stylesheet or script of the pages; empty when there is none of that name.
    pub(super) fn file(&self, name: &str) -> &str {
        self.files.get(name).map_or("", String::as_str)
    }

    /// A picture of the site's sign; nothing when there is none of that name.
    pub(super) fn icon(&self, name: &str) -> &[u8] {
        self.icons.get(name).map_or(&[], Vec::as_slice)
    }

    /// Renders the template called `name`. The styles of a mail's HTML go into
    /// its elements; a sheet for some screens only (`data-css-inline="keep"`)
    /// stays where it is.
    pub(super) fn render<C: Serialize>(&self, name: &str, context: &C) -> Result<String, RenderError> {
        let failed = |error: minijinja::Error| RenderError(name.to_owned(), in_one_line(&error));
        let text = self.environment.get_template(name).map_err(failed)?.render(Serde(context)).map_err(failed)?;
        if !(name.starts_with("mail/") && name.ends_with(".html")) {
            return Ok(text);
        }
        let inliner = CSSInliner::options().minify_css(true).load_remote_stylesheets(false).build();
        let text = inliner
            .inline(&text)
            .map_err(|why| RenderError(name.to_owned(), format!("its styles cannot be read: {why}")))?;
        // What it said to the inliner is nothing to a mail program.
        Ok(text.replace(" data-css-inline=\"keep\"", ""))
    }
}

/// An error of the template engine with its causes and its line, without the
/// listing of the template's text around it.
fn in_one_line(error: &minijinja::Error) -> String {
    let mut said = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        said = format!("{said}: {cause}");
        source = cause.source();
    }
    said
}

/// `t("key", name=value)` in a template: the text in the page's language.
fn translate(texts: &Catalogue, state: &State<'_, '_>, key: &str, values: &Kwargs) -> Result<String, minijinja::Error> {
    let texts = texts.of(language_of(state)?);
    if texts.get(key).is_none() {
        return Err(impossible(format!("there is no text `{key}`")));
    }
    let names: Vec<String> = values.args().map(str::to_owned).collect();
    let mut filled = Vec::with_capacity(names.len());
    for name in &names {
        filled.push((name.as_str(), values.get::<String>(name)?));
    }
    let pairs: Vec<(&str, &str)> = filled.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Ok(texts.fill(key, &pairs))
}

/// The language of what is rendered.
fn language_of(state: &State<'_, '_>) -> Result<Language, minijinja::Error> {
    let lang = state.lookup("lang");
    let language = lang.as_ref().and_then(|tag| tag.as_str()).and_then(|tag| tag.parse().ok());
    language.ok_or_else(|| impossible("the context has no language".to_owned()))
}

fn impossible(what: String) -> minijinja::Error {
    minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, what)
}
