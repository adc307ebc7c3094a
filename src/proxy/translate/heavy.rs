//! Heavy requests: translating megabytes takes a worker away from everybody else, and many times their size
//! in memory. So they are translated beside the workers, and only so many at once.

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;

use crate::proxy::problem::Problem;

/// From here on a body is heavy.
const HEAVY: usize = 1024 * 1024;

/// Kilobytes of heavy bodies that are translated at the same time.
const AT_ONCE: u32 = 64 * 1024;

/// Most objects in a body that is to be translated: each costs many times its text. No conversation that
/// fits a model has as many.
const MAX_OBJECTS: usize = 300_000;

/// See the module's head.
#[derive(Debug)]
pub struct Gate(Semaphore);

impl Default for Gate {
    fn default() -> Self {
        Self(Semaphore::new(AT_ONCE as usize))
    }
}

impl Gate {
    /// Does `work` on a body of `weight` bytes, when it is its turn.
    ///
    /// # Cancel safety
    /// Whoever leaves while waiting has done nothing.
    pub async fn pass<T>(&self, weight: usize, work: impl FnOnce() -> T) -> T {
        if weight < HEAVY {
            return work();
        }
        let kilobytes = u32::try_from(weight / 1024).unwrap_or(AT_ONCE);
        let permit = self.0.acquire_many(kilobytes.min(AT_ONCE)).await;
        let result = beside(work);
        drop(permit);
        result
    }
}

/// Does `work` where it holds up nobody: others go on with this worker's tasks.
fn beside<T>(work: impl FnOnce() -> T) -> T {
    if Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread {
        tokio::task::block_in_place(work)
    } else {
        work()
    }
}

/// Refuses a body that would grow beyond measure when it is read.
pub fn check(body: &[u8]) -> Result<(), Problem> {
    let is_small = body.len() < HEAVY;
    if is_small || memchr::memchr_iter(b'{', body).count() <= MAX_OBJECTS {
        return Ok(());
    }
    let message =
        format!("a request that has to be translated may hold {MAX_OBJECTS} objects at most");
    Err(Problem::bad_request(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_many_objects_are_too_many() {
        assert!(check("{}".repeat(MAX_OBJECTS).as_bytes()).is_ok());
        assert!(check("{}".repeat(2 * MAX_OBJECTS).as_bytes()).is_err());
        assert!(check(&vec![b'a'; 32 << 20]).is_ok());
    }

    #[tokio::test]
    async fn heavy_work_waits_for_its_turn() {
        let gate = Gate::default();
        let all = gate.0.acquire_many(AT_ONCE).await.expect("open");
        let mut heavy = Box::pin(gate.pass(64 << 20, || "done"));
        assert!(futures_util::poll!(&mut heavy).is_pending());
        assert_eq!(gate.pass(10, || "at once").await, "at once");
        drop(all);
        assert_eq!(heavy.await, "done");
    }
}
