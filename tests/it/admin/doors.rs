//! Where it answers and where it does not: its socket, its loopback address, and nowhere else.

use std::collections::HashSet;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use autogw::config::PublicDoor;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{DEEDS, PAGES, Watch, admin, assert_failed, snapshot, socket};
use crate::support::client::Endpoint;
use crate::support::public::KEY;
use crate::support::{Answer, Binary, Client, Config, Public, Reply, Upstream, chat};

async fn answering() -> Upstream {
    Upstream::always(Reply::json(200, chat::answer("A"))).await
}

fn mode(path: &Path) -> u32 {
    let found = fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    found.permissions().mode() & 0o777
}

#[tokio::test]
async fn the_socket_is_its_owners_and_goes_with_the_gateway() {
    let upstream = answering().await;
    let (mut binary, _) = Binary::start(&Config::over([&upstream]).text()).await;
    let path = socket(&binary);
    assert_eq!(
        (mode(&path), mode(&binary.home().join("run"))),
        (0o600, 0o700)
    );
    let (watch, ..) = Watch::begin(&admin(&binary), "/v1/events").await;
    binary.signal(Signal::TERM);
    watch.ended().await;
    assert!(binary.exit().await.success());
    assert!(!path.exists());
}

#[tokio::test]
async fn a_socket_that_was_left_behind_is_replaced_and_one_in_use_is_not() {
    let upstream = answering().await;
    let (mut killed, _) = Binary::start(&Config::over([&upstream]).text()).await;
    killed.signal(Signal::KILL);
    killed.exit().await;
    assert!(socket(&killed).exists());
    let first = killed.again(&["start", "--json", "--port", "0"]);
    first.banner().await;
    assert_eq!(snapshot(&admin(&first)).await.about.pid, first.id());
    let second = killed.again(&["start", "--json", "--port", "0"]);
    second.banner().await;
    assert_eq!(snapshot(&admin(&first)).await.about.pid, first.id());
    let beside = first.home().join(format!("run/admin-{}.sock", second.id()));
    let beside = Client::new(Endpoint::Unix(beside));
    assert_eq!(snapshot(&beside).await.about.pid, second.id());
}

#[tokio::test]
async fn a_socket_that_cannot_be_opened_is_a_warning() {
    let upstream = answering().await;
    let config =
        Config::over([&upstream]).server("admin", json!({"socket": "/nowhere/at/all.sock"}));
    let (binary, client) = Binary::start(&config.text()).await;
    client.chat(chat::ask("m")).send().await.expect_status(200);
    binary.says("the admin socket is not open").await;
    let off = Config::over([&upstream]).server("admin", "off");
    let (binary, client) = Binary::start(&off.text()).await;
    client.chat(chat::ask("m")).send().await.expect_status(200);
    assert!(!socket(&binary).exists());
}

/// The ports of loopback and every other address at which a process listens.
fn listening(pid: u32) -> Vec<u16> {
    let sockets = fs::read_dir(format!("/proc/{pid}/fd")).expect("a process of ours");
    let links = sockets
        .flatten()
        .filter_map(|fd| fs::read_link(fd.path()).ok());
    let inodes: HashSet<String> = links
        .filter_map(|link| {
            let link = link.to_string_lossy().into_owned();
            Some(
                link.strip_prefix("socket:[")?
                    .trim_end_matches(']')
                    .to_owned(),
            )
        })
        .collect();
    let tables = ["tcp", "tcp6"]
        .map(|table| fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default());
    let rows = tables.iter().flat_map(|table| table.lines().skip(1));
    let ports = rows.filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let listens = *fields.get(3)? == "0A" && inodes.contains(*fields.get(9)?);
        let port = fields.get(1)?.rsplit_once(':')?.1;
        u16::from_str_radix(port, 16).ok().filter(|_| listens)
    });
    ports.collect()
}

/// That `answer` is none of the admin API's.
#[track_caller]
fn assert_elsewhere(what: &str, answer: &Answer) {
    assert!(
        matches!(answer.status, 401 | 404 | 405),
        "{what}: {}",
        answer.status
    );
    let told: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let is_admins = told["error"].get("hint").is_some() || told.get("about").is_some();
    assert!(!is_admins, "{what}: {told}");
}

