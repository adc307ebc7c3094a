//! Stored answers of the Responses API, on upstreams that store nothing and on those that do.

use serde_json::{Value, json};

use crate::support::talk::{SAID, TO_ANTHROPIC, TO_CHAT, TO_RESPONSES, Talk};
use crate::support::{Answer, Client, Config, Gateway, Reply, Upstream};

async fn over(talk: Talk) -> (Gateway, Upstream) {
    let upstream = talk.upstream().await;
    (talk.over(&upstream).start().await, upstream)
}

async fn ask(client: &Client, fields: Value) -> Answer {
    let mut body = json!({"model": "m", "input": "hello"});
    for (name, value) in fields.as_object().expect("fields") {
        body[name] = value.clone();
    }
    client.post("/v1/responses", body).send().await
}

/// The answer object, whole or from the end of a stream.
#[track_caller]
fn response(answer: Answer) -> Value {
    let answer = answer.expect_status(200);
    if answer.header("content-type") == Some("application/json") {
        return answer.json();
    }
    let events = answer.events();
    let last: Value = serde_json::from_str(events.last().expect("events")).expect("JSON");
    assert_eq!(last["type"], "response.completed", "{last}");
    last["response"].clone()
}

#[track_caller]
fn id(response: &Value) -> String {
    let id = response["id"].as_str().expect("an id");
    assert!(id.starts_with("resp_"), "{id}");
    id.to_owned()
}

async fn get(client: &Client, path: &str) -> Answer {
    client.get(&format!("/v1/responses/{path}")).send().await
}

/// What was said so far, as a Chat upstream is told it.
fn said(body: &Value) -> Vec<String> {
    let messages = body["messages"].as_array().expect("messages");
    let text = |content: &Value| match content {
        Value::Array(parts) => parts[0]["text"].as_str().unwrap_or_default().to_owned(),
        content => content.as_str().unwrap_or_default().to_owned(),
    };
    let said = messages.iter().map(|message| {
        let role = message["role"].as_str().unwrap_or_default();
        format!("{role}: {}", text(&message["content"]))
    });
    said.collect()
}

#[tokio::test]
async fn a_conversation_goes_on_by_the_id_of_its_last_answer() {
    for streamed in [false, true] {
        let (gateway, upstream) = over(TO_CHAT).await;
        let client = gateway.client();
        let mut previous = None;
        for turn in ["one", "two", "three"] {
            let mut fields = json!({"input": turn, "stream": streamed});
            if let Some(id) = &previous {
                fields["previous_response_id"] = json!(id);
            }
            let answer = response(ask(&client, fields).await);
            assert_eq!(answer["store"], true, "{answer}");
            assert_eq!(answer["previous_response_id"], json!(previous), "{answer}");
            previous = Some(id(&answer));
        }
        let sent = upstream.requests().pop().expect("three turns").json();
        let answered = format!("assistant: {SAID}");
        let expected = [
            "user: one",
            &answered,
            "user: two",
            &answered,
            "user: three",
        ];
        assert_eq!(said(&sent), expected);
        assert!(!sent.to_string().contains("previous_response_id"));
    }
}

#[tokio::test]
async fn it_branches_where_an_older_answer_is_named() {
    let (gateway, upstream) = over(TO_ANTHROPIC).await;
    let client = gateway.client();
    let first = id(&response(ask(&client, json!({"input": "one"})).await));
    for turn in ["two", "other"] {
        let fields = json!({"input": turn, "previous_response_id": first,
            "instructions": format!("be {turn}")});
        response(ask(&client, fields).await);
    }
    let sent = upstream.requests().pop().expect("a turn");
    assert!(sent.text().contains("one") && sent.text().contains("other"));
    assert!(!sent.text().contains("two"), "{}", sent.text());
}

#[tokio::test]
async fn an_answer_is_kept_as_the_client_saw_it() {
    for streamed in [false, true] {
        let (gateway, _upstream) = over(TO_CHAT).await;
        let client = gateway.client();
        let seen = response(ask(&client, json!({"stream": streamed})).await);
        let kept = get(&client, &id(&seen)).await.expect_status(200).json();
        assert_eq!(kept, seen);
        assert_eq!(TO_RESPONSES.heard_in(&kept).text, SAID);
    }
}

