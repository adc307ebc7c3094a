//! What a request looks like as spans.

use std::time::Instant;

use http::HeaderValue;

use super::*;
use crate::chat::FailureClass;
use crate::telemetry::trace::Cause;

/// Counts; keys are `canary`.
struct Counting(u64);

impl Scribe for Counting {
    fn id(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }

    fn kind(&self, provider: &str) -> Option<String> {
        (provider == "goo").then(|| "google".to_owned())
    }

    fn clean(&self, text: &str) -> String {
        text.replace("canary", "[redacted]")
    }
}

fn tried(provider: &str, verdict: Verdict) -> Try {
    Try {
        provider: provider.into(),
        model: "m-1".into(),
        key: Some(2),
        cause: Cause::First,
        began: Duration::from_millis(10),
        elapsed: Some(Duration::from_millis(30)),
        verdict,
        status: Some(200),
        first_token: None,
        rests: None,
        is_injected: false,
    }
}

fn trace(parent: Option<&'static str>) -> Trace {
    Trace {
        request_id: HeaderValue::from_static("r-1"),
        client: "owner".into(),
        door: None,
        endpoint: "/chat/completions",
        asked: "m canary".into(),
        strategy: "sequential",
        received: Instant::now(),
        tries: vec![
            tried("a", Verdict::Failed(FailureClass::RateLimit)),
            tried("b", Verdict::CircuitOpen),
            tried("goo", Verdict::Served),
        ],
        status: 200,
        outcome: "complete",
        first_token: Some(Duration::from_millis(500)),
        total: Duration::from_millis(1500),
        input_tokens: Some(7),
        output_tokens: None,
        number: 1,
        cached_tokens: None,
        cost: None,
        overhead: None,
        losses: Vec::new(),
        candidates: Vec::new(),
        parent: parent.map(HeaderValue::from_static),
    }
}

fn attribute(span: &Value, key: &str) -> Option<Value> {
    let mut all = span["attributes"].as_array().expect("a list").iter();
    let found = all.find(|one| one["key"] == key);
    found.map(|one| one["value"].clone())
}

#[test]
fn a_request_is_a_span_and_each_attempt_one_below_it() {
    let spans = spans(&trace(None), &mut Counting(0));
    let [request, failed, served] = &spans[..] else {
        panic!("{spans:#?}");
    };
    assert_eq!(request["traceId"], "00000000000000010000000000000002");
    assert_eq!(request["spanId"], "0000000000000003");
    assert_eq!(request.get("parentSpanId"), None);
    assert_eq!(
        (&request["kind"], &request["name"]),
        (&json!(2), &json!("chat m [redacted]"))
    );
    for (key, value) in [
        (names::PROVIDER, json!({"stringValue": "gcp.gemini"})),
        (names::RESPONSE_MODEL, json!({"stringValue": "m-1"})),
        (names::INPUT_TOKENS, json!({"intValue": "7"})),
        (names::FIRST_CHUNK, json!({"doubleValue": 0.5})),
        (names::STATUS, json!({"intValue": "200"})),
    ] {
        assert_eq!(attribute(request, key), Some(value), "{key}");
    }
    assert_eq!(attribute(request, names::OUTPUT_TOKENS), None);
    assert_eq!(request["events"][0]["name"], "autogw.circuit_open");
    for (span, id) in [(failed, "0000000000000004"), (served, "0000000000000005")] {
        assert_eq!(span["spanId"], id);
        assert_eq!(span["parentSpanId"], request["spanId"]);
        assert_eq!(span["traceId"], request["traceId"]);
        assert_eq!(
            (&span["kind"], &span["name"]),
            (&json!(3), &json!("chat m-1"))
        );
    }
    assert_eq!(
        (&failed["status"]["code"], &served["status"]["code"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(
        attribute(failed, names::ERROR_TYPE),
        Some(json!({"stringValue": "rate_limit"}))
    );
    let nanos = |span: &Value, key: &str| -> u128 {
        let text = span[key].as_str().expect("a text");
        text.parse().expect("a number")
    };
    let took = |span: &Value| nanos(span, "endTimeUnixNano") - nanos(span, "startTimeUnixNano");
    assert_eq!((took(request), took(served)), (1_500_000_000, 30_000_000));
    let export = export("service", "run", &spans).to_string();
    assert!(
        !export.contains("canary") && export.contains("\"service.name\""),
        "{export}"
    );
}

#[test]
fn the_trace_of_the_client_goes_on() {
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let told = spans(&trace(Some(parent)), &mut Counting(0));
    assert!(
        told.iter()
            .all(|span| span["traceId"] == "4bf92f3577b34da6a3ce929d0e0e4736")
    );
    assert_eq!(told[0]["parentSpanId"], "00f067aa0ba902b7");
    let unsampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    assert!(spans(&trace(Some(unsampled)), &mut Counting(0)).is_empty());
}
