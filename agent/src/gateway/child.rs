//! The gateway as our child: when it starts, how it ended, how it is brought back.

use std::time::Duration;

use supervisor::{Command, How, Signal, State, Status};
use tokio::sync::{mpsc, watch};

use super::said::{Refusal, refusal};

/// How long a gateway that is asked to end may take before it is killed, when it is dead anyway.
const BUDGET: Duration = Duration::from_secs(20);

/// A handle on the child.
#[derive(Clone, Debug)]
pub struct Child {
    commands: mpsc::Sender<Command>,
    status: watch::Receiver<Status>,
    drain: Duration,
}

/// An end of the child that says something about the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It said that the document is the reason.
    Refused(String),
    /// It failed by itself.
    Crashed(String),
    /// Something else ended it, or it ended in good order.
    Otherwise,
}

impl Child {
    /// A handle on a supervised child, which may drain for so long.
    pub fn new(
        commands: mpsc::Sender<Command>,
        status: watch::Receiver<Status>,
        drain: Duration,
    ) -> Self {
        Self {
            commands,
            status,
            drain,
        }
    }

    /// Lets it run, now.
    pub fn start(&self) {
        let _ = self.commands.try_send(Command::Start);
    }

    /// Asks a running gateway to start anew inside its process.
    pub fn restart_inside(&self) {
        let _ = self.commands.try_send(Command::Signal(Signal::User2));
    }

    /// Ends the process and starts another.
    pub fn restart(&self, why: &str) {
        let _ = self.commands.try_send(Command::Restart {
            why: why.to_owned(),
            budget: BUDGET,
        });
    }

    /// Ends the process: SIGTERM, and SIGKILL when the time that it may drain is over. Another one is started.
    pub fn end(&self, why: &str) {
        let _ = self.commands.try_send(Command::Restart {
            why: why.to_owned(),
            budget: self.drain,
        });
    }

    /// Whether its supervisor has ended, and with it the last child.
    pub fn is_gone(&self) -> bool {
        self.commands.is_closed()
    }

    /// How often it has ended.
    pub fn exits(&self) -> u64 {
        self.status.borrow().exits
    }

    /// Whether a process is there.
    pub fn is_running(&self) -> bool {
        matches!(self.status.borrow().state, State::Running { .. })
    }

    /// What its last end says.
    pub fn ended(&self) -> Ended {
        let status = self.status.borrow();
        let Some(exit) = status.last_exit.as_ref().filter(|exit| !exit.asked) else {
            return Ended::Otherwise;
        };
        match &exit.how {
            How::Code(78) => match refusal(&exit.console_tail) {
                Refusal::Document => Ended::Refused(last_words(&exit.console_tail)),
                Refusal::Lock => Ended::Otherwise,
                Refusal::Other => crashed(78, &exit.console_tail),
            },
            // 126 and 127: the command could not be executed, so it has not read the document.
            How::Code(0 | 126 | 127) => Ended::Otherwise,
            How::Code(code) => crashed(*code, &exit.console_tail),
            How::Signal(_) | How::Unknown | How::NotStarted { .. } => Ended::Otherwise,
        }
    }

    /// A view for which only what happens from now on is news.
    pub fn watching(&self) -> Self {
        let mut child = self.clone();
        child.status.mark_unchanged();
        child
    }

    /// Lasts until something about it changes.
    pub async fn changed(&mut self) {
        if self.status.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What is known of it.
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }
}

fn crashed(code: i32, console: &str) -> Ended {
    let words = last_words(console);
    let colon = if words.is_empty() { "" } else { ": " };
    Ended::Crashed(format!("exit code {code}{colon}{words}"))
}

/// The line in which a dying gateway says why, bounded and without control characters.
fn last_words(console: &str) -> String {
    const SHOWN: usize = 300;
    let telling = |line: &&str| {
        [
            "Invalid config",
            "failed to start",
            "start blocked",
            "startup failed",
            "Error",
        ]
        .iter()
        .any(|word| line.contains(word))
    };
    let line = console
        .lines()
        .find(telling)
        .or_else(|| console.lines().last())
        .unwrap_or_default();
    let message = serde_json::from_str::<serde_json::Value>(line)
        .ok()
        .and_then(|json| Some(json["message"].as_str()?.to_owned()));
    message
        .as_deref()
        .unwrap_or(line)
        .chars()
        .filter(|c| !c.is_control())
        .take(SHOWN)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn after(how: How, console: &str) -> Ended {
        let exit = supervisor::Exit {
            how,
            killer: None,
            pid: 7,
            at: SystemTime::UNIX_EPOCH,
            lived: Duration::ZERO,
            asked: false,
            console_tail: console.to_owned(),
        };
        let (_, status) = watch::channel(Status {
            state: State::Held,
            starts: 2,
            exits: 2,
            last_exit: Some(exit),
            group: None,
            protection: None,
        });
        Child::new(mpsc::channel(1).0, status, Duration::ZERO).ended()
    }

    #[test]
    fn a_command_that_could_not_be_executed_says_nothing_about_the_document() {
        for code in [0, 126, 127] {
            assert_eq!(
                after(How::Code(code), "sh: openclaw: Error"),
                Ended::Otherwise
            );
        }
        assert_eq!(
            after(How::Code(1), "one\nError: two\nthree"),
            Ended::Crashed("exit code 1: Error: two".to_owned())
        );
        assert_eq!(
            after(How::Code(5), ""),
            Ended::Crashed("exit code 5".to_owned())
        );
    }
}
