//! The house: how many requests it has room for at once, and how many bytes of their bodies.
//!
//! One house stands behind all doors. Whoever finds it full is refused at once, or waits for a while if
//! `router.limits.wait` says so; nobody is let in half. Taking and giving back are one atomic operation each.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::problem::Problem;
use crate::config::Limits;

/// See the module's head.
#[derive(Debug)]
pub struct House {
    places: Arc<Room>,
    bytes: Arc<Room>,
    /// In milliseconds.
    wait: AtomicU64,
}

impl House {
    /// A house with as much room as `limits` say.
    pub fn new(limits: Limits) -> Self {
        Self {
            places: Arc::new(Room::new(limits.in_flight)),
            bytes: Arc::new(Room::new(limits.buffered_bytes)),
            wait: AtomicU64::new(milliseconds(limits.wait)),
        }
    }

    /// Gives it as much room as `limits` say. Whoever is inside stays, even if there are more than that.
    pub fn resize(&self, limits: Limits) {
        self.places.resize(limits.in_flight);
        self.bytes.resize(limits.buffered_bytes);
        self.wait
            .store(milliseconds(limits.wait), Ordering::Relaxed);
    }

    /// A place for a request, if there is one; it is free again when the hold goes.
    pub fn try_enter(&self) -> Option<Hold> {
        let mut hold = Hold::nothing_of(&self.places);
        hold.try_grow(1).then_some(hold)
    }

    /// The same for a request that was `received` then and may wait.
    ///
    /// # Errors
    /// 503 when the house is full and stays so.
    pub async fn enter(&self, received: std::time::Instant) -> Result<Hold, Problem> {
        let mut hold = Hold::nothing_of(&self.places);
        hold.grow(1, self.until(received)).await?;
        Ok(hold)
    }

    /// Room for the body of a request that was `received` then; none is taken yet.
    pub fn luggage(&self, received: std::time::Instant) -> Luggage {
        Luggage {
            hold: Hold::nothing_of(&self.bytes),
            until: self.until(received),
        }
    }

    /// Requests under way, and bytes of bodies held.
    pub fn occupancy(&self) -> (usize, usize) {
        let taken = |room: &Room| room.taken.load(Ordering::Relaxed);
        (taken(&self.places), taken(&self.bytes))
    }

    /// Until when it waits: from the request's head on, whatever it waits for.
    fn until(&self, received: std::time::Instant) -> Instant {
        Instant::from_std(received) + Duration::from_millis(self.wait.load(Ordering::Relaxed))
    }
}

/// What a century has not enough of is cut.
fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis())
        .unwrap_or(u64::MAX)
        .min(1 << 41)
}

/// Room that is counted: never more is taken than there is.
#[derive(Debug)]
struct Room {
    most: AtomicUsize,
    taken: AtomicUsize,
    /// How many wait for some of it, so that nobody is notified who is not there.
    waiting: AtomicUsize,
    freed: Notify,
}

impl Room {
    fn new(most: usize) -> Self {
        Self {
            most: AtomicUsize::new(most),
            taken: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            freed: Notify::new(),
        }
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    fn resize(&self, most: usize) {
        self.most.store(most, Ordering::SeqCst);
        // Each who is let in wakes the next, as long as there is room.
        self.wake();
    }

    fn try_take(&self, amount: usize) -> bool {
        let most = self.most();
        let fits = |taken: usize| taken.checked_add(amount).filter(|sum| *sum <= most);
        // In one order with `waiting`: who frees sees who waits, or who waits sees what was freed.
        self.taken
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, fits)
            .is_ok()
    }

    fn give_back(&self, amount: usize) {
        self.taken.fetch_sub(amount, Ordering::SeqCst);
        self.wake();
    }

    /// Wakes one of those who wait.
    fn wake(&self) {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.freed.notify_one();
        }
    }
}

/// Somebody in front of a full room.
struct Waiting<'a>(&'a Room);

