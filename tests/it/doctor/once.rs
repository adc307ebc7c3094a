//! One fault is told once, and by what it is: not by what follows from it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use serde_json::{Value, json};

use super::setups::{self, CANARY, Setup, finding, provider};
use crate::support::{Binary, Reply, Upstream};

/// The errors of `report`.
fn errors(report: &Value) -> Vec<&Value> {
    let findings = report["findings"].as_array().expect("findings");
    let errors = findings
        .iter()
        .filter(|finding| finding["verdict"] == "error");
    errors.collect()
}

/// The one error of `setup`, which says `fault` and is mended by `fix`.
async fn only(setup: &Setup, fault: &str, fix: &str) {
    let (code, report) = setup.json().await;
    assert_eq!(code, Some(1), "{report}");
    let errors = errors(&report);
    assert_eq!(errors.len(), 1, "{report:#}");
    let said = |field: &str| errors[0][field].as_str().unwrap_or_default().to_owned();
    assert!(said("message").contains(fault), "{report:#}");
    assert!(said("fix").contains(fix), "{report:#}");
}

/// A provider with two keys at `origin`.
fn with_two_keys(origin: &str) -> Value {
    let mut one = provider(origin);
    one["api_key"] = json!([format!("sk-{CANARY}-1"), format!("sk-{CANARY}-2")]);
    one
}

#[tokio::test]
async fn a_machine_without_names_is_one_fault_and_not_one_per_provider() {
    let hosts = ["http://one.invalid", "http://two.invalid"];
    let mut providers = hosts.map(provider);
    providers[1]["name"] = json!("b");
    let setup = Setup::of_providers(providers);
    only(&setup, "no host can be found", "/etc/resolv.conf").await;
    let (_, report) = setup.json().await;
    let error = finding(&report, "error", "providers", "no host can be found");
    assert!(
        error["details"]
            .to_string()
            .contains("one.invalid, two.invalid")
    );
}

#[tokio::test]
async fn a_proxy_that_is_only_a_variable_is_named_where_no_host_is_found() {
    let setup = Setup::of_providers([provider("http://nowhere.invalid")]);
    let proxy = format!("http://joe:{CANARY}@127.0.0.1:9");
    let (_, report) = setup.report(&["--json"], &[("HTTPS_PROXY", &*proxy)]).await;
    let error = finding(&report, "error", "providers", "there is no host");
    let fix = error["fix"].to_string();
    assert!(fix.contains("${HTTPS_PROXY}"), "{report:#}");
}

#[tokio::test]
async fn a_fault_of_all_keys_is_told_once() {
    let silent = Upstream::always(Reply::close()).await;
    let setup = Setup::of_providers([with_two_keys(&setups::url(&silent))]);
    only(&setup, "the connection broke", "check base_url").await;
    assert_eq!(silent.count(), 1, "keys do not help where nobody answers");

    let refusing = Upstream::always(Reply::json(401, json!({}))).await;
    let setup = Setup::of_providers([with_two_keys(&setups::url(&refusing))]);
    only(&setup, "the key was refused", "set another api_key").await;
}

#[tokio::test]
async fn a_key_that_is_refused_beside_a_good_one_is_told_by_its_place() {
    let bad = format!("Bearer sk-{CANARY}-2");
    let upstream = Upstream::answering(move |request, _| match request.header("authorization") {
        Some(key) if key != bad => Reply::json(200, json!({ "data": [{ "id": "m" }] })),
        _ => Reply::json(401, json!({})),
    })
    .await;
    let setup = Setup::of_providers([with_two_keys(&setups::url(&upstream))]);
    only(&setup, "the key was refused", "set another api_key").await;
    let (_, report) = setup.json().await;
    let error = finding(&report, "error", "providers", "the key was refused");
    assert_eq!(error["subject"], "a [key 2]");
}

#[tokio::test]
async fn a_web_page_that_answers_everything_is_no_provider() {
    let page = Reply::typed(200, "text/html", "<html>Welcome</html>");
    let upstream = Upstream::always(page).await;
    let setup = Setup::of_providers([provider(&setups::url(&upstream))]);
    only(&setup, "something that is no API", "correct base_url").await;
}

