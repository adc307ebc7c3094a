//! A bug in a handler: who notices, and who does not. The one here is planted behind a route of the
//! edge's own router, and everything around it is what a gateway runs.

use std::time::Duration;

use axum::routing::get;
use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::*;
use crate::config::{Environment, Format, Listen, from_text};
use crate::server::accept;
use crate::server::address::Address;
use crate::server::auth::ClientKeys;
use crate::server::listen::Listener;

const CONFIG: &str = r#"{"providers": [{"type": "openai_compatible", "name": "a",
    "base_url": "http://127.0.0.1:9/v1", "models": ["m"]}]}"#;

/// Short, and expected to fire.
const IDLE: Duration = Duration::from_millis(200);

/// An edge with a bug at `/panic`, served on a free port.
async fn serve_with_a_bug() -> std::net::SocketAddr {
    let loaded = from_text("test", CONFIG, Format::Json, &Environment::empty());
    let config = loaded.expect("a valid configuration").config;
    let redactor = Arc::new(config.redactor());
    let gateway = Gateway::new(config, redactor, "via".to_owned()).expect("a gateway");
    let listen = Listen::Tcp {
        host: "127.0.0.1".to_owned(),
        port: 0,
        port_is_chosen: true,
    };
    let bound = Listener::bind(&listen, false).await.expect("a free port");
    let (listener, address) = bound;
    let guarded = address.clone();
    let rule: Rule = Box::new(move |_, _| {
        Door::local(Guard::new(&guarded, &[], &[]), ClientKeys::new(&[], false))
    });
    let Address::Tcp(address) = address else {
        panic!("asked for TCP");
    };
    let limits = Limits {
        idle: IDLE,
        ..Limits::default()
    };
    let current = Arc::new(Current::new(gateway));
    let edge = Edge::new(current, rule, Board::default(), limits, 7);
    let bug = get(async || -> &'static str { panic!("planted by a test") });
    let inside = edge.inside();
    edge.inside.store(Arc::new(Inside {
        pages: inside.pages.clone().route("/panic", bug),
        gateway: inside.gateway.clone(),
        door: (edge.rule)(&inside.gateway, None),
    }));
    let drain = CancellationToken::new();
    let connections = TaskTracker::new();
    let run = accept::run(listener, Arc::new(edge), limits, drain, connections.clone());
    connections.spawn(run);
    address
}

/// Asks for `path` and reads one answer: its head and its body.
async fn ask(stream: &mut TcpStream, path: &str) -> (String, serde_json::Value) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    loop {
        let read = stream.read_buf(&mut answer).await.expect("an answer");
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && let Ok(json) = serde_json::from_str(body)
        {
            return (head.to_owned(), json);
        }
        assert!(read > 0, "ended early: {text}");
    }
}

#[tokio::test]
async fn a_panic_is_a_500_in_the_dialect_and_hurts_nobody_else() {
    let address = serve_with_a_bug().await;
    let mut other = TcpStream::connect(address).await.expect("a connection");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    for _ in 0..2 {
        let (head, error) = ask(&mut stream, "/panic").await;
        assert!(head.starts_with("HTTP/1.1 500"), "{head}");
        assert!(head.contains("x-request-id: req-"), "{head}");
        assert_eq!(error["error"]["code"], "internal_error", "{error}");
    }
    for stream in [&mut stream, &mut other] {
        let (head, _) = ask(stream, "/health").await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    }
}

#[tokio::test]
async fn a_request_that_panicked_is_not_in_flight_any_more() {
    let address = serve_with_a_bug().await;
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    ask(&mut stream, "/panic").await;
    let mut byte = [0];
    // Only a connection without a running request is closed for idling.
    let ended = tokio::time::timeout(IDLE * 50, stream.read(&mut byte));
    assert_eq!(ended.await.expect("closed").ok(), Some(0));
}

/// A stream of a page that stays silent, on its way through a public door to a client of `dialect`.
fn silent(dialect: Dialect) -> Response<EdgeBody> {
    let silence = futures_util::stream::pending::<Result<Bytes, std::convert::Infallible>>();
    let in_flight = Arc::<crate::server::clock::Presence>::default().enter();
    let body = EdgeBody::page(axum::body::Body::from_stream(silence), in_flight);
    let mut response = Response::new(body);
    let events = HeaderValue::from_static("text/event-stream; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, events);
    carry_far(response, dialect)
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_lives_far_away_by_what_its_clients_survive() {
    use http_body_util::BodyExt as _;
    for dialect in Dialect::ALL {
        let mut body = silent(dialect).into_body();
        let frame = tokio::time::timeout(Duration::from_mins(10), body.frame()).await;
        let sign = frame.ok().flatten().and_then(Result::ok);
        let sign = sign.and_then(|frame| frame.into_data().ok());
        assert_eq!(sign.as_deref(), keep_alive(dialect), "{dialect}");
    }
}
