//! `template …`: what readers see, and files of one's own in its place.

use super::digest::Part;
use super::ending::{Said, Usage};
use super::output::{Out, count};
use super::{Json, Setting};
use crate::domain::digest::token;
use crate::domain::language::Language;
use crate::render::{Renderer, sample_digest, templates};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::Path;

/// `template …`.
#[derive(Debug, Subcommand)]
pub enum Template {
    /// List the templates, and which are your own.
    List(Json),
    /// Print a template as it is in force: the beginning of one of your own.
    Show {
        /// Its name, such as `mail/digest.html`.
        name: String,
    },
    /// Render every template with samples, and say what is wrong.
    Check,
    /// Print a digest that shows all that one may show.
    Sample(Sample),
}

/// `template sample`.
#[derive(Debug, Args)]
pub struct Sample {
    /// The part to print.
    #[arg(long, value_enum, default_value = "html")]
    part: Part,
    /// Its language.
    #[arg(long, default_value = "en")]
    language: Language,
}

pub(super) fn run(command: &Template, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let config = setting.config()?;
    let folder = config.site.templates.as_deref();
    match command {
        Template::List(json) => {
            let all = templates(folder)?;
            if json.json {
                let all: Vec<_> = all
                    .iter()
                    .map(|template| json!({ "name": template.name, "what": template.what, "own": template.own }))
                    .collect();
                return Ok(out.json(&all)?);
            }
            let rows: Vec<_> = all
                .iter()
                .map(|template| {
                    let own = if template.own { "yours" } else { "" };
                    [template.name.clone(), own.to_owned(), template.what.to_owned()]
                })
                .collect();
            Ok(out.table(["NAME", "", "WHAT"], &rows, "")?)
        }
        Template::Show { name } => {
            let all = templates(folder)?;
            let found = all.iter().find(|template| template.name == *name);
            let found = found
                .ok_or_else(|| Usage(format!("there is no template `{name}`; `syndicated template list` shows all")))?;
            Ok(out.text(&found.text)?)
        }
        Template::Check => check(folder, out),
        Template::Sample(sample) => {
            let context = sample_digest(sample.language).ok_or_else(|| anyhow::anyhow!("there is no sample"))?;
            let renderer = Renderer::with(folder)?;
            let name = if sample.language == Language::Ko { "민들레" } else { "Ada" };
            let greeting = renderer.greeting(sample.language, Some(name));
            let mail = renderer.digest(&context)?;
            let shown = match sample.part {
                Part::Html => mail.html,
                Part::Text => mail.plain,
            };
            let own = [
                (token::GREETING, greeting.as_str()),
                (token::EMAIL, "reader@example.org"),
                (token::UNSUBSCRIBE_URL, "https://news.example.com/u/1.0.abc"),
                (token::PREFERENCES_URL, "https://news.example.com/p/1.0.abc"),
            ];
            Ok(out.text(&own.iter().fold(shown, |text, (token, value)| text.replace(token, value)))?)
        }
    }
}

fn check(folder: Option<&Path>, out: &mut Out) -> anyhow::Result<()> {
    let (faults, lacking) = match Renderer::with(folder) {
        Ok(renderer) => (renderer.trial(), renderer.lacking()),
        Err(faults) => (faults.0, Vec::new()),
    };
    for (language, keys) in lacking {
        out.line(format!("texts/{language}.toml: English stands for {}", keys.join(", ")))?;
    }
    for fault in &faults {
        out.line(fault)?;
    }
    if !faults.is_empty() {
        return Err(Said.into());
    }
    let own = templates(folder)?.iter().filter(|template| template.own).count();
    Ok(out.line(match folder {
        Some(folder) => format!("all is well: {} of {}", count(own, "file", "files"), folder.display()),
        None => "all is well: `templates` in [site] names no folder, so that none is your own".to_owned(),
    })?)
}
