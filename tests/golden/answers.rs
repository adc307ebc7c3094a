//! Every answer of every dialect, as each other dialect's client gets it: whole and in pieces.

use std::fmt::Write as _;

use autogw::chat::Dialect;
use serde_json::{Map, Value};

use crate::corpus::{Kind, cases, others};
use crate::crossing::{carry, crossing};
use crate::grammar;
use crate::layout::{compare, differences, document, report};

#[test]
fn answers_become_what_the_client_speaks() {
    let mut faults = Vec::new();
    for upstream in Dialect::ALL {
        for client in others(upstream) {
            let name = format!("{upstream}_response_for_{client}");
            compare(&name, &documents(upstream, client, &mut faults));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// All documents; of the envelope only what differs from the first.
fn documents(upstream: Dialect, client: Dialect, faults: &mut Vec<String>) -> String {
    let crossing = crossing(upstream, client);
    let (mut page, mut first) = (String::new(), Map::new());
    for case in cases(upstream, Kind::Response) {
        writeln!(page, "\n# {}", case.name).expect("a string");
        match crossing.carry(&case.text.into()) {
            Err(error) => writeln!(page, "error: {error:?}").expect("a string"),
            Ok(carried) => {
                if let Err(fault) = grammar::of_document(client, &carried.body) {
                    faults.push(format!("{upstream} {} for {client}: {fault}", case.name));
                }
                let Value::Object(body) = carried.body else {
                    panic!("an answer is an object");
                };
                let shown = differences(&body, &first);
                page.push_str(&document(&Value::Object(shown)));
                page.push_str(&report(&carried.report));
                if first.is_empty() {
                    first = body;
                }
            }
        }
    }
    page
}

#[test]
fn streams_become_what_the_client_speaks() {
    let mut faults = Vec::new();
    for upstream in Dialect::ALL {
        for client in others(upstream) {
            let name = format!("{upstream}_stream_for_{client}");
            compare(&name, &streams(upstream, client, &mut faults));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn streams(upstream: Dialect, client: Dialect, faults: &mut Vec<String>) -> String {
    let mut page = String::new();
    for case in cases(upstream, Kind::Stream) {
        let heard = carry(upstream, client, [case.text.as_bytes()]);
        let end = grammar::of_stream(client, &heard.text).map(grammar::End::is_finished);
        if end != Ok(heard.end.is_ok()) {
            faults.push(format!(
                "{upstream} {} for {client}: {end:?} at {:?}",
                case.name, heard.end
            ));
        }
        writeln!(page, "\n# {}", case.name).expect("a string");
        page.push_str(&shown(client, &heard.text));
    }
    page
}

/// A stream without what the grammar already holds to be the same in every event.
fn shown(client: Dialect, stream: &str) -> String {
    let mut page = String::new();
    for event in grammar::events(stream).unwrap_or_default() {
        let Some(mut data) = event.json else {
            page.push_str(&event.raw);
            page.push('\n');
            continue;
        };
        let map = data.as_object_mut().expect("an event is an object");
        let constant: &[&str] = match client {
            Dialect::OpenAiChat => &["id", "object", "created", "model"],
            Dialect::OpenAiResponses => &["sequence_number", "item_id"],
            Dialect::Anthropic => &[],
            Dialect::Gemini => &["modelVersion", "responseId"],
        };
        if !map.contains_key("error") {
            for key in constant {
                map.shift_remove(*key);
            }
        }
        if map.get("usage") == Some(&Value::Null) {
            map.shift_remove("usage");
        }
        if let Some(Value::Object(response)) = map.get_mut("response") {
            let shown = ["status", "error", "incomplete_details", "usage"];
            response.retain(|key, value| shown.contains(&key.as_str()) && !value.is_null());
        }
        writeln!(page, "{data}").expect("a string");
    }
    page
}
