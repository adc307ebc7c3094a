//! The verbs that ask a running gateway, against one of which each answer is written down.

use autogw::cli::exit::Exit;
use autogw::cli::logs::{self, LogsArgs};
use autogw::cli::reload::{self, ReloadArgs};
use autogw::cli::requests::{self, RequestsArgs};
use autogw::cli::status::{self, StatusArgs};
use autogw::config::Environment;
use autogw::telemetry::snapshot::{LogLine, Phase, RequestRow, Snapshot};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::Parser as _;
use serde_json::{Value, json};

use super::{Output, serve};

#[derive(Debug, clap::Parser)]
enum Line {
    Status(StatusArgs),
    Requests(RequestsArgs),
    Logs(LogsArgs),
    Reload(ReloadArgs),
}

/// What the verb `words` writes, and how it ends.
async fn run(words: &str, env: &Environment) -> (Exit, Output) {
    let words = std::iter::once("autogw").chain(words.split_whitespace());
    let line = Line::try_parse_from(words).expect("good arguments");
    let mut output = Output::default();
    let mut console = output.console();
    let exit = match line {
        Line::Status(args) => status::run(&args, env, &mut console).await,
        Line::Requests(args) => requests::run(&args, env, &mut console).await,
        Line::Logs(args) => logs::run(&args, env, &mut console).await,
        Line::Reload(args) => reload::run(&args, env, &mut console).await,
    };
    (exit, output)
}

fn row(number: u64, model: &str, provider: &str, status: u16) -> RequestRow {
    RequestRow {
        number,
        id: format!("id-{number}"),
        model: model.to_owned(),
        phase: Phase::Over,
        provider: Some(provider.to_owned()),
        status: Some(status),
        outcome: Some(if status < 400 { "complete" } else { "failed" }.to_owned()),
        ..RequestRow::default()
    }
}

fn line(number: u64, level: &str) -> LogLine {
    LogLine {
        number,
        level: level.to_owned(),
        text: format!("line {number} \u{1b}[2J"),
        ..LogLine::default()
    }
}

fn snapshot() -> Snapshot {
    let mut snapshot = Snapshot {
        now_ms: 60_000,
        log: [
            line(1, "info"),
            line(2, "warn"),
            line(3, "error"),
            line(4, "debug"),
        ]
        .into(),
        ..Snapshot::default()
    };
    snapshot.about.url = String::from("http://127.0.0.1:8000");
    let mut live = row(4, "gpt-4o", "openai", 200);
    live.phase = Phase::Streaming;
    for row in [
        row(1, "gpt-4o-mini", "openai", 200),
        row(2, "smart", "groq", 503),
        row(3, "GPT-4o", "groq", 200),
        live,
    ] {
        snapshot.requests.insert(row.number, row);
    }
    snapshot
}

/// A gateway that has this snapshot, and does or refuses a reload.
async fn gateway(reload: (StatusCode, Value)) -> String {
    let refused = json!({ "error": { "message": "there is no remembered request `9`" } });
    let router = Router::new()
        .route("/v1/snapshot", get(|| async { Json(snapshot()) }))
        .route(
            "/v1/requests/7",
            get(|| async { Json(json!({ "row": row(7, "m", "p", 200) })) }),
        )
        .route(
            "/v1/requests/{id}",
            get(|| async { (StatusCode::NOT_FOUND, Json(refused)) }),
        )
        .route(
            "/v1/acts",
            post(move || async move { (reload.0, Json(reload.1)) }),
        );
    format!("--connect http://{}", serve(router).await)
}

async fn usual() -> String {
    gateway((
        StatusCode::OK,
        json!({ "message": "3 targets changed", "details": ["a: new key"] }),
    ))
    .await
}

#[tokio::test]
async fn where_no_gateway_runs_that_is_said() {
    let home = tempfile::tempdir().expect("a directory");
    let env = Environment::empty().with("AUTOGW_HOME", home.path().to_string_lossy());
    for verb in [
        "status",
        "requests",
        "requests -f",
        "logs",
        "logs --follow",
        "reload",
        "status --json",
    ] {
        let (exit, output) = run(verb, &env).await;
        assert_eq!(exit, Exit::Failed, "{verb}");
        assert!(output.out().is_empty(), "{verb}: {}", output.out());
        let said = output.err();
        assert!(
            said.contains("no gateway answers at unix:"),
            "{verb}: {said}"
        );
        assert_eq!(
            said.matches("no gateway answers").count(),
            1,
            "{verb}: {said}"
        );
        assert!(said.contains("autogw start"), "{verb}: {said}");
    }
    let (exit, output) = run("status --connect ftp://x", &env).await;
    assert_eq!(exit, Exit::Usage);
    assert!(output.err().contains("unix:PATH"), "{}", output.err());
}

