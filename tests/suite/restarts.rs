//! R10: PostgreSQL restarted in mid-send, again and again. Nobody is left out,
//! and mails go again soon after each restart.
//!
//! The server is one of the test's own, from the programs that `./test` installs;
//! without them the test is skipped.

use crate::engines::Bench;
use crate::sink::{Act, Phase, Sink};
use crate::stage::{self, Stage};
use std::collections::HashSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use syndicated::clock::{Chance, Clock};
use syndicated::config::{Database, Relay, Secret};
use syndicated::domain::digest::DigestState;
use syndicated::flow::deliver::Deliverer;
use syndicated::flow::digest::Outcome;
use syndicated::lifecycle::Stop;
use syndicated::mail::Deadlines;
use syndicated::render::Renderer;
use tempfile::TempDir;
use tokio::sync::Semaphore;

/// How soon mails must go again.
const SOON: Duration = Duration::from_secs(10);

fn restarts() -> usize {
    if std::env::var_os("SYNDICATED_TEST_FULL").is_some() { 20 } else { 2 }
}

/// A server that can be restarted.
struct Server {
    programs: PathBuf,
    /// Goes last: the server lives in it.
    place: TempDir,
    port: u16,
}

impl Server {
    /// Makes one, when the machine has the programs.
    fn start() -> Option<Self> {
        let mut found: Vec<_> = glob("/usr/lib/postgresql").collect();
        found.sort();
        let programs = found.pop()?.join("bin");
        let port = std::net::TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let server = Self { programs, place: tempfile::tempdir().ok()?, port };
        if is_root() {
            // PostgreSQL does not run as root; its folder must be its own.
            let ours = Command::new("chown").arg("postgres").arg(server.place.path()).status().ok()?;
            if !ours.success() {
                return None;
            }
        }
        let data = server.data();
        server.run("initdb", &["-D", &data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]);
        let settings = format!(
            "port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 50\n"
        );
        let file = server.place.path().join("data/postgresql.conf");
        let kept = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, kept + &settings).unwrap();
        server.control("start");
        Some(server)
    }

    fn data(&self) -> String {
        self.place.path().join("data").display().to_string()
    }

    fn control(&self, what: &str) {
        let (data, log) = (self.data(), self.place.path().join("log").display().to_string());
        self.run("pg_ctl", &["-D", &data, "-l", &log, "-m", "fast", "-w", what]);
    }

    fn run(&self, program: &str, words: &[&str]) {
        let program = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(&program);
            command
        } else {
            Command::new(&program)
        };
        let done = command.args(words).current_dir("/").stdout(std::process::Stdio::null()).status().unwrap();
        assert!(done.success(), "{} {words:?}", program.display());
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.control("stop");
        } else if let Ok(id) = std::fs::read_to_string(self.place.path().join("data/postmaster.pid")) {
            // Its first line is the process.
            let _ = Command::new("kill").args(id.lines().next()).status();
        }
    }
}

fn glob(folder: &str) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_restarts_in_mid_send_leaves_nobody_out() {
    let Some(server) = tokio::task::spawn_blocking(Server::start).await.unwrap() else {
        println!("skipped: there is no PostgreSQL to start");
        return;
    };
    let server = Arc::new(server);
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench { place: Database::Postgres(Secret::new(server.url())), engine: "postgres", folder };
    let sink = Sink::start();
    let Relay::Smtp { port, .. } = sink.relay() else { panic!() };
    let relay = format!("smtp://127.0.0.1:{port}");
    let config = stage::config(&bench, &relay, "{ daily = \"0 7 * * *\" }", "connections = 4");
    let stage = Stage::new(&bench, config, Clock::system().now()).await;
    let readers = restarts() * 100;
    stage.readers(readers, "daily").await;
    stage.admit(&["하나"]).await;
    let fired = stage.digester().send_now("letter", "daily").await.unwrap();
    let Outcome::Frozen { digest, .. } = fired.outcome else { panic!("{fired:?}") };

    // The relay takes a mail only when it is let: so the restarts come in mid-digest.
    let gate = Arc::new(Semaphore::new(0));
    sink.always(Phase::Dot, Act::Wait(gate.clone()));
    let deliverer = Deliverer::new(
        stage.store.clone(),
        stage.live.clone(),
        Arc::new(Renderer::new().unwrap()),
        Clock::system(),
        Chance::seeded(10),
        "test".to_owned(),
    )
    .with_deadlines(Deadlines::default());
    let stop = Stop::new();
    let running = tokio::spawn({
        let (deliverer, stop) = (deliverer.clone(), stop.clone());
        async move { deliverer.run(&stop).await }
    });
    let mut slowest = Duration::ZERO;
    for round in 0..restarts() {
        gate.add_permits(20);
        sink.until(|ledger| ledger.len() >= round * 40 + 20).await;
        // Some of these come back while the server is away.
        gate.add_permits(4);
        let restarting = server.clone();
        tokio::task::spawn_blocking(move || restarting.control("restart")).await.unwrap();
        let (back, before) = (Instant::now(), sink.ledger().len());
        gate.add_permits(16);
        // Beyond those that were in hand when it went.
        sink.until(|ledger| ledger.len() > before.max(round * 40 + 24) + 4).await;
        slowest = slowest.max(back.elapsed());
        assert!(back.elapsed() < SOON, "round {round}: mails go again after {:?}", back.elapsed());
        sink.until(|ledger| ledger.len() >= round * 40 + 40).await;
        // The equation holds at every moment, and nothing counts as sent that the relay does not have.
        let balance = stage.store.balance(digest).await.unwrap();
        assert_eq!(
            (balance.recipients, balance.sent + balance.open()),
            (readers as u64, readers as u64),
            "{balance:?}"
        );
        assert!(balance.sent <= sink.reached().len() as u64, "round {round}: {balance:?}");
    }
    gate.add_permits(Semaphore::MAX_PERMITS / 2);
    stop.stop_softly();
    running.await.unwrap();
    // What a lost answer to COMMIT left in doubt is settled as after a restart.
    deliverer.recover().await.unwrap();
    deliverer.drain().await.unwrap();
    let balance = stage.store.balance(digest).await.unwrap();
    assert_eq!(
        (balance.sent, balance.recipients, balance.is_closed()),
        (readers as u64, readers as u64, true),
        "{balance:?}"
    );
    assert_eq!(stage.store.digest(digest).await.unwrap().unwrap().state, DigestState::Done);
    let taken = sink.taken();
    let has: HashSet<&str> = taken.iter().map(|mail| mail.to.as_str()).collect();
    assert_eq!(has.len(), readers, "nobody is left out");
    let copies = taken.len();
    println!(
        "{} restarts: 0 of {readers} missing, {} twice, sending again within {slowest:?}",
        restarts(),
        copies - readers
    );
    drop(stage);
    tokio::task::spawn_blocking(move || drop(server)).await.unwrap();
}
