//! `post hide|unhide|hold|release|drop|merge|split|acts`: the editor's hand.

use super::{Held, titled, unknown};
use crate::cli::ending::Usage;
use crate::cli::output::Out;
use crate::cli::setting::local;
use crate::cli::{Json, Setting};
use crate::domain::id::PostId;
use crate::domain::post::Post;
use crate::store::{Act, Acted, Store};

/// One act on several posts; the first that it cannot be done with ends it, and those before it are done.
pub(super) async fn posts(ids: &[i64], act: Act, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (_, store) = setting.open().await?;
    for id in ids {
        edit(&store, PostId(*id), act, setting, out).await?;
    }
    Ok(())
}

/// The same with posts that are held.
pub(super) async fn held(which: Held, act: Act, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let Some(source) = which.source else { return posts(&which.ids, act, setting, out).await };
    let (_, store) = setting.open().await?;
    let ids = store.held_posts(&source).await?;
    if ids.is_empty() {
        return Err(Usage(format!(
            "no post of the source {source} is held; see `syndicated post list --standing held`"
        ))
        .into());
    }
    for id in ids {
        edit(&store, id, act, setting, out).await?;
    }
    Ok(())
}

async fn edit(store: &Store, id: PostId, act: Act, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    match store.edit_post(id, act, setting.editor(), setting.clock.now()).await? {
        Acted::Done => {
            let post = store.post(id).await?.ok_or_else(|| unknown(id))?;
            Ok(out.line(format!("{} `{}`: {}", done(act), titled(&post), outcome(act, &post)))?)
        }
        Acted::Idle(why) => Err(Usage(format!("post {id} was left as it is: {why}")).into()),
        Acted::Unknown(id) => Err(unknown(id).into()),
    }
}

fn done(act: Act) -> &'static str {
    match act {
        Act::Hide => "hid",
        Act::Unhide => "showed",
        Act::Hold => "held",
        Act::Release { .. } => "released",
        Act::Drop => "dropped",
        Act::Merge(_) => "merged",
        Act::Split => "split",
    }
}

fn outcome(act: Act, post: &Post) -> String {
    match act {
        Act::Hide => "it stands in no feed, on no page, and is not mailed".to_owned(),
        Act::Release { .. } | Act::Unhide if !post.is_shown() => {
            format!("something else still keeps it back; see `syndicated post show {}`", post.id)
        }
        Act::Unhide => "it stands in the feeds again".to_owned(),
        Act::Hold => format!("it waits for `syndicated post release {}`", post.id),
        Act::Release { mailed: true } => "it stands in the feeds and goes into the next digest".to_owned(),
        Act::Release { mailed: false } => "it stands in the feeds".to_owned(),
        Act::Drop => "it is kept, and never shown".to_owned(),
        Act::Merge(other) => format!("it is one piece with post {other}"),
        Act::Split => "it stands by itself".to_owned(),
    }
}

/// What was done by hand.
pub(super) async fn acts(
    (post, limit): (Option<PostId>, u32),
    json: Json,
    setting: &Setting,
    out: &mut Out,
) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let acts = store.acts(post, limit).await?;
    if json.json {
        return Ok(out.json(&acts)?);
    }
    let rows: Vec<_> = acts
        .into_iter()
        .map(|act| {
            let post = act.post.map(|id| id.to_string()).unwrap_or_default();
            [local(config.site.timezone, act.at), act.editor, act.verb, post, act.detail]
        })
        .collect();
    Ok(out.table(["AT", "EDITOR", "ACT", "POST", "DETAIL"], &rows, "nothing was done by hand")?)
}
