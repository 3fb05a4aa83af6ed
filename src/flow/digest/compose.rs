//! How posts become a mail: which stand where, in which words; and which other
//! mails there are, for readers who do not get all of its posts.
//!
//! Invariants: every post that a digest stands for is shown or counted; each
//! list of posts is rendered once, however many readers get it.

use super::DigestError;
use super::notes::Notes;
use super::pictures::gather;
use super::web::address;
use crate::config::Config;
use crate::domain::composition::{Filling, Images, Order, Sections, Shown, Wording};
use crate::domain::digest::Edition;
use crate::domain::html::CleanHtml;
use crate::domain::id::PostId;
use crate::domain::newsletter::{Cadence, Newsletter};
use crate::domain::picture::Found;
use crate::domain::post::Post;
use crate::domain::slug::Slug;
use crate::domain::text::cut;
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use crate::net::Client;
use crate::read::plain_text;
use crate::render::{DigestContext, DigestPost, Headline, Rendered, Renderer, Section, pictures};
use crate::store::{Corrected, MovedStamp, Readers, Store, Variant};
use chrono::Datelike as _;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// An excerpt is at most so many characters.
const EXCERPT: usize = 320;
/// A summary is the author's own, and longer ones are no summaries.
const SUMMARY: usize = 1_000;
/// The first post's title takes at most so many characters of the subject.
const FIRST: usize = 70;

/// The mails of a digest.
#[derive(Debug)]
pub(super) struct Composed {
    /// What most readers get.
    pub(super) mail: Rendered,
    /// What the others do.
    pub(super) variants: Vec<Variant>,
    /// The rows of the notes that stand in them.
    pub(super) notes: Vec<i64>,
    /// Which choices of topics they were made for.
    pub(super) topics: Vec<String>,
    /// Whom the variants were made for.
    pub(super) moved: MovedStamp,
    /// Which corrections they tell of.
    pub(super) corrected: Vec<Corrected>,
}

/// Composes for one cadence at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Composer<'a> {
    pub(super) store: &'a Store,
    pub(super) renderer: &'a Renderer,
    pub(super) config: &'a Config,
    pub(super) newsletter: &'a Newsletter,
    pub(super) cadence: &'a Cadence,
    pub(super) edition: &'a Edition,
    pub(super) now: Timestamp,
    /// What gets the pictures that come along.
    pub(super) client: Option<&'a Client>,
}

/// A post with its source's title and home page.
struct Loaded {
    post: Post,
    source: String,
    home: Option<HttpUrl>,
}

/// What a mail holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Holds {
    posts: Vec<PostId>,
    /// Posts of earlier mails that were corrected.
    corrected: Vec<PostId>,
}

impl Holds {
    /// The same with both lists made others.
    fn map(&self, make: impl Fn(&[PostId]) -> Vec<PostId>) -> Self {
        Self { posts: make(&self.posts), corrected: make(&self.corrected) }
    }
}

