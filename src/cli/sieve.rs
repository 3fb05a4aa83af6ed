//! The filter that `read` is to try: a source's, a newsletter's, or rules on the
//! command line.

use super::Setting;
use super::ending::Usage;
use crate::domain::filter::{Filter, Rule, Verdict};
use crate::domain::post::Entry;
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use clap::Args;

/// `--filter-of NAME`, or `--include RULE` and `--exclude RULE`.
#[derive(Debug, Args)]
pub(super) struct Sieve {
    /// Show what the filter of a source or newsletter makes of each entry.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["include", "exclude"])]
    filter_of: Option<String>,
    /// Show what a filter with this rule would make of each entry; may be repeated. See docs/filters.md.
    #[arg(long, value_name = "RULE")]
    include: Vec<Rule>,
    /// Likewise, of what it would leave out.
    #[arg(long, value_name = "RULE")]
    exclude: Vec<Rule>,
}

impl Sieve {
    /// The filter; `None` when none is asked for.
    pub(super) fn filter(self, setting: &Setting) -> anyhow::Result<Option<Filter>> {
        let Some(named) = self.filter_of else {
            let filter = Filter { include: self.include, exclude: self.exclude };
            return Ok(Some(filter).filter(|filter| !filter.is_empty()));
        };
        let config = setting.config()?;
        let (kind, name) = named.split_once(':').map_or((None, named.as_str()), |(kind, name)| (Some(kind), name));
        let name: Slug = name.parse().map_err(|why| Usage(format!("--filter-of: {why}")))?;
        let source = config.source(&name).filter(|_| kind != Some("newsletter")).map(|source| &source.filter);
        let newsletter =
            config.newsletter(name.as_str()).filter(|_| kind != Some("source")).map(|newsletter| &newsletter.filter);
        match (source, newsletter) {
            (Some(_), Some(_)) => Err(Usage(format!(
                "a source and a newsletter are called `{name}`: write --filter-of source:{name} or newsletter:{name}"
            ))
            .into()),
            (Some(filter), None) | (None, Some(filter)) => Ok(Some(filter.clone())),
            (None, None) => {
                let path = setting.path.display();
                Err(Usage(format!("there is no source and no newsletter `{named}` in {path}")).into())
            }
        }
    }
}

/// What a filter makes of an entry that is seen now for the first time.
pub(super) fn in_words(filter: &Filter, entry: &Entry, language: Option<&str>, now: Timestamp) -> String {
    match filter.judge(entry, language, now) {
        Verdict::Taken(Some(rule)) => format!("kept by `{rule}`"),
        Verdict::Taken(None) => "kept".to_owned(),
        Verdict::LeftOut(reason) => format!("left out by {reason}"),
    }
}
