//! Breaks and ends: who is told of them, and what becomes of the requests under way.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Process, TOKEN, answering, has_passed, to, until, was_seen};
use crate::support::ngrok_edge::{Edge, Event};
use crate::support::{A_SECOND, Binary, Config, Gate, Reply, Upstream, chat, patiently, within};

/// Another name of the same place.
fn another_url(edge: &Edge) -> String {
    format!("http://localhost:{}", edge.public().port())
}

fn log_file(binary: &Binary) -> String {
    let logs = fs::read_dir(binary.home().join("logs")).expect("a directory of logs");
    let text = logs.map(|entry| fs::read_to_string(entry.expect("an entry").path()));
    text.map(|text| text.expect("text")).collect()
}

#[tokio::test]
async fn a_break_and_the_new_address_are_told_everywhere() {
    let upstream = answering().await;
    let mut process = Process::before(&upstream).await;
    let url = another_url(&process.edge);
    process.edge.announce(&url);
    process.edge.cut();
    let waiting = |tunnel: &Value| tunnel["state"] == "waiting";
    let tunnel = process.binary.tunnel("the break", waiting).await;
    assert_eq!(tunnel["reason"], "the connection to ngrok was lost");
    let again = |tunnel: &Value| was_seen(tunnel) && tunnel["restarts"] == 1;
    let tunnel = process.binary.tunnel("another check", again).await;
    assert_eq!(tunnel["url"], url);
    let health = process.health().await;
    assert_eq!(health["url"], url);
    assert_eq!(health["restarts"], 1);
    let asked = process.owner().chat(chat::ask("m")).send().await;
    asked.expect_status(200);
    process.binary.signal(Signal::TERM);
    assert_eq!(process.binary.exit().await.code(), Some(0));
    let log = log_file(&process.binary);
    assert!(log.contains("the connection to ngrok was lost"), "{log}");
    assert!(log.contains(&url), "{log}");
}

/// Nobody answers at the first address, and the next one is looked at all the same.
#[tokio::test]
async fn a_check_that_gets_no_answer_does_not_hold_up_the_next_one() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let edge = Edge::start(TOKEN).await;
    let right = format!("http://{}", edge.public());
    let address = silent.local_addr().expect("an address");
    edge.announce(&format!("http://{address}"));
    let config = Config::over([&answering().await]).server("tunnel", to(&edge));
    let gateway = config.start().await;
    let (_held, _) = patiently("a check", silent.accept())
        .await
        .expect("a check");
    edge.announce(&right);
    edge.cut();
    let status = within(
        A_SECOND * 10,
        "another check",
        until(&gateway, "it", has_passed),
    )
    .await;
    assert_eq!(status.url, Some(right));
}

#[tokio::test]
async fn people_are_told_of_an_address_and_of_the_next_one() {
    let edge = Edge::start(TOKEN).await;
    let config = Config::over([&answering().await]).server("tunnel", to(&edge));
    let args = ["start", "--log-level", "off"];
    let binary = Binary::launch(&config.text(), &args);
    let said = binary.says("Public door through ngrok: open").await;
    assert!(!said.contains("new address"), "{said}");
    let url = format!("http://{}/v1", edge.public());
    let said = binary.says(&format!("base_url {url}")).await;
    assert!(said.contains("client.key"), "{said}");
    binary.says("seen through the public URL in").await;
    binary.says("Override OpenAI Base URL").await;
    edge.announce(&another_url(&edge));
    edge.cut();
    binary.says("Public door through ngrok: new address").await;
    let url = format!("base_url {}/v1", another_url(&edge));
    binary.says(&url).await;
}

#[tokio::test]
async fn a_tunnel_that_ngrok_stops_is_told_and_the_gateway_runs_on() {
    let upstream = answering().await;
    let process = Process::before(&upstream).await;
    assert_eq!(process.edge.order(5, json!({})).await, json!({}));
    let stopped = |tunnel: &Value| tunnel["state"] == "stopped";
    let tunnel = process.binary.tunnel("the stop", stopped).await;
    assert_eq!(tunnel["url"], Value::Null);
    process.binary.says("ngrok stopped it").await;
    process.edge.saw(Event::Ended, 1).await;
    let gone = process.owner().chat(chat::ask("m")).send().await;
    assert_eq!(
        gone.expect_status(404).header("ngrok-error-code"),
        Some("ERR_NGROK_3200")
    );
    assert_eq!(process.health().await["state"], "stopped");
    let near = super::with_key(process.local.clone(), &process.key());
    near.chat(chat::ask("m")).send().await.expect_status(200);
}

