//! Why two entries were taken for one post, or not: by what else a post was known
//! again, and what each rule says of two that are stored (`docs/identity.md`).

use super::super::output::Out;
use super::super::{Json, Setting};
use super::{as_json, titled, unknown};
use crate::cli::ending::Usage;
use crate::domain::id::PostId;
use crate::domain::identity::Rule;
use crate::domain::post::Post as Stored;
use crate::domain::source::Identity;
use crate::domain::time::Timestamp;
use crate::store::{Finding, Store};
use serde::Serialize;
use serde_json::json;

/// A post's guid, and those by which it was known again.
#[derive(Debug, Serialize)]
pub(super) struct KnownAs {
    guid: String,
    /// What tells its source's posts apart.
    source: Identity,
    also: Vec<Other>,
    /// Guids that a person said are not its own.
    apart: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Other {
    guid: String,
    url: Option<String>,
    rule: Rule,
    why: &'static str,
    since: Timestamp,
}

impl KnownAs {
    pub(super) async fn of(store: &Store, post: &Stored) -> anyhow::Result<Self> {
        let source = store.source_row(&post.source_name).await?.map(|row| row.identity).unwrap_or_default();
        let (apart, also): (Vec<_>, Vec<_>) = store.aliases(post.id).await?.into_iter().partition(|alias| alias.apart);
        let other = |alias: crate::store::Alias| Other {
            guid: alias.guid,
            url: alias.url.map(|url| url.to_string()),
            rule: alias.rule,
            why: alias.rule.sentence(),
            since: alias.seen_at,
        };
        Ok(Self {
            guid: post.entry.guid.clone(),
            source,
            also: also.into_iter().map(other).collect(),
            apart: apart.into_iter().map(|alias| alias.guid).collect(),
        })
    }

    pub(super) fn facts(&self) -> [(&'static str, String); 2] {
        [("guid", self.guid.clone()), ("identity", in_words(self.source).to_owned())]
    }

    pub(super) fn tell(&self, at: impl Fn(Timestamp) -> String, out: &mut Out) -> std::io::Result<()> {
        for Other { guid, url, rule, why, since } in &self.also {
            let place = url.as_ref().map(|url| format!(" at {url}")).unwrap_or_default();
            out.line(format!(
                "known again as {guid}{place} since {}, by the rule {}: {why}",
                at(*since),
                rule.as_str()
            ))?;
        }
        for guid in &self.apart {
            out.line(format!("never taken for {guid}: a person said that they are two"))?;
        }
        Ok(())
    }
}

/// What tells a source's posts apart, in words.
pub(in crate::cli) fn in_words(identity: Identity) -> &'static str {
    match identity {
        Identity::Guid => "posts are told apart by their guids",
        Identity::Address => "posts are told apart by their addresses, since guids changed or stood for several posts",
    }
}

/// Holds two stored posts against each other.
pub(super) async fn beside(
    id: PostId,
    other: PostId,
    json: Json,
    setting: &Setting,
    out: &mut Out,
) -> anyhow::Result<()> {
    let (_, store) = setting.open().await?;
    let one = store.post(id).await?.ok_or_else(|| unknown(id))?;
    let two = store.post(other).await?.ok_or_else(|| unknown(other))?;
    if one.id == two.id {
        return Err(Usage(format!("{id} is one post; name another beside it")).into());
    }
    let Some(beside) = store.beside(&one, &two).await? else {
        return Err(Usage(format!(
            "post {id} is of the source {}, post {other} of {}: these rules are asked within one source",
            one.source_name, two.source_name
        ))
        .into());
    };
    let verdict = if beside.is_one { "one" } else { "two" };
    if json.json {
        let rules: Vec<_> = beside
            .findings
            .iter()
            .map(|Finding { rule, holds, why }| json!({ "rule": rule, "says": rule.sentence(), "holds": holds, "why": why }))
            .collect();
        return Ok(out.json(&json!({ "posts": [as_json(&one), as_json(&two)], "rules": rules, "verdict": verdict }))?);
    }
    for post in [&one, &two] {
        out.line(format!("{}  {}  {}", post.id, titled(post), post.entry.guid))?;
    }
    out.line("")?;
    for (number, Finding { rule, holds, why }) in beside.findings.iter().enumerate() {
        let answer = if *holds { "yes" } else { "no" };
        out.line(format!("{:>2}. {}: {answer}: {}", number + 1, rule.as_str(), why.join("; ")))?;
    }
    out.line("")?;
    out.line(format!(
        "{verdict}{}",
        if beside.is_one { ": read now, the later would be taken for the earlier" } else { "" }
    ))?;
    Ok(())
}
