//! The built binary as a child process, with a home directory of its own.
//!
//! Its output is read to the end by threads, so that it never blocks on a full pipe, and kept for
//! tests that look for what must not be in it. It is killed by its own id when it is dropped.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;

use super::client::{Client, Endpoint};
use super::patiently;

/// A started binary.
pub(crate) struct Binary {
    child: Child,
    home: Arc<TempDir>,
    stdout: Captured,
    stderr: Captured,
}

/// What came out of one pipe, and whether it has ended.
struct Captured {
    text: Arc<Mutex<String>>,
    progress: watch::Receiver<Progress>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Clone, Copy, Default)]
struct Progress {
    lines: usize,
    ended: bool,
}

impl Captured {
    fn of(pipe: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let (sender, progress) = watch::channel(Progress::default());
        let kept = text.clone();
        let reader = std::thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                lock(&kept).push_str(&String::from_utf8_lossy(&line));
                sender.send_modify(|progress| progress.lines += 1);
                line.clear();
            }
            sender.send_modify(|progress| progress.ended = true);
        });
        Self {
            text,
            progress,
            reader: Some(reader),
        }
    }

    fn text(&self) -> String {
        lock(&self.text).clone()
    }

    /// What `pick` makes of the text, as soon as it makes something of it.
    async fn find<T>(&self, what: &str, pick: impl Fn(&str) -> Option<T>) -> T {
        let mut progress = self.progress.clone();
        let finding = async {
            loop {
                let ended = progress.borrow_and_update().ended;
                if let Some(found) = pick(&self.text()) {
                    return found;
                }
                let goes_on = !ended && progress.changed().await.is_ok();
                assert!(goes_on, "the output ended without {what}: {}", self.text());
            }
        };
        patiently(what, finding).await
    }

    async fn first_line(&self) -> Option<String> {
        let mut progress = self.progress.clone();
        let line = progress.wait_for(|seen| seen.lines > 0 || seen.ended);
        // An error means that the reader is gone: then what came is all there is.
        let _ = patiently("the first line of output", line).await;
        self.text().lines().next().map(str::to_owned)
    }

    async fn ended(&self) {
        let mut progress = self.progress.clone();
        // As above.
        let _ = patiently("the program to end", progress.wait_for(|seen| seen.ended)).await;
    }
}

fn lock(text: &Mutex<String>) -> std::sync::MutexGuard<'_, String> {
    text.lock()
        .expect("no reader panics while it holds the text")
}

impl Binary {
    /// Runs the binary with `args` and `--config` with a file that holds `config`.
    pub(crate) fn launch(config: &str, args: &[&str]) -> Self {
        let home = tempfile::tempdir().expect("a temporary directory");
        let file = home.path().join("test.json");
        std::fs::write(&file, config).expect("a writable temporary directory");
        let file = file.to_string_lossy();
        let args = args.iter().copied().chain(["--config", &*file]);
        Self::run(home, args, [])
    }

