//! The program: what was typed, done, and its exit code.

use clap::Parser as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use syndicated::cli::{self, Cli, Out, Setting, Task};
use syndicated::config::Config;
use syndicated::daemon::{self, Daemon, Outside};
use syndicated::demo::{self, Engine};
use syndicated::doctor;
use syndicated::scheduler::Roles;

fn main() -> ExitCode {
    let typed = Cli::parse();
    let (log, Setting { path, environment, clock, chance }) = (typed.log, Setting::of_process(typed.config.clone()));
    let task = typed.task();
    let result = cli::start_log(log, task.usual_filter(), &environment).and_then(|()| {
        tokio::runtime::Runtime::new()?.block_on(async {
            match task {
                Task::Run(roles) => {
                    let load = |path: &_| Ok(Config::load(path, &environment, &chance)?);
                    daemon::run(&path, Outside { clock, chance: chance.clone(), roles }, load).await
                }
                Task::Check(json) => {
                    doctor::check(&path, &environment, (&clock, &chance), json.json, &mut std::io::stdout()).await
                }
                Task::Demo(demo) => {
                    let mut out = Out::standard();
                    // A closed pipe ends the telling, not the demonstration.
                    let say = |line: &str| drop(out.line(line));
                    let start = async |config| {
                        let outside = Outside { clock: clock.clone(), chance: chance.clone(), roles: Roles::ALL };
                        Ok(Real(Daemon::start(config, outside).await?))
                    };
                    demo::run(demo.once, (&clock, &chance), start, say).await
                }
                Task::Command(command) => cli::run(*command, &Setting { path, environment, clock, chance }).await,
            }
        })
    });
    cli::finish(result)
}

/// The real daemon, for the demonstration to drive.
struct Real(Daemon);

impl Engine for Real {
    fn web(&self) -> SocketAddr {
        // The demonstration's daemon takes on all the work, the web included.
        self.0.web.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    async fn poll(&self) -> anyhow::Result<()> {
        self.0.poll_now().await
    }
}
