//! Ending in good order: running requests finish, new ones are refused, a second signal means now;
//! and the Unix socket, which has to be left as it was found.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;

use rustix::process::Signal;

use crate::support::{
    A_SECOND, Binary, Client, Config, Gate, Reply, Upstream, chat, patiently, within,
};

/// An upstream in the middle of a stream until `gate` opens.
async fn streaming(gate: &Gate) -> Upstream {
    let reply = Reply::stream()
        .event(&chat::role())
        .event(&chat::token("one"))
        .pause_until(gate)
        .event(&chat::token("two"))
        .event(&chat::finish())
        .event(chat::DONE);
    Upstream::always(reply).await
}

/// Waits until the gateway at `client` accepts no more connections.
async fn refused(client: &Client) {
    let refused = async {
        while client.try_wire().await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    patiently("new connections to be refused", refused).await;
}

#[tokio::test]
async fn a_signal_lets_a_running_stream_finish_and_then_ends_with_zero() {
    for signal in [Signal::TERM, Signal::INT] {
        let gate = Gate::new();
        let upstream = streaming(&gate).await;
        let (mut binary, client) = Binary::start(&Config::over([&upstream]).text()).await;
        let mut stream = client.chat(chat::ask_stream("m")).open().await;
        assert_eq!(stream.event().await, Some(chat::role()));
        assert_eq!(stream.event().await, Some(chat::token("one")));
        binary.signal(signal);
        refused(&client).await;
        gate.open();
        let rest = stream.whole().await;
        assert_eq!(chat::said(&rest.events()), "two");
        assert!(rest.complete && chat::claims_completion(&rest.events()));
        let status = binary.exit().await;
        assert_eq!(status.code(), Some(0), "{}", binary.stderr());
    }
}

#[tokio::test]
async fn a_stop_waits_for_a_whole_answer_too() {
    let gate = Gate::new();
    let reply = Reply::json(200, chat::answer("A")).behind(&gate);
    let upstream = Upstream::always(reply).await;
    let gateway = Config::over([&upstream]).start().await;
    let client = gateway.client();
    let waiting = client.chat(chat::ask("m")).wired().await;
    upstream.request(0).await;
    let stopping = tokio::spawn(gateway.stop());
    refused(&client).await;
    gate.open();
    assert_eq!(
        waiting.answer().await.whole().await.json(),
        chat::answer("A")
    );
    stopping.await.expect("the gateway stops");
}

#[tokio::test]
async fn an_idle_gateway_ends_at_once_even_with_open_connections() {
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let (mut binary, client) = Binary::start(&Config::over([&upstream]).text()).await;
    let idle = client.wire().await;
    let mut kept = client.chat(chat::ask("m")).open().await;
    kept.drain().await;
    binary.signal(Signal::TERM);
    let status = within(A_SECOND * 5, "an idle gateway to end", binary.exit()).await;
    assert_eq!(status.code(), Some(0), "{}", binary.stderr());
    drop((idle, kept));
}

#[tokio::test]
async fn a_connection_that_stays_hears_that_the_gateway_is_not_ready() {
    let gate = Gate::new();
    let upstream = streaming(&gate).await;
    let (binary, client) = Binary::start(&Config::over([&upstream]).text()).await;
    let mut stream = client.chat(chat::ask_stream("m")).open().await;
    assert_eq!(stream.event().await, Some(chat::role()));
    // In the middle of its head, so that it counts as running and not as idle.
    let ready = client.get("/ready").bytes();
    let mut late = client.wire().await;
    late.write(&ready[..10]).await;
    client.get("/ready").send().await.expect_status(200);
    binary.signal(Signal::TERM);
    refused(&client).await;
    late.write(&ready[10..]).await;
    if let Some(answer) = late.try_answer().await {
        assert_eq!(answer.status, 503);
    }
    gate.open();
}

#[tokio::test]
async fn a_second_signal_ends_it_now() {
    let gate = Gate::new();
    let upstream = streaming(&gate).await;
    let (mut binary, client) = Binary::start(&Config::over([&upstream]).text()).await;
    let mut stream = client.chat(chat::ask_stream("m")).open().await;
    assert_eq!(stream.event().await, Some(chat::role()));
    binary.signal(Signal::TERM);
    refused(&client).await;
    binary.signal(Signal::TERM);
    within(A_SECOND, "the second signal to end it", binary.exit()).await;
    let rest = stream.whole().await;
    assert!(!chat::claims_completion(&rest.events()), "{}", rest.text());
}

#[tokio::test]
async fn what_outlives_the_drain_is_told_so() {
    let gate = Gate::new();
    let upstream = streaming(&gate).await;
    let config = Config::over([&upstream]).server("drain", 0.3);
    let (mut binary, client) = Binary::start(&config.text()).await;
    let mut stream = client.chat(chat::ask_stream("m")).open().await;
    assert_eq!(stream.event().await, Some(chat::role()));
    binary.signal(Signal::TERM);
    let rest = stream.whole().await;
    let events = rest.events();
    assert!(
        events.iter().any(|event| chat::is_error(event)),
        "{events:?}"
    );
    assert!(!chat::claims_completion(&events), "{events:?}");
    assert_eq!(binary.exit().await.code(), Some(0), "{}", binary.stderr());
}

#[tokio::test]
async fn a_body_that_is_still_on_its_way_at_the_end_is_told_so() {
    let upstream = Upstream::refusing();
    let config = Config::over([&upstream]).server("drain", 0.3);
    let (mut binary, client) = Binary::start(&config.text()).await;
    let call = client.chat("{").header("content-length", "1000");
    let waiting = call.header("expect", "100-continue").wired().await;
    let waiting = waiting.answer().await.into_wire();
    binary.signal(Signal::TERM);
    let answer = waiting.answer().await.whole().await.expect_status(503);
    assert_eq!(answer.error("code"), "shutting_down");
    assert_eq!(binary.exit().await.code(), Some(0), "{}", binary.stderr());
}

#[tokio::test]
async fn a_head_that_is_still_on_its_way_is_not_waited_for() {
    let upstream = Upstream::refusing();
    let config = Config::over([&upstream]).server("drain", 0.3);
    let (mut binary, client) = Binary::start(&config.text()).await;
    let mut half = client.wire().await;
    half.write(b"GET /health HTTP/1.1\r\nhost").await;
    // Answered behind it, so the half has been read by now.
    client.get("/health").send().await.expect_status(200);
    binary.signal(Signal::TERM);
    within(A_SECOND * 3, "the gateway to end", binary.exit()).await;
}

/// A gateway on a Unix socket in a directory of the test's.
struct Socketed {
    binary: Binary,
    path: std::path::PathBuf,
    _folder: tempfile::TempDir,
}

/// Starts a gateway on a socket after `prepare` has seen its path.
fn on_socket(prepare: impl FnOnce(&std::path::Path)) -> Socketed {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("gateway.sock");
    prepare(&path);
    let upstream = Upstream::refusing();
    let config = Config::over([&upstream]).server("socket_path", path.to_string_lossy());
    let binary = Binary::launch(&config.text(), &["start", "--json"]);
    Socketed {
        binary,
        path,
        _folder: folder,
    }
}

impl Socketed {
    async fn assert_serves(&self) {
        let client = self.binary.client().await;
        client.get("/health").send().await.expect_status(200);
        let meta = std::fs::metadata(&self.path).expect("a socket file");
        assert!(meta.file_type().is_socket());
        assert_eq!(meta.permissions().mode() & 0o777, 0o600);
    }

    async fn assert_fails(&mut self, reason: &str) {
        let status = self.binary.exit().await;
        assert_eq!(status.code(), Some(1), "{}", self.binary.stderr());
        let stderr = self.binary.stderr();
        let path = self.path.to_string_lossy();
        assert!(
            stderr.contains(reason) && stderr.contains(&*path),
            "{stderr}"
        );
    }
}

#[tokio::test]
async fn a_unix_socket_is_served_for_its_owner_only_and_removed_at_the_end() {
    let mut gateway = on_socket(|_| {});
    gateway.assert_serves().await;
    gateway.binary.signal(Signal::TERM);
    let status = gateway.binary.exit().await;
    assert_eq!(
        status.code(),
        Some(0),
        "{status} {}",
        gateway.binary.stderr()
    );
    assert!(!gateway.path.exists(), "the socket file was left behind");
}

#[tokio::test]
async fn a_stale_socket_is_replaced() {
    let leave_behind = |path: &std::path::Path| {
        drop(UnixListener::bind(path).expect("a socket in the test's directory"));
    };
    on_socket(leave_behind).assert_serves().await;
}

#[tokio::test]
async fn a_live_socket_is_an_error() {
    let mut owner = None;
    let mut gateway = on_socket(|path| owner = UnixListener::bind(path).ok());
    gateway.assert_fails("listening").await;
    assert!(
        gateway.path.exists() && owner.is_some(),
        "the owner keeps its socket"
    );
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_left_alone() {
    let note = |path: &std::path::Path| std::fs::write(path, "mine").expect("a writable directory");
    let mut gateway = on_socket(note);
    gateway.assert_fails("").await;
    assert_eq!(
        std::fs::read_to_string(&gateway.path).ok(),
        Some("mine".to_owned())
    );
}

#[tokio::test]
async fn a_socket_that_cannot_be_bound_is_an_error_with_a_reason() {
    let upstream = Upstream::refusing();
    let config = Config::over([&upstream]).server("socket_path", "/proc/no/such/place.sock");
    let mut binary = Binary::launch(&config.text(), &["start"]);
    assert_eq!(binary.exit().await.code(), Some(1));
    let stderr = binary.stderr();
    assert!(stderr.contains("/proc/no/such/place.sock"), "{stderr}");
}

#[tokio::test]
async fn a_taken_port_is_an_error_with_a_reason() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    let port = taken.local_addr().expect("a bound listener").port();
    let upstream = Upstream::refusing();
    let config = Config::over([&upstream]).server("port", port);
    let mut binary = Binary::launch(&config.text(), &["start"]);
    assert_eq!(binary.exit().await.code(), Some(1));
    let stderr = binary.stderr();
    assert!(stderr.contains(&port.to_string()), "{stderr}");
}

#[tokio::test]
async fn a_request_that_nobody_has_answered_is_told_so_too() {
    let upstream = Upstream::always(Reply::silence()).await;
    let config = Config::over([&upstream]).server("drain", 0.3);
    let (mut binary, client) = Binary::start(&config.text()).await;
    let wire = client.chat(chat::ask("m")).wired().await;
    upstream.request(0).await;
    binary.signal(Signal::TERM);
    let answer = wire.answer().await.whole().await.expect_status(503);
    assert_eq!(answer.error("code"), "shutting_down");
    assert_eq!(binary.exit().await.code(), Some(0), "{}", binary.stderr());
}
