//! The panic hook: first the terminal is given back, then the one before has its turn.

use std::fmt;
use std::panic::{self, PanicHookInfo};
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;

use super::{Elsewhere, Given};

/// Panics that are kept.
const MOST: usize = 8;

type Before = Arc<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// Installed as long as it lives.
pub(super) struct Hook {
    before: Before,
    heard: Arc<Mutex<Vec<String>>>,
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook").finish_non_exhaustive()
    }
}

impl Hook {
    /// Gives the terminal back when this thread panics.
    pub(super) fn install(given: Arc<Given>, elsewhere: Elsewhere) -> Self {
        let before: Before = Arc::from(panic::take_hook());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let own = thread::current().id();
        let (next, kept) = (Arc::clone(&before), Arc::clone(&heard));
        panic::set_hook(Box::new(move |panic| {
            if thread::current().id() == own {
                given.back();
                next(panic);
            } else if elsewhere == Elsewhere::Logged {
                next(panic);
            } else {
                keep(&mut kept.lock(), panic.to_string());
            }
        }));
        Self { before, heard }
    }

    /// What other threads said so far.
    pub(super) fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.heard.lock())
    }
}

fn keep(heard: &mut Vec<String>, message: String) {
    if heard.len() < MOST {
        heard.push(message);
    }
}

impl Drop for Hook {
    /// The hook before is put back; while this thread panics, hooks cannot be changed, and ours does no harm.
    fn drop(&mut self) {
        if !thread::panicking() {
            drop(panic::take_hook());
            let before = Arc::clone(&self.before);
            panic::set_hook(Box::new(move |panic| before(panic)));
        }
    }
}
