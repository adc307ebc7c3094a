//! `router.continue_stream`: a stream of plain words that breaks is continued by another target, in the
//! same envelope, or broken off truthfully.

use autogw::chat::FailureClass;
use autogw::telemetry::trace::{Cause, Verdict};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::continuation_crossed::parsed;
use crate::support::{A_SECOND, Answer, Binary, Config, Gate, Reply, Upstream, chat, within};

/// The mark of who goes on.
pub(super) const MARK: &str = ": autogw continued by b/m\n\n";

fn chunk(delta: &Value) -> String {
    json!({
        "id": "gen-1", "object": "chat.completion.chunk", "created": 7, "model": "first",
        "choices": [{"index": 0, "delta": delta, "finish_reason": null}]
    })
    .to_string()
}

fn word(text: &str) -> String {
    chunk(&json!({"content": text}))
}

/// A stream that says `words` and dies.
pub(super) fn dying(words: &[&str]) -> Reply {
    let role = chunk(&json!({"role": "assistant", "content": ""}));
    let events: Vec<String> = [role]
        .into_iter()
        .chain(words.iter().map(|text| word(text)))
        .collect();
    let wire = chat::wire(&events);
    let length = wire.len();
    Reply::stream().bytes(wire).reset_after(length)
}

/// A whole stream that says `words`.
fn going_on(words: &[&str]) -> Reply {
    let mut events = chat::stream(words);
    events.insert(events.len() - 1, chat::usage());
    Reply::sse(events)
}

pub(super) fn over(first: &Upstream, second: &Upstream) -> Config {
    Config::over([first, second]).router("continue_stream", true)
}

async fn told(request: Value, first: Reply, second: Reply) -> (Answer, Upstream) {
    let first = Upstream::always(first).await;
    let second = Upstream::always(second).await;
    let gateway = over(&first, &second).start().await;
    let answer = gateway.chat(request).send().await.expect_status(200);
    (answer, second)
}

/// What a strict client makes of a Chat stream: its words, if it is one whole answer.
#[track_caller]
fn whole(answer: &Answer) -> String {
    let events = answer.events();
    let (done, chunks) = events.split_last().expect("events");
    assert_eq!(done, "[DONE]", "{}", answer.text());
    let chunks: Vec<Value> = chunks
        .iter()
        .map(|chunk| serde_json::from_str(chunk).expect("JSON"))
        .collect();
    for chunk in &chunks {
        assert_eq!(chunk["id"], "gen-1", "{chunk}");
        assert_eq!(chunk["model"], "first", "{chunk}");
        assert_eq!(chunk["created"], 7, "{chunk}");
        assert_eq!(chunk["object"], "chat.completion.chunk", "{chunk}");
    }
    let roles = chunks
        .iter()
        .filter(|chunk| chunk["choices"][0]["delta"]["role"].is_string());
    assert_eq!(roles.count(), 1, "{}", answer.text());
    let finishes: Vec<usize> = (0..chunks.len())
        .filter(|at| chunks[*at]["choices"][0]["finish_reason"].is_string())
        .collect();
    assert_eq!(finishes.len(), 1, "{}", answer.text());
    let behind = &chunks[finishes[0] + 1..];
    assert!(behind.iter().all(|chunk| chunk["choices"] == json!([])));
    assert!(answer.complete);
    chat::said(&events)
}

/// The words before a truthful error.
#[track_caller]
fn broken(answer: &Answer) -> String {
    let events = answer.events();
    let (last, before) = events.split_last().expect("events");
    assert!(chat::is_error(last), "{}", answer.text());
    assert!(!chat::claims_completion(&events), "{}", answer.text());
    assert!(
        !before
            .iter()
            .any(|event| event.contains("\"finish_reason\":\""))
    );
    assert!(answer.complete, "a well-formed message all the same");
    chat::said(&events)
}

#[tokio::test]
async fn another_target_goes_on_where_the_first_broke_off() {
    let first = dying(&["The quick ", "brown "]);
    let (answer, second) = told(chat::ask_stream("m"), first, going_on(&["fox", " jumps"])).await;
    assert_eq!(whole(&answer), "The quick brown fox jumps");
    assert_eq!(answer.text().matches(MARK).count(), 1, "{}", answer.text());
    let asked = second.only_request().json();
    let messages = json!([
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "The quick brown"}
    ]);
    assert_eq!(asked["messages"], messages, "{asked}");
    assert_eq!(asked["stream"], true);
}

