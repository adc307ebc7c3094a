//! The built binary at a terminal: a pseudo-terminal that is read as a terminal would read it.
//!
//! A thread reads what the program draws and feeds a terminal's parser with it; tests wait for what the screen
//! shows, never for time to pass. The program is killed by its own id when this is dropped.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::sync::watch;

use super::patiently;

/// The three sizes that a dashboard has to be right at: columns and rows.
pub(crate) const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 50)];

/// See the module's head.
pub(crate) struct Screen {
    home: Arc<TempDir>,
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keyboard: Mutex<Box<dyn Write + Send>>,
    tube: Arc<Tube>,
    drawn: watch::Receiver<Drawn>,
}

/// What stands between the program and the eyes of the test.
struct Tube {
    parser: Mutex<vt100::Parser>,
    /// Everything that came, for what a parser does not show.
    bytes: Mutex<Vec<u8>>,
    /// Whether nothing is read for now, as of a terminal that is slow or held.
    is_held: Mutex<bool>,
    released: Condvar,
}

/// How much was drawn, and whether that was all.
#[derive(Clone, Copy, Default)]
struct Drawn {
    reads: usize,
    ended: bool,
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

fn size((columns, rows): (u16, u16)) -> PtySize {
    PtySize {
        rows,
        cols: columns,
        pixel_width: 0,
        pixel_height: 0,
    }
}

fn cells((columns, rows): (u16, u16)) -> (NonZeroU16, NonZeroU16) {
    let some = |cells| NonZeroU16::new(cells).expect("a terminal has cells");
    (some(rows), some(columns))
}

impl Screen {
    /// Runs the binary with `args` at a terminal of so many columns and rows. Of this process's environment it gets
    /// nothing but the path, and `variables` beside it.
    pub(crate) fn run<'a>(
        home: impl Into<Arc<TempDir>>,
        at: (u16, u16),
        args: impl IntoIterator<Item = &'a str>,
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let home = home.into();
        let pair = native_pty_system()
            .openpty(size(at))
            .expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_autogw"));
        command.env_clear();
        command.args(args);
        command.cwd(home.path());
        let path = std::env::var("PATH").unwrap_or_default();
        let usual = [
            ("PATH", path.as_str()),
            ("TERM", "xterm-256color"),
            ("LANG", "C.UTF-8"),
        ];
        for (name, value) in usual {
            command.env(name, value);
        }
        for (name, value) in variables {
            command.env(name, value);
        }
        for name in ["HOME", "AUTOGW_HOME"] {
            command.env(name, home.path());
        }
        let child = pair.slave.spawn_command(command);
        let child = child.expect("the binary was built for this test");
        // The program has its own: else the end of what it draws would never come.
        drop(pair.slave);
        let reader = pair.master.try_clone_reader().expect("a reader");
        let keyboard = pair.master.take_writer().expect("a writer");
        let (rows, columns) = cells(at);
        let tube = Arc::new(Tube {
            parser: Mutex::new(vt100::Parser::new(rows, columns, 0)),
            bytes: Mutex::default(),
            is_held: Mutex::default(),
            released: Condvar::new(),
        });
        Self {
            home,
            child,
            master: pair.master,
            keyboard: Mutex::new(keyboard),
            drawn: follow(reader, tube.clone()),
            tube,
        }
    }

    /// What `pick` makes of the screen, as soon as it makes something of it.
    pub(crate) async fn find<T>(
        &self,
        what: &str,
        pick: impl Fn(&vt100::Screen) -> Option<T>,
    ) -> T {
        let mut drawn = self.drawn.clone();
        let finding = async {
            loop {
                let ended = drawn.borrow_and_update().ended;
                // Half a picture is none: what is looked for may stand beside what is about to go.
                if (ended || self.is_whole())
                    && let Some(found) = pick(lock(&self.tube.parser).screen())
                {
                    return Some(found);
                }
                if ended || drawn.changed().await.is_err() {
                    return None;
                }
            }
        };
        let limit = super::PATIENCE;
        let found = tokio::time::timeout(limit, finding).await;
        let found = found
            .unwrap_or_else(|_| panic!("waited {limit:?} in vain for {what} on\n{}", self.text()));
        found.unwrap_or_else(|| panic!("the program ended without {what}:\n{}", self.text()))
    }

