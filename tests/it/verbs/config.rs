//! `config show`: what holds and where it comes from, as a table and as JSON, without a secret.

use autogw::cli::config::{self, ConfigArgs, ShowArgs, Verb};
use autogw::cli::exit::Exit;
use autogw::cli::source::SourceArgs;
use autogw::config::Environment;

use super::Output;

const FILE: &str = r#"{
  "router": { "strategy": "adaptive" },
  "providers": [{ "type": "openai", "api_key": "${SPARE}",
    "extra_headers": { "authorization": "Bearer canary-header" } }]
}"#;

async fn show(file: &str, json: bool) -> (Exit, Output) {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    std::fs::write(at("config.json"), file).expect("written");
    std::fs::write(at(".env"), "SPARE=canary-of-env-file\n").expect("written");
    let source = SourceArgs {
        config: Some(at("config.json")),
        env_file: Some(at(".env")),
        ..SourceArgs::default()
    };
    let args = ConfigArgs {
        verb: Verb::Show(ShowArgs { source, json }),
    };
    let home = directory.path().join("home").display().to_string();
    let env = Environment::empty().with("AUTOGW_HOME", home);
    let mut output = Output::default();
    let exit = config::run(&args, env, &mut output.console()).await;
    (exit, output)
}

#[tokio::test]
async fn each_setting_has_a_line_with_its_source() {
    let (exit, output) = show(FILE, false).await;
    assert_eq!(exit, Exit::Done);
    let out = output.out();
    let words = |path: &str| -> Vec<String> {
        let line = out.lines().find(|line| line.starts_with(path));
        let line = line.unwrap_or_else(|| panic!("no {path} in {out}"));
        line.split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(
        words("router.strategy ")[1..],
        ["adaptive", "config.json:2"]
    );
    assert_eq!(words("server.port ")[1..], ["8000", "default"]);
    assert_eq!(
        words("providers[0].api_key ")[1..].join(" "),
        "set config.json:3 (${SPARE} of the .env file)"
    );
    assert!(!out.contains("canary"), "{out}");
}

#[tokio::test]
async fn json_names_the_file() {
    let (exit, output) = show(FILE, true).await;
    assert_eq!(exit, Exit::Done);
    let json = output.json();
    let file = json["file"].as_str().expect("a file");
    assert!(file.ends_with("/config.json"), "{file}");
    assert!(json["values"].as_array().expect("a list").len() > 60);
    assert!(!output.out().contains("canary"), "{}", output.out());
}

#[tokio::test]
async fn an_invalid_file_is_wrong_usage() {
    let (exit, output) = show("{", false).await;
    assert_eq!((exit, output.out()), (Exit::Usage, String::new()));
    assert!(!output.err().is_empty());
}
