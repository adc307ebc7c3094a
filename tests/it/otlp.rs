//! Requests as OpenTelemetry spans: what a collector is sent, and what becomes of it if there is none.
#![cfg(feature = "otlp")]

use std::sync::Arc;

use autogw::app::otlp::Settings;
use autogw::config::Environment;
use serde_json::{Value, json};

use crate::support::{Binary, Config, Gateway, Reply, Upstream, chat, patiently};

/// The variables of a gateway that exports to `collector` as soon as it can.
fn variables(collector: &Upstream) -> Vec<(String, String)> {
    let endpoint = format!("http://{}", collector.address());
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "x-collector-key=canary%2Dcollector",
        ),
        ("OTEL_SERVICE_NAME", "gate"),
        ("OTEL_BSP_SCHEDULE_DELAY", "1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

async fn exporting(config: Config, collector: &Upstream) -> Gateway {
    let env = variables(collector)
        .into_iter()
        .fold(Environment::empty(), |env, (name, value)| {
            env.with(name, value)
        });
    let settings = Settings::of(&env).expect("good variables");
    Gateway::start_as(&config.text(), |_, options| options.otlp = settings).await
}

async fn taking() -> Upstream {
    Upstream::always(Reply::json(200, json!({"partialSuccess": {}}))).await
}

/// The spans of an export.
fn spans(export: &Value) -> &Vec<Value> {
    let spans = &export["resourceSpans"][0]["scopeSpans"][0]["spans"];
    spans.as_array().expect("spans")
}

fn attribute<'a>(span: &'a Value, key: &str) -> Option<&'a Value> {
    let mut all = span["attributes"].as_array()?.iter();
    all.find(|one| one["key"] == key).map(|one| &one["value"])
}

#[tokio::test]
async fn a_request_reaches_the_collector_with_its_attempts_and_no_word_of_it() {
    let collector = taking().await;
    let down = Reply::json(503, chat::error("down", "server_error", None));
    let a = Upstream::always(down).await;
    let b = Upstream::always(Reply::sse(chat::stream(&["canary-answer"]))).await;
    let gateway = exporting(Config::over([&a, &b]), &collector).await;
    let mut request = chat::ask_stream("m");
    request["messages"][0]["content"] = json!("canary-prompt");
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let call = gateway.chat(request).header("traceparent", parent);
    call.header("x-request-id", "r-1")
        .send()
        .await
        .expect_status(200);
    let sent = patiently("an export", collector.request(0)).await;
    assert_eq!((&*sent.method, &*sent.target), ("POST", "/v1/traces"));
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert_eq!(sent.header("x-collector-key"), Some("canary-collector"));
    assert!(!sent.text().contains("canary") && !sent.text().contains("key-a"));
    let export = sent.json();
    let resource = &export["resourceSpans"][0]["resource"];
    assert_eq!(
        attribute(resource, "service.name"),
        Some(&json!({"stringValue": "gate"}))
    );
    let [request, failed, served] = &spans(&export)[..] else {
        panic!("{export:#}");
    };
    assert_eq!(request["parentSpanId"], "00f067aa0ba902b7");
    assert_eq!(
        attribute(request, "autogw.request_id"),
        Some(&json!({"stringValue": "r-1"}))
    );
    assert!(attribute(request, "gen_ai.response.time_to_first_chunk").is_some());
    for span in [request, failed, served] {
        assert_eq!(span["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(span["name"], "chat m");
    }
    for (span, provider, code) in [(failed, "a", 2), (served, "b", 0)] {
        assert_eq!(span["parentSpanId"], request["spanId"]);
        assert_eq!(
            attribute(span, "autogw.provider"),
            Some(&json!({"stringValue": provider}))
        );
        assert_eq!(span["status"]["code"], code);
    }
}

#[tokio::test]
async fn what_a_collector_could_not_take_is_sent_again() {
    let away = Reply::json(503, json!({}));
    let collector = Upstream::script([away, Reply::json(200, json!({}))]).await;
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let gateway = exporting(Config::over([&upstream]), &collector).await;
    gateway.ask().await.expect_status(200);
    let first = patiently("an export", collector.request(0)).await.json();
    let again = patiently("the same again", collector.request(1))
        .await
        .json();
    assert_eq!(spans(&again)[..], spans(&first)[..]);
}

#[tokio::test]
async fn the_last_requests_are_exported_at_the_end() {
    let collector = taking().await;
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let gateway = exporting(Config::over([&upstream]), &collector).await;
    for _ in 0..20 {
        gateway.ask().await.expect_status(200);
    }
    Box::pin(patiently("the gateway to stop", gateway.stop())).await;
    let exports: Vec<Value> = collector
        .requests()
        .iter()
        .map(crate::support::upstream::Recorded::json)
        .collect();
    let sent: usize = exports.iter().map(|export| spans(export).len()).sum();
    assert_eq!(sent, 40);
}

#[tokio::test]
async fn nobody_waits_for_a_collector_that_is_gone() {
    let collector = Upstream::refusing();
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let gateway = exporting(Config::over([&upstream]), &collector).await;
    for _ in 0..300 {
        gateway.ask().await.expect_status(200);
    }
    Box::pin(patiently("the gateway to stop", gateway.stop())).await;
}

#[tokio::test]
async fn the_program_takes_it_from_its_environment_and_logs_no_key() {
    let collector =
        Upstream::script([Reply::json(401, json!({})), Reply::json(200, json!({}))]).await;
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let home = Arc::new(tempfile::tempdir().expect("a temporary directory"));
    let config = home.path().join("config.json");
    std::fs::write(&config, Config::over([&upstream]).text()).expect("written");
    let config = config.display().to_string();
    let all = variables(&collector);
    let all = all.iter().map(|(name, value)| (&**name, &**value));
    let binary = Binary::run(home, ["start", "--json", "--config", &config], all);
    let client = binary.client().await;
    client.chat(chat::ask("m")).send().await.expect_status(200);
    patiently("an export", collector.request(0)).await;
    client.chat(chat::ask("m")).send().await.expect_status(200);
    patiently("another", collector.request(1)).await;
    binary.says("the collector does not take spans").await;
    assert!(!binary.stderr().contains("canary"), "{}", binary.stderr());
}
