//! A provider that dies and comes back: seen while it happens, and explained afterwards.

use super::{SIZES, Stage, answering, is_right};
use crate::support::{Config, PATIENCE, Reply, Upstream, chat};

/// The seconds of the countdown on the screen.
fn countdown(screen: &vt100::Screen) -> Option<u64> {
    let shown = screen.contents();
    let (_, rest) = shown.split_once("OPEN 00:")?;
    rest.get(..2)?.parse().ok()
}

#[tokio::test]
async fn a_provider_that_dies_is_open_for_a_while_and_recovers() {
    let mut script = vec![Reply::json(500, "{}"); 2];
    script.push(Reply::json(200, chat::answer("A")));
    let upstreams = vec![Upstream::script(script).await, answering("B").await];
    let config = Config::over(&upstreams).set(
        "router.circuit",
        serde_json::json!({"threshold": 2, "open": 4, "successes": 2}),
    );
    let stage = Stage::with(config, upstreams).await;
    let screen = stage.watch(SIZES[1]);
    screen.shows("> a ").await;
    for id in ["first", "second"] {
        let call = stage.client.chat(chat::ask("m")).header("x-request-id", id);
        assert_eq!(call.send().await.expect_status(200).provider(), "b");
    }
    let from = screen.find("a countdown", countdown).await;
    // The gateway adds a little, so that not all come back at once.
    assert!((2..=6).contains(&from), "{from}");
    let counts = |screen: &vt100::Screen| countdown(screen).filter(|now| *now < from);
    screen.find("it to count down", counts).await;
    is_right(&screen).await;
    // Why was it b that answered the first one?
    screen.types("2/first\r");
    screen.shows("1 shown").await;
    screen.types("\r");
    for words in [
        "Request first",
        "Why this target",
        "asked, and failed",
        "it answered",
        "Attempts  2",
        "status 500",
        "because the one before failed",
    ] {
        screen.shows(words).await;
    }
    is_right(&screen).await;
    screen.types("1");
    let recovers = async {
        while stage.ask().await.provider() != "a" {
            tokio::task::yield_now().await;
        }
        stage.answers().await
    };
    let recovered = tokio::time::timeout(PATIENCE, recovers).await;
    assert_eq!(recovered.as_deref(), Ok("a"));
    screen.hides("OPEN").await;
    screen.hides("half ").await;
    is_right(&screen).await;
}
