//! Every screen, at every size: what it shows is there, in its place, and goes with what happens.

use super::{SIZES, Stage, is_right};
use crate::support::{Config, Gate, Reply, Upstream, chat};

/// What is typed, and what is seen then.
const WALK: [(&str, &[&str]); 6] = [
    (
        "1",
        &[
            "PROVIDER",
            "demo-fast",
            "demo-flaky",
            "Traffic",
            "strategy ",
        ],
    ),
    (
        "2",
        &["0 under way", "MODEL", "ROUTE", "STATUS", "demo-fast"],
    ),
    ("3", &["WARN", "attempt failed", "lines"]),
    ("4", &["model ", "demo-fast"]),
    ("5", &["cloudflared", "ngrok", "not open"]),
    ("6", &["SETTING", "server.port", "test.json:1"]),
];

#[tokio::test]
async fn every_screen_is_right_at_every_size() {
    let stage = Stage::demo().await;
    for _ in 0..6 {
        let flaky = stage.client.chat(chat::ask("auto"));
        flaky.header("x-autogw-provider", "demo-flaky").send().await;
        let answer = stage.client.chat(chat::ask("auto")).send().await;
        answer.expect_status(200);
    }
    for size in SIZES {
        let screen = stage.watch(size);
        screen.shows("demo-fast").await;
        for (key, words) in WALK {
            screen.types(key);
            for word in words {
                screen.shows(word).await;
            }
            is_right(&screen).await;
        }
        screen.types("1\r");
        screen.shows("provider demo-fast").await;
        screen.shows("MODELS").await;
        is_right(&screen).await;
        screen.types("\u{7f}");
        screen.shows("Traffic").await;
        screen.types("2G\r");
        screen.shows("Why this target").await;
        screen.shows("Attempts").await;
        is_right(&screen).await;
        screen.types("?");
        screen.shows("everywhere").await;
        screen.shows("esc close").await;
        is_right(&screen).await;
        screen.types("q");
        screen.hides("everywhere").await;
        is_right(&screen).await;
    }
}

#[tokio::test]
async fn figures_go_with_the_requests() {
    let gate = Gate::new();
    let stream = Reply::stream()
        .event(&chat::role())
        .event(&chat::token("x"))
        .pause_until(&gate)
        .event(&chat::finish())
        .event("[DONE]");
    let upstream = Upstream::always(stream).await;
    let upstreams = vec![upstream];
    let stage = Stage::with(Config::over(&upstreams), upstreams).await;
    let screen = stage.watched().await;
    screen.types("2");
    screen.shows("No request has come yet").await;
    let open = stage.client.chat(chat::ask_stream("m")).open().await;
    screen.shows("1 under way, 0 done").await;
    screen.shows("streaming").await;
    gate.open();
    open.whole().await.expect_status(200);
    screen.shows("0 under way, 1 done").await;
    for done in 2..5 {
        let next = stage.client.chat(chat::ask_stream("m")).send().await;
        next.expect_status(200);
        screen.shows(&format!("0 under way, {done} done")).await;
    }
    is_right(&screen).await;
}
