//! Exports requests as OpenTelemetry spans, where somebody has said where to.
//!
//! A task reads finished requests out of the ring of traces, so nothing of this is on their path. Spans wait
//! in a queue with a bound, and go out together; what does not fit, or left the ring too early, is counted.
//! A collector that does not answer is asked again ever more rarely, and said to be gone once.

mod settings;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::proxy::current::Current;
use crate::proxy::gateway::Gateway;
use crate::proxy::upstream::Tls;
use crate::telemetry::otlp::{self, Scribe};
use crate::telemetry::trace::Trace;

pub use settings::Settings;

/// The target of log lines about it.
const TARGET: &str = "autogw::otlp";

/// How often the ring is looked at: it holds more than comes in this time.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Spans that go out together.
const BATCH: usize = 512;

/// Spans that wait at most: a megabyte or two.
const MOST_WAITING: usize = 4 * BATCH;

/// How long a collector may take, as OpenTelemetry's own exporters give it.
const WITHIN: Duration = Duration::from_secs(10);

/// How long the last spans may take at the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long it is waited after a failure, at first and at most.
const REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_mins(1);

/// Spans under way: what became of them.
type Sending = Pin<Box<dyn Future<Output = Sent> + Send>>;

/// What became of spans.
enum Sent {
    Taken,
    /// They may be sent again.
    Later(Vec<Value>, String),
    /// They were refused.
    Never(usize, String),
}

/// Exports the requests of the gateway until `over` is cancelled, and what is left then.
pub(super) async fn run(current: Arc<Current>, settings: Settings, over: CancellationToken) {
    let client = match client().await {
        Ok(client) => client,
        Err(error) => {
            let reason = error.without_url().to_string();
            tracing::warn!(target: TARGET, reason, "spans cannot be exported");
            return;
        }
    };
    let mut exporter = Exporter::new(current, settings, client);
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sending = None;
    loop {
        tokio::select! {
            () = over.cancelled() => break,
            _ = look.tick() => exporter.collect(),
            sent = done(&mut sending) => {
                sending = None;
                exporter.settle(sent);
            }
        }
        if sending.is_none() {
            sending = exporter.next();
        }
    }
    exporter.collect();
    // Whoever waits for the end does not wait for a collector that is gone.
    let _ = timeout(FAREWELL, exporter.finish(sending)).await;
}

/// Waits for what is under way; for ever if nothing is.
///
/// # Cancel safety
/// Nothing is lost if it is dropped.
async fn done(sending: &mut Option<Sending>) -> Sent {
    match sending {
        Some(sending) => sending.await,
        None => std::future::pending().await,
    }
}

async fn client() -> reqwest::Result<Client> {
    let tls = (*Tls::default().client_config().await).clone();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .user_agent(concat!("autogw/", env!("CARGO_PKG_VERSION")))
        .timeout(WITHIN)
        .build()
}

struct Exporter {
    current: Arc<Current>,
    settings: Settings,
    client: Client,
    /// Requests that were in the ring so far.
    seen: u64,
    waiting: VecDeque<Value>,
    /// When the first of those that wait has waited long enough.
    due: Option<Instant>,
    /// Before this nobody is asked again.
    rests_until: Option<Instant>,
    rest: Duration,
    /// Whether it has been said that something is wrong.
    is_in_trouble: bool,
    /// Spans and requests that were lost since the last time that was said.
    lost: u64,
}

impl Exporter {
    fn new(current: Arc<Current>, settings: Settings, client: Client) -> Self {
        Self {
            current,
            settings,
            client,
            seen: 0,
            waiting: VecDeque::new(),
            due: None,
            rests_until: None,
            rest: REST,
            is_in_trouble: false,
            lost: 0,
        }
    }

    /// Takes what is new out of the ring.
    fn collect(&mut self) {
        let gateway = self.current.load();
        let (traces, ended) = gateway.traces().since(self.seen, Trace::clone);
        let missed = (ended - self.seen).saturating_sub(traces.len() as u64);
        self.seen = ended;
        if missed > 0 {
            self.lose(missed, "requests came faster than they could be read");
        }
        let mut clerk = Clerk(&gateway);
        for trace in &traces {
            self.waiting.extend(otlp::spans(trace, &mut clerk));
        }
        self.make_room();
        if !self.waiting.is_empty() {
            self.due
                .get_or_insert_with(|| Instant::now() + self.settings.delay);
        }
    }

