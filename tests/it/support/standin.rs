//! The stand-in for cloudflared: built once per run, started by the code under test, led by the test.
//!
//! A run of it connects to its test, says who it is and takes orders. So a test knows when a program was
//! started, sees it go, and decides step by step what it prints and does.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use autogw::config::Cloudflared;
use rustix::process::{Pid, PidfdFlags, pidfd_open, test_kill_process};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::unix::pipe::Receiver;
use tokio::net::{TcpListener, TcpStream};

use super::client::{Client, Endpoint};
use super::patiently;

/// Its source.
const SOURCE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/cloudflared/standin.rs"
);

/// The built program.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let place = tempfile::tempdir_in(directory).expect("a temporary directory");
        let made = place.path().join("cloudflared");
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let built = Command::new(rustc)
            .args(["--edition", "2024", "-O", SOURCE, "-o"])
            .arg(&made)
            .output()
            .expect("rustc is where cargo found it");
        let said = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "{said}");
        // One name for all runs, so that they do not pile up; a run that still uses the old file keeps it.
        let kept = directory.join("cloudflared-standin");
        std::fs::rename(made, &kept).expect("the same file system");
        kept
    })
}

/// Where runs of the stand-in report.
pub(crate) struct Standin(TcpListener);

impl Standin {
    /// Listens for runs.
    pub(crate) async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        Self(listener.expect("a free port"))
    }

    /// The arguments that make runs report here.
    pub(crate) fn args(&self) -> Vec<String> {
        let address = self.0.local_addr().expect("it listens");
        vec!["--standin".to_owned(), address.to_string()]
    }

    /// Settings for a quick tunnel through it.
    pub(crate) fn settings(&self) -> Cloudflared {
        Cloudflared {
            binary: Some(program().to_string_lossy().into_owned()),
            args: self.args(),
            ..Cloudflared::default()
        }
    }

    /// Whether there was a run that nobody has met yet.
    pub(crate) async fn was_started(&self) -> bool {
        let address = self.0.local_addr().expect("it listens");
        let own = TcpStream::connect(address).await.expect("it listens");
        let (_, first) = self.0.accept().await.expect("somebody knocks");
        // Who came earlier stands before us.
        first != own.local_addr().expect("a connected socket")
    }

    /// The next run that is started.
    pub(crate) async fn started(&self) -> Started {
        let accepted = patiently("the stand-in to be started", self.0.accept()).await;
        let (stream, _) = accepted.expect("it connects");
        Started::meet(stream).await
    }
}

/// A run of the stand-in.
pub(crate) struct Started {
    /// Its process id.
    pub(crate) pid: Pid,
    /// Where the public arrives.
    pub(crate) public: SocketAddr,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
    /// Its environment, as `NAME=value`.
    pub(crate) environment: Vec<String>,
    end: Watched,
    answers: Lines<BufReader<OwnedReadHalf>>,
    orders: OwnedWriteHalf,
}

impl Started {
    async fn meet(stream: TcpStream) -> Self {
        let (answers, orders) = stream.into_split();
        let mut answers = BufReader::new(answers).lines();
        let mut facts = Vec::new();
        while let Some(line) = next_line(&mut answers)
            .await
            .filter(|line| !line.is_empty())
        {
            let (name, value) = line.split_once(' ').expect("a name and a value");
            facts.push((name.to_owned(), value.to_owned()));
        }
        let all = |wanted: &str| -> Vec<String> {
            let facts = facts.iter().filter(|(name, _)| name == wanted);
            facts.map(|(_, value)| value.clone()).collect()
        };
        let pid = process(&all("pid")[0]);
        Self {
            pid,
            public: all("public")[0].parse().expect("an address"),
            arguments: all("arg"),
            environment: all("env"),
            end: Watched::new(pid),
            answers,
            orders,
        }
    }

    /// Gives orders and waits until they are carried out; returns the last answer.
    pub(crate) async fn obey(&mut self, orders: &[&str]) -> String {
        let mut last = String::new();
        for order in orders {
            self.send(order).await;
            let done = next_line(&mut self.answers).await;
            let done = done.unwrap_or_else(|| panic!("it ended before `{order}` was done"));
            done.strip_prefix("done ")
                .expect("an answer")
                .clone_into(&mut last);
        }
        last
    }

    /// Comes up as the real program does.
    pub(crate) async fn come_up(&mut self) {
        self.obey(&["box", "metrics", "connect"]).await;
    }

    /// Gives an order that is not answered.
    pub(crate) async fn send(&mut self, order: &str) {
        let written = self.orders.write_all(format!("{order}\n").as_bytes()).await;
        written.unwrap_or_else(|error| panic!("`{order}`: {error}"));
    }

    /// A client on the public side.
    pub(crate) fn client(&self) -> Client {
        Client::new(Endpoint::Tcp(self.public))
    }

    /// Waits until the process has ended.
    pub(crate) async fn gone(&self) {
        self.end.gone().await;
    }

    /// Whether the process is there, be it dead and not reaped.
    pub(crate) fn is_there(&self) -> bool {
        is_there(self.pid)
    }
}

async fn next_line(lines: &mut Lines<BufReader<OwnedReadHalf>>) -> Option<String> {
    let line = patiently("a word of the stand-in", lines.next_line()).await;
    // A killed process may reset its connections.
    line.unwrap_or_default()
}

/// The process with an id in digits.
pub(crate) fn process(id: &str) -> Pid {
    let id = id.parse().ok().and_then(Pid::from_raw);
    id.expect("a process id")
}

/// Whether a process is there, be it dead and not reaped.
pub(crate) fn is_there(pid: Pid) -> bool {
    test_kill_process(pid).is_ok()
}

/// A process that is being watched.
pub(crate) struct Watched(Receiver);

impl Watched {
    /// Watches the process with this id from now on.
    pub(crate) fn new(pid: Pid) -> Self {
        let process = pidfd_open(pid, PidfdFlags::NONBLOCK).expect("a running process");
        // It is no pipe, and can be waited for like one.
        let process = Receiver::from_owned_fd_unchecked(process);
        Self(process.expect("it can be waited for"))
    }

    /// Waits until it has ended.
    pub(crate) async fn gone(&self) {
        let gone = patiently("a process to end", self.0.readable()).await;
        gone.expect("a process can be watched");
    }
}
