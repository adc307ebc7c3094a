//! `check`: the OK lines, the warnings, the faults, and the same as JSON.

use std::path::PathBuf;

use autogw::cli::check::{self, CheckArgs};
use autogw::cli::exit::Exit;
use autogw::cli::source::SourceArgs;
use autogw::config::Environment;

use super::Output;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(format!(
        "{}/tests/fixtures/config/{name}",
        env!("CARGO_MANIFEST_DIR")
    ))
}

async fn run(args: &CheckArgs, env: Environment) -> (Exit, Output) {
    let mut output = Output::default();
    let exit = check::run(args, env, &mut output.console()).await;
    (exit, output)
}

fn file(name: &str) -> CheckArgs {
    CheckArgs {
        file: Some(fixture(name)),
        ..CheckArgs::default()
    }
}

#[tokio::test]
async fn the_old_configs_print_their_lines_and_warnings() {
    let env = Environment::empty().with("GROQ_API_KEY", "gsk-1");
    let (exit, output) = run(&file("valid/auto-gateway-1.json"), env.clone()).await;
    assert_eq!(exit, Exit::Done);
    assert_eq!(
        output.out(),
        "OK: providers=2 strategy=adaptive tunnel=none\n\
         - local_openai: type=openai_compatible, models=['gpt-4o-mini', 'gpt-4o']\n\
         - gemini: type=google, models=['gemini-1.5-flash']\n"
    );
    let said: Vec<String> = output
        .err()
        .lines()
        .filter(|l| l.starts_with("warning"))
        .map(str::to_owned)
        .collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("4 inline secrets"), "{said:?}");
    assert!(said[1].contains("others can read this file"), "{said:?}");

    let (exit, output) = run(&file("valid/auto-gateway-2.json"), env.clone()).await;
    assert_eq!(exit, Exit::Done);
    assert_eq!(
        output.out(),
        "OK: providers=1 strategy=sequential tunnel=none\n\
         - my_provider: type=openai_compatible, models=['org/model-a', 'model-b']\n"
    );

    let (exit, output) = run(&file("valid/auto-gateway-3.json"), env).await;
    assert_eq!(exit, Exit::Done);
    assert_eq!(
        output.out(),
        "OK: providers=2 strategy=bandit tunnel=cloudflared\n\
         - groq: type=openai_compatible, models=['llama-3.1-8b-instant']\n\
         - keyless: type=openai_compatible, models=['qwen3']\n"
    );
}

#[tokio::test]
async fn a_broken_file_is_wrong_usage_and_prints_no_data() {
    let (exit, output) = run(&file("invalid/typos.json"), Environment::empty()).await;
    assert_eq!(exit, Exit::Usage);
    assert_eq!(output.out(), "");
    assert!(
        output.err().contains("did you mean `first_token`?"),
        "{}",
        output.err()
    );
    assert!(!output.err().contains("canary"), "{}", output.err());
}

#[tokio::test]
async fn json_says_the_same() {
    let args = CheckArgs {
        json: true,
        ..file("valid/auto-gateway-2.json")
    };
    let (exit, output) = run(&args, Environment::empty()).await;
    assert_eq!(exit, Exit::Done);
    let json = output.json();
    assert_eq!(json["ok"], true);
    assert_eq!(json["strategy"], "sequential");
    assert_eq!(json["providers"][0]["models"][1], "model-b");
    assert_eq!(json["providers"][0]["keys"], 2);

    let args = CheckArgs {
        json: true,
        ..file("invalid/types.json")
    };
    let (exit, output) = run(&args, Environment::empty()).await;
    assert_eq!(exit, Exit::Usage);
    let json = output.json();
    assert_eq!(json["ok"], false);
    assert_eq!(json["diagnostics"][0]["path"], "server.host");
    assert!(!output.out().contains("canary"), "{}", output.out());
}

#[tokio::test]
async fn a_name_is_looked_for_in_the_home_directory() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("config.work.json");
    std::fs::write(path, r#"{ "providers": [{ "type": "ollama" }] }"#).expect("written");
    let env = Environment::empty().with("AUTOGW_HOME", home.path().display().to_string());
    let args = CheckArgs {
        source: SourceArgs {
            name: Some("work".parse().expect("a name")),
            ..SourceArgs::default()
        },
        ..CheckArgs::default()
    };
    let (exit, output) = run(&args, env).await;
    assert_eq!(exit, Exit::Done);
    assert!(
        output.out().contains("- ollama: type=ollama, models=['*']"),
        "{}",
        output.out()
    );
}

#[tokio::test]
async fn an_env_file_gives_the_variables() {
    let root = tempfile::tempdir().expect("a directory");
    let path = root.path().join(".env");
    std::fs::write(&path, "GROQ_API_KEY=gsk-1\n").expect("written");
    let args = CheckArgs {
        source: SourceArgs {
            env_file: Some(path),
            ..SourceArgs::default()
        },
        ..file("valid/auto-gateway-3.json")
    };
    assert_eq!(run(&args, Environment::empty()).await.0, Exit::Done);
}

#[tokio::test]
async fn a_file_of_ngroks_that_cannot_be_used_is_said_to_who_asks_for_ngrok() {
    let home = tempfile::tempdir().expect("a directory");
    let ngrok = home.path().join("xdg/ngrok");
    std::fs::create_dir_all(&ngrok).expect("made");
    std::fs::write(ngrok.join("ngrok.yml"), "authtoken: {").expect("written");
    let path = home.path().join("config.json");
    let env = Environment::empty().with(
        "XDG_CONFIG_HOME",
        home.path().join("xdg").display().to_string(),
    );
    for (tunnel, is_said) in [("ngrok", true), ("cloudflared", false)] {
        let text = format!(
            r#"{{ "server": {{ "tunnel": "{tunnel}" }}, "providers": [{{ "type": "demo" }}] }}"#
        );
        std::fs::write(&path, text).expect("written");
        let args = CheckArgs {
            file: Some(path.clone()),
            ..CheckArgs::default()
        };
        let (exit, output) = run(&args, env.clone()).await;
        assert_eq!(exit, Exit::Done);
        let said = output.err().contains("cannot take ngrok's authtoken from");
        assert_eq!(said, is_said, "{}", output.err());
    }
}

#[tokio::test]
async fn what_the_environment_offers_in_vain_is_said_even_when_nothing_is_left() {
    // The probes of local servers build an HTTP client, which wants a crypto provider.
    _ = rustls::crypto::ring::default_provider().install_default();
    let home = tempfile::tempdir().expect("a directory");
    let env = Environment::empty()
        .with("AUTOGW_HOME", home.path().display().to_string())
        .with("ANTHROPIC_API_KEY", "k")
        .with("ANTHROPIC_BASE_URL", "ftp://nowhere");
    let (_, output) = run(&CheckArgs::default(), env).await;
    assert!(
        output.err().contains("ANTHROPIC_BASE_URL"),
        "{}",
        output.err()
    );
}
