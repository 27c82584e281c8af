//! One beat: what is due is asked of the gateway and counted.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use openclaw::{Connection, Diagnostic, Error, ModelUsage, SystemInfo, WebhookStep};

use super::Usage;
use super::counters::{Amounts, Day, Used};

/// How soon totals are asked again that are not complete.
pub(super) const IMPATIENT: Duration = Duration::from_secs(20);

/// The most that this becomes.
const PATIENT: Duration = Duration::from_secs(300);

/// The gateway gives totals that it has, and counts anew meanwhile: such as are older than this are of before.
const STALE: Duration = Duration::from_secs(300);

/// After something happened totals may be complete, and of before: they are looked at once more.
const ONCE_MORE: Duration = Duration::from_secs(120);

impl Usage {
    /// Asks what is due. An answer that does not come is for the next time.
    pub(super) async fn pass(&mut self) {
        let now = self.began.elapsed();
        self.read_group(now);
        match self.link.connection() {
            Ok(connection) => self.ask(&connection, now).await,
            Err(_) => self.is_away(),
        }
        if self.samples.is_due(now, self.book.has_news()) {
            self.sample();
        }
    }

    async fn ask(&mut self, connection: &Arc<Connection>, now: Duration) {
        if self.met.as_ptr() != Arc::as_ptr(connection) {
            let info = heard("who it is", connection.system_info().await);
            self.meet(info.as_ref(), now);
            self.met = Arc::downgrade(connection);
        }
        if self.paces.records.is_due(now) {
            self.paces.records.ask(now);
            heard("its records", self.read_records(connection).await);
        }
        if self.paces.totals.is_due(now) {
            heard("its totals", self.read_totals(connection, now).await);
        }
        if self.paces.sessions.is_due(now) {
            self.paces.sessions.ask(now);
            heard("its sessions", self.read_sessions(connection).await);
        }
    }

    /// Another connection: perhaps to another process.
    fn meet(&mut self, info: Option<&SystemInfo>, now: Duration) {
        let process = info.and_then(|info| info.process_instance_id.clone());
        let uptime = info.and_then(|info| info.uptime);
        self.follower
            .met(process, uptime.is_none_or(|uptime| uptime > now));
        self.paces.stir();
    }

    async fn read_records(&mut self, connection: &Connection) -> Result<(), Error> {
        loop {
            let answer = connection.stability(self.follower.from()).await?;
            let news = self.follower.take(answer);
            if news.missed > 0 {
                tracing::warn!(
                    records = news.missed,
                    "the gateway dropped records before they were read: so many calls and webhooks at most are not counted"
                );
                self.metrics.missed(news.missed);
            }
            for event in news.events {
                self.count(event);
            }
            if !news.again {
                return Ok(());
            }
        }
    }

    fn count(&mut self, event: Diagnostic) {
        match event {
            Diagnostic::ModelCall {
                provider,
                model,
                ok,
                duration_ms,
                ..
            } => {
                let label = self.labels.model(&provider, &model);
                let provider = self.labels.provider(&provider);
                let took = duration_ms.map(Duration::from_millis);
                self.metrics.called(&label, provider.as_deref(), ok, took);
            }
            Diagnostic::Webhook { channel, what } => {
                let platform = self.labels.platform(&channel);
                match what {
                    // It is counted when its outcome is known.
                    WebhookStep::Received => {}
                    WebhookStep::Processed { duration_ms } => {
                        let took = duration_ms.map(Duration::from_millis);
                        self.metrics.webhook(platform, true, took);
                    }
                    WebhookStep::Error => self.metrics.webhook(platform, false, None),
                }
            }
            Diagnostic::Liveness { .. } | Diagnostic::MessageDelivery { .. } => {}
        }
    }

    async fn read_totals(&mut self, connection: &Connection, now: Duration) -> Result<(), Error> {
        let something_happened = self.paces.totals.ask(now);
        self.is_asked_after_events |= something_happened;
        let clock = SystemTime::now();
        let today = Day::of(clock);
        let day = self.book.due(today);
        let text = day.text();
        let usage = connection.usage(&text, &text).await?;
        let ended = if day < today { day.end() } else { UNIX_EPOCH };
        let since = self.stirred.max(ended).max(clock - STALE);
        let is_of_now = usage.fresh && usage.updated_at_ms >= Some(millis(since));
        let seen = self.labelled(usage.models);
        if !is_of_now || self.vanishes(day, &seen) {
            self.paces.totals.retry(now, self.paces.patience);
            self.paces.patience = PATIENT.min(self.paces.patience * 2);
            return Ok(());
        }
        self.paces.patience = IMPATIENT;
        let something_happened = std::mem::take(&mut self.is_asked_after_events);
        let grown = self.book.see(day, today, seen);
        // Kept before it is shown: a counter that went back would be counted anew by whoever reads it.
        self.remembered.write(&self.book.saved());
        self.metrics.used(&grown);
        if day < today {
            self.paces.totals.retry(now, Duration::ZERO);
        } else if something_happened || !grown.is_empty() {
            self.paces.totals.retry(now, ONCE_MORE);
        }
        Ok(())
    }

    /// Whether nothing is left of a day that was used: believed when it is said twice.
    fn vanishes(&mut self, day: Day, seen: &Amounts) -> bool {
        let is_gone = seen.is_empty() && self.book.has_seen(day);
        let is_first_time = is_gone && !self.is_gone;
        self.is_gone = is_gone;
        is_first_time
    }

    /// What each label was used for. Where names are many, those that were used most get theirs first.
    fn labelled(&mut self, mut models: Vec<ModelUsage>) -> Amounts {
        models.sort_by_key(|row| std::cmp::Reverse(row.input.saturating_add(row.output)));
        let mut seen = Amounts::new();
        for row in models {
            let label = self.labels.model(&row.provider, &row.model);
            let sum = seen.entry(label).or_default();
            *sum = sum.and(used(&row));
        }
        seen
    }

    async fn read_sessions(&mut self, connection: &Connection) -> Result<(), Error> {
        let counts = connection.session_counts().await?;
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let (all, active) = (Some(number(counts.total)), counts.active.map(number));
        self.metrics.sessions(all, active);
        self.seen.sessions = all;
        Ok(())
    }

    fn read_group(&mut self, now: Duration) {
        let Some(pod) = &mut self.pod else { return };
        let reading = pod.read(now);
        self.metrics.pod(reading.cores, reading.memory_bytes);
        if let Some(more) = reading.more {
            self.metrics.processor(more);
        }
        let limit = self.settings.memory_limit.or(reading.limit_bytes);
        self.metrics.memory_limit(limit);
        self.seen.memory_bytes = reading.memory_bytes;
    }

    /// What it said is no longer true.
    fn is_away(&mut self) {
        self.metrics.sessions(None, None);
        self.metrics.channels(&[]);
        if self.pod.is_none() {
            self.metrics.pod(None, None);
        }
        self.met = std::sync::Weak::new();
        self.seen.sessions = None;
    }
}

/// Providers count what came from a cache or went into it as tokens that went in.
fn used(row: &ModelUsage) -> Used {
    let cached = row.cache_read.saturating_add(row.cache_write);
    Used {
        input: row.input.saturating_add(cached),
        output: row.output,
        cost_usd: row.cost_usd,
    }
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn heard<T>(what: &'static str, answer: Result<T, Error>) -> Option<T> {
    let said = answer.inspect_err(|error| {
        tracing::debug!(%error, reason = error.reason(), what, "the gateway does not tell");
    });
    said.ok()
}
