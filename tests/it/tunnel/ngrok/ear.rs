//! Hears what this test's thread logs, as an operator does who asks for everything of ours.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

/// What has been heard. Hears until it is dropped.
pub(super) struct Ear {
    heard: Heard,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<String>>);

/// Listens to this thread, which is where the whole of a test runs.
pub(super) fn listen() -> Ear {
    let heard = Heard::default();
    let levels = Targets::new().with_default(LevelFilter::WARN);
    let levels = levels.with_target("autogw", LevelFilter::TRACE);
    let layer = heard.clone().with_filter(levels);
    let subscriber = tracing_subscriber::registry().with(layer);
    Ear {
        heard,
        _guard: tracing::subscriber::set_default(subscriber),
    }
}

impl Ear {
    /// All that has been said so far.
    pub(super) fn text(&self) -> String {
        self.heard.lock().clone()
    }
}

impl Heard {
    fn lock(&self) -> std::sync::MutexGuard<'_, String> {
        self.0.lock().expect("nobody panics while holding it")
    }
}

impl<S: Subscriber> Layer<S> for Heard {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = self.lock();
        event.record(&mut Fields(&mut text));
        text.push('\n');
    }
}

struct Fields<'t>(&'t mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, "{field}={value:?} ").expect("a string takes text");
    }
}
