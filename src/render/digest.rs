//! A digest as a mail: what its templates get, and how much of each post there
//! is room for.
//!
//! Invariant: both parts together never pass `MAIL_BYTES`. What is too long is
//! given up in this order: the ends of the longest texts, then texts for
//! excerpts, then excerpts of later posts for titles, then the last titles for a
//! number.

mod view;
mod web;

pub use web::DigestPage;

use super::article::prepare;
use super::texts::Texts;
use super::{RenderError, Rendered, Renderer};
use crate::domain::digest::token;
use crate::domain::html::CleanHtml;
use crate::domain::language::Language;
use crate::domain::newsletter::{Advertising, mark};
use crate::domain::post::Place;
use crate::domain::text::cut;
use std::collections::BTreeMap;
use view::Ready;

/// A digest before it is a mail: everything that a newsletter may show, in its
/// places from top to bottom. What is left at its default is not shown.
#[derive(Debug, Clone, Default)]
pub struct DigestContext {
    /// The newsletter's language.
    pub language: Language,
    /// The newsletter's title.
    pub title: String,
    /// The site's title.
    pub site: String,
    /// The site's address.
    pub home: String,
    /// The day, in words.
    pub date: String,
    /// The mail's subject; when there is none, it names the first post.
    pub subject: Option<String>,
    /// What an inbox shows behind the subject; when there is none, the titles that follow.
    pub preheader: Option<String>,
    /// Whether each reader is greeted; the words are the reader's own (`token::GREETING`).
    pub greeting: bool,
    /// What the editor says above the posts.
    pub note_before: Option<CleanHtml>,
    /// The list on top.
    pub headlines: Vec<Headline>,
    /// The post that stands out.
    pub lead: Option<DigestPost>,
    /// The others. There is at least one post, here or as the lead.
    pub sections: Vec<Section>,
    /// How many posts there are that the mail leaves out: "and 12 more".
    pub more: usize,
    /// Where those stand.
    pub more_url: Option<String>,
    /// Posts that were corrected after they had been mailed.
    pub corrections: Vec<Headline>,
    /// What the editor says below the posts.
    pub note_after: Option<CleanHtml>,
    /// Whether there is a page of each reader's own choices (`token::PREFERENCES_URL`).
    pub preferences: bool,
    /// Where the same stands on the web, for everybody; `None` where it does not.
    pub web: Option<String>,
    /// What must be said when it is advertising.
    pub advertising: Option<Advertising>,
    /// The pictures that come with the mail: their addresses with their Content-IDs.
    pub embedded: BTreeMap<String, String>,
}

/// A line of the list on top.
#[derive(Debug, Clone, Default)]
pub struct Headline {
    /// Plain text; may be empty.
    pub title: String,
    /// Where the post stands.
    pub url: Option<String>,
}

/// Posts that belong together.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// What joins them: a source, a tag, a day. Empty: nothing does.
    pub title: String,
    /// In the mail's order.
    pub posts: Vec<DigestPost>,
}

/// A post as a digest shows it.
#[derive(Debug, Clone, Default)]
pub struct DigestPost {
    /// Plain text; may be empty.
    pub title: String,
    /// Where it stands.
    pub url: Option<String>,
    /// Its own language's tag, where that is known.
    pub language: Option<String>,
    /// How many minutes it takes to read.
    pub minutes: u64,
    /// Author, source and day, in one line.
    pub byline: String,
    /// The beginning of its text, plain: shown where the text is not.
    pub excerpt: String,
    /// All of its text, where the newsletter shows texts.
    pub text: Option<CleanHtml>,
    /// Where else it appeared.
    pub also_at: Vec<Place>,
}

/// The first post's title takes at most so many characters of the subject.
const SUBJECT_TITLE: usize = 70;
/// Inboxes show no more of a preheader than this.
pub(super) const PREHEADER: usize = 140;
/// The most characters of a title, and of a byline: longer ones are accidents.
const TITLE: usize = 300;
/// A text that would be cut to fewer bytes than this gives way to its excerpt.
const LEAST_TEXT: usize = 1024;
/// Both parts of a digest as they are. In base64 that is under 97 KB, and leaves
/// room for the header: Gmail cuts a mail at 102 KB, the unsubscribe link first,
/// and S21 asks for 100 KB.
pub(super) const MAIL_BYTES: usize = 70 * 1024;

/// What there is room for.
#[derive(Debug, Clone, Copy)]
struct Room {
    /// Bytes of each text, in HTML.
    text: usize,
    /// Posts of which more is shown than the title.
    whole: usize,
    /// Posts.
    posts: usize,
}

