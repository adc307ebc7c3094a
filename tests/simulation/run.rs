//! A run: requests arrive, are planned, and fail over as the proxy does it, event by event in virtual time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use autogw::chat::{Failure, FailureClass, Next};
use autogw::config::Strategy;
use autogw::health::{Permit, Settings, Shut};
use autogw::route::Target;

use crate::chance::Chance;
use crate::house::House;
use crate::world::{Nature, Outcome, Script, World};

/// Attempts of one request, and how long it waits for a key when there is nobody else, as in the proxy.
const MAX_ATTEMPTS: u32 = 6;
const MAX_PATIENCE: f64 = 2.0;

/// Tokens of a request, of which a quarter are the answer's.
const TOKENS: f64 = 2_000.0;

/// Who puts targets in order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Chooser {
    Strategy(Strategy),
    /// Any order of those that stand ready.
    Random,
    /// By their true state, which nobody knows.
    Oracle,
}

impl Chooser {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Chooser::Strategy(strategy) => strategy.name(),
            Chooser::Random => "random",
            Chooser::Oracle => "oracle",
        }
    }
}

/// What is simulated.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) natures: Vec<Nature>,
    pub(crate) script: Script,
    /// Requests a second.
    pub(crate) rate: f64,
    /// Seconds of arrivals, and of those the first that counts.
    pub(crate) seconds: (f64, f64),
}

/// What came of a request.
#[derive(Debug, Clone)]
pub(crate) struct Story {
    pub(crate) arrived: f64,
    /// Seconds to the first token; `None` if nobody answered.
    pub(crate) waited: Option<f64>,
    /// Who answered.
    pub(crate) by: Option<usize>,
    /// In dollars.
    pub(crate) cost: f64,
}

/// A request under way.
struct Request {
    story: Story,
    queue: VecDeque<Target>,
    open: Vec<Target>,
    resting: Vec<(Target, f64, FailureClass)>,
    is_insisting: bool,
    repeats_left: u32,
    attempts: u32,
    attempt: Option<(Target, Permit)>,
}

/// What happens to the request of that number.
enum Event {
    Next(usize),
    First(usize, Duration),
    Last(usize),
    Failure(usize, Failure),
}

/// See the module's head.
struct Run {
    house: House,
    world: World,
    chooser: Chooser,
    all: Vec<Target>,
    chance: Chance,
    requests: Vec<Request>,
    events: Vec<Option<Event>>,
    agenda: BinaryHeap<Reverse<(Duration, usize)>>,
    second: f64,
}

/// Runs `scenario` to its end.
pub(crate) fn run(scenario: &Scenario, chooser: Chooser, seed: u64) -> Vec<Story> {
    let house = House::new(&scenario.natures, Settings::default());
    let mut run = Run {
        all: house.targets(),
        house,
        world: World::new(&scenario.natures, scenario.script, seed),
        chooser,
        chance: Chance::new(!seed),
        requests: Vec::new(),
        events: Vec::new(),
        agenda: BinaryHeap::new(),
        second: 0.0,
    };
    let mut arrivals = Chance::new(seed.rotate_left(17));
    let mut second = arrivals.gap(scenario.rate);
    while second < scenario.seconds.0 {
        run.arrive(second);
        second += arrivals.gap(scenario.rate);
    }
    while let Some(Reverse((time, number))) = run.agenda.pop() {
        run.second = time.as_secs_f64();
        let event = run.events[number].take().expect("it happens once");
        run.happen(event);
    }
    run.requests
        .into_iter()
        .map(|request| request.story)
        .collect()
}

impl Run {
    fn arrive(&mut self, second: f64) {
        self.requests.push(Request {
            story: Story {
                arrived: second,
                waited: None,
                by: None,
                cost: 0.0,
            },
            queue: VecDeque::new(),
            open: Vec::new(),
            resting: Vec::new(),
            is_insisting: false,
            repeats_left: 1,
            attempts: 0,
            attempt: None,
        });
        let number = self.requests.len() - 1;
        self.plan_to(Event::Next(number), second);
    }

    fn plan_to(&mut self, event: Event, second: f64) {
        let number = self.events.len();
        self.events.push(Some(event));
        self.agenda
            .push(Reverse((Duration::from_secs_f64(second), number)));
    }

