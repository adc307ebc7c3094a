//! Connections to upstreams: used again while they are good, and never trusted beyond one answer.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::upstream::Recorded;
use crate::support::{Config, Gateway, Reply, Upstream, chat};

async fn before(a: &Upstream, b: &Upstream) -> Gateway {
    Config::over([a, b]).start().await
}

#[tokio::test]
async fn a_connection_that_the_upstream_closed_while_idle_costs_nothing() {
    // The first answer ends its connection without a word: the next request finds it dead in the pool.
    let silent_close = Reply::typed(200, "application/json", chat::answer("A").to_string());
    let body = silent_close.body().len();
    let a = Upstream::always(silent_close.cut_after(body)).await;
    let b = Upstream::always(Reply::json(200, chat::answer("B"))).await;
    let gateway = before(&a, &b).await;
    for _ in 0..20 {
        assert_eq!(gateway.ask().await.expect_status(200).provider(), "a");
    }
    assert_eq!(b.count(), 0);
}

#[tokio::test]
async fn connections_to_an_upstream_are_used_again() {
    let a = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let gateway = Config::over([&a]).start().await;
    for _ in 0..10 {
        gateway.ask().await.expect_status(200);
    }
    let first = |request: &Recorded| request.connection == 0;
    assert!(a.count() == 10 && a.requests().iter().all(first));
}

#[tokio::test]
async fn an_upstream_that_closes_after_each_answer_is_served_by_new_connections() {
    let a = Upstream::always(Reply::json(200, chat::answer("A")).closing()).await;
    let b = Upstream::always(Reply::json(200, chat::answer("B"))).await;
    let gateway = before(&a, &b).await;
    for _ in 0..5 {
        assert_eq!(gateway.ask().await.expect_status(200).provider(), "a");
    }
    assert_eq!(a.count(), 5);
}

/// A whole answer as it stands on the wire.
fn wire_answer(text: &str) -> String {
    let body = chat::answer(text).to_string();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    format!("{head}content-length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn a_second_answer_that_nobody_asked_for_reaches_nobody() {
    let stuffed = wire_answer("mine") + &wire_answer("another client's");
    let a = Upstream::script([
        Reply::raw(stuffed).kept_open(),
        Reply::json(200, chat::answer("mine")),
    ])
    .await;
    let gateway = Config::over([&a]).start().await;
    for _ in 0..3 {
        assert_eq!(
            gateway.ask().await.expect_status(200).json(),
            chat::answer("mine")
        );
    }
}

#[tokio::test]
async fn early_hints_and_odd_chunks_are_read_through() {
    let body = chat::answer("A").to_string();
    let head = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n";
    let head = format!("{head}content-type: application/json\r\ntransfer-encoding: chunked\r\n");
    let chunk = format!(
        "{:X};name=value\r\n{body}\r\n0\r\nx-trailer: 1\r\n\r\n",
        body.len()
    );
    let a = Upstream::always(Reply::raw(format!("{head}\r\n{chunk}"))).await;
    let gateway = Config::over([&a]).start().await;
    assert_eq!(gateway.ask().await.expect_status(200).text(), body);
}

#[tokio::test]
async fn answers_do_not_get_mixed_up_under_load() {
    let a = Upstream::answering(|request, _| {
        let user = request.json()["user"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        Reply::json(200, chat::answer(&user))
    })
    .await;
    let gateway = Config::over([&a]).start().await;
    let calls = (0..100).map(|number| {
        let mut request = chat::ask("m");
        request["user"] = json!(number.to_string());
        gateway.chat(request).send()
    });
    for (number, answer) in join_all(calls).await.into_iter().enumerate() {
        assert_eq!(answer.json(), chat::answer(&number.to_string()));
    }
    let answer = gateway.ask().await;
    assert_eq!(answer.expect_status(200).json(), chat::answer(""));
}
