//! What clients may take their time for: slow heads, slow bodies, idle and unread connections. The
//! limits are short here and only ever expected to fire.

use std::time::{Duration, Instant};

use autogw::server::Limits;

use crate::support::client::Wire;
use crate::support::{Config, Gateway, Reply, Upstream, chat};

const SHORT: Duration = Duration::from_millis(200);

async fn limited(limits: Limits, reply: Reply) -> (Gateway, Upstream) {
    let upstream = Upstream::always(reply).await;
    let config = Config::over([&upstream]).text();
    (Gateway::start_with(&config, limits).await, upstream)
}

fn good() -> Reply {
    Reply::json(200, chat::answer("A"))
}

async fn half_open(gateway: &Gateway, bytes: &[u8]) -> Wire {
    let mut wire = gateway.client().wire().await;
    wire.write(bytes).await;
    wire
}

#[tokio::test]
async fn half_open_connections_do_not_stop_a_good_client_and_end_themselves() {
    let limits = Limits {
        head: SHORT,
        ..Limits::default()
    };
    let (gateway, _upstream) = limited(limits, good()).await;
    let mut waiting = Vec::new();
    for _ in 0..500 {
        let head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: loc";
        waiting.push(half_open(&gateway, head).await);
    }
    let begun = Instant::now();
    gateway.ask().await.expect_status(200);
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    for mut wire in waiting {
        wire.ended().await;
    }
}

#[tokio::test]
async fn a_head_that_drips_is_not_waited_for() {
    let limits = Limits {
        head: SHORT,
        ..Limits::default()
    };
    let (gateway, _upstream) = limited(limits, good()).await;
    let mut wire = half_open(&gateway, b"GET /health HTTP/1.1\r\n").await;
    let begun = Instant::now();
    let drip = async {
        let mut beat = tokio::time::interval(SHORT / 10);
        loop {
            beat.tick().await;
            wire.write(b"x: y\r\n").await;
            if begun.elapsed() > SHORT * 4 {
                return;
            }
        }
    };
    drip.await;
    wire.ended().await;
}

#[tokio::test]
async fn a_body_that_stalls_is_a_408() {
    let limits = Limits {
        body: SHORT,
        ..Limits::default()
    };
    let (gateway, upstream) = limited(limits, good()).await;
    let call = gateway.chat("{\"model\"").header("content-length", "1000");
    let answer = call.send().await.expect_status(408);
    assert_eq!(answer.error("type"), "invalid_request_error");
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_body_that_drips_is_a_408() {
    let limits = Limits {
        body: SHORT,
        ..Limits::default()
    };
    let (gateway, upstream) = limited(limits, good()).await;
    let call = gateway.chat("").header("content-length", "100000");
    let mut wire = call.wired().await;
    let mut beat = tokio::time::interval(SHORT / 10);
    for _ in 0..40 {
        beat.tick().await;
        wire.write(b" ").await;
    }
    assert_eq!(wire.answer().await.status, 408);
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed() {
    let limits = Limits {
        idle: SHORT,
        head: SHORT,
        ..Limits::default()
    };
    let (gateway, _upstream) = limited(limits, good()).await;
    half_open(&gateway, b"").await.ended().await;
    let mut answered = gateway.chat(chat::ask("m")).open().await;
    answered.drain().await;
    answered.into_wire().ended().await;
}

#[tokio::test]
async fn an_answer_given_at_once_ends_the_time_of_its_head_too() {
    let limits = Limits {
        head: SHORT,
        ..Limits::default()
    };
    let (gateway, _upstream) = limited(limits, good()).await;
    let client = gateway.client();
    let mut answered = client.get("/health").open().await;
    answered.drain().await;
    // Another one that says nothing is closed after the time of a head, and this one is not.
    half_open(&gateway, b"").await.ended().await;
    let mut wire = answered.into_wire();
    wire.write(&client.get("/health").bytes()).await;
    assert_eq!(wire.answer().await.status, 200);
}

#[tokio::test]
async fn an_answer_that_takes_long_is_not_an_idle_connection() {
    let limits = Limits {
        idle: SHORT,
        head: SHORT,
        body: SHORT,
        write_stall: SHORT,
        ..Limits::default()
    };
    let reply = Reply::stream().event(&chat::token("A")).delay(SHORT * 3);
    let reply = reply.event(&chat::finish()).event(chat::DONE);
    let (gateway, _upstream) = limited(limits, reply.clone()).await;
    let answer = gateway.ask_stream().await.expect_status(200);
    assert!(answer.complete && answer.body == reply.body());
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_left() {
    let limits = Limits {
        write_stall: SHORT,
        ..Limits::default()
    };
    let tokens = chat::wire(&[chat::token("A")]).repeat(100);
    let (gateway, upstream) = limited(limits, Reply::stream().flood(&tokens)).await;
    let stream = gateway.chat(chat::ask_stream("m")).open().await;
    upstream.closed().await;
    drop(stream);
}

#[tokio::test]
async fn one_client_too_many_waits_or_is_refused_and_the_others_go_on() {
    let limits = Limits {
        connections: 3,
        head: SHORT,
        idle: SHORT,
        ..Limits::default()
    };
    let (gateway, _upstream) = limited(limits, good()).await;
    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(half_open(&gateway, b"").await);
    }
    for mut wire in held {
        wire.ended().await;
    }
    gateway.ask().await.expect_status(200);
}
