//! The fake gateway as a process, for tests of what a parent does: it has exit codes and takes signals.
//!
//! Environment: `OPENCLAW_CONFIG_PATH` as the real one (port and token come from the document); `FAKE_KNOBS`, a file
//! with [`Knobs`] as JSON, which is read again whenever it changes (optional).
//!
//! Exit codes: 0 after SIGTERM or SIGINT, 78 when the document is refused at the start or another one lives on the same
//! `OPENCLAW_STATE_DIR`. SIGUSR2 restarts it in place.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use nix::fcntl::{Flock, FlockArg};
use serde_json::Value;
use support::{Fake, Knobs};
use tokio::signal::unix::{SignalKind, signal};

/// Refused: a document, a migration or a lock.
const REFUSED: u8 = 78;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(live()),
        Err(_) => ExitCode::FAILURE,
    }
}

async fn live() -> ExitCode {
    let document = PathBuf::from(env::var_os("OPENCLAW_CONFIG_PATH").unwrap_or_default());
    let _lock = match lock_state() {
        Ok(lock) => lock,
        Err(words) => return refuse(&words),
    };
    let fake = Fake::start(&document, port(&document), knobs());
    if fake.is_down() {
        return refuse(&format!(
            "Gateway failed to start: Invalid config at {}",
            document.display()
        ));
    }
    say(&format!("[gateway] ready (pid {})", std::process::id()));
    serve(&fake).await
}

async fn serve(fake: &Fake) -> ExitCode {
    let (Ok(mut term), Ok(mut int), Ok(mut usr2)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
        signal(SignalKind::user_defined2()),
    ) else {
        return ExitCode::FAILURE;
    };
    let mut read = knobs_time();
    loop {
        tokio::select! {
            _ = term.recv() => break,
            _ = int.recv() => break,
            _ = usr2.recv() => fake.restart(),
            () = tokio::time::sleep(Duration::from_millis(20)) => {
                let written = knobs_time();
                if written != read {
                    read = written;
                    let fresh = knobs();
                    fake.set(|knobs| {
                        let token = std::mem::take(&mut knobs.token);
                        *knobs = fresh;
                        knobs.token = token;
                    });
                }
            }
        }
    }
    say("[gateway] stopping");
    ExitCode::SUCCESS
}

/// One gateway on one state folder.
fn lock_state() -> Result<Option<Flock<fs::File>>, String> {
    let Some(state) = env::var_os("OPENCLAW_STATE_DIR") else {
        return Ok(None);
    };
    let file = fs::File::create(Path::new(&state).join("gateway.state.lock"))
        .map_err(|why| why.to_string())?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err(_) => Err("another OpenClaw process owns gateway-lifecycle".to_owned()),
    }
}

fn port(document: &Path) -> u16 {
    let text = fs::read_to_string(document).unwrap_or_default();
    let document: Value = json5::from_str(&text).unwrap_or_default();
    document["gateway"]["port"]
        .as_u64()
        .and_then(|port| port.try_into().ok())
        .unwrap_or(18_789)
}

fn knobs() -> Knobs {
    let told = env::var_os("FAKE_KNOBS").and_then(|file| fs::read(file).ok());
    let mut knobs: Knobs = told
        .and_then(|bytes| {
            serde_json::from_slice(&bytes)
                .map_err(|why| say(&format!("knobs: {why}")))
                .ok()
        })
        .unwrap_or_default();
    knobs.resolve_token = true;
    knobs.token.clear();
    knobs
}

fn knobs_time() -> Option<SystemTime> {
    fs::metadata(env::var_os("FAKE_KNOBS")?)
        .ok()?
        .modified()
        .ok()
}

fn refuse(words: &str) -> ExitCode {
    say(words);
    ExitCode::from(REFUSED)
}

#[expect(clippy::print_stderr, reason = "its console")]
fn say(words: &str) {
    eprintln!("{words}");
}
