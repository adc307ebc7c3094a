//! What comes through the tunnel arrives as it was sent, at the provider and back at the client.

use futures_util::future::join_all;
use serde_json::json;

use super::{Open, answering};
use crate::support::{A_SECOND, Gate, Reply, Upstream, chat, patiently, within};

#[tokio::test]
async fn a_page_and_a_request_come_through() {
    let upstream = answering().await;
    let open = Open::before(&upstream).await;
    let models = open.owner().get("/v1/models").send().await;
    assert_eq!(models.expect_status(200).json()["data"][0]["id"], "m");
    let answer = open.owner().chat(chat::ask("m")).send().await;
    let answer = answer.expect_status(200);
    assert_eq!((answer.json(), answer.provider()), (chat::answer("A"), "a"));
    assert!(answer.header("x-request-id").is_some());
}

#[tokio::test]
async fn three_megabytes_arrive_byte_for_byte_in_both_directions() {
    let large = "0123456789abcdef".repeat((3 << 20) / 16);
    let reply = chat::answer(&large).to_string();
    let upstream = Upstream::always(Reply::json(200, &reply)).await;
    let open = Open::before(&upstream).await;
    let request = json!({"model": "m", "messages": [{"role": "user", "content": large}]});
    let request = request.to_string();
    let answer = open.owner().chat(&request).send().await.expect_status(200);
    assert!(answer.complete);
    assert!(answer.text() == reply, "the answer is another");
    let seen = upstream.only_request();
    assert!(seen.text() == request, "the request is another");
}

#[tokio::test]
async fn events_arrive_one_by_one() {
    let gates = [Gate::new(), Gate::new(), Gate::new()];
    let reply = Reply::stream()
        .event(&chat::role())
        .event(&chat::token("one"))
        .pause_until(&gates[0])
        .event(&chat::token("two"))
        .pause_until(&gates[1])
        .event(&chat::finish())
        .pause_until(&gates[2])
        .event(chat::DONE);
    let upstream = Upstream::always(reply).await;
    let open = Open::before(&upstream).await;
    let mut stream = open.owner().chat(chat::ask_stream("m")).open().await;
    let kind = stream
        .headers
        .iter()
        .find(|(name, _)| name == "content-type");
    assert_eq!(kind.map(|(_, kind)| &**kind), Some("text/event-stream"));
    assert_eq!(stream.event().await, Some(chat::role()));
    assert_eq!(stream.event().await, Some(chat::token("one")));
    for (gate, event) in
        gates
            .iter()
            .zip([chat::token("two"), chat::finish(), chat::DONE.to_owned()])
    {
        gate.open();
        assert_eq!(stream.event().await, Some(event));
    }
    assert_eq!(stream.event().await, None);
}

#[tokio::test]
async fn two_hundred_requests_go_at_once() {
    let gate = Gate::new();
    let reply = Reply::json(200, chat::answer("A")).behind(&gate);
    let upstream = Upstream::always(reply).await;
    let open = Open::before(&upstream).await;
    let owner = open.owner();
    let asked = (0..200).map(|_| owner.chat(chat::ask("m")).send());
    let all_are_there = async {
        upstream.request(199).await;
        gate.open();
    };
    let (answers, ()) = patiently("200 answers", async {
        tokio::join!(join_all(asked), all_are_there)
    })
    .await;
    for answer in answers {
        assert_eq!(answer.expect_status(200).json(), chat::answer("A"));
    }
    assert_eq!(upstream.count(), 200);
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_upstream_request_along() {
    for request in [chat::ask("m"), chat::ask_stream("m")] {
        let upstream = Upstream::always(Reply::silence()).await;
        let open = Open::before(&upstream).await;
        let wire = open.owner().chat(request).wired().await;
        upstream.request(0).await;
        drop(wire);
        within(A_SECOND, "the upstream to be left", upstream.closed()).await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_a_stream_takes_it_along() {
    let gate = Gate::new();
    let reply = Reply::stream()
        .event(&chat::token("A"))
        .pause_until(&gate)
        .event("never");
    let endless = Reply::stream().flood(&chat::wire(&[chat::token("A")]).repeat(100));
    for reply in [reply, endless] {
        let upstream = Upstream::always(reply).await;
        let open = Open::before(&upstream).await;
        let mut stream = open.owner().chat(chat::ask_stream("m")).open().await;
        assert_eq!(stream.event().await, Some(chat::token("A")));
        drop(stream);
        within(A_SECOND, "the upstream to be left", upstream.closed()).await;
    }
}
