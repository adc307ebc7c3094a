//! What was tried for past requests, as the owner of their key can look it up.

use serde_json::{Value, json};

use crate::support::client::{Call, Client};
use crate::support::{Config, Gate, Reply, Upstream, chat, patiently};

fn good() -> Reply {
    Reply::json(200, chat::answer("B"))
}

/// The page of a request, when its book is closed.
async fn told(client: &Client, id: &str) -> Value {
    let page = format!("/routing/requests/{id}");
    let looking = async {
        loop {
            let answer = client.get(&page).send().await;
            if answer.status == 200 {
                return answer.json();
            }
        }
    };
    patiently("a remembered request", looking).await
}

fn named(client: &Client, id: &str) -> Call {
    client.chat(chat::ask("m")).header("x-request-id", id)
}

/// Provider, cause, verdict and status of each attempt.
fn attempts(told: &Value) -> Vec<Value> {
    let attempts = told["attempts"].as_array().expect("attempts").iter();
    attempts
        .map(|one| json!([one["provider"], one["cause"], one["verdict"], one["status"]]))
        .collect()
}

#[tokio::test]
async fn a_failover_and_a_hedge_are_told_attempt_by_attempt() {
    let down = Reply::json(503, chat::error("down", "server_error", None));
    let a = Upstream::always(down).await;
    let b = Upstream::always(good().behind(&Gate::new())).await;
    let c = Upstream::always(good()).await;
    let hedge = json!({"after": 0.05, "max_ratio": 1.0});
    let config = Config::over([&a, &b, &c]).router("hedge", hedge);
    let gateway = config.start().await;
    let client = gateway.client();
    named(&client, "r-1").send().await.expect_status(200);
    let told = told(&client, "r-1").await;
    let expected = [
        json!(["a", "first", "server_error", 503]),
        json!(["b", "failover", "lost", null]),
        json!(["c", "hedge", "ok", 200]),
    ];
    assert_eq!(attempts(&told), expected, "{told}");
    assert_eq!(
        (&told["model"], &told["status"]),
        (&json!("m"), &json!(200))
    );
    assert_eq!(told["outcome"], "complete");
    assert!(told["attempts"][0]["rests_ms"].is_u64(), "{told}");
    let all = gateway.get("/routing/requests?limit=1").await;
    assert_eq!(all["data"], json!([told]));
}

#[tokio::test]
async fn the_latest_come_first_and_as_many_as_are_wanted() {
    let a = Upstream::always(good()).await;
    let gateway = Config::over([&a]).start().await;
    let client = gateway.client();
    for id in ["one", "two", "three"] {
        named(&client, id).send().await.expect_status(200);
        told(&client, id).await;
    }
    let ids = |page: &Value| -> Vec<Value> {
        let data = page["data"].as_array().expect("a list").iter();
        data.map(|one| one["id"].clone()).collect()
    };
    let all = gateway.get("/routing/requests").await;
    assert_eq!(ids(&all), ["three", "two", "one"]);
    let two = gateway.get("/routing/requests?limit=2").await;
    assert_eq!((ids(&two).len(), &two["remembered"]), (2, &json!(3)));
    for odd in [
        "limit=0",
        "limit=x",
        "limit=-1",
        "limit=99999999999999999999",
    ] {
        let page = gateway.get(&format!("/routing/requests?{odd}")).await;
        assert!(ids(&page).len() <= 3, "{odd}");
    }
}

#[tokio::test]
async fn where_there_are_several_keys_each_knows_of_its_own_requests() {
    let a = Upstream::always(good()).await;
    let keys = Config::over([&a]).server("api_key", json!(["one", "two"]));
    let gateway = keys.start().await;
    let client = |key: &str| gateway.client().with("x-api-key", key);
    let (one, two) = (client("one"), client("two"));
    // Ids are the clients' own: two may have the same.
    for (client, id) in [(&one, "mine"), (&one, "same"), (&two, "same")] {
        named(client, id).send().await.expect_status(200);
        told(client, id).await;
    }
    two.get("/routing/requests/mine")
        .send()
        .await
        .expect_status(404);
    for (client, name, count) in [(&one, "key 1", 2), (&two, "key 2", 1)] {
        assert_eq!(told(client, "same").await["client"], name);
        let page = client.get("/routing/requests").send().await.json();
        assert_eq!(page["remembered"], count, "{page}");
        assert_eq!(page["data"].as_array().map(Vec::len), Some(count));
    }
}

#[tokio::test]
async fn one_key_is_the_owners() {
    let a = Upstream::always(good()).await;
    let gateway = Config::over([&a]).server("api_key", "one").start().await;
    let client = gateway.client().with("x-api-key", "one");
    named(&client, "r").send().await.expect_status(200);
    assert_eq!(told(&client, "r").await["client"], "key 1");
    gateway
        .client()
        .get("/routing/requests/r")
        .send()
        .await
        .expect_status(401);
}
