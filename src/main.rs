//! The program: what was typed, done, and its exit code.

use clap::Parser as _;
use std::process::ExitCode;
use syndicated::cli::{self, Cli, Setting, Task};
use syndicated::doctor;

fn main() -> ExitCode {
    let typed = Cli::parse();
    let (log, setting) = (typed.log, Setting::of_process(typed.config.clone()));
    let task = typed.task();
    let work = async {
        match task {
            Task::Run => Ok(()),
            Task::Check(json) => {
                let Setting { path, environment, clock, chance } = &setting;
                doctor::check(path, environment, (clock, chance), json.json, &mut std::io::stdout()).await
            }
            Task::Demo { .. } => Ok(()),
            Task::Command(command) => cli::run(*command, &setting).await,
        }
    };
    cli::finish(
        cli::start_log(log, "error", &setting.environment)
            .and_then(|()| tokio::runtime::Runtime::new()?.block_on(work)),
    )
}
