//! Time, failures and cuts, and that all of it repeats.

use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::task::yield_now;

use super::*;
use crate::provider::{Downtime, Outage};

#[tokio::test(start_paused = true)]
async fn the_first_token_waits_for_the_latency_and_the_rest_keep_pace() {
    let profile = DemoProfile {
        latency: Duration::from_millis(300),
        tokens_per_second: 10.0,
        ..DemoProfile::default()
    };
    let answer = chat(
        &demo(profile),
        "hi",
        json!({"stream": true, "max_tokens": 4}),
    )
    .await;
    let millis = answer.times.iter().map(Duration::as_millis);
    let mut moments: Vec<u128> = millis.map(|ms| ms / 10 * 10).collect();
    moments.dedup();
    assert_eq!(moments, [300, 400, 500, 600]);
}

#[tokio::test(start_paused = true)]
async fn a_document_takes_as_long_as_its_tokens() {
    let profile = DemoProfile {
        latency: Duration::from_millis(300),
        tokens_per_second: 10.0,
        ..DemoProfile::default()
    };
    let answer = chat(&demo(profile), "hi", json!({"max_tokens": 4})).await;
    assert!((700..710).contains(&answer.times[0].as_millis()));
}

#[tokio::test(start_paused = true)]
async fn an_unpaced_stream_takes_no_time() {
    let profile = DemoProfile {
        answer_tokens: 20_000,
        ..prompt()
    };
    let answer = chat(&demo(profile), "hi", json!({"stream": true})).await;
    assert!(answer.events().len() > 19_000);
    assert!(answer.times.iter().all(Duration::is_zero));
}

