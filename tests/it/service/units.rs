//! The unit, as systemd itself judges it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use autogw::cli::service::{Scope, Unit};
use tempfile::TempDir;

/// The unit of a machine where nothing is odd.
fn usual(scope: Scope) -> Unit {
    Unit {
        scope,
        name: "autogw".to_owned(),
        program: PathBuf::from("/usr/local/bin/autogw"),
        arguments: Vec::new(),
        home: (scope == Scope::System).then(|| PathBuf::from("/var/lib/autogw")),
        env_file: PathBuf::from("/etc/auto-gateway/env"),
        needs_env_file: false,
        has_config: true,
        drain: Duration::from_secs(30),
        has_low_port: false,
        writes_to: Vec::new(),
        systemd: None,
    }
}

#[test]
fn the_unit_in_the_assets_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/deploy/autogw.service");
    let text = usual(Scope::System).text();
    if std::env::var_os("UPDATE_ASSETS").is_some() {
        fs::write(path, &text).expect("the asset is written");
    }
    let current = fs::read_to_string(path).unwrap_or_default();
    assert!(current == text, "run this test with UPDATE_ASSETS=1");
}

/// What `systemd-analyze` says; `None` where it is not installed.
#[expect(
    clippy::print_stdout,
    reason = "whoever reads the output must see what was not tested"
)]
fn analyze(home: &Path, arguments: &[&str]) -> Option<Output> {
    let mut command = Command::new("systemd-analyze");
    command
        .args(arguments)
        .env("XDG_RUNTIME_DIR", home)
        .env("HOME", home);
    let output = command.output().ok();
    if output.is_none() {
        println!("not tested: there is no systemd-analyze");
    }
    output
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

/// Writes `unit` where the program that it starts is there as well.
fn put(home: &TempDir, mut unit: Unit, program: &str) -> String {
    unit.program = home.path().join(program);
    fs::write(&unit.program, "#!/bin/sh\n").expect("written");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&unit.program, executable).expect("set");
    let path = home.path().join(unit.file_name());
    fs::write(&path, unit.text()).expect("written");
    path.display().to_string()
}

#[test]
fn systemd_finds_no_fault_in_it() {
    for scope in [Scope::System, Scope::User] {
        for program in ["autogw", "auto gw", "100%", "of $HOME"] {
            let home = tempfile::tempdir().expect("a directory");
            let unit = Unit {
                arguments: vec![
                    "--config".to_owned(),
                    r#"/etc/a b/50%/$x it's "a\b".json"#.to_owned(),
                ],
                has_low_port: program == "100%",
                writes_to: vec![PathBuf::from("/srv/a b"), PathBuf::from("/srv/50%")],
                ..usual(scope)
            };
            let path = put(&home, unit, program);
            let manager = match scope {
                Scope::System => "--system",
                Scope::User => "--user",
            };
            let arguments = ["verify", "--man=no", manager, &*path];
            let Some(output) = analyze(home.path(), &arguments) else {
                return;
            };
            let said = said(&output);
            let about_it: Vec<&str> = said
                .lines()
                .filter(|line| line.contains("autogw.service"))
                .collect();
            assert!(
                output.status.success() && about_it.is_empty(),
                "{program}: {said}"
            );
        }
    }
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "whoever reads the output must see what was not tested"
)]
fn little_is_exposed() {
    let home = tempfile::tempdir().expect("a directory");
    for (has_low_port, most) in [(false, "15"), (true, "20")] {
        let unit = Unit {
            has_low_port,
            ..usual(Scope::System)
        };
        let path = put(&home, unit, "autogw");
        let threshold = format!("--threshold={most}");
        let arguments = [
            "security",
            "--offline=true",
            "--no-pager",
            &*threshold,
            &*path,
        ];
        let Some(output) = analyze(home.path(), &arguments) else {
            return;
        };
        let said = said(&output);
        if said.contains("unrecognized option") {
            println!("not tested: {said}");
            return;
        }
        assert!(output.status.success(), "{said}");
    }
}

#[test]
fn what_a_version_knows_is_what_it_is_given() {
    let text = |systemd| {
        Unit {
            systemd,
            ..usual(Scope::System)
        }
        .text()
    };
    for (systemd, has, has_not) in [
        (
            None,
            "Type=notify\nExecReload=kill -HUP $MAINPID\n",
            "RestartSteps",
        ),
        (Some(252), "Type=notify\n", "Type=notify-reload"),
        (Some(253), "Type=notify-reload\n", "ExecReload"),
        (Some(254), "RestartSteps=", "ExecReload"),
    ] {
        let text = text(systemd);
        assert!(
            text.contains(has) && !text.contains(has_not),
            "{systemd:?}: {text}"
        );
    }
}

#[test]
fn a_capability_is_for_a_low_port_only() {
    let text = |has_low_port| {
        Unit {
            has_low_port,
            ..usual(Scope::System)
        }
        .text()
    };
    assert!(text(true).contains("\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n"));
    assert!(text(false).contains("\nCapabilityBoundingSet=\nAmbientCapabilities=\n"));
    // A service of a person has none to give away.
    let person = Unit {
        has_low_port: true,
        ..usual(Scope::User)
    };
    assert!(!person.text().contains("Capabilit"));
}
