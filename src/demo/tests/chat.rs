//! What chat says, whole and streamed.

use super::*;

fn weather_tool(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name, "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
    }}})
}

/// The text of all deltas.
fn streamed_text(events: &[Value]) -> String {
    events
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn introduces_itself_and_echoes_the_question() {
    let answer = chat(&demo(prompt()), "What is a gateway?", json!({})).await;
    assert_eq!(answer.status, 200);
    let body = answer.json();
    let choice = &body["choices"][0];
    let text = choice["message"]["content"].as_str().expect("text");
    assert!(
        text.contains("demo-test") && text.contains("What is a gateway?"),
        "{text}"
    );
    assert_eq!(choice["finish_reason"], "stop");
    let usage = &body["usage"];
    assert_eq!(usage["completion_tokens"], tokens::count(text));
    assert_eq!(usage["prompt_tokens"], 8);
    assert_eq!(usage["total_tokens"], 8 + tokens::count(text));
}

#[tokio::test(start_paused = true)]
async fn a_stream_says_what_the_document_says() {
    let demo = demo(prompt());
    let document = chat(&demo, "hi", json!({})).await.json();
    let stream = chat(&demo, "hi", json!({"stream": true})).await;
    assert_eq!(stream.headers["content-type"], "text/event-stream");
    let events = stream.events();
    assert_eq!(
        streamed_text(&events),
        document["choices"][0]["message"]["content"]
    );
    assert_eq!(
        events[0]["choices"][0]["delta"],
        json!({"role": "assistant", "content": ""})
    );
    let reasons = events
        .iter()
        .map(|event| &event["choices"][0]["finish_reason"]);
    let finishes: Vec<_> = reasons.filter(|reason| !reason.is_null()).collect();
    assert_eq!(finishes, ["stop"]);
    assert!(events.iter().all(|event| event["id"] == events[0]["id"]));
    assert!(events.iter().all(|event| event.get("usage").is_none()));
}

#[tokio::test(start_paused = true)]
async fn usage_comes_last_and_only_when_asked_for() {
    let more = json!({"stream": true, "stream_options": {"include_usage": true}});
    let events = chat(&demo(prompt()), "hi", more).await.events();
    let (last, earlier) = events.split_last().expect("events");
    assert_eq!(last["choices"], json!([]));
    assert_eq!(
        last["usage"]["completion_tokens"],
        tokens::count(&streamed_text(earlier))
    );
    assert!(
        earlier
            .iter()
            .all(|event| event.get("usage") == Some(&Value::Null))
    );
}

#[tokio::test(start_paused = true)]
async fn either_token_limit_ends_the_answer_with_length() {
    for limit in ["max_tokens", "max_completion_tokens"] {
        let body = chat(&demo(prompt()), "hi", json!({limit: 3})).await.json();
        assert_eq!(body["choices"][0]["message"]["content"], "This is demo-tes");
        assert_eq!(body["choices"][0]["finish_reason"], "length");
        assert_eq!(body["usage"]["completion_tokens"], 3);
    }
}

#[tokio::test(start_paused = true)]
async fn calls_the_first_tool_when_asked_about_the_weather() {
    let more = json!({"tools": [weather_tool("forecast"), weather_tool("other")]});
    let body = chat(&demo(prompt()), "How is the weather?", more)
        .await
        .json();
    let choice = &body["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["content"], Value::Null);
    let calls = choice["message"]["tool_calls"].as_array().expect("calls");
    assert_eq!(calls.len(), 1);
    assert_eq!(
        calls[0]["function"],
        json!({"name": "forecast", "arguments": r#"{"city":"example city"}"#})
    );
}

#[tokio::test(start_paused = true)]
async fn streams_a_call_for_each_tool_that_is_named() {
    let tools = json!([
        weather_tool("alpha"),
        weather_tool("beta"),
        weather_tool("gamma")
    ]);
    let more = json!({"tools": tools, "stream": true});
    let events = chat(&demo(prompt()), "Use gamma and Alpha.", more)
        .await
        .events();
    let deltas: Vec<&Value> = events
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["tool_calls"].get(0))
        .collect();
    for (index, name) in [(0, "alpha"), (1, "gamma")] {
        let of_call: Vec<_> = deltas
            .iter()
            .filter(|delta| delta["index"] == index)
            .collect();
        assert_eq!(
            of_call[0]["function"],
            json!({"name": name, "arguments": ""})
        );
        assert!(of_call[0]["id"].is_string());
        assert!(of_call[1..].iter().all(|delta| delta.get("id").is_none()));
        let arguments: String = of_call
            .iter()
            .filter_map(|delta| delta["function"]["arguments"].as_str())
            .collect();
        assert_eq!(arguments, r#"{"city":"example city"}"#);
    }
    assert_ne!(deltas[0]["id"], deltas[deltas.len() / 2]["id"]);
    let last = events.last().expect("events");
    assert_eq!(last["choices"][0]["finish_reason"], "tool_calls");
}

#[tokio::test(start_paused = true)]
async fn tool_choice_decides_before_the_words_do() {
    let demo = demo(prompt());
    let tools = json!([weather_tool("alpha"), weather_tool("beta")]);
    let called = async |choice: Value, parallel: bool| {
        let more = json!({"tools": tools, "tool_choice": choice, "parallel_tool_calls": parallel});
        let body = chat(&demo, "alpha beta", more).await.json();
        let calls = body["choices"][0]["message"]["tool_calls"].as_array();
        let names = calls
            .into_iter()
            .flatten()
            .map(|call| &call["function"]["name"]);
        json!(names.collect::<Vec<_>>())
    };
    assert_eq!(called(json!("none"), true).await, json!([]));
    assert_eq!(called(json!("auto"), true).await, json!(["alpha", "beta"]));
    assert_eq!(called(json!("required"), false).await, json!(["alpha"]));
    let beta = json!({"type": "function", "function": {"name": "beta"}});
    assert_eq!(called(beta, true).await, json!(["beta"]));
    let missing = json!({"tool_choice": "required"});
    let refusal = chat(&demo, "hi", missing).await;
    refusal.assert_error(400, &Value::Null);
    assert_eq!(refusal.json()["error"]["param"], "tool_choice");
}

#[tokio::test(start_paused = true)]
async fn reports_tool_results_instead_of_calling_again() {
    let messages = json!([
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": null, "tool_calls": []},
        {"role": "tool", "tool_call_id": "a", "content": "12 degrees"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "rain"}]},
    ]);
    let more = json!({"messages": messages, "tools": [weather_tool("forecast")]});
    let body = chat(&demo(prompt()), "", more).await.json();
    assert_eq!(
        body["choices"][0]["message"]["content"],
        "The tools answered “12 degrees” and “rain”."
    );
}

#[tokio::test(start_paused = true)]
async fn response_formats_are_kept_to() {
    let demo = demo(prompt());
    let said = async |format: Value| {
        let body = chat(&demo, "hi", json!({"response_format": format}))
            .await
            .json();
        let text = body["choices"][0]["message"]["content"]
            .as_str()
            .map(str::to_owned);
        serde_json::from_str::<Value>(&text.expect("text")).expect("JSON")
    };
    assert_eq!(
        said(json!({"type": "json_object"})).await["provider"],
        "demo-test"
    );
    let schema =
        json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
    let format = json!({"type": "json_schema", "json_schema": {"name": "x", "schema": schema}});
    assert_eq!(said(format).await, json!({"n": 1}));
}
