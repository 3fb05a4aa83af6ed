//! The main job, end to end, as the demonstration runs it.

use std::net::SocketAddr;
use std::time::Duration;
use syndicated::clock::{Chance, Clock};
use syndicated::daemon::{Daemon, Outside};
use syndicated::demo::{self, Engine};

struct Real(Daemon);

impl Engine for &Real {
    fn web(&self) -> SocketAddr {
        self.0.web.unwrap()
    }

    async fn poll(&self) -> anyhow::Result<()> {
        self.0.poll_now().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_post_goes_all_the_way() {
    let mut lines = Vec::new();
    let daemon = std::sync::OnceLock::new();
    let (clock, chance) = (Clock::system(), Chance::seeded(9));
    let run = demo::run(
        true,
        (&clock, &chance),
        async |config| {
            let started = Real(Daemon::start(config, Outside::real()).await?);
            Ok(daemon.get_or_init(|| started))
        },
        |line| lines.push(line.to_owned()),
    );
    let result = tokio::time::timeout(Duration::from_secs(90), run).await.unwrap();
    assert!(result.is_ok(), "{result:?}\n{}", lines.join("\n"));
    assert_eq!(lines.iter().filter(|line| line.starts_with('✓')).count(), 6, "{lines:#?}");
    assert!(daemon.into_inner().unwrap().0.stop().await);
}