impl<'a> Waiting<'a> {
    fn at(room: &'a Room) -> Self {
        room.waiting.fetch_add(1, Ordering::SeqCst);
        Self(room)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What somebody has of a room; it is given back when this goes, however it goes.
#[derive(Debug)]
pub struct Hold {
    room: Arc<Room>,
    amount: usize,
}

impl Hold {
    fn nothing_of(room: &Arc<Room>) -> Self {
        Self {
            room: room.clone(),
            amount: 0,
        }
    }

    fn try_grow(&mut self, by: usize) -> bool {
        let grown = self.room.try_take(by);
        if grown {
            self.amount += by;
        }
        grown
    }

    /// Waits for room.
    ///
    /// # Cancel safety
    /// What is dropped while it waits has taken nothing.
    async fn grow(&mut self, by: usize, until: Instant) -> Result<(), Problem> {
        if self.try_grow(by) {
            return Ok(());
        }
        if Instant::now() >= until {
            return Err(Problem::house_full());
        }
        let room = self.room.clone();
        let _waiting = Waiting::at(&room);
        let waited = timeout_at(until, async {
            loop {
                let freed = room.freed.notified();
                if self.try_grow(by) {
                    return;
                }
                freed.await;
            }
        });
        waited.await.map_err(|_| Problem::house_full())?;
        // There may be room for another one: several may have left for one that was woken.
        room.wake();
        Ok(())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.amount > 0 {
            self.room.give_back(self.amount);
        }
    }
}

/// What the body of a request takes of the house.
#[derive(Debug)]
pub struct Luggage {
    hold: Hold,
    until: Instant,
}

impl Luggage {
    /// Whether `size` bytes could ever be held.
    ///
    /// # Errors
    /// 413 if not.
    pub fn could_hold(&self, size: usize) -> Result<(), Problem> {
        let most = self.hold.room.most();
        if size > most {
            return Err(Problem::larger_than_the_house(most));
        }
        Ok(())
    }

    /// Makes room for `size` bytes in all; what it has already counts. Returns how long that took.
    ///
    /// # Errors
    /// 503 when the house is full and stays so, 413 when it could never hold as much.
    pub async fn reserve(&mut self, size: usize) -> Result<Duration, Problem> {
        let by = size.saturating_sub(self.hold.amount);
        if by == 0 || self.hold.try_grow(by) {
            return Ok(Duration::ZERO);
        }
        self.could_hold(size)?;
        let began = Instant::now();
        Box::pin(self.hold.grow(by, self.until)).await?;
        Ok(began.elapsed())
    }

    /// `body`, which gives the room back when the last of it goes.
    pub fn around(self, body: Bytes) -> Bytes {
        if body.is_empty() {
            return body;
        }
        Bytes::from_owner(Held {
            body,
            _hold: self.hold,
        })
    }
}

/// A body with its room.
struct Held {
    body: Bytes,
    _hold: Hold,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use http::StatusCode;

    use super::*;

    fn house(in_flight: usize, buffered_bytes: usize, wait: Duration) -> House {
        House::new(Limits {
            in_flight,
            buffered_bytes,
            wait,
        })
    }

    fn now() -> std::time::Instant {
        Instant::now().into_std()
    }

    #[tokio::test]
    async fn a_full_house_refuses_at_once_and_has_room_when_somebody_leaves() {
        let house = house(2, 10, Duration::ZERO);
        let first = house.enter(now()).await.expect("room");
        let second = house.enter(now()).await.expect("room");
        let refused = house.enter(now()).now_or_never().expect("at once");
        let problem = refused.expect_err("full");
        assert_eq!(problem.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(problem.retry_after, Some(Duration::from_secs(1)));
        drop(first);
        let third = house.enter(now()).await.expect("room");
        assert_eq!(house.occupancy(), (2, 0));
        drop((second, third));
        assert_eq!(house.occupancy(), (0, 0));
    }

    #[tokio::test]
    async fn a_body_gives_its_room_back_with_the_last_piece_of_it() {
        let house = house(1, 10, Duration::ZERO);
        let mut luggage = house.luggage(now());
        luggage.reserve(4).await.expect("room");
        luggage.reserve(3).await.expect("counted already");
        luggage.reserve(6).await.expect("room");
        assert_eq!(house.occupancy(), (0, 6));
        let body = luggage.around(Bytes::from_static(b"abcdef"));
        assert_eq!(&body[..], b"abcdef");
        let piece = body.slice(2..3);
        drop(body);
        assert_eq!(house.occupancy(), (0, 6), "a piece keeps the whole");
        drop(piece);
        assert_eq!(house.occupancy(), (0, 0));
    }

    #[tokio::test]
    async fn what_never_fits_is_told_so() {
        let house = house(1, 10, Duration::from_hours(1));
        let mut luggage = house.luggage(now());
        let refused = luggage.reserve(11).now_or_never().expect("at once");
        let problem = refused.expect_err("too large");
        assert_eq!(problem.status, StatusCode::PAYLOAD_TOO_LARGE);
        luggage.reserve(10).await.expect("just fits");
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_let_in_when_there_is_room_and_refused_when_there_is_none() {
        let house = house(1, 10, Duration::from_secs(1));
        let held = house.enter(now()).await.expect("room");
        let began = Instant::now();
        house.enter(now()).await.expect_err("full");
        assert_eq!(began.elapsed(), Duration::from_secs(1));
        let received = now();
        let mut waits = std::pin::pin!(house.enter(received));
        assert!(waits.as_mut().now_or_never().is_none(), "it waits");
        drop(held);
        let let_in = waits.now_or_never().expect("woken, not timed out");
        drop(let_in.expect("room"));
        assert_eq!(house.occupancy(), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_waiting_takes_nobody_elses_turn() {
        let house = house(1, 10, Duration::from_mins(1));
        let held = house.enter(now()).await.expect("room");
        let received = now();
        let mut first = Box::pin(house.enter(received));
        let mut second = std::pin::pin!(house.enter(received));
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        drop(held);
        drop(first);
        second.now_or_never().expect("its turn").expect("room");
        assert_eq!(house.occupancy(), (0, 0));
        assert_eq!(house.places.waiting.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn counts_are_right_after_many_came_and_left_and_panicked() {
        let house = Arc::new(house(3, 100, Duration::from_mins(1)));
        let visit = |number: usize| {
            let house = house.clone();
            async move {
                let place = house.enter(now()).await.expect("room in time");
                let mut luggage = house.luggage(now());
                luggage
                    .reserve(number % 50 + 1)
                    .await
                    .expect("room in time");
                let (places, bytes) = house.occupancy();
                assert!(places <= 3 && bytes <= 100);
                tokio::task::yield_now().await;
                assert!(number % 7 != 3, "planted by a test");
                drop(place);
            }
        };
        let tasks: Vec<_> = (0..200).map(|number| tokio::spawn(visit(number))).collect();
        let mut panicked = 0;
        for (number, task) in tasks.into_iter().enumerate() {
            if number % 7 == 5 {
                task.abort();
            }
            panicked += usize::from(task.await.is_err_and(|error| error.is_panic()));
        }
        assert!(panicked > 10, "{panicked}");
        assert_eq!(house.occupancy(), (0, 0));
    }
}