#[tokio::test(start_paused = true)]
async fn failures_and_rate_limits_look_like_the_real_ones() {
    let failing = DemoProfile {
        failure_rate: 1.0,
        ..prompt()
    };
    let failure = chat(&demo(failing), "hi", json!({"stream": true})).await;
    failure.assert_error(500, &Value::Null);
    assert_eq!(failure.json()["error"]["type"], "server_error");
    let limited = DemoProfile {
        rate_limit_rate: 1.0,
        retry_after: Duration::from_millis(1500),
        ..prompt()
    };
    let limit = chat(&demo(limited), "hi", json!({})).await;
    limit.assert_error(429, &json!("rate_limit_exceeded"));
    assert_eq!(limit.headers["retry-after"], "2");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_request_is_told_so_even_by_a_provider_that_fails() {
    let failing = DemoProfile {
        failure_rate: 1.0,
        ..prompt()
    };
    let answer = chat(&demo(failing), "hi", json!({"model": "gpt-x"})).await;
    answer.assert_error(404, &json!("model_not_found"));
}

#[tokio::test(start_paused = true)]
async fn a_cut_stream_breaks_off_after_some_tokens() {
    for tokens_per_second in [0.0, 50.0] {
        let cutting = DemoProfile {
            cut_rate: 1.0,
            tokens_per_second,
            ..prompt()
        };
        let answer = chat(&demo(cutting), "hi", json!({"stream": true})).await;
        assert_eq!(answer.status, 200);
        assert!(answer.is_cut);
        assert!(
            answer.body.contains(r#""content":" is""#),
            "{}",
            answer.body
        );
        assert!(!answer.body.contains(r#""finish_reason":"stop""#));
    }
}

#[tokio::test(start_paused = true)]
async fn a_cut_document_breaks_off_in_its_middle() {
    let cutting = DemoProfile {
        cut_rate: 1.0,
        ..prompt()
    };
    let answer = chat(&demo(cutting), "hi", json!({})).await;
    assert!(answer.is_cut);
    assert!(!answer.body.is_empty());
    let promised = answer.headers["content-length"].to_str().expect("text");
    assert!(promised.parse::<usize>().expect("a number") > answer.body.len());
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_and_order_give_the_same_answers() {
    let flaky = DemoProfile {
        failure_rate: 0.2,
        rate_limit_rate: 0.2,
        cut_rate: 0.3,
        jitter: Duration::from_millis(50),
        ..prompt()
    };
    let run = async |listed_between: bool| {
        let demo = demo(flaky.clone());
        let mut seen = Vec::new();
        for _ in 0..30 {
            let answer = chat(&demo, "hi", json!({"stream": true})).await;
            seen.push((answer.status, answer.body, answer.is_cut, answer.times));
            if listed_between {
                send(&demo, Method::GET, "/v1/models", "").await;
            }
        }
        seen
    };
    let first = run(false).await;
    assert_eq!(first, run(true).await);
    assert!(
        [200, 429, 500]
            .iter()
            .all(|status| first.iter().any(|seen| seen.0 == *status))
    );
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_used_again() {
    let demo = demo(prompt());
    let (mut sender, connection) = http1::handshake(TokioIo::new(demo.connect()))
        .await
        .expect("handshake");
    let connection = tokio::spawn(connection);
    for _ in 0..2 {
        sender.ready().await.expect("still open");
        let request = Request::get("/v1/models")
            .body(Full::<Bytes>::default())
            .expect("valid");
        let response = sender.send_request(request).await.expect("a response");
        assert!(response.into_body().collect().await.is_ok());
    }
    drop(sender);
    connection.await.expect("no panic").expect("a clean end");
}

fn down(how: Downtime) -> Demo {
    let outage = Outage {
        after: Duration::from_secs(10),
        lasting: Duration::from_secs(5),
        how,
    };
    demo(DemoProfile {
        outages: vec![outage],
        ..prompt()
    })
}

#[tokio::test(start_paused = true)]
async fn an_outage_begins_and_ends_on_time() {
    let demo = down(Downtime::Unavailable);
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(chat(&demo, "hi", json!({})).await.status.as_u16());
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    assert_eq!(seen, [200, 200, 503, 200]);
}

#[tokio::test(start_paused = true)]
async fn a_silent_provider_answers_when_the_outage_is_over() {
    let demo = down(Downtime::Silent);
    tokio::time::sleep(Duration::from_secs(11)).await;
    let answer = chat(&demo, "hi", json!({})).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.times, [Duration::from_secs(4)]);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_dies_closes_what_is_under_way_and_what_comes_later() {
    let demo = down(Downtime::Closed);
    let (mut sender, connection) = http1::handshake::<_, Full<Bytes>>(TokioIo::new(demo.connect()))
        .await
        .expect("handshake");
    let connection = tokio::spawn(connection);
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert!(!connection.is_finished() && sender.ready().await.is_ok());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(connection.is_finished());
    assert!(is_let_go(&demo).await);
    let late = http1::handshake::<_, Full<Bytes>>(TokioIo::new(demo.connect())).await;
    let (mut sender, connection) = late.expect("a handshake sends nothing");
    let ended = tokio::spawn(connection);
    let request = Request::get("/v1/models").body(Full::default());
    let answer = sender.send_request(request.expect("valid")).await;
    assert!(answer.is_err() && ended.is_finished());
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(chat(&demo, "hi", json!({})).await.status, 200);
}

/// Whether, after some turns of the runtime, nothing but `demo` itself holds its state: nothing is served.
async fn is_let_go(demo: &Demo) -> bool {
    for _ in 0..100 {
        if Arc::strong_count(&demo.0) == 1 {
            return true;
        }
        yield_now().await;
    }
    false
}

#[tokio::test(start_paused = true)]
async fn serving_ends_with_the_client_idle_waiting_or_streaming() {
    let day = Duration::from_hours(24);
    let slow_start = DemoProfile {
        latency: day,
        ..prompt()
    };
    let slow_stream = DemoProfile {
        tokens_per_second: 0.001,
        ..prompt()
    };
    let body = asking("hi", json!({"stream": true})).to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let partial = "POST /v1/chat/completions HTTP/1.1\r\ncontent-le".to_owned();
    let full = head + &body;
    for (profile, sent) in [
        (prompt(), String::new()),
        (prompt(), partial),
        (slow_start, full.clone()),
        (slow_stream, full),
    ] {
        let demo = demo(profile);
        let mut client = demo.connect();
        client
            .write_all(sent.as_bytes())
            .await
            .expect("the pipe takes it");
        for _ in 0..20 {
            yield_now().await;
        }
        assert!(
            Arc::strong_count(&demo.0) > 1,
            "served while the client is there"
        );
        drop(client);
        assert!(is_let_go(&demo).await, "after {sent:?}");
    }
}
