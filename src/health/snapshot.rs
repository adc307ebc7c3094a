//! The snapshot: what of the books outlives a run, as a document.
//!
//! Rests of keys with the time of day at which they end, and the vitals of the targets used latest. What is
//! held against a place is not in it: after a start it is asked again. Nor is any key, only a digest of its digest with the salt of
//! the document: who reads two of them cannot tell whether they speak of one key.
//!
//! What it says is believed no further than what this process would do by itself: a rest is never longer
//! than its class allows, nor than it was when the snapshot was taken, wherever the clock has gone since.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ring::hmac;
use serde::{Deserialize, Serialize};

use super::clock::Clock;
use crate::chat::FailureClass;

/// What this code writes and reads.
const VERSION: u32 = 1;

/// Most targets whose vitals are kept: those used latest.
const MAX_TARGETS: usize = 1000;

/// Most rests that are kept.
const MAX_RESTS: usize = 10_000;

/// More than anybody counts in the time that is remembered; two of them can be added.
const MAX_COUNT: u32 = 1_000_000;

/// The end of the last year that a document can name, since the first.
const LAST: Duration = Duration::from_secs(253_402_300_799);

/// Classes that rest keys.
const CLASSES: [FailureClass; 3] = [
    FailureClass::RateLimit,
    FailureClass::Auth,
    FailureClass::Quota,
];

/// Random bytes that keys are digested with. They are made with the first document and stay with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; 16]);

/// A rest of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest {
    /// Name of its provider.
    pub provider: Arc<str>,
    /// Its digest.
    pub key: u64,
    /// Why.
    pub class: FailureClass,
    /// Failures of that class in a row.
    pub failures: u32,
    /// When it ends; `None` if it is over, and a dead key waits for its probe.
    pub until: Option<Instant>,
}

/// What of a target's vitals is worth keeping.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    /// Provider, digest of the key, model and service.
    pub target: super::TargetId,
    /// Moving average of the time to the first token, in milliseconds.
    pub latency: Option<f64>,
    /// Whether that is of streams.
    pub has_streamed: bool,
    /// Moving average of the speed of streams.
    pub tokens_per_second: Option<f64>,
    /// Successes and failures that are remembered.
    pub counts: (u32, u32),
    /// Successes and failures in a row.
    pub in_row: (u32, u32),
    /// When it last succeeded.
    pub last_success: Option<Instant>,
    /// When it last failed.
    pub last_failure: Option<Instant>,
    /// Pulls and reward of its arm, when they were last changed.
    pub arm: (f64, f64),
    /// When that was.
    pub faded: Option<Instant>,
}

/// All that is kept.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Kept {
    /// Rests, dead keys included.
    pub rests: Vec<Rest>,
    /// Vitals of targets.
    pub pasts: Vec<Past>,
}

/// Whom a document may speak of: what is not here is dropped.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The digests of the keys of each provider; 0 for one without keys.
    pub keys: HashMap<Arc<str>, Vec<u64>>,
    /// Everything that targets are used for.
    pub services: Vec<&'static str>,
}

/// Why a document cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It was cut off, or is something else.
    #[error("it is not a state file: {0}")]
    Malformed(#[from] serde_json::Error),
    /// It was written by a later autogw.
    #[error("it is of version {0}, and this autogw knows version {VERSION} only")]
    Version(u32),
    /// Its salt is none.
    #[error("it has no salt")]
    Salt,
}

/// See the module's head.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    version: u32,
    salt: String,
    saved: Stamp,
    #[serde(default)]
    rests: Vec<RestEntry>,
    #[serde(default)]
    targets: Vec<TargetEntry>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct RestEntry {
    provider: String,
    /// Absent for a provider without keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    class: String,
    failures: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Stamp>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct TargetEntry {
    provider: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    model: String,
    service: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latency_ms: Option<f64>,
    #[serde(default)]
    streamed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tokens_per_second: Option<f64>,
    #[serde(default)]
    successes: u32,
    #[serde(default)]
    failures: u32,
    #[serde(default)]
    successes_in_row: u32,
    #[serde(default)]
    failures_in_row: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_success: Option<Stamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_failure: Option<Stamp>,
    #[serde(default)]
    pulls: f64,
    #[serde(default)]
    reward: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rewarded: Option<Stamp>,
}

/// A time of day, RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Stamp(SystemTime);

impl From<Stamp> for String {
    fn from(stamp: Stamp) -> Self {
        // What was restored from before a clock was set may be told as earlier than any date there is.
        let told = stamp.0.clamp(UNIX_EPOCH, UNIX_EPOCH + LAST);
        humantime::format_rfc3339_millis(told).to_string()
    }
}

impl TryFrom<String> for Stamp {
    type Error = humantime::TimestampError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        humantime::parse_rfc3339(&text).map(Self)
    }
}

