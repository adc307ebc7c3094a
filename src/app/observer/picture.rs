//! The picture: what was told last. A look compares the books with it and publishes the difference.

use super::Facts;
use super::about;
use super::course::Course;
use super::moment::Moment;
use super::providers::Seen;
use super::requests::Requests;
use super::standing::Reach;
use super::tunnels::Past;
use crate::proxy::gateway::Gateway;
use crate::telemetry::bus::Bus;
use crate::telemetry::event::Event;
use crate::telemetry::snapshot::{Snapshot, Totals};

/// How seldom figures and providers are looked at: nobody reads more than a few of them a second.
const FIGURES_EVERY_MS: u64 = 250;

/// How seldom the clock is told.
const CLOCK_EVERY_MS: u64 = 1_000;

/// How closely is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Only what windows and pasts need: nobody watches.
    Samples,
    /// What has changed: requests and log lines always, figures where it is time.
    Changes,
    /// Everything.
    Everything,
}

/// See the module's head.
#[derive(Debug)]
pub(super) struct Picture {
    told: Snapshot,
    moment: Moment,
    tunnels: Past,
    course: Course,
    requests: Requests,
    /// Requests under way, and those of them that wait for a place.
    under_way: (u32, u32),
    /// Whether somebody watched at the last look.
    was_watched: bool,
    /// When figures were last looked at.
    figures_ms: u64,
    /// When the clock was last told.
    clock_ms: u64,
}

impl Picture {
    /// One of which nothing was told.
    pub(super) fn new() -> Self {
        Self {
            told: Snapshot::default(),
            moment: Moment::first(),
            tunnels: Past::default(),
            course: Course::default(),
            requests: Requests::default(),
            under_way: (0, 0),
            was_watched: false,
            figures_ms: 0,
            clock_ms: 0,
        }
    }

    /// What was told.
    pub(super) fn told(&self) -> &Snapshot {
        &self.told
    }

    /// When was last looked.
    pub(super) fn moment(&self) -> Moment {
        self.moment
    }

    /// Looks, and tells `bus` what has changed.
    pub(super) fn look(&mut self, facts: &Facts, bus: &Bus, depth: Depth) {
        self.moment = self.moment.next();
        let (gateway, now_ms) = (facts.gateway(), self.moment.now_ms());
        // The pasts of both would have holes otherwise.
        self.tunnels(facts, bus);
        match depth {
            Depth::Everything => self.course.sample_now(&gateway, self.moment),
            Depth::Samples | Depth::Changes => self.course.sample(&gateway, self.moment),
        }
        if depth == Depth::Samples {
            self.was_watched = false;
            return;
        }
        self.requests(&gateway, bus);
        let is_time = now_ms.saturating_sub(self.figures_ms) >= FIGURES_EVERY_MS;
        if depth == Depth::Everything || is_time {
            self.figures_ms = now_ms;
            self.figures(facts, &gateway, bus);
        }
        self.log(facts, bus);
        self.was_watched = bus.watchers() > 0;
        self.told.now_ms = now_ms;
        if now_ms.saturating_sub(self.clock_ms) >= CLOCK_EVERY_MS {
            self.clock_ms = now_ms;
            self.tell(bus, Event::Tick { now_ms });
        }
    }

    /// Tells `event`, and takes it in as everybody does who hears it.
    fn tell(&mut self, bus: &Bus, event: Event) {
        if bus.watchers() > 0 {
            bus.publish(event.clone());
        }
        self.told.apply(event);
    }

    fn figures(&mut self, facts: &Facts, gateway: &Gateway, bus: &Bus) {
        let steering = facts.steering(self.moment);
        let about = about::about(facts, gateway, bus, &steering);
        if self.told.about != about {
            self.tell(bus, Event::About(about));
        }
        if self.told.steering != steering {
            self.tell(bus, Event::Steering(steering));
        }
        self.totals(bus);
        self.providers(gateway, bus);
    }

    fn totals(&mut self, bus: &Bus) {
        let totals = Totals {
            in_flight: self.under_way.0,
            queued: self.under_way.1,
            ..self.course.totals()
        };
        if self.told.totals != totals {
            self.tell(bus, Event::Totals(totals));
        }
    }

    fn requests(&mut self, gateway: &Gateway, bus: &Bus) {
        let is_watched = bus.watchers() > 0;
        let found = self.requests.look(gateway, self.moment);
        self.under_way = (found.in_flight, found.queued);
        for row in found.rows {
            self.tell(bus, Event::Request(row));
        }
        // What came and went while nobody watched is not lost: nobody has missed it.
        if found.lost > 0 && self.was_watched && is_watched {
            let mut lost = self.told.lost;
            lost.requests = lost.requests.saturating_add(found.lost);
            self.tell(bus, Event::Lost(lost));
        }
    }

    fn providers(&mut self, gateway: &Gateway, bus: &Bus) {
        let tried = gateway.health().targets();
        let steering = self.told.steering.clone();
        let mut names = Vec::new();
        for place in 0..gateway.keyrings().len() {
            let seen = Seen::new(gateway, place, &tried, &steering, Reach::Few, self.moment);
            let mut row = seen.row();
            self.course.tell(&mut row);
            names.push(row.name.clone());
            let mut told = self.told.providers.iter();
            if told.find(|told| told.name == row.name) != Some(&row) {
                self.tell(bus, Event::Provider(row));
            }
        }
        let told = self.told.providers.iter().map(|row| &row.name);
        if !told.eq(&names) {
            self.tell(bus, Event::Providers(names));
        }
    }

    fn tunnels(&mut self, facts: &Facts, bus: &Bus) {
        let rows = self.tunnels.rows(&facts.board.statuses(), self.moment);
        if self.told.tunnels != rows {
            self.tell(bus, Event::Tunnels(rows));
        }
    }

    fn log(&mut self, facts: &Facts, bus: &Bus) {
        let Some(tail) = &facts.tail else { return };
        let last = self.told.log.back().map_or(0, |line| line.number);
        if tail.last() <= last {
            return;
        }
        let (lines, gone) = tail.since(last);
        // What was written while nobody watched is not lost: nobody has missed it.
        if gone > 0 && self.was_watched && bus.watchers() > 0 {
            let mut all = self.told.lost;
            all.lines = all.lines.saturating_add(gone);
            self.tell(bus, Event::Lost(all));
        }
        for line in lines {
            self.tell(bus, Event::Log(line));
        }
    }
}
