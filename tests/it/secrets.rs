//! Law L8: no key and no prompt leaves the gateway but to where it belongs. Canaries in every field
//! of the configuration and in every request, every way to fail, and a look at all that came out.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::Signal;
use serde_json::json;

use crate::support::{Answer, Binary, Client, Config, Gate, Reply, Upstream, chat};

/// The middle of every secret here; whoever prints a part of a key prints this.
const CANARY: &str = "canary7f3a";

/// The middle of every prompt here.
const PROMPT: &str = "prompt9c2e";

fn key(name: &str) -> String {
    format!("sk-{name}-{CANARY}-{name}-0123456789abcd")
}

/// All that the program let out.
fn output(binary: &Binary) -> String {
    let mut all = binary.stdout() + &binary.stderr();
    collect(&binary.home().join("logs"), &mut all);
    collect(&binary.home().join("run"), &mut all);
    all
}

fn collect(folder: &Path, all: &mut String) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let bytes = std::fs::read(entry.path()).unwrap_or_default();
        all.push_str(&String::from_utf8_lossy(&bytes));
    }
}

#[track_caller]
fn assert_clean(place: &str, text: &str) {
    for secret in [CANARY, PROMPT, "…abcd", "...abcd", "****abcd"] {
        let found = text.find(secret);
        let around = found.map(|at| {
            let from = text.floor_char_boundary(at.saturating_sub(200));
            &text[from..text.ceil_char_boundary(at + 100)]
        });
        assert_eq!(around, None, "{secret} in {place}");
    }
}

#[track_caller]
fn assert_clean_answer(name: &str, answer: &Answer) {
    for (header, value) in &answer.headers {
        assert_clean(&format!("{name}: header {header}"), value);
    }
    assert_clean(&format!("{name}: body"), &answer.text());
}

/// Ways to fail that show the upstream's own words, which repeat the key that it was sent.
fn echoes() -> Vec<(&'static str, Reply)> {
    let whole = key("echo");
    let short = "sk-ec…abcd";
    let stars = "sk-ec****abcd";
    let dots = "sk-ec...abcd";
    let mut replies = Vec::new();
    for (name, shown) in [
        ("whole", &*whole),
        ("short", short),
        ("stars", stars),
        ("dots", dots),
    ] {
        let message = format!("Incorrect API key provided: {shown}. Find yours at the console.");
        for status in [200, 400, 401, 403, 404, 422, 429, 500] {
            let error = chat::error(&message, "invalid_request_error", Some("invalid_api_key"));
            replies.push((name, Reply::json(status, error)));
        }
        replies.push((name, Reply::typed(200, "text/html", message.clone())));
        replies.push((name, Reply::typed(500, "text/plain", message.clone())));
        let error = chat::error(&message, "server_error", None).to_string();
        replies.push((name, Reply::sse([error.clone()])));
        replies.push((name, Reply::sse([chat::role(), chat::token("x"), error])));
    }
    replies.push(("header", Reply::json(500, "{}").header("x-echo", &whole)));
    let id = Reply::json(400, "{}").header("x-request-id", &whole);
    replies.push((
        "request id",
        id.header("x-ratelimit-reset-requests", &whole),
    ));
    replies
}

/// A client with the right key that says a prompt with every request.
fn prompt(streamed: bool) -> String {
    let message = format!("my secret {PROMPT} is");
    json!({"model": "m", "stream": streamed, "user": PROMPT,
        "messages": [{"role": "user", "content": message}]})
    .to_string()
}

/// A configuration with a canary wherever a secret can stand.
fn everywhere(upstream: &Upstream) -> Config {
    let proxy = format!("http://user:{}@{}", key("proxy"), upstream.address());
    Config::new()
        .provider(
            "a",
            upstream,
            json!({
                "api_key": {"work": key("echo"), "home": key("home")},
                "extra_headers": {"x-team-token": key("header")},
                "extra_body": {"metadata": {"token": key("body")}}
            }),
        )
        .provider(
            "u",
            upstream,
            json!({"api_key": key("proxied"), "proxy": proxy}),
        )
        .server("api_key", key("client"))
        .server("admin", json!({"token": key("admin")}))
        .set(
            "extra",
            json!({"tunnels": {"ngrok_authtoken": key("ngrok")}}),
        )
}

fn client_with_key(client: Client) -> Client {
    client.with("authorization", &format!("Bearer {}", key("client")))
}

