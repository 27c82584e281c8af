//! Calls that need the admin scope: check, write, reload secrets.
//!
//! The connection for them is opened when it is needed and kept for a minute, so that a series
//! of changes does not pay for a handshake each.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use openclaw::{ConfigSnapshot, Connection, LinkHandle, Parsed, Write};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use crate::config::Document;
use crate::config::gateway::{Check, Handed, Issue, Purpose, Reloaded, Still};

/// A gateway may answer no more than 30 calls of one method a minute.
const MINUTE: Duration = Duration::from_secs(60);
/// So many of them may be used by those who only want to know; the rest is for documents that are
/// about to be written.
const FOR_ASKERS: usize = 15;
/// An idle admin connection is closed after this.
const KEPT: Duration = Duration::from_secs(60);

/// What a check has shown holds for the write that follows it at once.
const CONFIRMED: Duration = Duration::from_secs(1);

/// The one who asks.
pub struct Asking {
    link: LinkHandle,
    connection: Arc<Mutex<Kept>>,
    calls: std::sync::Mutex<VecDeque<Instant>>,
    known: std::sync::Mutex<Known>,
}

/// The gateway's file, as it was last seen.
#[derive(Clone, Default)]
struct Known {
    /// What a check or a write names as its base.
    base: Option<String>,
    revision: Option<String>,
    /// When a check named this base and the gateway did not call it stale: the file was still so.
    confirmed: Option<Instant>,
}

#[derive(Default)]
struct Kept {
    connection: Option<Arc<Connection>>,
    until: Option<Instant>,
}

impl Asking {
    /// Does no IO.
    pub fn new(link: LinkHandle) -> Self {
        Self {
            link,
            connection: Arc::default(),
            calls: std::sync::Mutex::default(),
            known: std::sync::Mutex::default(),
        }
    }

    /// The gateway has shown its file.
    pub fn saw(&self, snapshot: &ConfigSnapshot) {
        if let Ok(mut known) = self.known.lock() {
            *known = Known {
                base: snapshot.hash.clone(),
                revision: snapshot.revision.clone(),
                confirmed: None,
            };
        }
    }

    /// The revision in the gateway's file, where a check has just confirmed that it is still there.
    pub fn confirmed(&self) -> Option<String> {
        let mut known = self.known.lock().ok()?;
        let at = known.confirmed.take()?;
        known.revision.clone().filter(|_| at.elapsed() < CONFIRMED)
    }

    /// Asks whether the gateway would take a document. Only for one that cannot write.
    pub async fn check(&self, document: &Document, purpose: Purpose) -> Check {
        let can = self.link.state().borrow().hello().map(|hello| hello.can);
        match can {
            None => return unasked("the gateway is not there"),
            Some(can) if !can.hashes || !can.config_set => {
                return unasked("this release cannot be asked safely");
            }
            Some(_) => {}
        }
        if !self.afford(purpose) {
            return unasked("the checks of this minute are kept for changes: ask again later");
        }
        match self.ask(document).await {
            Ok(check) => check,
            Err(error) => {
                self.forget().await;
                unasked(error.reason())
            }
        }
    }

    async fn ask(&self, document: &Document) -> Result<Check, openclaw::Error> {
        let connection = self.admin().await?;
        let raw = String::from_utf8_lossy(&document.bytes);
        for _ in 0..3 {
            let base = self.base(&connection).await?;
            return Ok(match connection.config_check(&raw, &base).await? {
                openclaw::Check::Valid => {
                    self.confirm();
                    Check::Accepted
                }
                openclaw::Check::Invalid(issues) => {
                    Check::Refused(issues.into_iter().map(issue).collect())
                }
                openclaw::Check::Stale => {
                    self.saw(&connection.config_get(Parsed::Skip).await?);
                    continue;
                }
                openclaw::Check::Throttled { .. } => {
                    unasked("the gateway answers 30 checks a minute, and they are used up")
                }
                openclaw::Check::Unavailable(why) => unasked(&why),
                openclaw::Check::Wrote => {
                    tracing::error!(
                        "the gateway wrote a document that it was asked to check: the setting `protection` is wrong"
                    );
                    Check::Accepted
                }
            });
        }
        Ok(unasked("the gateway's document keeps changing"))
    }

