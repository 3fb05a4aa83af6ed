//! `post …`: what is stored, and what became of each post: why it was mailed or
//! not, to whom, and where that stands.

mod diff;
mod edit;
mod identity;
mod show;

use super::ending::Usage;
use super::output::Out;
use super::setting::local;
use super::{Json, Setting};
use crate::domain::id::PostId;
use crate::domain::post::{Post as Stored, Standing};
use crate::domain::slug::Slug;
use crate::store::{Act, PostFilter};
use clap::{Args, Subcommand};
use serde_json::json;

pub(super) use identity::in_words;

/// `post …`.
#[derive(Debug, Subcommand)]
pub enum Post {
    /// List posts, newest first.
    List(List),
    /// Show a post: why it was or was not mailed, to whom, and where it stands.
    Show {
        /// Its number.
        id: i64,
        /// Hold it against another post of its source: whether they are one, by which rule.
        #[arg(long, value_name = "ID")]
        beside: Option<i64>,
        #[command(flatten)]
        json: Json,
    },
    /// Show what changed in a post, word by word, since it was first stored.
    Diff {
        /// Its number.
        id: i64,
        /// From this version on, as they are numbered here; the one before the present when left out.
        #[arg(long, value_name = "NUMBER")]
        from: Option<u32>,
        #[command(flatten)]
        json: Json,
    },
    /// Take posts out of feeds, pages and mails.
    Hide(Numbers),
    /// Show posts again that were hidden.
    Unhide(Numbers),
    /// Keep posts back before they are mailed.
    Hold(Numbers),
    /// Let out posts that are held, that their source's filter hides or that were taken to be withdrawn.
    Release {
        #[command(flatten)]
        which: Held,
        /// Only let them stand in the feeds: else they are mailed with the next digest.
        #[arg(long)]
        unmailed: bool,
    },
    /// Decide that posts which are held are never shown.
    Drop(Held),
    /// Say that two posts are one piece in two places.
    Merge {
        /// The one.
        one: i64,
        /// The other.
        other: i64,
    },
    /// Say that a post is none of those that it was taken to be one with.
    Split {
        /// Its number.
        id: i64,
    },
    /// List what was done to posts by hand, by whom and when, the latest first.
    Acts {
        /// To this post only.
        #[arg(long, value_name = "ID")]
        post: Option<i64>,
        /// At most so many.
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
        #[command(flatten)]
        json: Json,
    },
}

/// Posts by their numbers.
#[derive(Debug, Args)]
pub struct Numbers {
    /// Their numbers.
    #[arg(required = true, value_name = "ID")]
    ids: Vec<i64>,
}

/// Posts by their numbers, or all that are held of a source.
#[derive(Debug, Args)]
pub struct Held {
    /// Their numbers.
    #[arg(required_unless_present = "source", conflicts_with = "source", value_name = "ID")]
    ids: Vec<i64>,
    /// All that are held of this source.
    #[arg(long, value_name = "NAME")]
    source: Option<Slug>,
}

/// `post list`.
#[derive(Debug, Args)]
pub struct List {
    /// Of this source only.
    #[arg(long, value_name = "NAME")]
    source: Option<Slug>,
    /// Only those that are `live`, `seed` or `held`.
    #[arg(long)]
    standing: Option<Standing>,
    /// Only those that their source's filter hides.
    #[arg(long)]
    filtered: bool,
    /// Only those that a person hid.
    #[arg(long)]
    hidden: bool,
    /// Only those that were withdrawn where they stood.
    #[arg(long)]
    retracted: bool,
    /// At most so many.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    #[command(flatten)]
    json: Json,
}

pub(super) async fn run(command: Post, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    match command {
        Post::List(list) => self::list(list, setting, out).await,
        Post::Show { id, beside: Some(other), json } => {
            identity::beside(PostId(id), PostId(other), json, setting, out).await
        }
        Post::Show { id, beside: None, json } => show::show(PostId(id), json, setting, out).await,
        Post::Diff { id, from, json } => diff::diff(PostId(id), from, json, setting, out).await,
        Post::Hide(which) => edit::posts(&which.ids, Act::Hide, setting, out).await,
        Post::Unhide(which) => edit::posts(&which.ids, Act::Unhide, setting, out).await,
        Post::Hold(which) => edit::posts(&which.ids, Act::Hold, setting, out).await,
        Post::Release { which, unmailed } => edit::held(which, Act::Release { mailed: !unmailed }, setting, out).await,
        Post::Drop(which) => edit::held(which, Act::Drop, setting, out).await,
        Post::Merge { one, other } => edit::posts(&[one], Act::Merge(PostId(other)), setting, out).await,
        Post::Split { id } => edit::posts(&[id], Act::Split, setting, out).await,
        Post::Acts { post, limit, json } => edit::acts((post.map(PostId), limit), json, setting, out).await,
    }
}

async fn list(list: List, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let filter = PostFilter {
        source: list.source,
        standing: list.standing,
        filtered: list.filtered,
        hidden: list.hidden,
        retracted: list.retracted,
        limit: list.limit,
    };
    let posts = store.post_list(&filter).await?;
    if list.json.json {
        return Ok(out.json(&posts.iter().map(as_json).collect::<Vec<_>>())?);
    }
    let rows: Vec<_> = posts
        .iter()
        .map(|post| {
            [
                post.id.to_string(),
                local(config.site.timezone, post.date()),
                post.source_name.to_string(),
                standing(post).to_owned(),
                titled(post),
            ]
        })
        .collect();
    Ok(out.table(["ID", "DATE", "SOURCE", "STANDING", "TITLE"], &rows, "no posts are stored")?)
}

fn as_json(post: &Stored) -> serde_json::Value {
    json!({
        "id": post.id, "source": post.source_name, "title": post.entry.title, "url": post.entry.url,
        "authors": post.entry.authors, "date": post.date(), "published": post.entry.published,
        "first_seen": post.first_seen, "changed": post.changed, "standing": post.standing,
        "held_for": post.held_for, "filtered": post.filtered_by, "hidden": post.hidden, "retracted": post.retracted,
        "language": post.spoken_language(), "minutes": post.minutes(), "also_at": post.also_at(),
    })
}

fn titled(post: &Stored) -> String {
    if post.entry.title.is_empty() { "(no title)".to_owned() } else { post.entry.title.clone() }
}

fn unknown(id: PostId) -> Usage {
    Usage(format!("there is no post {id}; see `syndicated post list`"))
}

/// Where it stands, in one word.
fn standing(post: &Stored) -> &'static str {
    match (post.retracted, post.hidden, &post.filtered_by) {
        (Some(_), ..) => "retracted",
        (None, true, _) => "hidden",
        (None, false, Some(_)) => "filtered",
        (None, false, None) => post.standing.as_str(),
    }
}
