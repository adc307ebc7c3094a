//! `/metrics`: every request is counted as what it became, and nothing is told that is nobody's business.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use autogw::config::{PublicDoor, Tunnel};
use autogw::telemetry::snapshot::Phase;
use prometheus_parse::{Sample, Scrape, Value};
use serde_json::json;

use crate::support::{Answer, Config, Gate, Gateway, Public, Reply, Upstream, chat, patiently};

/// The page, read by somebody else's parser.
struct Metrics {
    text: String,
    samples: Vec<Sample>,
}

impl Metrics {
    fn read(text: String) -> Self {
        let lines = text.lines().map(|line| Ok(line.to_owned()));
        let scrape = Scrape::parse(lines).expect("the text format");
        let samples = scrape.samples;
        Self { text, samples }
    }

    async fn of(gateway: &Gateway) -> Self {
        let answer = gateway.client().get("/metrics").send().await;
        let answer = answer.expect_status(200);
        let kind = answer.header("content-type");
        assert_eq!(kind, Some("text/plain; version=0.0.4; charset=utf-8"));
        Self::read(answer.text())
    }

    /// The sum of the samples of `name` that have these labels.
    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |sample: &&Sample| {
            let is = |(label, value): &(&str, &str)| sample.labels.get(label) == Some(value);
            sample.metric == name && labels.iter().all(is)
        };
        let values = self.samples.iter().filter(has).map(number);
        values.sum()
    }

    /// How many observations there are in the histograms of `name`.
    fn observed(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.sum(&format!("{name}_count"), labels)
    }

    /// Asks again until `is_there`: books are closed by other tasks.
    async fn when(gateway: &Gateway, what: &str, is_there: impl Fn(&Self) -> bool) -> Self {
        let asked = async {
            loop {
                let metrics = Self::of(gateway).await;
                if is_there(&metrics) {
                    return metrics;
                }
                tokio::task::yield_now().await;
            }
        };
        patiently(what, asked).await
    }

    /// The names of all families.
    fn families(&self) -> BTreeSet<&str> {
        let types = self
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "));
        types.filter_map(|line| line.split(' ').next()).collect()
    }
}

fn number(sample: &Sample) -> f64 {
    match &sample.value {
        Value::Counter(number) | Value::Gauge(number) | Value::Untyped(number) => *number,
        Value::Histogram(_) | Value::Summary(_) => 0.0,
    }
}

#[track_caller]
fn assert_is(told: f64, expected: u32, what: &str) {
    assert!(
        (told - f64::from(expected)).abs() < 1e-9,
        "{what}: {told} instead of {expected}"
    );
}

/// What the text format asks for, and parsers are lenient about.
#[track_caller]
fn assert_well_formed(text: &str) {
    let (mut told, mut seen) = (BTreeMap::new(), BTreeSet::new());
    let mut family = "";
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').expect("a name and words");
            assert!(
                !words.is_empty() && told.insert(name, "").is_none(),
                "{line}"
            );
            family = name;
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a name and a kind");
            assert_eq!(name, family, "HELP and TYPE stand together");
            let is_total = name.ends_with("_total");
            assert_eq!(is_total, kind == "counter", "{line}");
            told.insert(name, kind);
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a series and a value");
            assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{line}");
            assert!(seen.insert(series), "twice: {line}");
            let name = series.split('{').next().unwrap_or_default();
            let mut parts = ["_bucket", "_sum", "_count"].iter();
            let base = parts.find_map(|part| name.strip_suffix(part));
            let base = base.filter(|base| told.get(base) == Some(&"histogram"));
            assert_eq!(base.unwrap_or(name), family, "out of its family: {line}");
        }
    }
    assert!(told.values().all(|kind| !kind.is_empty()), "{told:?}");
    assert!(text.ends_with('\n'));
}

