//! From findings to causes: what flickers is told once, with a count, and what is told stays for a while.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::text::{EVIDENCE, clip};
use crate::{Cause, Finding, Key};

/// How long a cause that went is remembered: one that comes back within it has flapped.
const MEMORY: Duration = Duration::from_secs(600);
/// However often a cause flaps, after such an absence it is over.
const LONGEST: Duration = Duration::from_secs(300);
/// More causes than this are not tracked at once; those that are only remembered give way.
const TRACKED: usize = 512;

/// Follows findings over time.
///
/// A finding is told as soon as it has held for its kind's `confirm`. A cause is no longer told when it has been absent
/// for its kind's `clear`, which doubles with each return, up to 5 min. So one key makes few changes, a finding that
/// lasts is always told, and one that is gone is always cleared in the end.
#[derive(Debug, Clone, Default)]
pub struct Damper {
    tracked: BTreeMap<Key, Track>,
}

#[derive(Debug, Clone)]
struct Track {
    since: Duration,
    evidence: String,
    flaps: u32,
    /// It was told before, and came back after that was over.
    returned: bool,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    /// Seen, and not yet for long enough.
    Pending,
    /// Told, and seen.
    Told,
    /// Told, and no longer seen.
    Gone { at: Duration },
    /// No longer told.
    Over { at: Duration },
}

impl Damper {
    /// One more look. The causes are those to tell now, the gravest first.
    pub fn update(&mut self, findings: Vec<Finding>, now: Duration) -> Vec<Cause> {
        let seen: BTreeMap<Key, Finding> = findings
            .into_iter()
            .map(|finding| (finding.key.clone(), finding))
            .collect();
        self.tracked
            .retain(|key, track| seen.contains_key(key) || track.absent(key, now));
        for (key, finding) in seen {
            self.see(key, &finding, now);
        }
        self.causes()
    }

    /// When the causes change next though nothing else does: a finding comes of age, or an absence.
    pub fn due(&self) -> Option<Duration> {
        let due = self
            .tracked
            .iter()
            .filter_map(|(key, track)| match track.phase {
                Phase::Pending => Some(track.since + key.kind.row().confirm),
                Phase::Gone { at } => Some(at + track.clear_after(key)),
                Phase::Told | Phase::Over { .. } => None,
            });
        due.min()
    }

    fn see(&mut self, key: Key, finding: &Finding, now: Duration) {
        if !self.tracked.contains_key(&key) && !self.has_room() {
            return;
        }
        let since = finding.since.unwrap_or(now).min(now);
        let confirm = key.kind.row().confirm;
        let fresh = Track {
            since,
            evidence: String::new(),
            flaps: 0,
            returned: false,
            phase: Phase::Pending,
        };
        let track = self.tracked.entry(key).or_insert(fresh);
        track.return_at(since);
        track.evidence = clip(&finding.evidence, EVIDENCE);
        if track.phase == Phase::Pending {
            track.since = track.since.min(since);
            if now.saturating_sub(track.since) >= confirm {
                track.flaps += u32::from(track.returned);
                track.phase = Phase::Told;
            }
        }
    }

    fn has_room(&mut self) -> bool {
        if self.tracked.len() >= TRACKED {
            self.tracked
                .retain(|_, track| !matches!(track.phase, Phase::Over { .. }));
        }
        self.tracked.len() < TRACKED
    }

    fn causes(&self) -> Vec<Cause> {
        let told = self
            .tracked
            .iter()
            .filter_map(|(key, track)| track.told(key));
        let mut causes: Vec<Cause> = told.collect();
        causes.sort_by_key(|cause| (std::cmp::Reverse(cause.severity()), cause.since));
        causes
    }
}

impl Track {
    /// It is seen again: within its time that is the same cause, later another one.
    fn return_at(&mut self, since: Duration) {
        match self.phase {
            Phase::Pending | Phase::Told => {}
            Phase::Gone { .. } => {
                self.phase = Phase::Told;
                self.flaps = self.flaps.saturating_add(1);
            }
            Phase::Over { .. } => {
                self.phase = Phase::Pending;
                self.since = since;
                self.returned = true;
            }
        }
    }

    /// It is not seen. False when there is nothing left to remember.
    fn absent(&mut self, key: &Key, now: Duration) -> bool {
        match self.phase {
            Phase::Pending if !self.returned => return false,
            Phase::Pending => self.phase = Phase::Over { at: now },
            Phase::Told => self.phase = Phase::Gone { at: now },
            Phase::Gone { at } if now.saturating_sub(at) >= self.clear_after(key) => {
                self.phase = Phase::Over { at: now };
            }
            Phase::Over { at } if now.saturating_sub(at) >= MEMORY => return false,
            Phase::Gone { .. } | Phase::Over { .. } => {}
        }
        true
    }

    fn clear_after(&self, key: &Key) -> Duration {
        let clear = key.kind.row().clear;
        let longer = clear.saturating_mul(1 << self.flaps.min(16));
        longer.min(LONGEST.max(clear))
    }

    fn told(&self, key: &Key) -> Option<Cause> {
        let gone = match self.phase {
            Phase::Told => None,
            Phase::Gone { at } => Some(at),
            Phase::Pending | Phase::Over { .. } => return None,
        };
        let mut evidence = self.evidence.clone();
        if self.flaps > 0 {
            evidence.push_str(&format!(" (came back {} times)", self.flaps));
        }
        let remedy = key.kind.row().remedy.to_owned();
        Some(Cause {
            key: key.clone(),
            since: self.since,
            gone,
            flaps: self.flaps,
            evidence,
            remedy,
        })
    }
}
