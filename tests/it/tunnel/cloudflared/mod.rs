//! The tunnel through cloudflared: the real child process, in front of a program that prints what the real
//! one prints.

mod down;
mod end;
mod gateway;
mod up;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use autogw::config::{Cloudflared, Tunnel};
use autogw::telemetry::tunnel::{Board, Phase, Status, Statuses, Trouble};
use autogw::tunnel::closing::Closing;
use autogw::tunnel::cloudflared::{self, Limits, Place};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::support::patiently;
use crate::support::standin::Started;

const URL: &str = "https://alpha-bravo-charlie-delta.trycloudflare.com";

/// A time so short that it passes while a test looks on.
const SOON: Duration = Duration::from_millis(200);

/// A tunnel that is being kept.
struct Kept {
    seen: watch::Receiver<Statuses>,
    closing: Closing,
    task: JoinHandle<()>,
    home: Arc<TempDir>,
}

impl Kept {
    fn open(settings: Cloudflared) -> Self {
        Self::open_within(Limits::default(), settings)
    }

    fn open_within(limits: Limits, settings: Cloudflared) -> Self {
        let home = tempfile::tempdir().expect("a temporary directory");
        Self::open_in(Arc::new(home), limits, settings)
    }

    fn open_in(home: Arc<TempDir>, limits: Limits, settings: Cloudflared) -> Self {
        let place = Place {
            launcher: env!("CARGO_BIN_EXE_autogw").into(),
            socket: home.path().join("door.sock"),
            config: home.path().join("cloudflared.yml"),
        };
        let (board, closing) = (Board::default(), Closing::default());
        let line = board.open(Tunnel::Cloudflared);
        let run = cloudflared::run_within(limits, settings, place, line, closing.clone(), 7);
        Self {
            seen: board.subscribe(),
            closing,
            task: tokio::spawn(run),
            home,
        }
    }

    fn status(&self) -> Status {
        self.seen.borrow()[&Tunnel::Cloudflared].clone()
    }

    fn config(&self) -> PathBuf {
        self.home.path().join("cloudflared.yml")
    }

    /// The status as soon as it is as wanted.
    async fn until(&mut self, what: &str, wanted: impl Fn(&Status) -> bool) -> Status {
        let seen = self.seen.wait_for(|all| wanted(&all[&Tunnel::Cloudflared]));
        let seen = patiently(what, seen).await;
        seen.expect("the tunnel holds its line")[&Tunnel::Cloudflared].clone()
    }

    async fn online(&mut self) -> Status {
        self.until("the tunnel to be online", Status::is_up).await
    }

    /// The trouble of the next failure that time may mend, and for how long it waits.
    async fn waiting(&mut self) -> (Trouble, Duration) {
        let is_waiting = |status: &Status| matches!(status.phase, Phase::Waiting { .. });
        match self.until("a failure", is_waiting).await.phase {
            Phase::Waiting { trouble, until, .. } => {
                (trouble, until.saturating_duration_since(Instant::now()))
            }
            other => panic!("{other:?}"),
        }
    }

    /// The trouble it gave up with.
    async fn failed(mut self) -> Trouble {
        let is_failed = |status: &Status| matches!(status.phase, Phase::Failed(_));
        let status = self.until("the end of all tries", is_failed).await;
        patiently("the run to end", &mut self.task)
            .await
            .expect("no panic");
        assert!(!self.config().exists());
        assert_eq!(status.url, None);
        status.phase.trouble().expect("a reason").clone()
    }

    /// Ends it and sees that nothing is left.
    async fn close(mut self) {
        self.closing.drain.cancel();
        self.closing.over.cancel();
        patiently("the tunnel to be closed", &mut self.task)
            .await
            .expect("no panic");
        assert_eq!(
            (self.status().phase, self.status().url),
            (Phase::Stopped(None), None)
        );
        assert!(!self.config().exists());
    }
}

/// Ends a kept tunnel and sees that its process is reaped.
async fn close(kept: Kept, run: &Started) {
    kept.close().await;
    assert!(!run.is_there());
}

/// An executable file that holds `text`. It is written by another process: a copy of the descriptor in a
/// child of a test beside this one would make it busy.
fn script(home: &Path, text: &str) -> PathBuf {
    let path = home.join("program");
    let mut install = Command::new("install")
        .args(["-m", "755", "/dev/stdin"])
        .arg(&path)
        .stdin(Stdio::piped())
        .spawn()
        .expect("`install` is everywhere");
    let mut text_of = install.stdin.take().expect("a piped stdin");
    text_of.write_all(text.as_bytes()).expect("it reads");
    drop(text_of);
    assert!(install.wait().expect("it ends").success());
    path
}
