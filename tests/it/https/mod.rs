//! The listener behind TLS: the same gateway, for clients that trust its certificate.

mod authority;
mod files;
mod renewal;

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use autogw::config;
use autogw::server::{Limits, tls};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use self::authority::{Authority, VERSIONS};
use crate::support::client::{Endpoint, Secure, Wire};
use crate::support::{Client, Config, Gate, Gateway, Reply, Upstream, chat, patiently};

const SHORT: Duration = Duration::from_millis(200);

/// A gateway behind a certificate for `localhost`.
struct Served {
    gateway: Gateway,
    upstream: Upstream,
    authority: Authority,
    directory: TempDir,
}

impl Served {
    async fn with(reply: Reply) -> Self {
        Self::limited(reply, Limits::default()).await
    }

    async fn limited(reply: Reply, limits: Limits) -> Self {
        let upstream = Upstream::always(reply).await;
        let authority = Authority::new();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let names = ["localhost", "gw.example.com", "*.wild.example.com"];
        let tls = authority.issue(&names).write(directory.path());
        let config = Config::over([&upstream]).server("tls", tls).text();
        Self {
            gateway: Gateway::start_with(&config, limits).await,
            upstream,
            authority,
            directory,
        }
    }

    fn address(&self) -> SocketAddr {
        let port = self.gateway.port().expect("it listens on TCP");
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn client(&self) -> Client {
        self.authority.client(self.address())
    }

    /// A client that knows nothing of TLS.
    fn plain(&self) -> Client {
        Client::new(Endpoint::Tcp(self.address()))
    }
}

fn good() -> Reply {
    Reply::json(200, chat::answer("A"))
}

#[tokio::test]
async fn both_versions_are_spoken_and_http_1_over_them() {
    let served = Served::with(good()).await;
    for version in VERSIONS {
        let secure = served.authority.secure("localhost", &[version]);
        let stream = TcpStream::connect(served.address()).await.expect("open");
        let stream = patiently("a handshake", secure.connect(stream)).await;
        let stream = stream.expect("TLS");
        let session = stream.get_ref().1;
        assert_eq!(session.protocol_version(), Some(version.version));
        assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));
        let client = Client::new(Endpoint::Tls(served.address(), secure));
        client.chat(chat::ask("m")).send().await.expect_status(200);
    }
    assert_eq!(served.upstream.count(), 2);
}

#[tokio::test]
async fn who_speaks_nothing_but_http_2_is_refused_in_the_handshake() {
    let served = Served::with(good()).await;
    let mut secure = served.authority.secure("localhost", &VERSIONS);
    Arc::make_mut(&mut secure.config).alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(served.address()).await.expect("open");
    let refused = patiently("an answer", secure.connect(stream)).await.err();
    let refused = refused.expect("an error").to_string();
    assert!(refused.contains("NoApplicationProtocol"), "{refused}");
}

#[tokio::test]
async fn the_end_of_a_connection_is_said_so_that_nobody_takes_it_for_a_cut() {
    let served = Served::with(good()).await;
    for version in VERSIONS {
        let secure = served.authority.secure("localhost", &[version]);
        let stream = TcpStream::connect(served.address()).await.expect("open");
        let mut stream = secure.connect(stream).await.expect("TLS");
        let ask = b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(ask).await.expect("sent");
        let mut answer = Vec::new();
        // An end without a word is an error here.
        let read = patiently("the end", stream.read_to_end(&mut answer)).await;
        read.expect("close_notify");
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{version:?}");
    }
}

#[tokio::test]
async fn a_stream_arrives_as_it_is_written() {
    let gate = Gate::new();
    let reply = Reply::stream()
        .event(&chat::token("A"))
        .pause_until(&gate)
        .event(&chat::finish())
        .event(chat::DONE);
    let served = Served::with(reply.clone()).await;
    let call = served.client().chat(chat::ask_stream("m"));
    let mut stream = call.open().await;
    assert_eq!(stream.event().await, Some(chat::token("A")));
    gate.open();
    let rest = stream.whole().await;
    assert!(rest.complete && reply.body().ends_with(&rest.body));
}

