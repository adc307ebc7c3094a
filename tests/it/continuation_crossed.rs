//! Streams that are continued across dialects: whoever began, whoever goes on, one envelope.

use serde_json::{Value, json};

use crate::continuation::{MARK, dying, over};
use crate::support::talk::{TALKS, TO_ANTHROPIC, TO_CHAT, TO_GEMINI, TO_RESPONSES, Talk, events};
use crate::support::{Answer, Config, Reply, Upstream};

/// A stream of `talk` that says two words and dies.
fn dying_in(talk: Talk) -> Reply {
    let (begun, _) = talk.halves();
    let length = begun.len();
    Reply::stream().bytes(begun).reset_after(length)
}

/// A whole stream of `talk` that says other words.
fn going_on_in(talk: Talk) -> Reply {
    let (begun, rest) = talk.halves();
    let begun = begun.replace("gr\u{fc}", "New w");
    let rest = rest.replace("\u{df}e \u{1f389}", "ords");
    Reply::stream().bytes(begun + &rest)
}

async fn crossed(client: Talk, first: Talk, second: Talk) -> (Answer, Upstream) {
    let a = Upstream::always(dying_in(first)).await;
    let b = Upstream::always(going_on_in(second)).await;
    let config = Config::new()
        .provider("a", &a, first.fields())
        .provider("b", &b, second.fields())
        .router("continue_stream", true);
    let gateway = config.start().await;
    let answer = client.ask(&gateway.client(), true).send().await;
    (answer.expect_status(200), b)
}

/// The JSON of each event in `stream`.
pub(super) fn parsed(stream: &str) -> Vec<Value> {
    let lines = stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    lines
        .filter_map(|data| serde_json::from_str(data).ok())
        .collect()
}

/// What strict clients of the dialects hold a stream to.
#[track_caller]
fn assert_one_envelope(client: Talk, text: &str) {
    let events = parsed(text);
    let of = |kind: &str| events.iter().filter(|event| event["type"] == kind).count();
    let same = |field: fn(&Value) -> &Value| {
        let mut values: Vec<&Value> = events
            .iter()
            .map(field)
            .filter(|id| !id.is_null())
            .collect();
        values.dedup();
        assert_eq!(values.len(), 1, "{text}");
    };
    match client.name() {
        "anthropic" => {
            for once in [
                "message_start",
                "content_block_start",
                "content_block_stop",
                "message_delta",
                "message_stop",
            ] {
                assert_eq!(of(once), 1, "{once}: {text}");
            }
            same(|event| &event["index"]);
        }
        "gemini" => {
            same(|event| &event["responseId"]);
            same(|event| &event["modelVersion"]);
        }
        "responses" => {
            for once in [
                "response.created",
                "response.output_item.added",
                "response.output_item.done",
                "response.completed",
            ] {
                assert_eq!(of(once), 1, "{once}: {text}");
            }
            same(|event| &event["item_id"]);
            for (number, event) in events.iter().enumerate() {
                assert_eq!(event["sequence_number"], number, "{text}");
            }
        }
        _ => {
            same(|event| &event["id"]);
            same(|event| &event["model"]);
            same(|event| &event["created"]);
        }
    }
}

#[tokio::test]
async fn it_does_not_matter_who_speaks_what() {
    for client in TALKS {
        for first in TALKS {
            for second in [TO_CHAT, TO_ANTHROPIC, TO_GEMINI] {
                // Who speaks the client's own dialect is asked first.
                let is_first = first.name() == client.name() || second.name() != client.name();
                let is_numbered = client.name() == "responses" && first.name() == "responses";
                if !is_first || is_numbered {
                    continue;
                }
                let (answer, _) = crossed(client, first, second).await;
                let text = answer.text();
                let place = format!(
                    "{} to {}, {}: {text}",
                    client.name(),
                    first.name(),
                    second.name()
                );
                assert_eq!(
                    client.heard(&answer, true).text,
                    "gr\u{fc}New words",
                    "{place}"
                );
                assert_eq!(text.matches(client.end).count(), 1, "{place}");
                assert!(client.error_in(&text).is_none(), "{place}");
                let marks = usize::from(client.name() != "gemini");
                assert_eq!(text.matches(MARK).count(), marks, "{place}");
                assert_one_envelope(client, &text);
                assert!(answer.complete, "{place}");
            }
        }
    }
}