#[tokio::test]
async fn who_broke_off_and_who_went_on_are_remembered() {
    let first = Upstream::always(dying(&["one "])).await;
    let second = Upstream::always(going_on(&["two"])).await;
    let gateway = over(&first, &second).start().await;
    let call = gateway.chat(chat::ask_stream("m"));
    let answer = call.header("x-request-id", "continued").send().await;
    assert_eq!(whole(&answer), "one two");
    let trace = gateway.trace("continued").await;
    let told = trace
        .tries
        .iter()
        .map(|tried| (&*tried.provider, tried.cause, tried.verdict));
    let expected = [
        ("a", Cause::First, Verdict::Failed(FailureClass::Network)),
        ("b", Cause::Continued, Verdict::Served),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    assert_eq!(trace.outcome, "complete");
}

#[tokio::test]
async fn what_was_said_is_not_said_again() {
    for (new, whole_text) in [
        (["quick ", "brown fox"], "The quick brown fox"),
        (["The quick", " brown fox"], "The quick brown fox"),
        ([" brown", " fox"], "The quick brown fox"),
        (["fox", ""], "The quick brown fox"),
        ([" ", "fox"], "The quick brown fox"),
    ] {
        let first = dying(&["The quick ", "brown "]);
        let (answer, _) = told(chat::ask_stream("m"), first, going_on(&new)).await;
        assert_eq!(whole(&answer), whole_text, "{new:?}");
    }
}

#[tokio::test]
async fn nothing_is_continued_unless_it_is_asked_for() {
    let first = Upstream::always(dying(&["one "])).await;
    let second = Upstream::always(going_on(&["two"])).await;
    let gateway = Config::over([&first, &second]).start().await;
    let answer = gateway.ask_stream().await;
    assert_eq!(broken(&answer), "one ");
    assert_eq!(second.count(), 0);
}

#[tokio::test]
async fn only_plain_words_are_asked_for_elsewhere() {
    let tool =
        json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
    for (field, value) in [
        ("n", json!(2)),
        ("response_format", json!({"type": "json_object"})),
        (
            "response_format",
            json!({"type": "json_schema", "json_schema": {"name": "s", "schema": {}}}),
        ),
        ("logprobs", json!(true)),
        ("store", json!(true)),
        ("reasoning_effort", json!("low")),
        ("max_tokens", json!(2)),
        ("web_search_options", json!({})),
        (
            "messages",
            json!([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "{"}]),
        ),
    ] {
        let mut request = chat::ask_stream("m");
        request[field] = value.clone();
        let first = dying(&["The quick ", "brown "]);
        let (answer, second) = told(request, first, going_on(&["fox"])).await;
        assert_eq!(broken(&answer), "The quick brown ", "{field}: {value}");
        assert_eq!(second.count(), 0, "{field}: {value}");
    }
    let mut request = chat::ask_stream("m");
    (request["tools"], request["tool_choice"]) = (tool, json!("required"));
    let (answer, second) = told(request, dying(&["one "]), going_on(&["two"])).await;
    assert_eq!((broken(&answer).as_str(), second.count()), ("one ", 0));
}

#[tokio::test]
async fn a_stream_that_was_more_than_words_is_not_continued() {
    let call = json!({"tool_calls": [{"index": 0, "id": "c", "type": "function",
        "function": {"name": "f", "arguments": "{"}}]});
    let finish = chunk(&json!({})).replace("\"finish_reason\":null", "\"finish_reason\":\"stop\"");
    for odd in [
        chunk(&call),
        chunk(&json!({"reasoning_content": "hm"})),
        chunk(&json!({"refusal": "no"})),
        word("two").replace("\"index\":0", "\"index\":1"),
        finish,
    ] {
        let wire = chat::wire(&[word("one "), odd.clone()]);
        let length = wire.len();
        let first = Reply::stream().bytes(wire).reset_after(length);
        let (answer, second) = told(chat::ask_stream("m"), first, going_on(&["two"])).await;
        assert_eq!(second.count(), 0, "{odd}");
        let events = answer.events();
        assert!(chat::is_error(events.last().expect("events")), "{odd}");
    }
}

#[tokio::test]
async fn tools_on_offer_are_no_hindrance_until_one_is_called() {
    let mut request = chat::ask_stream("m");
    request["tools"] =
        json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
    let first = || dying(&["The quick "]);
    let (answer, _) = told(request.clone(), first(), going_on(&["brown fox"])).await;
    assert_eq!(whole(&answer), "The quick brown fox");
    let call = json!({"tool_calls": [{"index": 0, "id": "c", "type": "function",
        "function": {"name": "f", "arguments": "{}"}}]});
    let calling = || Reply::sse([chunk(&call), chat::finish(), chat::DONE.to_owned()]);
    let (answer, second) = told(request.clone(), first(), calling()).await;
    assert_eq!(broken(&answer), "The quick ");
    assert_eq!(
        (answer.text().matches(MARK).count(), second.count()),
        (0, 1)
    );
    let calling = Reply::sse([
        word("brown "),
        chunk(&call),
        chat::finish(),
        chat::DONE.to_owned(),
    ]);
    let (answer, _) = told(request, first(), calling).await;
    assert_eq!(broken(&answer), "The quick brown ");
}

