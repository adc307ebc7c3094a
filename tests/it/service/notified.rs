//! What arrives at the socket of a service manager.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram as StdDatagram};
use std::sync::Arc;

use rustix::process::Signal;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::UnixDatagram;

use crate::support::{Binary, Config, Reply, Upstream, chat, patiently};

/// The manager's end.
struct Manager {
    socket: UnixDatagram,
    name: String,
    home: Arc<TempDir>,
    /// What it counts on: it must not be gone before the gateway.
    _upstream: Upstream,
}

impl Manager {
    async fn new(is_abstract: bool) -> Self {
        let upstream = Upstream::always(Reply::json(200, chat::answer("a"))).await;
        let home = tempfile::tempdir().expect("a directory");
        let config = Config::new().provider("a", &upstream, json!({}));
        std::fs::write(home.path().join("test.json"), config.text()).expect("written");
        let path = home.path().join("notify");
        let (address, name) = if is_abstract {
            let name = format!("autogw-test{}", path.display());
            let address = SocketAddr::from_abstract_name(&name).expect("a name");
            (address, format!("@{name}"))
        } else {
            let address = SocketAddr::from_pathname(&path).expect("a path");
            (address, path.display().to_string())
        };
        let socket = StdDatagram::bind_addr(&address).expect("bound");
        socket.set_nonblocking(true).expect("set");
        Self {
            socket: UnixDatagram::from_std(socket).expect("a socket"),
            name,
            home: Arc::new(home),
            _upstream: upstream,
        }
    }

    /// A gateway that is its service.
    fn start(&self, variables: &[(&'static str, &'static str)]) -> Binary {
        let file = self.home.path().join("test.json").display().to_string();
        let args = ["start", "--json", "--port", "0", "--config", &file];
        let own = [("NOTIFY_SOCKET", &*self.name)];
        Binary::run(
            self.home.clone(),
            args,
            own.into_iter().chain(variables.iter().copied()),
        )
    }

    /// The next message, as lines.
    async fn hears(&self) -> Vec<String> {
        let mut buffer = [0; 4096];
        let length = patiently("a message", self.socket.recv(&mut buffer)).await;
        let text = String::from_utf8_lossy(&buffer[..length.expect("received")]).into_owned();
        text.lines().map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn readiness_reloads_and_the_end_are_told() {
    for is_abstract in [false, true] {
        let manager = Manager::new(is_abstract).await;
        let mut binary = manager.start(&[]);
        let ready = manager.hears().await;
        assert_eq!(ready[0], "READY=1");
        let client = binary.client().await;
        let url = binary.banner().await["url"]
            .as_str()
            .expect("a URL")
            .trim_end_matches('/')
            .to_owned();
        assert_eq!(ready[1..], [format!("STATUS=serving {url} with a")]);
        client.get("/health").send().await.expect_status(200);

        binary.signal(Signal::HUP);
        let reloading = manager.hears().await;
        assert_eq!(reloading[0], "RELOADING=1");
        let micros = reloading[1].strip_prefix("MONOTONIC_USEC=");
        let micros: u64 = micros.expect("the time").parse().expect("a number");
        assert!(micros > 0);
        assert_eq!(
            manager.hears().await,
            [format!("STATUS=serving {url} with a")]
        );
        assert_eq!(manager.hears().await, ["READY=1"]);

        std::fs::write(manager.home.path().join("test.json"), "{").expect("written");
        binary.signal(Signal::HUP);
        // The file is watched as well: whichever reload comes first says the same.
        assert_eq!(manager.hears().await[0], "RELOADING=1");
        let failed = manager.hears().await;
        assert!(
            failed[0].ends_with("the last reload failed, see the log"),
            "{failed:?}"
        );
        assert_eq!(manager.hears().await, ["READY=1"]);

        binary.signal(Signal::TERM);
        let stopping = loop {
            let heard = manager.hears().await;
            if heard[0] == "STOPPING=1" {
                break heard;
            }
        };
        // 30 seconds of drain, and ten for the rest.
        assert_eq!(stopping[2], "EXTEND_TIMEOUT_USEC=40000000");
        assert_eq!(binary.exit().await.code(), Some(0));
    }
}

#[tokio::test]
async fn a_watchdog_hears_a_pulse() {
    let manager = Manager::new(false).await;
    let binary = manager.start(&[("WATCHDOG_USEC", "400000")]);
    let mut beats = 0;
    while beats < 3 {
        if manager.hears().await == ["WATCHDOG=1"] {
            beats += 1;
        }
    }
    drop(binary);
    // A watchdog that is another process's hears nothing.
    let manager = Manager::new(false).await;
    let mut binary = manager.start(&[("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")]);
    assert_eq!(manager.hears().await[0], "READY=1");
    binary.signal(Signal::TERM);
    assert_eq!(manager.hears().await[0], "STOPPING=1");
    binary.exit().await;
}

#[tokio::test]
async fn a_manager_that_is_not_there_is_not_missed() {
    let (binary, client) = {
        let manager = Manager::new(false).await;
        let binary = manager.start(&[("NOTIFY_SOCKET", "/nowhere/at/all")]);
        let client = binary.client().await;
        (binary, client)
    };
    client.get("/health").send().await.expect_status(200);
    let banner = binary.banner().await.to_string();
    assert!(
        banner.contains("the service manager cannot be told anything"),
        "{banner}"
    );
}