    /// The base that was last seen; asked for where none was.
    async fn base(&self, connection: &Connection) -> Result<String, openclaw::Error> {
        let known = self.known.lock().ok().and_then(|known| known.base.clone());
        if let Some(base) = known {
            return Ok(base);
        }
        let snapshot = connection.config_get(Parsed::Skip).await?;
        self.saw(&snapshot);
        Ok(snapshot.hash.unwrap_or_default())
    }

    fn confirm(&self) {
        if let Ok(mut known) = self.known.lock() {
            known.confirmed = Some(Instant::now());
        }
    }

    /// Lets the gateway write the document, if its own is still the one that we know.
    pub async fn hand(&self, document: &Document, still: Still) -> Handed {
        match self.write(document, &still).await {
            Ok(Write::Wrote { .. }) => Handed::Written,
            Ok(Write::Stale) => Handed::Stale,
            Ok(Write::Invalid(issues)) => Handed::Refused {
                reason: issues
                    .iter()
                    .map(|i| format!("{}: {}", i.path, i.message))
                    .collect::<Vec<_>>()
                    .join("; "),
            },
            Ok(Write::Throttled { .. }) => Handed::Refused {
                reason: "30 writes a minute are used up".to_owned(),
            },
            Ok(Write::Unavailable(reason)) => Handed::Refused { reason },
            Err(error) => {
                self.forget().await;
                Handed::Refused {
                    reason: error.reason().to_owned(),
                }
            }
        }
    }

    async fn write(&self, document: &Document, still: &Still) -> Result<Write, openclaw::Error> {
        let connection = self.admin().await?;
        let base = connection
            .config_get(Parsed::Skip)
            .await?
            .hash
            .unwrap_or_default();
        if !still() {
            return Ok(Write::Stale);
        }
        connection
            .config_write(&String::from_utf8_lossy(&document.bytes), &base)
            .await
    }

    /// Makes the gateway read its secrets again; success is that nobody lacks one.
    pub async fn reload_secrets(&self) -> Reloaded {
        let reloaded = match self.admin().await {
            Ok(connection) => connection.secrets_reload().await,
            Err(error) => Err(error),
        };
        match reloaded {
            Ok(_) => Reloaded::All,
            Err(error) => {
                self.forget().await;
                Reloaded::Unasked {
                    why: error.reason().to_owned(),
                }
            }
        }
    }

    async fn admin(&self) -> Result<Arc<Connection>, openclaw::Error> {
        let mut kept = self.connection.lock().await;
        if let Some(connection) = kept
            .connection
            .as_ref()
            .filter(|connection| connection.end().is_none())
        {
            let connection = Arc::clone(connection);
            kept.until = Some(Instant::now() + KEPT);
            return Ok(connection);
        }
        let connection = Arc::new(self.link.admin().await?);
        kept.connection = Some(Arc::clone(&connection));
        if kept.until.replace(Instant::now() + KEPT).is_none() {
            tokio::spawn(close_when_idle(Arc::clone(&self.connection)));
        }
        Ok(connection)
    }

    async fn forget(&self) {
        self.connection.lock().await.connection = None;
    }

    fn afford(&self, purpose: Purpose) -> bool {
        let Ok(mut calls) = self.calls.lock() else {
            return false;
        };
        let now = Instant::now();
        while calls
            .front()
            .is_some_and(|call| now.duration_since(*call) > MINUTE)
        {
            calls.pop_front();
        }
        let affordable = purpose == Purpose::Apply || calls.len() < FOR_ASKERS;
        if affordable {
            calls.push_back(now);
        }
        affordable
    }
}

async fn close_when_idle(connection: Arc<Mutex<Kept>>) {
    loop {
        let until = connection.lock().await.until;
        let left = until
            .map(|until| until.saturating_duration_since(Instant::now()))
            .unwrap_or_default();
        if left.is_zero() {
            *connection.lock().await = Kept::default();
            return;
        }
        sleep(left).await;
    }
}

fn unasked(why: &str) -> Check {
    Check::Unasked {
        why: why.to_owned(),
    }
}

fn issue(issue: openclaw::Issue) -> Issue {
    let allowed = if issue.allowed.is_empty() || issue.message.contains("allowed:") {
        String::new()
    } else {
        format!(" (allowed: {})", issue.allowed.join(", "))
    };
    Issue {
        path: issue.path,
        message: format!("{}{allowed}", issue.message),
    }
}
