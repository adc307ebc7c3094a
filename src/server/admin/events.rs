//! The stream of events: `hello`, a snapshot, then every change, each with a number.
//!
//! ```text
//! id: 0                      id: 1                 id: 2
//! event: hello               event: snapshot       event: totals
//! data: {"version":1,…}      data: {"type":"snapshot","data":{…}}   …
//! ```
//!
//! `data` of a change is the whole [`Event`]. The bus waits for nobody: who reads too slowly is sent a new
//! snapshot in place of what it has missed, and is told how much that was. A comment keeps a quiet stream alive.

use std::collections::HashSet;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderValue, header};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use super::Steward;
use super::failed::Failed;
use crate::telemetry::bus::{Heard, Watch};
use crate::telemetry::event::{Event, Hello};
use crate::telemetry::snapshot::VERSION;

/// How often a stream says that it is there.
const PING_EVERY: Duration = Duration::from_secs(10);

/// What may be asked for with `only`.
const KINDS: [&str; 9] = [
    "about",
    "totals",
    "providers",
    "tunnels",
    "steering",
    "requests",
    "log",
    "lost",
    "tick",
];

/// Which changes are told. Hello and snapshots always are: what follows builds on them.
#[derive(Debug, Clone, Default)]
pub struct Only(Option<HashSet<&'static str>>);

impl Only {
    /// Reads `totals,providers`.
    pub fn read(list: Option<&str>) -> Result<Self, Failed> {
        let Some(list) = list else {
            return Ok(Self::default());
        };
        let mut kinds = HashSet::new();
        for name in list
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            let known = KINDS.into_iter().find(|kind| *kind == name);
            let known = known.ok_or_else(|| {
                Failed::bad("`only` names an unknown kind of event")
                    .with_hint(format!("known are {}", KINDS.join(", ")))
            })?;
            kinds.insert(known);
        }
        Ok(Self(Some(kinds)))
    }

    fn wants(&self, event: &Event) -> bool {
        self.0
            .as_ref()
            .is_none_or(|kinds| kinds.contains(kind(event)))
    }
}

/// What `only` calls it.
fn kind(event: &Event) -> &'static str {
    match event {
        Event::Provider(_) | Event::Providers(_) => "providers",
        Event::Request(_) => "requests",
        other => other.name(),
    }
}

/// One watcher.
struct Watcher {
    steward: Arc<dyn Steward>,
    watch: Watch,
    only: Only,
    stage: Stage,
    /// The number of the next event.
    number: u64,
    /// Events that this watcher was too slow for.
    missed: u64,
    ping: Interval,
    over: CancellationToken,
    _place: OwnedSemaphorePermit,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    Hello,
    Snapshot,
    Changes,
}

/// The answer to a watcher, which ends with `over`. It takes `place` for as long as it is read.
pub(super) fn stream(
    steward: Arc<dyn Steward>,
    only: Only,
    place: OwnedSemaphorePermit,
    over: CancellationToken,
) -> Response {
    let mut ping = interval_at(tokio::time::Instant::now() + PING_EVERY, PING_EVERY);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let watcher = Watcher {
        // Before the snapshot, so that nothing falls between the two.
        watch: steward.watch(),
        steward,
        only,
        stage: Stage::Hello,
        number: 0,
        missed: 0,
        ping,
        over,
        _place: place,
    };
    let mut response = Body::from_stream(events(watcher)).into_response();
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/event-stream");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn events(watcher: Watcher) -> impl Stream<Item = Result<Bytes, Infallible>> {
    futures_util::stream::unfold(watcher, |mut watcher| async move {
        let text = watcher.next().await?;
        Some((Ok(Bytes::from(text)), watcher))
    })
}

impl Watcher {
    async fn next(&mut self) -> Option<String> {
        match self.stage {
            Stage::Hello => {
                self.stage = Stage::Snapshot;
                let hello = Hello {
                    version: VERSION,
                    autogw: env!("CARGO_PKG_VERSION").to_owned(),
                    instance: self.steward.instance(),
                };
                Some(self.written("hello", &hello))
            }
            Stage::Snapshot => {
                self.stage = Stage::Changes;
                Some(self.snapshot())
            }
            Stage::Changes => self.change().await,
        }
    }

    fn snapshot(&mut self) -> String {
        let mut snapshot = self.steward.snapshot();
        snapshot.lost.events = self.missed;
        self.event(&Event::Snapshot(Box::new(snapshot)))
    }

    async fn change(&mut self) -> Option<String> {
        loop {
            let heard = tokio::select! {
                biased;
                () = self.over.cancelled() => return None,
                heard = self.watch.next() => heard,
                _ = self.ping.tick() => return Some(": ping\n\n".to_owned()),
            };
            match heard {
                Heard::Gone => return None,
                Heard::Missed(missed) => {
                    let missed = missed.saturating_add(self.watch.catch_up());
                    self.missed = self.missed.saturating_add(missed);
                    return Some(self.snapshot());
                }
                Heard::Event(event) if self.only.wants(&event) => return Some(self.told(&event)),
                Heard::Event(_) => {}
            }
        }
    }

    /// What this watcher has missed is its own affair, of which the observer knows nothing.
    fn told(&mut self, event: &Event) -> String {
        match event {
            Event::Lost(lost) => {
                let mut lost = *lost;
                lost.events = self.missed;
                self.event(&Event::Lost(lost))
            }
            event => self.event(event),
        }
    }

    fn event(&mut self, event: &Event) -> String {
        self.written(event.name(), event)
    }

    fn written(&mut self, name: &str, data: &impl Serialize) -> String {
        let number = self.number;
        self.number += 1;
        // Plain data, of which no map has a key that is no text.
        let data = serde_json::to_string(data).unwrap_or_default();
        let mut text = String::with_capacity(data.len() + 64);
        _ = write!(text, "id: {number}\nevent: {name}\ndata: {data}\n\n");
        text
    }
}

#[cfg(test)]
mod tests;
