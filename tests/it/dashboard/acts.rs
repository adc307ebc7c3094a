//! What is done by keys: asked where it hurts, done by the gateway, and seen at the next request.

use serde_json::json;

use super::{SIZES, Stage, answering, is_right};
use crate::support::{Config, Reply, Screen, Upstream, chat};

/// Answers yes to a question that contains `words`.
async fn yes(screen: &Screen, words: &str) {
    screen.shows(words).await;
    screen.shows("y yes").await;
    screen.types("y");
    screen.hides("y yes").await;
}

#[tokio::test]
async fn a_provider_is_drained_and_enabled() {
    let stage = Stage::new().await;
    let screen = stage.watched().await;
    screen.types("d");
    screen.shows("Drain a?").await;
    screen.types("n");
    screen.hides("Drain a?").await;
    assert_eq!(stage.answers().await, "a", "no is no");
    screen.types("d");
    yes(&screen, "Drain a?").await;
    screen.shows(" drained a").await;
    assert_eq!(stage.answers().await, "b");
    assert_eq!(
        stage.snapshot().await["steering"]["drained"][0]["whom"],
        json!({"provider": "a"})
    );
    screen.types("d");
    screen.hides(" drained a").await;
    assert_eq!(stage.answers().await, "a");
}

#[tokio::test]
async fn a_model_and_a_key_are_drained_on_the_page_of_their_provider() {
    let stage = Stage::new().await;
    let screen = stage.watched().await;
    screen.types("\r");
    screen.shows("> key 1").await;
    screen.types("d");
    yes(&screen, "Drain a key 1?").await;
    screen.shows("⊘ drained").await;
    assert_eq!(stage.answers().await, "b");
    screen.types("d");
    screen.hides("⊘ drained").await;
    screen.types("j");
    screen.shows("> m ").await;
    screen.types("d");
    yes(&screen, "Drain a/m?").await;
    screen.types("\u{7f}");
    screen.shows(" drained a/m").await;
    assert_eq!(stage.answers().await, "b");
    screen.types(":enable a\r");
    screen.shows("PROVIDER").await;
    is_right(&screen).await;
}

#[tokio::test]
async fn a_breaker_is_reset() {
    let mut script = vec![Reply::json(500, "{}"); 5];
    script.push(Reply::json(200, chat::answer("A")));
    let upstreams = vec![Upstream::script(script).await, answering("B").await];
    let stage = Stage::with(Config::over(&upstreams), upstreams).await;
    let screen = stage.watched().await;
    for _ in 0..5 {
        let only_a = stage.client.chat(chat::ask("m"));
        let only_a = only_a.header("x-autogw-provider", "a");
        only_a.send().await.expect_status(502);
    }
    screen.shows("OPEN 00:").await;
    assert_eq!(stage.answers().await, "b");
    screen.types("b");
    screen.shows("a is as good as new").await;
    screen.hides("OPEN 00:").await;
    assert_eq!(stage.answers().await, "a");
}

#[tokio::test]
async fn a_key_is_revived() {
    let limited = Reply::json(429, chat::error("slow", "rate_limit_error", None));
    let script = [
        limited.header("retry-after", "600"),
        Reply::json(200, chat::answer("A")),
    ];
    let upstreams = vec![Upstream::script(script).await, answering("B").await];
    let stage = Stage::with(Config::over(&upstreams), upstreams).await;
    let screen = stage.watched().await;
    assert_eq!(stage.answers().await, "b");
    screen.types("\r");
    screen.shows("back in 0").await;
    is_right(&screen).await;
    screen.types("v");
    screen.shows("key 1 of a is asked again").await;
    assert_eq!(stage.answers().await, "a");
    screen.hides("back in 0").await;
}

#[tokio::test]
async fn a_target_is_pinned_for_a_while() {
    let stage = Stage::new().await;
    let screen = stage.watched().await;
    screen.types("j");
    screen.shows("> b ").await;
    screen.types("p");
    screen.shows("Ask b first:").await;
    screen.types("1");
    screen.shows(" pin b 0").await;
    assert_eq!(stage.answers().await, "b");
    screen.types("p");
    screen.hides(" pin b 0").await;
    assert_eq!(stage.answers().await, "a");
}

#[tokio::test]
async fn another_strategy_is_chosen_from_a_list() {
    let stage = Stage::new().await;
    let screen = stage.watched().await;
    screen.types("S");
    screen.shows("By which strategy").await;
    screen.types("jj\r");
    screen.shows("strategy adaptive (by hand)").await;
    assert_eq!(stage.snapshot().await["steering"]["strategy"], "adaptive");
    screen.types(":strategy configured\r");
    screen.hides("(by hand)").await;
}

#[tokio::test]
async fn a_fault_is_injected_and_ended() {
    let stage = Stage::new().await;
    let screen = stage.watched().await;
    screen.types("x");
    screen.shows("Inject a fault into a:").await;
    screen.types("2");
    yes(&screen, "a will fail on purpose").await;
    screen.shows("chaos a: 500 00:").await;
    assert_eq!(stage.answers().await, "b");
    assert_eq!(stage.upstreams[0].count(), 0, "it was never asked");
    screen.types("x");
    screen.hides("chaos a: 500").await;
    assert_eq!(stage.answers().await, "a");
}

