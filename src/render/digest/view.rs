//! What a digest's templates get, made for the room that there is; links are
//! numbered from top to bottom.

use super::super::article::{prepare, runs_leftwards, shorten};
use super::super::letters::AdvertisingView;
use super::super::prose::{Links, prose};
use super::super::texts::Texts;
use super::{DigestContext, DigestPost, Room};
use crate::domain::digest::token;
use crate::domain::html::CleanHtml;
use crate::domain::language::Language;
use crate::domain::url::HttpUrl;
use minijinja::value::Value;
use serde::Serialize;

/// The most bytes of a note, in HTML.
const NOTE: usize = 16 * 1024;

/// What `mail/digest.html` and `mail/digest.txt` get (docs/templates.md).
#[derive(Debug, Serialize)]
pub(super) struct View<'a> {
    lang: Language,
    title: &'a str,
    site: &'a str,
    home: &'a str,
    date: &'a str,
    subject: &'a str,
    preheader: &'a str,
    count: String,
    greeting: &'static str,
    note_before: Option<Piece>,
    headlines: Vec<Linked<'a>>,
    lead: Option<PostView<'a>>,
    sections: Vec<SectionView<'a>>,
    more: String,
    more_url: Option<Linked<'a>>,
    corrections: Vec<Linked<'a>>,
    note_after: Option<Piece>,
    links: Vec<String>,
    email: &'static str,
    unsubscribe: &'static str,
    preferences: &'static str,
    web: &'a str,
    pub(super) advertising: Option<AdvertisingView>,
}

/// Sanitised HTML, and the same as text.
#[derive(Debug, Serialize)]
struct Piece {
    html: Value,
    plain: String,
}

/// Something with an address; `number` is the address's in the text part.
#[derive(Debug, Serialize)]
struct Linked<'a> {
    title: &'a str,
    url: Option<&'a str>,
    number: Option<usize>,
}

#[derive(Debug, Serialize)]
struct SectionView<'a> {
    title: &'a str,
    posts: Vec<PostView<'a>>,
}

#[derive(Debug, Serialize)]
struct PostView<'a> {
    title: &'a str,
    url: Option<&'a str>,
    number: Option<usize>,
    lang: Option<&'a str>,
    dir: &'static str,
    minutes: u64,
    byline: &'a str,
    /// Whether more is shown of it than its title.
    whole: bool,
    excerpt: &'a str,
    text: Option<Piece>,
    /// Whether there is more to read behind its address.
    continues: bool,
    also_at: Vec<Linked<'a>>,
}

/// A post with its text as mails show it.
pub(super) struct Ready<'a> {
    pub(super) post: &'a DigestPost,
    pub(super) text: Option<String>,
}

impl DigestContext {
    /// What the templates get, with links numbered from top to bottom.
    pub(super) fn view<'a>(
        &'a self,
        texts: &Texts,
        posts: &'a [Ready<'a>],
        room: Room,
        subject: &'a str,
        preheader: &'a str,
    ) -> View<'a> {
        let links = Links::default();
        let note = |note: &Option<CleanHtml>| {
            let html = prepare(note.as_ref()?, &self.title, &self.embedded);
            Some(Piece::new(shorten(&html, NOTE).unwrap_or(html), &links))
        };
        let note_before = note(&self.note_before);
        let headlines = self.headlines.iter().take(room.posts);
        let headlines = headlines.map(|line| Linked::new(&line.title, line.url.as_deref(), &links)).collect();
        let mut shown = posts
            .iter()
            .take(room.posts)
            .enumerate()
            .map(|(number, ready)| ready.view(number < room.whole, room.text, &links));
        let lead = self.lead.as_ref().and_then(|_| shown.next());
        let sections = self
            .sections
            .iter()
            .map(|section| SectionView {
                title: &section.title,
                posts: shown.by_ref().take(section.posts.len()).collect(),
            })
            .filter(|section| !section.posts.is_empty())
            .collect();
        let all = posts.len() + self.more;
        let more = all - posts.len().min(room.posts);
        let more_url = self.more_url.as_deref().filter(|_| more > 0);
        View {
            lang: self.language,
            title: &self.title,
            site: &self.site,
            home: &self.home,
            date: &self.date,
            subject,
            preheader,
            count: texts.count("posts", all),
            greeting: if self.greeting { token::GREETING } else { "" },
            note_before,
            headlines,
            lead,
            sections,
            more: if more > 0 { texts.count("more", more) } else { String::new() },
            more_url: more_url.map(|url| Linked::new("", Some(url), &links)),
            corrections: self
                .corrections
                .iter()
                .map(|line| Linked::new(&line.title, line.url.as_deref(), &links))
                .collect(),
            note_after: note(&self.note_after),
            links: links.all(),
            email: token::EMAIL,
            unsubscribe: token::UNSUBSCRIBE_URL,
            preferences: if self.preferences { token::PREFERENCES_URL } else { "" },
            web: self.web.as_deref().unwrap_or_default(),
            advertising: None,
        }
    }
}

impl Piece {
    fn new(html: String, links: &Links) -> Self {
        Self { plain: prose(&html, links), html: Value::from_safe_string(html) }
    }
}

impl<'a> Linked<'a> {
    fn new(title: &'a str, url: Option<&'a str>, links: &Links) -> Self {
        Self { title, url, number: url.map(|url| links.number(url)) }
    }
}

impl Ready<'_> {
    /// The post with at most `room` bytes of its text.
    fn view(&self, whole: bool, room: usize, links: &Links) -> PostView<'_> {
        let post = self.post;
        let Linked { title, url, number } = Linked::new(&post.title, post.url.as_deref(), links);
        let text = self.text.as_deref().filter(|_| whole && room > 0);
        let short = text.and_then(|text| shorten(text, room));
        let continues = text.is_none() || short.is_some();
        let excerpt = if text.is_some() { "" } else { post.excerpt.as_str() };
        let read = if title.chars().any(char::is_alphabetic) { title } else { excerpt };
        PostView {
            title,
            url,
            number,
            lang: post.language.as_deref(),
            dir: if runs_leftwards(read) { "rtl" } else { "ltr" },
            minutes: post.minutes,
            byline: &post.byline,
            whole,
            excerpt,
            continues,
            text: short.or_else(|| text.map(str::to_owned)).map(|html| Piece::new(html, links)),
            also_at: post
                .also_at
                .iter()
                .filter(|_| whole)
                .map(|place| Linked::new(&place.name, place.url.as_ref().map(HttpUrl::as_str), links))
                .collect(),
        }
    }
}