#[tokio::test]
async fn a_long_answer_arrives_whole() {
    let text = "word ".repeat(200_000);
    let served = Served::with(Reply::json(200, chat::answer(&text))).await;
    let call = served.client().chat(chat::ask("m"));
    let answer = call.send().await.expect_status(200);
    assert!(answer.complete && answer.text().contains(&text));
}

#[tokio::test]
async fn curl_is_answered() {
    let served = Served::with(good()).await;
    let root = served.directory.path().join("root.pem");
    std::fs::write(&root, &served.authority.pem).expect("written");
    let url = format!("https://localhost:{}/health", served.address().port());
    let asking = move || {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--noproxy", "*", "--cacert"]);
        curl.arg(&root).arg(&url).output()
    };
    let asked = tokio::task::spawn_blocking(asking).await.expect("it ran");
    // Not every machine has it.
    let Ok(asked) = asked else { return };
    let said = String::from_utf8_lossy(&asked.stdout);
    assert!(said.contains("autogw"), "{said} {asked:?}");
}

#[tokio::test]
async fn plain_http_is_told_what_the_port_speaks() {
    let served = Served::with(good()).await;
    let body = vec![b' '; 100_000];
    let post = served.plain().post("/v1/chat/completions", chat::ask("m"));
    for call in [served.plain().get("/health"), post.body(body)] {
        let answer = call.send().await.expect_status(400);
        assert!(answer.complete, "{answer:?}");
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(answer.text().contains("https://"), "{}", answer.text());
    }
    assert_eq!(served.upstream.count(), 0);
}

#[tokio::test]
async fn who_never_finishes_a_handshake_is_left_and_holds_nobody_up() {
    let limits = Limits {
        handshake: SHORT,
        ..Limits::default()
    };
    let served = Served::limited(good(), limits).await;
    // Nothing, half a greeting, and what is none.
    let beginnings: [&[u8]; 3] = [b"", &[22, 3, 1, 2, 0, 1, 0, 1], &[0; 64]];
    let mut waiting: Vec<Wire> = Vec::new();
    for beginning in beginnings {
        for _ in 0..50 {
            let mut wire = served.plain().wire().await;
            wire.write(beginning).await;
            waiting.push(wire);
        }
    }
    let begun = Instant::now();
    let answer = served.client().chat(chat::ask("m")).send().await;
    answer.expect_status(200);
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    for mut wire in waiting {
        wire.ended().await;
    }
}

