//! L1: what is read and written in one dialect is what it was, whatever else is in it.

use autogw::chat::Dialect;
use serde_json::{Map, Value};

use crate::corpus::{Case, Kind, cases, others};
use crate::layout::{compare, gaps};
use crate::place::{Written, decoded, places};
use crate::tree::{self, Step, paths, spelled};

/// A field that no dialect knows.
const UNKNOWN: &str = "xUnknown";

/// The transport's: not the request's to keep.
const TRANSPORT: [&str; 3] = ["model", "stream", "stream_options"];

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("no object: {other}"),
    }
}

/// The body as far as it says something: null is as good as absent.
fn without_transport(mut body: Map<String, Value>) -> Value {
    for key in TRANSPORT {
        body.shift_remove(key);
    }
    // The old name of `tools`, empty.
    body.retain(|key, value| key != "functions" || value != &Value::Array(Vec::new()));
    let mut body = Value::Object(body);
    without_nulls(&mut body);
    body
}

fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(without_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// What a request becomes in its own dialect.
fn again(dialect: Dialect, body: Map<String, Value>) -> Value {
    let place = places(dialect).next().expect("each dialect has a place");
    match place.write_unknowing(&decoded(dialect, body)) {
        Written::Body(body, _) => without_transport(body),
        Written::Refused(refusal) => panic!("{dialect}: {refusal:?}"),
    }
}

#[test]
fn a_request_comes_back_as_it_was() {
    for dialect in Dialect::ALL {
        for case in cases(dialect, Kind::Request) {
            let body = case.object();
            let expected = without_transport(body.clone());
            assert_eq!(again(dialect, body), expected, "{dialect} {}", case.name);
        }
    }
}

/// The documents with an unknown field in each of the objects of a fixture, one at a time.
fn strange(case: &Case) -> impl Iterator<Item = (String, Value)> {
    let root = case.json();
    let objects = paths(&root, Value::is_object);
    objects.into_iter().map(move |path| {
        let mut body = root.clone();
        let node = tree::node_mut(&mut body, &path).and_then(Value::as_object_mut);
        node.expect("it was found")
            .insert(UNKNOWN.to_owned(), 1.into());
        let mut way = path;
        way.push(Step::Key(UNKNOWN.to_owned()));
        (spelled(&way), body)
    })
}

#[test]
fn an_unknown_field_comes_back_wherever_it_is() {
    let mut faults = Vec::new();
    for dialect in Dialect::ALL {
        for case in cases(dialect, Kind::Request) {
            for (way, body) in strange(&case) {
                let is_transport = TRANSPORT.iter().any(|key| tree::are_akin(&way, key));
                let body = object(body);
                let expected = without_transport(body.clone());
                if !is_transport && again(dialect, body) != expected {
                    faults.push((way, dialect, dialect));
                }
            }
        }
    }
    compare("gaps_of_identity", &gaps(faults));
}

#[test]
fn an_unknown_field_is_carried_over_or_named() {
    let mut faults = Vec::new();
    for dialect in Dialect::ALL {
        for case in cases(dialect, Kind::Request) {
            for (way, body) in strange(&case) {
                let is_transport = TRANSPORT.iter().any(|key| tree::are_akin(&way, key));
                let request = decoded(dialect, object(body));
                for upstream in others(dialect) {
                    let place = places(upstream).next().expect("each dialect has a place");
                    let is_said = match place.write(&request) {
                        Written::Refused(_) => true,
                        Written::Body(body, report) => {
                            let mut losses = report.losses().iter();
                            Value::Object(body).to_string().contains(UNKNOWN)
                                || losses.any(|loss| tree::are_akin(&way, &loss.field))
                        }
                    };
                    if !is_said && !is_transport {
                        faults.push((way.clone(), dialect, upstream));
                    }
                }
            }
        }
    }
    compare("gaps_of_unknown_fields", &gaps(faults));
}