#[tokio::test]
async fn a_redirect_of_the_same_host_is_the_new_base_url_and_no_other_is() {
    let (own, foreign) = ("/api/v1/models", "https://login.example/api/v1/models");
    for (to, fix) in [(own, "/api/v1"), (foreign, "correct base_url")] {
        let upstream = Upstream::always(Reply::status(301).header("location", to)).await;
        let setup = Setup::of_providers([provider(&setups::url(&upstream))]);
        only(&setup, "HTTP 301: it redirects to http", fix).await;
    }
}

#[tokio::test]
async fn what_a_hand_did_to_a_client_is_told_by_the_harm() {
    let home = Arc::new(tempfile::tempdir().expect("a directory"));
    let gateway = super::start(&home).await;
    let origin = gateway.banner().await["url"].to_string();
    let origin = origin.trim_matches(['"', '/']);
    let mut connect = Binary::run(home.clone(), ["connect", "claude-code"], []);
    let code = connect.exit().await.code();
    assert_eq!(code, Some(0), "{}{}", connect.stdout(), connect.stderr());
    let config = json!({ "server": { "port": 0 }, "providers": [{ "type": "demo" }] });
    let setup = Setup::at(home.clone(), &config.to_string());
    let file = home.path().join(".claude/settings.json");
    let written = fs::read_to_string(&file).expect("the settings");

    // A shell that leads elsewhere.
    let elsewhere = [("ANTHROPIC_BASE_URL", "https://api.other.example/v1")];
    let (code, report) = setup.report(&["--json"], &elsewhere).await;
    assert_eq!(code, Some(0), "{report:#}");
    let fault = "set in this shell and leads to https://api.other.example";
    finding(&report, "note", "clients", fault);
    let same = [("ANTHROPIC_BASE_URL", origin)];
    let (_, report) = setup.report(&["--json"], &same).await;
    finding(&report, "ok", "clients", "connected to http://127.0.0.1:");

    // Another gateway, and that it was changed is not told besides.
    fs::write(&file, written.replace(origin, "http://127.0.0.1:9")).expect("written");
    let (_, report) = setup.json().await;
    finding(
        &report,
        "warning",
        "clients",
        "it leads to http://127.0.0.1:9 by now",
    );
    assert!(
        !report.to_string().contains("was changed since"),
        "{report:#}"
    );

    // No JSON.
    fs::write(&file, format!("{written}}}")).expect("written");
    only(
        &setup,
        "cannot be read any more, from line",
        "`autogw connect claude-code`",
    )
    .await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_port_of_the_own_service_is_not_taken() {
    let home = Arc::new(tempfile::tempdir().expect("a directory"));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let config = json!({ "server": { "port": port }, "providers": [{ "type": "demo" }] });
    let setup = Setup::at(home.clone(), &config.to_string());
    let units = home.path().join(".config/systemd/user");
    fs::create_dir_all(&units).expect("made");
    fs::write(units.join("autogw.service"), "[Service]\n").expect("written");
    let program = home.path().join("systemctl");
    fs::write(&program, "#!/bin/sh\ncat \"${0%/*}/state\"\n").expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let path = format!("{}:/usr/bin:/bin", home.path().display());
    let own = std::process::id();
    for (state, pid, verdict, fault) in [
        ("active", own, "ok", "autogw.service listens here"),
        ("active", 1, "error", "the port is taken by"),
        ("failed", 0, "error", "the port is taken by"),
    ] {
        let says = format!("ActiveState={state}\nMainPID={pid}\n");
        fs::write(home.path().join("state"), says).expect("written");
        let (_, report) = setup.report(&["--json"], &[("PATH", &*path)]).await;
        finding(&report, verdict, "port", fault);
        if state == "failed" {
            let fault = "it is installed and failed";
            let warning = finding(&report, "warning", "service", fault);
            let fix = warning["fix"].to_string();
            assert!(fix.contains("journalctl --user -u autogw"), "{fix}");
        }
    }
}
