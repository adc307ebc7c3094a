//! What is told: snapshots, events, pages, and what comes of acts.

use autogw::telemetry::event::Event;
use autogw::telemetry::snapshot::{Phase, RequestDetail, RequestRow, is_over};
use serde_json::json;

use super::{DEEDS, PAGES, Watch, admin, assert_failed, snapshot};
use crate::support::{Binary, Config, Gate, Reply, Upstream, chat};

fn request(event: &Event, is: impl Fn(&RequestRow) -> bool) -> Option<RequestRow> {
    match event {
        Event::Request(row) if is(row) => Some(row.clone()),
        _ => None,
    }
}

#[tokio::test]
async fn every_watcher_sees_a_request_from_its_beginning_to_its_end() {
    let gate = Gate::new();
    let stream = Reply::stream()
        .event(&chat::role())
        .event(&chat::token("x"))
        .pause_until(&gate)
        .event(&chat::finish())
        .event(&chat::usage())
        .event("[DONE]");
    let upstream = Upstream::always(stream).await;
    let (binary, client) = Binary::start(&Config::over([&upstream]).text()).await;
    let admin = admin(&binary);
    let (mut one, hello, first) = Watch::begin(&admin, "/v1/events").await;
    let (mut other, again, _) = Watch::begin(&admin, "/v1/events?only=requests").await;
    assert_eq!(
        (hello.version, &*hello.autogw),
        (1, env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(hello.instance, again.instance);
    assert_eq!(
        (first.about.pid, &*first.about.instance),
        (binary.id(), &*hello.instance)
    );
    let answer = client.chat(chat::ask_stream("m")).open().await;
    for watch in [&mut one, &mut other] {
        let streams = |row: &RequestRow| row.phase == Phase::Streaming;
        let row = watch.find(|event| request(event, streams)).await;
        assert_eq!((&*row.model, row.provider.as_deref()), ("m", Some("a")));
    }
    let now = snapshot(&admin).await;
    assert_eq!((now.totals.in_flight, now.requests.len()), (1, 1));
    gate.open();
    answer.whole().await.expect_status(200);
    for watch in [&mut one, &mut other] {
        let row = watch.find(|event| request(event, is_over)).await;
        assert_eq!(
            (row.status, row.outcome.as_deref()),
            (Some(200), Some("complete"))
        );
        assert_eq!(row.route, [("a".to_owned(), "ok".to_owned())]);
        for id in [row.id.clone(), row.number.to_string()] {
            let page = admin.get(&format!("/v1/requests/{id}")).send().await;
            let page: RequestDetail =
                serde_json::from_value(page.expect_status(200).json()).expect("a page");
            assert_eq!((page.row.number, page.attempts.len()), (row.number, 1));
        }
    }
    let told = |event: &Event| match event {
        Event::Totals(totals) if totals.requests == 1 && totals.in_flight == 0 => {
            Some(totals.statuses.ok)
        }
        _ => None,
    };
    assert_eq!(one.find(told).await, 1);
    let list = admin
        .get("/v1/requests?state=over&limit=1")
        .send()
        .await
        .json();
    assert_eq!(list["requests"][0]["provider"], "a");
    let logs = admin.get("/v1/logs?level=info").send().await.text();
    assert!(logs.contains("autogw::request"), "{logs}");
}

#[tokio::test]
async fn a_failure_is_told_of_its_provider_and_an_act_of_everybody() {
    let upstream = Upstream::always(Reply::json(500, "{}")).await;
    let (binary, client) = Binary::start(&Config::over([&upstream]).text()).await;
    let admin = admin(&binary);
    let (mut watch, ..) = Watch::begin(&admin, "/v1/events").await;
    client.chat(chat::ask("m")).send().await;
    let failed = |event: &Event| match event {
        Event::Provider(row) if row.failures > 0 => row.last_error.clone(),
        _ => None,
    };
    let error = watch.find(failed).await;
    assert_eq!((&*error.class, error.status), ("server_error", Some(500)));
    let drain = json!({"act": "drain", "whom": {"provider": "a"}});
    admin
        .post("/v1/acts", drain)
        .send()
        .await
        .expect_status(200);
    let drained = |event: &Event| match event {
        Event::Steering(steering) => steering
            .drained
            .first()
            .map(|one| one.whom.provider.clone()),
        _ => None,
    };
    assert_eq!(watch.find(drained).await, "a");
    let page = admin
        .get("/v1/providers/a")
        .send()
        .await
        .expect_status(200)
        .json();
    assert_eq!(
        (&page["row"]["standing"], &page["errors"][0]["class"]),
        (&json!("drained"), &json!("server_error"))
    );
    let decision = admin.post("/v1/decide", json!({"model": "m"})).send().await;
    assert!(decision.text().contains("drained"), "{}", decision.text());
    let config = admin
        .get("/v1/config")
        .send()
        .await
        .expect_status(200)
        .json();
    assert!(
        config["values"]
            .as_array()
            .is_some_and(|all| all.len() > 10),
        "{config}"
    );
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_in_one_shape() {
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let (binary, _) = Binary::start(&Config::over([&upstream]).text()).await;
    let admin = admin(&binary);
    let post = |body: &str| admin.post("/v1/acts", body);
    for body in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"act":"fly"}"#,
        r#"{"act":"drain"}"#,
        r#"{"act":"drain","whom":{"provider":"a"},"odd":1}"#,
    ] {
        assert_failed(post(body).send().await, 400);
    }
    assert_failed(
        post(r#"{"act":"drain","whom":{"provider":"nobody"}}"#)
            .send()
            .await,
        422,
    );
    let huge = format!("{{\"act\":\"{}\"}}", "x".repeat(70_000));
    assert_failed(post(&huge).send().await, 413);
    let untyped = admin.call("POST", "/v1/acts").body(r#"{"act":"unpin"}"#);
    assert_failed(untyped.send().await, 415);
    for path in [
        "/",
        "/v1",
        "/v1/nothing",
        "/v1/providers/nobody",
        "/v1/requests/nobody",
        "/v1/models",
    ] {
        assert_failed(admin.get(path).send().await, 404);
    }
    for path in PAGES {
        let answer = admin.call("POST", path).send().await;
        assert!(
            answer
                .header("allow")
                .is_some_and(|allow| allow.contains("GET"))
        );
        assert_failed(answer, 405);
    }
    for path in DEEDS {
        let answer = admin.get(path).send().await;
        assert_eq!(answer.header("allow"), Some("POST"), "{path}");
        assert_failed(answer, 405);
    }
    for path in [
        "/v1/events?only=everything",
        "/v1/requests?limit=x",
        "/v1/requests?state=odd",
        "/v1/logs?level=loud",
        "/v1/snapshot?x=1",
        "/v1/requests?limit=1&limit=2",
    ] {
        assert_failed(admin.get(path).send().await, 400);
    }
    let page = admin.get("/").header("origin", "http://localhost");
    assert_failed(page.send().await, 403);
    let document = admin
        .get("/openapi.json")
        .send()
        .await
        .expect_status(200)
        .json();
    assert_eq!(
        document["paths"].as_object().map(serde_json::Map::len),
        Some(PAGES.len() + DEEDS.len())
    );
}

/// The middle of every secret here.
const CANARY: &str = "canary5b1d";

#[tokio::test]
async fn no_secret_and_no_prompt_is_told() {
    let key = format!("sk-{CANARY}-0123456789abcdef");
    let echo = chat::error(&format!("Incorrect API key provided: {key}"), "e", None);
    let upstream = Upstream::always(Reply::json(401, echo)).await;
    let config = Config::new()
        .provider(
            "a",
            &upstream,
            json!({"api_key": key, "extra_headers": {"x-token": key}}),
        )
        .server("api_key", format!("client-{CANARY}-0123456789"))
        .server(
            "admin",
            json!({"token": format!("admin-{CANARY}-0123456789")}),
        );
    let (binary, client) = Binary::start(&config.text()).await;
    let client = client.with(
        "authorization",
        &format!("Bearer client-{CANARY}-0123456789"),
    );
    let admin = admin(&binary);
    let (mut watch, ..) = Watch::begin(&admin, "/v1/events").await;
    let prompt = json!({"model": format!("m-{key}\u{1b}[31m"), "messages": [{"role": "user", "content": CANARY}]});
    client.chat(prompt).send().await;
    let asked = json!({"model": "m", "messages": [{"role": "user", "content": CANARY}]});
    client.chat(asked).send().await;
    let mut told = String::new();
    let mut over = 0;
    while over < 2 {
        let event = watch.next().await;
        over += usize::from(matches!(&event, Event::Request(row) if is_over(row)));
        told += &serde_json::to_string(&event).expect("plain data");
    }
    let pages = PAGES.iter().filter(|page| **page != "/v1/events");
    for page in pages.chain(&["/v1/requests/2"]) {
        told += &admin.get(page).send().await.text();
    }
    let odd = admin.post(
        "/v1/acts",
        json!({"act": "drain", "whom": {"provider": key}}),
    );
    told += &odd.send().await.text();
    told += &admin
        .post("/v1/decide", json!({"model": key}))
        .send()
        .await
        .text();
    assert!(told.contains("auth"), "the failures were told");
    let found = told
        .find(CANARY)
        .map(|at| &told[at.saturating_sub(200)..at + 20]);
    assert_eq!(found, None);
    assert!(!told.contains('\u{1b}') && !told.contains("\\u001b"));
}