impl Composer<'_> {
    /// The mails of these posts. What a frozen digest shows is what was stored at this moment.
    pub(super) async fn compose(&self, posts: &[PostId]) -> Result<Composed, DigestError> {
        let notes = Notes::of(self).await?;
        let mut loaded = self.load(posts).await?;
        let moved = self.store.moved_readers(&self.newsletter.name, &self.cadence.name, posts).await?;
        let missed: BTreeSet<PostId> = moved
            .readers
            .iter()
            .flat_map(|reader| &reader.missed)
            .copied()
            .filter(|post| !posts.contains(post))
            .collect();
        let missed: Vec<PostId> = missed.into_iter().collect();
        loaded.extend(self.load(&missed).await?);
        let corrected = self.corrected().await?;
        let fixed: Vec<PostId> = corrected.iter().map(|one| one.post).filter(|id| !posts.contains(id)).collect();
        let to_load: Vec<PostId> = fixed.iter().copied().filter(|id| !missed.contains(id)).collect();
        let found = self.pictures(&loaded, &notes).await?;
        loaded.extend(self.load(&to_load).await?);
        for Found { address, picture, .. } in found.iter().filter(|found| found.is_new) {
            self.store.keep_picture(address, picture, self.now).await?;
        }
        let embedded = named(&found);
        let whole = Holds { posts: posts.to_vec(), corrected: fixed };
        let mail = self.render(&loaded, &whole, &notes, &embedded)?;

        let mut lists: Vec<(Readers, Holds)> = Vec::new();
        let topics = self.store.topics_chosen(&self.newsletter.name, &self.cadence.name).await?;
        for topics in &topics {
            let list = whole.map(|posts| self.chosen(&loaded, posts, topics));
            if list != whole {
                lists.push((Readers::Topics(topics.clone()), list));
            }
        }
        let mut own: BTreeMap<Holds, Vec<_>> = BTreeMap::new();
        for reader in moved.readers {
            let fresh: Vec<PostId> =
                posts.iter().chain(&reader.missed).copied().filter(|post| !reader.has.contains(post)).collect();
            let list = Holds { posts: fresh, corrected: whole.corrected.clone() };
            let list = list.map(|posts| self.chosen(&loaded, posts, &reader.topics));
            own.entry(list).or_default().push(reader.subscription);
        }
        lists.extend(own.into_iter().map(|(list, readers)| (Readers::These(readers), list)));

        let mut rendered: HashMap<Holds, Rendered> = HashMap::new();
        let mut variants = Vec::with_capacity(lists.len());
        for (readers, list) in lists {
            let mail = match rendered.get(&list) {
                Some(mail) => mail.clone(),
                None if list.posts.is_empty() => Rendered::default(),
                None => self.render(&loaded, &list, &notes, &embedded)?,
            };
            rendered.insert(list.clone(), mail.clone());
            variants.push(Variant {
                readers,
                posts: list.posts,
                subject: mail.subject,
                html: mail.html,
                plain: mail.plain,
            });
        }
        Ok(Composed { mail, variants, notes: notes.rows, topics, moved: moved.stamp, corrected })
    }

    /// The digest's own mail alone, with the pictures that it could bring along.
    pub(super) async fn whole(&self, posts: &[PostId]) -> Result<(Rendered, Vec<Found>), DigestError> {
        let notes = Notes::of(self).await?;
        let mut loaded = self.load(posts).await?;
        let found = self.pictures(&loaded, &notes).await?;
        let corrected = self.corrected().await?.into_iter().map(|one| one.post);
        let list = Holds { posts: posts.to_vec(), corrected: corrected.filter(|id| !posts.contains(id)).collect() };
        loaded.extend(self.load(&list.corrected).await?);
        Ok((self.render(&loaded, &list, &notes, &named(&found))?, found))
    }

    /// What the newsletter still owes its readers a word of.
    async fn corrected(&self) -> Result<Vec<Corrected>, DigestError> {
        if !self.newsletter.corrections {
            return Ok(Vec::new());
        }
        Ok(self.store.corrected_posts(self.newsletter, &self.cadence.name, self.now).await?)
    }

    /// Those of `posts` that readers who chose `topics` get. A topic that is configured no more is nobody's.
    fn chosen(&self, loaded: &[Loaded], posts: &[PostId], topics: &str) -> Vec<PostId> {
        if topics.is_empty() {
            return posts.to_vec();
        }
        let chosen: Vec<&str> = topics.split(' ').collect();
        let known = self.newsletter.topics.iter().filter(|topic| chosen.contains(&topic.name.as_str()));
        let topics: Vec<_> = known.collect();
        if topics.is_empty() {
            return posts.to_vec();
        }
        let takes = |id: &PostId| {
            loaded
                .iter()
                .find(|it| it.post.id == *id)
                .is_some_and(|it| topics.iter().any(|topic| topic.takes(&it.post)))
        };
        posts.iter().copied().filter(takes).collect()
    }

    async fn load(&self, posts: &[PostId]) -> Result<Vec<Loaded>, DigestError> {
        let mut sources: HashMap<Slug, (String, Option<HttpUrl>)> = HashMap::new();
        let mut loaded = Vec::with_capacity(posts.len());
        for &id in posts {
            let Some(post) = self.store.post(id).await? else { continue };
            let (source, home) = match sources.get(&post.source_name) {
                Some(known) => known.clone(),
                None => {
                    let (title, home) = match self.store.source_row(&post.source_name).await? {
                        Some(row) => (row.title, row.link.and_then(|link| link.parse().ok())),
                        None => (None, None),
                    };
                    let known = (title.unwrap_or_else(|| post.source_name.to_string()), home);
                    sources.insert(post.source_name.clone(), known.clone());
                    known
                }
            };
            loaded.push(Loaded { post, source, home });
        }
        Ok(loaded)
    }

    /// The pictures that come along.
    async fn pictures(&self, loaded: &[Loaded], notes: &Notes) -> Result<Vec<Found>, DigestError> {
        let (Images::Embed, Some(client)) = (self.cadence.composition.images, self.client) else {
            return Ok(Vec::new());
        };
        let texts = loaded.iter().filter_map(|it| self.text(&it.post));
        let shown = notes.before.iter().chain(texts).chain(&notes.after);
        gather(self.store, client, shown.flat_map(pictures).collect(), self.now).await
    }

    fn render(
        &self,
        loaded: &[Loaded],
        list: &Holds,
        notes: &Notes,
        embedded: &BTreeMap<String, String>,
    ) -> Result<Rendered, DigestError> {
        let corrected = list.corrected.iter().filter_map(|id| loaded.iter().find(|it| it.post.id == *id));
        let corrections = corrected.map(|it| Headline {
            title: it.post.entry.title.clone(),
            url: it.post.entry.url.as_ref().map(ToString::to_string),
        });
        let context = DigestContext {
            embedded: embedded.clone(),
            corrections: corrections.collect(),
            ..self.context(loaded, &list.posts, notes)
        };
        Ok(self.renderer.digest(&context)?)
    }

    /// Everything in its place.
    fn context(&self, loaded: &[Loaded], posts: &[PostId], notes: &Notes) -> DigestContext {
        let composition = &self.cadence.composition;
        let mut shown: Vec<&Loaded> = loaded.iter().filter(|it| posts.contains(&it.post.id)).collect();
        match composition.order {
            Order::Newest => shown.sort_by_key(|it| Reverse((it.post.date(), it.post.id))),
            Order::Oldest => shown.sort_by_key(|it| (it.post.date(), it.post.id)),
            Order::Title => shown.sort_by_cached_key(|it| it.post.entry.title.to_lowercase()),
        }
        let count = shown.len();
        let more_url = home(&shown).map(ToString::to_string);
        let lead = composition.lead.pick(shown.iter().map(|it| &it.post)).map(|at| shown.remove(at));
        let room = composition.max_posts.unwrap_or(usize::MAX).saturating_sub(usize::from(lead.is_some()));
        shown.truncate(room);
        let more = count - shown.len() - usize::from(lead.is_some());
        let lead = lead.map(|it| self.post(it, Sections::None));
        let sections = self.sections(&shown);
        let all = || lead.iter().chain(sections.iter().flat_map(|section| &section.posts));
        let date = self.renderer.long_date(self.newsletter.language, self.newsletter.timezone, self.now);
        let first = all().next().map_or("", |post| post.title.trim());
        let untitled = self.renderer.text(self.newsletter.language, "untitled");
        let first = cut(if first.is_empty() { &untitled } else { first }, FIRST);
        let filling = Filling { title: &self.newsletter.title, first: &first, count, date: &date };
        let fill = |wording: &Option<Wording>| wording.as_ref().and_then(|wording| wording.fill(filling));
        let headline = |post: &DigestPost| Headline { title: post.title.clone(), url: post.url.clone() };
        // One title says no more than the post itself.
        let headlines =
            if composition.headlines && all().nth(1).is_some() { all().map(headline).collect() } else { Vec::new() };
        DigestContext {
            language: self.newsletter.language,
            title: self.newsletter.title.clone(),
            site: self.config.site.title.clone(),
            home: self.config.site.base_url.to_string(),
            subject: fill(&composition.subject),
            preheader: fill(&composition.preheader),
            greeting: composition.greeting,
            note_before: notes.before.clone(),
            headlines,
            more,
            more_url,
            note_after: notes.after.clone(),
            date,
            lead,
            sections,
            preferences: true,
            web: self.newsletter.web.then(|| address(self.config, self.edition)),
            advertising: self.config.advertising(self.newsletter),
            ..DigestContext::default()
        }
    }

    /// Posts parted by what joins them, each part in the mail's order.
    fn sections(&self, posts: &[&Loaded]) -> Vec<Section> {
        let Newsletter { language, timezone, .. } = *self.newsletter;
        let other = || self.renderer.text(language, "section_other");
        // What a section sorts by, and what it is called.
        let key = |it: &Loaded| -> (i64, String) {
            let post = &it.post;
            match self.cadence.composition.sections {
                Sections::None => (0, String::new()),
                Sections::Source => {
                    let place = self.config.sources.iter().position(|source| source.name == post.source_name);
                    (place.and_then(|place| i64::try_from(place).ok()).unwrap_or(i64::MAX), it.source.clone())
                }
                Sections::Tag => match post.entry.categories.iter().find(|tag| !tag.trim().is_empty()) {
                    Some(tag) => (0, tag.trim().to_owned()),
                    None => (1, other()),
                },
                Sections::Day => {
                    let day = i64::from(post.date().to_datetime().with_timezone(&timezone).num_days_from_ce());
                    let oldest_first = self.cadence.composition.order == Order::Oldest;
                    (if oldest_first { day } else { -day }, self.renderer.long_date(language, timezone, post.date()))
                }
            }
        };
        let mut sections: Vec<(i64, Section)> = Vec::new();
        for it in posts {
            let (place, title) = key(it);
            let post = self.post(it, self.cadence.composition.sections);
            let same = |known: &Section| known.title.to_lowercase() == title.to_lowercase();
            match sections.iter_mut().find(|(at, known)| *at == place && same(known)) {
                Some((_, section)) => section.posts.push(post),
                None => sections.push((place, Section { title, posts: vec![post] })),
            }
        }
        sections.sort_by_key(|(place, _)| *place);
        let mut sections: Vec<Section> = sections.into_iter().map(|(_, section)| section).collect();
        // One section alone joins nothing that needs a name, unless the name says something.
        if let ([only], Sections::Tag) = (sections.as_mut_slice(), self.cadence.composition.sections)
            && only.title == other()
        {
            only.title.clear();
        }
        sections
    }

    /// A post's text, where digests show texts.
    fn text<'p>(&self, post: &'p Post) -> Option<&'p CleanHtml> {
        let shown = self.cadence.composition.text == Shown::Full;
        post.entry.content.as_ref().or(post.entry.summary.as_ref()).filter(|_| shown)
    }

    /// A post; what its section says stands above it already.
    fn post(&self, Loaded { post, source, .. }: &Loaded, section: Sections) -> DigestPost {
        let entry = &post.entry;
        let mut byline = entry.authors.clone();
        // A personal blog is often called by its author's name: say it once.
        byline.retain(|author| author != source);
        if section != Sections::Source {
            byline.push(source.clone());
        }
        if section != Sections::Day {
            let Newsletter { language, timezone, .. } = *self.newsletter;
            byline.push(self.renderer.short_date(language, timezone, post.date(), self.now));
        }
        let minutes = post.minutes();
        if self.cadence.composition.reading_time {
            let count = minutes.to_string();
            byline.push(self.renderer.filled(self.newsletter.language, "minutes", &[("count", &count)]));
        }
        let beginning = entry.summary.as_ref().or(entry.content.as_ref());
        let most = match self.cadence.composition.text {
            Shown::Summary if entry.summary.is_some() => SUMMARY,
            Shown::Excerpt | Shown::Summary | Shown::Full => EXCERPT,
        };
        DigestPost {
            title: entry.title.clone(),
            url: entry.url.as_ref().map(ToString::to_string),
            language: post.spoken_language(),
            minutes,
            byline: byline.join(" · "),
            excerpt: beginning.map(|html| cut(&plain_text(html.as_str()), most)).unwrap_or_default(),
            text: self.text(post).cloned(),
            also_at: post.also_at(),
        }
    }
}

/// The home page of these posts, where they have one in common.
fn home<'a>(posts: &[&'a Loaded]) -> Option<&'a HttpUrl> {
    let (first, others) = posts.split_first()?;
    first.home.as_ref().filter(|_| others.iter().all(|it| it.post.source_name == first.post.source_name))
}

/// Each picture's address with its Content-ID.
fn named(found: &[Found]) -> BTreeMap<String, String> {
    found.iter().map(|found| (found.address.clone(), found.picture.id.clone())).collect()
}