#[tokio::test]
async fn it_is_kept_before_the_client_hears_the_end() {
    let stream = TO_CHAT.stream();
    let upstream = Upstream::answering(move |request, index| {
        if index % 2 == 1 {
            assert!(
                request.text().contains("gr\u{fc}\u{df}e"),
                "{}",
                request.text()
            );
            return TO_CHAT.reply(false);
        }
        Reply::stream()
            .bytes(stream.clone())
            .hang_after(stream.len())
    })
    .await;
    let gateway = TO_CHAT.over(&upstream).start().await;
    for _ in 0..10 {
        let body = json!({"model": "m", "input": "one", "stream": true});
        let mut opened = gateway.client().post("/v1/responses", body).open().await;
        let seen = loop {
            let event = opened.event().await.expect("an end");
            let event: Value = serde_json::from_str(&event).expect("JSON");
            if event["type"] == "response.completed" {
                break event["response"].clone();
            }
        };
        let fields = json!({"input": "two", "previous_response_id": id(&seen)});
        response(ask(&gateway.client(), fields).await);
    }
}

#[tokio::test]
async fn what_is_not_to_be_stored_is_not() {
    let (gateway, upstream) = over(TO_CHAT).await;
    let client = gateway.client();
    for streamed in [false, true] {
        let fields = json!({"store": false, "stream": streamed});
        let id = id(&response(ask(&client, fields).await));
        get(&client, &id).await.expect_status(404);
        let count = upstream.count();
        let answer = ask(&client, json!({"previous_response_id": id})).await;
        let answer = answer.expect_status(400);
        assert_eq!(answer.error("param"), "previous_response_id");
        assert_eq!(upstream.count(), count);
    }
}

#[tokio::test]
async fn a_stream_that_broke_is_not_stored() {
    let (begun, _) = TO_CHAT.halves();
    let upstream = Upstream::always(Reply::stream().bytes(begun)).await;
    let gateway = TO_CHAT.over(&upstream).start().await;
    let client = gateway.client();
    let answer = ask(&client, json!({"stream": true}))
        .await
        .expect_status(200);
    let first: Value = serde_json::from_str(&answer.events()[0]).expect("JSON");
    get(&client, &id(&first["response"]))
        .await
        .expect_status(404);
}

#[tokio::test]
async fn what_is_deleted_is_gone() {
    let (gateway, _upstream) = over(TO_CHAT).await;
    let client = gateway.client();
    let id = id(&response(ask(&client, json!({})).await));
    let path = format!("/v1/responses/{id}");
    let deleted = client.call("DELETE", &path).send().await;
    let deleted = deleted.expect_status(200).json();
    assert_eq!(
        deleted,
        json!({"id": id, "object": "response", "deleted": true})
    );
    get(&client, &id).await.expect_status(404);
    client.call("DELETE", &path).send().await.expect_status(404);
    ask(&client, json!({"previous_response_id": id}))
        .await
        .expect_status(400);
}

#[tokio::test]
async fn input_items_are_paged() {
    let (gateway, _upstream) = over(TO_CHAT).await;
    let client = gateway.client();
    let first = id(&response(ask(&client, json!({"input": "one"})).await));
    let fields = json!({"input": [{"role": "user", "content": "two"},
        {"role": "user", "content": "three"}], "previous_response_id": first});
    let second = id(&response(ask(&client, fields).await));
    let page = async |query: &str| {
        let answer = get(&client, &format!("{second}/input_items{query}")).await;
        answer.expect_status(200).json()
    };
    let texts = |page: &Value| -> Vec<String> {
        let items = page["data"].as_array().expect("a list").iter();
        items
            .map(|item| match &item["content"] {
                Value::Array(parts) => parts[0]["text"].as_str().unwrap_or_default().to_owned(),
                content => content.as_str().unwrap_or_default().to_owned(),
            })
            .collect()
    };
    let all = page("?order=asc").await;
    assert_eq!(texts(&all), ["one", SAID, "two", "three"]);
    assert_eq!(
        (&all["object"], &all["has_more"]),
        (&json!("list"), &json!(false))
    );
    let newest = page("?limit=1").await;
    assert_eq!(
        (texts(&newest), &newest["has_more"]),
        (vec!["three".to_owned()], &json!(true))
    );
    let after = newest["last_id"].as_str().expect("an id");
    let next = page(&format!("?limit=2&after={after}")).await;
    assert_eq!(texts(&next), ["two", SAID]);
    let ids = all["data"].as_array().expect("a list").iter();
    assert!(ids.clone().all(|item| item["id"].is_string()), "{all}");
    let only = get(&client, &format!("{first}/input_items")).await.json();
    assert_eq!(texts(&only), ["one"]);
}

