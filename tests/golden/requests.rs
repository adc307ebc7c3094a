//! Every request of every dialect, as each other dialect's upstream gets it.

use std::fmt::Write as _;

use autogw::chat::Dialect;
use serde_json::{Map, Value};

use crate::corpus::{Kind, cases, others};
use crate::layout::{compare, differences, document, report};
use crate::place::{Place, Written, decoded, places};

#[test]
fn requests_become_what_the_upstream_speaks() {
    for client in Dialect::ALL {
        for upstream in others(client) {
            compare(
                &format!("{client}_request_for_{upstream}"),
                &page(client, upstream),
            );
        }
    }
}

fn page(client: Dialect, upstream: Dialect) -> String {
    let mut page = String::new();
    for case in cases(client, Kind::Request) {
        let request = decoded(client, case.object());
        let mut places = places(upstream);
        let first = places.next().expect("each dialect has a place");
        let model = first.write(&request);
        writeln!(page, "\n# {}", case.name).expect("a string");
        page.push_str(&in_full(first, &model));
        for place in places {
            page.push_str(&beside(place, &place.write(&request), &model));
        }
    }
    page
}

fn in_full(place: Place, written: &Written) -> String {
    match written {
        Written::Refused(refusal) => {
            format!("{}: refused `{}`: {refusal}\n", place.model, refusal.field)
        }
        Written::Body(body, losses) => {
            let mut body = body.clone();
            body.shift_remove("stream");
            format!("{}{}", document(&Value::Object(body)), report(losses))
        }
    }
}

/// What differs from what was shown in full.
fn beside(place: Place, written: &Written, first: &Written) -> String {
    match (written, first) {
        (Written::Body(body, losses), Written::Body(other, known)) => {
            let mut changes = differences(body, other);
            changes.shift_remove("model");
            let mut out = String::new();
            if !changes.is_empty() {
                out = format!("{} but: {}", place.model, document(&Value::Object(changes)));
            }
            if losses != known {
                let told = report(losses);
                let told = if told.is_empty() {
                    "nothing lost\n"
                } else {
                    &told
                };
                for line in told.lines() {
                    writeln!(out, "{} {line}", place.model).expect("a string");
                }
            }
            out
        }
        (written, first) if written == first => String::new(),
        (Written::Body(..), _) => format!("{} takes it: {}", place.model, in_full(place, written)),
        (Written::Refused(_), _) => in_full(place, written),
    }
}

#[test]
fn what_differs_is_shown() {
    let map = |text: &str| -> Map<String, Value> { serde_json::from_str(text).expect("JSON") };
    let found = differences(
        &map(r#"{"a": 1, "b": 2}"#),
        &map(r#"{"a": 1, "b": 3, "c": 4}"#),
    );
    assert_eq!(found, map(r#"{"b": 2, "-c": null}"#));
}
