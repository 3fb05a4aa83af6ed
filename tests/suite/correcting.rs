//! Corrections: every text is kept, slips are no news, and readers who were mailed
//! something that was put right later are told so once.

use crate::engines;
use crate::pieces::{World, entry, text};
use syndicated::config::Reports;
use syndicated::domain::id::{DigestId, PostId};
use syndicated::domain::post::Entry;
use syndicated::flow::digest::Outcome;
use syndicated::store::Cancelled;

impl World {
    /// The plain part of the next digest; `None` when there is none.
    async fn mail(&self) -> Option<String> {
        let digest = self.next_digest().await?;
        Some(self.stage.store.digest_content(digest, 0).await.unwrap().unwrap().plain)
    }

    async fn next_digest(&self) -> Option<DigestId> {
        self.stage.clock.advance(std::time::Duration::from_hours(24));
        let fired = self.stage.digester().fire_due().await.unwrap();
        self.stage.clock.advance(std::time::Duration::from_mins(1));
        fired.into_iter().find_map(|fired| match fired.outcome {
            Outcome::Frozen { digest, .. } => Some(digest),
            _ => None,
        })
    }

    async fn write(&self, entry: &Entry) -> Vec<PostId> {
        self.poll("essays", std::slice::from_ref(entry)).await
    }
}

const HEADING: &str = "Corrected since we mailed it";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_are_told_once_of_what_was_put_right_after_they_had_it() {
    for (told, more) in [(true, "corrections = true\n"), (false, "")] {
        for bench in engines::all().await {
            let world = World::new(&bench, more).await;
            let said = format!("{more:?} on {}", bench.engine);
            let post = |title: &str, number: usize| entry("blog", title, &text(number), world.now());
            let put_right = |title: &str, number: usize, from: &str, to: &str| {
                let html = text(number).replacen(from, to, 1);
                assert_ne!(html, text(number), "{said}");
                entry("blog", title, &html, world.now())
            };
            let id = world.write(&post("First", 1)).await[0];
            world.write(&post("Second", 2)).await;
            assert!(!world.mail().await.unwrap().contains(HEADING), "{said}");

            // What its text says, and a slip of the pen; neither is a digest by itself.
            world.write(&put_right("First", 1, "<p>The ", "<p>In 1974 the ")).await;
            world.write(&put_right("Second", 2, "<p>The ", "<p>Teh ")).await;
            assert_eq!(world.mail().await, None, "{said}");
            // It was never mailed with another text.
            world.write(&post("Third", 3)).await;
            world.write(&put_right("Third", 3, "<p>The ", "<p>In 1980 the ")).await;
            let mail = world.mail().await.unwrap();
            let told_of = mail.split_once(HEADING).map(|(_, rest)| rest);
            assert_eq!(told_of.is_some(), told, "{said}: {mail}");
            if let Some(told_of) = told_of {
                assert!(told_of.contains("- First [") && !told_of.contains("Second"), "{said}: {mail}");
                assert!(!told_of.contains("- Third"), "{said}: {mail}");
            }
            // Once, until it is corrected again.
            world.write(&post("Fourth", 4)).await;
            assert!(!world.mail().await.unwrap().contains(HEADING), "{said}");
            world.write(&put_right("First", 1, "<p>The ", "<p>In 1975 the ")).await;
            world.write(&post("Fifth", 5)).await;
            assert_eq!(world.mail().await.unwrap().contains(HEADING), told, "{said}");

            let versions = world.stage.store.post_versions(id).await.unwrap();
            assert_eq!(versions.len(), 2, "{said}");
            assert!(versions[1].text().starts_with("In 1974 the "), "{said}: {}", versions[1].text());
        }
    }
}

/// What is corrected before it is mailed, or is hidden since, is told of to nobody.
#[tokio::test]
async fn what_nobody_has_or_may_see_is_not_told_of() {
    for bench in engines::all().await {
        let world = World::new(&bench, "corrections = true\n").await;
        let id = world.write(&entry("blog", "First", &text(1), world.now())).await[0];
        assert!(world.mail().await.is_some(), "{}", bench.engine);
        world.write(&entry("blog", "First", &text(2), world.now())).await;
        let hide = syndicated::store::Act::Hide;
        world.stage.store.edit_post(id, hide, "mina", world.now()).await.unwrap();
        world.write(&entry("blog", "Second", &text(3), world.now())).await;
        assert!(!world.mail().await.unwrap().contains(HEADING), "{}", bench.engine);
    }
}

/// A digest that was called off before anybody had it told nobody.
#[tokio::test]
async fn a_digest_that_is_called_off_tells_of_nothing() {
    for bench in engines::all().await {
        let world = World::new(&bench, "corrections = true\n").await;
        world.write(&entry("blog", "First", &text(1), world.now())).await;
        assert!(world.mail().await.is_some(), "{}", bench.engine);
        world.write(&entry("blog", "First", &text(2), world.now())).await;
        world.write(&entry("blog", "Second", &text(3), world.now())).await;
        let digest = world.next_digest().await.unwrap();
        let cancelled = world.stage.store.cancel_digest(digest, &Reports::default(), world.now()).await.unwrap();
        assert_eq!(cancelled, Some(Cancelled::Unsent), "{}", bench.engine);
        assert!(world.mail().await.unwrap().contains(HEADING), "{}", bench.engine);
    }
}
