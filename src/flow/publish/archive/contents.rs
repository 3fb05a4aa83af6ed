//! The table of contents: every way into the archive.

use super::{Archive, data};
use crate::domain::label::LabelKind;
use crate::domain::schedule::day;
use crate::domain::time::Timestamp;
use crate::flow::publish::feed::FeedOf;
use crate::flow::publish::page::YEARS;
use crate::flow::publish::{Page, PublisherError, Written};
use crate::render::{ContentsContext, Counted, Year};
use crate::store::StoreError;
use chrono::Datelike as _;

/// How many tags, authors and languages are named, those that are used most.
const NAMED: u32 = 200;

/// How many sources, those with the most posts.
const SOURCES: usize = 5_000;

impl Archive<'_> {
    /// Months, newsletters, sources, tags, authors and languages, with how many posts each has.
    pub(super) async fn contents(&self) -> Result<Written, PublisherError> {
        let language = self.config.site.language;
        let url = self.url(&Page::Contents);
        let data = data::page(self, &url);
        let mut head = self.head(url, language, self.renderer.text(language, "contents_heading"), &data);
        head.feeds = self.feeds(&FeedOf::Site);
        let rows = self.store.source_rows().await?;
        let sources = rows.into_iter().filter(|row| self.config.source(&row.name).is_some()).map(|row| Counted {
            title: row.title.unwrap_or_else(|| row.name.to_string()),
            url: self.path(&Page::List(FeedOf::Source(row.name), None)),
            count: Some(row.posts),
        });
        let mut sources: Vec<Counted> = sources.collect();
        sources.sort_unstable_by_key(|source| std::cmp::Reverse(source.count));
        sources.truncate(SOURCES);
        sources.sort_by_cached_key(|source| source.title.to_lowercase());
        let newsletters = self.config.newsletters.iter().map(|newsletter| Counted {
            title: newsletter.title.clone(),
            url: self.path(&Page::List(FeedOf::Newsletter(newsletter.name.clone()), None)),
            count: None,
        });
        let context = ContentsContext {
            head,
            years: self.years().await?,
            newsletters: newsletters.collect(),
            sources,
            tags: self.most_used(LabelKind::Tag).await?,
            authors: self.most_used(LabelKind::Author).await?,
            languages: self.most_used(LabelKind::Language).await?,
        };
        Ok(Written::new(self.renderer.page_contents(&context)?, Timestamp::EPOCH))
    }

    async fn most_used(&self, kind: LabelKind) -> Result<Vec<Counted>, StoreError> {
        let found = self.store.label_cloud(kind, NAMED).await?;
        let counted = found.into_iter().map(|(key, name, count)| Counted {
            title: if kind == LabelKind::Language { self.language_name(&name) } else { name },
            url: self.path(&Page::List(FeedOf::Label(kind, key), None)),
            count: Some(count),
        });
        let mut counted: Vec<Counted> = counted.collect();
        counted.sort_by_cached_key(|label| label.title.to_lowercase());
        Ok(counted)
    }

    /// The months that have posts, newest first.
    async fn years(&self) -> Result<Vec<Year>, StoreError> {
        let mut years: Vec<Year> = Vec::new();
        for (year, month) in self.all_months().await? {
            let Some((from, to)) = self.bounds(year, month) else { continue };
            let count = self.store.count_between(from, to).await?;
            if count == 0 {
                continue;
            }
            let listed = Counted {
                title: self.renderer.month(self.config.site.language, year, month),
                url: self.path(&Page::Month(year, month, None)),
                count: Some(count),
            };
            match years.last_mut().filter(|last| last.year == year) {
                Some(last) => last.months.push(listed),
                None => years.push(Year { year, months: vec![listed] }),
            }
        }
        Ok(years)
    }

    /// The months from that of the last post to that of the first, as far back as pages reach.
    pub(in crate::flow::publish) async fn all_months(&self) -> Result<Vec<(i32, u32)>, StoreError> {
        let Some((first, last)) = self.store.first_and_last_date().await? else { return Ok(Vec::new()) };
        let month = |at| day(self.config.site.timezone, at);
        let (first, last) = (month(first), month(last));
        let first = (first.year(), first.month()).max((*YEARS.start(), 1));
        let before = |&(year, month): &(i32, u32)| Some(if month > 1 { (year, month - 1) } else { (year - 1, 12) });
        let months = std::iter::successors(Some((last.year(), last.month())), before);
        Ok(months.take_while(|month| *month >= first).collect())
    }
}
