//! A gateway with a tunnel: the client of a vendor's servers asks through it, with the key that was made.

use std::fs;

use serde_json::json;

use super::{House, url};
use crate::support::Binary;
use crate::support::front::{Front, Manner};
use crate::support::standin::{self, Standin, Started};

/// Where cloudflared says that it is.
const NAME: &str = "alpha-bravo-charlie-delta.trycloudflare.com";

/// A gateway without a key of its own behind `front`, with its tunnel up.
async fn behind(front: &Front, house: &House) -> (Binary, Standin, Started) {
    let standin = Standin::listen().await;
    let binary = standin::program().to_string_lossy();
    let tunnel = json!({ "type": "cloudflared", "binary": binary, "args": standin.args() });
    let config = json!({
        "server": { "port": 0, "tunnel": tunnel },
        "providers": [{ "type": "demo", "models": ["demo-chat"] }],
    });
    house.holds("config.json", &config.to_string(), 0o600);
    let gateway = house.start(&[]).await;
    let mut run = standin.started().await;
    front.leads_to(run.public);
    run.obey(&[&format!("host {NAME}")]).await;
    run.come_up().await;
    let is_online = |tunnel: &serde_json::Value| tunnel["state"] == "online";
    gateway.tunnel("the tunnel to be online", is_online).await;
    (gateway, standin, run)
}

#[tokio::test]
async fn who_asks_from_elsewhere_is_told_the_public_url_and_the_key_that_was_made() {
    let front = Front::open(Manner::Passes).await;
    let mut house = House::new();
    for (name, value) in front.variables() {
        house = house.with(name, &value);
    }
    let (gateway, _standin, _run) = behind(&front, &house).await;
    let made = fs::read_to_string(house.path("run/client.key")).expect("a key");
    let made = made.trim();

    let said = house.connect("cursor").await;
    assert!(said.err.contains("made for this run"), "{}", said.err);
    assert!(!said.err.contains(made), "{}", said.err);
    let out = said.done();
    assert!(out.contains(&format!("https://{NAME}/v1")), "{out}");
    assert!(out.contains("it works: demo answered"), "{out}");
    assert!(!out.contains(made), "{out}");
    let printed = house.connect("cursor --print").await.done();
    assert!(printed.contains(made), "{printed}");

    // A client on this machine has no need of the way around the world.
    let out = house.connect("claude-code").await.done();
    let local = url(&gateway).await;
    assert!(
        out.contains(&local) && out.contains("it works: demo answered"),
        "{out}"
    );
    let text = house.text(".claude/settings.json");
    assert!(text.contains(made) && !text.contains(NAME), "{text}");
}
