//! Wherever the gateway itself listens, the tunnel works, or it is said why there is none.

use std::net::TcpListener;

use rustix::process::Signal;

use super::{Open, Process, TOKEN, answering, client, has_passed, made_key, to, with_key};
use crate::support::ngrok_edge::{Edge, Event};
use crate::support::{Binary, Config, chat};

#[tokio::test]
async fn a_gateway_on_a_unix_socket_has_its_tunnel() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let socket = folder.path().join("gateway.sock");
    let upstream = answering().await;
    let config = Config::over([&upstream]).server("socket_path", socket.to_string_lossy());
    let mut process = Process::with(config, &[]).await;
    let owner = process.owner().chat(chat::ask("m")).send().await;
    owner.expect_status(200);
    let near = process.local.chat(chat::ask("m")).send().await;
    near.expect_status(401);
    let near = with_key(process.local.clone(), &process.key());
    near.chat(chat::ask("m")).send().await.expect_status(200);
    assert_eq!(process.health().await["state"], "online");
    process.binary.signal(Signal::TERM);
    assert_eq!(process.binary.exit().await.code(), Some(0));
    assert!(!socket.exists());
}

#[tokio::test]
async fn a_gateway_on_every_interface_has_its_tunnel() {
    let upstream = answering().await;
    let config = Config::over([&upstream]).server("host", "0.0.0.0");
    let open = Open::with(config).await;
    open.until("the check", has_passed).await;
    open.owner()
        .chat(chat::ask("m"))
        .send()
        .await
        .expect_status(200);
    let near = open.gateway.client().chat(chat::ask("m")).send().await;
    near.expect_status(401);
}

#[tokio::test]
async fn a_chosen_port_that_is_taken_opens_no_tunnel_and_is_said() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port();
    let edge = Edge::start(TOKEN).await;
    let config = Config::over([&answering().await]).server("tunnel", to(&edge));
    let mut binary = Binary::launch(&config.server("port", port).text(), &["start", "--json"]);
    assert_eq!(binary.exit().await.code(), Some(1));
    let said = binary.stderr();
    assert!(said.contains("already in use"), "{said}");
    assert!(said.contains(&port.to_string()), "{said}");
    assert!(said.contains("--port 0"), "{said}");
    assert_eq!(binary.stdout(), "");
    assert_eq!(edge.events(), []);
}

/// A second start by mistake must not take away the key of the gateway that runs.
#[tokio::test]
async fn a_start_that_fails_leaves_the_key_of_the_running_gateway_alone() {
    let upstream = answering().await;
    let process = Process::before(&upstream).await;
    let key = process.key();
    let port = process.binary.banner().await["url"].clone();
    let port = port.as_str().and_then(|url| url.rsplit(':').next());
    let port = port.expect("a port").trim_end_matches('/');
    let mut second = process.binary.again(&["start", "--port", port]);
    assert_eq!(second.exit().await.code(), Some(1), "{}", second.stderr());
    assert_eq!(process.key(), key);
}

/// Port 8000, which nobody chose, is taken by this test or by somebody else.
#[tokio::test]
async fn a_port_that_nobody_chose_is_stepped_over_and_the_tunnel_works() {
    let _taken = TcpListener::bind("127.0.0.1:8000");
    let upstream = answering().await;
    let config = Config::over([&upstream]).without_port();
    let open = Open::start_as(config, |_, options| options.may_change_port = true).await;
    open.until("the check", has_passed).await;
    open.owner()
        .chat(chat::ask("m"))
        .send()
        .await
        .expect_status(200);
    let key = made_key(open.gateway.home());
    let near = with_key(open.gateway.client(), &key);
    near.chat(chat::ask("m")).send().await.expect_status(200);
    assert_ne!(open.gateway.port(), Some(8000));
    let strange = client(&open.edge).chat(chat::ask("m")).send().await;
    strange.expect_status(401);
    assert_eq!(open.edge.count(Event::Bound), 1);
}