#[tokio::test]
async fn who_cannot_go_on_leaves_no_mark() {
    let thinking = Reply::sse([chunk(&json!({"reasoning_content": "hm"})), word("x")]);
    let anew = ["The quick brown fox is what was", " asked for"];
    let silent = Reply::sse([chat::role(), chat::finish(), chat::DONE.to_owned()]);
    for second in [
        Reply::json(500, "{}"),
        Reply::json(
            400,
            chat::error(
                "the last message must be the user's",
                "invalid_request_error",
                None,
            ),
        ),
        Reply::json(200, chat::answer("fox")),
        Reply::reset(),
        thinking,
        silent,
        going_on(&anew),
    ] {
        let first = dying(&["The quick brown fox jumps ", "over "]);
        let (answer, second) = told(chat::ask_stream("m"), first, second).await;
        assert_eq!(broken(&answer), "The quick brown fox jumps over ");
        assert_eq!(
            (answer.text().matches(MARK).count(), second.count()),
            (0, 1)
        );
    }
}

#[tokio::test]
async fn the_next_is_asked_if_one_cannot_go_on_and_nobody_after_that() {
    let dies = Upstream::always(dying(&["one "])).await;
    let refuses = Upstream::always(Reply::json(500, "{}")).await;
    let goes_on = Upstream::always(going_on(&["two"])).await;
    let ask = async |upstreams: [&Upstream; 3], most: u32| {
        let config = Config::over(upstreams).router("continue_stream", true);
        config
            .router("max_attempts", most)
            .start()
            .await
            .ask_stream()
            .await
    };
    let answer = ask([&dies, &refuses, &goes_on], 3).await;
    assert_eq!(whole(&answer), "one two");
    assert!(answer.text().contains(": autogw continued by c/m\n\n"));
    let answer = ask([&dies, &refuses, &goes_on], 2).await;
    assert_eq!(broken(&answer), "one ");
    let dies_too = Upstream::always(dying(&["two "])).await;
    let answer = ask([&dies, &dies_too, &goes_on], 3).await;
    assert_eq!(broken(&answer), "one two ");
    assert_eq!(answer.text().matches(": autogw continued").count(), 1);
    assert_eq!(goes_on.count(), 1, "only by the first of these requests");
}

#[tokio::test]
async fn whoever_answers_anew_is_not_asked() {
    let first = Upstream::always(dying(&["one "])).await;
    let second = Upstream::always(going_on(&["two"])).await;
    let ask = async |model: Value| {
        let config = Config::over([&first]).provider("b", &second, json!({"models": {"m": model}}));
        config
            .router("continue_stream", true)
            .start()
            .await
            .ask_stream()
            .await
    };
    for model in [
        json!({"upstream": "gpt-4o"}),
        json!({"prefill": false}),
        json!({"upstream": "claude-opus-5"}),
    ] {
        assert_eq!(broken(&ask(model).await), "one ");
    }
    assert_eq!(second.count(), 0);
    assert_eq!(
        whole(&ask(json!({"upstream": "gpt-4o", "prefill": true})).await),
        "one two"
    );
}

#[tokio::test]
async fn silence_and_overload_are_continued_and_a_refusal_is_not() {
    let role = chunk(&json!({"role": "assistant", "content": ""}));
    let begun = chat::wire(&[role, word("one ")]);
    let says = |error: Value| {
        let event = error.to_string();
        Reply::stream().bytes(begun.clone()).event(&event)
    };
    let first = Upstream::always(says(chat::error("overloaded", "overloaded_error", None))).await;
    let second = Upstream::always(going_on(&["two"])).await;
    let gateway = over(&first, &second).start().await;
    assert_eq!(whole(&gateway.ask_stream().await), "one two");
    let first =
        Upstream::always(Reply::stream().bytes(begun.clone()).hang_after(begun.len())).await;
    let gateway = over(&first, &second)
        .router("timeouts.idle", 0.05)
        .start()
        .await;
    assert_eq!(whole(&gateway.ask_stream().await), "one two");
    let refusal = chat::error("filtered", "invalid_request_error", Some("content_filter"));
    let first = Upstream::always(says(refusal)).await;
    let gateway = over(&first, &second).start().await;
    assert_eq!(broken(&gateway.ask_stream().await), "one ");
    assert_eq!(second.count(), 2);
}

