//! The table of requests under way.
//!
//! A request enters when its book is opened and leaves when it is closed, whatever the end was. Between
//! the two it writes into its own row and meets nobody: who reads the table pays for the reading.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use http::HeaderValue;
use parking_lot::Mutex;

use super::snapshot::Phase;

/// Parts of the table: requests that enter at once seldom meet at one lock.
const SHARDS: usize = 16;

/// Rows of one part. There are fewer requests at once unless somebody has configured more than memory is
/// good for; those beyond are served, and not shown.
const MOST: usize = 4096;

/// Most providers that are remembered of one request.
const MOST_BEFORE: usize = 16;

/// The place of a row that is not shown.
const NOWHERE: u32 = u32::MAX;

/// See the module's head.
#[derive(Debug)]
pub struct Live {
    next: AtomicU64,
    here: AtomicUsize,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Debug, Default)]
struct Shard {
    rows: Vec<Option<Arc<Row>>>,
    free: Vec<u32>,
}

/// One request, as it writes about itself.
#[derive(Debug)]
pub struct Row {
    /// Its number in this run, from 1.
    pub number: u64,
    /// Its id, as it stands in the answer.
    pub request_id: HeaderValue,
    /// Whose key it came with.
    pub client: Arc<str>,
    /// The tunnel it came through.
    pub door: Option<&'static str>,
    /// What was asked.
    pub endpoint: &'static str,
    /// When its head had arrived.
    pub received: Instant,
    slot: AtomicU32,
    asked: OnceLock<Box<str>>,
    course: Mutex<Course>,
    events: AtomicU64,
}

/// How far it has come.
#[derive(Debug, Default)]
struct Course {
    attempts: u32,
    target: Option<(Arc<str>, Arc<str>)>,
    /// The providers that were asked before; of a request that goes well none.
    before: Vec<Arc<str>>,
    first_token: Option<Duration>,
}

/// Who comes, as the table is told.
#[derive(Debug)]
pub struct Arrival {
    /// Its id, as it stands in the answer.
    pub request_id: HeaderValue,
    /// Whose key it came with.
    pub client: Arc<str>,
    /// The tunnel it came through.
    pub door: Option<&'static str>,
    /// What was asked.
    pub endpoint: &'static str,
    /// When its head had arrived.
    pub received: Instant,
}

/// One request, as others read about it.
#[derive(Debug, Clone)]
pub struct LiveRow {
    /// Its number in this run, from 1; later requests have larger ones.
    pub number: u64,
    /// Its id, as it stands in the answer; see [`LiveRow::id`].
    pub request_id: HeaderValue,
    /// Whose key it came with.
    pub client: Arc<str>,
    /// The tunnel it came through.
    pub door: Option<&'static str>,
    /// What was asked.
    pub endpoint: &'static str,
    /// The model string, as soon as it is known.
    pub asked: String,
    /// When its head had arrived.
    pub received: Instant,
    /// How far it has come; never [`Phase::Over`].
    pub phase: Phase,
    /// Who was asked last.
    pub provider: Option<Arc<str>>,
    /// For which model.
    pub model: Option<Arc<str>>,
    /// Attempts so far.
    pub attempts: u32,
    /// The providers that were asked before, in their order.
    pub before: Vec<Arc<str>>,
    /// To the first token.
    pub first_token: Option<Duration>,
    /// Events of the answer so far.
    pub events: u64,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            next: AtomicU64::new(1),
            here: AtomicUsize::new(0),
            shards: Default::default(),
        }
    }
}

impl Live {
    /// A request enters. Whoever has its row gives it back to [`Live::leave`].
    pub fn enter(&self, arrival: Arrival) -> Arc<Row> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.here.fetch_add(1, Ordering::Relaxed);
        let row = Arc::new(Row {
            number,
            request_id: arrival.request_id,
            client: arrival.client,
            door: arrival.door,
            endpoint: arrival.endpoint,
            received: arrival.received,
            slot: AtomicU32::new(NOWHERE),
            asked: OnceLock::new(),
            course: Mutex::default(),
            events: AtomicU64::new(0),
        });
        self.shard(number).lock().take(&row);
        row
    }

    /// A request leaves.
    pub fn leave(&self, row: &Row) {
        self.here.fetch_sub(1, Ordering::Relaxed);
        let slot = row.slot.load(Ordering::Relaxed);
        let gone = self.shard(row.number).lock().give_back(slot);
        // Freed behind the lock.
        drop(gone);
    }

    /// How many are under way.
    pub fn count(&self) -> usize {
        self.here.load(Ordering::Relaxed)
    }

    /// All that are under way, by number.
    pub fn rows(&self) -> Vec<LiveRow> {
        let mut all: Vec<Arc<Row>> = Vec::new();
        for shard in &self.shards {
            all.extend(shard.lock().rows.iter().flatten().cloned());
        }
        all.sort_unstable_by_key(|row| row.number);
        all.iter().map(|row| row.told()).collect()
    }

    fn shard(&self, number: u64) -> &Mutex<Shard> {
        let place = usize::try_from(number).unwrap_or(0) % SHARDS;
        &self.shards[place]
    }
}

