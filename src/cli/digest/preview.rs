//! `digest preview`: the mail that would go out now, to look at.

use super::super::output::Out;
use super::super::{Json, Setting};
use super::{Which, named};
use crate::config::Config;
use crate::domain::digest::token;
use crate::domain::email_address::EmailAddress;
use crate::domain::language::Language;
use crate::domain::picture::{Found, Picture};
use crate::domain::text::escape;
use crate::flow::deliver::sample;
use crate::flow::digest::{Digester, Preview, Sifted};
use crate::net::{Client, Names};
use crate::render::{Rendered, Renderer};
use crate::store::{DigestContent, LeftOut};
use anyhow::Context as _;
use arc_swap::ArcSwap;
use clap::{Args, ValueEnum};
use serde_json::json;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A part of the mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in super::super) enum Part {
    /// What mail programs without HTML show.
    Text,
    /// What the others show.
    Html,
}

/// `digest preview`.
#[derive(Debug, Args)]
pub struct Look {
    #[command(flatten)]
    which: Which,
    /// The part to print.
    #[arg(long, value_enum, default_value = "text")]
    part: Part,
    /// Also what has not settled yet, as `digest send --now` takes it.
    #[arg(long)]
    now: bool,
    /// Write the whole mail, as the relay would get it, into a file (.eml).
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Open it in your browser.
    #[arg(long)]
    open: bool,
    /// Mail it to this address as a test; `syndicated run` sends it.
    #[arg(long, value_name = "ADDRESS")]
    to: Option<EmailAddress>,
    #[command(flatten)]
    json: Json,
}

pub(super) async fn run(look: Look, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let (newsletter, cadence) = named(&config, &look.which)?;
    let live = Arc::new(ArcSwap::from_pointee(config.clone()));
    let renderer = Arc::new(Renderer::with(config.site.templates.as_deref())?);
    let client = Client::new(&config.fetch, &config.site.base_url, Names::system(), setting.clock.clone())?;
    let digester = Digester::new(store.clone(), live, renderer.clone(), setting.clock.clone());
    let digester = digester.with_pictures(client).urgent(look.now);
    let Preview { posts: Sifted { taken, left_out }, mail, pictures } =
        digester.preview(newsletter.as_str(), cadence.as_str()).await?;
    let language =
        config.newsletter(newsletter.as_str()).map_or(config.site.language, |newsletter| newsletter.language);
    let readable = |mail: &Rendered| readable(&config, &renderer, language, mail);
    if look.json.json {
        let left_out: Vec<_> =
            left_out.iter().map(|left| json!({ "post": left.post, "filtered": left.reason.as_str() })).collect();
        let mail = mail.as_ref().map(readable).map(|mail| {
            json!({
                "subject": mail.subject, "posts": taken, "left_out": left_out, "html": mail.html, "plain": mail.plain,
            })
        });
        return Ok(out.json(&mail)?);
    }
    if let Some(mail) = mail {
        let now = setting.clock.now();
        let mut shown = false;
        if let Some(file) = &look.write {
            let to = look.to.as_ref().or(config.site.owner.as_ref()).unwrap_or(&config.mail.from);
            let content = DigestContent {
                newsletter: newsletter.clone(),
                subject: mail.subject.clone(),
                html: mail.html.clone(),
                plain: mail.plain.clone(),
                frozen_at: now,
                resumed: false,
                pictures: pictures.iter().map(|found| found.picture.clone()).collect(),
            };
            // The very bytes of a reader's copy.
            let bytes = sample(&config, &renderer, &content, to).map_err(anyhow::Error::msg)?.bytes;
            std::fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
            out.line(format!("written to {}", file.display()))?;
            shown = true;
        }
        if look.open {
            let name = format!("syndicated-{newsletter}-{cadence}-{}.html", now.millis());
            let file = std::env::temp_dir().join(name);
            open(&file, &with_pictures(readable(&mail).html, &pictures))?;
            out.line(format!("opened {}", file.display()))?;
            shown = true;
        }
        if let Some(to) = &look.to {
            let parts = (mail.subject.as_str(), mail.html.as_str(), mail.plain.as_str());
            store.write_test_mail(to, language, parts, &pictures, now).await?;
            out.line(format!("a test goes to {to} with the next mails of `syndicated run`"))?;
            shown = true;
        }
        if !shown {
            print(&readable(&mail), look.part, out)?;
        }
    } else {
        out.line("nothing would be sent: no new post has settled; `syndicated post show ID` says why of each")?;
    }
    for LeftOut { post, reason } in left_out {
        let title = store.post(post).await?.map(|post| post.entry.title).unwrap_or_default();
        out.line(format!("left out by {reason}: post {post}, {title}"))?;
    }
    Ok(())
}

/// The mail as it may be shown: something stands where only a reader's own copy
/// has anything.
fn readable(config: &Config, renderer: &Renderer, language: Language, mail: &Rendered) -> Rendered {
    let (home, greeting) = (config.url("/"), renderer.greeting(language, None));
    let own = [
        (token::EMAIL, "reader@example.org"),
        (token::UNSUBSCRIBE_URL, &home),
        (token::PREFERENCES_URL, &home),
        (token::GREETING, &greeting),
    ];
    Rendered {
        subject: mail.subject.clone(),
        html: own.iter().fold(mail.html.clone(), |html, (token, value)| html.replace(token, &escape(value))),
        plain: own.iter().fold(mail.plain.clone(), |plain, (token, value)| plain.replace(token, value)),
    }
}

/// A page with the pictures in it that would come with the mail.
fn with_pictures(page: String, pictures: &[Found]) -> String {
    pictures.iter().fold(page, |page, Found { picture: Picture { id, media_type, base64 }, .. }| {
        page.replace(&format!("\"cid:{id}\""), &format!("\"data:{media_type};base64,{base64}\""))
    })
}

/// Shows a page by the desktop's own opener.
fn open(file: &Path, page: &str) -> anyhow::Result<()> {
    // The folder is everybody's: whatever lies there under this name is not ours.
    let written = std::fs::File::create_new(file).and_then(|mut file| file.write_all(page.as_bytes()));
    written.with_context(|| format!("cannot write {}", file.display()))?;
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let told = || format!("no browser was opened; the page is {}", file.display());
    let done = std::process::Command::new(opener).arg(file).status().with_context(told)?;
    anyhow::ensure!(done.success(), told());
    Ok(())
}

fn print(mail: &Rendered, part: Part, out: &mut Out) -> std::io::Result<()> {
    match part {
        Part::Html => out.text(&mail.html)?,
        Part::Text => {
            out.line(format!("Subject: {}", mail.subject))?;
            out.line("")?;
            // A feed's text must not speak to the terminal.
            for line in mail.plain.lines() {
                out.line(line)?;
            }
        }
    }
    Ok(())
}
