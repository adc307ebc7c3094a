//! The stream of events, opened again whenever it breaks.
//!
//! ```text
//! opening ── hello ──> open ── event, event, …
//!    ^                  │ an end, 30 s of silence, an event out of all proportion
//!    └──── waiting <────┘ 0.25 s, then twice as long each time, or at once when a socket appears
//! ```

mod backoff;
mod stream;

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;

use super::client::{Client, Trouble};
use crate::telemetry::event::{Event, Hello};
use crate::telemetry::snapshot::VERSION;

use backoff::{Backoff, Mark};
use stream::Stream;

/// What a feed brings.
#[derive(Debug, Clone)]
pub enum News {
    /// The gateway is there; a snapshot follows. Another `instance` than before is another run.
    Connected(Hello),
    /// Something has changed.
    Event(Box<Event>),
    /// It is gone, and is looked for again.
    Disconnected {
        /// What happened.
        reason: String,
        /// The next look.
        again_in: Duration,
    },
}

/// See the module's head.
#[derive(Debug)]
pub struct Feed {
    client: Client,
    path: String,
    state: State,
    backoff: Backoff,
}

enum State {
    /// Nothing is done before `until`, unless a socket appears that is not the one of the `mark`.
    Waiting { until: Instant, mark: Mark },
    /// It is kept here so that whoever stops waiting for it does not stop it.
    Opening(Opening),
    /// Events come.
    Open(Box<Stream>),
}

type Opening = Pin<Box<dyn Future<Output = Result<(Stream, Hello), Trouble>> + Send>>;

impl Feed {
    /// The feed of the gateway that `client` asks.
    pub fn new(client: Client) -> Self {
        Self::at(client, "/v1/events".to_owned())
    }

    /// The same without what is not among `kinds`, e.g. `log,lost`. Snapshots always come.
    pub fn only(client: Client, kinds: &str) -> Self {
        Self::at(client, format!("/v1/events?only={kinds}"))
    }

    fn at(client: Client, path: String) -> Self {
        Self {
            state: State::Opening(opening(&client, &path)),
            client,
            path,
            backoff: Backoff::default(),
        }
    }

    /// What comes next; it never ends.
    ///
    /// # Cancel safety
    /// Nothing is lost if it is dropped, and what is under way goes on with the next call.
    pub async fn next(&mut self) -> News {
        loop {
            match &mut self.state {
                State::Waiting { until, mark } => {
                    backoff::wait(*until, mark, self.client.door()).await;
                    self.state = State::Opening(opening(&self.client, &self.path));
                }
                State::Opening(opening) => {
                    let reason = match opening.await {
                        Ok((stream, hello)) if hello.version == VERSION => {
                            self.state = State::Open(Box::new(stream));
                            return News::Connected(hello);
                        }
                        Ok((_, hello)) => foreign(&hello),
                        Err(trouble) => trouble.to_string(),
                    };
                    return self.gone(reason);
                }
                State::Open(stream) => match stream.next().await {
                    Ok(event) => {
                        // A gateway that hangs up after its first word is not asked four times a second.
                        self.backoff = Backoff::default();
                        return News::Event(Box::new(event));
                    }
                    Err(reason) => return self.gone(reason),
                },
            }
        }
    }

    fn gone(&mut self, reason: String) -> News {
        let again_in = self.backoff.next();
        self.state = State::Waiting {
            until: Instant::now() + again_in,
            mark: Mark::of(self.client.door()),
        };
        News::Disconnected { reason, again_in }
    }
}

fn opening(client: &Client, path: &str) -> Opening {
    Box::pin(Stream::open(client.clone(), path.to_owned()))
}

/// What is said to a gateway that speaks another language.
fn foreign(hello: &Hello) -> String {
    format!(
        "the gateway is autogw {} and speaks version {} of the admin API, this is autogw {} and speaks version \
         {VERSION}: use the same program for both",
        hello.autogw,
        hello.version,
        env!("CARGO_PKG_VERSION"),
    )
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Waiting { .. } => "Waiting",
            State::Opening(_) => "Opening",
            State::Open(_) => "Open",
        })
    }
}

#[cfg(test)]
mod tests;
