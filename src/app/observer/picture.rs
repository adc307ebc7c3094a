//! The picture: what was told last. A look compares the books with it and publishes the difference.

use super::Facts;
use super::about;
use super::moment::Moment;
use super::providers::Seen;
use super::tunnels::Past;
use crate::proxy::gateway::Gateway;
use crate::telemetry::bus::Bus;
use crate::telemetry::event::Event;
use crate::telemetry::snapshot::Snapshot;

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
        let now_ms = self.moment.now_ms();
        // Their pasts would have holes otherwise.
        self.tunnels(facts, bus);
        if depth == Depth::Samples {
            return;
        }
        let is_time = now_ms.saturating_sub(self.figures_ms) >= FIGURES_EVERY_MS;
        if depth == Depth::Everything || is_time {
            self.figures_ms = now_ms;
            self.figures(facts, &facts.gateway(), bus);
        }
        self.log(facts, bus);
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
        self.providers(gateway, bus);
    }

    fn providers(&mut self, gateway: &Gateway, bus: &Bus) {
        let tried = gateway.health().targets();
        let steering = self.told.steering.clone();
        let mut names = Vec::new();
        for place in 0..gateway.keyrings().len() {
            let row = Seen::new(gateway, place, &tried, &steering, self.moment).row();
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
        let (lines, lost) = tail.since(last);
        // What was written while nobody watched is not lost: nobody has missed it.
        if lost > 0 && last > 0 && bus.watchers() > 0 {
            let mut all = self.told.lost;
            all.lines = all.lines.saturating_add(lost);
            self.tell(bus, Event::Lost(all));
        }
        for line in lines {
            self.tell(bus, Event::Log(line));
        }
    }
}
