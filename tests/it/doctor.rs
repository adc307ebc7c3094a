//! `autogw doctor` on broken setups, each with one fault: it is named, with what mends it, and no secret is told.

mod once;
mod setups;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::connect::tree;
use crate::support::{Binary, Reply, Upstream};
use setups::{CANARY, Setup, provider};

#[tokio::test]
async fn a_demo_is_healthy() {
    let setup = Setup::new(&json!({ "server": { "port": 0 }, "providers": [{ "type": "demo" }] }));
    let (code, report) = setup.json().await;
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(
        (&report["ok"], &report["errors"]),
        (&json!(true), &json!(0))
    );
    let (code, text) = setup.text(&[]).await;
    assert_eq!(code, Some(0));
    assert!(text.contains("  ok       demo: simulated"), "{text}");
    assert!(!text.contains('\u{1b}'), "no colours in a pipe: {text}");
}

#[tokio::test]
async fn what_is_looked_at_is_as_it_was() {
    let setup = Setup::of_providers([provider("http://127.0.0.1:9")]);
    let before = tree(setup.path());
    assert!(!before.is_empty());
    let (code, report) = setup.json().await;
    assert_eq!(code, Some(1), "{report}");
    assert_eq!(tree(setup.path()), before);
}

#[tokio::test]
async fn an_error_of_syntax_has_its_place() {
    let setup = Setup::written("{ \"providers\": [ }");
    setup
        .error("configuration", "not valid JSON", "autogw check /")
        .await;
    let (_, report) = setup.json().await;
    let details = report["findings"][0]["details"].to_string();
    assert!(details.contains("test.json:1:"), "{report}");
}

#[tokio::test]
async fn a_variable_that_is_not_set_is_named() {
    let mut one = provider("http://127.0.0.1:9");
    one["api_key"] = json!("${THE_MISSING_KEY}");
    let setup = Setup::of_providers([one]);
    let fault = "THE_MISSING_KEY is not set";
    setup
        .error("configuration", fault, "set it, or give it a default")
        .await;
}

#[tokio::test]
async fn keys_that_others_can_read_are_a_warning() {
    let upstream = Upstream::always(listing()).await;
    let setup = Setup::of_providers([provider(&setups::url(&upstream))]);
    setup.chmod(0o644);
    let fault = "others can read this file and the keys in it (mode 0644)";
    setup
        .found("warning", "configuration", fault, "chmod 600")
        .await;
}

#[tokio::test]
async fn a_port_that_is_taken_has_a_holder() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let setup =
        Setup::new(&json!({ "server": { "port": port }, "providers": [{ "type": "demo" }] }));
    let fault = if cfg!(target_os = "linux") {
        format!("(pid {})", std::process::id())
    } else {
        "the port is taken by".to_owned()
    };
    setup
        .error("port", &fault, "choose another port with server.port")
        .await;
}

#[tokio::test]
async fn an_address_of_another_machine_cannot_be_listened_on() {
    // From a block that is for documentation only.
    let server = json!({ "host": "192.0.2.1", "port": 0 });
    let setup = Setup::new(&json!({ "server": server, "providers": [{ "type": "demo" }] }));
    setup
        .error("port", "no such address", "server.host to 127.0.0.1")
        .await;
}

#[tokio::test]
async fn a_key_that_is_refused_is_named_and_not_shown() {
    let said = format!("Incorrect API key provided: sk-{CANARY}");
    let upstream =
        Upstream::always(Reply::json(401, json!({ "error": { "message": said } }))).await;
    let setup = Setup::of_providers([provider(&setups::url(&upstream))]);
    let fault = "HTTP 401: the key was refused";
    setup.error("providers", fault, "set another api_key").await;
}

#[tokio::test]
async fn an_account_without_credit_is_told_from_a_wrong_key() {
    let upstream = Upstream::always(Reply::json(402, json!({}))).await;
    let setup = Setup::of_providers([provider(&setups::url(&upstream))]);
    setup.error("providers", "no credit", "add credit").await;
}

#[tokio::test]
async fn a_host_that_is_nowhere_is_told() {
    let setup = Setup::of_providers([provider("http://nowhere.invalid")]);
    let fault = "there is no host nowhere.invalid";
    setup.error("providers", fault, "correct base_url").await;
}

#[tokio::test]
async fn a_local_server_that_sleeps_is_woken_by_a_command() {
    let refusing = Upstream::refusing();
    let mut one = provider(&setups::url(&refusing));
    one["type"] = json!("ollama");
    one["api_key"] = Value::Null;
    let setup = Setup::of_providers([one]);
    setup
        .error("providers", "nobody listens at", "`ollama serve`")
        .await;
}

