//! The demo providers through the pipe, with hyper's client at the other end and the clock paused.

mod chat;
mod endpoints;
mod fate;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use super::*;

/// A response, read until its end or its cut.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
    /// When each piece of the body came, counted from the request.
    times: Vec<Duration>,
    is_cut: bool,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }

    /// The events of a stream; the last must be `[DONE]`, which is left out.
    fn events(&self) -> Vec<Value> {
        let body = self
            .body
            .strip_suffix("data: [DONE]\n\n")
            .expect("a complete stream");
        body.split_terminator("\n\n")
            .map(|event| event.strip_prefix("data: ").expect("a data line"))
            .map(|data| serde_json::from_str(data).expect("a JSON event"))
            .collect()
    }

    #[track_caller]
    fn assert_error(&self, status: u16, code: &Value) {
        assert_eq!(self.status, status, "{}", self.body);
        let error = &self.json()["error"];
        assert_eq!(&error["code"], code, "{error}");
        for key in ["message", "type", "param", "code"] {
            assert!(error.get(key).is_some(), "{error}");
        }
    }
}

/// A demo that answers at once and never fails.
fn prompt() -> DemoProfile {
    DemoProfile {
        latency: Duration::ZERO,
        tokens_per_second: 0.0,
        ..DemoProfile::default()
    }
}

fn demo(profile: DemoProfile) -> Demo {
    Demo::new("demo-test", profile, &Models::Everything)
}

async fn send(demo: &Demo, method: Method, path: &str, body: impl Into<Bytes>) -> Answer {
    let (mut sender, connection) = http1::handshake(TokioIo::new(demo.connect()))
        .await
        .expect("a pipe has no handshake to fail");
    let connection = tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "demo")
        .body(Full::new(body.into()))
        .expect("a valid request");
    let began = Instant::now();
    let response = sender.send_request(request).await.expect("a response");
    let (head, mut body) = response.into_parts();
    let (mut bytes, mut times, mut is_cut) = (Vec::new(), Vec::new(), false);
    while let Some(frame) = body.frame().await {
        match frame.map(http_body::Frame::into_data) {
            Ok(Ok(data)) => {
                bytes.extend_from_slice(&data);
                times.push(began.elapsed());
            }
            Ok(Err(_trailers)) => {}
            Err(_) => is_cut = true,
        }
    }
    drop(sender);
    // How the connection ended shows in the body already.
    let _ = connection.await.expect("the client does not panic");
    Answer {
        status: head.status,
        headers: head.headers,
        body: String::from_utf8(bytes).expect("text"),
        times,
        is_cut,
    }
}

async fn post(demo: &Demo, path: &str, body: Value) -> Answer {
    send(demo, Method::POST, path, body.to_string()).await
}

/// A chat request of one user message, with `more` merged in.
fn asking(question: &str, more: Value) -> Value {
    let mut body = json!({
        "model": "demo-chat",
        "messages": [{"role": "user", "content": question}],
    });
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    body
}

async fn chat(demo: &Demo, question: &str, more: Value) -> Answer {
    post(demo, "/v1/chat/completions", asking(question, more)).await
}