#[tokio::test]
async fn a_stop_finishes_what_runs_and_ends_in_good_order() {
    let gate = Gate::new();
    let reply = Reply::json(200, chat::answer("A")).behind(&gate);
    let upstream = Upstream::always(reply).await;
    let mut process = Process::before(&upstream).await;
    let waiting = process.owner().chat(chat::ask("m")).wired().await;
    upstream.request(0).await;
    process.binary.signal(Signal::TERM);
    process.edge.saw(Event::Unbound, 1).await;
    let late = process.owner().get("/v1/models").send().await;
    late.expect_status(404);
    gate.open();
    let answer = waiting.answer().await.whole().await.expect_status(200);
    assert_eq!(answer.json(), chat::answer("A"));
    let status = within(A_SECOND * 3, "the end", process.binary.exit()).await;
    assert_eq!(status.code(), Some(0), "{}", process.binary.stderr());
    process.edge.saw(Event::Ended, 1).await;
    let events = process.edge.events();
    assert_eq!(
        events[events.len() - 3..],
        [Event::Unbound, Event::Goodbye, Event::Ended]
    );
    let said = process.binary.stdout();
    let last: Value = serde_json::from_str(said.lines().last().expect("lines")).expect("JSON");
    assert_eq!(last["tunnel"]["state"], "stopped");
}

#[tokio::test]
async fn a_connection_that_stays_does_not_hold_up_the_end() {
    let upstream = answering().await;
    let mut process = Process::before(&upstream).await;
    let mut kept = process.owner().chat(chat::ask("m")).open().await;
    kept.drain().await;
    process.binary.signal(Signal::TERM);
    let status = within(A_SECOND * 4, "the end", process.binary.exit()).await;
    assert_eq!(status.code(), Some(0), "{}", process.binary.stderr());
    drop(kept);
}

/// The end of the session must not overtake the last bytes.
#[tokio::test]
async fn the_last_bytes_of_a_large_answer_arrive_before_the_end() {
    let gate = Gate::new();
    let large = chat::answer(&"0123456789abcdef".repeat((4 << 20) / 16)).to_string();
    let reply = Reply::json(200, &large).behind(&gate);
    let upstream = Upstream::always(reply).await;
    let mut process = Process::before(&upstream).await;
    let waiting = process.owner().chat(chat::ask("m")).wired().await;
    upstream.request(0).await;
    process.binary.signal(Signal::TERM);
    process.edge.saw(Event::Unbound, 1).await;
    gate.open();
    let answer = waiting.answer().await.whole().await.expect_status(200);
    assert!(answer.complete, "{} of {}", answer.body.len(), large.len());
    assert_eq!(process.binary.exit().await.code(), Some(0));
}

/// A stream that stands still after its first token until `gate` opens.
async fn streaming(gate: &Gate) -> Upstream {
    let reply = Reply::stream()
        .event(&chat::token("one"))
        .pause_until(gate)
        .event(&chat::token("two"))
        .event(&chat::finish())
        .event(chat::DONE);
    Upstream::always(reply).await
}

#[tokio::test]
async fn what_outlives_the_drain_is_told_so_through_the_tunnel() {
    let gate = Gate::new();
    let upstream = streaming(&gate).await;
    let config = Config::over([&upstream]).server("drain", 0.3);
    let mut process = Process::with(config, &[]).await;
    let mut stream = process.owner().chat(chat::ask_stream("m")).open().await;
    assert_eq!(stream.event().await, Some(chat::token("one")));
    process.binary.signal(Signal::TERM);
    let rest = stream.whole().await;
    let events = rest.events();
    assert!(
        events.iter().any(|event| chat::is_error(event)),
        "{events:?}"
    );
    assert!(!chat::claims_completion(&events), "{events:?}");
    assert_eq!(process.binary.exit().await.code(), Some(0));
}

/// The endpoint is given back a moment after nobody is let in any more; who comes in between must not
/// end the session, and with it everybody else.
#[tokio::test]
async fn who_comes_too_late_does_not_harm_who_is_there() {
    let gate = Gate::new();
    let upstream = streaming(&gate).await;
    let mut process = Process::before(&upstream).await;
    let mut stream = process.owner().chat(chat::ask_stream("m")).open().await;
    assert_eq!(stream.event().await, Some(chat::token("one")));
    let way_out = process.edge.hold_endpoints();
    process.binary.signal(Signal::TERM);
    process.edge.saw(Event::Leaving, 1).await;
    for _ in 0..3 {
        let late = process.owner().get("/v1/models").wired().await;
        assert!(late.try_answer().await.is_none(), "nobody is let in");
    }
    way_out.open();
    process.edge.saw(Event::Unbound, 1).await;
    gate.open();
    let rest = stream.whole().await;
    assert_eq!(chat::said(&rest.events()), "two");
    assert!(rest.complete && chat::claims_completion(&rest.events()));
    assert_eq!(process.binary.exit().await.code(), Some(0));
}

#[tokio::test]
async fn a_request_that_a_break_interrupts_leaves_its_provider() {
    let gate = Gate::new();
    let upstream = streaming(&gate).await;
    let process = Process::before(&upstream).await;
    let mut stream = process.owner().chat(chat::ask_stream("m")).open().await;
    assert_eq!(stream.event().await, Some(chat::token("one")));
    process.edge.cut();
    within(A_SECOND, "the upstream to be left", upstream.closed()).await;
    let rest = stream.whole().await;
    assert!(!chat::claims_completion(&rest.events()), "{}", rest.text());
}