#[tokio::test]
async fn half_an_event_is_not_told() {
    let role = chunk(&json!({"role": "assistant", "content": ""}));
    let begun = chat::wire(&[role, word("one ")]);
    let wire = [&begun[..], &chat::wire(&[word("and a half")])].concat();
    for cut in begun.len()..wire.len() {
        if cut % 29 > 0 {
            continue;
        }
        let first = Reply::stream().bytes(&wire[..cut]).reset_after(cut);
        let (answer, _) = told(chat::ask_stream("m"), first, going_on(&["two"])).await;
        assert_eq!(whole(&answer), "one two", "{cut}");
    }
}

#[tokio::test]
async fn tokens_are_counted_once() {
    let mut request = chat::ask_stream_with_usage("m");
    request["max_tokens"] = json!(100);
    let first = dying(&["The quick ", "brown fox jumps over "]);
    let (answer, second) = told(request, first, going_on(&["the dog"])).await;
    let room = second.only_request().json()["max_tokens"]
        .as_u64()
        .expect("a limit");
    let told = 100 - room;
    assert!((3..10).contains(&told), "{told}");
    let events = parsed(&answer.text());
    let usage = &events.last().expect("usage")["usage"];
    assert_eq!(
        usage["completion_tokens"].as_u64(),
        Some(told + 2),
        "{usage}"
    );
    assert_eq!(answer.text().matches("prompt_tokens\"").count(), 1);
}

#[tokio::test]
async fn who_went_on_is_remembered_and_so_is_who_could_not() {
    let dies = Upstream::always(dying(&["one "])).await;
    let refuses = Upstream::always(Reply::json(500, "{}")).await;
    let goes_on = Upstream::always(going_on(&["two"])).await;
    let config = Config::over([&dies, &refuses, &goes_on]).router("continue_stream", true);
    let gateway = config.start().await;
    let call = gateway.chat(chat::ask_stream("m"));
    let answer = call.header("x-request-id", "r-1").send().await;
    assert_eq!(whole(&answer), "one two");
    let trace = gateway.trace("r-1").await;
    let tries: Vec<_> = trace.tries.iter().collect();
    let seen: Vec<_> = tries
        .iter()
        .map(|tried| (&*tried.provider, tried.cause, tried.verdict, tried.status))
        .collect();
    let failed = Verdict::Failed;
    let expected = [
        ("a", Cause::First, failed(FailureClass::Network), None),
        (
            "b",
            Cause::Continued,
            failed(FailureClass::Server),
            Some(500),
        ),
        ("c", Cause::Continued, Verdict::Served, Some(200)),
    ];
    assert_eq!(seen, expected);
    assert!(tries.iter().all(|tried| tried.elapsed.is_some()));
    assert!(tries[1].rests.is_some());
    assert_eq!((trace.status, trace.outcome), (200, "complete"));
}

#[tokio::test]
async fn a_client_that_left_meanwhile_is_remembered_with_whoever_was_asked() {
    let first = Upstream::always(dying(&["one "])).await;
    let second = Upstream::always(Reply::silence()).await;
    let gateway = over(&first, &second).start().await;
    let call = gateway.chat(chat::ask_stream("m"));
    let mut opened = call.header("x-request-id", "r-1").open().await;
    opened.event().await.expect("a role");
    opened.event().await.expect("a word");
    second.request(0).await;
    drop(opened);
    let trace = gateway.trace("r-1").await;
    assert_eq!((trace.outcome, trace.tries.len()), ("client left", 2));
    let tried = &trace.tries[1];
    assert_eq!(
        (tried.cause, tried.verdict),
        (Cause::Continued, Verdict::Open)
    );
}

#[tokio::test]
async fn the_log_line_counts_every_attempt_and_names_who_went_on() {
    let first = Upstream::always(dying(&["one "])).await;
    let second = Upstream::always(going_on(&["two"])).await;
    let config = over(&first, &second).text();
    let args = ["--port", "0", "--log-format", "json"];
    let (mut binary, client) = Binary::start_with(&config, &args).await;
    let answer = client.chat(chat::ask_stream("m")).send().await;
    assert_eq!(whole(&answer), "one two");
    binary.signal(Signal::TERM);
    binary.exit().await;
    let said = binary.stderr();
    let lines = said.lines().map(serde_json::from_str::<Value>);
    let mut lines = lines.map(|line| line.expect("JSON"));
    let line = lines.find(|line| line["total_ms"].is_number());
    let line = line.unwrap_or_else(|| panic!("no line of the request: {said}"));
    assert_eq!(
        (&line["attempts"], &line["provider"], &line["outcome"]),
        (&json!(2), &json!("b"), &json!("complete"))
    );
}

