//! The processes under measurement: started on a free port, read through `/proc`, killed and waited for on drop.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::tongue::Tongue;
use super::upstream::{HOLDING_MODEL, MODEL};

/// How the bench's clients present [`CLIENT_KEY`].
pub(crate) const BEARER: &str = "Bearer client-key";
/// The key that the gateway asks for.
const CLIENT_KEY: &str = "client-key";

/// Longest wait for a process to print its address.
const PATIENCE: Duration = Duration::from_secs(10);
/// What `utime` and `stime` of `/proc/PID/stat` count in: Linux has shown user space 100 ticks a second for ever.
const TICK: Duration = Duration::from_millis(10);

/// What to start.
#[derive(Clone)]
pub(crate) enum Launch {
    /// The scripted upstream, out of this executable.
    Upstream,
    /// The yardstick, out of this executable, in front of that upstream.
    Yardstick(SocketAddr),
    /// This autogw, in front of that upstream.
    Gateway(PathBuf, SocketAddr),
    /// The same with a provider of every dialect there.
    Translator(PathBuf, SocketAddr),
}

impl Launch {
    /// Whether it has a gateway's endpoints and log.
    pub(crate) fn is_gateway(&self) -> bool {
        matches!(self, Launch::Gateway(..) | Launch::Translator(..))
    }

    /// The same gateway with a provider of every dialect; `None` if it is none.
    pub(crate) fn translator(&self) -> Option<Self> {
        match self {
            Launch::Gateway(binary, upstream) => Some(Self::Translator(binary.clone(), *upstream)),
            _ => None,
        }
    }

    fn upstream(&self) -> Option<SocketAddr> {
        match self {
            Launch::Upstream => None,
            Launch::Yardstick(upstream)
            | Launch::Gateway(_, upstream)
            | Launch::Translator(_, upstream) => Some(*upstream),
        }
    }

    fn command(&self, home: &Path) -> Result<Command> {
        let mut command = match self {
            Launch::Upstream => role(&["upstream"])?,
            Launch::Yardstick(upstream) => role(&["yardstick", &upstream.to_string()])?,
            Launch::Gateway(binary, upstream) => {
                gateway(binary, home, &json!([chat_provider(*upstream)]))?
            }
            Launch::Translator(binary, upstream) => {
                let providers = Tongue::ALL.map(|tongue| tongue.provider(*upstream));
                gateway(binary, home, &json!(providers))?
            }
        };
        // Nothing of this machine's configuration, proxies or keys reaches the measurement.
        command
            .env_clear()
            .env("HOME", home)
            .env("AUTOGW_HOME", home);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Ok(command)
    }
}

fn role(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments);
    Ok(command)
}

/// Providers, and a client key; everything else, the log file among it, as it is by default.
fn gateway(binary: &Path, home: &Path, providers: &Value) -> Result<Command> {
    let file = home.join("config.json");
    let config = json!({"server": {"api_key": CLIENT_KEY}, "providers": providers});
    fs::write(&file, config.to_string())?;
    let mut command = Command::new(binary);
    command.args(["start", "--port", "0", "--config"]).arg(file);
    Ok(command)
}

fn chat_provider(upstream: SocketAddr) -> Value {
    let mut provider = Tongue::Chat.provider(upstream);
    provider["models"] = json!([MODEL, HOLDING_MODEL]);
    provider
}

/// A running child process.
pub(crate) struct Process {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// When it was spawned.
    pub(crate) spawned: Instant,
    // Before `home`, so that the process is gone when its directory is removed.
    child: Reaped,
    home: TempDir,
}