impl Salt {
    /// What stands for a key in a document.
    fn digest(&self, provider: &str, key: u64) -> String {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let mut text = provider.as_bytes().to_vec();
        text.push(0);
        text.extend(key.to_be_bytes());
        hex(&hmac::sign(&secret, &text).as_ref()[..16])
    }

    fn parse(text: &str) -> Option<Self> {
        let mut salt = [0; 16];
        if text.len() != 32 || !text.is_ascii() {
            return None;
        }
        for (byte, at) in salt.iter_mut().zip((0..32).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
        }
        Some(Self(salt))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // A string takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Snapshot {
    /// The document that says `kept`.
    pub fn of(mut kept: Kept, salt: Salt, clock: &Clock, now: Instant) -> Self {
        kept.rests.truncate(MAX_RESTS);
        kept.pasts
            .sort_by_key(|past| std::cmp::Reverse(past.used()));
        kept.pasts.truncate(MAX_TARGETS);
        let stamp = |moment| Stamp(clock.wall(moment));
        Self {
            version: VERSION,
            salt: hex(&salt.0),
            saved: stamp(now),
            rests: kept
                .rests
                .iter()
                .map(|rest| rest.entry(&salt, stamp))
                .collect(),
            targets: kept
                .pasts
                .iter()
                .map(|past| past.entry(&salt, stamp))
                .collect(),
        }
    }

    /// Reads a document.
    ///
    /// # Errors
    /// It is broken, or of a version to come.
    pub fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_slice(bytes)?;
        if version != VERSION {
            return Err(Unreadable::Version(version));
        }
        let snapshot: Self = serde_json::from_slice(bytes)?;
        snapshot.salt().ok_or(Unreadable::Salt)?;
        Ok(snapshot)
    }

    /// The document as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// The salt that its keys are digested with.
    pub fn salt(&self) -> Option<Salt> {
        Salt::parse(&self.salt)
    }

    /// Whether `other` says the same, later or earlier.
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        self.salt == other.salt && self.rests == other.rests && self.targets == other.targets
    }

    /// What it says of those that are known, as of the moment of `clock`. `longest` is how long a rest of a
    /// class may be.
    pub fn kept(
        &self,
        known: &Known,
        longest: impl Fn(FailureClass) -> Duration,
        now: Instant,
        wall: SystemTime,
    ) -> Kept {
        let keys = self.names(known);
        let moments = Moments {
            saved: self.saved.0,
            now,
            wall,
        };
        let services = &known.services;
        let rests = self.rests.iter().take(MAX_RESTS);
        let pasts = self.targets.iter().take(MAX_TARGETS);
        Kept {
            rests: rests
                .filter_map(|entry| entry.rest(&keys, &longest, &moments))
                .collect(),
            pasts: pasts
                .filter_map(|entry| entry.past(&keys, services, &moments))
                .collect(),
        }
    }

    /// Keys by what stands for them, with the name of their provider.
    fn names(&self, known: &Known) -> Names {
        let salt = self.salt().unwrap_or(Salt([0; 16]));
        let mut names = Names::new();
        for (provider, keys) in &known.keys {
            let salted = keys.iter().filter(|key| **key != 0);
            let mut salted: HashMap<String, u64> = salted
                .map(|key| (salt.digest(provider, *key), *key))
                .collect();
            if keys.is_empty() || keys.contains(&0) {
                salted.insert(String::new(), 0);
            }
            names.insert(provider.clone(), salted);
        }
        names
    }
}

/// Keys of each provider, by their digest in the document.
type Names = HashMap<Arc<str>, HashMap<String, u64>>;

/// When a document was written, and when it is read.
struct Moments {
    saved: SystemTime,
    now: Instant,
    wall: SystemTime,
}

impl Moments {
    /// How long a rest until `end` still lasts; zero if it is over.
    fn left(&self, end: SystemTime) -> Duration {
        let until_end = |from: SystemTime| end.duration_since(from).unwrap_or_default();
        // A clock that was turned back must not make a rest longer than it was.
        until_end(self.wall).min(until_end(self.saved))
    }