async fn knock(client: &Client) {
    for (method, paths) in [
        ("GET", &PAGES[..]),
        ("POST", &PAGES),
        ("GET", &DEEDS),
        ("POST", &DEEDS),
    ] {
        for path in paths {
            let asked = client
                .call(method, path)
                .header("content-type", "application/json");
            let answer = asked.body(r#"{"act":"unpin"}"#).send().await;
            assert_elsewhere(&format!("{method} {path}"), &answer);
        }
    }
}

#[tokio::test]
async fn no_port_but_its_own_knows_of_it() {
    let upstream = answering().await;
    let (binary, _) = Binary::start(&Config::over([&upstream]).text()).await;
    snapshot(&admin(&binary)).await;
    let ports = listening(binary.id());
    assert_eq!(ports.len(), 1, "{ports:?}");
    for port in ports {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        knock(&Client::new(Endpoint::Tcp(address))).await;
    }
    let public = Public::open(&Config::over([&upstream]).text(), &PublicDoor::default());
    knock(&public.client()).await;
    knock(
        &public
            .client()
            .with("authorization", &format!("Bearer {KEY}")),
    )
    .await;
}

/// A gateway whose admin API is at a loopback address as well, and that address.
async fn at_address(admin: Value) -> (Binary, Client) {
    let upstream = answering().await;
    let config = Config::over([&upstream]).server("admin", admin);
    let (binary, client) = Binary::start(&config.text()).await;
    let main = client.get("/health").send().await;
    main.expect_status(200);
    let own = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    for port in listening(binary.id()) {
        let client = Client::new(Endpoint::Tcp(own(port)));
        if client.get("/health").send().await.status == 401 {
            return (binary, client);
        }
    }
    panic!("no admin address");
}

#[tokio::test]
async fn the_loopback_address_asks_for_a_token_on_every_path() {
    let token = "a-token-of-the-owner-0123456789";
    let (_binary, client) = at_address(json!({"listen": "127.0.0.1:0", "token": token})).await;
    for path in PAGES {
        let answer = client.get(path).send().await;
        assert!(answer.header("www-authenticate").is_some());
        assert_failed(answer, 401);
        let wrong = client.get(path).header("authorization", "Bearer wrong");
        assert_failed(wrong.send().await, 401);
    }
    for key in ["x-api-key", "api-key"] {
        let elsewhere = client.get("/v1/snapshot").header(key, token);
        assert_failed(elsewhere.send().await, 401);
    }
    let query = client.get(&format!("/v1/snapshot?key={token}"));
    assert_failed(query.send().await, 401);
    let client = client.with("authorization", &format!("Bearer {token}"));
    snapshot(&client).await;
    for host in ["evil.example", "127.0.0.1.evil.example", ""] {
        let rebound = client.get("/v1/snapshot").header("host", host);
        assert_failed(rebound.send().await, 421);
    }
    for origin in ["http://evil.example", "null", "http://localhost"] {
        let page = client.get("/v1/snapshot").header("origin", origin);
        let answer = page.send().await;
        assert_eq!(answer.header("access-control-allow-origin"), None);
        assert_failed(answer, 403);
    }
}

#[tokio::test]
async fn a_token_is_made_where_none_is_configured() {
    let (binary, client) = at_address(json!({"listen": "127.0.0.1:0"})).await;
    let path = binary.home().join("run/admin.token");
    assert_eq!(mode(&path), 0o600);
    let token = fs::read_to_string(path).expect("a token");
    let client = client.with("authorization", &format!("Bearer {}", token.trim()));
    snapshot(&client).await;
}

#[tokio::test]
async fn an_address_that_others_reach_is_no_configuration() {
    let upstream = answering().await;
    for listen in [
        "0.0.0.0:8001",
        "[::]:8001",
        "10.0.0.1:1",
        "example.com:80",
        "8001",
        "127.0.0.1",
    ] {
        let config = Config::over([&upstream]).server("admin", json!({"listen": listen}));
        let mut binary = Binary::launch(&config.text(), &["start", "--port", "0"]);
        assert_eq!(binary.exit().await.code(), Some(2), "{listen}");
        assert!(
            binary.stderr().contains("server.admin.listen"),
            "{}",
            binary.stderr()
        );
    }
}
