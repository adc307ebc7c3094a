//! The probe: a page behind a public door that only this gateway can ask for, and only it can answer.
//!
//! Its path is a secret of this run, and its answer another one, so an answer that carries it has come
//! from here through the tunnel. It is a stream of two events, and the second is sent only when the
//! first was seen at the other end, which is known as both ends are here: no clock decides whether
//! streams come through event by event. No client key is sent to a public address for this.
//!
//! It is answered once for each time that it is asked, and at no other: who learns the path, because the
//! name leads somewhere else, learns nothing else by it.
//!
//! It is a POST, as Cloudflare's quick tunnels are known to hold back streams that answer a GET.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Response, header};
use futures_util::{FutureExt as _, stream};
use subtle::ConstantTimeEq as _;
use tokio::sync::Notify;

/// Where the probe is answered, before its secret.
const PREFIX: &str = "/.well-known/autogw/";

/// How long the second event waits for the first to be seen: what holds streams back would do so for
/// ever, and everything else is far faster.
const HELD_BACK: Duration = Duration::from_secs(5);

/// See the module's head.
#[derive(Debug)]
pub struct Probe {
    path: String,
    proof: String,
    seen: Notify,
    /// Whether the other end is waiting for an answer that has not been given.
    is_asked: AtomicBool,
}

/// A question under way; when it goes, the page goes.
#[derive(Debug)]
pub struct Question<'a>(&'a Probe);

impl Drop for Question<'_> {
    fn drop(&mut self) {
        self.0.is_asked.store(false, Ordering::Relaxed);
    }
}

impl Probe {
    /// A probe with fresh secrets.
    ///
    /// # Errors
    /// The operating system gave no random numbers.
    pub fn new() -> Result<Self, getrandom::Error> {
        Ok(Self {
            path: format!("{PREFIX}{}", secret()?),
            proof: secret()?,
            seen: Notify::new(),
            is_asked: AtomicBool::new(false),
        })
    }

    /// From now on, and until what is returned goes, the page can be asked for, once.
    #[must_use]
    pub fn ask(&self) -> Question<'_> {
        self.is_asked.store(true, Ordering::Relaxed);
        Question(self)
    }

    /// The path to POST to.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What its events carry.
    pub fn proof(&self) -> &str {
        &self.proof
    }

    /// The first event has arrived at the other end.
    pub fn saw_first(&self) {
        self.seen.notify_one();
    }

    /// Whether a request is the one that is waited for, which it can be only once. The time this takes does
    /// not tell how near a guess is.
    pub(super) fn expects(&self, head: &Parts) -> bool {
        let path = head.uri.path().as_bytes();
        let is_at = bool::from(path.ct_eq(self.path.as_bytes()));
        is_at && head.method == Method::POST && self.is_asked.swap(false, Ordering::Relaxed)
    }

    /// The answer.
    pub(super) fn answer(self: Arc<Self>) -> Response<Body> {
        let first = format!("data: {} first\n\n", self.proof);
        // An earlier probe that was given up may have left its sign.
        let _ = self.seen.notified().now_or_never();
        let last = async move {
            let was_seen = tokio::time::timeout(HELD_BACK, self.seen.notified()).await;
            let how = if was_seen.is_ok() { "live" } else { "held" };
            Bytes::from(format!("data: {} {how}\n\n", self.proof))
        };
        let events = stream::unfold(Events::First(first, last), Events::next);
        let mut response = Response::new(Body::from_stream(Box::pin(events)));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(EVENTS));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(UNTOUCHED));
        response
    }
}

const EVENTS: &str = "text/event-stream";
const UNTOUCHED: &str = "no-cache, no-transform";

/// Two events.
enum Events<F> {
    First(String, F),
    Last(F),
    Over,
}

impl<F: Future<Output = Bytes>> Events<F> {
    async fn next(self) -> Option<(Result<Bytes, std::convert::Infallible>, Self)> {
        match self {
            Events::First(event, last) => Some((Ok(event.into()), Events::Last(last))),
            Events::Last(last) => Some((Ok(last.await), Events::Over)),
            Events::Over => None,
        }
    }
}

/// 128 random bits in hexadecimal.
fn secret() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(bytes
        .iter()
        .fold(String::with_capacity(32), |mut text, byte| {
            let written = write!(text, "{byte:02x}");
            debug_assert!(written.is_ok(), "writing to a String cannot fail");
            text
        }))
}
