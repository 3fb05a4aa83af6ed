//! The program: what was typed, done, and its exit code.

use clap::Parser as _;
use std::process::ExitCode;
use syndicated::cli::{self, Cli, Setting, Task};
use syndicated::config::Config;
use syndicated::daemon::{self, Outside};
use syndicated::doctor;

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
                Task::Command(command) => cli::run(*command, &Setting { path, environment, clock, chance }).await,
            }
        })
    });
    cli::finish(result)
}