#[tokio::test]
async fn a_silent_provider_does_not_hold_up_the_end() {
    let upstream = Upstream::always(Reply::silence()).await;
    let setup = Setup::of_providers([provider(&setups::url(&upstream))]);
    let (code, report) = setup.report(&["--json", "--timeout", "2"], &[]).await;
    assert_eq!(code, Some(1), "{report}");
    let error = setups::finding(&report, "error", "providers", "no answer within");
    assert!(error["fix"].is_string(), "{report}");
}

#[tokio::test]
async fn a_certificate_of_an_unknown_issuer_is_told_with_the_issuer() {
    let port = crate::tls::upstream().await;
    let setup = Setup::of_providers([provider(&format!("https://localhost:{port}"))]);
    let fault = "an issuer that this machine does not know";
    setup.error("providers", fault, "SSL_CERT_FILE").await;
}

#[tokio::test]
async fn a_certificate_for_another_name_is_told() {
    let port = crate::tls::upstream().await;
    // The same address in a spelling that the certificate does not have.
    let origin = format!("https://[::ffff:127.0.0.1]:{port}");
    let setup = Setup::of_providers([provider(&origin)]);
    let root = crate::tls::fixture("ca.pem");
    let root = root.to_str().expect("a path in UTF-8");
    let (_, report) = setup.report(&["--json"], &[("SSL_CERT_FILE", root)]).await;
    let fault = "its TLS certificate is not for ::ffff:";
    let error = setups::finding(&report, "error", "providers", fault);
    assert!(
        error["message"].to_string().contains("localhost"),
        "{error}"
    );
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_told_where_two_agree() {
    let then = SystemTime::now() - Duration::from_hours(1);
    let date = httpdate::fmt_http_date(then);
    let reply = listing().header("date", &date);
    let (one, other) = (
        Upstream::always(reply.clone()).await,
        Upstream::always(reply).await,
    );
    let mut second = provider(&setups::url(&other));
    second["name"] = json!("b");
    let setup = Setup::of_providers([provider(&setups::url(&one)), second]);
    setup
        .error("clock", "60 min ahead", "timedatectl set-ntp true")
        .await;
    let alone = Setup::of_providers([provider(&setups::url(&one))]);
    alone
        .found(
            "warning",
            "clock",
            "one provider, which may be wrong",
            "timedatectl",
        )
        .await;
}

#[tokio::test]
async fn a_model_that_is_misspelt_has_near_names() {
    let upstream = Upstream::answering(|request, _| match &*request.method {
        "GET" => listing(),
        _ => Reply::json(404, json!({ "error": { "message": "no such model" } })),
    })
    .await;
    let mut one = provider(&setups::url(&upstream));
    one["models"] = json!(["large-modle"]);
    let setup = Setup::of_providers([one]);
    let fault = "there is no model large-modle";
    setup.error("providers", fault, "write large-model").await;
}

#[tokio::test]
async fn a_base_url_without_its_version_gets_one() {
    let found = Upstream::answering(|request, _| match &*request.target {
        "/api/v1/models" => listing(),
        _ => Reply::json(404, json!({})),
    })
    .await;
    let mut one = provider(&setups::url(&found));
    one["base_url"] = json!(format!("{}/api", setups::url(&found)));
    let setup = Setup::of_providers([one]);
    setup.error("providers", "404", "/api/v1").await;
}

#[tokio::test]
async fn a_placeholder_is_no_key() {
    let mut one = json!({ "type": "openai", "models": ["m"], "base_url": "http://127.0.0.1:9/v1" });
    one["api_key"] = json!("your-key-here");
    let setup = Setup::of_providers([one]);
    let (_, report) = setup.report(&["--json", "--offline"], &[]).await;
    let warning = setups::finding(&report, "warning", "providers", "looks like a placeholder");
    assert!(
        warning["fix"].to_string().contains("OPENAI_API_KEY"),
        "{warning}"
    );
}

#[tokio::test]
async fn a_tunnel_without_its_program_says_how_to_install_it() {
    let tunnel = json!({ "type": "cloudflared", "binary": "/nowhere/cloudflared" });
    let server = json!({ "port": 0, "tunnel": tunnel });
    let setup = Setup::new(&json!({ "server": server, "providers": [{ "type": "demo" }] }));
    setup.error("tunnels", "does not exist", "`binary`").await;
}

#[tokio::test]
async fn a_tunnel_without_its_token_says_where_to_get_one() {
    let server = json!({ "port": 0, "tunnel": "ngrok" });
    let setup = Setup::new(&json!({ "server": server, "providers": [{ "type": "demo" }] }));
    setup
        .error("tunnels", "there is no authtoken", "NGROK_AUTHTOKEN")
        .await;
}

#[tokio::test]
async fn a_listener_whose_certificate_has_expired_is_an_error() {
    let home = tempfile::tempdir().expect("a directory");
    let (cert, key) = setups::expired(home.path());
    let server = json!({ "port": 0, "tls": { "cert": cert, "key": key } });
    let setup = Setup::new(&json!({ "server": server, "providers": [{ "type": "demo" }] }));
    setup
        .error("listener", "has expired on 2020-01-02", "renew")
        .await;
}

#[tokio::test]
async fn a_variable_that_leads_to_nobody_is_told() {
    let setup = Setup::new(&json!({ "server": { "port": 0 }, "providers": [{ "type": "demo" }] }));
    let dead = setups::url(&Upstream::refusing());
    let variables = [("ANTHROPIC_BASE_URL", &*dead)];
    let (code, report) = setup.report(&["--json"], &variables).await;
    let warning = setups::finding(&report, "warning", "clients", "nobody answers");
    assert_eq!(warning["subject"], "ANTHROPIC_BASE_URL");
    assert!(
        warning["fix"]
            .to_string()
            .contains("unset ANTHROPIC_BASE_URL")
    );
    assert_eq!(code, Some(0), "{report}");
}

#[tokio::test]
async fn a_running_gateway_is_seen_and_its_port_is_its_own() {
    let home = Arc::new(tempfile::tempdir().expect("a directory"));
    let gateway = start(&home).await;
    let port = setups::port_of(&gateway.banner().await);
    let setup = Setup::at(
        home.clone(),
        &json!({ "server": { "port": port }, "providers": [{ "type": "demo" }] }).to_string(),
    );
    let (code, report) = setup.json().await;
    assert_eq!(code, Some(0), "{report}");
    setups::finding(&report, "ok", "gateway", &format!("pid {}", gateway.id()));
    setups::finding(&report, "ok", "port", "the running gateway listens here");
}

#[tokio::test]
async fn a_gateway_that_needs_no_configuration_is_not_told_to_have_one() {
    let home = Arc::new(tempfile::tempdir().expect("a directory"));
    let mut gateway = start(&home).await;
    let doctor = async || {
        let mut doctor = Binary::run(home.clone(), ["doctor", "--json"], []);
        let code = doctor.exit().await.code();
        let report: Value = serde_json::from_str(&doctor.stdout()).expect("JSON");
        (code, report)
    };
    let (code, report) = doctor().await;
    assert_eq!(code, Some(0), "{report}");
    setups::finding(&report, "note", "configuration", "has its own");
    gateway.signal(rustix::process::Signal::TERM);
    gateway.exit().await;
    let (code, report) = doctor().await;
    assert_eq!(code, Some(1), "{report}");
    setups::finding(&report, "error", "configuration", "no provider was found");
}

#[tokio::test]
async fn wrong_usage_is_no_finding() {
    let setup = Setup::new(&json!({ "providers": [{ "type": "demo" }] }));
    for args in [
        &["--timeout", "0"][..],
        &["--nonsense"],
        &["--env-file", "/nowhere"],
    ] {
        let (code, _) = setup.text(args).await;
        assert_eq!(code, Some(2), "{args:?}");
    }
}

async fn start(home: &Arc<TempDir>) -> Binary {
    let args = ["start", "--demo", "--port", "0", "--json"];
    let gateway = Binary::run(home.clone(), args, []);
    gateway.banner().await;
    gateway
}

/// A listing that is there for whoever has a key.
fn listing() -> Reply {
    Reply::json(
        200,
        json!({ "data": [{ "id": "m" }, { "id": "large-model" }] }),
    )
}

#[tokio::test]
async fn a_client_of_a_gateway_that_is_gone_is_told() {
    let home = Arc::new(tempfile::tempdir().expect("a directory"));
    let mut gateway = start(&home).await;
    let mut connect = Binary::run(home.clone(), ["connect", "claude-code"], []);
    let code = connect.exit().await.code();
    assert_eq!(code, Some(0), "{}{}", connect.stdout(), connect.stderr());
    let config = json!({ "server": { "port": 0 }, "providers": [{ "type": "demo" }] });
    let setup = Setup::at(home, &config.to_string());
    let (_, report) = setup.json().await;
    setups::finding(&report, "ok", "clients", "connected to http://127.0.0.1:");
    gateway.signal(rustix::process::Signal::TERM);
    gateway.exit().await;
    let fix = "`autogw connect claude-code --undo` puts back";
    setup.error("clients", "where nobody answers", fix).await;
}
