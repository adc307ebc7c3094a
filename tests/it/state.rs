//! What the gateway knows outlives it: the state file, whole after every kill, and what becomes of a bad one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Answer, Binary, Client, Config, Reply, Upstream, chat, patiently};

/// Gateways that are killed, all at once, and how often each: fifty times in all.
const LANES: u64 = 10;
const ROUNDS: u64 = 5;

/// What an upstream that has had enough says.
fn busy(seconds: u32) -> Reply {
    let body = chat::error("slow down", "requests", Some("rate_limit_exceeded"));
    Reply::json(429, body).header("retry-after", &seconds.to_string())
}

/// An upstream that is busy to key `tired` for `seconds`, and serves every other.
async fn tiring(seconds: u32) -> Upstream {
    Upstream::answering(move |request, _| match request.key() {
        Some("tired") => busy(seconds),
        _ => Reply::json(200, chat::answer("hi")),
    })
    .await
}

/// A configuration with the usual place for the state, and two keys of one provider.
fn two_keys(upstream: &Upstream) -> Config {
    Config::new()
        .provider("a", upstream, json!({"api_key": ["tired", "fresh"]}))
        .real_rests()
        .set("router.persistence_path", "~/state.json")
}

fn state(home: &Path) -> Value {
    let text = fs::read(home.join("state.json")).expect("a state file");
    serde_json::from_slice(&text).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&text));
    })
}

/// Names in `home` that begin with `state.json`.
fn files(home: &Path) -> Vec<String> {
    let entries = fs::read_dir(home).expect("a home");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = names
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name.starts_with("state.json"))
        .collect();
    names.sort();
    names
}

