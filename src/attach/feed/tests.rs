//! The feed against a gateway of which each answer is written down.

use super::super::scripted::{Answer, Scripted, greeting, json};
use super::*;
use crate::telemetry::snapshot::LogLine;

fn events(events: &[Event]) -> String {
    let told = events.iter().map(|event| {
        let data = serde_json::to_string(event).expect("JSON");
        format!("event: {}\ndata: {data}\n\n", event.name())
    });
    told.collect::<Vec<_>>().concat()
}

async fn next(feed: &mut Feed) -> News {
    let next = tokio::time::timeout(Duration::from_secs(20), feed.next());
    next.await.expect("news come")
}

#[track_caller]
fn reason(news: News) -> String {
    match news {
        News::Disconnected { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn event(news: News) -> Event {
    match news {
        News::Event(event) => *event,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn instance(news: News) -> String {
    match news {
        News::Connected(hello) => hello.instance,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_gateway_that_comes_back_is_heard_again() {
    let gateway = Scripted::new();
    let tick = events(&[Event::Snapshot(Box::default()), Event::Tick { now_ms: 7 }]);
    let more =
        "event: novelty\ndata: {\"a\":1}\n\nevent: tick\ndata: {\"now_ms\": 8}\n\n: ping\n\n";
    gateway.answers(Answer::Whole(greeting(VERSION, "one") + &tick + more));
    let mut feed = Feed::new(Client::new(gateway.door()));
    assert_eq!(instance(next(&mut feed).await), "one");
    assert!(matches!(event(next(&mut feed).await), Event::Snapshot(_)));
    assert_eq!(event(next(&mut feed).await), Event::Tick { now_ms: 7 });
    // What it does not know is left out, and a name beside the data is as good as one in it.
    assert_eq!(event(next(&mut feed).await), Event::Tick { now_ms: 8 });
    assert_eq!(reason(next(&mut feed).await), "the gateway has hung up");
    let gateway = gateway.again();
    gateway.answers(Answer::Held(greeting(VERSION, "two") + &tick));
    assert_eq!(instance(next(&mut feed).await), "two");
    assert!(matches!(event(next(&mut feed).await), Event::Snapshot(_)));
    let asked = gateway.asked();
    assert!(
        asked[0].starts_with("GET /v1/events HTTP/1.1\r\n"),
        "{asked:?}"
    );
}

#[tokio::test]
async fn who_stops_waiting_does_not_stop_what_is_under_way() {
    let gateway = Scripted::new();
    let mut feed = Feed::new(Client::new(gateway.door()));
    for _ in 0..50 {
        tokio::select! {
            biased;
            news = feed.next() => panic!("{news:?}"),
            () = tokio::task::yield_now() => {}
        }
    }
    gateway.answers(Answer::Held(greeting(VERSION, "one")));
    assert_eq!(instance(next(&mut feed).await), "one");
    assert_eq!(gateway.asked().len(), 1);
}

#[tokio::test]
async fn another_version_is_told_with_both() {
    let gateway = Scripted::new();
    gateway.answers(Answer::Held(greeting(VERSION + 1, "one")));
    let mut feed = Feed::new(Client::new(gateway.door()));
    let reason = reason(next(&mut feed).await);
    for part in ["9.9.9", "version 2", "version 1", env!("CARGO_PKG_VERSION")] {
        assert!(reason.contains(part), "{reason}");
    }
}

#[tokio::test]
async fn what_is_no_stream_is_told() {
    let refusal = json(
        "401 Unauthorized",
        r#"{"error":{"message":"a token is needed"}}"#,
    );
    let page = json("200 OK", "{}");
    let wordless = Answer::Whole(greeting(1, "x").replace("event: hello", "event: tick"));
    for (answer, expected) in [
        (refusal, "a token is needed"),
        (page, "200 OK and no stream"),
        (wordless, "its first word is no hello"),
    ] {
        let gateway = Scripted::new();
        gateway.answers(answer);
        let mut feed = Feed::new(Client::new(gateway.door()));
        let reason = reason(next(&mut feed).await);
        assert!(reason.contains(expected), "{reason}");
    }
}

#[tokio::test]
async fn an_event_out_of_all_proportion_ends_the_connection() {
    let gateway = Scripted::new();
    let endless = "x".repeat(crate::attach::client::LARGEST + 1);
    gateway.answers(Answer::Held(greeting(VERSION, "one") + "data: " + &endless));
    let mut feed = Feed::new(Client::new(gateway.door()));
    assert_eq!(instance(next(&mut feed).await), "one");
    let reason = reason(next(&mut feed).await);
    assert!(reason.contains("larger than any should be"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_is_not_there_is_looked_for_less_and_less() {
    let nowhere = crate::attach::Door::Unix("/nowhere/at/all.sock".into());
    let mut feed = Feed::new(Client::new(nowhere));
    let mut waits = Vec::new();
    for _ in 0..7 {
        match feed.next().await {
            News::Disconnected { reason, again_in } => {
                assert!(reason.contains("there is no such socket"), "{reason}");
                waits.push(again_in.as_millis());
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(waits, [250, 500, 1000, 2000, 4000, 5000, 5000]);
}

#[tokio::test]
async fn a_row_out_of_all_proportion_is_left_out() {
    let line = |number: u64, length: usize| {
        Event::Log(LogLine {
            number,
            text: "x".repeat(length),
            ..LogLine::default()
        })
    };
    let gateway = Scripted::new();
    let stream = events(&[line(1, 70_000), line(2, 8_192)]);
    gateway.answers(Answer::Held(greeting(VERSION, "one") + &stream));
    let mut feed = Feed::new(Client::new(gateway.door()));
    assert_eq!(instance(next(&mut feed).await), "one");
    assert_eq!(event(next(&mut feed).await), line(2, 8_192));
}
