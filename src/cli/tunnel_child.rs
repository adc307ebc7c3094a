//! `autogw tunnel-child`, a hidden verb: becomes the program of a tunnel, which then ends with the gateway.
//!
//! A gateway that is killed can end nobody. On Linux the kernel does it: the signal for the death of its
//! parent is asked for here, between start and program, because a process can ask for itself only, and
//! stays in force when it becomes another program. It follows the thread that started the process, so that
//! thread must live as long as the program. Elsewhere a second process looks on, once a second.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use clap::Args;
use rustix::process::{Pid, Signal, getppid, kill_process, test_kill_process};

use crate::tunnel::cloudflared::CANNOT_EXECUTE;

use super::console::Console;
use super::exit::Exit;

/// How often the gateway is looked for where the kernel does not tell of its end.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Become the program of a tunnel, which ends with the gateway
#[derive(Debug, Args)]
pub struct TunnelChildArgs {
    /// Process id of the gateway
    #[arg(long, value_name = "PID")]
    parent: i32,

    /// Look on instead: end the process that started this one when the gateway is gone
    #[arg(long, conflicts_with = "command")]
    watch: bool,

    /// The program and its arguments
    #[arg(last = true, required_unless_present = "watch")]
    command: Vec<OsString>,
}

/// Runs the verb: returns only if it cannot become the program, or after having looked on.
pub fn run(args: &TunnelChildArgs, console: &mut Console<'_>) -> Exit {
    let Some(parent) = Pid::from_raw(args.parent) else {
        console.error("0 is no process id", None);
        return Exit::Usage;
    };
    if args.watch {
        look_on(parent);
        return Exit::Done;
    }
    let error = become_program(&args.command, parent);
    let program = Path::new(&args.command[0]).display();
    console.error(format!("{CANNOT_EXECUTE} {program}: {error}"), None);
    Exit::Failed
}

/// Returns only if that cannot be done.
fn become_program(command: &[OsString], parent: Pid) -> io::Error {
    if let Err(error) = end_with(parent) {
        return error;
    }
    // The gateway may have died before the signal was asked for: then it never comes.
    if getppid() != Some(parent) {
        return io::Error::other("the gateway is gone");
    }
    Command::new(&command[0]).args(&command[1..]).exec()
}

#[cfg(target_os = "linux")]
fn end_with(_: Pid) -> io::Result<()> {
    Ok(rustix::process::set_parent_process_death_signal(Some(
        Signal::KILL,
    ))?)
}

/// The process that looks on is a child of the program, in its process group, and ends with it.
#[cfg(not(target_os = "linux"))]
fn end_with(parent: Pid) -> io::Result<()> {
    use std::process::Stdio;

    let parent = parent.as_raw_nonzero().to_string();
    Command::new(std::env::current_exe()?)
        .args(["tunnel-child", "--watch", "--parent", &parent])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    Ok(())
}

fn look_on(parent: Pid) {
    let program = getppid();
    while getppid() == program && test_kill_process(parent).is_ok() {
        sleep(LOOK_EVERY);
    }
    if let Some(program) = program.filter(|_| getppid() == program) {
        // An error means that it has just ended.
        let _ = kill_process(program, Signal::KILL);
    }
}
