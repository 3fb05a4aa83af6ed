//! The built program as its own process: the daemon, and commands beside it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// The longest that anything here is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// The program with a configuration file, in that file's folder.
pub(crate) fn command(config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_syndicated"));
    command
        .arg("--config")
        .arg(config)
        .env("SYNDICATED_SECRET_KEY", "0123456789abcdef0123456789abcdef")
        .current_dir(config.parent().unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    command
}

/// The same, started by a shell that prepares it first: `before` ends with what runs it, such as `exec`.
pub(crate) fn command_after(before: &str, config: &Path) -> Command {
    let program = command(config);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("{before} \"$@\""), "sh"])
        .arg(program.as_std().get_program())
        .args(program.as_std().get_args())
        .env("SYNDICATED_SECRET_KEY", "0123456789abcdef0123456789abcdef")
        .stdout(Stdio::null())
        .kill_on_drop(true);
    shell
}

/// A daemon that runs.
pub(crate) struct Program {
    config: PathBuf,
    child: Child,
    /// Where it serves.
    pub(crate) web: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
}

impl Program {
    /// Starts it, and waits until it says that it serves.
    pub(crate) async fn start(config: &Path) -> Self {
        Self::start_as(command(config), config).await
    }

    /// The same by a command of the test's own.
    pub(crate) async fn start_as(mut command: Command, config: &Path) -> Self {
        let mut child = command
            .args(["run", "--log", "plain"])
            .env_remove("SYNDICATED_LOG")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(Vec::new()));
        let serving = async {
            loop {
                let line = lines.next_line().await.unwrap();
                let Some(line) = line else { panic!("it ended: {:?}", log.lock().unwrap()) };
                let web = line.split("serving on ").nth(1).and_then(|rest| rest.trim().parse().ok());
                log.lock().unwrap().push(line);
                if let Some(web) = web {
                    return web;
                }
            }
        };
        let web = tokio::time::timeout(PATIENCE, serving).await;
        let web = web.unwrap_or_else(|_| panic!("it does not serve: {:?}", log.lock().unwrap()));
        let kept = log.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                kept.lock().unwrap().push(line);
            }
        });
        Self { config: config.to_owned(), child, web, log }
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// A command beside it, which must succeed; what it answers.
    pub(crate) async fn command(&self, words: &[&str]) -> String {
        let output = command(&self.config).args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).output();
        let output = tokio::time::timeout(PATIENCE, output).await.unwrap().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Sends it a signal, such as `HUP`.
    pub(crate) async fn signal(&self, name: &str) {
        let process = self.pid().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &process]).status().await.unwrap();
        assert!(sent.success());
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended.unwrap_or_else(|_| panic!("it does not end: {:?}", self.log())).unwrap()
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn terminate(self) -> ExitStatus {
        self.signal("TERM").await;
        self.ended().await
    }
}

/// Looks again until there is something to see; `what` is said when it never comes.
pub(crate) async fn until<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let seen = async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, seen).await.unwrap_or_else(|_| panic!("{what}"))
}