#[tokio::test]
async fn the_pace_of_the_second_is_not_that_of_both() {
    let prefix = "The quick brown fox ".repeat(100);
    let first = Upstream::always(dying(&[&prefix])).await;
    // A pace is taken of what lasts: two tokens in at least a fifth of a second, which begins when the first of
    // them is seen here, and so has been seen by the gateway.
    let gate = Gate::new();
    let going_on = Reply::stream()
        .event(&word("jumps"))
        .pause_until(&gate)
        .delay(A_SECOND / 5)
        .event(&word(" over"))
        .event(&chat::finish())
        .event(&chat::usage())
        .event(chat::DONE);
    let second = Upstream::always(going_on).await;
    let gateway = over(&first, &second).start().await;
    let call = gateway.chat(chat::ask_stream("m"));
    let mut opened = call.header("x-request-id", "r-1").open().await;
    while !opened.event().await.expect("more").contains("jumps") {}
    gate.open();
    while let Some(event) = opened.event().await {
        assert!(!chat::is_error(&event), "{event}");
    }
    let trace = gateway.trace("r-1").await;
    assert!(trace.output_tokens > Some(200), "{:?}", trace.output_tokens);
    let metrics = gateway.get("/providers/b/metrics").await;
    let pace = metrics["targets"][0]["tokens_per_second"].as_f64();
    let pace = pace.unwrap_or_else(|| panic!("no pace: {metrics}"));
    assert!(pace > 0.0 && pace <= 10.0, "{pace}");
}

#[tokio::test]
async fn who_waits_for_the_second_target_is_woken_when_it_is_done() {
    let gate = Gate::new();
    let first = Upstream::always(dying(&["one "])).await;
    let going_on = Reply::stream()
        .event(&word("two"))
        .pause_until(&gate)
        .event(&chat::finish())
        .event(chat::DONE);
    let whole_answer = Reply::json(200, chat::answer("B"));
    let second = Upstream::script([going_on, whole_answer]).await;
    let narrow = json!({"max_concurrency": 1});
    let gateway = Config::over([&first])
        .provider("b", &second, narrow)
        .router("continue_stream", true)
        .router("limits", json!({"wait": 60.0}))
        .start()
        .await;
    let streamed = tokio::spawn({
        let call = gateway.chat(chat::ask_stream("m"));
        async move { call.send().await }
    });
    second.request(0).await;
    let pinned = gateway.chat(chat::ask("m"));
    let waiting = pinned.header("x-autogw-provider", "b").wired().await;
    // A round trip of another request lets this one arrive.
    gateway.get("/providers/b/metrics").await;
    assert_eq!(second.count(), 1, "there is one place");
    gate.open();
    assert_eq!(whole(&streamed.await.expect("no panic")), "one two");
    let answered = within(A_SECOND * 5, "the one who waits", async {
        waiting.answer().await.whole().await
    });
    answered.await.expect_status(200);
}

#[tokio::test]
async fn a_client_that_leaves_takes_the_second_upstream_with_it() {
    let gate = Gate::new();
    let begun = Reply::stream()
        .event(&word("two "))
        .pause_until(&gate)
        .event(&word("three"));
    for second in [Reply::silence(), begun] {
        let first = Upstream::always(dying(&["one "])).await;
        let second = Upstream::always(second).await;
        let gateway = over(&first, &second).start().await;
        let mut opened = gateway.chat(chat::ask_stream("m")).open().await;
        opened.event().await.expect("a role");
        opened.event().await.expect("a word");
        second.request(0).await;
        drop(opened);
        within(A_SECOND, "the second upstream to be left", second.closed()).await;
    }
}

#[tokio::test]
async fn a_gateway_that_stops_waits_for_nobody_who_might_go_on() {
    let first = Upstream::always(dying(&["one "])).await;
    let second = Upstream::always(Reply::silence()).await;
    let config = over(&first, &second).server("drain", 0.3);
    let gateway = config.start().await;
    let mut opened = gateway.chat(chat::ask_stream("m")).open().await;
    opened.event().await.expect("a role");
    opened.event().await.expect("a word");
    second.request(0).await;
    let (answer, ()) = tokio::join!(opened.whole(), gateway.stop());
    let events = answer.events();
    assert!(
        chat::is_error(events.last().expect("an error")),
        "{}",
        answer.text()
    );
}