    /// Runs the binary with `args` in `home`, which others may share. Of this process's environment it gets
    /// nothing but the path, and `variables` beside it.
    pub(crate) fn run<'a>(
        home: impl Into<Arc<TempDir>>,
        args: impl IntoIterator<Item = &'a str>,
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let home = home.into();
        let command = command(&home, args, variables);
        Self::spawn(home, command)
    }

    /// The same in a process group of its own, which is what a shell gives to each line that is typed.
    pub(crate) fn run_as_typed<'a>(
        home: impl Into<Arc<TempDir>>,
        args: impl IntoIterator<Item = &'a str>,
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let home = home.into();
        let mut command = command(&home, args, variables);
        command.process_group(0);
        Self::spawn(home, command)
    }

    /// Runs the binary once more, in the home of this one and with its configuration.
    pub(crate) fn again(&self, args: &[&str]) -> Self {
        let file = self.home.path().join("test.json");
        let file = file.to_string_lossy();
        let args = args.iter().copied().chain(["--config", &*file]);
        Self::run(self.home.clone(), args, [])
    }

    fn spawn(home: Arc<TempDir>, mut command: Command) -> Self {
        let mut child = command.spawn().expect("the binary was built for this test");
        let stdout = Captured::of(child.stdout.take().expect("a piped stdout"));
        let stderr = Captured::of(child.stderr.take().expect("a piped stderr"));
        Self {
            child,
            home,
            stdout,
            stderr,
        }
    }

    /// Starts a gateway with the configuration `config` on a free port and waits until it listens.
    pub(crate) async fn start(config: &str) -> (Self, Client) {
        Self::start_with(config, &["--port", "0"]).await
    }

    /// Starts a gateway with the configuration `config` and more arguments.
    pub(crate) async fn start_with(config: &str, args: &[&str]) -> (Self, Client) {
        let binary = Self::launch(config, &[&["start", "--json"], args].concat());
        let client = binary.client().await;
        (binary, client)
    }

    /// What `--json` says when the gateway listens.
    pub(crate) async fn banner(&self) -> Value {
        let line = self.stdout.first_line().await;
        let line = line.unwrap_or_else(|| panic!("no output; stderr: {}", self.stderr()));
        serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{error}: {line}\nstderr: {}", self.stderr()))
    }

    /// A client of the gateway that this binary says it runs.
    pub(crate) async fn client(&self) -> Client {
        let banner = self.banner().await;
        if let Some(path) = banner["socket"].as_str() {
            return Client::new(Endpoint::Unix(PathBuf::from(path)));
        }
        let url = banner["url"]
            .as_str()
            .unwrap_or_else(|| panic!("no url in {banner}"));
        let address = url.trim_start_matches("http://").trim_end_matches('/');
        let address: SocketAddr = address
            .parse()
            .unwrap_or_else(|error| panic!("{error}: {url}"));
        Client::new(Endpoint::Tcp(address))
    }

    /// What `--json` says of a tunnel, as soon as it is as wanted.
    pub(crate) async fn tunnel(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let pick = |text: &str| {
            let lines = text.lines().map(|line| -> Value {
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
            });
            let mut tunnels = lines.map(|mut line| line["tunnel"].take());
            tunnels.find(|tunnel| is(tunnel))
        };
        self.stdout.find(what, pick).await
    }

    /// Waits until stderr says `text`, whole lines at a time.
    pub(crate) async fn says(&self, text: &str) -> String {
        let pick = |said: &str| said.contains(text).then(|| said.to_owned());
        self.stderr.find(&format!("`{text}`"), pick).await
    }

    /// Waits until stdout has `text`, whole lines at a time.
    pub(crate) async fn prints(&self, text: &str) -> String {
        let pick = |said: &str| said.contains(text).then(|| said.to_owned());
        self.stdout.find(&format!("`{text}`"), pick).await
    }

    /// Waits until stderr says all of `words` in this order, wherever its lines are broken.
    pub(crate) async fn tells(&self, words: &[&str]) {
        let pick = |said: &str| {
            let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
            let mut words = words.iter();
            let rest = words.try_fold(&*said, |said, word| Some(said.split_once(word)?.1));
            rest.map(drop)
        };
        self.stderr.find(&format!("{words:?}"), pick).await;
    }

    /// Its home directory.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// What it has written to stdout so far.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What it has written to stderr so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the child takes signals");
    }

    /// Sends a signal to its process group, as Ctrl-C does at a terminal. It must run as typed.
    pub(crate) fn signal_group(&self, signal: Signal) {
        kill_process_group(self.pid(), signal).expect("the group takes signals");
    }

    /// It has not been waited for, so the id is still its own.
    fn pid(&self) -> Pid {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        id.expect("a process id is positive")
    }

    /// Waits until it has ended.
    pub(crate) async fn exit(&mut self) -> ExitStatus {
        // The pipes close with the process; then waiting does not block.
        self.stdout.ended().await;
        self.stderr.ended().await;
        self.child.wait().expect("a child can be waited for")
    }
}

fn command<'a>(
    home: &TempDir,
    args: impl IntoIterator<Item = &'a str>,
    variables: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_autogw"));
    command
        .args(args)
        .env_clear()
        .env("AUTOGW_HOME", home.path())
        .env("HOME", home.path())
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(variables)
        .current_dir(home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

impl Drop for Binary {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        for pipe in [&mut self.stdout, &mut self.stderr] {
            if let Some(reader) = pipe.reader.take() {
                let _ = reader.join();
            }
        }
    }
}
