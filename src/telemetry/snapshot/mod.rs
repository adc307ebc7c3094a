//! The snapshot: how the gateway stands at one moment, for eyes and scripts.
//!
//! It is the whole that [`Event`]s change, and [`Snapshot::apply`] is the one place where they do: the
//! gateway, the admin API and the dashboard have the same picture because they have the same reducer. Every
//! event carries absolute values, so an event that is seen twice changes nothing the second time, and one
//! that was missed is made good by the next. There is no word of a prompt and no key in any of it.
//!
//! Times are milliseconds since 1970 by the gateway's clock, durations milliseconds, money US dollars.

mod about;
mod provider;
mod request;
mod steering;
mod totals;
mod tunnel;

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

pub use about::{About, Reloaded};
pub use provider::{
    Circuit, ErrorCount, KeyDetail, LastError, Limit, ProviderDetail, ProviderRow, TargetDetail,
};
pub use request::{AttemptRow, CandidateRow, Captured, Phase, RequestDetail, RequestRow, is_over};
pub use steering::{Chaos, Drained, Pin, Steering};
pub use totals::{History, Statuses, Totals};
pub use tunnel::{TunnelCheck, TunnelRow, TunnelStep};

use super::event::Event;

/// The language of snapshots, events and acts; who speaks another one is told so.
pub const VERSION: u32 = 1;

/// Requests that a snapshot holds, those under way not counted: as many as are remembered with their attempts.
pub const MOST_REQUESTS: usize = 128;

/// Requests under way that a snapshot holds.
pub const MOST_LIVE: usize = 1_000;

/// Log lines that a snapshot holds.
pub const MOST_LINES: usize = 2_000;

/// Bytes of log lines that a snapshot holds: twice what a gateway keeps.
pub const MOST_LOGGED: usize = 1 << 20;

/// Providers that a snapshot holds: more than anybody configures, and no matter for whoever is told of more.
pub const MOST_PROVIDERS: usize = 1_000;

/// Tunnels that a snapshot holds: there are two kinds.
pub const MOST_TUNNELS: usize = 16;

/// See the module's head.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Snapshot {
    /// When it was taken, by the gateway's clock.
    pub now_ms: u64,
    /// Which gateway it is.
    pub about: About,
    /// Its figures as a whole.
    pub totals: Totals,
    /// Its providers, in the order of the configuration.
    pub providers: Vec<ProviderRow>,
    /// Its tunnels, by kind.
    pub tunnels: Vec<TunnelRow>,
    /// What its owner has changed by hand.
    pub steering: Steering,
    /// The last requests and those under way, by number.
    pub requests: BTreeMap<u64, RequestRow>,
    /// The last lines of its log, the oldest first.
    pub log: VecDeque<LogLine>,
    /// What could not be told, for lack of time or room.
    pub lost: Lost,
}

/// A line of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LogLine {
    /// Its number, one more than that of the line before.
    pub number: u64,
    /// When it was written.
    pub at_ms: u64,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// Whose line it is, e.g. `autogw::request`.
    pub target: String,
    /// Message and fields, as in the log file.
    pub text: String,
}

/// What an observer was not told, counted since it began to observe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Lost {
    /// Requests that came and went between two looks.
    pub requests: u64,
    /// Log lines that came and went between two looks.
    pub lines: u64,
    /// Events that a slow observer was not sent; a new snapshot made them good.
    pub events: u64,
}