impl Process {
    /// Starts it in a directory of its own and waits for the address it prints.
    pub(crate) fn start(launch: &Launch) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let mut command = launch.command(home.path())?;
        let spawned = Instant::now();
        let mut child = Reaped(
            command
                .spawn()
                .with_context(|| format!("cannot run {command:?}"))?,
        );
        let lines = lines_of(&mut child.0);
        let address = announced(&lines, launch.upstream())
            .with_context(|| format!("{command:?} did not start"))?;
        Ok(Self {
            address,
            spawned,
            child,
            home,
        })
    }

    /// On-CPU time of all its threads so far.
    pub(crate) fn cpu(&self) -> Result<Cpu> {
        Cpu::of(self.child.0.id())
    }

    /// Resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.0.id()))?;
        let value = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let value = value.context("no VmRSS in /proc/PID/status")?;
        Ok(value.trim().trim_end_matches(" kB").parse()?)
    }

    /// Lines in the files of its log directory; 0 if there is none.
    pub(crate) fn logged_lines(&self) -> Result<usize> {
        let Ok(logs) = fs::read_dir(self.home.path().join("logs")) else {
            return Ok(0);
        };
        let mut lines = 0;
        for file in logs {
            lines += memchr::memchr_iter(b'\n', &fs::read(file?.path())?).count();
        }
        Ok(lines)
    }
}

/// A child that is killed and waited for when dropped.
struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Lines of stdout and stderr. The readers go on after the receiver is gone, so that the child never blocks on a pipe.
fn lines_of(child: &mut Child) -> Receiver<String> {
    let (sender, receiver) = channel();
    if let Some(stdout) = child.stdout.take() {
        drain(stdout, sender.clone());
    }
    if let Some(stderr) = child.stderr.take() {
        drain(stderr, sender);
    }
    receiver
}

fn drain(pipe: impl Read + Send + 'static, lines: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let _ = lines.send(line);
        }
    });
}

fn announced(lines: &Receiver<String>, upstream: Option<SocketAddr>) -> Result<SocketAddr> {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = String::new();
    while let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        // A banner may name the upstream too.
        if let Some(own) = addresses_in(&line).find(|address| Some(*address) != upstream) {
            return Ok(own);
        }
        seen.push_str(&line);
        seen.push('\n');
    }
    bail!("it printed no http://127.0.0.1:PORT, only:\n{seen}")
}

fn addresses_in(line: &str) -> impl Iterator<Item = SocketAddr> {
    line.split("http://127.0.0.1:").skip(1).filter_map(|rest| {
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        Some(([127, 0, 0, 1], digits.parse().ok()?).into())
    })
}

/// A reading of how long a process has been on a CPU.
///
/// `schedstat` counts nanoseconds, so a run of a second is exact to the microsecond; but it is kept per thread, and a thread
/// that ends takes its share with it. `stat` keeps that share but counts in ticks of 10 ms. So `schedstat` is
/// used unless a thread was lost between two readings.
pub(crate) struct Cpu {
    threads: BTreeMap<String, Duration>,
    ticks: Duration,
}

impl Cpu {
    fn of(pid: u32) -> Result<Self> {
        let mut threads = BTreeMap::new();
        for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
            let path = thread?.path();
            // A thread may end between the listing and the reading.
            if let Ok(schedstat) = fs::read_to_string(path.join("schedstat")) {
                threads.insert(path.display().to_string(), on_cpu(&schedstat)?);
            }
        }
        let ticks = ticks(&fs::read_to_string(format!("/proc/{pid}/stat"))?)?;
        Ok(Self { threads, ticks })
    }

    /// On-CPU time since the `earlier` reading of the same process.
    pub(crate) fn since(&self, earlier: &Cpu) -> Duration {
        let lost = earlier
            .threads
            .keys()
            .any(|thread| !self.threads.contains_key(thread));
        if lost {
            return self.ticks.saturating_sub(earlier.ticks);
        }
        let before: Duration = earlier.threads.values().sum();
        self.threads
            .values()
            .sum::<Duration>()
            .saturating_sub(before)
    }
}

/// The first field of `schedstat`: nanoseconds on a CPU.
fn on_cpu(schedstat: &str) -> Result<Duration> {
    let field = schedstat.split(' ').next().context("empty schedstat")?;
    Ok(Duration::from_nanos(field.parse()?))
}

/// Fields 14 and 15 of `stat`, counted behind the command name, which may hold spaces.
fn ticks(stat: &str) -> Result<Duration> {
    let (_, fields) = stat
        .rsplit_once(") ")
        .context("no command name in /proc/PID/stat")?;
    let used: Vec<u32> = fields
        .split(' ')
        .skip(11)
        .take(2)
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    Ok(TICK * used.iter().sum::<u32>())
}
