//! `autogw start` as a process: what it says where, the log it keeps, how it refuses.

use std::io::{BufRead as _, BufReader, ErrorKind, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::{Binary, PATIENCE};

const DEMO: [&str; 5] = ["start", "--demo", "--port", "0", "--json"];

fn home() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn ask() -> Value {
    json!({"model": "demo-chat", "messages": [{"role": "user", "content": "Say hello"}]})
}

/// The only log file of a run.
fn log_file(home: &Path) -> PathBuf {
    let logs = std::fs::read_dir(home.join("logs")).expect("a directory of logs");
    let mut files = logs.map(|entry| entry.expect("it can be read").path());
    let file = files.next().expect("a log file");
    assert_eq!(files.next(), None);
    file
}

fn mode(path: &Path) -> u32 {
    let metadata = std::fs::metadata(path).expect("it is there");
    metadata.permissions().mode() & 0o777
}

#[test]
fn the_banner_is_talk_and_goes_to_stderr() {
    let home = home();
    let mut gateway = Command::new(env!("CARGO_BIN_EXE_autogw"))
        .args(["start", "--demo", "--port", "0"])
        .env_clear()
        .env("AUTOGW_HOME", home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was built for this test");
    let lines = BufReader::new(gateway.stderr.take().expect("a piped stderr")).lines();
    let mut said = lines.map_while(Result::ok);
    let url = said.find(|line| line.contains("URL"));
    gateway.kill().expect("it runs");
    let output = gateway.wait_with_output().expect("it ends");
    assert!(url.is_some_and(|url| url.contains("http://127.0.0.1:")));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
}

/// A pipe that takes `room` bytes more, and then nothing.
fn full_pipe(room: usize) -> (PipeReader, PipeWriter) {
    const PAGE: usize = 4096;
    let (mut reader, mut writer) = std::io::pipe().expect("a pipe");
    let flags = fcntl_getfl(&writer).expect("flags");
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).expect("a pipe that refuses");
    let full = loop {
        if let Err(error) = writer.write(&[b' '; PAGE]) {
            break error;
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    reader.read_exact(&mut [0; PAGE]).expect("a page");
    writer.write_all(&vec![b' '; PAGE - room]).expect("room");
    fcntl_setfl(&writer, flags).expect("a pipe that waits");
    (reader, writer)
}

/// Its lines on stderr, which end when it does.
fn lines_of(gateway: &mut Child) -> mpsc::Receiver<String> {
    let stderr = BufReader::new(gateway.stderr.take().expect("a piped stderr"));
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        let lines = stderr.lines().map_while(Result::ok);
        // The test may have seen enough.
        lines
            .take_while(|line| sender.send(line.clone()).is_ok())
            .count();
    });
    lines
}

#[test]
fn a_reader_that_stops_reading_does_not_keep_it_from_obeying() {
    // None at all; and enough for the first object, but not for what becomes of the tunnel.
    for room in [0, 1024] {
        let home = home();
        let config = json!({
            "server": { "port": 0, "tunnel": { "type": "cloudflared", "binary": "false" } },
            "providers": [{ "type": "demo" }],
        });
        let file = home.path().join("test.json");
        std::fs::write(&file, config.to_string()).expect("a writable directory");
        let (reader, writer) = full_pipe(room);
        let mut gateway = Command::new(env!("CARGO_BIN_EXE_autogw"))
            .args(["start", "--json", "--log-level", "debug", "--config"])
            .arg(file)
            .env_clear()
            .env("AUTOGW_HOME", home.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary was built for this test");
        let lines = lines_of(&mut gateway);
        let mut failures = 0;
        while failures < 3 {
            let line = lines.recv_timeout(PATIENCE).expect("it goes on trying");
            failures += u32::from(line.contains("waiting"));
        }
        let id = i32::try_from(gateway.id()).ok().and_then(Pid::from_raw);
        kill_process(id.expect("a process id"), Signal::TERM).expect("it takes signals");
        let silence =
            std::iter::from_fn(|| Some(lines.recv_timeout(PATIENCE))).find_map(Result::err);
        if silence != Some(mpsc::RecvTimeoutError::Disconnected) {
            gateway.kill().expect("it runs");
        }
        let status = gateway.wait().expect("a child can be waited for");
        assert_eq!(status.code(), Some(0), "with room for {room} bytes");
        let text = std::io::read_to_string(reader).expect("text");
        let whole = text
            .trim_start()
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        // Three failures are three states at least; what of them did not fit has held somebody up.
        assert!(
            (usize::from(room > 0)..3).contains(&whole.count()),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_signal_in_answer_to_the_url_is_a_clean_stop() {
    for _ in 0..5 {
        let mut gateway = Binary::run(home(), DEMO, []);
        gateway.client().await;
        gateway.signal(Signal::TERM);
        assert_eq!(gateway.exit().await.code(), Some(0), "{}", gateway.stderr());
    }
}

#[tokio::test]
async fn the_log_file_is_private_and_says_what_stderr_says() {
    let mut gateway = Binary::run(home(), DEMO, []);
    let client = gateway.client().await;
    client.chat(ask()).send().await.expect_status(200);
    gateway.signal(Signal::TERM);
    gateway.exit().await;
    let file = log_file(gateway.home());
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(&gateway.home().join("logs")), 0o700);
    let log = std::fs::read_to_string(file).expect("text");
    assert!(log.contains("demo-chat"), "{log}");
    assert_eq!(log, gateway.stderr());
}

#[tokio::test]
async fn a_json_log_is_one_object_per_line() {
    let args = DEMO.into_iter().chain(["--log-format", "json"]);
    let mut gateway = Binary::run(home(), args, []);
    let client = gateway.client().await;
    client.chat(ask()).send().await.expect_status(200);
    gateway.signal(Signal::TERM);
    gateway.exit().await;
    let said = gateway.stderr();
    let events: Result<Vec<Value>, _> = said.lines().map(serde_json::from_str).collect();
    let events = events.unwrap_or_else(|error| panic!("{error}: {said}"));
    assert!(
        events.iter().any(|event| event["model"] == "demo-chat"),
        "{said}"
    );
}

#[tokio::test]
async fn a_named_gateway_has_its_own_configuration_and_log() {
    let home = home();
    let config = json!({
        "router": {"strategy": "adaptive"},
        "providers": [{"type": "demo", "name": "named"}],
    });
    let path = home.path().join("config.work.json");
    std::fs::write(path, config.to_string()).expect("a writable directory");
    let args = ["start", "--name", "work", "--port", "0", "--json"];
    let mut gateway = Binary::run(home, args, []);
    gateway.client().await;
    gateway.signal(Signal::TERM);
    gateway.exit().await;
    let banner: Value = serde_json::from_str(&gateway.stdout()).expect("a JSON object");
    assert_eq!(banner["providers"][0]["name"], "named");
    assert_eq!(banner["strategy"], "adaptive");
    let file = log_file(gateway.home());
    let name = file
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    assert!(name.starts_with("autogw.work.2"), "{name}");
}

#[test]
fn a_home_that_cannot_be_written_is_no_reason_not_to_serve() {
    let mut gateway = Command::new(env!("CARGO_BIN_EXE_autogw"))
        .args(DEMO)
        .env_clear()
        .env("AUTOGW_HOME", "/proc/nowhere")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary was built for this test");
    let mut line = String::new();
    BufReader::new(gateway.stdout.take().expect("a piped stdout"))
        .read_line(&mut line)
        .expect("it says something");
    gateway.kill().expect("it runs");
    gateway.wait().expect("it ends");
    let banner: Value = serde_json::from_str(&line).expect("a JSON object");
    assert_eq!(banner["log_file"], Value::Null);
}

#[tokio::test]
async fn every_start_listens_on_the_port_of_the_variable_and_on_no_other() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let home = home();
    let file = home.path().join("test.json");
    let config = r#"{ "providers": [{ "type": "demo" }] }"#;
    std::fs::write(&file, config).expect("written");
    let home = std::sync::Arc::new(home);
    let file = file.display().to_string();
    let demo = ["--demo"].as_slice();
    // The last finds its provider in the environment.
    for args in [demo, &["--config", &file], &[]] {
        for (variable, code) in [(port.as_str(), 1), ("http", 2), ("65536", 2)] {
            let line = ["start", "--json"].into_iter().chain(args.iter().copied());
            let variables = [("PORT", variable), ("OPENAI_API_KEY", "a-key")];
            let mut binary = Binary::run(home.clone(), line, variables);
            let status = binary.exit().await;
            let said = binary.stderr();
            assert_eq!(status.code(), Some(code), "{args:?} {variable}: {said}");
            let named = if code == 1 { variable } else { "PORT" };
            assert!(said.contains(named), "{args:?} {variable}: {said}");
        }
    }
}

#[tokio::test]
async fn a_refused_start_says_the_warnings_and_where_they_are() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let config = r#"{ "providers": [{ "type": "google", "api_key": null, "name": "a/b" }] }"#;
    let mut binary = Binary::launch(config, &["start", "--port", &port]);
    assert_eq!(binary.exit().await.code(), Some(1));
    let said = binary.stderr();
    assert!(said.contains("test.json:1:62"), "{said}");
    assert!(
        said.contains("cannot be asked for as provider/model"),
        "{said}"
    );
    assert!(said.contains("error: "), "{said}");
}

#[tokio::test]
async fn wrong_usage_is_exit_code_2_and_says_why() {
    for (args, reason) in [
        (
            &["start", "--demo", "--log-level", "loud"][..],
            "expected error, warn, info",
        ),
        (
            &["start", "--socket", "/s", "--port", "1"],
            "cannot be used with",
        ),
        (
            &["start", "--demo", "--config", "x.json"],
            "cannot be used with",
        ),
        (
            &["start", "--demo", "--tunnel", "ngork"],
            "possible values: none, ngrok, cloudflared",
        ),
        (
            &["start", "--demo", "--qr", "--json"],
            "cannot be used with",
        ),
        (&["start", "--config", "/no/such.json"], "/no/such.json"),
        (&["start", "--name", "../x"], "not a configuration name"),
    ] {
        let mut binary = Binary::run(home(), args.iter().copied(), []);
        assert_eq!(binary.exit().await.code(), Some(2), "{args:?}");
        assert!(binary.stderr().contains(reason), "{}", binary.stderr());
        assert_eq!(binary.stdout(), "");
    }
}
