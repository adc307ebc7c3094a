//! Renewed certificates: taken up while streams go on, however they are written; bad ones are told and left.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::Path;

use futures_util::future::join_all;
use rustix::process::Signal;
use rustls::pki_types::CertificateDer;
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::authority::{Authority, Issued, VERSIONS, put, settings};
use crate::support::{Binary, Client, Config, Gate, Reply, Upstream, chat, patiently};

/// A running program whose certificate the test renews.
struct Run {
    binary: Binary,
    authority: Authority,
    address: SocketAddr,
    directory: TempDir,
    _upstream: Upstream,
}

impl Run {
    async fn start(reply: Reply, change: impl FnOnce(Config) -> Config) -> (Self, Issued) {
        let authority = Authority::new();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let issued = authority.issue(&["localhost"]);
        let tls = issued.write(directory.path());
        let upstream = Upstream::always(reply).await;
        let config = change(Config::over([&upstream]).server("tls", tls));
        let run = Self::of(config, authority, directory, upstream).await;
        (run, issued)
    }

    async fn of(
        config: Config,
        authority: Authority,
        directory: TempDir,
        upstream: Upstream,
    ) -> Self {
        let binary = Binary::launch(&config.text(), &["start", "--json"]);
        let banner = binary.banner().await;
        let url = banner["url"].as_str().unwrap_or_default();
        let port = url.strip_prefix("https://localhost:");
        let port = port.and_then(|port| port.parse().ok());
        let port: u16 = port.unwrap_or_else(|| panic!("no port in {url}"));
        Self {
            binary,
            authority,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            directory,
            _upstream: upstream,
        }
    }

    fn client(&self) -> Client {
        self.authority.client(self.address)
    }

    /// The certificate that a new connection is shown.
    async fn shown(&self) -> CertificateDer<'static> {
        let secure = self.authority.secure("localhost", &VERSIONS);
        let stream = TcpStream::connect(self.address).await.expect("open");
        let stream = patiently("a handshake", secure.connect(stream)).await;
        let stream = stream.expect("TLS");
        let chain = stream.get_ref().1.peer_certificates();
        chain.expect("a chain")[0].clone().into_owned()
    }
}

fn still(config: Config) -> Config {
    config.router("hot_reload", false)
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_the_next_and_nobody_is_cut_off() {
    let gate = Gate::new();
    let reply = Reply::stream()
        .event(&chat::token("A"))
        .pause_until(&gate)
        .event(&chat::finish())
        .event(chat::DONE);
    let (run, first) = Run::start(reply, still).await;
    assert_eq!(run.shown().await, first.der);
    let open = |_| async { run.client().chat(chat::ask_stream("m")).open().await };
    let mut streams = join_all((0..20).map(open)).await;
    for stream in &mut streams {
        assert_eq!(stream.event().await, Some(chat::token("A")));
    }
    let second = run.authority.issue(&["localhost"]);
    second.write(run.directory.path());
    assert_eq!(run.shown().await, first.der, "nobody has said so yet");
    run.binary.signal(Signal::HUP);
    run.binary.says("reloaded: certificate renewed").await;
    assert_eq!(run.shown().await, second.der);
    streams.extend(join_all((0..5).map(open)).await);
    gate.open();
    for stream in streams {
        let answer = stream.whole().await.expect_status(200);
        assert!(answer.complete && answer.text().ends_with("[DONE]\n\n"));
    }
}

#[tokio::test]
async fn a_link_that_is_turned_is_noticed() {
    let authority = Authority::new();
    let directory = tempfile::tempdir().expect("a temporary directory");
    // As Kubernetes mounts a secret.
    let version = |name: &str| {
        let place = directory.path().join(name);
        fs::create_dir(&place).expect("made");
        let issued = authority.issue(&["localhost"]);
        issued.write(&place);
        issued
    };
    let (first, second) = (version("..1"), version("..2"));
    let link = |target: &str, at: &Path| symlink(target, at).expect("linked");
    link("..1", &directory.path().join("..data"));
    for name in ["cert.pem", "key.pem"] {
        link(&format!("..data/{name}"), &directory.path().join(name));
    }
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let config = Config::over([&upstream]).server("tls", settings(directory.path()));
    let run = Run::of(config, authority, directory, upstream).await;
    assert_eq!(run.shown().await, first.der);
    let place = run.directory.path();
    link("..2", &place.join("..new"));
    fs::rename(place.join("..new"), place.join("..data")).expect("turned");
    let said = run.binary.says("reloaded: certificate renewed").await;
    assert!(said.contains("cause=file"), "{said}");
    assert_eq!(run.shown().await, second.der);
}

#[tokio::test]
async fn a_bad_certificate_is_told_and_the_good_one_stays() {
    let (run, first) = Run::start(Reply::json(200, chat::answer("A")), still).await;
    let other = run.authority.issue(&["localhost"]);
    put(run.directory.path(), "cert.pem", &other.cert);
    run.binary.signal(Signal::HUP);
    let said = run.binary.says("not reloaded").await;
    assert!(
        said.contains("does not belong to the certificate"),
        "{said}"
    );
    assert_eq!(run.shown().await, first.der);
    put(run.directory.path(), "key.pem", &other.key.serialize_pem());
    run.binary.signal(Signal::HUP);
    run.binary.says("reloaded: certificate renewed").await;
    assert_eq!(run.shown().await, other.der);
}

#[tokio::test]
async fn other_files_are_taken_up_but_switching_off_needs_a_restart() {
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let (run, first) = Run::start(Reply::json(200, chat::answer("A")), still).await;
    let file = run.binary.home().join("test.json");
    let base = || still(Config::over([&upstream]));
    fs::write(&file, base().text()).expect("written");
    run.binary.signal(Signal::HUP);
    let said = run.binary.says("1 setting needs a restart").await;
    assert!(said.contains("needs_restart=server.tls"), "{said}");
    assert_eq!(run.shown().await, first.der);
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let names = ["localhost", "more.example.com"];
    let second = run.authority.issue(&names);
    let tls = second.write(elsewhere.path());
    fs::write(&file, base().server("tls", tls).text()).expect("written");
    run.binary.signal(Signal::HUP);
    let said = run.binary.says("certificate renewed: localhost").await;
    assert!(said.contains("more.example.com"), "{said}");
    assert_eq!(run.shown().await, second.der);
    // The guard follows.
    let call = run
        .client()
        .get("/health")
        .header("host", "more.example.com");
    call.send().await.expect_status(200);
}

#[tokio::test]
async fn a_certificate_that_comes_before_its_key_is_taken_up_with_it() {
    let (run, first) = Run::start(Reply::json(200, chat::answer("A")), |config| config).await;
    let second = run.authority.issue(&["localhost"]);
    // Beside it first, as who renews with care does.
    let replace = |name: &str, text: &str| {
        let place = run.directory.path();
        put(place, "new", text);
        fs::rename(place.join("new"), place.join(name)).expect("renamed");
    };
    replace("cert.pem", &second.cert);
    let said = run.binary.says("not reloaded").await;
    assert!(said.contains("does not belong to"), "{said}");
    assert_eq!(run.shown().await, first.der);
    replace("key.pem", &second.key.serialize_pem());
    let said = run.binary.says("reloaded: certificate renewed").await;
    assert!(said.contains("cause=file"), "{said}");
    assert_eq!(run.shown().await, second.der);
}