impl Snapshot {
    /// Takes in an event: the one reducer. Whoever sends it may be nobody's gateway, so what is kept has a bound.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Snapshot(whole) => {
                let events = self.lost.events;
                *self = *whole;
                self.lost.events = self.lost.events.max(events);
                self.providers.truncate(MOST_PROVIDERS);
                self.tunnels.truncate(MOST_TUNNELS);
                self.forget_requests();
                self.forget_lines();
            }
            Event::About(about) => self.about = about,
            Event::Totals(totals) => self.totals = totals,
            Event::Provider(row) => self.provider_changed(row),
            Event::Providers(names) => self.providers_ordered(&names),
            Event::Tunnels(rows) => {
                self.tunnels = rows;
                self.tunnels.truncate(MOST_TUNNELS);
            }
            Event::Steering(steering) => self.steering = steering,
            Event::Request(row) => self.request_changed(row),
            Event::Log(line) => self.logged(line),
            Event::Lost(lost) => self.lost = lost,
            Event::Tick { now_ms } => self.now_ms = now_ms,
        }
    }

    fn provider_changed(&mut self, row: ProviderRow) {
        let has_room = self.providers.len() < MOST_PROVIDERS;
        match self.providers.iter_mut().find(|one| one.name == row.name) {
            Some(one) => *one = row,
            None if has_room => self.providers.push(row),
            None => {}
        }
    }

    /// Who is not named is gone.
    fn providers_ordered(&mut self, names: &[String]) {
        let place = |row: &ProviderRow| names.iter().position(|name| *name == row.name);
        self.providers.retain(|row| place(row).is_some());
        self.providers.sort_by_key(place);
    }

    fn request_changed(&mut self, row: RequestRow) {
        self.requests.insert(row.number, row);
        self.forget_requests();
    }

    fn forget_requests(&mut self) {
        let live = self.requests.values().filter(|row| !is_over(row)).count();
        let over = self.requests.len() - live;
        self.forget(over.saturating_sub(MOST_REQUESTS), is_over);
        self.forget(live.saturating_sub(MOST_LIVE), |row| !is_over(row));
    }

    /// Forgets the oldest so many of the requests that are such.
    fn forget(&mut self, so_many: usize, are_such: impl Fn(&RequestRow) -> bool) {
        if so_many > 0 {
            let rows = self.requests.values().filter(|row| are_such(row));
            let numbers: Vec<u64> = rows.map(|row| row.number).take(so_many).collect();
            for number in numbers {
                self.requests.remove(&number);
            }
        }
    }

    fn logged(&mut self, line: LogLine) {
        if self
            .log
            .back()
            .is_some_and(|last| last.number >= line.number)
        {
            return;
        }
        self.log.push_back(line);
        self.forget_lines();
    }

    /// Forgets the oldest lines, but never the last one.
    fn forget_lines(&mut self) {
        let bytes = |line: &LogLine| line.text.len() + line.target.len() + line.level.len();
        let mut all: usize = self.log.iter().map(bytes).sum();
        while self.log.len() > MOST_LINES || (all > MOST_LOGGED && self.log.len() > 1) {
            let Some(oldest) = self.log.pop_front() else {
                return;
            };
            all -= bytes(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u64, phase: Phase) -> RequestRow {
        RequestRow {
            number,
            phase,
            ..RequestRow::default()
        }
    }

    #[test]
    fn an_event_that_is_seen_twice_changes_nothing_the_second_time() {
        let line = LogLine {
            number: 7,
            ..LogLine::default()
        };
        let provider = ProviderRow {
            name: "a".to_owned(),
            ..ProviderRow::default()
        };
        let events = [
            Event::Provider(provider),
            Event::Request(row(3, Phase::Streaming)),
            Event::Log(line),
            Event::Providers(vec!["a".to_owned()]),
        ];
        let mut once = Snapshot::default();
        events.iter().cloned().for_each(|event| once.apply(event));
        let mut twice = once.clone();
        events.iter().cloned().for_each(|event| twice.apply(event));
        assert_eq!(once, twice);
        assert_eq!((once.log.len(), once.requests.len()), (1, 1));
    }

    #[test]
    fn the_oldest_requests_are_forgotten_and_those_under_way_stay() {
        let mut snapshot = Snapshot::default();
        snapshot.apply(Event::Request(row(0, Phase::Streaming)));
        for number in 1..=(MOST_REQUESTS as u64 + 10) {
            snapshot.apply(Event::Request(row(number, Phase::Over)));
        }
        assert_eq!(snapshot.requests.len(), MOST_REQUESTS + 1);
        assert!(snapshot.requests.contains_key(&0));
        assert!(!snapshot.requests.contains_key(&10));
    }

    #[test]
    fn whoever_tells_without_end_is_not_remembered_without_end() {
        let line = |number: u64| LogLine {
            number,
            text: "x".repeat(64 << 10),
            ..LogLine::default()
        };
        let provider = |number: u64| ProviderRow {
            name: number.to_string(),
            ..ProviderRow::default()
        };
        let whole = Snapshot {
            providers: (0..5_000).map(provider).collect(),
            tunnels: vec![TunnelRow::default(); 500],
            requests: (0..5_000)
                .map(|number| (number, row(number, Phase::Streaming)))
                .collect(),
            log: (0..500).map(line).collect(),
            ..Snapshot::default()
        };
        let mut told = Snapshot::default();
        told.apply(Event::Snapshot(Box::new(whole)));
        let is_bounded = |told: &Snapshot| {
            let bytes: usize = told.log.iter().map(|line| line.text.len()).sum();
            assert!(told.providers.len() <= MOST_PROVIDERS && told.tunnels.len() <= MOST_TUNNELS);
            assert!(told.requests.len() <= MOST_REQUESTS + MOST_LIVE);
            assert!(
                told.log.len() <= MOST_LINES && bytes <= MOST_LOGGED,
                "{bytes}"
            );
        };
        is_bounded(&told);
        for number in 5_000..8_000 {
            told.apply(Event::Provider(provider(number)));
            told.apply(Event::Request(row(number, Phase::Over)));
            told.apply(Event::Log(LogLine {
                number,
                ..line(number)
            }));
        }
        told.apply(Event::Tunnels(vec![TunnelRow::default(); 500]));
        is_bounded(&told);
        assert_eq!(told.log.back().map(|line| line.number), Some(7_999));
        assert!(told.requests.contains_key(&7_999), "the latest are kept");
    }

    #[test]
    fn a_provider_that_is_not_named_any_more_is_gone() {
        let mut snapshot = Snapshot::default();
        for name in ["a", "b", "c"] {
            let name = name.to_owned();
            snapshot.apply(Event::Provider(ProviderRow {
                name,
                ..ProviderRow::default()
            }));
        }
        snapshot.apply(Event::Providers(vec!["c".to_owned(), "a".to_owned()]));
        let names: Vec<_> = snapshot.providers.iter().map(|row| &*row.name).collect();
        assert_eq!(names, ["c", "a"]);
    }
}
