//! Streams arrive as the upstream wrote them, byte for byte, and as soon as it wrote them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Answer, Config, Gate, Reply, Upstream, chat};

/// Streams in every shape that the format allows.
fn shapes() -> Vec<(&'static str, String)> {
    let lf = String::from_utf8(chat::wire(&chat::stream(&["hé", "llo 🎉", " 漢字"])))
        .expect("fixtures are UTF-8");
    let named = lf.replace("data: {", "event: message\nid: 7\nretry: 10\ndata: {");
    let spread = lf.replace(r#","choices""#, ",\ndata: \"choices\"");
    vec![
        ("CRLF", lf.replace('\n', "\r\n")),
        ("CR", lf.replace('\n', "\r")),
        ("a byte order mark", format!("\u{feff}{lf}")),
        (
            "comments",
            lf.replace("data: {", ": OPENROUTER PROCESSING\n\n:\ndata: {"),
        ),
        ("no space after the colon", lf.replace("data: ", "data:")),
        ("other fields", named),
        ("data over several lines", spread),
        ("more blank lines", lf.replace("\n\n", "\n\n\n\n")),
        (
            "usage null in every chunk",
            lf.replace(r#""model":"m""#, r#""model":"m","usage":null"#),
        ),
        (
            "unknown fields",
            lf.replace(r#""model":"m""#, r#""x":{"y":[1.0e+2]},"model":"m""#),
        ),
        (
            "an unknown event",
            lf.replacen("data: {", "data: {\"type\":\"x\"}\n\ndata: {", 1),
        ),
        ("LF", lf),
    ]
}

/// The answer is `expected`; else a panic that shows where it begins to differ.
#[track_caller]
fn assert_same(answer: &Answer, expected: &str, case: &str) {
    let (seen, expected) = (&answer.body, expected.as_bytes());
    let same = seen
        .iter()
        .zip(expected)
        .take_while(|(a, b)| a == b)
        .count();
    let rest = |of: &[u8]| String::from_utf8_lossy(&of[same..]).into_owned();
    assert_eq!(rest(seen), rest(expected), "{case}, after {same} bytes");
    assert!(answer.complete, "{case}");
}

#[tokio::test]
async fn a_stream_passes_byte_for_byte_however_it_is_shaped_and_chunked() {
    for (name, text) in shapes() {
        for size in [1, 2, 3, 7, 64, 100_000] {
            let reply = Reply::stream().in_pieces(text.as_bytes(), size);
            let a = Upstream::always(reply).await;
            let gateway = Config::over([&a]).start().await;
            let call = gateway.chat(chat::ask_stream_with_usage("m"));
            let answer = call.send().await.expect_status(200);
            assert_same(&answer, &text, &format!("{name} in pieces of {size}"));
        }
    }
}

#[tokio::test]
async fn usage_that_only_we_asked_for_is_taken_out_and_nothing_else() {
    for (name, text) in shapes() {
        let usage = format!("data: {}\n\n", chat::usage());
        let usage = match name {
            "CRLF" => usage.replace('\n', "\r\n"),
            "CR" => usage.replace('\n', "\r"),
            _ => usage,
        };
        let end = text.rfind("data:").expect("an end marker");
        let with_usage = format!("{}{usage}{}", &text[..end], &text[end..]);
        for size in [1, 5, 64, 100_000] {
            let reply = Reply::stream().in_pieces(with_usage.as_bytes(), size);
            let a = Upstream::always(reply).await;
            let answer = Config::over([&a]).start().await.ask_stream().await;
            assert_same(&answer, &text, &format!("{name} in pieces of {size}"));
            let sent = a.only_request().json();
            assert_eq!(
                sent["stream_options"],
                json!({"include_usage": true}),
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn the_usage_chunk_may_be_cut_anywhere() {
    let mut events = chat::stream(&["A"]);
    let expected = chat::wire(&events);
    events.insert(events.len() - 1, chat::usage());
    let body = Arc::new(chat::wire(&events));
    let begin = chat::wire(&events[..events.len() - 2]).len();
    let script = body.clone();
    let a = Upstream::answering(move |request, _| {
        let at = request.json()["user"]
            .as_str()
            .and_then(|at| at.parse::<usize>().ok());
        let (one, two) = script.split_at(at.expect("an offset"));
        // A pause, so that the two halves are read apart.
        Reply::stream()
            .bytes(one)
            .delay(Duration::from_millis(2))
            .bytes(two)
    })
    .await;
    let gateway = Config::over([&a]).start().await;
    let calls = (begin..body.len()).map(|at| {
        let mut request = chat::ask_stream("m");
        request["user"] = json!(at.to_string());
        gateway.chat(request).send()
    });
    for (at, answer) in join_all(calls).await.into_iter().enumerate() {
        assert_eq!(answer.body, expected, "cut {at} bytes into the usage chunk");
    }
}

#[tokio::test]
async fn usage_that_the_client_asked_for_stays() {
    let mut events = chat::stream(&["A"]);
    events.insert(events.len() - 1, chat::usage());
    let a = Upstream::always(Reply::sse(&events)).await;
    let gateway = Config::over([&a]).start().await;
    let answer = gateway.chat(chat::ask_stream_with_usage("m")).send().await;
    assert_eq!(answer.body, chat::wire(&events));
}

#[tokio::test]
async fn usage_in_the_finish_chunk_stays() {
    let finish =
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"total_tokens":5}}"#;
    let events = [&chat::role(), &chat::token("A"), finish, chat::DONE].map(str::to_owned);
    let a = Upstream::always(Reply::sse(&events)).await;
    let answer = Config::over([&a]).start().await.ask_stream().await;
    assert_eq!(answer.body, chat::wire(&events));
}

#[tokio::test]
async fn an_event_of_ten_mebibytes_passes() {
    let big = chat::token(&"x".repeat(10 << 20));
    let events = [chat::role(), big, chat::finish(), chat::DONE.to_owned()];
    let reply = Reply::stream().in_pieces(&chat::wire(&events), 64 << 10);
    let a = Upstream::always(reply).await;
    let answer = Config::over([&a]).start().await.ask_stream().await;
    assert_eq!(answer.body.len(), chat::wire(&events).len());
    assert!(answer.body == chat::wire(&events));
}

#[tokio::test]
async fn an_unpaced_stream_arrives_whole() {
    let tokens: Vec<String> = (0..2000).map(|n| n.to_string()).collect();
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    let events = chat::stream(&tokens);
    let a = Upstream::always(Reply::sse(&events)).await;
    let answer = Config::over([&a]).start().await.ask_stream().await;
    assert!(answer.body == chat::wire(&events));
}

#[tokio::test]
async fn each_event_is_passed_on_before_the_next_is_there() {
    let gates = [Gate::new(), Gate::new()];
    let reply = Reply::stream()
        .event(&chat::role())
        .event(&chat::token("one"))
        .pause_until(&gates[0])
        .event(&chat::token("two"))
        .pause_until(&gates[1])
        .event(&chat::finish())
        .event(chat::DONE);
    let a = Upstream::always(reply).await;
    let gateway = Config::over([&a]).start().await;
    let mut stream = gateway.chat(chat::ask_stream("m")).open().await;
    assert_eq!(stream.event().await, Some(chat::role()));
    assert_eq!(stream.event().await, Some(chat::token("one")));
    gates[0].open();
    assert_eq!(stream.event().await, Some(chat::token("two")));
    gates[1].open();
    assert_eq!(stream.event().await, Some(chat::finish()));
    assert_eq!(stream.event().await.as_deref(), Some(chat::DONE));
    assert_eq!(stream.event().await, None);
}

#[tokio::test]
async fn the_status_waits_for_the_first_meaningful_event() {
    let gate = Gate::new();
    let reply = Reply::stream()
        .event(&chat::role())
        .pause_until(&gate)
        .event(&chat::error("from A", "server_error", None).to_string());
    let a = Upstream::always(reply).await;
    let gateway = Config::over([&a]).start().await;
    let wire = gateway.chat(chat::ask_stream("m")).wired().await;
    a.request(0).await;
    gate.open();
    assert_eq!(wire.answer().await.status, 502);
}

#[tokio::test]
async fn a_held_status_is_released_with_a_comment_where_so_configured() {
    let gate = Gate::new();
    let reply = Reply::stream()
        .event(&chat::role())
        .pause_until(&gate)
        .event(&chat::token("A"))
        .event(&chat::finish())
        .event(chat::DONE);
    let a = Upstream::always(reply.clone()).await;
    let config = Config::over([&a]).router("commit_hold", 0.1);
    let gateway = config.start().await;
    let mut stream = gateway.chat(chat::ask_stream("m")).open().await;
    assert_eq!(stream.status, 200);
    let sign_of_life = stream.piece().await.unwrap_or_default();
    assert!(sign_of_life.starts_with(b":"), "{sign_of_life:?}");
    gate.open();
    let answer = stream.whole().await;
    assert_eq!(answer.events(), chat::events(&reply.body()));
}
