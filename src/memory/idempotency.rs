//! Idempotency keys: which requests were sent under a name already, and what became of them.
//!
//! A name is taken while its request is under way and when it has been answered, and free again when it
//! came to nothing. Nothing of a request is kept but a hash.

use std::time::{Duration, Instant};

use super::Shelf;

/// How long an answered request is remembered.
pub const KEPT: Duration = Duration::from_hours(24);

/// Bytes of all names together: some tens of thousands of requests.
const MAX_BYTES: usize = 16 << 20;

/// What identifies the content of a request.
pub type Digest = [u8; 32];

/// See the module's head.
#[derive(Debug)]
pub struct Executions {
    shelf: Shelf<Execution>,
    turns: u64,
}

#[derive(Debug, Clone)]
struct Execution {
    content: Digest,
    request_id: String,
    turn: u64,
    is_done: bool,
}

/// Why a request must not be executed under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// The same request is under way.
    InProgress,
    /// The same request was answered, under this id.
    Done(String),
    /// The name is that of another request.
    OtherContent,
}

impl Default for Executions {
    fn default() -> Self {
        Self {
            shelf: Shelf::new(MAX_BYTES, KEPT),
            turns: 0,
        }
    }
}

impl Executions {
    /// Takes `name` for a request, and returns the turn under which that is settled.
    ///
    /// # Errors
    /// What became of the request that has the name.
    pub fn begin(
        &mut self,
        name: &str,
        content: Digest,
        request_id: &str,
        now: Instant,
    ) -> Result<u64, Taken> {
        match self.shelf.get(name, now) {
            Some(other) if other.content != content => return Err(Taken::OtherContent),
            Some(same) if same.is_done => return Err(Taken::Done(same.request_id.clone())),
            Some(_) => return Err(Taken::InProgress),
            None => {}
        }
        self.turns += 1;
        let execution = Execution {
            content,
            request_id: request_id.to_owned(),
            turn: self.turns,
            is_done: false,
        };
        self.put(name, execution, now);
        Ok(self.turns)
    }

    /// The request of this `turn` was answered: its name stays taken.
    pub fn done(&mut self, name: &str, turn: u64, now: Instant) {
        if let Some(execution) = self.of(name, turn, now) {
            let execution = Execution {
                is_done: true,
                ..execution.clone()
            };
            self.put(name, execution, now);
        }
    }

    /// The request of this `turn` came to nothing: its name is free again.
    pub fn free(&mut self, name: &str, turn: u64, now: Instant) {
        if self.of(name, turn, now).is_some() {
            self.shelf.remove(name);
        }
    }

    /// The execution called `name`, if it is still the one of this `turn`.
    fn of(&self, name: &str, turn: u64, now: Instant) -> Option<&Execution> {
        self.shelf
            .get(name, now)
            .filter(|execution| execution.turn == turn)
    }

    fn put(&mut self, name: &str, execution: Execution, now: Instant) {
        let bytes = size_of::<Execution>() + execution.request_id.len();
        self.shelf.put(name.to_owned(), execution, bytes, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Digest = [1; 32];
    const B: Digest = [2; 32];

    #[test]
    fn a_name_is_taken_while_its_request_runs_and_after_it_was_answered() {
        let (mut executions, now) = (Executions::default(), Instant::now());
        let turn = executions.begin("k", A, "req-1", now).expect("free");
        let again = executions.begin("k", A, "req-2", now);
        assert_eq!(again, Err(Taken::InProgress));
        executions.done("k", turn, now);
        let again = executions.begin("k", A, "req-3", now);
        assert_eq!(again, Err(Taken::Done("req-1".to_owned())));
        executions
            .begin("l", A, "req-4", now)
            .expect("another name");
    }

    #[test]
    fn a_name_stands_for_one_content_only() {
        let (mut executions, now) = (Executions::default(), Instant::now());
        let turn = executions.begin("k", A, "req-1", now).expect("free");
        let other = executions.begin("k", B, "req-2", now);
        assert_eq!(other, Err(Taken::OtherContent));
        executions.done("k", turn, now);
        let other = executions.begin("k", B, "req-3", now);
        assert_eq!(other, Err(Taken::OtherContent));
    }

    #[test]
    fn what_came_to_nothing_frees_its_name_and_nobody_elses() {
        let (mut executions, now) = (Executions::default(), Instant::now());
        let first = executions.begin("k", A, "req-1", now).expect("free");
        executions.free("k", first, now);
        let second = executions.begin("k", B, "req-2", now).expect("free again");
        executions.free("k", first, now);
        executions.done("k", first, now);
        let third = executions.begin("k", B, "req-3", now);
        assert_eq!(third, Err(Taken::InProgress));
        executions.done("k", second, now);
        let fourth = executions.begin("k", B, "req-4", now);
        assert_eq!(fourth, Err(Taken::Done("req-2".to_owned())));
    }

    #[test]
    fn a_day_later_nothing_is_known() {
        let (mut executions, now) = (Executions::default(), Instant::now());
        let turn = executions.begin("k", A, "req-1", now).expect("free");
        executions.done("k", turn, now + Duration::from_hours(1));
        let almost = now + KEPT;
        executions
            .begin("k", A, "req-2", almost)
            .expect_err("since its answer");
        let later = now + KEPT + Duration::from_hours(1);
        executions.begin("k", A, "req-2", later).expect("free");
    }

    #[test]
    fn however_many_names_there_are_memory_is_bounded() {
        let (mut executions, now) = (Executions::default(), Instant::now());
        for number in 0..60_000 {
            let name = format!("{number:0>300}");
            executions.begin(&name, A, "req", now).expect("free");
        }
        assert!(executions.shelf.bytes() <= MAX_BYTES);
        let last = format!("{:0>300}", 59_999);
        let known = executions.begin(&last, A, "req", now);
        assert_eq!(known, Err(Taken::InProgress), "the newest are known");
    }
}
