//! Gateways that go and come, gateways that are started for a dashboard, and several dashboards at once.

use std::sync::Arc;

use rustix::process::Signal;

use super::{SIZES, Stage, is_right, run};
use crate::support::Screen;

#[tokio::test]
async fn a_gateway_that_is_killed_is_missed_and_found_again() {
    let mut stage = Stage::new().await;
    let screen = stage.watched().await;
    stage.binary.signal(Signal::KILL);
    screen.shows("gateway gone").await;
    screen.shows("> a ").await;
    is_right(&screen).await;
    screen.types("d");
    screen.shows("there is no gateway to tell it to").await;
    stage.binary = run(&stage.home);
    stage.client = stage.binary.client().await;
    screen.hides("gateway gone").await;
    screen.types("2");
    screen.shows("0 done").await;
    stage.answers().await;
    screen.shows("1 done").await;
    is_right(&screen).await;
}

#[tokio::test]
async fn where_nothing_runs_a_gateway_is_started_and_ends_with_the_dashboard() {
    let home = Arc::new(tempfile::tempdir().expect("a temporary directory"));
    let args = ["tui", "--demo", "--port", "0"];
    let mut screen = Screen::run(home, SIZES[0], args, []);
    screen.shows("> demo-fast").await;
    is_right(&screen).await;
    screen.types("q");
    let status = screen.exit().await;
    assert_eq!(status.exit_code(), 0, "{}", screen.text());
    assert!(screen.text().contains("0 requests"), "{}", screen.text());
    assert!(!screen.home().join("run/admin.sock").exists());
}

#[tokio::test]
async fn several_dashboards_see_the_same() {
    let stage = Stage::new().await;
    let one = stage.watched().await;
    let other = stage.watch(SIZES[2]);
    other.shows("> a ").await;
    for screen in [&one, &other] {
        screen.shows("1 more watching").await;
    }
    one.types("d");
    one.shows("Drain a?").await;
    one.types("y");
    for screen in [&one, &other] {
        screen.shows(" drained a").await;
    }
    assert_eq!(stage.answers().await, "b");
    for screen in [&one, &other] {
        screen.types("2");
        screen.shows("1 done").await;
        is_right(screen).await;
    }
    drop(other);
    one.types("1");
    one.hides("more watching").await;
}
