//! What a watcher hears.

use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::*;
use crate::server::admin::Work;
use crate::telemetry::act::{Act, Refused, Told};
use crate::telemetry::bus::Bus;
use crate::telemetry::snapshot::{Lost, ProviderDetail, RequestDetail, Snapshot};

#[derive(Default)]
struct House(Bus);

impl Steward for House {
    fn instance(&self) -> String {
        "i".to_owned()
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::default()
    }

    fn watch(&self) -> Watch {
        self.0.watch()
    }

    fn provider(&self, _: &str) -> Option<ProviderDetail> {
        None
    }

    fn request(&self, _: &str) -> Option<RequestDetail> {
        None
    }

    fn config(&self) -> Value {
        Value::Null
    }

    fn decide(&self, _: Value) -> Work<Value> {
        Box::pin(async { Err(Refused::new("no")) })
    }

    fn act(&self, _: Act) -> Work<Told> {
        Box::pin(async { Err(Refused::new("no")) })
    }
}

/// A watcher that has heard nothing yet, and what is told to it.
fn watcher(only: Option<&str>) -> (Bus, Body, CancellationToken) {
    let house = House::default();
    let (bus, over) = (house.0.clone(), CancellationToken::new());
    let place = Arc::new(Semaphore::new(1)).try_acquire_owned();
    let only = Only::read(only).expect("kinds");
    let answer = stream(Arc::new(house), only, place.expect("a place"), over.clone());
    (bus, answer.into_body(), over)
}

async fn next(body: &mut Body) -> Option<String> {
    let frame = body.frame().await?.expect("no stream fails");
    let data = frame.into_data().expect("only data");
    Some(String::from_utf8(data.to_vec()).expect("text"))
}

/// The event in `block`.
fn event(block: &str) -> Event {
    let data = block.lines().find_map(|line| line.strip_prefix("data: "));
    serde_json::from_str(data.expect("data")).expect("an event")
}

async fn begun(only: Option<&str>) -> (Bus, Body, CancellationToken) {
    let (bus, mut body, over) = watcher(only);
    let hello = next(&mut body).await.expect("hello");
    assert!(
        hello.starts_with("id: 0\nevent: hello\ndata: {\"version\":1,"),
        "{hello}"
    );
    let snapshot = next(&mut body).await.expect("a snapshot");
    assert!(
        snapshot.starts_with("id: 1\nevent: snapshot\n"),
        "{snapshot}"
    );
    (bus, body, over)
}

#[tokio::test]
async fn who_is_too_slow_gets_a_new_snapshot_and_is_told_what_was_lost() {
    let (bus, mut body, _over) = begun(None).await;
    for now_ms in 0..5_000 {
        bus.publish(Event::Tick { now_ms });
    }
    let block = next(&mut body).await.expect("a snapshot");
    assert!(block.starts_with("id: 2\n"), "{block}");
    let Event::Snapshot(snapshot) = event(&block) else {
        panic!("{block}");
    };
    assert_eq!(snapshot.lost.events, 5_000);
    let lost = Lost {
        requests: 3,
        ..Lost::default()
    };
    bus.publish(Event::Lost(lost));
    let block = next(&mut body).await.expect("an event");
    let told = Lost {
        events: 5_000,
        ..lost
    };
    assert_eq!(
        event(&block),
        Event::Lost(told),
        "its own loss is not forgotten"
    );
}

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_says_every_ten_seconds_that_it_is_there() {
    let (_bus, mut body, over) = begun(None).await;
    let began = tokio::time::Instant::now();
    for count in 1..=3 {
        assert_eq!(next(&mut body).await.as_deref(), Some(": ping\n\n"));
        assert_eq!(began.elapsed().as_secs(), count * PING_EVERY.as_secs());
    }
    over.cancel();
    assert_eq!(next(&mut body).await, None);
}

#[tokio::test]
async fn only_what_was_asked_for_is_told() {
    let (bus, mut body, _over) = begun(Some("lost, tunnels")).await;
    bus.publish(Event::Tick { now_ms: 1 });
    bus.publish(Event::Tunnels(Vec::new()));
    let block = next(&mut body).await.expect("an event");
    assert!(block.starts_with("id: 2\nevent: tunnels\n"), "{block}");
    assert!(Only::read(Some("everything")).is_err());
}