impl Shard {
    fn take(&mut self, row: &Arc<Row>) {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.rows.len() < MOST => {
                self.rows.push(None);
                u32::try_from(self.rows.len() - 1).unwrap_or(NOWHERE)
            }
            None => return,
        };
        if let Some(place) = self.rows.get_mut(slot as usize) {
            row.slot.store(slot, Ordering::Relaxed);
            *place = Some(row.clone());
        }
    }

    fn give_back(&mut self, slot: u32) -> Option<Arc<Row>> {
        let row = self.rows.get_mut(slot as usize)?.take();
        self.free.push(slot);
        row
    }
}

impl Row {
    /// The model that it asks for; only the first word counts.
    pub fn asks_for(&self, model: &str) {
        // Who has said it already has said it.
        _ = self.asked.set(model.into());
    }

    /// The model string, or nothing yet.
    pub fn asked(&self) -> &str {
        self.asked.get().map_or("", |model| model)
    }

    /// A target is asked.
    pub fn tries(&self, provider: &Arc<str>, model: &Arc<str>) {
        let mut course = self.course.lock();
        course.attempts = course.attempts.saturating_add(1);
        let target = Some((provider.clone(), model.clone()));
        if let Some((before, _)) = std::mem::replace(&mut course.target, target)
            && course.before.len() < MOST_BEFORE
        {
            course.before.push(before);
        }
    }

    /// The first token came so long after it was received.
    pub fn first_token(&self, after: Duration) {
        self.course.lock().first_token = Some(after);
    }

    /// So many more events of its answer have come.
    pub fn writes(&self, events: u64) {
        self.events.fetch_add(events, Ordering::Relaxed);
    }

    fn told(&self) -> LiveRow {
        let course = self.course.lock();
        let (provider, model) = course.target.clone().unzip();
        LiveRow {
            number: self.number,
            request_id: self.request_id.clone(),
            client: self.client.clone(),
            door: self.door,
            endpoint: self.endpoint,
            asked: self.asked().to_owned(),
            received: self.received,
            phase: match (course.first_token, course.attempts) {
                (Some(_), _) => Phase::Streaming,
                (None, 0) => Phase::Queued,
                (None, _) => Phase::Waiting,
            },
            provider,
            model,
            attempts: course.attempts,
            before: course.before.clone(),
            first_token: course.first_token,
            events: self.events.load(Ordering::Relaxed),
        }
    }
}

impl LiveRow {
    /// Its id as text; the edge lets only visible ASCII through.
    pub fn id(&self) -> &str {
        self.request_id.to_str().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival() -> Arrival {
        Arrival {
            request_id: HeaderValue::from_static("r"),
            client: "c".into(),
            door: None,
            endpoint: "/chat/completions",
            received: Instant::now(),
        }
    }

    #[test]
    fn a_row_follows_its_request_from_queue_to_stream() {
        let live = Live::default();
        let row = live.enter(arrival());
        let phase = || live.rows().first().map(|row| row.phase);
        assert_eq!(phase(), Some(Phase::Queued));
        row.asks_for("m");
        row.tries(&"p".into(), &"m".into());
        assert_eq!(phase(), Some(Phase::Waiting));
        row.first_token(Duration::from_millis(3));
        row.writes(2);
        let told = live.rows().remove(0);
        assert_eq!((told.phase, told.events), (Phase::Streaming, 2));
        assert_eq!((told.id(), &*told.asked, told.attempts), ("r", "m", 1));
        live.leave(&row);
        assert_eq!((live.rows().len(), live.count()), (0, 0));
    }

    #[test]
    fn numbers_only_grow_and_places_are_used_again() {
        let live = Live::default();
        for round in 0..1000 {
            let rows: Vec<_> = (0..40).map(|_| live.enter(arrival())).collect();
            let numbers: Vec<_> = live.rows().iter().map(|row| row.number).collect();
            assert!(numbers.is_sorted() && numbers.len() == 40);
            assert_eq!(numbers[0], round * 40 + 1);
            for row in &rows {
                live.leave(row);
            }
        }
        let places: usize = live
            .shards
            .iter()
            .map(|shard| shard.lock().rows.len())
            .sum();
        assert!(places <= 48, "{places}");
    }

    #[test]
    fn who_finds_no_place_is_counted_and_leaves_without_harm() {
        let live = Live::default();
        let most = MOST * 16;
        let rows: Vec<_> = (0..most + 10).map(|_| live.enter(arrival())).collect();
        assert_eq!((live.rows().len(), live.count()), (most, most + 10));
        for row in &rows {
            live.leave(row);
        }
        assert_eq!((live.rows().len(), live.count()), (0, 0));
    }
}