#[tokio::test]
async fn another_key_finds_nothing() {
    let upstream = TO_CHAT.upstream().await;
    let config = TO_CHAT.over(&upstream);
    let gateway = config
        .server("api_key", json!(["one", "two"]))
        .start()
        .await;
    let (one, two) = (
        gateway.client().with("authorization", "Bearer one"),
        gateway.client().with("authorization", "Bearer two"),
    );
    let id = id(&response(ask(&one, json!({})).await));
    get(&one, &id).await.expect_status(200);
    let path = format!("/v1/responses/{id}");
    two.call("DELETE", &path).send().await.expect_status(404);
    for path in [id.clone(), format!("{id}/input_items")] {
        let answer = get(&two, &path).await.expect_status(404);
        assert!(!answer.text().contains(SAID), "{}", answer.text());
    }
    let fields = json!({"previous_response_id": id});
    ask(&two, fields).await.expect_status(400);
    get(&one, &id).await.expect_status(200);
}

#[tokio::test]
async fn an_unknown_id_is_a_404_in_its_dialect() {
    let (gateway, upstream) = over(TO_CHAT).await;
    for path in ["resp_unknown", "resp_unknown/input_items"] {
        let answer = get(&gateway.client(), path).await.expect_status(404);
        let message = TO_RESPONSES.error(&answer);
        assert!(message.contains("resp_unknown"), "{message}");
    }
    let fields = json!({"previous_response_id": "resp_unknown"});
    let answer = ask(&gateway.client(), fields).await.expect_status(400);
    assert_eq!(answer.error("param"), "previous_response_id");
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn nothing_is_kept_where_conversations_are_off() {
    let upstream = TO_CHAT.upstream().await;
    let config = TO_CHAT.over(&upstream).router("conversations", "off");
    let gateway = config.start().await;
    let client = gateway.client();
    for streamed in [false, true] {
        let id = id(&response(ask(&client, json!({"stream": streamed})).await));
        get(&client, &id).await.expect_status(404);
        let answer = ask(&client, json!({"previous_response_id": id})).await;
        answer.expect_status(400);
    }
}

#[tokio::test]
async fn what_a_native_provider_stored_is_fetched_there() {
    let upstream = Upstream::answering(|request, _| match (&*request.method, &*request.target) {
        ("POST", _) => TO_RESPONSES.reply(false),
        ("GET", "/v1/responses/resp_up") => Reply::json(200, TO_RESPONSES.answer()),
        ("GET", "/v1/responses/resp_up/input_items?limit=1") => {
            Reply::json(200, r#"{"object":"list","data":[]}"#)
        }
        ("DELETE", "/v1/responses/resp_up") => Reply::json(
            200,
            r#"{"id":"resp_up","object":"response","deleted":true}"#,
        ),
        _ => Reply::json(404, r#"{"error":{"message":"no"}}"#),
    })
    .await;
    let chat = TO_CHAT.upstream().await;
    let gateway = Config::new()
        .provider("chat", &chat, json!({"models": ["other"]}))
        .provider("a", &upstream, TO_RESPONSES.fields())
        .start()
        .await;
    let client = gateway.client();
    let seen = response(ask(&client, json!({})).await);
    assert_eq!(seen["id"], "resp_up");
    let kept = get(&client, "resp_up").await.expect_status(200);
    assert_eq!(kept.text(), TO_RESPONSES.answer().to_string());
    get(&client, "resp_up/input_items?limit=1&key=secret")
        .await
        .expect_status(200);
    // Its own id is its own to go on from.
    response(ask(&client, json!({"previous_response_id": "resp_up"})).await);
    let sent = upstream.requests().pop().expect("a request").json();
    assert_eq!(sent["previous_response_id"], "resp_up");
    let deleted = client.call("DELETE", "/v1/responses/resp_up").send().await;
    assert_eq!(deleted.expect_status(200).json()["deleted"], true);
    get(&client, "resp_other").await.expect_status(404);
    assert_eq!(chat.count(), 0);
    let all: String = upstream
        .requests()
        .iter()
        .map(|r| r.target.clone())
        .collect();
    assert!(!all.contains("secret"), "{all}");
}

#[tokio::test]
async fn a_conversation_that_was_kept_here_goes_on_anywhere() {
    // The first turn is answered by a Chat upstream, the second by a native one.
    let chat = TO_CHAT.upstream().await;
    let native = TO_RESPONSES.upstream().await;
    let mut fields = TO_RESPONSES.fields();
    fields["models"] = json!({"n": {"upstream": TO_RESPONSES.model}});
    let gateway = Config::new()
        .provider("a", &chat, TO_CHAT.fields())
        .provider("b", &native, fields)
        .start()
        .await;
    let client = gateway.client();
    let first = id(&response(ask(&client, json!({"input": "one"})).await));
    let fields = json!({"model": "n", "input": "two", "previous_response_id": first});
    response(ask(&client, fields).await);
    let sent = native.only_request().json();
    assert!(sent.get("previous_response_id").is_none(), "{sent}");
    let text = sent["input"].to_string();
    for said in ["one", SAID, "two"] {
        assert!(text.contains(said), "{text}");
    }
}
