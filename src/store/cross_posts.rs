//! Whether a post that arrived stands at another source already: the evidence across
//! sources, in its order (docs/identity.md).
//!
//! Each lookup goes by an index and is bounded; what somebody claims (an address, an
//! original, another place) counts only where title or text do not speak against it, so
//! that a stranger's feed takes nobody's place by naming it.

use super::admit::Arriving;
use super::many::Padded;
use super::pieces::tie;
use super::shingles::{Keyed, MOST, sharing, write_keys};
use super::{StoreError, Tx, each};
use crate::domain::html::CleanHtml;
use crate::domain::id::{PostId, SourceId};
use crate::domain::likeness::{Likeness, Text};
use crate::domain::piece::Tie;
use crate::domain::post::Entry;
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use crate::domain::url_key::url_key;
use sqlx::AssertSqlSafe;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// Somebody's claim that two texts are one is believed when this share of the shorter one stands in the longer one.
const BELIEVED: f64 = 0.3;
/// Posts of one title and author are one when they are dated no further apart.
const NEAR: Duration = Duration::from_hours(72);

/// So many posts are looked for together: each statement is a trip to the database and back, and their texts are held
/// meanwhile.
const TOGETHER: usize = 16;

/// Looks for the pieces of posts that were stored or changed, and writes down what will find them later.
pub(super) async fn find_pieces(
    tx: &mut Tx,
    source: SourceId,
    posts: &[(PostId, &Arriving)],
    now: Timestamp,
) -> Result<(), StoreError> {
    for some in posts.chunks(TOGETHER) {
        let some: Vec<Looked<'_>> = some.iter().map(|(id, arriving)| Looked::new(*id, arriving)).collect();
        let standing = standing_at(tx, source, &some).await?;
        let keyed: Vec<Keyed<'_>> = some.iter().map(|post| Keyed::new(post.id, &post.text)).collect();
        let mut sharing = sharing(tx, &keyed).await?;
        let mut suspects: Vec<Suspect<'_>> = Vec::new();
        for post in &some {
            suspects.extend(post.suspects(&standing, sharing.remove(&post.id).unwrap_or_default()));
        }
        for some in suspects.chunks(TOGETHER) {
            judge_all(tx, source, some, now).await?;
        }
        write_places(tx, &some).await?;
        write_keys(tx, &keyed).await?;
    }
    Ok(())
}

/// A post that is looked for.
struct Looked<'a> {
    id: PostId,
    entry: &'a Entry,
    claims: Claims,
    text: Text,
}

impl<'a> Looked<'a> {
    fn new(id: PostId, arriving: &'a Arriving) -> Self {
        let entry = &arriving.entry;
        let text = Text::new(&entry.title, text_of(entry).unwrap_or(&CleanHtml::default()));
        Self { id, entry, claims: Claims::of(arriving), text }
    }

    /// What stands where this one says, and what is `like` it.
    fn suspects(&self, standing: &Standing, like: Vec<PostId>) -> Vec<Suspect<'_>> {
        let mut found: BTreeMap<i64, Tie> = BTreeMap::new();
        let by_text = like.into_iter().map(|other| (other.0, Tie::Text));
        for (other, tie) in self.claims.claimed(standing).chain(by_text) {
            let known = found.entry(other).or_insert(tie);
            *known = tie.min(*known);
        }
        found.into_iter().map(|(other, claim)| Suspect { post: self, other, claim }).collect()
    }
}

/// A post that may be the same as one that is looked for, and what speaks for it.
struct Suspect<'a> {
    post: &'a Looked<'a>,
    other: i64,
    claim: Tie,
}