/// Waits until the state file says what is wanted.
async fn said<T>(home: &Path, what: &str, pick: impl Fn(&Value) -> Option<T>) -> T {
    let looking = async {
        loop {
            if home.join("state.json").exists()
                && let Some(found) = pick(&state(home))
            {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    patiently(what, looking).await
}

/// When the first rest in `state` ends.
fn end(state: &Value) -> Option<SystemTime> {
    let until = state["rests"][0]["until"].as_str()?;
    Some(humantime::parse_rfc3339(until).expect("RFC 3339"))
}

async fn ask(client: &Client) -> Answer {
    client.chat(chat::ask("m")).send().await
}

/// Requests until the tired key has been asked and rests.
async fn tire(client: &Client, upstream: &Upstream) {
    while tired(upstream) == 0 {
        ask(client).await.expect_status(200);
    }
}

fn tired(upstream: &Upstream) -> usize {
    let requests = upstream.requests();
    requests.iter().filter(|r| r.key() == Some("tired")).count()
}

#[tokio::test]
async fn a_rest_goes_on_after_a_restart_and_the_file_holds_no_key() {
    let upstream = tiring(600).await;
    let (mut first, client) = Binary::start(&two_keys(&upstream).text()).await;
    tire(&client, &upstream).await;
    first.signal(Signal::TERM);
    assert!(first.exit().await.success());
    let home = first.home();
    let text = fs::read_to_string(home.join("state.json")).expect("written at the end");
    assert!(!text.contains("tired") && !text.contains("fresh"), "{text}");
    let mode = fs::metadata(home.join("state.json")).expect("it is there");
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    let before = end(&state(home)).expect("a rest");
    let second = first.again(&["start", "--json", "--port", "0"]);
    let client = second.client().await;
    for _ in 0..6 {
        ask(&client).await.expect_status(200);
    }
    assert_eq!(tired(&upstream), 1, "the tired key was left in peace");
    let after = said(home, "a rest", end).await;
    assert!(after <= before + Duration::from_millis(5));
    assert!(state(home)["targets"][0]["latency_ms"].as_f64() > Some(0.0));
}

#[tokio::test]
async fn a_name_is_part_of_the_usual_file() {
    let upstream = tiring(600).await;
    let config = two_keys(&upstream).text();
    let config = config.replace(r#""persistence_path":"~/state.json","#, "");
    let config = config.replace(r#","persistence_path":"~/state.json""#, "");
    let home = Arc::new(tempfile::tempdir().expect("a temporary directory"));
    fs::write(home.path().join("config.x.json"), config).expect("writable");
    let args = ["start", "--json", "--port", "0", "--name", "x"];
    let mut binary = Binary::run(home.clone(), args, []);
    tire(&binary.client().await, &upstream).await;
    binary.signal(Signal::TERM);
    binary.exit().await;
    assert!(
        home.path().join("state.x.json").exists(),
        "{}",
        binary.stderr()
    );
    assert!(!home.path().join("state.json").exists());
}

#[tokio::test]
async fn what_cannot_be_read_is_set_aside_loudly_and_the_gateway_starts() {
    let upstream = tiring(600).await;
    for text in ["{\"version\": 1, \"sal", "", "{\"version\": 99}"] {
        let binary = Binary::launch(&two_keys(&upstream).text(), &["version"]);
        fs::write(binary.home().join("state.json"), text).expect("writable");
        let started = binary.again(&["start", "--json", "--port", "0"]);
        let banner = started.banner().await;
        assert!(banner.to_string().contains("broken-"), "{banner}");
        started.says("cannot be used and was moved to").await;
        ask(&started.client().await).await.expect_status(200);
        let aside = files(started.home());
        let aside = aside.iter().find(|name| name.contains("broken-"));
        let kept = fs::read_to_string(started.home().join(aside.expect("set aside")));
        assert_eq!(kept.expect("readable"), text);
    }
}

#[tokio::test]
async fn a_gateway_that_cannot_write_serves_on_and_says_so_once_and_when_it_can_again() {
    let upstream = tiring(600).await;
    let config = two_keys(&upstream).set("router.persistence_path", "~/no/state.json");
    let parked = Binary::launch(&config.text(), &["version"]);
    // Something that no directory can be made of, whoever asks.
    fs::write(parked.home().join("no"), "").expect("writable");
    let binary = parked.again(&["start", "--json", "--port", "0"]);
    let client = binary.client().await;
    tire(&client, &upstream).await;
    binary
        .says("the state of keys and targets is not kept")
        .await;
    fs::remove_file(binary.home().join("no")).expect("it is ours");
    let said = binary.says("is kept again").await;
    let complaints = said
        .matches("the state of keys and targets is not kept")
        .count();
    assert_eq!(complaints, 1, "{said}");
    assert!(binary.home().join("no/state.json").exists());
}

#[tokio::test]
async fn what_is_no_file_is_left_as_it_is_and_the_gateway_serves_without() {
    let upstream = tiring(600).await;
    let config = two_keys(&upstream).set("router.persistence_path", "~/kept");
    let parked = Binary::launch(&config.text(), &["version"]);
    fs::create_dir(parked.home().join("kept")).expect("writable");
    fs::write(parked.home().join("kept/mine"), "").expect("writable");
    let binary = parked.again(&["start", "--json", "--port", "0"]);
    binary
        .says("the state of keys and targets is not kept")
        .await;
    ask(&binary.client().await).await.expect_status(200);
    assert!(binary.home().join("kept/mine").exists());
    assert!(!binary.home().join("kept.lock").exists());
}

#[tokio::test]
async fn of_two_gateways_with_one_file_the_second_reads_and_does_not_write() {
    let upstream = tiring(600).await;
    let (mut first, client) = Binary::start(&two_keys(&upstream).text()).await;
    tire(&client, &upstream).await;
    said(first.home(), "a rest", end).await;
    let second = first.again(&["start", "--json", "--port", "0"]);
    let client = second.client().await;
    second.says("another gateway keeps its state there").await;
    ask(&client).await.expect_status(200);
    assert_eq!(tired(&upstream), 1, "it has read what the first knows");
    first.signal(Signal::TERM);
    first.exit().await;
    second.says("is kept again").await;
}

#[tokio::test]
async fn a_dead_key_is_tried_once_at_the_start_and_comes_back_if_it_is_taken() {
    let revived = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = revived.clone();
    let upstream = Upstream::answering(move |request, _| {
        let is_dead =
            request.key() == Some("tired") && !seen.load(std::sync::atomic::Ordering::SeqCst);
        match (is_dead, request.target.as_str()) {
            (true, _) => Reply::json(401, chat::error("no", "auth", Some("invalid_api_key"))),
            (_, "/v1/models") => Reply::json(200, json!({"data": [{"id": "m"}]})),
            _ => Reply::json(200, chat::answer("hi")),
        }
    })
    .await;
    let short = json!({"first": 0.001, "factor": 1, "max": 0.001});
    let config = two_keys(&upstream).set("router.backoff", json!({"auth": short}));
    let (mut first, client) = Binary::start(&config.text()).await;
    while !first.stderr().contains("key_is_dead=true") && tired(&upstream) < 10 {
        ask(&client).await.expect_status(200);
    }
    first.signal(Signal::TERM);
    first.exit().await;
    assert_eq!(state(first.home())["rests"][0]["class"], "auth");
    let asked = tired(&upstream);

    let mut second = first.again(&["start", "--json", "--port", "0"]);
    let client = second.client().await;
    let probed = async {
        while tired(&upstream) == asked {
            tokio::task::yield_now().await;
        }
    };
    patiently("a probe of the dead key", probed).await;
    for _ in 0..4 {
        ask(&client).await.expect_status(200);
    }
    let requests = upstream.requests();
    let late: Vec<_> = requests
        .iter()
        .filter(|r| r.key() == Some("tired"))
        .collect();
    assert_eq!(late.len(), asked + 1, "probed once, and otherwise left out");
    assert_eq!(late[asked].target, "/v1/models");
    second.signal(Signal::TERM);
    second.exit().await;

    revived.store(true, std::sync::atomic::Ordering::SeqCst);
    let third = first.again(&["start", "--json", "--port", "0"]);
    let client = third.client().await;
    third.says("a dead key is taken again").await;
    let asked = tired(&upstream);
    for _ in 0..2 {
        ask(&client).await.expect_status(200);
    }
    assert_eq!(tired(&upstream), asked + 1, "it has its turn again");
}

/// Numbers that look random and are the same in every run (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

/// Asks without end, until the gateway is gone.
async fn load(client: Client) {
    while let Ok(mut wire) = client.try_wire().await {
        wire.write(&client.chat(chat::ask("m")).bytes()).await;
        // It may be cut off in the middle.
        drop(wire.try_answer().await);
    }
}

/// Kills a gateway again and again; half of the time when it is about to write.
async fn lane(seed: u64) {
    let upstream = tiring(800).await;
    let (mut binary, mut client) = Binary::start(&two_keys(&upstream).text()).await;
    tire(&client, &upstream).await;
    let mut before = said(binary.home(), "a rest", end).await;
    let mut dice = Dice(seed);
    for round in 0..ROUNDS {
        let load = [(); 3].map(|()| tokio::spawn(load(client.clone())));
        let moment = match round % 2 {
            0 => 1970 + dice.roll(60),
            _ => dice.roll(500),
        };
        tokio::time::sleep(Duration::from_millis(moment)).await;
        binary.signal(Signal::KILL);
        binary.exit().await;
        for load in load {
            load.await.expect("a load that ends");
        }
        let left = files(binary.home());
        assert!(
            !left.iter().any(|name| name.contains("broken-")),
            "{left:?}"
        );
        let after = end(&state(binary.home())).expect("the rest is still there");
        assert!(
            after <= before + Duration::from_millis(5),
            "{seed:x}, round {round}"
        );
        before = after;
        binary = binary.again(&["start", "--json", "--port", "0"]);
        client = binary.client().await;
        for _ in 0..2 {
            ask(&client).await.expect_status(200);
        }
        assert_eq!(
            tired(&upstream),
            1,
            "{seed:x}, round {round}: the rest goes on"
        );
        let present = files(binary.home());
        let usual = ["state.json", "state.json.lock", "state.json.tmp"];
        assert!(
            present.iter().all(|name| usual.contains(&name.as_str())),
            "{present:?}"
        );
    }
    let left = before
        .duration_since(SystemTime::now())
        .expect("it still rests");
    assert!(left < Duration::from_secs(800));
}

#[tokio::test]
async fn fifty_kills_under_load_leave_a_whole_file_and_rests_that_go_on() {
    let lanes: Vec<_> = (0..LANES)
        .map(|number| tokio::spawn(lane(0x5eed + number)))
        .collect();
    for lane in lanes {
        lane.await.expect("no round goes wrong");
    }
}
