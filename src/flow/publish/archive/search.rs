//! What a search found, made into a page. Nothing of it is kept: there are as many
//! as there are words.

use super::{Archive, data};
use crate::flow::publish::PublisherError;
use crate::render::{Hit, Piece, SearchContext};

/// How many posts a page shows.
const SHOWN: usize = 10;
/// The last page: whoever turns that often should say it otherwise.
const LAST: u32 = 100;

impl Archive<'_> {
    /// The page of a search, `number` from 1; without words, the page that asks for some.
    pub(in crate::flow::publish) async fn search(&self, query: &str, number: u32) -> Result<String, PublisherError> {
        let language = self.config.site.language;
        let query = query.trim();
        let number = number.clamp(1, LAST);
        let behind = usize::try_from(number - 1).unwrap_or(usize::MAX).saturating_mul(SHOWN);
        let found = self.store.search(query, SHOWN, behind, &|name| self.shown(name)).await?;
        let mut hits = Vec::new();
        for hit in found.hits {
            // It may have gone since.
            let Some(post) = self.store.post(hit.id).await? else { continue };
            let titles = self.titles(std::iter::once(&post)).await?;
            let mut listed = self.listed(&post, &titles, language);
            let pieces = |pieces: Vec<crate::domain::search::Piece>| -> Vec<Piece> {
                pieces.into_iter().map(|piece| Piece { text: piece.text, found: piece.is_found }).collect()
            };
            let title = if post.entry.title.trim().is_empty() {
                vec![Piece { text: std::mem::take(&mut listed.title), found: false }]
            } else {
                pieces(hit.title)
            };
            hits.push(Hit { post: listed, title, snippet: pieces(hit.excerpt) });
        }
        let (url, heading) = (self.config.url("/search"), self.renderer.text(language, "search_heading"));
        let data = data::page(self, &url);
        let head = self.head(url, language, heading, &data);
        let page = |number: u32| {
            let words = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("q", query)
                .append_pair("page", &number.to_string())
                .finish();
            self.config.path(&format!("/search?{words}"))
        };
        let context = SearchContext {
            head,
            query: query.to_owned(),
            found: self.renderer.counted(language, "search_found", found.total),
            hits,
            newer: (number > 1).then(|| page(number - 1)),
            older: (behind + SHOWN < found.total && number < LAST).then(|| page(number + 1)),
        };
        Ok(self.renderer.page_search(&context)?)
    }
}
