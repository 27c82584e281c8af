//! The life beside a child: the loop that owns it.

use std::time::{Duration, SystemTime};

use rustix::process::Signal as Posix;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::backoff::Backoff;
use crate::command::{Command, Commands, Signal};
use crate::console::Console;
use crate::group::Group;
use crate::leftovers::Leftovers;
use crate::process::Process;
use crate::reaper::Reaper;
use crate::{Error, Exit, How, Killer, Protection, Settings, State, Status, launch, probe};

/// What is left of a drain after [`Command::Hurry`].
const HURRY: Duration = Duration::from_secs(5);
/// How long a process may take to end after SIGKILL.
const KILL: Duration = Duration::from_secs(10);
/// Why a child ends that is drained.
const DRAIN: &str = "drain";

/// What comes after a child, or after a wait for one.
#[derive(Debug)]
enum Next {
    Start,
    BackOff(Duration),
    Hold,
    Stop,
}

/// Why a child was told to end, and by when it must have.
#[derive(Debug)]
struct Ending {
    then: Next,
    by: Instant,
    killed: bool,
}

/// One call of `run`.
pub(crate) struct Life<'run> {
    settings: &'run Settings,
    status: &'run watch::Sender<Status>,
    console: &'run Console,
    reaper: Reaper,
    commands: Commands,
    backoff: Backoff,
    leftovers: Leftovers,
    held: bool,
}

impl<'run> Life<'run> {
    /// Nothing of the child is touched yet.
    pub(crate) fn new(
        settings: &'run Settings,
        status: &'run watch::Sender<Status>,
        console: &'run Console,
        commands: mpsc::Receiver<Command>,
    ) -> Result<Life<'run>, Error> {
        Ok(Life {
            backoff: Backoff::new(settings),
            settings,
            status,
            console,
            reaper: Reaper::new()?,
            commands: Commands::new(commands),
            leftovers: Leftovers::default(),
            held: true,
        })
    }

    /// Adopts, waits, starts, attends; ends when drained.
    pub(crate) async fn live(&mut self) -> Result<(), Error> {
        let mut next = match launch::adopt(self.settings) {
            None => Next::Hold,
            Some((process, protection)) => {
                tracing::info!(
                    pid = process.pid(),
                    "adopted the child of a former supervisor"
                );
                self.attend(process, protection).await?
            }
        };
        loop {
            next = match next {
                Next::Start => self.start().await?,
                Next::BackOff(pause) => self.idle(Some(pause)).await,
                Next::Hold => self.idle(None).await,
                Next::Stop => {
                    self.leftovers.swept().await;
                    self.publish(State::Stopped);
                    return Ok(());
                }
            };
        }
    }

    fn publish(&self, state: State) {
        self.status.send_modify(|status| status.state = state);
    }

    /// No child: waits for a command, or for the pause to pass.
    async fn idle(&mut self, pause: Option<Duration>) -> Next {
        self.publish(match pause {
            Some(pause) => State::BackingOff {
                until: SystemTime::now() + pause,
            },
            None => State::Held,
        });
        let due = Instant::now() + pause.unwrap_or_default();
        loop {
            tokio::select! {
                command = self.commands.next() => match command {
                    Command::Start | Command::Restart { .. } => {
                        self.held = false;
                        return Next::Start;
                    }
                    Command::Hold => {
                        self.held = true;
                        if pause.is_some() {
                            return Next::Hold;
                        }
                    }
                    Command::Drain | Command::Hurry => return Next::Stop,
                    command => tracing::warn!(?command, "there is no child to do this to"),
                },
                () = sleep_until(due), if pause.is_some() => return Next::Start,
                () = self.leftovers.swept(), if self.leftovers.is_pending() => {}
                () = self.reaper.due() => self.reaper.look(None),
            }
        }
    }

    async fn start(&mut self) -> Result<Next, Error> {
        self.publish(State::Starting);
        self.leftovers.swept().await;
        let protection = probe(self.settings).await;
        match launch::launch(self.settings, self.console, &protection) {
            Ok(process) => {
                self.status.send_modify(|status| status.starts += 1);
                tracing::info!(pid = process.pid(), "started the child");
                self.attend(process, protection).await
            }
            Err(error) => {
                let why = error.chain();
                tracing::error!(error = why, "the child cannot be started");
                Ok(self.ended(not_started(why), None))
            }
        }
    }

    /// Lives beside a child until it has ended.
    async fn attend(&mut self, mut child: Process, found: Protection) -> Result<Next, Error> {
        let mut group = Group::of(child.pid(), self.settings.look);
        self.status.send_modify(|status| {
            status.protection = Some(found);
            status.group = Some(group.cgroup());
            status.state = State::Running {
                pid: child.pid(),
                since: child.since(),
                adopted: child.is_adopted(),
            };
        });
        let mut ending: Option<Ending> = None;
        loop {
            let by = ending.as_ref().map(|ending| ending.by);
            tokio::select! {
                how = child.ended() => {
                    self.leftovers = Leftovers::of(child.stat());
                    let exit = self.exit(&child, how, &group, ending.is_some());
                    let next = self.ended(exit, ending);
                    let Some(error) = self.not_executable() else {
                        return Ok(next);
                    };
                    self.leftovers.swept().await;
                    self.publish(State::Stopped);
                    return Err(error);
                }
                command = self.commands.next() => self.obey(command, &mut child, &mut ending),
                () = sleep_until(by.unwrap_or_else(Instant::now)), if by.is_some() => {
                    force(&mut child, &mut ending)?;
                }
                () = group.due() => if group.look() {
                    let group = group.cgroup();
                    self.status.send_modify(|status| status.group = Some(group));
                },
                () = self.reaper.due() => self.reaper.look(Some(child.pid())),
            }
        }
    }

    fn obey(&mut self, command: Command, child: &mut Process, ending: &mut Option<Ending>) {
        let now = Instant::now();
        match command {
            Command::Start => self.held = false,
            Command::Hold => self.held = true,
            Command::Signal(Signal::Terminate) => send(child, Posix::TERM),
            Command::Signal(Signal::User2) => send(child, Posix::USR2),
            Command::Restart { why, budget } => {
                self.held = false;
                self.end(child, ending, Next::Start, now + budget, why);
            }
            Command::Drain => {
                self.end(
                    child,
                    ending,
                    Next::Stop,
                    now + self.settings.drain,
                    DRAIN.to_owned(),
                );
            }
            Command::Hurry => match ending {
                Some(ending) if ending.killed => {}
                Some(ending) => ending.by = ending.by.min(now + HURRY),
                None => self.end(child, ending, Next::Stop, now + HURRY, DRAIN.to_owned()),
            },
        }
    }

    /// Tells the child to end. When it is ending already, the shorter time holds, and a drain wins
    /// over a restart.
    fn end(
        &self,
        child: &mut Process,
        ending: &mut Option<Ending>,
        then: Next,
        by: Instant,
        why: String,
    ) {
        tracing::info!(pid = child.pid(), why, "the child has to end");
        if let Some(ending) = ending {
            if matches!(then, Next::Stop) {
                ending.then = Next::Stop;
            }
            if !ending.killed {
                ending.by = ending.by.min(by);
            }
        } else {
            send(child, Posix::TERM);
            *ending = Some(Ending {
                then,
                by,
                killed: false,
            });
        }
        self.publish(State::Ending {
            pid: child.pid(),
            why,
        });
    }

    /// Whether the very first child shows that there will never be one: as a shell, the launcher
    /// exits 126 or 127 when it cannot execute the command. A command that has run before comes back.
    fn not_executable(&self) -> Option<Error> {
        let status = self.status.borrow();
        let first = status.starts == 1 && status.exits == 1;
        let exit = status
            .last_exit
            .as_ref()
            .filter(|exit| first && !exit.asked)?;
        match exit.how {
            How::Code(code @ (126 | 127)) if exit.lived < self.settings.backoff_reset => {
                Some(Error::NotExecutable {
                    program: self.settings.command.first()?.clone(),
                    code,
                    said: exit.last_lines(1).pop().unwrap_or_default(),
                })
            }
            _ => None,
        }
    }

    /// What is known of the end of a child that has come to life.
    fn exit(&self, child: &Process, how: How, group: &Group, asked: bool) -> Exit {
        let ours = child.was_sent(&how);
        Exit {
            killer: Killer::of(&how, ours, || group.killer()),
            pid: child.pid(),
            at: SystemTime::now(),
            lived: child.age(),
            asked,
            console_tail: self.console.tail(),
            how,
        }
    }

    /// Puts an exit on the status and says what comes next.
    fn ended(&mut self, exit: Exit, ending: Option<Ending>) -> Next {
        tell(&exit);
        let lived = exit.lived;
        self.status.send_modify(|status| {
            status.exits += 1;
            status.group = None;
            status.last_exit = Some(exit);
        });
        match ending.map(|ending| ending.then) {
            Some(Next::Stop) => Next::Stop,
            _ if self.held => Next::Hold,
            Some(next) => next,
            None => Next::BackOff(self.backoff.after(lived)),
        }
    }
}

