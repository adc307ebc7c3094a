//! Request bodies in, with a limit on size and a minimum pace; reply bodies out, with what ends with them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::Limits;
use super::clock::InFlight;
use super::keep_alive::KeepAlive;
use crate::proxy::body::Body;
use crate::proxy::house::{Hold, Luggage};
use crate::proxy::problem::Problem;
use std::time::Duration;

/// Most bytes of a refused body that are read to be thrown away.
const DISCARD_AT_MOST: usize = 64 * 1024 * 1024;

/// Collects a request body, unless the gateway ends first. Its room is given back with the last piece of it.
///
/// # Errors
/// 413 beyond `max`, 408 when it comes too slowly, 400 when it breaks off, 503 when there is no room for it or
/// `stopped` is cancelled.
pub async fn collect_until(
    stopped: &CancellationToken,
    body: &mut Incoming,
    max: usize,
    limits: &Limits,
    mut luggage: Luggage,
) -> Result<Bytes, Problem> {
    let collected = stopped.run_until_cancelled(async {
        let whole = collect(body, max, limits, &mut luggage).await?;
        Ok(luggage.around(whole))
    });
    collected
        .await
        .unwrap_or_else(|| Err(Problem::shutting_down()))
}

/// Of what is announced so much has room before any of it is read. The rest gets it as it comes: who announces
/// megabytes and sends none keeps nobody out.
const TRUSTED: usize = 1024 * 1024;

/// Collects a request body. One that came in one piece is not copied. There is room in `luggage` for the
/// beginning of what was announced before any of it is read, and for the rest as it comes.
async fn collect(
    body: &mut Incoming,
    max: usize,
    limits: &Limits,
    luggage: &mut Luggage,
) -> Result<Bytes, Problem> {
    let announced = body.size_hint().exact();
    if announced.is_some_and(|length| length > max as u64) {
        return Err(Problem::too_large(max));
    }
    let announced = announced.and_then(|length| usize::try_from(length).ok());
    let announced_size = announced.unwrap_or(0);
    luggage.could_hold(announced_size)?;
    luggage.reserve(announced_size.min(TRUSTED)).await?;
    let mut began = Instant::now();
    let (mut first, mut all) = (Bytes::new(), BytesMut::new());
    loop {
        let received = first.len() + all.len();
        let Some(chunk) = next_chunk(body, began + allowance(received, limits)).await? else {
            break;
        };
        if received + chunk.len() > max {
            return Err(Problem::too_large(max));
        }
        // The client is not to blame for that time.
        began += luggage.reserve(received + chunk.len()).await?;
        if received == 0 {
            first = chunk;
            continue;
        }
        if all.is_empty() {
            // An announced length is trusted for a first allocation only as far as it is plausible.
            all.reserve(announced.unwrap_or(0).clamp(received + chunk.len(), max));
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&chunk);
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// Reads what is left of a refused body, `within` a time and a size, and throws it away.
///
/// A connection that is closed with bytes unread is reset, and the reset may overtake the answer: the
/// client would see a broken pipe where it should read why it was refused.
pub async fn discard(body: &mut Incoming, within: Duration) {
    let by = Instant::now() + within;
    let mut left = DISCARD_AT_MOST;
    while let Ok(Some(chunk)) = next_chunk(body, by).await {
        match left.checked_sub(chunk.len()) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

fn allowance(received: usize, limits: &Limits) -> Duration {
    let rate = f64::from(limits.body_rate.max(1));
    #[expect(
        clippy::cast_precision_loss,
        reason = "bodies are far below 2^52 bytes"
    )]
    let earned = received as f64 / rate;
    limits.body + Duration::from_secs_f64(earned)
}

async fn next_chunk(body: &mut Incoming, by: Instant) -> Result<Option<Bytes>, Problem> {
    loop {
        match timeout_at(by, body.frame()).await {
            Err(_) => return Err(Problem::slow_body()),
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) => return Err(Problem::broken_body()),
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data()
                    && !data.is_empty()
                {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// The body of whatever the edge answers.
#[derive(Debug)]
pub struct EdgeBody {
    content: Content,
    /// Set where silence would be taken for death.
    keep_alive: Option<KeepAlive>,
    /// The connection's clock stands still until the answer is out.
    _in_flight: InFlight,
    /// The request's place in the house, where it needs one.
    _place: Option<Hold>,
}

#[derive(Debug)]
enum Content {
    Proxied(Body),
    Page(axum::body::Body),
}

impl EdgeBody {
    /// A body from the request path.
    pub fn proxied(body: Body, in_flight: InFlight) -> Self {
        Self {
            content: Content::Proxied(body),
            keep_alive: None,
            _in_flight: in_flight,
            _place: None,
        }
    }

    /// A body from a page.
    pub fn page(body: axum::body::Body, in_flight: InFlight) -> Self {
        Self {
            content: Content::Page(body),
            keep_alive: None,
            _in_flight: in_flight,
            _place: None,
        }
    }
}

impl EdgeBody {
    /// The same body, which keeps a place in the house until its end.
    #[must_use]
    pub fn keeping(self, place: Option<Hold>) -> Self {
        Self {
            _place: place,
            ..self
        }
    }

    /// The same stream of events, with `sign` in its silences.
    #[must_use]
    pub fn kept_alive(self, sign: &'static [u8]) -> Self {
        Self {
            keep_alive: Some(KeepAlive::new(sign)),
            ..self
        }
    }

    fn poll_content(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut self.content {
            Content::Proxied(body) => Pin::new(body).poll_frame(cx),
            Content::Page(body) => Pin::new(body).poll_frame(cx).map_err(io::Error::other),
        }
    }
}

impl HttpBody for EdgeBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let polled = self.poll_content(cx);
        let Some(silence) = &mut self.keep_alive else {
            return polled;
        };
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            silence.heard(frame.data_ref().map_or(&[], |data| data));
        }
        if polled.is_pending() {
            return silence
                .poll(cx)
                .map(|comment| Some(Ok(Frame::data(comment))));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Proxied(body) => body.is_end_stream(),
            Content::Page(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Proxied(body) => body.size_hint(),
            Content::Page(body) => body.size_hint(),
        }
    }
}
