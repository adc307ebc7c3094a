//! The pictures of the README: what the dashboard shows of a demo, drawn by the real binary.
//!
//! `UPDATE_PICTURES=1 cargo test --test it pictures` writes them; else it is seen that each can be made.

mod svg;

use std::path::Path;
use std::sync::Arc;

use autogw::telemetry::snapshot::Snapshot;
use futures_util::future::join_all;
use serde_json::json;

use crate::support::client::Endpoint;
use crate::support::{Binary, Client, Screen, chat, patiently};

/// Columns and rows of the pictures.
const SIZE: (u16, u16) = (120, 36);

/// No picture is larger than that, in bytes.
const LARGEST: usize = 120_000;

/// Where it seems to listen: a picture is the same whichever port was free.
const PORT: &str = "8000";

/// A demo with requests behind it, and a dashboard of it.
struct Demo {
    client: Client,
    admin: Client,
    port: String,
    screen: Screen,
    _binary: Binary,
}

impl Demo {
    async fn start() -> Self {
        let home = Arc::new(tempfile::tempdir().expect("a temporary directory"));
        let args = ["start", "--demo", "--json", "--port", "0"];
        let binary = Binary::run(home.clone(), args, []);
        let client = binary.client().await;
        let url = binary.banner().await["url"].as_str().map(str::to_owned);
        let url = url.expect("an address");
        let port = url.trim_end_matches('/').rsplit(':').next();
        let port = port.expect("a port").to_owned();
        let admin = Client::new(Endpoint::Unix(home.path().join("run/admin.sock")));
        let screen = Screen::run(home, SIZE, ["tui"], [("COLORTERM", "truecolor")]);
        screen.shows("demo-fast").await;
        Self {
            client,
            admin,
            port,
            screen,
            _binary: binary,
        }
    }

    /// Requests of all kinds, by a strategy that asks everybody, so that some fail at first.
    async fn serve(&self, rounds: usize) {
        let weighted = json!({"act": "strategy", "name": "weighted"});
        let acts = self.admin.post("/v1/acts", weighted);
        acts.send().await.expect_status(200);
        for round in 0..rounds {
            let calls = (0..6 + round % 7).map(|number| {
                let model = ["auto", "demo-chat"][number % 2];
                let body = if number % 3 == 0 {
                    chat::ask(model)
                } else {
                    chat::ask_stream(model)
                };
                self.client.chat(body).send()
            });
            patiently("the demo to answer", join_all(calls)).await;
        }
    }

    /// The number of a request that was answered by another one than was asked first.
    async fn failed_over(&self) -> Option<String> {
        let snapshot = self.admin.get("/v1/snapshot").send().await.json();
        let snapshot: Snapshot = serde_json::from_value(snapshot).expect("a snapshot");
        let mut rows = snapshot.requests.values().rev();
        let found = rows.find(|row| {
            let moved = row.route.first().zip(row.route.last());
            row.status == Some(200) && moved.is_some_and(|(first, last)| first.0 != last.0)
        });
        found.map(|row| row.id.clone())
    }

    /// Makes the picture `name` once the screen shows `words`.
    async fn picture(&self, name: &str, words: &[&str]) {
        let drawn = self.screen.find(name, |screen| {
            let shown = screen.contents();
            let is_there = words.iter().all(|word| shown.contains(word));
            is_there.then(|| svg::picture(screen, "autogw tui"))
        });
        let svg = drawn.await;
        let svg = svg.replace(&format!(":{}", self.port), &format!(":{PORT}"));
        check(name, &svg, words);
        if is_update() {
            let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
            let file = place.join(format!("dashboard-{name}.svg"));
            std::fs::write(file, svg).expect("a writable directory");
        }
    }
}

/// Whether the pictures are to be written.
fn is_update() -> bool {
    std::env::var_os("UPDATE_PICTURES").is_some()
}

#[track_caller]
fn check(name: &str, svg: &str, words: &[&str]) {
    assert!(svg.len() < LARGEST, "{name} has {} bytes", svg.len());
    assert!(
        svg.starts_with("<svg ") && svg.ends_with("</svg>\n"),
        "{name}"
    );
    for element in ["text", "g", "title"] {
        let opened = svg.matches(&format!("<{element} ")).count();
        let opened = opened + svg.matches(&format!("<{element}>")).count();
        let closed = svg.matches(&format!("</{element}>")).count();
        assert_eq!(opened, closed, "{name}: {element}");
    }
    for line in svg.lines().filter(|line| line.starts_with("<text")) {
        let (_, text) = line.split_once('>').expect("a whole element");
        let text = text.strip_suffix("</text>").expect("a whole element");
        assert!(!text.contains('<') && !text.contains('>'), "{name}: {line}");
        assert!(!text.contains(char::is_control), "{name}: {line}");
    }
    for word in words {
        assert!(svg.contains(word), "{name} shows no {word}");
    }
    assert!(
        !svg.contains("/tmp/"),
        "{name} names a place of this machine"
    );
}

#[tokio::test]
async fn the_dashboard_can_be_drawn_for_the_readme() {
    let demo = Demo::start().await;
    // What is written shows the course of some minutes.
    demo.serve(if is_update() { 45 } else { 2 }).await;
    demo.screen.shows("demo-slow").await;
    demo.picture("overview", &["PROVIDER", "demo-flaky", "Traffic"])
        .await;
    demo.screen.types(":provider demo-flaky\r");
    demo.picture("provider", &["MODELS", "FAILURES"]).await;
    demo.screen.types("\u{7f}2");
    demo.picture("requests", &["under way", "MODEL"]).await;
    if let Some(id) = demo.failed_over().await {
        demo.screen.types(&format!("/{id}\r"));
        demo.screen.shows("1 shown").await;
    }
    demo.screen.types("\r");
    demo.picture("inspector", &["Why this target", "Attempts"])
        .await;
    demo.screen.types("4");
    demo.picture("routes", &["demo-fast", "model "]).await;
}