    /// Whether the last picture has been drawn to its end, as far as the program says where pictures begin and end.
    fn is_whole(&self) -> bool {
        let bytes = lock(&self.tube.bytes);
        let last = |mark: &[u8]| bytes.windows(mark.len()).rposition(|at| at == mark);
        last(b"\x1b[?2026h") <= last(b"\x1b[?2026l")
    }

    /// Waits until the screen shows `text`; returns the whole screen.
    pub(crate) async fn shows(&self, text: &str) -> String {
        let pick = |screen: &vt100::Screen| {
            let shown = screen.contents();
            shown.contains(text).then_some(shown)
        };
        self.find(&format!("`{text}`"), pick).await
    }

    /// Waits until the screen does not show `text` any more.
    pub(crate) async fn hides(&self, text: &str) -> String {
        let pick = |screen: &vt100::Screen| {
            let shown = screen.contents();
            (!shown.contains(text)).then_some(shown)
        };
        self.find(&format!("`{text}` to go"), pick).await
    }

    /// Waits until the program has sent `bytes`, since it began.
    pub(crate) async fn sends(&self, bytes: &str) {
        let sent = |_: &vt100::Screen| {
            let all = lock(&self.tube.bytes);
            let mut places = all.windows(bytes.len());
            places.any(|at| at == bytes.as_bytes()).then_some(())
        };
        self.find(&format!("the bytes {bytes:?}"), sent).await;
    }

    /// Forgets what was sent so far.
    pub(crate) fn forget(&self) {
        lock(&self.tube.bytes).clear();
    }

    /// Everything that it has sent, since it began or was told to forget.
    pub(crate) fn sent(&self) -> Vec<u8> {
        lock(&self.tube.bytes).clone()
    }

    /// Reads nothing more of what the program draws, or goes on.
    pub(crate) fn hold(&self, is_held: bool) {
        *lock(&self.tube.is_held) = is_held;
        self.tube.released.notify_all();
    }

    /// Types `keys`, escape sequences included.
    pub(crate) fn types(&self, keys: &str) {
        let mut keyboard = lock(&self.keyboard);
        let typed = keyboard.write_all(keys.as_bytes());
        typed
            .and_then(|()| keyboard.flush())
            .expect("the program reads its terminal");
    }

    /// Gives the terminal another size, which the program is told by a signal.
    pub(crate) fn resize(&self, at: (u16, u16)) {
        let (rows, columns) = cells(at);
        lock(&self.tube.parser).set_size(rows, columns);
        self.master.resize(size(at)).expect("a size");
    }

    /// Looks at the terminal as it is.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&vt100::Screen) -> T) -> T {
        at(lock(&self.tube.parser).screen())
    }

    /// What is on it.
    pub(crate) fn text(&self) -> String {
        self.look(vt100::Screen::contents)
    }

    /// The home directory of the program.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.process_id().expect("it was started")
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        kill_process(id.expect("a process id is positive"), signal)
            .expect("the program takes signals");
    }

    /// Waits until it has ended.
    pub(crate) async fn exit(&mut self) -> ExitStatus {
        let mut drawn = self.drawn.clone();
        // An error means that the reader is gone, and so the program.
        let _ = patiently("the program to end", drawn.wait_for(|drawn| drawn.ended)).await;
        self.child.wait().expect("a child can be waited for")
    }
}

/// Shows what the program draws, to the end.
fn follow(mut reader: Box<dyn Read + Send>, tube: Arc<Tube>) -> watch::Receiver<Drawn> {
    let (sender, drawn) = watch::channel(Drawn::default());
    std::thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        // A terminal whose program has gone answers with an error.
        while let Ok(read @ 1..) = reader.read(&mut buffer) {
            let held = lock(&tube.is_held);
            // An error means that the test has panicked.
            drop(tube.released.wait_while(held, |is_held| *is_held));
            lock(&tube.bytes).extend(&buffer[..read]);
            lock(&tube.parser).process(&buffer[..read]);
            sender.send_modify(|drawn| drawn.reads += 1);
        }
        sender.send_modify(|drawn| drawn.ended = true);
    });
    drawn
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.hold(false);
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