#[tokio::test]
async fn numbered_events_of_another_writer_are_not_continued() {
    let (answer, second) = crossed(TO_RESPONSES, TO_RESPONSES, TO_CHAT).await;
    assert!(
        TO_RESPONSES.error_in(&answer.text()).is_some(),
        "{}",
        answer.text()
    );
    assert_eq!(second.count(), 0);
}

#[tokio::test]
async fn the_prefix_stands_where_each_dialect_has_it() {
    let (_, b) = crossed(TO_CHAT, TO_CHAT, TO_ANTHROPIC).await;
    let last = b.only_request().json()["messages"][1].clone();
    assert_eq!(last["role"], "assistant");
    assert_eq!(last["content"][0]["text"], "gr\u{fc}");
    let (_, b) = crossed(TO_GEMINI, TO_GEMINI, TO_GEMINI).await;
    let last = b.only_request().json()["contents"][1].clone();
    assert_eq!(last["role"], "model");
    assert_eq!(last["parts"][0]["text"], "gr\u{fc}");
}

#[tokio::test]
async fn googles_array_goes_on_without_a_mark() {
    let first = Upstream::always(dying_in(TO_GEMINI)).await;
    let second = Upstream::always(going_on_in(TO_CHAT)).await;
    let config = Config::new().provider("a", &first, TO_GEMINI.fields());
    let config = config.provider("b", &second, TO_CHAT.fields());
    let gateway = config.router("continue_stream", true).start().await;
    let target = "/v1beta/models/m:streamGenerateContent";
    let body = TO_GEMINI.body("m", true);
    let answer = gateway.client().post(target, body).send().await;
    let elements = answer.json();
    let elements = elements.as_array().expect("an array");
    let texts = elements
        .iter()
        .map(|element| TO_GEMINI.heard_in(element).text);
    assert_eq!(texts.collect::<String>(), "gr\u{fc}New words");
    assert!(!answer.text().contains("continued"));
}

#[tokio::test]
async fn signed_thoughts_and_second_blocks_are_not_continued() {
    let signed = json!({"candidates": [{"index": 0, "content": {"role": "model",
        "parts": [{"text": "one ", "thoughtSignature": "c2ln"}]}}], "responseId": "r"});
    let (begun, _) = TO_ANTHROPIC.halves();
    let thinking = begun.replace(
        r#""text":"","type":"text""#,
        r#""thinking":"","signature":"","type":"thinking""#,
    );
    let thinking = thinking
        .replace("text_delta", "thinking_delta")
        .replace("\"text\":", "\"thinking\":");
    assert_ne!(thinking, begun);
    for (talk, stream) in [
        (TO_GEMINI, events([signed.to_string()])),
        (
            TO_ANTHROPIC,
            thinking + &begun.replace("\"index\":0", "\"index\":1"),
        ),
    ] {
        let length = stream.len();
        let first = Upstream::always(Reply::stream().bytes(stream).reset_after(length)).await;
        let second = Upstream::always(going_on_in(TO_CHAT)).await;
        let config = Config::new().provider("a", &first, talk.fields());
        let config = config.provider("b", &second, TO_CHAT.fields());
        let gateway = config.router("continue_stream", true).start().await;
        let text = talk.ask(&gateway.client(), true).send().await.text();
        assert!(
            talk.error_in(&text).is_some() && !talk.claims_end(&text),
            "{text}"
        );
        assert_eq!(second.count(), 0, "{text}");
    }
}

#[tokio::test]
async fn a_second_break_is_told_in_the_same_numbers() {
    for second in [Reply::json(500, "{}"), dying(&["two "])] {
        let first = Upstream::always(dying(&["one "])).await;
        let second = Upstream::always(second).await;
        let gateway = over(&first, &second).start().await;
        let call = TO_RESPONSES.ask(&gateway.client(), true);
        let text = call.send().await.text();
        assert!(TO_RESPONSES.error_in(&text).is_some(), "{text}");
        for (number, event) in parsed(&text).iter().enumerate() {
            assert_eq!(event["sequence_number"], number, "{text}");
        }
        assert_eq!(second.count(), 1);
    }
}
