//! The admin API of the real binary: who may ask, what is told, and that it is nowhere else.

mod doors;
mod tells;

use std::path::PathBuf;

use autogw::telemetry::event::{Event, Hello};
use autogw::telemetry::snapshot::Snapshot;
use serde_json::Value;

use crate::support::client::{Endpoint, Opened};
use crate::support::{Answer, Binary, Client};

/// Everything that can be asked without changing anything.
const PAGES: [&str; 8] = [
    "/v1/snapshot",
    "/v1/events",
    "/v1/requests",
    "/v1/requests/1",
    "/v1/providers/a",
    "/v1/config",
    "/v1/logs",
    "/openapi.json",
];

/// Everything that is done by asking.
const DEEDS: [&str; 3] = ["/v1/decide", "/v1/acts", "/v1/reload"];

fn socket(binary: &Binary) -> PathBuf {
    binary.home().join("run/admin.sock")
}

/// The admin API of `binary`, at its socket.
fn admin(binary: &Binary) -> Client {
    Client::new(Endpoint::Unix(socket(binary)))
}

async fn snapshot(admin: &Client) -> Snapshot {
    let answer = admin.get("/v1/snapshot").send().await.expect_status(200);
    serde_json::from_value(answer.json()).expect("a snapshot")
}

/// That `answer` is an error in the one shape there is.
#[track_caller]
fn assert_failed(answer: Answer, status: u16) -> Value {
    let told = answer.expect_status(status).json();
    let error = &told["error"];
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty()),
        "{told}"
    );
    assert!(
        error.get("hint").is_some() && error["details"].is_array(),
        "{told}"
    );
    told
}

/// A stream of events that is being read.
struct Watch {
    answer: Opened,
    text: String,
    /// The number that comes next.
    number: u64,
}

impl Watch {
    /// Begins to watch; returns what is told first.
    async fn begin(admin: &Client, target: &str) -> (Self, Hello, Snapshot) {
        let answer = admin.get(target).open().await;
        assert_eq!(answer.status, 200);
        let mut watch = Self {
            answer,
            text: String::new(),
            number: 0,
        };
        let (name, data) = watch.block().await;
        assert_eq!(name, "hello");
        let hello: Hello = serde_json::from_str(&data).expect("a hello");
        let Event::Snapshot(snapshot) = watch.next().await else {
            panic!("no snapshot");
        };
        (watch, hello, *snapshot)
    }

    async fn next(&mut self) -> Event {
        let (name, data) = self.block().await;
        let event: Event = serde_json::from_str(&data).unwrap_or_else(|e| panic!("{e}: {data}"));
        assert_eq!(event.name(), name);
        event
    }

    /// The first that `picks` makes something of.
    async fn find<T>(&mut self, picks: impl Fn(&Event) -> Option<T>) -> T {
        loop {
            if let Some(found) = picks(&self.next().await) {
                return found;
            }
        }
    }

    /// Name and data of the next event, whose number must be the next as well.
    async fn block(&mut self) -> (String, String) {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                if block.starts_with(':') {
                    continue;
                }
                let field = |name: &str| {
                    let mut lines = block.lines();
                    let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                    line.unwrap_or_else(|| panic!("no {name} in {block}"))
                        .to_owned()
                };
                assert_eq!(field("id"), self.number.to_string());
                self.number += 1;
                return (field("event"), field("data"));
            }
            let piece = self.answer.piece().await.expect("the stream goes on");
            self.text.push_str(&String::from_utf8_lossy(&piece));
        }
    }

    /// Waits for the end of the stream.
    async fn ended(mut self) {
        self.answer.drain().await;
    }
}