    /// The moment that was at `stamp`, if this process can name it; never one to come.
    fn past(&self, stamp: Stamp) -> Option<Instant> {
        let since = self.wall.duration_since(stamp.0).unwrap_or_default();
        self.now.checked_sub(since)
    }
}

impl Rest {
    fn entry(&self, salt: &Salt, stamp: impl Fn(Instant) -> Stamp) -> RestEntry {
        RestEntry {
            provider: self.provider.to_string(),
            key: digest(salt, &self.provider, self.key),
            class: self.class.name().to_owned(),
            failures: self.failures,
            until: self.until.map(stamp),
        }
    }
}

fn digest(salt: &Salt, provider: &str, key: u64) -> Option<String> {
    (key != 0).then(|| salt.digest(provider, key))
}

impl RestEntry {
    fn rest(
        &self,
        names: &Names,
        longest: impl Fn(FailureClass) -> Duration,
        moments: &Moments,
    ) -> Option<Rest> {
        let (provider, keys) = names.get_key_value(self.provider.as_str())?;
        let class = *CLASSES.iter().find(|class| class.name() == self.class)?;
        let left = self.until.map(|until| moments.left(until.0));
        let left = left.unwrap_or_default().min(longest(class));
        let rest = Rest {
            provider: provider.clone(),
            key: *keys.get(self.key.as_deref().unwrap_or_default())?,
            class,
            failures: self.failures,
            until: (!left.is_zero()).then(|| moments.now + left),
        };
        // A dead key is dead until somebody has tried it, however long that is ago.
        (rest.until.is_some() || class == FailureClass::Auth).then_some(rest)
    }
}

fn service(services: &[&'static str], name: &str) -> Option<&'static str> {
    services.iter().find(|service| **service == name).copied()
}

impl Past {
    /// When it was last used.
    fn used(&self) -> Option<Instant> {
        self.last_success.max(self.last_failure)
    }

    fn entry(&self, salt: &Salt, stamp: impl Fn(Instant) -> Stamp) -> TargetEntry {
        TargetEntry {
            provider: self.target.provider.to_string(),
            key: digest(salt, &self.target.provider, self.target.key),
            model: self.target.model.to_string(),
            service: self.target.service.to_owned(),
            latency_ms: self.latency,
            streamed: self.has_streamed,
            tokens_per_second: self.tokens_per_second,
            successes: self.counts.0,
            failures: self.counts.1,
            successes_in_row: self.in_row.0,
            failures_in_row: self.in_row.1,
            last_success: self.last_success.map(&stamp),
            last_failure: self.last_failure.map(&stamp),
            pulls: self.arm.0,
            reward: self.arm.1,
            rewarded: self.faded.map(&stamp),
        }
    }
}

impl TargetEntry {
    fn past(&self, names: &Names, services: &[&'static str], moments: &Moments) -> Option<Past> {
        let (provider, keys) = names.get_key_value(self.provider.as_str())?;
        let key = keys.get(self.key.as_deref().unwrap_or_default())?;
        let pulls = within(self.pulls, 0.0, 1e6);
        let moment = |stamp: Option<Stamp>| stamp.and_then(|stamp| moments.past(stamp));
        Some(Past {
            target: super::TargetId {
                provider: provider.clone(),
                key: *key,
                model: self.model.as_str().into(),
                service: service(services, &self.service)?,
            },
            latency: self.latency_ms.map(|ms| within(ms, 0.0, 3_600_000.0)),
            has_streamed: self.streamed,
            tokens_per_second: self.tokens_per_second.map(|speed| within(speed, 0.0, 1e6)),
            counts: counted(self.successes, self.failures),
            in_row: counted(self.successes_in_row, self.failures_in_row),
            last_success: moment(self.last_success),
            last_failure: moment(self.last_failure),
            // No reward is above 2 or below -2.
            arm: (pulls, within(self.reward, -2.0 * pulls, 2.0 * pulls)),
            faded: moment(self.rewarded),
        })
    }
}

fn counted(successes: u32, failures: u32) -> (u32, u32) {
    (successes.min(MAX_COUNT), failures.min(MAX_COUNT))
}

fn within(number: f64, least: f64, most: f64) -> f64 {
    if number.is_nan() {
        return least;
    }
    number.clamp(least, most)
}

#[cfg(test)]
mod tests;
