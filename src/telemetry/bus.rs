//! The bus: one observer tells, any number of watchers hear, and nobody is ever waited for.
//!
//! Nothing of this is on the path of a request. Requests keep books (counters, the ring of traces, the table of
//! live requests); while somebody watches, the observer reads the books a few times a second and publishes
//! what has changed. So watching costs the same whether ten requests come in a second or ten thousand.

use std::sync::Arc;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::event::Event;

/// Events that a watcher may be behind: some seconds of a busy gateway.
const BACKLOG: usize = 1024;

/// See the module's head. Clones are the same bus.
#[derive(Debug, Clone)]
pub struct Bus {
    sender: broadcast::Sender<Arc<Event>>,
}

impl Default for Bus {
    fn default() -> Self {
        Self {
            sender: broadcast::Sender::new(BACKLOG),
        }
    }
}

/// What a watcher hears.
#[derive(Debug)]
pub struct Watch {
    receiver: broadcast::Receiver<Arc<Event>>,
}

/// What a watcher hears next.
#[derive(Debug, Clone)]
pub enum Heard {
    /// An event.
    Event(Arc<Event>),
    /// It was too slow: so many events were missed, and it needs a new snapshot.
    Missed(u64),
    /// The gateway is gone.
    Gone,
}

impl Bus {
    /// Tells everybody who watches.
    pub fn publish(&self, event: Event) {
        // Nobody there is no failure.
        _ = self.sender.send(Arc::new(event));
    }

    /// Begins to watch. Take the snapshot afterwards: events are absolute, so what is told twice does no harm.
    pub fn watch(&self) -> Watch {
        Watch {
            receiver: self.sender.subscribe(),
        }
    }

    /// How many watch.
    pub fn watchers(&self) -> usize {
        self.sender.receiver_count()
    }
}

impl Watch {
    /// Goes on with what is told from now on; says how many events were passed over by that.
    pub fn catch_up(&mut self) -> u64 {
        let passed = self.receiver.len();
        self.receiver = self.receiver.resubscribe();
        u64::try_from(passed).unwrap_or(u64::MAX)
    }

    /// Waits for what is told next.
    ///
    /// # Cancel safety
    /// Nothing is lost if it is dropped.
    pub async fn next(&mut self) -> Heard {
        match self.receiver.recv().await {
            Ok(event) => Heard::Event(event),
            Err(RecvError::Lagged(missed)) => Heard::Missed(missed),
            Err(RecvError::Closed) => Heard::Gone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_watcher_is_told_how_much_it_has_missed() {
        let bus = Bus::default();
        let mut slow = bus.watch();
        for now_ms in 0..(BACKLOG as u64 + 3) {
            bus.publish(Event::Tick { now_ms });
        }
        assert!(matches!(slow.next().await, Heard::Missed(3)));
        let next = slow.next().await;
        let Heard::Event(event) = next else {
            panic!("{next:?}");
        };
        assert_eq!(*event, Event::Tick { now_ms: 3 });
    }

    #[test]
    fn telling_nobody_is_no_failure() {
        let bus = Bus::default();
        bus.publish(Event::Tick { now_ms: 1 });
        drop(bus.watch());
        assert_eq!(bus.watchers(), 0);
    }
}
