//! A program with outlets: posts come, time passes, and what is due is done.

use crate::engines::Bench;
use crate::pieces::{entry, text};
use crate::publishing::renderer;
use crate::stage::{self, Stage, at};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;
use syndicated::clock::Chance;
use syndicated::domain::id::PostId;
use syndicated::domain::outlet::State;
use syndicated::domain::post::Entry;
use syndicated::domain::slug::Slug;
use syndicated::domain::time::Timestamp;
use syndicated::flow::crosspost::Crossposter;
use syndicated::net::{Client, Deadlines, Names};
use syndicated::store::HandedOn;
use tokio_util::sync::CancellationToken;

pub(super) const KEY: &str = "a key that both ends know";

/// A file that only its owner reads, with this in it.
pub(super) fn secret(bench: &Bench, name: &str, text: &str) -> PathBuf {
    let path = bench.folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// An outlet that is a program.
pub(super) fn hook(bench: &Bench, name: &str, url: &str, more: &str) -> String {
    let file = secret(bench, "hook-key", KEY);
    format!(
        "[[outlet]]\nname = \"{name}\"\nkind = \"webhook\"\nurl = \"{url}\"\nsecret_file = \"{}\"\n{more}\n",
        file.display()
    )
}

/// One that is a folder; `posts` below the bench's.
pub(super) fn folder(bench: &Bench, generator: &str, more: &str) -> (PathBuf, String) {
    let path = bench.folder.path().join(format!("{generator}/posts"));
    std::fs::create_dir_all(&path).unwrap();
    let text = format!(
        "[[outlet]]\nname = \"{generator}\"\nkind = \"directory\"\ngenerator = \"{generator}\"\npath = \"{}\"\n{more}\n",
        path.display()
    );
    (path, text)
}

/// The stage's configuration with two more sources, and outlets.
pub(super) fn config(bench: &Bench, outlets: &str) -> String {
    config_by(bench, "maildir:outbox", outlets)
}

/// The same, mails leaving by that relay.
pub(super) fn config_by(bench: &Bench, relay: &str, outlets: &str) -> String {
    let source = |name: &str, more: &str| {
        format!(
            "[[source]]\nname = \"{name}\"\nurl = \"http://127.0.0.1:9/{name}\"\nschedule = \"0 0 1 1 *\"\n{more}\n"
        )
    };
    let text = stage::toml(bench, relay, "{ daily = \"0 7 * * *\" }", "[fetch]\nallow = [\"127.0.0.0/8:*\"]\n");
    format!("{text}\n{}{}{outlets}", source("news", ""), source("mirror", "may_republish = false"))
}

pub(super) struct World {
    pub(super) stage: Stage,
    pub(super) crossposter: Crossposter,
}

impl World {
    pub(super) async fn new(bench: &Bench, outlets: &str) -> Self {
        Self::of(bench, &config(bench, outlets)).await
    }

    /// With this configuration.
    pub(super) async fn of(bench: &Bench, config: &str) -> Self {
        let stage = Stage::new(bench, stage::load(bench, config), at("2026-11-22T00:00:00Z")).await;
        stage.store.sync_outlets(&stage.live.load().outlets, stage.clock.now()).await.unwrap();
        let world = Self { crossposter: Self::crossposter(&stage), stage };
        for source in ["news", "mirror"] {
            world.poll(source, &[]).await;
        }
        world
    }

    pub(super) fn crossposter(stage: &Stage) -> Crossposter {
        let config = stage.live.load_full();
        let short = Duration::from_secs(2);
        let deadlines = Deadlines { lookup: short, connect: short, first_byte: short, grace: short };
        let (store, clock) = (stage.store.clone(), stage.clock.clone());
        let client =
            Client::with_deadlines(&config.fetch, &config.site.base_url, Names::system(), clock.clone(), deadlines);
        Crossposter::new(store, client.unwrap(), clock, Chance::seeded(1), stage.live.clone(), renderer())
    }

    pub(super) fn now(&self) -> Timestamp {
        self.stage.clock.now()
    }

    pub(super) async fn poll(&self, source: &str, entries: &[Entry]) -> Vec<PostId> {
        let admitted = self.stage.brings(source, entries).await;
        self.stage.clock.advance(Duration::from_secs(1));
        [admitted.new, admitted.seeded].concat()
    }

    /// A new post of the first source.
    pub(super) async fn essay(&self, title: &str, number: usize) -> PostId {
        self.poll("essays", &[entry("blog", title, &text(number), self.now())]).await[0]
    }

    /// Time passes, and what is due is done; how many attempts that took.
    pub(super) async fn after(&self, span: Duration) -> usize {
        self.stage.clock.advance(span);
        self.crossposter.gather().await.unwrap();
        self.crossposter.hand_on_due(&CancellationToken::new()).await.unwrap()
    }

    /// What has settled goes out.
    pub(super) async fn settle(&self) -> usize {
        self.after(Duration::from_mins(16)).await
    }

    /// So many new posts of the first source at once.
    pub(super) async fn letters(&self, count: usize) -> Vec<PostId> {
        let entries: Vec<Entry> =
            (0..count).map(|n| entry("blog", &format!("Letter {n}"), &text(n), self.now())).collect();
        self.poll("essays", &entries).await
    }

    /// How many posts outlets have in the end, when there are to be `count`.
    pub(super) async fn published(&self, count: usize) -> usize {
        let mut published = 0;
        for _ in 0..60 {
            self.after(Duration::from_mins(20)).await;
            published = self.stage.store.handed_on(None, None, Some(State::Published), 10_000).await.unwrap().len();
            if published == count {
                break;
            }
        }
        published
    }

    pub(super) async fn row(&self, outlet: &str, post: PostId) -> HandedOn {
        let outlet: Slug = outlet.parse().unwrap();
        self.stage.store.handed_on(Some(&outlet), Some(post), None, 1).await.unwrap().remove(0)
    }

    pub(super) async fn state(&self, outlet: &str, post: PostId) -> State {
        self.row(outlet, post).await.state
    }
}
