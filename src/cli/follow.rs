//! `--follow`: what a running gateway tells, for as long as anybody reads.
//!
//! A gateway that goes away is waited for, and that is said once; what was told before is not told again. Ctrl-C is
//! how a person ends it, so that is no failure, and neither is a reader that has gone.

use std::io;

use super::console::Console;
use super::exit::Exit;
use super::reach;
use super::table::plain;
use crate::attach::{Client, Feed, News, Trouble};
use crate::telemetry::event::Event;

/// Who makes lines of events.
pub(super) trait Teller {
    /// Another run of the gateway begins: its numbers begin anew.
    fn begin(&mut self);

    /// Tells what there is to tell. An error means that nobody reads any more.
    fn tell(&mut self, event: Event, console: &mut Console<'_>) -> io::Result<()>;
}

/// Has `teller` tell the events of these `kinds` until somebody ends it.
pub(super) async fn follow(
    client: Client,
    kinds: &str,
    teller: &mut impl Teller,
    console: &mut Console<'_>,
) -> Exit {
    let mut end = std::pin::pin!(tokio::signal::ctrl_c());
    let mut link = Link::default();
    let mut feed = Feed::only(client.clone(), kinds);
    loop {
        let news = tokio::select! {
            // Where there is no such signal the process ends without us.
            Ok(()) = &mut end => return Exit::Done,
            news = feed.next() => news,
        };
        match news {
            News::Connected(hello) => {
                if link.is_another(&hello.instance) {
                    teller.begin();
                }
                link.found(hello.instance, console);
            }
            News::Event(event) => {
                if teller.tell(*event, console).is_err() {
                    return Exit::Done;
                }
            }
            News::Disconnected { reason, .. } if link.instance.is_none() => {
                return absent(&client, &reason, console);
            }
            News::Disconnected { reason, .. } => link.lost(&reason, console),
        }
    }
}

/// Nobody was there from the beginning: a script is told so rather than kept waiting.
fn absent(client: &Client, reason: &str, console: &mut Console<'_>) -> Exit {
    let prefix = format!("no gateway answers at {}: ", client.door());
    let reason = reason.strip_prefix(&prefix).unwrap_or(reason).to_owned();
    let door = client.door().clone();
    reach::tell(&Trouble::Absent { door, reason }, console)
}

/// How it stands with the gateway, and what was said of that.
#[derive(Debug, Default)]
struct Link {
    instance: Option<String>,
    is_lost: bool,
}

impl Link {
    fn is_another(&self, instance: &str) -> bool {
        self.instance.as_deref() != Some(instance)
    }

    fn found(&mut self, instance: String, console: &mut Console<'_>) {
        if self.is_lost {
            let same = if self.is_another(&instance) {
                "another run of the gateway is there"
            } else {
                "the gateway is there again"
            };
            console.say(same);
        }
        self.is_lost = false;
        self.instance = Some(instance);
    }

    fn lost(&mut self, reason: &str, console: &mut Console<'_>) {
        if !self.is_lost {
            console.say(format_args!(
                "the gateway is gone ({}); waiting for it",
                plain(reason)
            ));
        }
        self.is_lost = true;
    }
}