/// The end of what never came to life.
fn not_started(why: String) -> Exit {
    Exit {
        how: How::NotStarted { why },
        killer: None,
        pid: 0,
        at: SystemTime::now(),
        lived: Duration::ZERO,
        asked: false,
        console_tail: String::new(),
    }
}

/// Into the log; a kill for want of memory is somebody's to act on.
fn tell(exit: &Exit) {
    let (pid, how) = (exit.pid, &exit.how);
    let killer = exit.killer.as_ref().map(Killer::reason);
    tracing::info!(pid, %how, killer, asked = exit.asked, "the child has ended");
    if let Some(Killer::Oom(kill)) = exit.killer {
        tracing::error!(
            pid,
            limit_bytes = kill.limit_bytes,
            used_bytes = kill.used_bytes,
            "the kernel killed the child for want of memory: raise the limit, or give it less to do"
        );
    }
}

/// The time is up: by force, and if even that does not help, it is an error.
fn force(child: &mut Process, ending: &mut Option<Ending>) -> Result<(), Error> {
    match ending {
        Some(ending) if !ending.killed => {
            tracing::warn!(pid = child.pid(), "the child did not end in time: SIGKILL");
            send(child, Posix::KILL);
            ending.killed = true;
            ending.by = Instant::now() + KILL;
            Ok(())
        }
        _ => Err(Error::Unkillable { pid: child.pid() }),
    }
}

fn send(child: &mut Process, signal: Posix) {
    if let Err(error) = child.signal(signal) {
        tracing::warn!(pid = child.pid(), ?signal, %error, "the signal was not delivered");
    }
}
