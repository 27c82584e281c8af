//! Supervises one command: `supervise DIR [--uid U --gid G] [--read-only D]... -- COMMAND...`.
//!
//! The spool is `DIR/console`, the record `DIR/child.json`. SIGTERM drains, a second one hurries,
//! SIGUSR2 is passed on. Each new state is one line on stderr.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use supervisor::confine::{self, Confine};
use supervisor::{Command, Settings, Signal, Supervisor};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let first = words.next().unwrap_or_default();
    if first == "confine" {
        return ExitCode::from(confine::enter(words));
    }
    let outcome = read(PathBuf::from(first), words).and_then(|settings| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        runtime.block_on(supervise(settings))
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            let _ = writeln!(std::io::stderr(), "supervise: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn read(dir: PathBuf, words: impl Iterator<Item = OsString>) -> Result<Settings, String> {
    let confine = Confine::from_arguments(words).map_err(|error| error.to_string())?;
    let mut settings = Settings::new(confine.command, dir.join("child.json"), dir.join("console"));
    settings.run_as = confine.run_as;
    settings.read_only = confine.read_only;
    settings.console.echo = true;
    Ok(settings)
}

async fn supervise(settings: Settings) -> Result<(), String> {
    let supervisor = Supervisor::new(settings);
    let mut status = supervisor.handle().status();
    let (send, commands) = mpsc::channel(8);
    let mut life = Box::pin(supervisor.run(commands));
    let listen = |kind| signal(kind).map_err(|error| error.to_string());
    let mut terminate = listen(SignalKind::terminate())?;
    let mut user2 = listen(SignalKind::user_defined2())?;
    let mut draining = false;
    let _ = send.send(Command::Start).await;
    loop {
        let command = tokio::select! {
            outcome = &mut life => return outcome.map_err(|error| error.to_string()),
            _ = status.changed() => {
                let now = status.borrow_and_update().clone();
                let (how, killer) = now.last_exit.map(|exit| (exit.how, exit.killer)).unzip();
                let _ = writeln!(
                    std::io::stderr(),
                    "{:?}, last exit: {how:?} by {:?}",
                    now.state,
                    killer.flatten()
                );
                continue;
            }
            _ = terminate.recv() => match std::mem::replace(&mut draining, true) {
                false => Command::Drain,
                true => Command::Hurry,
            },
            _ = user2.recv() => Command::Signal(Signal::User2),
        };
        let _ = send.send(command).await;
    }
}
