//! The child process: started, listened to, told to go, killed, and always reaped.
//!
//! The signal that ends it with us follows the *thread* that started it, not the process: a thread of the
//! runtime may end while the gateway goes on, and take the tunnel with it. So every child has a thread of
//! its own, which starts it, waits for it, and does nothing else.
//!
//! That thread looks before it reaps: while a dead child has not been waited for, its number is not given
//! to another process, and what is left of its group can be killed without doubt. So no signal from here
//! ever meets a stranger.

use std::future::Future;
use std::io;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{ChildStderr, ChildStdout};
use tokio::sync::{oneshot, watch};
use tokio::time::{sleep, timeout};

use super::output::Lines;

/// Bytes read at a time: as much as a pipe holds.
const PIECE: usize = 64 * 1024;

/// How long the pipes are read after the program has ended. What it wrote is there at once; a process that
/// it left behind may hold them open for ever.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long a start may take: a launcher on a disk that hangs is no reason to hang as well.
const STARTED: Duration = Duration::from_secs(10);

/// How long a killed program is waited for: it has no say in it, but a disk that hangs has.
const KILLED: Duration = Duration::from_secs(2);

/// A running program, with all that it starts. Dropping it kills them.
#[derive(Debug)]
pub(super) struct Child {
    group: Arc<Group>,
    end: watch::Receiver<Option<ExitStatus>>,
}

/// Both ends of a child's talk.
#[derive(Debug)]
pub(super) struct Pipes {
    stdout: ChildStdout,
    stderr: ChildStderr,
}

type StdPipes = (
    Option<std::process::ChildStdout>,
    Option<std::process::ChildStderr>,
);

impl Child {
    /// Starts `command`, which must ask for pipes and for a process group of its own.
    ///
    /// # Cancel safety
    /// If the future is dropped the child is killed.
    pub(super) async fn start(command: Command) -> io::Result<(Self, Pipes)> {
        let group = Arc::new(Group::default());
        let (end, ended) = watch::channel(None);
        let (started, starting) = oneshot::channel();
        let child = Self {
            group: group.clone(),
            end: ended,
        };
        thread::Builder::new()
            .name("tunnel-child".to_owned())
            .spawn(move || live(command, &group, started, &end))?;
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        let gone = |_| io::Error::other("its thread ended before it began");
        let pipes = timeout(STARTED, starting).await.map_err(late)?;
        Ok((child, Pipes::of(pipes.map_err(gone)??)?))
    }

    /// Waits until it has ended, which is when nothing is left of its group either.
    pub(super) async fn ended(&self) -> ExitStatus {
        let mut end = self.end.clone();
        let ended = end.wait_for(Option::is_some).await;
        let status = ended.ok().and_then(|status| *status);
        // The thread sends a status in the end, whatever happened.
        status.unwrap_or_default()
    }

    /// Ends it: kindly, and after `grace` for good.
    pub(super) async fn stop(&self, grace: Duration) {
        self.group.signal(Signal::TERM);
        if timeout(grace, self.ended()).await.is_err() {
            self.group.signal(Signal::KILL);
            // If the kernel holds it longer, its thread goes on waiting for it.
            let _ = timeout(KILLED, self.ended()).await;
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.group.kill();
    }
}

/// The life of a child, on a thread of its own.
fn live(
    mut command: Command,
    group: &Group,
    started: oneshot::Sender<io::Result<StdPipes>>,
    end: &watch::Sender<Option<ExitStatus>>,
) {
    let mut child = match command.spawn() {
        Ok(child) => child,
        // An error means that nobody waits for it any more: then nobody wants to know.
        Err(error) => return drop(started.send(Err(error))),
    };
    let id = Pid::from_child(&child);
    group.is(id);
    // As above; the group is killed by whoever has stopped waiting.
    let _ = started.send(Ok((child.stdout.take(), child.stderr.take())));
    wait_without_reaping(id);
    group.is_over();
    let status = child.wait().unwrap_or_default();
    end.send_replace(Some(status));
}

fn wait_without_reaping(id: Pid) {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while matches!(waitid(WaitId::Pid(id), options), Err(Errno::INTR)) {}
}

/// The process group of a child, by the number of its leader.
#[derive(Debug, Default)]
struct Group(Mutex<Stage>);

#[derive(Debug, Default)]
enum Stage {
    #[default]
    NotStarted,
    /// It is not wanted any more, and is killed as soon as it is there.
    Unwanted,
    Running(Pid),
    Over,
}

impl Group {
    fn is(&self, id: Pid) {
        let mut stage = self.0.lock();
        if matches!(*stage, Stage::Unwanted) {
            send(id, Signal::KILL);
        }
        *stage = Stage::Running(id);
    }

    /// Its leader has ended, and will be reaped when this returns.
    fn is_over(&self) {
        let mut stage = self.0.lock();
        if let Stage::Running(id) = *stage {
            send(id, Signal::KILL);
        }
        *stage = Stage::Over;
    }

    fn signal(&self, signal: Signal) {
        if let Stage::Running(id) = *self.0.lock() {
            send(id, signal);
        }
    }

    fn kill(&self) {
        let mut stage = self.0.lock();
        match *stage {
            Stage::NotStarted => *stage = Stage::Unwanted,
            Stage::Running(id) => send(id, Signal::KILL),
            Stage::Unwanted | Stage::Over => {}
        }
    }
}

fn send(group: Pid, signal: Signal) {
    // An error means that nobody is left in it.
    let _ = kill_process_group(group, signal);
}

impl Pipes {
    fn of((stdout, stderr): StdPipes) -> io::Result<Self> {
        let missing = || io::Error::other("it was started without pipes");
        Ok(Self {
            stdout: ChildStdout::from_std(stdout.ok_or_else(missing)?)?,
            stderr: ChildStderr::from_std(stderr.ok_or_else(missing)?)?,
        })
    }

    /// Reads both as fast as they are written, until they end or `over` has been for a moment.
    pub(super) async fn listen(self, over: impl Future, mut each: impl FnMut(&[u8])) {
        let mut out = Pipe::new(self.stdout);
        let mut err = Pipe::new(self.stderr);
        let late = async {
            over.await;
            sleep(LAST_WORDS).await;
        };
        tokio::pin!(late);
        while out.is_open || err.is_open {
            tokio::select! {
                read = out.read(), if out.is_open => out.hear(read, &mut each),
                read = err.read(), if err.is_open => err.hear(read, &mut each),
                () = &mut late => break,
            }
        }
    }
}

/// One of the two, being read.
struct Pipe<R> {
    reader: R,
    buffer: Box<[u8]>,
    lines: Lines,
    is_open: bool,
}

impl<R: AsyncRead + Unpin> Pipe<R> {
    fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: vec![0; PIECE].into(),
            lines: Lines::default(),
            is_open: true,
        }
    }

    async fn read(&mut self) -> io::Result<usize> {
        self.reader.read(&mut self.buffer).await
    }

    /// A pipe that cannot be read has ended.
    fn hear(&mut self, read: io::Result<usize>, each: &mut impl FnMut(&[u8])) {
        match read.unwrap_or_default() {
            0 => {
                self.is_open = false;
                self.lines.finish(each);
            }
            read => self.lines.feed(&self.buffer[..read], each),
        }
    }
}
