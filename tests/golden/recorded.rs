//! What real clients were recorded to send, for upstreams of every other dialect: it must be taken, and what
//! it loses on its way is shown.

use std::fmt::Write as _;

use autogw::chat::Dialect;
use serde_json::{Map, Value};

use crate::corpus::{Case, others, recorded};
use crate::layout::{compare, report};
use crate::place::{Written, decoded, places};

/// The clients, with the dialect they speak.
const CLIENTS: [(&str, Dialect); 3] = [
    ("claude-code", Dialect::Anthropic),
    ("codex", Dialect::OpenAiResponses),
    ("gemini-cli", Dialect::Gemini),
];

/// The recorded requests of one file that ask for an answer: their names and bodies.
fn questions(case: &Case) -> Vec<(String, Map<String, Value>)> {
    let recorded = match case.json() {
        Value::Array(all) => all,
        one => vec![one],
    };
    let numbered = (1..).zip(recorded).filter_map(|(number, request)| {
        let path = request["path"].as_str()?;
        let asks = [
            "/chat/completions",
            "/responses",
            "/messages",
            "enerateContent",
        ];
        let is_question = asks.iter().any(|end| path.ends_with(end));
        let body = request["body"].as_object().filter(|_| is_question)?;
        Some((format!("{} {number}", case.name), body.clone()))
    });
    numbered.collect()
}

/// What becomes of the requests of one client, and how many there were.
fn page(client: Dialect, cases: &[Case], may_be_refused: bool) -> (String, usize) {
    let (mut page, mut count) = (String::new(), 0);
    for (name, body) in cases.iter().flat_map(questions) {
        count += 1;
        writeln!(page, "\n# {name}").expect("a string");
        let request = decoded(client, body);
        for place in others(client).flat_map(places) {
            match place.write(&request) {
                Written::Body(_, losses) => {
                    writeln!(page, "{}:", place.model).expect("a string");
                    for line in report(&losses).lines() {
                        writeln!(page, "    {line}").expect("a string");
                    }
                }
                Written::Refused(refusal) => {
                    assert!(may_be_refused, "{name} for {}: {refusal:?}", place.model);
                    writeln!(page, "{}: refused {}", place.model, refusal.field).expect("a string");
                }
            }
        }
    }
    (page, count)
}

#[test]
fn agents_are_never_refused() {
    for (client, dialect) in CLIENTS {
        let (page, count) = page(dialect, &recorded(client), false);
        assert!(count >= 4, "{client}: {count}");
        compare(&format!("recorded_{client}"), &page);
    }
}

#[test]
fn what_sdks_send_is_taken() {
    let files = [
        ("openai", Dialect::OpenAiChat),
        ("responses", Dialect::OpenAiResponses),
        ("anthropic", Dialect::Anthropic),
        ("genai", Dialect::Gemini),
    ];
    for (file, dialect) in files {
        let cases: Vec<Case> = recorded("sdk")
            .into_iter()
            .filter(|case| case.name == file)
            .collect();
        let (page, count) = page(dialect, &cases, true);
        assert!(count >= 1, "{file}");
        compare(&format!("recorded_sdk_{file}"), &page);
    }
}