#[tokio::test]
async fn a_reload_tells_what_has_changed_and_a_bad_file_what_is_wrong() {
    let upstreams = vec![answering("A").await, answering("B").await];
    let still = |upstreams: &[Upstream]| Config::over(upstreams).router("hot_reload", false);
    let stage = Stage::with(still(&upstreams), upstreams).await;
    let screen = stage.watched().await;
    let file = stage.home.path().join("test.json");
    let third = answering("C").await;
    let more = still(&stage.upstreams).provider("c", &third, json!({}));
    std::fs::write(&file, more.text()).expect("a writable file");
    screen.types("R");
    screen.shows("1 provider added").await;
    screen.shows("  c ").await;
    std::fs::write(&file, "{\"providers\": 1}").expect("a writable file");
    screen.types("R");
    screen.shows("CFG BAD").await;
    screen.types("\u{7f}");
    assert_eq!(stage.answers().await, "a", "the old one serves");
    screen.shows("old one serves").await;
}

#[tokio::test]
async fn what_is_copied_reaches_the_terminal() {
    let stage = Stage::new().await;
    let call = stage.client.chat(chat::ask("m"));
    let call = call.header("x-request-id", "copy-me");
    call.send().await.expect_status(200);
    let screen = stage.watched().await;
    screen.types("2");
    screen.shows("1 done").await;
    screen.types("y");
    screen.shows("copied: the id of the request").await;
    // `copy-me`, as terminals want it.
    screen.sends("\u{1b}]52;c;Y29weS1tZQ==").await;
    is_right(&screen).await;
}

#[tokio::test]
async fn lists_are_filtered_sorted_and_held_still() {
    let stage = Stage::new().await;
    let screen = stage.watched().await;
    screen.types("/provider=b\r");
    screen.shows("/provider=b  (esc shows all)").await;
    screen.hides("> a ").await;
    screen.shows("> b ").await;
    screen.types("\u{7f}");
    screen.hides("esc shows all").await;
    // By name, and the other way round.
    screen.types("s");
    screen.shows("PROVIDER▴").await;
    screen.types("r");
    let b_first = |screen: &vt100::Screen| {
        let shown = screen.contents();
        (shown.find(" b ")? < shown.find(" a  ")?).then_some(())
    };
    screen.find("b above a", b_first).await;
    screen.types("2 ");
    screen.shows("PAUSED").await;
    stage.answers().await;
    let other = stage.watched().await;
    other.types("2");
    other.shows("1 done").await;
    assert!(screen.text().contains("No request has come yet"));
    screen.types(" ");
    screen.hides("PAUSED").await;
    screen.shows("1 done").await;
}

#[tokio::test]
async fn the_mouse_clicks_on_tabs_and_rows() {
    let stage = Stage::new().await;
    let screen = stage.watched().await;
    let click = |column: usize, row: usize| screen.types(&format!("\u{1b}[<0;{column};{row}M"));
    let row = screen.text().lines().position(|line| line.contains(" b "));
    click(5, row.expect("a row of b") + 1);
    screen.shows("> b ").await;
    click(5, row.expect("a row of b") + 1);
    screen.shows("provider b").await;
    let tab = super::TABS.find("Config").expect("a tab");
    click(tab + 1, 2);
    screen.shows("SETTING").await;
    click(3, 2);
    screen.shows("provider b").await;
    screen.types("m");
    screen.shows("the mouse is the terminal's").await;
    screen
        .find("the mouse to be left", |screen| {
            (screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None).then_some(())
        })
        .await;
}

#[tokio::test]
async fn commands_are_typed_and_completed() {
    let stage = Stage::new().await;
    let screen = stage.watched().await;
    screen.types(":");
    screen.shows("do it").await;
    screen.types("dance\r");
    screen.shows("no command is called").await;
    screen.types("\u{15}prov\tb\r");
    screen.shows("provider b").await;
    screen.types(":overview\r");
    screen.types(":theme light\r");
    screen.shows("theme light").await;
    screen.types("T");
    screen.hides("theme light").await;
    is_right(&screen).await;
}

#[tokio::test]
async fn a_dashboard_that_may_only_look_does_nothing() {
    let stage = Stage::new().await;
    let screen = stage.watch_with(SIZES[0], &["--read-only"], &[]);
    screen.shows("> a ").await;
    screen.shows("read-only").await;
    for keys in ["d", "b", "v", "p", "x", "S", "R", ":drain a\r"] {
        screen.types(keys);
        screen.shows("this dashboard is read-only").await;
        assert!(!screen.text().contains("y yes"), "{keys}");
        // What was said goes, so that the next word is a new one.
        screen.types("\u{7f}");
        screen.hides("this dashboard is read-only").await;
    }
    let steering = stage.snapshot().await["steering"].clone();
    assert_eq!(steering["drained"], json!([]), "{steering}");
    assert_eq!(stage.answers().await, "a");
}
