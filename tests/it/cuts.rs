//! A broken stream is never passed off as finished: cut anywhere, its client sees either another
//! provider's whole answer or the truth.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, Config, Gateway, Reply, Upstream, chat};

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
    // So many cuts would open the breaker, and A would not be asked.
    let never = json!({"threshold": 100_000, "min_samples": 100_000});
    let config = Config::over([&a, &b]).router("circuit", never);
    (config.start().await, a, b)
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

#[tokio::test]
async fn an_error_in_a_stream_has_all_its_fields() {
    let error = json!({"error": {"message": "from A"}}).to_string();
    let a = Upstream::always(Reply::sse([chat::role(), chat::token("A"), error])).await;
    let answer = Config::over([&a]).start().await.ask_stream().await;
    let last = answer.events().pop().expect("an event");
    let last: Value = serde_json::from_str(&last).expect("JSON");
    assert_eq!(last["error"]["message"], "from A");
    assert_eq!(last["error"]["type"], "server_error");
}

/// An error event that is too long to be held, with a key in it.
fn long_error() -> String {
    chat::error(&format!("from A {} key-a", "x".repeat(400 << 10)), "", None).to_string()
}

#[tokio::test]
async fn a_first_event_that_is_a_long_error_sends_the_request_on() {
    for before in [Vec::new(), vec![chat::role()]] {
        let body = chat::wire(&[before, vec![long_error()]].concat());
        let a = Upstream::always(Reply::stream().in_pieces(&body, 10_000)).await;
        let b = Upstream::always(Reply::sse(chat::stream(&["B"]))).await;
        let answer = Config::over([&a, &b]).start().await.ask_stream().await;
        assert_eq!(answer.provider(), "b");
        assert_eq!(answer.events(), chat::stream(&["B"]));
    }
}

#[tokio::test]
async fn a_long_error_after_tokens_is_told_in_short() {
    let body = chat::wire(&[chat::role(), chat::token("A"), long_error()]);
    let a = Upstream::always(Reply::stream().in_pieces(&body, 10_000)).await;
    let answer = Config::over([&a]).start().await.ask_stream().await;
    let seen = answer.events();
    assert!(chat::is_error(&seen[2]) && seen.len() == 3);
    assert!(seen[2].len() < 2000 && !answer.text().contains("key-a"));
}

/// A stream of a transcription, whole or cut behind its first part.
fn transcription(is_whole: bool) -> Reply {
    let part = json!({"type": "transcript.text.delta", "delta": "half"}).to_string();
    let end = json!({"type": "transcript.text.done", "text": "half"}).to_string();
    let events = if is_whole {
        vec![part, end]
    } else {
        vec![part]
    };
    Reply::sse(events).until_close()
}

#[tokio::test]
async fn a_cut_stream_of_typed_events_is_never_closed_as_finished() {
    for is_whole in [true, false] {
        let a = Upstream::always(transcription(is_whole)).await;
        let gateway = Config::over([&a]).start().await;
        let body = json!({"model": "m", "stream": true});
        let call = gateway.client().post("/v1/audio/transcriptions", &body);
        let seen = call.send().await.expect_status(200).events();
        assert_eq!(seen.len(), 2, "{seen:?}");
        assert_eq!(chat::is_error(&seen[1]), !is_whole, "{seen:?}");
    }
}

#[tokio::test]
async fn a_stream_that_falls_silent_before_its_first_token_is_left() {
    let a = Upstream::always(Reply::sse([chat::role()]).hang_after(100_000)).await;
    let b = Upstream::always(Reply::sse(chat::stream(&["B"]))).await;
    let config = Config::over([&a, &b]).router("timeouts.idle", 0.1);
    let gateway = config.router("timeouts.first_token", 30).start().await;
    let answer = gateway.ask_stream().await;
    assert_eq!(answer.provider(), "b");
    assert_eq!(answer.events(), chat::stream(&["B"]));
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
