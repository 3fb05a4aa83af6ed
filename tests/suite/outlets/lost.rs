//! R26: every outlet that can be asked takes each post, loses the answer, and has it once.

use super::double::Fault;
use super::ghost_double::Ghost;
use super::micropub_double::Micropub;
use super::receiver::Receiver;
use super::world::{KEY, World, hook};
use super::{bluesky, bluesky_double, mastodon, mastodon_double, wordpress};
use crate::engines;
use crate::pieces::{entry, text};
use std::iter::repeat_n;
use std::time::Duration;
use syndicated::domain::outlet::State;
use syndicated::domain::post::Entry;

/// So many posts; 200 with `SYNDICATED_TEST_FULL`.
fn many() -> usize {
    if std::env::var_os("SYNDICATED_TEST_FULL").is_some() { 200 } else { 8 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_post_stands_once_at_every_outlet_though_each_answer_was_lost() {
    let many = many();
    for bench in engines::all().await {
        let (program, ghost, site) = (Receiver::receives(KEY).await, Ghost::new().await, Micropub::new().await);
        let (press, toots) = (wordpress::site().await, mastodon_double::Server::instance().await);
        let sky = bluesky_double::Server::pds().await;
        let outlets = [
            hook(&bench, "hook", &program.url("/hook"), ""),
            ghost.outlet(&bench, ""),
            site.outlet(&bench, ""),
            wordpress::outlet(&bench, &press.url("/"), ""),
            mastodon::account(&bench, &toots, ""),
            bluesky::account(&bench, &sky, ""),
        ];
        let world = World::new(&bench, &outlets.concat()).await;
        let entries: Vec<Entry> =
            (0..many).map(|n| entry("blog", &format!("Letter {n}"), &text(n), world.now())).collect();
        for some in entries.chunks(20) {
            assert_eq!(world.poll("essays", some).await.len(), some.len(), "{}", bench.engine);
        }
        program.fails(repeat_n(Fault::TakenAndLost, many));
        toots.fails(repeat_n(Fault::TakenAndLost, many));
        sky.fails(repeat_n(Fault::TakenAndLost, many));
        ghost.with(|ghost| ghost.breaks = many);
        site.with(|site| site.breaks = many);
        press.with(|press| press.breaks = many);
        for _ in 0..6 {
            world.after(Duration::from_mins(20)).await;
        }
        let published = world.stage.store.handed_on(None, None, Some(State::Published), 10_000).await.unwrap();
        assert_eq!(published.len(), 6 * many, "{}", bench.engine);
        let stand = [
            program.posts().len(),
            ghost.posts().len(),
            site.posts().len(),
            press.with(|press| press.posts.len()),
            toots.statuses().len(),
            sky.records().len(),
        ];
        assert_eq!(stand, [many; 6], "{}", bench.engine);
    }
}
