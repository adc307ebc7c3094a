//! The bodies of the fuzz targets over their corpus: every fixture, what clients were recorded to send, all
//! of it cut short or bent, and what nobody would send in good faith.

use autogw::chat::Dialect;
use serde_json::Value;

use crate::bodies;
use crate::corpus::{Kind, cases, recorded};
use crate::tree::{paths, with};

/// Documents that are made to hurt.
fn hurtful() -> Vec<String> {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(120), close.repeat(120));
    let mut all: Vec<String> = [
        "",
        "null",
        "[]",
        "{}",
        "\"x\"",
        "1e400",
        "{\"a\":1,\"a\":2}",
        "{\"messages\":[null,1,\"x\",{}]}",
    ]
    .map(str::to_owned)
    .into();
    for key in [
        "messages",
        "input",
        "contents",
        "choices",
        "output",
        "content",
        "candidates",
        "tools",
    ] {
        all.push(format!("{{\"{key}\":{}}}", deep("[", "]")));
        all.push(format!("{{\"{key}\":[{}]}}", deep("{\"content\":", "}")));
        all.push(format!("{{\"{key}\":[{}]}}", vec!["{}"; 2000].join(",")));
        all.push(format!(
            "{{\"{key}\":\"{}\"}}",
            "\\u0000\\ud83d\\ude00".repeat(500)
        ));
        all.push(format!("{{\"{key}\":-18446744073709551616}}"));
    }
    let circle = r##"{"$ref":"#/$defs/a","$defs":{"a":{"anyOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/b"}]},"b":{"$ref":"#/$defs/a"}}}"##;
    all.push(format!(r#"{{"messages":[],"tools":[{{"type":"function","function":{{"name":"f","parameters":{circle}}}}}]}}"#));
    all.push(format!(r#"{{"contents":[],"tools":[{{"functionDeclarations":[{{"name":"f","parametersJsonSchema":{circle}}}]}}]}}"#));
    all.push(doubling());
    all
}

/// A schema of twenty definitions, each of which refers to the next one twice: a million if written out.
fn doubling() -> String {
    let definitions: Vec<String> = (0..20)
        .map(|n| {
            let next = format!(r##"{{"$ref":"#/$defs/d{}"}}"##, n + 1);
            format!(r#""d{n}":{{"type":"object","properties":{{"a":{next},"b":{next}}}}}"#)
        })
        .collect();
    let schema = format!(
        r##"{{"type":"object","properties":{{"x":{{"$ref":"#/$defs/d0"}}}},"$defs":{{{},"d20":{{"type":"string"}}}}}}"##,
        definitions.join(",")
    );
    format!(
        r#"{{"messages":[{{"role":"user","content":"x"}}],"tools":[{{"type":"function","function":{{"name":"f","parameters":{schema}}}}}]}}"#
    )
}

/// The document with each of its nodes replaced by what does not belong there.
fn bent(text: &str, mut each: impl FnMut(&[u8])) {
    let root: Value = serde_json::from_str(text).expect("a fixture");
    let others = [
        Value::Null,
        Value::from(-1),
        Value::from(u64::MAX),
        Value::from(""),
        serde_json::json!([]),
        serde_json::json!({}),
        serde_json::json!([null, 1, "x", {}]),
    ];
    for (number, path) in paths(&root, |_| true).iter().enumerate().skip(1) {
        let other = others[number % others.len()].clone();
        each(with(&root, path, other).to_string().as_bytes());
    }
}

#[test]
fn requests_of_any_shape_are_survived() {
    let recorded: Vec<String> = ["claude-code", "codex", "gemini-cli", "sdk"]
        .into_iter()
        .flat_map(recorded)
        .map(|case| case.json()["body"].to_string())
        .collect();
    for dialect in Dialect::ALL {
        for text in recorded.iter().chain(&hurtful()) {
            bodies::request(dialect, text.as_bytes());
        }
        for case in Dialect::ALL
            .into_iter()
            .flat_map(|from| cases(from, Kind::Request))
        {
            bodies::request(dialect, case.text.as_bytes());
        }
        for case in cases(dialect, Kind::Request) {
            bent(&case.text, |bytes| bodies::request(dialect, bytes));
        }
    }
}

#[test]
fn answers_of_any_shape_are_survived() {
    for dialect in Dialect::ALL {
        for text in hurtful() {
            bodies::response(dialect, text.as_bytes());
        }
        for case in Dialect::ALL
            .into_iter()
            .flat_map(|from| cases(from, Kind::Response))
        {
            bodies::response(dialect, case.text.as_bytes());
        }
        for case in cases(dialect, Kind::Response) {
            bent(&case.text, |bytes| bodies::response(dialect, bytes));
        }
    }
}

#[test]
fn streams_of_any_shape_are_survived() {
    for dialect in Dialect::ALL {
        for text in hurtful() {
            bodies::sse(text.as_bytes());
            bodies::stream(
                dialect,
                format!("data: {text}\n\ndata: [DONE]\n\n").as_bytes(),
            );
        }
        for case in Dialect::ALL
            .into_iter()
            .flat_map(|from| cases(from, Kind::Stream))
        {
            bodies::sse(case.text.as_bytes());
            bodies::stream(dialect, case.text.as_bytes());
        }
        for case in cases(dialect, Kind::Stream) {
            for bytes in disordered(&case.text) {
                bodies::stream(dialect, bytes.as_bytes());
            }
        }
    }
}

/// The stream with each of its events missing, twice, bent or cut short, and backwards.
fn disordered(text: &str) -> Vec<String> {
    let text = text.replace("\r\n", "\n");
    let events: Vec<&str> = text.split_inclusive("\n\n").collect();
    let mut all = vec![events.iter().rev().copied().collect::<String>()];
    for place in 0..events.len() {
        let (before, rest) = events.split_at(place);
        let (event, after) = (rest[0], &rest[1..]);
        let middle = event.len() / 2;
        let middle = (0..=middle)
            .rfind(|at| event.is_char_boundary(*at))
            .unwrap_or(0);
        let variants = [
            String::new(),
            event.repeat(2),
            event.replace(':', ":["),
            event.replace("\"index\":0", "\"index\":4294967295"),
            event.replace("\":\"", "\":{\"x\":\""),
            format!("{}\n\n", &event[..middle]),
        ];
        all.extend(
            variants.map(|variant| format!("{}{variant}{}", before.concat(), after.concat())),
        );
    }
    all
}
