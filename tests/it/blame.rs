//! Whom a failure is held against: not everybody, and never for what a client did.

use serde_json::json;

use crate::support::{Config, Gateway, Reply, Upstream, chat};

/// An upstream that says this to requests whose `user` is `canary`, and answers the others.
async fn touchy(reply: Reply) -> Upstream {
    Upstream::answering(move |request, _| {
        if request.text().contains("canary") {
            reply.clone()
        } else {
            Reply::json(200, chat::answer("A"))
        }
    })
    .await
}

async fn provoke(gateway: &Gateway) {
    let mut request = chat::ask("m");
    request["user"] = json!("canary");
    gateway.chat(request).send().await;
}

async fn a_still_answers(gateway: &Gateway) {
    let answer = gateway.ask().await.expect_status(200);
    assert_eq!(answer.provider(), "a");
}

#[tokio::test]
async fn words_a_client_could_have_put_there_rest_nobody() {
    for reply in [
        Reply::json(
            400,
            chat::error(
                "Invalid value: 'invalid api key'",
                "invalid_request_error",
                None,
            ),
        ),
        Reply::json(
            400,
            chat::error("tool m does not exist", "invalid_request_error", None),
        ),
        Reply::json(
            404,
            chat::error("No such File object: file-1", "invalid_request_error", None),
        ),
        Reply::typed(403, "text/html", "<html>Blocked by the firewall</html>"),
    ] {
        let a = touchy(reply).await;
        let b = Upstream::always(Reply::json(200, chat::answer("B"))).await;
        let gateway = Config::over([&a, &b]).real_rests().start().await;
        provoke(&gateway).await;
        provoke(&gateway).await;
        a_still_answers(&gateway).await;
    }
}

#[tokio::test]
async fn a_clients_own_short_time_is_not_held_against_the_provider() {
    let a = touchy(Reply::silence()).await;
    let b = Upstream::always(Reply::json(200, chat::answer("B"))).await;
    let gateway = Config::over([&a, &b]).real_rests().start().await;
    let mut request = chat::ask("m");
    request["user"] = json!("canary");
    let call = gateway.chat(request).header("x-autogw-timeout", "0.1");
    call.send().await.expect_status(504);
    a_still_answers(&gateway).await;
}

#[tokio::test]
async fn one_endpoint_does_not_speak_for_another() {
    let a = Upstream::answering(|request, _| {
        if request.target.ends_with("/rerank") {
            Reply::json(
                404,
                chat::error(
                    "the model `m` does not exist",
                    "invalid_request_error",
                    Some("model_not_found"),
                ),
            )
        } else {
            Reply::json(200, chat::answer("A"))
        }
    })
    .await;
    let gateway = Config::over([&a]).real_rests().start().await;
    let body = json!({"model": "m", "query": "q", "documents": []});
    let rerank = gateway.client().post("/v1/rerank", body);
    rerank.send().await.expect_status(404);
    a_still_answers(&gateway).await;
}

#[tokio::test]
async fn a_request_is_not_sent_again_over_every_idle_connection() {
    // Each connection answers once and breaks at its second request, after having read it.
    let a = Upstream::answering(|request, _| {
        if request.text().contains("canary") {
            Reply::close()
        } else {
            Reply::json(200, chat::answer("A"))
        }
    })
    .await;
    for (retry_ambiguous, sent) in [(false, 1), (true, 2)] {
        let config = Config::over([&a]).router("retry_ambiguous", retry_ambiguous);
        let gateway = config.router("max_attempts", 1).start().await;
        let before = a.count();
        let warm = std::iter::repeat_with(|| gateway.ask()).take(8);
        futures_util::future::join_all(warm).await;
        assert_eq!(a.count(), before + 8);
        provoke(&gateway).await;
        assert_eq!(
            a.count(),
            before + 8 + sent,
            "retry_ambiguous: {retry_ambiguous}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_is_passed_on_unread_has_limits_too() {
    let audio = Reply::typed(200, "audio/mpeg", vec![7; 1000]).hang_after(10);
    let a = Upstream::always(audio).await;
    let gateway = Config::over([&a])
        .router("timeouts.idle", 0.2)
        .start()
        .await;
    let body = json!({"model": "m", "input": "x", "voice": "v"});
    let opened = gateway.client().post("/v1/audio/speech", body).open().await;
    assert_eq!(opened.status, 200);
    opened.into_wire().ended().await;
    a.closed().await;
}

#[tokio::test]
async fn an_answer_passed_on_unread_that_breaks_off_is_its_providers_fault() {
    let audio = Reply::typed(200, "audio/mpeg", vec![7; 1000]).hang_after(10);
    let a = Upstream::always(audio).await;
    let b = Upstream::always(Reply::typed(200, "audio/mpeg", vec![7; 10])).await;
    let config = Config::over([&a, &b]).router("timeouts.idle", 0.2);
    let gateway = config.real_rests().start().await;
    let body = json!({"model": "m", "input": "x", "voice": "v"});
    let call = || gateway.client().post("/v1/audio/speech", body.clone());
    let opened = call().open().await;
    assert_eq!(opened.status, 200);
    opened.into_wire().ended().await;
    assert_eq!(call().send().await.expect_status(200).provider(), "b");
}

#[tokio::test]
async fn an_error_within_a_stream_is_judged_by_what_it_says() {
    for (kind, code, next) in [
        ("server_error", None, "b"),
        ("rate_limit_error", Some("rate_limit_exceeded"), "b"),
        // The next request is another one.
        (
            "invalid_request_error",
            Some("content_policy_violation"),
            "a",
        ),
    ] {
        let error = chat::error("no more of this", kind, code).to_string();
        let a = Upstream::always(Reply::sse([chat::token("A"), error])).await;
        let b = Upstream::always(Reply::sse(chat::stream(&["B"]))).await;
        let gateway = Config::over([&a, &b]).real_rests().start().await;
        let answer = gateway.ask_stream().await.expect_status(200);
        assert_eq!(answer.provider(), "a");
        assert!(answer.events().iter().any(|event| chat::is_error(event)));
        assert_eq!(gateway.ask_stream().await.provider(), next, "{kind}");
    }
}
