//! A client that leaves takes its upstream request with it, within a second, wherever it was.

use crate::support::{A_SECOND, Config, Gate, Gateway, Reply, Upstream, chat, within};

async fn before(reply: Reply) -> (Gateway, Upstream) {
    let upstream = Upstream::always(reply).await;
    let gateway = Config::over([&upstream]).start().await;
    (gateway, upstream)
}

async fn assert_closed(upstream: &Upstream) {
    within(
        A_SECOND,
        "the upstream connection to close",
        upstream.closed(),
    )
    .await;
}

#[tokio::test]
async fn before_the_answer_has_begun() {
    for request in [chat::ask("m"), chat::ask_stream("m")] {
        let (gateway, upstream) = before(Reply::silence()).await;
        let wire = gateway.chat(request).wired().await;
        upstream.request(0).await;
        drop(wire);
        assert_closed(&upstream).await;
    }
}

#[tokio::test]
async fn in_the_middle_of_a_whole_answer() {
    let reply = Reply::json(200, chat::answer("A")).hang_after(20);
    let (gateway, upstream) = before(reply).await;
    let wire = gateway.chat(chat::ask("m")).wired().await;
    upstream.request(0).await;
    drop(wire);
    assert_closed(&upstream).await;
}

#[tokio::test]
async fn before_the_first_token() {
    let gate = Gate::new();
    let reply = Reply::stream()
        .event(&chat::role())
        .pause_until(&gate)
        .event("never");
    let (gateway, upstream) = before(reply).await;
    let wire = gateway.chat(chat::ask_stream("m")).wired().await;
    upstream.request(0).await;
    drop(wire);
    assert_closed(&upstream).await;
}

#[tokio::test]
async fn after_the_first_token() {
    let gate = Gate::new();
    let reply = Reply::stream()
        .event(&chat::token("A"))
        .pause_until(&gate)
        .event("never");
    let (gateway, upstream) = before(reply).await;
    let mut stream = gateway.chat(chat::ask_stream("m")).open().await;
    assert_eq!(stream.event().await, Some(chat::token("A")));
    drop(stream);
    assert_closed(&upstream).await;
}

#[tokio::test]
async fn in_a_stream_that_never_pauses() {
    let tokens = chat::wire(&[chat::token("A")]).repeat(100);
    let endless = Reply::stream().flood(&tokens);
    let (gateway, upstream) = before(endless).await;
    let mut stream = gateway.chat(chat::ask_stream("m")).open().await;
    assert_eq!(stream.event().await, Some(chat::token("A")));
    drop(stream);
    assert_closed(&upstream).await;
}

#[tokio::test]
async fn after_it_has_sent_more_than_one_request() {
    // Bytes that wait unread must not hide the end of the connection behind them.
    let (gateway, upstream) = before(Reply::silence()).await;
    let call = gateway.chat(chat::ask("m"));
    let second = call.bytes();
    let mut wire = call.wired().await;
    wire.write(&second).await;
    upstream.request(0).await;
    drop(wire);
    assert_closed(&upstream).await;
}

#[tokio::test]
async fn a_client_that_left_is_no_failure_of_the_provider() {
    let upstream = Upstream::script([Reply::silence(), Reply::json(200, chat::answer("A"))]).await;
    let gateway = Config::over([&upstream]).real_rests().start().await;
    let wire = gateway.chat(chat::ask("m")).wired().await;
    upstream.request(0).await;
    drop(wire);
    assert_closed(&upstream).await;
    assert_eq!(gateway.ask().await.expect_status(200).provider(), "a");
}
