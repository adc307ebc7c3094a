//! Invented answers: whatever a decoder may tell, in whatever order, comes out as a grammatical stream of
//! each dialect.

use autogw::chat::part::{Citation, Content, Part, ToolKind};
use autogw::chat::response::{Finish, FinishReason};
use autogw::chat::{Delta, Dialect, Opaque, OpaqueKind, StreamEvent, Usage};
use proptest::prelude::*;
use serde_json::json;

use crate::crossing::{events, exchange, told};
use crate::grammar::{self, End};

fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => Just(String::new()),
        4 => "[a-zé👋\"\\\\\n ]{1,12}",
        1 => any::<String>(),
    ]
}

fn opaque() -> impl Strategy<Value = Option<Opaque>> {
    let kinds = [
        OpaqueKind::Signature,
        OpaqueKind::Redacted,
        OpaqueKind::Encrypted,
        OpaqueKind::Thought,
        OpaqueKind::Plain,
        OpaqueKind::Details,
    ];
    let token = (prop::sample::select(kinds.to_vec()), "[a-z=+/]{0,8}");
    prop::option::of(token.prop_map(|(kind, payload)| Opaque::unsealed(kind, payload)))
}

fn fragment() -> impl Strategy<Value = String> {
    let known = [
        "",
        "{",
        "{}",
        "{\"q\":",
        "1}",
        "[1]",
        "null",
        "\"x\"",
        "{\"input\": \"y\"}",
    ];
    prop_oneof![
        3 => prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        1 => words(),
    ]
}

fn citation() -> impl Strategy<Value = Citation> {
    let place = prop::option::of(0..40u64);
    let web = (place.clone(), place, words()).prop_map(|(start, end, title)| Citation::Web {
        url: "https://example.org".to_owned(),
        title: Some(title),
        start,
        end,
        cited: None,
        extra: autogw::chat::Extra::default(),
    });
    let foreign =
        prop::sample::select(Dialect::ALL.to_vec()).prop_map(|dialect| Citation::Foreign {
            dialect,
            value: json!({"type": "char_location", "cited_text": "x", "document_index": 0}),
        });
    prop_oneof![web, foreign]
}

fn delta() -> impl Strategy<Value = Delta> {
    let call = 0..3u32;
    let kind = prop::sample::select(vec![
        ToolKind::Function,
        ToolKind::Function,
        ToolKind::Freeform,
    ]);
    prop_oneof![
        4 => words().prop_map(Delta::Text),
        1 => words().prop_map(Delta::Refusal),
        2 => words().prop_map(Delta::Reasoning),
        2 => opaque().prop_map(|signature| Delta::PartEnd { signature }),
        1 => Just(Delta::Logprobs(json!([{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}]))),
        3 => (call.clone(), "(|c[0-9]|!odd id)", "[a-z]{1,3}", kind).prop_map(|(call, id, name, kind)| {
            Delta::ToolCall { call, id, name, namespace: None, kind }
        }),
        4 => (call.clone(), fragment()).prop_map(|(call, fragment)| Delta::ToolArguments { call, fragment }),
        2 => (call, opaque()).prop_map(|(call, signature)| Delta::ToolEnd { call, signature }),
        1 => words().prop_map(|text| Delta::Whole(Box::new(Part::new(Content::Refusal(text))))),
    ]
}

fn finish() -> impl Strategy<Value = Finish> {
    let reasons = [
        FinishReason::End,
        FinishReason::StopSequence,
        FinishReason::ToolCalls,
        FinishReason::Length,
        FinishReason::ContextFull,
        FinishReason::Filtered,
        FinishReason::Paused,
    ];
    (
        prop::sample::select(reasons.to_vec()),
        prop::option::of(words()),
    )
        .prop_map(|(reason, said)| Finish {
            reason,
            native: said.clone(),
            stop_sequence: said
                .clone()
                .filter(|_| reason == FinishReason::StopSequence),
            explanation: said.filter(|_| reason == FinishReason::Filtered),
        })
}

fn usage() -> impl Strategy<Value = Usage> {
    let count = || prop_oneof![0..100u64, Just(u64::MAX)];
    (count(), count(), count(), count(), count()).prop_map(
        |(input, output, cached, cache_write, reasoning)| Usage {
            input,
            output,
            cached: cached.min(input),
            cache_write: cache_write.min(input - cached.min(input)),
            reasoning: reasoning.min(output),
        },
    )
}

/// A cited text: there is nothing to cite where there is no text.
fn cited() -> impl Strategy<Value = Vec<StreamEvent>> {
    ("[a-zé]{1,9}", citation()).prop_map(|(text, citation)| {
        let deltas = [Delta::Text(text), Delta::Citation(citation)];
        deltas
            .map(|delta| StreamEvent::Delta { choice: 0, delta })
            .into()
    })
}

fn events_at_once() -> impl Strategy<Value = Vec<StreamEvent>> {
    prop_oneof![9 => event().prop_map(|event| vec![event]), 1 => cited()]
}

/// No upstream gives two calls the same id.
fn with_own_ids(mut events: Vec<StreamEvent>) -> Vec<StreamEvent> {
    for (number, event) in events.iter_mut().enumerate() {
        if let StreamEvent::Delta {
            delta: Delta::ToolCall { id, .. },
            ..
        } = event
            && !id.is_empty()
        {
            id.push_str(&number.to_string());
        }
    }
    events
}

fn event() -> impl Strategy<Value = StreamEvent> {
    let choice = || prop_oneof![6 => Just(0u32), 1 => Just(1u32)];
    prop_oneof![
        1 => words().prop_map(|id| StreamEvent::Start { id: Some(id), model: None, created: None }),
        20 => (choice(), delta()).prop_map(|(choice, delta)| StreamEvent::Delta { choice, delta }),
        1 => (choice(), finish()).prop_map(|(choice, finish)| StreamEvent::Finish { choice, finish }),
        1 => usage().prop_map(StreamEvent::Usage),
        1 => Just(StreamEvent::Ping),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_is_told_comes_out_grammatical(
        events in prop::collection::vec(events_at_once(), 0..40),
        legacy_functions in any::<bool>(),
    ) {
        let events = with_own_ids(events.concat());
        for client in Dialect::ALL {
            let mut exchange = exchange();
            exchange.legacy_functions = legacy_functions;
            let (stream, _) = told(client, events.clone(), exchange);
            let end = grammar::of_stream(client, &stream);
            prop_assert_eq!(end, Ok(End::Finished), "{}:\n{}", client, stream);
            let (_, end) = self::events(client, stream.as_bytes());
            let is_slip = client == Dialect::Gemini && stream.contains("MALFORMED_FUNCTION_CALL");
            prop_assert!(end == Ok(true) || is_slip, "{client} does not take its own stream: {end:?}\n{stream}");
        }
    }
}
