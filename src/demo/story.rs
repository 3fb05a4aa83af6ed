//! What the demonstration does, and what it says of each post.

use super::blog::Blog;
use super::browser::{self, Page};
use super::catcher::{Catcher, Caught};
use super::folder::Folder;
use crate::clock::{Chance, Clock};
use crate::config::{Config, Environment};
use anyhow::{Context as _, bail, ensure};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpListener;

/// The longest that one station may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two posts.
const RHYTHM: Duration = Duration::from_secs(8);
/// How long a mail that must not come is waited for.
const SILENCE: Duration = Duration::from_secs(6);
const READER: &str = "reader@example.org";

/// The real daemon, as the demonstration drives it.
pub trait Engine {
    /// Where its web server listens.
    fn web(&self) -> SocketAddr;
    /// Polls every source now, as `syndicated poll` does.
    fn poll(&self) -> impl Future<Output = anyhow::Result<()>>;
}

/// Runs the demonstration: one post through every station with `once`, else a
/// new post every few seconds until Ctrl-C. `start` starts the daemon; `say`
/// hears what happens, a line at a time.
pub async fn run<E: Engine>(
    once: bool,
    (clock, chance): (&Clock, &Chance),
    start: impl AsyncFnOnce(Config) -> anyhow::Result<E>,
    say: impl FnMut(&str),
) -> anyhow::Result<()> {
    let folder = Folder::make(chance).context("cannot make a folder for temporary files")?;
    tokio::select! {
        told = tell(once, &folder, clock, start, say) => told,
        seen = tokio::signal::ctrl_c() => Ok(seen?),
    }
}

async fn tell<E: Engine>(
    once: bool,
    folder: &Folder,
    clock: &Clock,
    start: impl AsyncFnOnce(Config) -> anyhow::Result<E>,
    mut say: impl FnMut(&str),
) -> anyhow::Result<()> {
    let (blog, catcher) = (Blog::new()?, Catcher::default());
    let blog_at = serve(blog.clone().router()).await?;
    let mails_at = serve(catcher.clone().router()).await?;
    let smtp = TcpListener::bind("127.0.0.1:0").await?;
    let smtp_at = smtp.local_addr()?;
    let mut side = tokio::task::JoinSet::new();
    side.spawn(catcher.clone().serve_smtp(smtp));
    // The daemon must know its own address before it starts, for its links.
    let web_at = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    blog.publish(clock.now());
    let config = configure(&folder.0, blog_at, smtp_at, web_at)?;
    let engine = start(config).await?;
    let demo = Demo { web: engine.web(), blog, catcher };
    say(&format!("The blog        http://{blog_at}/"));
    say(&format!("syndicated      http://{}/", demo.web));
    say(&format!("Caught mails    http://{mails_at}/"));
    say("");
    engine.poll().await?;
    demo.in_feed("/sources/blog.json", "비 오는 날의 시간표").await?;
    say("✓ first poll    the post that was there before stands in the feed and is not mailed");
    demo.subscribe(&mut say).await?;
    loop {
        let unsubscribe = demo.follow_one_post(clock, &engine, &mut say).await?;
        if once {
            demo.leave(&unsubscribe, clock, &engine, &mut say).await?;
            say("");
            say("Every station works.");
            return Ok(());
        }
        tokio::time::sleep(RHYTHM).await;
    }
}

struct Demo {
    web: SocketAddr,
    blog: Blog,
    catcher: Catcher,
}

impl Demo {
    /// The form, the mailed link, the button.
    async fn subscribe(&self, say: &mut impl FnMut(&str)) -> anyhow::Result<()> {
        let page = browser::get(self.web, "/subscribe/letter").await?;
        let token = page.body.split_once("name=\"token\" value=\"").and_then(|(_, rest)| rest.split_once('"'));
        let (token, _) = token.context("the form has no token")?;
        let form = [("email", READER), ("cadence", "instant"), ("token", token), ("website", "")];
        expect(&browser::post(self.web, "/subscribe/letter", &form).await?, 200, "the form")?;
        let letter = self.mail(0).await.context("no confirmation mail came")?;
        let link = link(&letter.plain, "/confirm/").context("the confirmation mail has no link")?;
        expect(&browser::get(self.web, &link).await?, 200, "the confirmation page")?;
        expect(&browser::post(self.web, &link, &[]).await?, 200, "the confirmation")?;
        say(&format!("✓ subscribed    {READER} signed up by the form and confirmed by the mailed link"));
        Ok(())
    }

