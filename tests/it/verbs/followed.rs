//! `--follow`, with the real program and a gateway of which each connection is written down.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use autogw::telemetry::event::{Event, Hello};
use autogw::telemetry::snapshot::{LogLine, Phase, RequestRow, Snapshot, VERSION};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use futures_util::stream::unfold;
use rustix::process::Signal;
use tokio::sync::{Mutex, mpsc};

use super::serve;
use crate::support::{Binary, patiently};

type Chunks = mpsc::UnboundedReceiver<String>;
type Connections = Arc<Mutex<mpsc::UnboundedReceiver<Chunks>>>;

/// A gateway that tells what it is given.
struct Scripted {
    connections: mpsc::UnboundedSender<Chunks>,
    url: String,
}

/// One connection to it, which ends with this.
struct Connection(mpsc::UnboundedSender<String>);

impl Scripted {
    async fn new() -> Self {
        let (connections, script) = mpsc::unbounded_channel();
        let script: Connections = Arc::new(Mutex::new(script));
        let router = Router::new()
            .route("/v1/events", get(stream))
            .with_state(script);
        let url = format!("http://{}", serve(router).await);
        Self { connections, url }
    }

    /// The next connection, of the run `instance`.
    fn connection(&self, instance: &str) -> Connection {
        let (sender, chunks) = mpsc::unbounded_channel();
        self.connections.send(chunks).expect("it listens");
        let hello = Hello {
            version: VERSION,
            autogw: "0".to_owned(),
            instance: instance.to_owned(),
        };
        let hello = serde_json::to_string(&hello).expect("JSON");
        let connection = Connection(sender);
        connection.send(format!("event: hello\ndata: {hello}\n\n"));
        connection
    }
}

async fn stream(State(script): State<Connections>) -> impl IntoResponse {
    let chunks = script.lock().await.recv().await.expect("a script");
    let body = unfold(chunks, |mut chunks| async move {
        let chunk = chunks.recv().await?;
        Some((
            Ok::<_, std::convert::Infallible>(Bytes::from(chunk)),
            chunks,
        ))
    });
    (
        [(header::CONTENT_TYPE, "text/event-stream")],
        Body::from_stream(body),
    )
}

impl Connection {
    fn send(&self, text: String) {
        // Whoever listened may have gone; a test that needs it to listen sees what it prints.
        _ = self.0.send(text);
    }

    fn tell(&self, event: &Event) {
        let data = serde_json::to_string(event).expect("JSON");
        self.send(format!("event: {}\ndata: {data}\n\n", event.name()));
    }

    fn snapshot(&self, numbers: &[u64]) {
        let mut snapshot = Snapshot::default();
        for number in numbers {
            snapshot.apply(Event::Request(row(*number)));
            snapshot.apply(Event::Log(line(*number)));
        }
        self.tell(&Event::Snapshot(Box::new(snapshot)));
    }
}

fn row(number: u64) -> RequestRow {
    RequestRow {
        number,
        id: format!("request-{number};"),
        phase: Phase::Over,
        status: Some(200),
        outcome: Some("complete".to_owned()),
        ..RequestRow::default()
    }
}

fn line(number: u64) -> LogLine {
    LogLine {
        number,
        level: "info".to_owned(),
        text: format!("request-{number};"),
        ..LogLine::default()
    }
}

/// What a follower has printed, in order.
fn numbers(text: &str) -> Vec<u64> {
    let words = text.split("request-").skip(1);
    words
        .map(|rest| {
            rest.split(';')
                .next()
                .expect("a part")
                .parse()
                .expect("a number")
        })
        .collect()
}

fn followed(verb: &str, gateway: &Scripted) -> Binary {
    let home = tempfile::tempdir().expect("a directory");
    let args = [verb, "--follow", "-n", "1", "--connect", &*gateway.url];
    Binary::run(home, args, [])
}

#[tokio::test]
async fn what_comes_is_printed_once_across_breaks_and_restarts() {
    for verb in ["requests", "logs"] {
        let gateway = Scripted::new().await;
        let connection = gateway.connection("one");
        connection.snapshot(&[1, 2]);
        let mut binary = followed(verb, &gateway);
        binary.prints("request-2;").await;
        let unfinished = RequestRow {
            phase: Phase::Streaming,
            ..row(9)
        };
        for event in [
            Event::Request(unfinished),
            Event::Request(row(3)),
            Event::Request(row(3)),
            Event::Log(line(3)),
            Event::Log(line(3)),
        ] {
            connection.tell(&event);
        }
        binary.prints("request-3;").await;
        let again = gateway.connection("one");
        again.snapshot(&[1, 2, 3, 4]);
        drop(connection);
        binary.says("the gateway is there again").await;
        binary.prints("request-4;").await;
        let anew = gateway.connection("two");
        anew.snapshot(&[1]);
        drop(again);
        binary.says("another run of the gateway").await;
        binary.prints("request-1;").await;
        let said = binary.stderr();
        assert_eq!(said.matches("the gateway is gone").count(), 2, "{said}");
        binary.signal(Signal::INT);
        assert_eq!(binary.exit().await.code(), Some(0));
        assert_eq!(numbers(&binary.stdout()), [2, 3, 4, 1], "{verb}");
        drop(anew);
    }
}

#[tokio::test]
async fn a_reader_that_goes_ends_it_without_a_word() {
    let gateway = Scripted::new().await;
    let connection = gateway.connection("one");
    connection.snapshot(&[1]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_autogw"))
        .args(["logs", "--follow", "--connect", &*gateway.url])
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let stdout = child.stdout.take().expect("a pipe");
    let first = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        read.map(|_| line)
    });
    let first = patiently("the first line", first).await.expect("no panic");
    assert!(first.expect("a line").contains("request-1;"));
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output());
    let telling = async {
        for number in 2.. {
            connection.tell(&Event::Log(line(number)));
            tokio::task::yield_now().await;
            if ended.is_finished() {
                break;
            }
        }
    };
    patiently("the end", telling).await;
    let output = ended.await.expect("no panic").expect("it has ended");
    assert_eq!(output.status.code(), Some(0));
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