#[tokio::test]
async fn no_way_to_fail_lets_a_key_or_a_prompt_out() {
    let replies = echoes();
    let count = replies.len();
    let echoed = AtomicUsize::new(0);
    let upstream = Upstream::answering(move |request, _| {
        if request.text().contains(PROMPT) {
            let turn = echoed.fetch_add(1, Ordering::Relaxed);
            replies[turn % count].1.clone()
        } else {
            Reply::json(200, chat::answer("fine"))
        }
    })
    .await;
    let level = ["--port", "0", "--log-level", "trace"];
    let config = everywhere(&upstream).router("max_attempts", 1);
    let (mut binary, client) = Binary::start_with(&config.text(), &level).await;
    let client = client_with_key(client);
    for streamed in [false, true] {
        for attempt in 0..count {
            let answer = client.chat(prompt(streamed)).send().await;
            assert_clean_answer(&format!("attempt {attempt}"), &answer);
            // A refusal rests the key, and a second one kills it: it has to be well again, or the next
            // reply would never be asked for.
            let mut tries = 0;
            while client.chat(chat::ask("m")).send().await.status != 200 {
                tries += 1;
                assert!(
                    tries < 1000,
                    "the key does not recover after attempt {attempt}"
                );
            }
        }
    }
    let prompts = upstream.requests();
    let prompts = prompts
        .iter()
        .filter(|request| request.text().contains(PROMPT));
    assert_eq!(prompts.count(), 2 * count, "every reply was seen twice");
    for target in ["/health", "/ready", "/v1/models", "/nothing"] {
        let answer = client.get(target).send().await;
        assert_clean_answer(target, &answer);
    }
    binary.signal(Signal::TERM);
    binary.exit().await;
    let output = output(&binary);
    assert!(
        output.contains("attempt failed"),
        "there is something to look at"
    );
    assert_clean("the output", &output);
}

#[tokio::test]
async fn failures_of_the_connection_let_no_key_out() {
    let silent = Upstream::always(Reply::silence()).await;
    let cut = Upstream::always(Reply::sse([chat::token("x")]).reset_after(30)).await;
    let refusing = Upstream::refusing();
    for upstream in [&silent, &cut, &refusing] {
        let config = everywhere(upstream)
            .router("timeouts.response", 0.1)
            .router("timeouts.first_token", 0.1);
        let (mut binary, client) = Binary::start(&config.text()).await;
        let client = client_with_key(client);
        for streamed in [false, true] {
            let answer = client.chat(prompt(streamed)).send().await;
            assert_clean_answer("a broken connection", &answer);
        }
        binary.signal(Signal::TERM);
        binary.exit().await;
        assert_clean("the output", &output(&binary));
    }
}

#[tokio::test]
async fn keys_of_clients_are_not_shown_back_to_them_or_to_the_log() {
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let (mut binary, client) = Binary::start(&everywhere(&upstream).text()).await;
    for (name, value) in [
        ("authorization", format!("Bearer {}", key("wrong"))),
        ("x-api-key", key("wrong")),
        ("cookie", key("cookie")),
    ] {
        let call = client.chat(prompt(false)).header(name, &value);
        assert_clean_answer(name, &call.send().await.expect_status(401));
    }
    let target = format!("/v1/chat/completions?key={}", key("query"));
    let answer = client.post(&target, prompt(false)).send().await;
    assert_clean_answer("query", &answer.expect_status(401));
    let answer = client.get(&format!("/{}", key("path"))).send().await;
    assert_clean_answer("path", &answer);
    binary.signal(Signal::TERM);
    binary.exit().await;
    assert_clean("the output", &output(&binary));
}

#[tokio::test]
async fn a_good_answer_leaves_no_prompt_and_no_answer_in_the_log() {
    let upstream = Upstream::always(Reply::json(200, chat::answer(PROMPT))).await;
    let (mut binary, client) = Binary::start(&everywhere(&upstream).text()).await;
    let answer = client_with_key(client).chat(prompt(false)).send().await;
    assert_eq!(answer.expect_status(200).json(), chat::answer(PROMPT));
    binary.signal(Signal::TERM);
    binary.exit().await;
    let output = output(&binary);
    assert_clean("the output", &output);
    assert!(
        output.contains("200"),
        "one line tells of the request: {output}"
    );
}

#[tokio::test]
async fn a_client_that_leaves_leaves_no_prompt_behind() {
    let gate = Gate::new();
    let reply = Reply::stream()
        .event(&chat::token(PROMPT))
        .pause_until(&gate)
        .event("never");
    let upstream = Upstream::always(reply).await;
    let (mut binary, client) = Binary::start(&everywhere(&upstream).text()).await;
    let mut stream = client_with_key(client).chat(prompt(true)).open().await;
    stream.event().await;
    drop(stream);
    upstream.closed().await;
    binary.signal(Signal::TERM);
    binary.exit().await;
    assert_clean("the output", &output(&binary));
}

#[tokio::test]
async fn a_broken_configuration_is_explained_without_its_keys() {
    for broken in [
        json!({"server": {"api_key": {"oops": key("client")}}, "providers": []}),
        json!({"providers": [{"type": "openai", "name": "a", "api_key": 7, "api_kei": key("x")}]}),
        json!({"providers": [{"type": "openai", "name": "a", "api_key": [[key("x")]]}]}),
        json!({"providers": [{"type": "openai", "name": "a", "api_key": key("x"),
            "base_url": format!("https://user:{}@host.example", key("url"))}]}),
    ] {
        let mut binary = Binary::launch(&broken.to_string(), &["check"]);
        assert_eq!(binary.exit().await.code(), Some(2), "{broken}");
        assert_clean("what check says", &output(&binary));
    }
}