    /// From the blog to the mailbox. Returns the mail's one-click link.
    async fn follow_one_post(
        &self,
        clock: &Clock,
        engine: &impl Engine,
        say: &mut impl FnMut(&str),
    ) -> anyhow::Result<String> {
        let before = self.catcher.mails().len();
        let title = self.blog.publish(clock.now());
        say("");
        say(&format!("  published     {title}"));
        engine.poll().await?;
        self.in_feed("/sources/blog.json", &title).await?;
        say("✓ noticed       polled and stored");
        for format in ["rss", "atom", "json"] {
            self.in_feed(&format!("/feeds/letter.{format}"), &title).await?;
        }
        say("✓ republished   RSS, Atom and JSON Feed have it");
        let mail = self.mail(before).await.context("no digest came")?;
        ensure!(mail.to == READER, "the digest went to {} instead of {READER}", mail.to);
        ensure!(mail.subject.contains(&title), "the digest's subject is `{}`, without the title", mail.subject);
        ensure!(mail.html.contains(&title) && mail.plain.contains(&title), "the digest does not name the post");
        let link = mail.unsubscribe.as_deref().and_then(|url| link(url, "/u/"));
        let link = link.context("the digest has no List-Unsubscribe link")?;
        say(&format!("✓ mailed        “{}” to {}", mail.subject, mail.to));
        Ok(link)
    }

    /// One click, and the next post is not mailed.
    async fn leave(
        &self,
        link: &str,
        clock: &Clock,
        engine: &impl Engine,
        say: &mut impl FnMut(&str),
    ) -> anyhow::Result<()> {
        let before = self.catcher.mails().len();
        let click = [("List-Unsubscribe", "One-Click")];
        expect(&browser::post(self.web, link, &click).await?, 200, "the one-click unsubscription")?;
        let goodbye = self.mail(before).await.context("no goodbye came")?;
        ensure!(goodbye.plain.contains("/back/"), "the goodbye shows no way back");
        let title = self.blog.publish(clock.now());
        engine.poll().await?;
        self.in_feed("/feeds/letter.rss", &title).await?;
        tokio::time::sleep(SILENCE).await;
        ensure!(self.catcher.mails().len() == before + 1, "a mail came after the reader had left");
        say("");
        say("✓ unsubscribed  one click, and the next post came by feed only");
        Ok(())
    }

    async fn in_feed(&self, path: &str, title: &str) -> anyhow::Result<()> {
        let found = until(async || {
            let page = browser::get(self.web, path).await.ok()?;
            (page.status == 200 && page.body.contains(title)).then_some(())
        });
        found.await.with_context(|| format!("`{title}` did not come into {path}"))
    }

    async fn mail(&self, number: usize) -> Option<Caught> {
        until(async || self.catcher.mails().get(number).cloned()).await
    }
}

/// Looks again until there is something to see, or patience ends.
async fn until<T>(look: impl AsyncFn() -> Option<T>) -> Option<T> {
    let seen = async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, seen).await.ok()
}

fn expect(page: &Page, status: u16, what: &str) -> anyhow::Result<()> {
    if page.status != status {
        bail!("{what} answered {} instead of {status}", page.status);
    }
    Ok(())
}

/// The path of the first link to `page` in a text.
fn link(text: &str, page: &str) -> Option<String> {
    let at = text.find(page)?;
    text.get(at..)?.split(|c: char| c.is_whitespace() || matches!(c, '>' | '"')).next().map(str::to_owned)
}

async fn serve(router: axum::Router) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let at = listener.local_addr()?;
    #[expect(clippy::disallowed_methods, reason = "a server of the demonstration's own, which ends with the process")]
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(at)
}

/// Writes the configuration of a new user, and reads it as the daemon would.
fn configure(folder: &Path, blog: SocketAddr, smtp: SocketAddr, web: SocketAddr) -> anyhow::Result<Config> {
    let data = folder.display();
    let text = format!(
        r#"[site]
title = "syndicated demo"
base_url = "http://{web}"
language = "en"
timezone = "Asia/Seoul"

[database]
url = "sqlite:{data}/syndicated.db"

[http]
listen = "{web}"

[fetch]
allow = ["127.0.0.0/8:*"]

[subscribe]
form_min_age = "0s"

[mail]
from = "syndicated demo <demo@example.com>"
relay = "smtp://{smtp}"

[[source]]
name = "blog"
url = "http://{blog}/"

[[newsletter]]
name = "letter"
title = "Letters from the alley"
sources = ["blog"]
cadences = {{ instant = "instant" }}
settle = "0s"
"#
    );
    let path = folder.join("config.toml");
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Config::load(&path, &Environment::of([]), &Chance::system())?)
}