impl Renderer {
    /// The mail of a digest, the same for every reader but for its tokens.
    pub fn digest(&self, context: &DigestContext) -> Result<Rendered, RenderError> {
        let engine = self.engine();
        let texts = engine.texts.of(context.language);
        let clean = without_tokens(context, texts.get("untitled").unwrap_or_default());
        let (subject, preheader) = envelope(&clean, texts);
        let posts: Vec<Ready<'_>> = clean
            .posts()
            .map(|post| Ready {
                post,
                text: post.text.as_ref().map(|text| prepare(text, &post.title, &clean.embedded)),
            })
            .collect();
        let lengths: Vec<usize> = posts.iter().filter_map(|ready| Some(ready.text.as_ref()?.len())).collect();
        let mut room = Room { text: MAIL_BYTES, whole: posts.len(), posts: posts.len() };
        loop {
            let mut view = clean.view(texts, &posts, room, &subject, &preheader);
            view.advertising = clean.advertising.as_ref().map(|known| self.advertising(clean.language, known));
            let html = engine.render("mail/digest.html", &view)?;
            let plain = engine.render("mail/digest.txt", &view)?;
            let size = html.len() + plain.len();
            if size <= MAIL_BYTES || room.posts == 0 {
                return Ok(Rendered { subject, html, plain });
            }
            room = room.less(size, &lengths);
        }
    }
}

impl Room {
    /// The next smaller room after a mail of `size` bytes; `lengths` are the texts'.
    fn less(self, size: usize, lengths: &[usize]) -> Self {
        // A little less than in proportion, since the frame does not shrink.
        let part = |whole: usize| (whole * MAIL_BYTES / size).saturating_sub(whole / 32 + 1);
        if self.text > 0 && !lengths.is_empty() {
            let shown: usize = lengths.iter().map(|length| (*length).min(self.text)).sum();
            let text = level(lengths, part(shown)).min(self.text - 1);
            return Self { text: if text < LEAST_TEXT { 0 } else { text }, ..self };
        }
        if self.whole > 0 {
            return Self { whole: part(self.whole), ..self };
        }
        Self { posts: part(self.posts), ..self }
    }
}

/// The length to which the longest of `lengths` are cut so that all together
/// have `total`: short texts stay whole.
fn level(lengths: &[usize], total: usize) -> usize {
    let mut sorted = lengths.to_vec();
    sorted.sort_unstable();
    let (mut left, mut count) = (total, sorted.len());
    for length in sorted {
        if length > left / count {
            return left / count;
        }
        left -= length;
        count -= 1;
        if count == 0 {
            return length;
        }
    }
    0
}

/// The subject and the preheader.
fn envelope(context: &DigestContext, texts: &Texts) -> (String, String) {
    let titles: Vec<&str> = context.posts().map(|post| post.title.as_str()).collect();
    let others = titles.len().saturating_sub(1) + context.more;
    let first = cut(titles.first().copied().unwrap_or_default(), SUBJECT_TITLE);
    let subject = match (&context.subject, others) {
        (Some(subject), _) => token::strip(subject),
        (None, 0) => texts.fill("digest_subject", &[("title", &context.title), ("first", &first)]),
        (None, others) => {
            let others = others.to_string();
            texts.fill("digest_subject_more", &[("title", &context.title), ("first", &first), ("more", &others)])
        }
    };
    let subject = if context.advertising.is_some() { mark(&subject) } else { subject };
    // The subject has named the first post.
    let preheader = match (&context.preheader, titles.get(1..)) {
        (Some(preheader), _) => token::strip(preheader),
        (None, Some(others @ [_, ..])) => others.join(" · "),
        (None, _) => context.posts().next().map(|only| only.excerpt.clone()).unwrap_or_default(),
    };
    (subject, cut(&preheader, PREHEADER))
}

impl DigestContext {
    /// The posts in the order of the mail.
    fn posts(&self) -> impl Iterator<Item = &DigestPost> {
        self.lead.iter().chain(self.sections.iter().flat_map(|section| &section.posts))
    }
}
/// What comes from feeds, without the characters that frame tokens, so that no
/// post can name a reader; with a title for posts that have none. (`prepare`
/// does the same for HTML.)
fn without_tokens(context: &DigestContext, untitled: &str) -> DigestContext {
    let mut clean = context.clone();
    let titled = |title: &mut String| {
        *title = cut(&token::strip(title), TITLE);
        if title.trim().is_empty() {
            untitled.clone_into(title);
        }
    };
    for line in clean.headlines.iter_mut().chain(&mut clean.corrections) {
        titled(&mut line.title);
    }
    for section in &mut clean.sections {
        section.title = cut(&token::strip(&section.title), TITLE);
    }
    let others = clean.sections.iter_mut().flat_map(|section| &mut section.posts);
    for post in clean.lead.iter_mut().chain(others) {
        titled(&mut post.title);
        post.byline = cut(&token::strip(&post.byline), TITLE);
        post.excerpt = token::strip(&post.excerpt);
        for place in &mut post.also_at {
            place.name = cut(&token::strip(&place.name), TITLE);
        }
    }
    clean
}
