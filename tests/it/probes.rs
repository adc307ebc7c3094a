//! Probes of idle providers: a request does not have to find out what could be known.

use serde_json::{Value, json};

use crate::support::{Config, Reply, Upstream, chat, patiently};

/// Lists its models, and answers with its name.
async fn well(name: &'static str) -> Upstream {
    Upstream::answering(move |request, _| match request.target.as_str() {
        "/v1/models" => Reply::json(200, json!({"data": [{"id": "m"}]})),
        _ => Reply::json(200, chat::answer(name)),
    })
    .await
}

fn probing(config: Config) -> Config {
    config
        .real_rests()
        .router("health_check", json!({"interval": 0.2}))
}

/// The paths that were asked for.
fn paths(upstream: &Upstream) -> Vec<String> {
    let requests = upstream.requests();
    requests.into_iter().map(|request| request.target).collect()
}

#[tokio::test]
async fn an_idle_provider_is_asked_with_its_key_and_one_that_is_used_is_not() {
    let (used, idle) = (well("used").await, well("idle").await);
    let gateway = probing(Config::over([&used, &idle])).start().await;
    let busy = async {
        while idle.count() < 2 {
            gateway.ask().await.expect_status(200);
        }
    };
    patiently("two probes of the idle provider", busy).await;
    assert!(paths(&idle).iter().all(|path| path == "/v1/models"));
    assert_eq!(idle.requests()[0].key(), Some("key-b"));
    assert!(
        paths(&used)
            .iter()
            .all(|path| path == "/v1/chat/completions")
    );
}

#[tokio::test]
async fn the_first_request_after_an_outage_does_not_pay_for_it() {
    let (dead, alive) = (Upstream::refusing(), well("alive").await);
    let gateway = probing(Config::over([&dead, &alive])).start().await;
    // The probes of both go in step: when the second one has been asked twice, the first has been, too.
    alive.request(1).await;
    let asking = async {
        loop {
            let answer = gateway.ask().await.expect_status(200);
            if answer.header("x-autogw-attempts") == Some("1") {
                return answer;
            }
        }
    };
    let answer = patiently("a request that goes past the dead provider", asking).await;
    assert_eq!(answer.provider(), "b");
}

#[tokio::test]
async fn a_key_that_is_refused_twice_by_probes_is_out_before_a_request_tries_it() {
    let refusing = Upstream::answering(|_, _| {
        Reply::json(401, chat::error("no", "auth", Some("invalid_api_key")))
    })
    .await;
    let alive = well("alive").await;
    let gateway = probing(Config::over([&refusing, &alive])).start().await;
    refusing.request(2).await;
    let answer = gateway.ask().await.expect_status(200);
    assert_eq!(answer.provider(), "b");
    assert!(paths(&refusing).iter().all(|path| path == "/v1/models"));
}

#[tokio::test]
async fn without_the_setting_nobody_is_asked() {
    let upstream = well("a").await;
    let gateway = Config::over([&upstream]).start().await;
    gateway.ask().await.expect_status(200);
    let body: Value = gateway.get("/health").await;
    assert_eq!(body["status"], "ok");
    assert_eq!(paths(&upstream), ["/v1/chat/completions"]);
}