/// Ties the posts that are the same.
async fn judge_all(tx: &mut Tx, source: SourceId, suspects: &[Suspect<'_>], now: Timestamp) -> Result<(), StoreError> {
    let others: BTreeSet<i64> = suspects.iter().map(|suspect| suspect.other).collect();
    let candidates = candidates(tx, source, &others.into_iter().collect::<Vec<_>>()).await?;
    for Suspect { post, other, claim } in suspects {
        if let Some(candidate) = candidates.get(other)
            && let Some((rule, evidence)) = judge(*claim, post.entry, &post.text, candidate)
        {
            tie(tx, (post.id, PostId(*other)), (rule, &evidence), now).await?;
        }
    }
    Ok(())
}

/// What a post says of where else it stands.
struct Claims {
    own: Option<String>,
    places: BTreeMap<String, Tie>,
}

impl Claims {
    fn of(arriving: &Arriving) -> Self {
        let own = arriving.url_key.clone().filter(|key| is_page(key));
        let page = |url: &HttpUrl| Some(url_key(url)).filter(|key| is_page(key) && Some(key) != own.as_ref());
        let entry = &arriving.entry;
        let mut places: BTreeMap<String, Tie> = BTreeMap::new();
        let also_at = entry.also_at.iter().filter_map(|place| page(place.url.as_ref()?));
        places.extend(also_at.map(|key| (key, Tie::AlsoAt)));
        places.extend(entry.original.as_ref().and_then(page).map(|key| (key, Tie::Original)));
        Self { own, places }
    }

    /// Posts that stand where this one says, or that say that they stand where this one does.
    fn claimed<'s>(&'s self, standing: &'s Standing) -> impl Iterator<Item = (i64, Tie)> + 's {
        let own = self.own.iter().map(|key| (key, Tie::Address));
        let keys = own.chain(self.places.iter().map(|(key, tie)| (key, *tie)));
        keys.flat_map(|(key, tie)| {
            let there = standing.get(key).into_iter().flatten();
            there.map(move |(id, theirs)| match (tie, theirs) {
                (Tie::Address, theirs) => (*id, *theirs),
                (tie, Tie::Address | Tie::Outlet) => (*id, tie),
                (Tie::Original, Tie::Original) => (*id, Tie::Original),
                // Both stand at a third place, or one of them does: many a post links to where its author writes too.
                _ => (*id, Tie::Text),
            })
        })
    }
}

/// Which posts stand at an address ([`Tie::Address`]), or say so.
type Standing = HashMap<String, Vec<(i64, Tie)>>;

/// Where posts of other sources stand, of all places that these name.
async fn standing_at(tx: &mut Tx, source: SourceId, posts: &[Looked<'_>]) -> Result<Standing, StoreError> {
    let mut keys = BTreeSet::new();
    for post in posts {
        keys.extend(post.claims.own.iter().chain(post.claims.places.keys()));
    }
    let keys: Vec<&String> = keys.into_iter().collect();
    let mut standing = Standing::new();
    let Some(keys) = Padded::of(&keys) else { return Ok(standing) };
    let places = keys.places(2);
    // More stand at an address only where that is no post's.
    let most = keys.len() * MOST;
    let sql = format!(
        "SELECT url_key, id, 'address' FROM post WHERE url_key IN ({places}) AND source_id <> $1
         UNION ALL SELECT url_key, post_id, 'outlet' FROM outlet_post WHERE url_key IN ({places})
         UNION ALL SELECT url_key, post_id, rule FROM post_place WHERE url_key IN ({places}) LIMIT {most}"
    );
    let rows: Vec<(String, i64, String)> = each!(tx, |db| {
        let mut query = sqlx::query_as(AssertSqlSafe(sql)).bind(source.0);
        for key in keys {
            query = query.bind(key.as_str());
        }
        query.fetch_all(&mut **db).await
    })?;
    for (key, id, rule) in rows {
        standing.entry(key).or_default().push((id, rule.parse().map_err(StoreError::Corrupt)?));
    }
    Ok(standing)
}

/// Writes where posts say that they stand, in the place of what they said before.
async fn write_places(tx: &mut Tx, posts: &[Looked<'_>]) -> Result<(), StoreError> {
    let ids: Vec<i64> = posts.iter().map(|post| post.id.0).collect();
    let Some(ids) = Padded::of(&ids) else { return Ok(()) };
    let sql = format!("DELETE FROM post_place WHERE post_id IN ({})", ids.places(1));
    each!(&mut *tx, |db| {
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for id in ids {
            query = query.bind(id);
        }
        query.execute(&mut **db).await.map(drop)
    })?;
    for post in posts {
        for (key, tie) in &post.claims.places {
            each!(&mut *tx, |db| {
                sqlx::query("INSERT INTO post_place (url_key, post_id, rule) VALUES ($1, $2, $3)")
                    .bind(key)
                    .bind(post.id.0)
                    .bind(tie.as_str())
                    .execute(&mut **db)
                    .await
                    .map(drop)
            })?;
        }
    }
    Ok(())
}

/// Whether an address can be one post's: a front page is many posts'.
fn is_page(key: &str) -> bool {
    key.split_once('/').is_some_and(|(_, path)| !path.is_empty())
}

/// A post of another source.
#[derive(sqlx::FromRow)]
struct Candidate {
    id: i64,
    title: String,
    authors: String,
    dated_at: i64,
    published_at: Option<i64>,
    source_name: String,
    summary: Option<String>,
    content: Option<String>,
    /// Whether it was handed to the outlet that this source is.
    handed_here: bool,
}

/// Those of these posts that are other sources'.
async fn candidates(tx: &mut Tx, source: SourceId, ids: &[i64]) -> Result<HashMap<i64, Candidate>, StoreError> {
    let Some(ids) = Padded::of(ids) else { return Ok(HashMap::new()) };
    let sql = format!(
        "SELECT p.id, p.title, p.authors, p.dated_at, p.published_at, s.name AS source_name, p.summary, p.content,
                EXISTS (SELECT 1 FROM outlet_post o JOIN outlet t ON t.name = o.outlet
                        JOIN source own ON own.name = t.source
                        WHERE o.post_id = p.id AND own.id = $1
                          AND o.state IN ('attempting', 'published', 'unknown')) AS handed_here
         FROM post p JOIN source s ON s.id = p.source_id WHERE p.id IN ({}) AND p.source_id <> $1",
        ids.places(2)
    );
    let rows: Vec<Candidate> = each!(tx, |db| {
        let mut query = sqlx::query_as(AssertSqlSafe(sql)).bind(source.0);
        for id in ids {
            query = query.bind(id);
        }
        query.fetch_all(&mut **db).await
    })?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// Whether a claim, or what was found by shingles and titles, stands before both posts; and in which words.
fn judge(claim: Tie, entry: &Entry, own: &Text, candidate: &Candidate) -> Option<(Tie, String)> {
    let html = candidate.content.clone().or_else(|| candidate.summary.clone()).map(CleanHtml::from_store);
    let likeness = own.compare(&Text::new(&candidate.title, &html.unwrap_or_default()));
    let shared = if likeness.is_judged() {
        format!("{:.0} % of the shorter text stands in the longer one", likeness.containment * 100.0)
    } else {
        "there is too little text to compare".to_owned()
    };
    let of = &candidate.source_name;
    match claim {
        Tie::Editor => None,
        // It may be no more than a link; that it was put there is known from whoever did it.
        Tie::Outlet => Some((claim, "the other was published there by this program".to_owned())),
        // Two who comment on a page may both link to it.
        Tie::Address if is_believable(&likeness) && (likeness.is_judged() || likeness.is_titled_alike) => {
            Some((claim, format!("both stand at one address; {shared}")))
        }
        Tie::Original if is_believable(&likeness) => Some((
            claim,
            format!("one says that the other's page, or one that the other names too, is the original; {shared}"),
        )),
        Tie::AlsoAt if is_believable(&likeness) => {
            Some((claim, format!("one says that it also stands where the other does ({of}); {shared}")))
        }
        _ if candidate.handed_here && likeness.is_titled_alike && is_believable(&likeness) => Some((
            Tie::Outlet,
            format!("the other was handed to the outlet that this source is, by this title; {shared}"),
        )),
        _ if likeness.is_same_text() => Some((Tie::Text, shared)),
        _ if !likeness.is_judged()
            && likeness.is_titled_alike
            && same_author(entry, candidate)
            && near(entry, candidate) =>
        {
            Some((Tie::Author, format!("title and author are the same, and the dates near; {shared}")))
        }
        _ => None,
    }
}

/// Nothing speaks against a claim.
fn is_believable(likeness: &Likeness) -> bool {
    !likeness.is_judged() || likeness.is_same_text() || likeness.containment >= BELIEVED
}

fn same_author(entry: &Entry, candidate: &Candidate) -> bool {
    let theirs: Vec<String> = serde_json::from_str(&candidate.authors).unwrap_or_default();
    let folded = |name: &String| name.trim().to_lowercase();
    entry.authors.iter().map(folded).any(|name| theirs.iter().map(folded).any(|other| other == name))
}

fn near(entry: &Entry, candidate: &Candidate) -> bool {
    let (Some(one), Some(other)) = (entry.published, candidate.published_at) else { return false };
    let other = Timestamp::from_millis(other.max(candidate.dated_at));
    one.since(other).max(other.since(one)) <= NEAR
}

fn text_of(entry: &Entry) -> Option<&CleanHtml> {
    entry.content.as_ref().or(entry.summary.as_ref())
}
