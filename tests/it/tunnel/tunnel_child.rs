//! The hidden verb: what it starts ends with the process that asked for it, however that ends.

use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, getpid};
use tempfile::TempDir;

use crate::support::standin::{self, Standin, Watched};

const AUTOGW: &str = env!("CARGO_BIN_EXE_autogw");

/// A file that the stand-in can read, in a directory of its own.
fn config() -> (TempDir, String) {
    let home = tempfile::tempdir().expect("a temporary directory");
    let path = home.path().join("config.yml");
    std::fs::write(&path, "").expect("a writable temporary directory");
    let path = path.to_string_lossy().into_owned();
    (home, path)
}

/// A shell that runs `script`, in which `"$@"` are `words`.
fn shell<'a>(script: &str, words: impl IntoIterator<Item = &'a str>) -> Child {
    Command::new("sh")
        .args(["-c", script, "sh"])
        .args(words)
        .stdin(Stdio::null())
        .spawn()
        .expect("a shell")
}

#[tokio::test]
async fn a_killed_parent_leaves_no_child() {
    let (_home, config) = config();
    let standin = Standin::listen().await;
    let args = standin.args();
    let program = standin::program().to_string_lossy();
    let words = [AUTOGW, &program, "tunnel", "--config", &config];
    let words = words.into_iter().chain(args.iter().map(String::as_str));
    let script = r#"verb=$1; shift; "$verb" tunnel-child --parent $$ -- "$@" & wait"#;
    let mut parent = shell(script, words);
    let run = standin.started().await;
    assert!(run.is_there());
    parent.kill().expect("it runs");
    parent.wait().expect("it ends");
    run.gone().await;
}

#[tokio::test]
async fn it_starts_nothing_for_a_parent_that_is_gone() {
    let (home, _) = config();
    let made = home.path().join("made");
    let output = Command::new(AUTOGW)
        .args(["tunnel-child", "--parent", "1", "--", "touch"])
        .arg(&made)
        .output()
        .expect("the binary was built for this test");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("the gateway is gone"), "{said}");
    assert!(!made.exists());
}

#[tokio::test]
async fn it_becomes_the_program_with_its_arguments_and_status() {
    let parent = getpid().as_raw_nonzero().to_string();
    let output = Command::new(AUTOGW)
        .args(["tunnel-child", "--parent", &parent, "--"])
        .args(["sh", "-c", "echo \"$@\"; exit 7", "sh", "--help", "a b"])
        .output()
        .expect("the binary was built for this test");
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "--help a b\n");
}

/// What the verb does where the kernel does not tell of a death.
#[tokio::test]
async fn where_the_kernel_does_not_tell_somebody_looks_on() {
    let mut gateway = shell("exec sleep 1000", []);
    let id = gateway.id().to_string();
    let script = r#""$1" tunnel-child --watch --parent "$2" & exec sleep 1000"#;
    let mut program = shell(script, [AUTOGW, &id]);
    let pid = i32::try_from(program.id()).ok().and_then(Pid::from_raw);
    let end = Watched::new(pid.expect("a process id"));
    gateway.kill().expect("it runs");
    gateway.wait().expect("it ends");
    end.gone().await;
    assert!(!program.wait().expect("it ends").success());
}
