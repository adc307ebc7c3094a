//! What a request and a streamed event cost inside autogw, without a network: `cargo bench --bench hot_path`.
//!
//! How to read it. Times are for one body or, under `stream`, for 1000 events: a µs there is a ns for each event.
//! Beside the bodies stands `two fields by serde`, the least that any proxy pays which must know `model` and `stream`: it is what the
//! yardstick of the end-to-end bench does. A regression shows here first; what it matters to a user shows there.

use std::borrow::Cow;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use autogw::chat::Dialect;
use autogw::codec::head::{Head, needs};
use autogw::codec::openai_chat::stream::Observer;
use autogw::health::{Health, Settings, TargetId};
use autogw::json::raw::RawObject;
use autogw::sse::Splitter;
use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

/// Body sizes in bytes: a question, a long conversation, one with documents in it.
const SIZES: [(&str, usize); 3] = [("1 KB", 1_000), ("100 KB", 100_000), ("1 MB", 1_000_000)];
/// Events in a stream.
const EVENTS: usize = 1000;

fn bodies(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("body");
    for (name, size) in SIZES {
        let body = body(size);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_with_input(
            BenchmarkId::new("two fields by serde", name),
            &body,
            |bencher, body| {
                bencher.iter(|| {
                    serde_json::from_slice::<TwoFields>(body)
                        .map(|head| (head.model.len(), head.stream))
                        .ok()
                });
            },
        );
        group.bench_with_input(
            BenchmarkId::new("head peek", name),
            &body,
            |bencher, body| {
                bencher.iter(|| peek(black_box(body)));
            },
        );
        let object = RawObject::parse(body.clone()).expect("the body is valid");
        group.bench_with_input(
            BenchmarkId::new("needed features", name),
            &object,
            |bencher, object| {
                bencher.iter(|| needs(Dialect::OpenAiChat, black_box(object)));
            },
        );
        group.bench_with_input(
            BenchmarkId::new("edit", name),
            &object,
            |bencher, object| {
                bencher.iter(|| edit(black_box(object)));
            },
        );
    }
    group.finish();
}

fn streams(criterion: &mut Criterion) {
    let stream = stream();
    let mut group = criterion.benchmark_group("stream");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function("split", |bencher| {
        bencher.iter(|| {
            each_event(black_box(&stream), |event| {
                black_box(event);
            });
        });
    });
    group.bench_function("split and observe", |bencher| {
        bencher.iter(|| {
            let mut observer = Observer::default();
            each_event(black_box(&stream), |event| {
                black_box(observer.observe(event));
            });
            observer
        });
    });
    group.finish();
}

/// What every request asks of health and tells it.
fn health(criterion: &mut Criterion) {
    let health = Arc::new(Health::new(Settings::default()));
    let target = TargetId {
        provider: "openrouter".into(),
        key: 0x5eed,
        model: "anthropic/claude-sonnet-4".into(),
        service: "chat",
    };
    let headers = answer_headers();
    let now = Instant::now();
    let mut group = criterion.benchmark_group("health");
    group.bench_function("standing", |bencher| {
        bencher.iter(|| health.standing(black_box(&target), now));
    });
    group.bench_function("admit and completed", |bencher| {
        bencher.iter(|| {
            let permit = health.admit(black_box(&target), now).expect("room");
            permit.completed(Some(100), now)
        });
    });
    group.bench_function("admit, heard, answered and completed", |bencher| {
        bencher.iter(|| {
            let mut permit = health.admit(black_box(&target), now).expect("room");
            permit.heard(black_box(&headers), now);
            permit.answered(now);
            permit.completed(Some(100), now)
        });
    });
    group.bench_function("view", |bencher| {
        bencher.iter(|| health.view(black_box(&target), now));
    });
    group.bench_function("heard", |bencher| {
        let permit = health.admit(&target, now).expect("room");
        bencher.iter(|| permit.heard(black_box(&headers), now));
    });
    group.finish();
}

/// The head of an ordinary answer, with limits of which something is left.
fn answer_headers() -> HeaderMap {
    let lines = [
        ("date", "Fri, 07 Mar 2025 00:00:00 GMT"),
        ("content-type", "application/json"),
        ("content-length", "812"),
        ("connection", "keep-alive"),
        ("access-control-expose-headers", "X-Request-ID"),
        ("openai-organization", "acme"),
        ("openai-processing-ms", "412"),
        ("openai-version", "2020-10-01"),
        ("x-ratelimit-limit-requests", "10000"),
        ("x-ratelimit-limit-tokens", "30000000"),
        ("x-ratelimit-remaining-requests", "9999"),
        ("x-ratelimit-remaining-tokens", "29999980"),
        ("x-ratelimit-reset-requests", "6ms"),
        ("x-ratelimit-reset-tokens", "0s"),
        ("x-request-id", "req_0123456789abcdef"),
        ("strict-transport-security", "max-age=31536000"),
        ("cf-cache-status", "DYNAMIC"),
        ("server", "cloudflare"),
    ];
    let headers = lines.into_iter().map(|(name, value)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    });
    headers.collect()
}

#[derive(Deserialize)]
struct TwoFields<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
    stream: Option<bool>,
}

/// What happens to every body before a target is chosen.
fn peek(body: &Bytes) -> Head {
    let object = RawObject::parse(body.clone()).expect("the body is valid");
    Head::peek(Dialect::OpenAiChat, &object).expect("the head is valid")
}

/// What happens to it for a target whose name for the model differs and whose usage is wanted.
fn edit(object: &RawObject) -> Vec<Bytes> {
    let mut edit = object.edit();
    edit.set("model", Bytes::from_static(b"\"upstream/model\""));
    edit.set(
        "stream_options",
        Bytes::from_static(b"{\"include_usage\":true}"),
    );
    edit.finish()
}

/// Splits a stream that arrives as most do: an event with each read.
fn each_event(chunks: &[String], mut event: impl FnMut(&[u8])) {
    let mut splitter = Splitter::default();
    for chunk in chunks {
        let (chunk, mut start) = (chunk.as_bytes(), 0);
        while let Some(end) = splitter.next(chunk, start) {
            event(&chunk[start..end]);
            start = end;
        }
    }
}

/// A conversation of about `size` bytes, `messages` first, as the official SDKs write it.
fn body(size: usize) -> Bytes {
    let text = "Why does \"Zoë\" never match?\n\tif (name == other) { return; }\n".repeat(8);
    let message = json!({"role": "user", "content": [{"type": "text", "text": text}]});
    let count = size / message.to_string().len();
    let messages: Vec<Value> = std::iter::repeat_n(message, count.max(1)).collect();
    json!({"messages": messages, "model": "gpt-4o", "temperature": 0.7, "stream": true})
        .to_string()
        .into()
}

/// One token in each event; `usage` is null in every chunk, as it is in the real thing.
fn stream() -> Vec<String> {
    let event = |place: usize| {
        let delta = json!({"content": format!(" token {place}")});
        let chunk = json!({
            "id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
            "object": "chat.completion.chunk",
            "created": 1_741_570_283,
            "model": "gpt-4o-2024-08-06",
            "system_fingerprint": "fp_fc9f1d7035",
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": null}],
            "usage": null,
        });
        format!("data: {chunk}\n\n")
    };
    (0..EVENTS).map(event).collect()
}

criterion_group!(benches, bodies, streams, health);
criterion_main!(benches);