/// Answers by the content of the last message.
async fn scripted(gate: &Gate) -> Upstream {
    let gate = gate.clone();
    Upstream::answering(move |request, _| {
        let asked = request.json();
        let events = [chat::role(), chat::token("A")];
        match asked["messages"][0]["content"].as_str().unwrap_or_default() {
            "refused" => Reply::json(400, chat::error("no", "invalid_request_error", None)),
            "down" => Reply::json(503, chat::error("down", "server_error", None)),
            "broken" => Reply::sse(&events).reset_after(chat::wire(&events).len()),
            "silent" => Reply::stream().event(&events[1]).behind(&gate),
            _ if asked["stream"] == true => Reply::sse([
                chat::role(),
                chat::token("A"),
                chat::token("B"),
                chat::finish(),
                chat::usage(),
                chat::DONE.to_owned(),
            ]),
            _ => Reply::json(200, chat::answer("A")),
        }
    })
    .await
}

fn saying(words: &str, streams: bool) -> serde_json::Value {
    let mut request = if streams {
        chat::ask_stream("m")
    } else {
        chat::ask("m")
    };
    request["messages"][0]["content"] = json!(words);
    request
}

/// What clients saw.
#[derive(Debug, Default)]
struct Seen {
    ended: BTreeMap<(u16, &'static str), u32>,
    /// Whole answers by provider.
    answers: BTreeMap<String, u32>,
    failovers: u32,
}

impl Seen {
    fn look(&mut self, answer: &Answer) {
        let is_broken = answer.events().iter().any(|event| chat::is_error(event));
        let ending = match answer.status {
            200 if is_broken => (502, "failed"),
            200 => (200, "complete"),
            status => (status, "failed"),
        };
        *self.ended.entry(ending).or_default() += 1;
        if ending.0 == 200 {
            let provider = answer.provider().to_owned();
            *self.answers.entry(provider).or_default() += 1;
        }
        let route = answer.header("x-autogw-route").unwrap_or_default();
        self.failovers += u32::from(route.contains(", b/"));
    }
}

/// What is counted of a provider is what it was asked, and what clients had from it.
#[track_caller]
fn assert_agrees(metrics: &Metrics, provider: &str, upstream: &Upstream, answers: u32) {
    let (name, own) = ("autogw_attempts_total", ("provider", provider));
    let served = metrics.sum(name, &[own, ("verdict", "ok")]);
    assert_is(served, answers, provider);
    let sent = u32::try_from(upstream.count()).expect("few");
    assert_is(metrics.sum(name, &[own]), sent, "attempts");
    let tokens = metrics.sum("autogw_tokens_total", &[own, ("kind", "input")]);
    assert_is(tokens, answers * 3, "tokens read");
}

#[tokio::test]
async fn counts_equal_what_clients_saw() {
    let gate = Gate::new();
    let a = scripted(&gate).await;
    let b = Upstream::always(Reply::json(200, chat::answer("B"))).await;
    let config = Config::over([&a]).provider("b", &b, json!({"models": ["m", "n"]}));
    let gateway = config
        .router("strategy", "sequential")
        .router("circuit.threshold", 1000)
        .router("circuit.min_samples", 1000)
        .server("api_key", "client-key-0123456789abcdef")
        .server("max_body", 4096)
        .start()
        .await;
    let client = gateway
        .client()
        .with("authorization", "Bearer client-key-0123456789abcdef");
    let mut seen = Seen::default();
    for (words, streams, times) in [
        ("whole", false, 20),
        ("stream", true, 15),
        ("refused", false, 4),
        ("down", false, 3),
        ("broken", true, 6),
    ] {
        for _ in 0..times {
            seen.look(&client.chat(saying(words, streams)).send().await);
        }
    }
    let broken = seen.ended[&(502, "failed")];
    assert!(broken > 0 && seen.failovers > 0, "{seen:?}");
    for _ in 0..5 {
        gateway.chat(chat::ask("m")).send().await.expect_status(401);
    }
    client
        .chat(chat::ask("nobody's"))
        .send()
        .await
        .expect_status(404);
    client
        .chat(saying(&"x".repeat(5000), false))
        .send()
        .await
        .expect_status(413);
    client.get("/no/such/page").send().await.expect_status(404);
    for _ in 0..2 {
        let before = a.count();
        let wire = client.chat(saying("silent", true)).wired().await;
        a.request(before).await;
        drop(wire);
    }
    seen.ended.extend([
        ((401, "turned away"), 5),
        ((404, "failed"), 1),
        ((413, "failed"), 1),
        ((499, "client left"), 2),
    ]);
    let name = "autogw_requests_total";
    let metrics = Metrics::when(&gateway, "those who left", |metrics| {
        metrics.sum(name, &[("status", "499")]) > 1.5
    })
    .await;
    assert_well_formed(&metrics.text);
    let chat = ("endpoint", "/chat/completions");
    for ((status, outcome), times) in &seen.ended {
        let labels = [chat, ("status", &status.to_string()), ("outcome", outcome)];
        let told = metrics.sum(name, &labels);
        assert_is(told, *times, &format!("{status} {outcome}"));
    }
    let all: u32 = seen.ended.values().sum();
    assert_eq!(all, 20 + 15 + 4 + 3 + 6 + 5 + 1 + 1 + 2);
    assert_is(metrics.sum(name, &[chat]), all, "all requests");
    let openai = [("format", "openai")];
    assert_is(
        metrics.sum("proxy_requests_total", &openai),
        all,
        "old name",
    );
    let errors = metrics.sum("proxy_errors_total", &openai);
    assert_is(errors, 4 + broken + 5 + 1 + 1, "errors");
    for (provider, upstream) in [("a", &a), ("b", &b)] {
        assert_agrees(&metrics, provider, upstream, seen.answers[provider]);
    }
    for (verdict, times) in [("network", broken), ("invalid_request", 4), ("open", 2)] {
        let labels = [("provider", "a"), ("verdict", verdict)];
        assert_is(
            metrics.sum("autogw_attempts_total", &labels),
            times,
            verdict,
        );
    }
    let failovers = metrics.sum("autogw_failovers_total", &[("provider", "b")]);
    assert_is(failovers, seen.failovers, "failovers");
    let streams = metrics.observed("autogw_time_to_first_token_seconds", &[chat]);
    assert_is(streams, 15 + 6, "streams that began");
    let overhead = metrics.observed("autogw_gateway_overhead_seconds", &[chat]);
    assert_is(overhead, 20 + 15 + 3 + 6, "answers");
    assert_is(
        metrics.sum("proxy_active_requests", &[]),
        0,
        "nobody is left",
    );
}

#[tokio::test]
async fn a_request_under_way_is_seen_until_it_is_over() {
    let gate = Gate::new();
    let reply = Reply::stream()
        .event(&chat::role())
        .event(&chat::token("A"))
        .pause_until(&gate)
        .event(&chat::token("B"))
        .event(&chat::finish())
        .event(chat::DONE);
    let upstream = Upstream::always(reply).await;
    let gateway = Config::over([&upstream]).start().await;
    let call = gateway
        .chat(chat::ask_stream("m"))
        .header("x-request-id", "r-1");
    let mut stream = call.open().await;
    assert_eq!(stream.event().await, Some(chat::role()));
    assert_eq!(stream.event().await, Some(chat::token("A")));
    let rows = gateway.facts().live().rows();
    let [row] = &rows[..] else {
        panic!("one row: {rows:?}");
    };
    assert_eq!(
        (row.id(), &*row.asked, row.endpoint),
        ("r-1", "m", "/chat/completions")
    );
    assert_eq!((row.phase, row.attempts), (Phase::Streaming, 1));
    assert_eq!(
        (row.provider.as_deref(), row.model.as_deref()),
        (Some("a"), Some("m"))
    );
    assert_eq!(row.events, 1);
    assert_is(
        Metrics::of(&gateway)
            .await
            .sum("autogw_in_flight_requests", &[]),
        1,
        "under way",
    );
    gate.open();
    stream.drain().await;
    let trace = gateway.trace("r-1").await;
    assert_eq!(trace.number, row.number);
    assert!(trace.overhead.is_some_and(|time| time < trace.total));
    Metrics::when(&gateway, "nobody", |metrics| {
        metrics.sum("autogw_in_flight_requests", &[]) < 0.5
    })
    .await;
    assert_eq!(gateway.facts().live().rows().len(), 0);
}

#[tokio::test]
async fn time_spent_waiting_for_providers_is_not_the_gateways() {
    let wait = Duration::from_millis(150);
    let slow = |status, body: serde_json::Value| {
        let head = Reply::status(status).header("content-type", "application/json");
        head.delay(wait).bytes(body.to_string())
    };
    let down = chat::error("down", "server_error", None);
    let a = Upstream::always(slow(503, down)).await;
    let b = Upstream::always(slow(200, chat::answer("B"))).await;
    let gateway = Config::over([&a, &b]).start().await;
    let call = gateway.chat(chat::ask("m")).header("x-request-id", "r");
    call.send().await.expect_status(200);
    let trace = gateway.trace("r").await;
    let overhead = trace.overhead.expect("it was answered");
    assert!(trace.total >= wait * 2 && overhead < wait, "{overhead:?}");
}

#[tokio::test]
async fn invented_models_have_no_label_of_their_own() {
    let open = Upstream::answering(|request, _| match &*request.method {
        "GET" => Reply::status(500),
        _ => Reply::json(200, chat::answer("A")),
    })
    .await;
    let gateway = Config::new()
        .provider("a", &open, json!({"models": "*"}))
        .start()
        .await;
    for number in 0..60 {
        let asked = chat::ask(&format!("invented-{number}\"x"));
        gateway.chat(asked).send().await.expect_status(200);
    }
    let metrics = Metrics::of(&gateway).await;
    assert!(!metrics.text.contains("invented"), "{}", metrics.text);
    assert_well_formed(&metrics.text);
    let labels = [("provider", "a"), ("model", "other")];
    assert_is(metrics.sum("autogw_requests_total", &labels), 60, "as one");
}

#[tokio::test]
async fn names_of_the_configuration_are_escaped() {
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let odd = "back\\slash \"quoted\" \u{e9}";
    let config = Config::new().provider("a", &upstream, json!({"models": [odd]}));
    let gateway = config.start().await;
    gateway.chat(chat::ask(odd)).send().await.expect_status(200);
    let metrics = Metrics::of(&gateway).await;
    assert_well_formed(&metrics.text);
    let expected = "model=\"back\\\\slash \\\"quoted\\\" \u{e9}\"";
    assert!(metrics.text.contains(expected), "{}", metrics.text);
}

#[tokio::test]
async fn keys_and_addresses_are_nobodys_business() {
    let limited = Reply::json(
        429,
        chat::error("slow down, sk-canary-upstream", "rate_limit", None),
    );
    let a = Upstream::always(limited).await;
    let keys = json!({"api_key": {"canary-alias": "sk-canary-one", "second": "sk-canary-two"}});
    let gateway = Config::new()
        .provider("a", &a, keys)
        .server("api_key", "canary-client-key-0123456789")
        .real_rests()
        .start()
        .await;
    let owner = gateway
        .client()
        .with("x-api-key", "canary-client-key-0123456789");
    let mut asked = chat::ask("m");
    asked["messages"][0]["content"] = json!("a canary of a prompt");
    owner
        .chat(asked)
        .header("x-request-id", "canary-id")
        .send()
        .await
        .expect_status(429);
    let metrics = Metrics::of(&gateway).await;
    assert!(!metrics.text.contains("canary"), "{}", metrics.text);
    assert!(!metrics.text.contains("127.0.0.1"), "{}", metrics.text);
    assert_is(
        metrics.sum("autogw_keys", &[("state", "resting")]),
        2,
        "keys that rest",
    );
    let rest = metrics.sum(
        "autogw_key_rest_seconds",
        &[("key", "1"), ("class", "rate_limit")],
    );
    assert!(rest > 0.0, "{}", metrics.text);
    assert_is(
        metrics.sum("autogw_breaker_state", &[("state", "closed")]),
        1,
        "breakers",
    );
}

#[tokio::test]
async fn a_key_is_needed_unless_only_this_machine_can_ask() {
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let key = "client-key-0123456789abcdef";
    let config = Config::over([&upstream]).server("api_key", key);
    let gateway = config.clone().start().await;
    let asked = || gateway.client().get("/metrics");
    for path in ["/metrics", "/metrics/"] {
        gateway.client().get(path).send().await.expect_status(200);
    }
    for header in ["x-forwarded-for", "forwarded", "via", "cf-connecting-ip"] {
        let passed_on = asked().header(header, "198.51.100.7");
        passed_on.send().await.expect_status(401);
    }
    let with_key = asked().header("via", "1.1 x").header("x-api-key", key);
    with_key.send().await.expect_status(200);
    let put = gateway.client().call("PUT", "/metrics").send().await;
    assert_eq!(put.expect_status(405).header("allow"), Some("GET"));
    let tunnels = gateway.tunnels();
    let tunnel = tunnels.board().open(Tunnel::Ngrok);
    asked().send().await.expect_status(401);
    let page = asked()
        .header("x-api-key", key)
        .send()
        .await
        .expect_status(200);
    assert!(page.text().contains("autogw_tunnel_up{tunnel=\"ngrok\"} 0"));
    tunnel.phase(autogw::telemetry::tunnel::Phase::Stopped(None));
    asked().send().await.expect_status(200);
    let anywhere = config.server("host", "0.0.0.0").start().await;
    anywhere
        .client()
        .get("/metrics")
        .send()
        .await
        .expect_status(401);
    let owner = anywhere.client().with("x-api-key", key);
    owner.get("/metrics").send().await.expect_status(200);
}

#[tokio::test]
async fn a_public_door_tells_them_to_its_owner() {
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let config = Config::over([&upstream]).text();
    let public = Public::open(&config, &PublicDoor::default());
    public
        .client()
        .get("/metrics")
        .send()
        .await
        .expect_status(401);
    let told = public
        .owner()
        .get("/metrics")
        .send()
        .await
        .expect_status(200);
    let metrics = Metrics::read(told.text());
    assert_is(
        metrics.sum("autogw_requests_total", &[("status", "401")]),
        1,
        "turned away",
    );
    assert!(!metrics.text.contains("127.0.0.1") && !metrics.text.contains("key-a"));
}

#[tokio::test]
async fn the_example_dashboard_asks_for_what_there_is() {
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let gateway = Config::over([&upstream]).start().await;
    let metrics = Metrics::of(&gateway).await;
    let text = include_str!("../../assets/grafana.json");
    let dashboard: serde_json::Value = serde_json::from_str(text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array());
    let asked: Vec<_> = targets
        .flatten()
        .filter_map(|target| target["expr"].as_str())
        .collect();
    assert!(asked.len() >= 12, "{asked:?}");
    let (families, mut named) = (metrics.families(), BTreeSet::new());
    for word in asked
        .iter()
        .flat_map(|asked| asked.split(|c: char| !c.is_alphanumeric() && c != '_'))
    {
        if word.starts_with("autogw_") || word.starts_with("proxy_") {
            named.insert(word.strip_suffix("_bucket").unwrap_or(word));
        }
    }
    assert!(named.len() >= 12, "{named:?}");
    let unknown: Vec<_> = named.difference(&families).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
