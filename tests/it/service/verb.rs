//! The verb, on a machine that is a directory: its `systemctl` writes down what it is told.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use autogw::cli::console::Console;
use autogw::cli::exit::Exit;
use autogw::cli::service::{self, Machine, ServiceArgs};
use autogw::config::{Environment, Style};
use clap::Parser as _;
use tempfile::TempDir;

/// The arguments of the verb.
#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    service: ServiceArgs,
}

/// Answers as systemd 255 does; `state` beside it is what a unit is like.
const SYSTEMCTL: &str = r#"#!/bin/sh
here="$(dirname "$0")"
echo "$@" >> "$here/calls"
case "$*" in
  *--property=Version*) echo 255.4-1 ;;
  *show-environment*) echo "PATH=/usr/bin" ;;
  *"show --property"*) cat "$here/state" 2>/dev/null ;;
  *restart*) printf 'ActiveState=active\nUnitFileState=enabled\nMainPID=7\nStatusText=serving http://127.0.0.1:8000 with a\n' > "$here/state" ;;
  *disable*) rm -f "$here/state" ;;
esac
"#;

const CONFIG: &str =
    r#"{ "providers": [{ "name": "a", "type": "openai", "api_key": "${A_KEY}" }] }"#;

/// A machine of a person who is not root, unless the test is about the system.
struct Desk {
    root: TempDir,
    env: Environment,
}

