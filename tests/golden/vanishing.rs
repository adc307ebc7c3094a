//! L2: every leaf of a request that has everything is in what the upstream gets, or named as lost,
//! changed or refused. Nothing vanishes.
//!
//! Each leaf is given another value, and taken out: if neither changes what is sent or reported, it had
//! vanished.

use autogw::chat::{Dialect, Report};
use autogw::codec::dispatch::decode_request;
use serde_json::{Map, Value};

use crate::corpus::{Kind, case, others};
use crate::layout::{compare, gaps};
use crate::place::{Place, Written, places};
use crate::tree::{Path, are_akin, node, paths, spelled, with, without};

/// Leaves that are not looked for, and why.
const SPARED: [(&str, &str); 4] = [
    ("model", "the target's own name of its model is written"),
    ("stream", "how the answer travels is decided by the gateway"),
    ("stream_options", "the same"),
    ("functions", "the deprecated name of `tools`, empty here"),
];

#[test]
fn nothing_of_a_full_request_vanishes() {
    let mut faults = Vec::new();
    for dialect in Dialect::ALL {
        let full = case(dialect, Kind::Request, "full").json();
        for place in others(dialect).flat_map(places) {
            let accepted = accepted(dialect, &full, place, &mut faults);
            search(dialect, &accepted, place, &mut faults);
        }
    }
    compare("gaps_of_full_requests", &gaps(faults));
}

fn write(dialect: Dialect, body: &Value, place: Place) -> Option<Written> {
    let map: Map<String, Value> = body.as_object().expect("an object").clone();
    let request = decode_request(dialect, map).ok()?;
    Some(place.write(&request))
}

/// The request without the nodes that are refused; each of them must be named by its refusal.
fn accepted(
    dialect: Dialect,
    full: &Value,
    place: Place,
    faults: &mut Vec<(String, Dialect, Dialect)>,
) -> Value {
    let mut body = full.clone();
    for _ in 0..100 {
        let Some(Written::Refused(refusal)) = write(dialect, &body, place) else {
            return body;
        };
        let leads_out = |path: &Path| {
            let rest = write(dialect, &without(&body, path), place);
            rest.is_some_and(|rest| rest != Written::Refused(refusal.clone()))
        };
        let named = |path: &Path| !path.is_empty() && are_akin(&spelled(path), &refusal.field);
        let (named, other): (Vec<Path>, Vec<Path>) =
            paths(&body, |_| true).into_iter().partition(named);
        // The smallest node, and the deepest is the last; one that is named if there is any.
        let is_out = |path: &&Path| !path.is_empty() && leads_out(path);
        let path = match named.iter().rfind(is_out) {
            Some(path) => path,
            None => {
                let path = other.iter().rfind(is_out);
                let way = path.map(|path| spelled(path));
                let way = format!("{} refused as {}", way.unwrap_or_default(), refusal.field);
                faults.push((way, dialect, place.dialect));
                let Some(path) = path else { return body };
                path
            }
        };
        body = without(&body, path);
    }
    panic!("{dialect} for {}: refused for ever", place.model)
}

fn search(
    dialect: Dialect,
    body: &Value,
    place: Place,
    faults: &mut Vec<(String, Dialect, Dialect)>,
) {
    let Some(Written::Body(sent, report)) = write(dialect, body, place) else {
        panic!("{dialect} for {}: it was accepted", place.model);
    };
    let leaves = paths(body, |node| {
        !node.is_object() && !node.is_array() && !node.is_null()
    });
    for (number, path) in leaves.into_iter().enumerate() {
        let way = spelled(&path);
        let is_spared = SPARED.iter().any(|(spared, _)| are_akin(&way, spared));
        if is_spared || is_named(&report, &way) {
            continue;
        }
        let known = Some(Written::Body(sent.clone(), report.clone()));
        let is_read = |other: Value| write(dialect, &other, place) != known;
        let leaf = node(body, &path).expect("it was found");
        let is_found =
            is_read(with(body, &path, another(leaf, number))) || is_read(without(body, &path));
        if !is_found {
            faults.push((way, dialect, place.dialect));
        }
    }
}

fn is_named(report: &Report, way: &str) -> bool {
    let lost = report.losses().iter().map(|loss| &*loss.field);
    let mut named = lost.chain(
        report
            .adjustments()
            .iter()
            .map(|adjustment| &*adjustment.field),
    );
    named.any(|field| are_akin(field, way))
}

/// Another value of the same kind, that is nowhere else.
fn another(leaf: &Value, number: usize) -> Value {
    match leaf {
        Value::Bool(is_so) => (!is_so).into(),
        Value::Number(_) => (70_000 + number).into(),
        _ => format!("mark{number}mark").into(),
    }
}