#[tokio::test]
async fn handshakes_count_among_the_connections() {
    let limits = Limits {
        connections: 2,
        handshake: SHORT,
        ..Limits::default()
    };
    let served = Served::limited(good(), limits).await;
    let mut held = Vec::new();
    for _ in 0..6 {
        held.push(served.plain().wire().await);
    }
    let answer = served.client().chat(chat::ask("m")).send().await;
    answer.expect_status(200);
    // Two at a time had to go before there was room.
    for wire in &mut held {
        wire.ended().await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_closes_the_upstream() {
    let gate = Gate::new();
    let reply = Reply::stream().event(&chat::token("A")).pause_until(&gate);
    for says_goodbye in [true, false] {
        let served = Served::with(reply.clone()).await;
        let secure = served.authority.secure("localhost", &VERSIONS);
        let stream = TcpStream::connect(served.address()).await.expect("open");
        let stream = patiently("a handshake", secure.connect(stream)).await;
        let mut stream = stream.expect("TLS");
        let request = served.client().chat(chat::ask_stream("m")).bytes();
        stream.write_all(&request).await.expect("sent");
        served.upstream.request(0).await;
        if says_goodbye {
            stream.shutdown().await.expect("said");
        }
        drop(stream);
        patiently("the upstream to be closed", served.upstream.closed()).await;
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_left() {
    let limits = Limits {
        write_stall: SHORT,
        ..Limits::default()
    };
    let tokens = chat::wire(&[chat::token("A")]).repeat(100);
    let served = Served::limited(Reply::stream().flood(&tokens), limits).await;
    let call = served.client().chat(chat::ask_stream("m"));
    let stream = call.open().await;
    served.upstream.closed().await;
    drop(stream);
}

#[tokio::test]
async fn a_certificate_vouches_for_the_names_in_it_but_not_for_its_wildcards() {
    let served = Served::with(good()).await;
    let cases = [
        ("localhost", 200),
        ("gw.example.com", 200),
        ("GW.example.com:443", 200),
        ("any.wild.example.com", 421),
        ("*.wild.example.com", 421),
        ("evil.example", 421),
    ];
    for (host, status) in cases {
        let call = served.client().get("/health").header("host", host);
        assert_eq!(call.send().await.status, status, "{host}");
    }
}

#[tokio::test]
async fn a_page_has_to_be_allowed_here_too() {
    let served = Served::with(good()).await;
    let own = format!("https://localhost:{}", served.address().port());
    for origin in [own.as_str(), "https://evil.example"] {
        let call = served.client().get("/health").header("origin", origin);
        assert_eq!(call.send().await.status, 403, "{origin}");
    }
}

#[tokio::test]
async fn a_stop_does_not_wait_for_handshakes() {
    let served = Served::with(good()).await;
    let mut wire = served.plain().wire().await;
    served.client().chat(chat::ask("m")).send().await;
    let begun = Instant::now();
    served.gateway.stop().await;
    wire.ended().await;
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_key_in_the_older_form_is_read_too() {
    use base64::Engine as _;
    let authority = Authority::new();
    let issued = authority.issue(&["localhost"]);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tls = issued.write(directory.path());
    // SEC1 is what PKCS#8 wraps: version 1, and 32 bytes of a key.
    let wrapped = issued.key.serialize_der();
    let begins = wrapped.windows(5).position(|at| at == [2, 1, 1, 4, 32]);
    let sec1 = &wrapped[begins.expect("a key of P-256") - 2..];
    let text = base64::engine::general_purpose::STANDARD.encode(sec1);
    let pem = format!("-----BEGIN EC PRIVATE KEY-----\n{text}\n-----END EC PRIVATE KEY-----\n");
    authority::put(directory.path(), "key.pem", &pem);
    let upstream = Upstream::always(good()).await;
    let gateway = Config::over([&upstream]).server("tls", tls).start().await;
    let port = gateway.port().expect("it listens on TCP");
    let client = authority.client(SocketAddr::from(([127, 0, 0, 1], port)));
    client.chat(chat::ask("m")).send().await.expect_status(200);
}

#[tokio::test]
async fn the_owners_programs_know_the_certificate_by_its_file_and_accept_no_other() {
    let served = Served::with(good()).await;
    let directory = served.directory.path();
    let files = config::Tls {
        cert: directory.join("cert.pem"),
        key: directory.join("key.pem"),
    };
    let connect = async || {
        let secure = Secure {
            config: Arc::new(tls::client_config(&files).expect("a certificate")),
            // No name of its own.
            name: "127.0.0.1".to_owned(),
        };
        let stream = TcpStream::connect(served.address()).await.expect("open");
        patiently("a handshake", secure.connect(stream)).await
    };
    assert!(connect().await.is_ok());
    // Another of the same authority, for the same name.
    served.authority.issue(&["localhost"]).write(directory);
    let refused = connect().await.err().map(|error| error.to_string());
    let refused = refused.expect("an error");
    assert!(refused.contains("certificate"), "{refused}");
}

#[tokio::test]
async fn a_unix_socket_stays_plain() {
    let authority = Authority::new();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tls = authority.issue(&["localhost"]).write(directory.path());
    let upstream = Upstream::always(good()).await;
    let config = Config::over([&upstream])
        .server("tls", tls)
        .server("socket_path", json!(directory.path().join("gw.sock")));
    config.start().await.ask().await.expect_status(200);
}