impl Desk {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a directory");
        let at = |name: &str| root.path().join(name).display().to_string();
        for directory in [
            "bin",
            "home/.auto-gateway",
            "etc/auto-gateway",
            "etc/systemd/system",
        ] {
            fs::create_dir_all(root.path().join(directory)).expect("made");
        }
        let env = Environment::empty()
            .with_home(at("home"))
            .with("PATH", format!("{}:/usr/bin:/bin", at("bin")))
            .with("USER", "p");
        let desk = Self { root, env };
        desk.put("bin/systemctl", SYSTEMCTL, 0o755);
        desk.put("bin/loginctl", "#!/bin/sh\necho no\n", 0o755);
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn put(&self, name: &str, text: &str, mode: u32) {
        let path = self.path(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// What systemctl has been told since the last question.
    fn calls(&self) -> Vec<String> {
        let calls = self.read("bin/calls");
        _ = fs::remove_file(self.path("bin/calls"));
        let told = calls.lines().filter(|line| !line.contains("show"));
        let plain = told.map(|line| line.replace("--no-pager --no-ask-password ", ""));
        plain.collect()
    }

    async fn does(&self, line: &str) -> (Exit, String) {
        let words = std::iter::once("service").chain(line.split_whitespace());
        let args = Line::try_parse_from(words).unwrap_or_else(|error| panic!("{error}"));
        let machine = Machine {
            root: self.root.path().to_owned(),
            program: Path::new("/usr/local/bin/autogw").to_owned(),
            is_root: false,
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut console = Console::new(&mut out, &mut err, Style::Plain);
        let exit = service::run_on(&machine, &args.service, &self.env, &mut console).await;
        let said = [out, err].concat();
        (exit, String::from_utf8(said).expect("text"))
    }
}

#[tokio::test]
async fn a_service_of_a_person_is_installed_once_and_removed_once() {
    let desk = Desk::new();
    desk.put("home/.auto-gateway/config.json", CONFIG, 0o600);
    desk.put("home/.auto-gateway/env", "A_KEY=k\n", 0o600);
    let unit = "home/.config/systemd/user/autogw.service";

    let (exit, said) = desk.does("install").await;
    assert_eq!(exit, Exit::Done, "{said}");
    for words in [
        "serving http://127.0.0.1:8000",
        "journalctl --user -u autogw",
        "enable-linger",
    ] {
        assert!(said.contains(words), "{said}");
    }
    let text = desk.read(unit);
    assert!(
        text.contains("\nExecStart=/usr/local/bin/autogw start\n"),
        "{text}"
    );
    assert_eq!(
        fs::metadata(desk.path(unit)).expect("there").mode() & 0o777,
        0o644
    );
    let expected = [
        "--user daemon-reload",
        "--user enable autogw.service",
        "--user restart autogw.service",
    ];
    assert_eq!(desk.calls(), expected);

    let (exit, said) = desk.does("install").await;
    assert_eq!(exit, Exit::Done, "{said}");
    assert!(said.contains("already up to date"), "{said}");
    assert_eq!(desk.calls(), [""; 0]);

    let (exit, said) = desk.does("status --json").await;
    assert_eq!(exit, Exit::Done, "{said}");
    let state: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    for (field, expected) in [
        ("installed", serde_json::json!(true)),
        ("enabled", serde_json::json!(true)),
        ("active", serde_json::json!(true)),
        ("pid", serde_json::json!(7)),
        ("drift", serde_json::json!(false)),
        ("scope", serde_json::json!("user")),
    ] {
        assert_eq!(state[field], expected, "{field}: {said}");
    }

    fs::write(
        desk.path(unit),
        text.replace("WatchdogSec=30", "WatchdogSec=9"),
    )
    .expect("written");
    let (_, said) = desk.does("status").await;
    assert!(
        said.contains("run `autogw service install` again"),
        "{said}"
    );

    desk.calls();
    let (exit, said) = desk.does("uninstall").await;
    assert_eq!(exit, Exit::Done, "{said}");
    assert!(
        said.contains("stay in") && !desk.path(unit).exists(),
        "{said}"
    );
    assert!(desk.path("home/.auto-gateway/config.json").exists());
    let expected = [
        "--user disable --now autogw.service",
        "--user daemon-reload",
        "--user reset-failed autogw.service",
    ];
    assert_eq!(desk.calls(), expected);

    let (exit, said) = desk.does("uninstall").await;
    assert_eq!(exit, Exit::Done, "{said}");
    assert!(said.contains("is not installed"), "{said}");
    assert_eq!(desk.does("status").await.0, Exit::Failed);
}

#[tokio::test]
async fn variables_of_the_shell_are_not_those_of_the_service() {
    let mut desk = Desk::new();
    desk.put("home/.auto-gateway/config.json", CONFIG, 0o600);
    desk.env = desk.env.clone().with("A_KEY", "k").with("UNRELATED", "u");
    let (exit, said) = desk.does("install").await;
    assert_eq!(exit, Exit::Usage, "{said}");
    assert!(
        said.contains("needs A_KEY, which your shell has") && said.contains("--env-file"),
        "{said}"
    );
    assert!(!said.contains("UNRELATED"), "{said}");
    assert_eq!(desk.calls(), [""; 0]);

    desk.put("mine.env", "A_KEY=k\n", 0o600);
    let file = desk.path("mine.env");
    let (exit, said) = desk
        .does(&format!("install --no-start --env-file {}", file.display()))
        .await;
    assert_eq!(exit, Exit::Done, "{said}");
    let text = desk.read("home/.config/systemd/user/autogw.service");
    // Without the `-` in front: without it there is nothing to start.
    assert!(
        text.contains(&format!("\nEnvironmentFile={}\n", file.display())),
        "{text}"
    );
    assert_eq!(desk.calls(), ["--user daemon-reload"]);
}

#[tokio::test]
async fn without_a_configuration_nothing_is_installed() {
    let mut desk = Desk::new();
    let (exit, said) = desk.does("install").await;
    assert_eq!(exit, Exit::Usage, "{said}");
    assert!(
        said.contains("there is no configuration") && said.contains("autogw init"),
        "{said}"
    );
    desk.env = desk.env.clone().with("OPENAI_API_KEY", "k");
    let (exit, said) = desk.does("install").await;
    assert_eq!(exit, Exit::Usage, "{said}");
    assert!(said.contains("OPENAI_API_KEY"), "{said}");
    let (exit, said) = desk.does("install --print").await;
    assert_eq!(exit, Exit::Done, "{said}");
    assert!(
        said.contains("ExecStart=/usr/local/bin/autogw start"),
        "{said}"
    );
    assert!(!desk.path("home/.config/systemd").exists());
}

#[tokio::test]
async fn a_unit_of_somebody_else_stays() {
    let desk = Desk::new();
    desk.put(
        "home/.auto-gateway/config.json",
        &CONFIG.replace("${A_KEY}", "k"),
        0o600,
    );
    fs::create_dir_all(desk.path("home/.config/systemd/user")).expect("made");
    let unit = "home/.config/systemd/user/autogw.service";
    desk.put(unit, "[Service]\nExecStart=/bin/true\n", 0o644);
    for line in ["install", "uninstall"] {
        let (exit, said) = desk.does(line).await;
        assert_eq!(exit, Exit::Failed, "{line}: {said}");
        assert!(said.contains("--force"), "{line}: {said}");
    }
    assert!(desk.read(unit).contains("/bin/true"));
    assert_eq!(desk.calls(), [""; 0]);
    let (exit, said) = desk.does("install --force").await;
    assert_eq!(exit, Exit::Done, "{said}");
    assert!(!desk.read(unit).contains("/bin/true"));
}

#[tokio::test]
async fn a_service_of_the_machine_may_read_its_configuration_and_nobody_else() {
    let desk = Desk::new();
    let file = "etc/auto-gateway/config.json";
    desk.put(file, &CONFIG.replace("${A_KEY}", "k"), 0o600);
    // A group that this process may give files to.
    let group = rustix::process::getegid().as_raw();
    desk.put(
        "etc/group",
        &format!("root:x:0:\nautogw:x:{group}:\n"),
        0o644,
    );
    let (exit, said) = desk.does("install --system").await;
    assert_eq!(exit, Exit::Done, "{said}");
    assert!(said.contains("journalctl -u autogw"), "{said}");
    let found = fs::metadata(desk.path(file)).expect("there");
    assert_eq!((found.mode() & 0o777, found.gid()), (0o640, group));
    assert_eq!(
        desk.calls(),
        [
            "daemon-reload",
            "enable autogw.service",
            "restart autogw.service"
        ]
    );
    let text = desk.read("etc/systemd/system/autogw.service");
    for line in [
        "User=autogw",
        "ProtectSystem=strict",
        "Type=notify-reload",
        "Environment=AUTOGW_HOME=/var/lib/autogw",
    ] {
        assert!(text.contains(&format!("\n{line}\n")), "{line}: {text}");
    }
    let (exit, said) = desk.does("uninstall --system").await;
    assert_eq!(exit, Exit::Done, "{said}");
    assert!(
        said.contains("/etc/auto-gateway") && desk.path(file).exists(),
        "{said}"
    );
}

#[tokio::test]
async fn a_named_service_has_a_unit_of_its_own() {
    let desk = Desk::new();
    desk.put(
        "home/.auto-gateway/config.team.json",
        &CONFIG.replace("${A_KEY}", "k"),
        0o600,
    );
    let (exit, said) = desk.does("install --name team").await;
    assert_eq!(exit, Exit::Done, "{said}");
    let text = desk.read("home/.config/systemd/user/autogw-team.service");
    assert!(
        text.contains("\nExecStart=/usr/local/bin/autogw start --name team\n"),
        "{text}"
    );
    let (exit, said) = desk.does("install --system --name team").await;
    assert_eq!(exit, Exit::Usage, "{said}");
    assert!(
        said.contains("/etc/auto-gateway/config.team.json"),
        "{said}"
    );
}

#[tokio::test]
async fn without_systemd_it_is_said_what_to_do() {
    let mut desk = Desk::new();
    desk.put(
        "home/.auto-gateway/config.json",
        &CONFIG.replace("${A_KEY}", "k"),
        0o600,
    );
    let silent = "#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n";
    desk.put("bin/systemctl", silent, 0o755);
    let (exit, said) = desk.does("install").await;
    assert_eq!(exit, Exit::Failed, "{said}");
    assert!(
        said.contains("Failed to connect to bus") && said.contains("--print"),
        "{said}"
    );
    desk.env = desk.env.clone().with("PATH", "/nowhere");
    let (exit, said) = desk.does("install").await;
    assert_eq!(exit, Exit::Failed, "{said}");
    assert!(said.contains("there is no systemd here"), "{said}");
    let (exit, said) = desk.does("install --print").await;
    assert_eq!(exit, Exit::Done, "{said}");
}

#[tokio::test]
async fn a_path_is_no_setting_of_the_unit() {
    let mut desk = Desk::new();
    let odd = desk.path("home/x\nExecStartPre=/bin/evil");
    fs::create_dir_all(&odd).expect("made");
    fs::write(odd.join("config.json"), CONFIG).expect("written");
    desk.env = desk.env.with("AUTOGW_HOME", odd.to_string_lossy());
    for line in ["install", "install --print"] {
        let (exit, said) = desk.does(line).await;
        assert_eq!(exit, Exit::Usage, "{said}");
        assert!(!said.contains("\nExecStartPre"), "{said}");
    }
}

#[tokio::test]
async fn keys_that_others_can_read_are_told() {
    let desk = Desk::new();
    desk.put("home/.auto-gateway/config.json", CONFIG, 0o600);
    for (mode, is_told) in [(0o600, false), (0o644, true), (0o640, true)] {
        desk.put("home/.auto-gateway/env", "A_KEY=k\n", mode);
        let (exit, said) = desk.does("install --no-start").await;
        assert_eq!(exit, Exit::Done, "{said}");
        assert_eq!(said.contains("chmod 600"), is_told, "{mode:o}: {said}");
    }
}
