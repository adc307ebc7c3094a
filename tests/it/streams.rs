//! Streams arrive as the upstream wrote them, byte for byte, and a broken one is never passed off as
//! finished.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, Config, Gate, Gateway, Reply, Upstream, chat};

/// A stream of 20 events in short chunks, so that every offset can be tried.
fn twenty_events() -> Vec<String> {
    let chunk = |delta: &str, finish: &str| {
        format!(r#"{{"choices":[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]}}"#)
    };
    let mut events = vec![chunk(r#"{"role":"assistant"}"#, "null")];
    for word in 1..=17 {
        events.push(chunk(&format!(r#"{{"content":"w{word} "}}"#), "null"));
    }
    events.push(chunk("{}", r#""stop""#));
    events.push(chat::DONE.to_owned());
    events
}

/// How an upstream breaks off.
#[derive(Debug, Clone, Copy)]
enum Cut {
    /// The connection closes inside a chunked body.
    Chunked,
    /// The connection breaks inside a chunked body.
    Reset,
    /// The body has no announced end, so that the cut looks like one.
    Unannounced,
}

impl Cut {
    fn of(self, body: &[u8], offset: usize) -> Reply {
        match self {
            Cut::Chunked => Reply::stream().bytes(body).cut_after(offset),
            Cut::Reset => Reply::stream().bytes(body).reset_after(offset),
            Cut::Unannounced => Reply::stream().bytes(body).until_close().cut_after(offset),
        }
    }
}

/// A gateway before an upstream that cuts `body` where the request's `user` field says, and a good one.
async fn cutting(body: &Arc<Vec<u8>>, cut: Cut) -> (Gateway, Upstream, Upstream) {
    let bytes = body.clone();
    let a = Upstream::answering(move |request, _| {
        let offset = request.json()["user"]
            .as_str()
            .and_then(|at| at.parse().ok());
        cut.of(&bytes, offset.expect("an offset"))
    })
    .await;
    let b = Upstream::always(Reply::sse(chat::stream(&["B"]))).await;
    let gateway = Config::over([&a, &b]).start().await;
    (gateway, a, b)
}

async fn ask_cut_at(gateway: &Gateway, offset: usize) -> (usize, Answer) {
    let mut request = chat::ask_stream_with_usage("m");
    request["user"] = json!(offset.to_string());
    (offset, gateway.chat(request).send().await)
}

/// What a client may see of `body` cut at `offset`: all of B's answer, or the events of A so far and
/// then an error; nothing that claims to be whole unless A said so.
fn assert_truthful(cut: Cut, body: &[u8], offset: usize, answer: &Answer) {
    let place = format!("{cut:?} at {offset}: {}", answer.text());
    assert_eq!(answer.status, 200, "{place}");
    let received = match cut {
        Cut::Chunked | Cut::Reset => chat::events(&body[..offset]),
        Cut::Unannounced => up_to_the_end(&body[..offset]),
    };
    let events = up_to_the_end(&answer.body);
    if answer.provider() == "b" {
        let ended = chat::events(&body[..offset]);
        assert_eq!(chat::said(&ended), "", "{place}");
        assert_eq!(events, chat::stream(&["B"]), "{place}");
        return;
    }
    assert_ne!(chat::said(&received), "", "{place}");
    assert_eq!(chat::said(&events), chat::said(&received), "{place}");
    let finished = received.iter().any(|event| event.contains(r#""stop""#));
    let failed = events.iter().any(|event| chat::is_error(event));
    assert!(finished || failed, "an error is missing: {place}");
    let done = chat::claims_completion(&received);
    assert_eq!(chat::claims_completion(&events), done, "{place}");
    assert!(!(done && failed), "a whole answer has no error: {place}");
}

/// The events of a body that has ended in good order: the last one counts without its blank line.
fn up_to_the_end(body: &[u8]) -> Vec<String> {
    let mut events = chat::events(&[body, b"\n\n"].concat());
    let whole = |event: &str| event == chat::DONE || serde_json::from_str::<Value>(event).is_ok();
    events.retain(|event| whole(event));
    events
}

async fn every_cut_is_truthful(cut: Cut, step: usize) {
    let events = twenty_events();
    let body = Arc::new(chat::wire(&events));
    let (gateway, _a, _b) = cutting(&body, cut).await;
    let offsets: Vec<usize> = (0..=body.len()).step_by(step).collect();
    for batch in offsets.chunks(32) {
        let answers = join_all(batch.iter().map(|at| ask_cut_at(&gateway, *at))).await;
        for (offset, answer) in answers {
            assert_truthful(cut, &body, offset, &answer);
        }
    }
}

#[tokio::test]
async fn a_chunked_stream_cut_anywhere_is_never_closed_as_finished() {
    every_cut_is_truthful(Cut::Chunked, 1).await;
}

#[tokio::test]
async fn a_stream_reset_anywhere_is_never_closed_as_finished() {
    every_cut_is_truthful(Cut::Reset, 3).await;
}

#[tokio::test]
async fn a_stream_whose_cut_looks_like_its_end_is_never_closed_as_finished() {
    every_cut_is_truthful(Cut::Unannounced, 1).await;
}

#[tokio::test]
async fn nothing_is_appended_from_another_provider_after_a_token() {
    let events = [chat::role(), chat::token("A")];
    let a = Upstream::always(Reply::sse(&events).reset_after(chat::wire(&events).len())).await;
    let b = Upstream::always(Reply::sse(chat::stream(&["B"]))).await;
    let answer = Config::over([&a, &b]).start().await.ask_stream().await;
    let seen = answer.expect_status(200).events();
    assert_eq!(seen[..2], events);
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert!(chat::is_error(&seen[2]), "{seen:?}");
    assert_eq!(b.count(), 0);
}

#[tokio::test]
async fn a_stream_with_a_finish_and_no_end_marker_ends_as_it_is() {
    let mut events = chat::stream(&["A"]);
    events.pop();
    let a = Upstream::always(Reply::sse(&events)).await;
    let answer = Config::over([&a]).start().await.ask_stream().await;
    assert_eq!(answer.body, chat::wire(&events));
    assert!(answer.complete);
}

#[tokio::test]
async fn a_stream_with_neither_finish_nor_end_marker_is_an_error() {
    let events = [chat::role(), chat::token("A")];
    let a = Upstream::always(Reply::sse(&events)).await;
    let answer = Config::over([&a]).start().await.ask_stream().await;
    let seen = answer.events();
    assert_eq!(seen[..2], events);
    assert!(chat::is_error(&seen[2]) && seen.len() == 3, "{seen:?}");
}

#[tokio::test]
async fn an_error_event_after_tokens_reaches_the_client_once() {
    let error = chat::error("from A", "server_error", None).to_string();
    let events = [chat::role(), chat::token("A"), error];
    let a = Upstream::always(Reply::sse(&events)).await;
    let b = Upstream::always(Reply::sse(chat::stream(&["B"]))).await;
    let answer = Config::over([&a, &b]).start().await.ask_stream().await;
    let seen = answer.events();
    let errors = seen.iter().filter(|event| chat::is_error(event)).count();
    assert_eq!(errors, 1, "{seen:?}");
    assert!(
        !chat::claims_completion(&seen) && b.count() == 0,
        "{seen:?}"
    );
}

#[tokio::test]
async fn an_error_event_with_unquoted_keys_is_an_error_all_the_same() {
    let error = r#"{error: {message: "a, b: c"}}"#;
    let a = Upstream::always(Reply::sse([chat::role(), chat::token("A"), error.into()])).await;
    let answer = Config::over([&a]).start().await.ask_stream().await;
    assert!(answer.text().contains("a, b: c"), "{}", answer.text());
    assert!(!chat::claims_completion(&answer.events()));
}

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
async fn a_cut_inside_a_large_event_is_told_in_an_event_of_its_own() {
    let events = [
        chat::role(),
        chat::token("A"),
        chat::token(&"x".repeat(1 << 20)),
    ];
    let sent = chat::wire(&events[..2]).len() + (900 << 10);
    let a = Upstream::always(Reply::sse(&events).cut_after(sent)).await;
    let answer = Config::over([&a]).start().await.ask_stream().await;
    let last = answer.events().pop().expect("an event");
    assert!(chat::is_error(&last), "{last:.200}");
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