    fn happen(&mut self, event: Event) {
        let now = self.house.at(self.second);
        match event {
            Event::Next(number) => {
                if self.requests[number].attempts == 0 && self.requests[number].resting.is_empty() {
                    self.make_plan(number);
                }
                self.go_on(number);
            }
            Event::First(number, rest) => {
                let request = &mut self.requests[number];
                let (_, permit) = request.attempt.as_mut().expect("it is under way");
                permit.answered(now);
                request.story.waited = Some(self.second - request.story.arrived);
                self.plan_to(Event::Last(number), self.second + rest.as_secs_f64());
            }
            Event::Last(number) => {
                let request = &mut self.requests[number];
                let (target, permit) = request.attempt.take().expect("it is under way");
                permit.completed(Some(500), now);
                let place = target.offer.provider;
                request.story.by = Some(place);
                request.story.cost = target.offer.price().unwrap_or(0.0) * TOKENS / 1e6;
                self.world.leave(place);
            }
            Event::Failure(number, failure) => {
                let dice = self.chance.number();
                let request = &mut self.requests[number];
                let (target, permit) = request.attempt.take().expect("it is under way");
                permit.failed(&failure, now, dice);
                self.world.leave(target.offer.provider);
                self.follow(number, target, &failure);
                self.go_on(number);
            }
        }
    }

    fn make_plan(&mut self, number: usize) {
        let dice = self.chance.number();
        let strategy = match self.chooser {
            Chooser::Strategy(strategy) => strategy,
            Chooser::Random => Strategy::Sequential,
            Chooser::Oracle => return self.foresee(number),
        };
        let mut plan = self.house.plan(strategy, dice, self.second);
        if self.chooser == Chooser::Random {
            self.chance.shuffle(&mut plan.targets);
        }
        let now = self.house.at(self.second);
        let second = self.second;
        let request = &mut self.requests[number];
        request.queue = plan.targets.into();
        request.open = plan
            .open
            .into_iter()
            .rev()
            .map(|(target, _)| target)
            .collect();
        let wakes = |until: std::time::Instant| second + (until - now).as_secs_f64();
        let resting = plan.resting.into_iter();
        request.resting = resting
            .map(|(target, until, class)| (target, wakes(until), class))
            .collect();
    }

    fn foresee(&mut self, number: usize) {
        let mut targets = self.all.clone();
        let time = |target: &Target| {
            let place = target.offer.provider;
            let refuses = self.world.refuses(place, self.second);
            let expected = self.world.expected_ms(place, self.second);
            if refuses { expected + 1e6 } else { expected }
        };
        targets.sort_by(|a, b| time(a).total_cmp(&time(b)));
        let request = &mut self.requests[number];
        request.queue = targets.into();
        request.is_insisting = true;
    }

    /// Asks whoever is next in line.
    fn go_on(&mut self, number: usize) {
        let now = self.house.at(self.second);
        while let Some(target) = self.next_target(number) {
            let request = &mut self.requests[number];
            let health = &self.house.health;
            let permit = if request.is_insisting {
                health.insist(&target.id, now)
            } else {
                health.admit(&target.id, now)
            };
            match permit {
                Ok(permit) => {
                    request.attempts += 1;
                    let place = target.offer.provider;
                    request.attempt = Some((target, permit));
                    return self.attempt(number, place);
                }
                Err(Shut::Open { .. }) if !request.is_insisting => request.open.push(target),
                Err(_) => {}
            }
        }
    }

    fn next_target(&mut self, number: usize) -> Option<Target> {
        let request = &mut self.requests[number];
        if request.attempts >= MAX_ATTEMPTS {
            return None;
        }
        if let Some(target) = request.queue.pop_front() {
            return Some(target);
        }
        if let Some(target) = request.open.pop() {
            request.is_insisting = true;
            request.open.clear();
            return Some(target);
        }
        let soonest = (0..request.resting.len())
            .min_by(|a, b| request.resting[*a].1.total_cmp(&request.resting[*b].1))?;
        let (_, until, class) = request.resting[soonest];
        if class == FailureClass::RateLimit && until <= self.second + MAX_PATIENCE {
            let (target, ..) = request.resting.swap_remove(soonest);
            request.queue.push_back(target);
            self.plan_to(Event::Next(number), until);
        }
        None
    }

    fn attempt(&mut self, number: usize, place: usize) {
        match self.world.attempt(place, self.second) {
            Outcome::Answer(first, last) => {
                let event = Event::First(number, last.saturating_sub(first));
                self.plan_to(event, self.second + first.as_secs_f64());
            }
            Outcome::Failure(after, failure) => {
                let event = Event::Failure(number, failure);
                self.plan_to(event, self.second + after.as_secs_f64());
            }
        }
    }

    fn follow(&mut self, number: usize, target: Target, failure: &Failure) {
        let request = &mut self.requests[number];
        let is_last = request.queue.is_empty();
        if failure.class == FailureClass::Server && is_last && request.repeats_left > 0 {
            request.repeats_left -= 1;
            request.queue.push_front(target);
        } else if failure.next == Next::Key
            && let Some(wait) = failure.retry_after
        {
            let until = self.second + wait.as_secs_f64().max(1.0);
            request.resting.push((target, until, failure.class));
        }
    }
}