    /// The oldest go first: what happens now is what somebody looks for.
    fn make_room(&mut self) {
        let beyond = self.waiting.len().saturating_sub(MOST_WAITING);
        if beyond > 0 {
            self.waiting.drain(..beyond);
            self.lose(beyond as u64, "the collector does not keep up");
        }
    }

    /// What is lost is said when it begins, and counted from then on.
    fn lose(&mut self, count: u64, reason: &str) {
        if self.lost == 0 {
            tracing::warn!(target: TARGET, reason, "spans are lost");
        }
        self.lost += count;
    }

    /// Sends what is to be sent now, if anything is.
    fn next(&mut self) -> Option<Sending> {
        let now = Instant::now();
        let may = self.rests_until.is_none_or(|until| until <= now);
        let must = self.waiting.len() >= BATCH || self.due.is_some_and(|due| due <= now);
        (may && must).then(|| self.send())
    }

    fn send(&mut self) -> Sending {
        let count = self.waiting.len().min(BATCH);
        let spans: Vec<Value> = self.waiting.drain(..count).collect();
        self.due = (!self.waiting.is_empty()).then(|| Instant::now() + self.settings.delay);
        let export = otlp::export(&self.settings.service, self.current.load().via(), &spans);
        let request = self
            .client
            .post(self.settings.endpoint.clone())
            .headers(self.settings.headers.clone())
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(export.to_string());
        Box::pin(async move {
            match request.send().await {
                Ok(answer) if answer.status().is_success() => Sent::Taken,
                Ok(answer) if may_come_again(answer.status()) => {
                    Sent::Later(spans, format!("it answered {}", answer.status()))
                }
                Ok(answer) => {
                    let reason = format!("it answered {}", answer.status());
                    Sent::Never(spans.len(), reason)
                }
                // The address may hold a key.
                Err(error) => Sent::Later(spans, error.without_url().to_string()),
            }
        })
    }

    fn settle(&mut self, sent: Sent) {
        match sent {
            Sent::Taken => {
                if self.is_in_trouble || self.lost > 0 {
                    let lost = self.lost;
                    tracing::info!(target: TARGET, lost, "spans are exported again");
                }
                (self.is_in_trouble, self.lost) = (false, 0);
                (self.rest, self.rests_until) = (REST, None);
            }
            Sent::Later(spans, reason) => {
                for span in spans.into_iter().rev() {
                    self.waiting.push_front(span);
                }
                self.due = Some(Instant::now());
                self.trouble(&reason);
                self.make_room();
            }
            Sent::Never(count, reason) => {
                self.trouble(&reason);
                self.lose(count as u64, "the collector refuses them");
            }
        }
    }

    fn trouble(&mut self, reason: &str) {
        if !self.is_in_trouble {
            tracing::warn!(target: TARGET, reason, "the collector does not take spans");
        }
        self.is_in_trouble = true;
        self.rests_until = Some(Instant::now() + self.rest);
        self.rest = (self.rest * 2).min(LONGEST_REST);
    }

    /// Sends what is left, as long as it is taken.
    async fn finish(mut self, sending: Option<Sending>) {
        if let Some(sending) = sending {
            self.settle(sending.await);
        }
        while !self.waiting.is_empty() && !self.is_in_trouble {
            let sent = self.send().await;
            self.settle(sent);
        }
    }
}

/// Whether OTLP lets the same spans be sent again after this status.
fn may_come_again(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

/// What spans are written with.
struct Clerk<'a>(&'a Gateway);

impl Scribe for Clerk<'_> {
    fn id(&mut self) -> u64 {
        // Without the system's random numbers there are our own, which are none that anybody else has.
        let id = getrandom::u64().unwrap_or_else(|_| self.0.next_dice());
        id.max(1)
    }

    fn kind(&self, provider: &str) -> Option<String> {
        let mut rings = self.0.keyrings().iter();
        let ring = rings.find(|ring| &*ring.provider.name == provider)?;
        Some(ring.provider.preset.kind.clone())
    }

    fn clean(&self, text: &str) -> String {
        self.0.redactor().redact(text).into_owned()
    }
}