#[tokio::test]
async fn a_status_for_scripts_is_the_snapshot_without_lists() {
    let gateway = usual().await;
    let env = Environment::empty();
    let (exit, output) = run(&format!("status --json {gateway}"), &env).await;
    assert_eq!(exit, Exit::Done, "{}", output.err());
    let said = output.json();
    let names: Vec<&String> = said.as_object().expect("an object").keys().collect();
    assert_eq!(
        names,
        [
            "now_ms",
            "about",
            "totals",
            "providers",
            "tunnels",
            "steering"
        ]
    );
    let (exit, output) = run(&format!("status {gateway}"), &env).await;
    assert_eq!(exit, Exit::Done);
    assert!(
        output
            .out()
            .contains("at http://127.0.0.1:8000, up 1 min 0 s"),
        "{}",
        output.out()
    );
}

#[tokio::test]
async fn requests_are_the_last_ones_that_are_wanted() {
    let gateway = usual().await;
    for (options, expected) in [
        ("", vec![1, 2, 3, 4]),
        ("-n 2", vec![3, 4]),
        ("--failed", vec![2]),
        ("--provider groq", vec![2, 3]),
        ("--model gpt-4O -n 2", vec![3, 4]),
        ("--model nothing", vec![]),
    ] {
        let (exit, output) = run(
            &format!("requests --json {options} {gateway}"),
            &Environment::empty(),
        )
        .await;
        assert_eq!(exit, Exit::Done, "{}", output.err());
        let numbers: Vec<u64> = output
            .out()
            .lines()
            .map(|line| {
                serde_json::from_str::<RequestRow>(line)
                    .expect("JSON")
                    .number
            })
            .collect();
        assert_eq!(numbers, expected, "{options}");
    }
    let (_, output) = run(&format!("requests {gateway}"), &Environment::empty()).await;
    let out = output.out();
    let last = out.lines().last().expect("lines");
    assert!(
        last.contains("id-4") && last.contains("streaming"),
        "{last}"
    );
}

#[tokio::test]
async fn one_request_is_told_in_full_if_it_is_remembered() {
    let gateway = usual().await;
    let (exit, output) = run(&format!("requests 7 {gateway}"), &Environment::empty()).await;
    assert_eq!(exit, Exit::Done, "{}", output.err());
    assert!(output.out().contains("id-7") && output.out().contains("nobody was asked"));
    let (exit, output) = run(&format!("requests ../9?x {gateway}"), &Environment::empty()).await;
    assert_eq!(exit, Exit::Failed);
    assert!(
        output.err().contains("no remembered request"),
        "{}",
        output.err()
    );
}

#[tokio::test]
async fn logs_are_the_last_lines_that_are_serious_enough() {
    let gateway = usual().await;
    for (options, expected) in [
        ("", vec![1, 2, 3, 4]),
        ("--level warn", vec![2, 3]),
        ("-n 1 --level info", vec![3]),
    ] {
        let (exit, output) = run(
            &format!("logs --json {options} {gateway}"),
            &Environment::empty(),
        )
        .await;
        assert_eq!(exit, Exit::Done, "{}", output.err());
        assert!(!output.out().contains('\u{1b}'));
        let numbers: Vec<u64> = output
            .out()
            .lines()
            .map(|line| serde_json::from_str::<LogLine>(line).expect("JSON").number)
            .collect();
        assert_eq!(numbers, expected, "{options}");
    }
    let (_, output) = run(&format!("logs -n 1 {gateway}"), &Environment::empty()).await;
    assert_eq!(
        output.out(),
        "1970-01-01T00:00:00.000Z DEBUG line 4 \u{fffd}[2J\n"
    );
}

#[tokio::test]
async fn a_reload_says_what_has_changed() {
    let gateway = usual().await;
    let (exit, output) = run(&format!("reload {gateway}"), &Environment::empty()).await;
    assert_eq!(exit, Exit::Done, "{}", output.err());
    assert_eq!(output.out(), "3 targets changed\n  a: new key\n");
}

#[tokio::test]
async fn a_reload_that_fails_says_every_error() {
    let refusal = json!({ "error": { "message": "the file cannot be used", "hint": "mend it", "details": ["one", "two\n --> c.json:1:2"] } });
    let gateway = gateway((StatusCode::UNPROCESSABLE_ENTITY, refusal.clone())).await;
    let (exit, output) = run(&format!("reload {gateway}"), &Environment::empty()).await;
    assert_eq!(exit, Exit::Failed);
    for part in [
        "one\n",
        "two\n --> c.json:1:2\n",
        "the file cannot be used",
        "mend it",
    ] {
        assert!(output.err().contains(part), "{part}: {}", output.err());
    }
    let (exit, output) = run(&format!("reload --json {gateway}"), &Environment::empty()).await;
    assert_eq!(exit, Exit::Failed);
    assert_eq!(output.json(), refusal);
}
