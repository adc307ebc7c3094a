//! Wherever the gateway listens itself, and whoever else is there, the tunnel has its own way in.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path;

use super::{KEY, Start, files, is, public};
use crate::support::client::Endpoint;
use crate::support::{Client, Reply, Upstream, chat};

async fn answering() -> Upstream {
    Upstream::always(Reply::json(200, chat::answer("A"))).await
}

async fn serves(client: Client) {
    client.chat(chat::ask("m")).send().await.expect_status(200);
}

#[tokio::test]
async fn a_gateway_on_a_socket_has_a_public_door() {
    let upstream = answering().await;
    let start = Start::over(&upstream).await;
    let socket = start.home.path().join("gateway.sock");
    let start = start.server("socket_path", socket.to_string_lossy());
    let (gateway, run) = start.up().await;
    serves(public(&run)).await;
    serves(gateway.local().await).await;
    run.client().get("/health").send().await.expect_status(401);
}

#[tokio::test]
async fn a_gateway_on_every_interface_has_a_public_door() {
    let upstream = answering().await;
    let (gateway, run) = Start::over(&upstream)
        .await
        .server("host", "0.0.0.0")
        .up()
        .await;
    serves(public(&run)).await;
    serves(gateway.local().await).await;
    // The one is told of the tunnel, the other is not, although both come from this machine.
    assert_eq!(gateway.health().await["state"], "online");
    let health = public(&run).get("/health").send().await.expect_status(200);
    assert_eq!(health.json().get("tunnels"), None);
}

#[tokio::test]
async fn two_gateways_of_one_home_have_a_tunnel_each() {
    let upstream = answering().await;
    let one = Start::over(&upstream).await;
    let two = Start::over(&upstream).await.home(&one.home);
    let both = [one.run(), two.run()];
    for gateway in &both {
        let run = gateway.next_run().await;
        gateway.tunnel("it is online", is("online")).await;
        serves(public(&run)).await;
        serves(gateway.local().await).await;
    }
    assert_eq!(both[0].files().len(), 4, "{:?}", both[0].files());
}

#[tokio::test]
async fn a_named_tunnel_has_one_gateway_of_a_home() {
    let upstream = answering().await;
    let named = |start: Start| {
        let start = start.tunnel("token", "token-of-these-tests");
        start.tunnel("domain", "gw.example.com")
    };
    let start = named(Start::over(&upstream).await);
    let home = start.home.clone();
    let (_one, run) = start.up().await;
    let mut two = named(Start::over(&upstream).await).home(&home).run();
    assert_eq!(two.binary.exit().await.code(), Some(1));
    let said = two.binary.stderr();
    assert!(
        said.contains("another process is listening there"),
        "{said}"
    );
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("--name"), "{said}");
    assert!(!two.standin.was_started().await);
    serves(public(&run)).await;
}

#[tokio::test]
async fn what_killed_runs_left_is_swept() {
    let upstream = answering().await;
    let start = Start::over(&upstream).await;
    let home = start.home.clone();
    let place = home.path().join("run");
    std::fs::create_dir(&place).expect("a writable directory");
    let leave = |name: &str| std::fs::write(place.join(name), "left").expect("a file");
    // A run that was killed has left both, one that was killed at its very end only the second.
    drop(UnixListener::bind(place.join("cloudflared-999999998.sock")).expect("a socket"));
    leave("cloudflared-999999998.yml");
    leave("cloudflared-999999999.yml");
    leave("cloudflared.notes");
    let (gateway, _run) = start.up().await;
    let id = gateway.binary.id();
    let expected = [
        format!("cloudflared-{id}.sock"),
        format!("cloudflared-{id}.yml"),
        "cloudflared.notes".to_owned(),
    ];
    assert_eq!(files(home.path()), expected);
}

#[tokio::test]
async fn the_socket_of_a_tunnel_is_its_owners() {
    let (gateway, _run) = Start::over(&Upstream::refusing()).await.up().await;
    let socket = format!("run/cloudflared-{}.sock", gateway.binary.id());
    let socket = gateway.binary.home().join(socket);
    let mode = |path: &Path| {
        let metadata = std::fs::metadata(path).expect("it is there");
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode(&socket), 0o600);
    assert_eq!(mode(socket.parent().expect("a directory")), 0o700);
    // What comes over it is the public's, whoever it is.
    let neighbour = Client::new(Endpoint::Unix(socket)).with("x-api-key", KEY);
    let health = neighbour.get("/health").send().await.expect_status(200);
    assert_eq!(health.json().get("tunnels"), None);
}
