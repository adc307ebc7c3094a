//! What the README says is so: every command in it runs here, and a command this test does not know
//! is an error.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use super::support::Binary;

const README: &str = include_str!("../../README.md");

/// What the README's configuration and the text around it take from the environment. Nobody listens at the
/// base URL: no test asks a real provider.
const ENVIRONMENT: [(&str, &str); 6] = [
    ("AUTOGW_CLIENT_KEY", "client-key"),
    ("CLOUDFLARED_TOKEN", "cloudflared-token"),
    ("GROQ_KEY_1", "groq-key-1"),
    ("GROQ_KEY_2", "groq-key-2"),
    ("OPENAI_API_KEY", "openai-key"),
    ("OPENAI_BASE_URL", "http://127.0.0.1:9/v1"),
];

/// The code blocks of the README in `language`.
fn blocks(language: &str) -> impl Iterator<Item = &'static str> {
    README.split("\n```").filter_map(move |block| {
        let (name, text) = block.split_once('\n')?;
        (name == language).then_some(text)
    })
}

/// The commands of the shell blocks, as words.
fn commands() -> Vec<Vec<String>> {
    blocks("sh")
        .flat_map(|block| lines(&block.replace("\\\n", " ")))
        .map(|line| words(&line))
        .collect()
}

fn lines(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Splits a line as a shell would, as far as the README goes: blanks and quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None, ' ') => words.push(String::new()),
            (_, c) => words.last_mut().expect("never empty").push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The arguments of every `autogw` command.
fn own_commands() -> impl Iterator<Item = Vec<String>> {
    commands()
        .into_iter()
        .filter(|command| command[0] == "autogw")
        .map(|command| command[1..].to_vec())
}

/// A home that holds the README's configuration as `config.json`.
fn home() -> TempDir {
    let home = tempfile::tempdir().expect("a temporary directory");
    let config = blocks("jsonc").next().expect("a configuration by example");
    let path = home.path().join("config.json");
    fs::write(&path, config).expect("it is written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
    home
}

fn empty_home() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn run(directory: &Path, args: &[String]) -> Output {
    assert_cmd::Command::new(env!("CARGO_BIN_EXE_autogw"))
        .args(args)
        .env_clear()
        .envs(ENVIRONMENT)
        .env("HOME", directory)
        .env("AUTOGW_HOME", directory.join("autogw-home"))
        .current_dir(directory)
        .output()
        .expect("the binary runs")
}

#[test]
fn every_command_is_run_by_a_test() {
    for command in commands() {
        let text = command.join(" ");
        match command[0].as_str() {
            // Run below.
            "autogw" | "curl" => {}
            // This is one of them, the gate runs another, and the third is run below.
            "cargo" => assert!(
                [
                    "cargo test",
                    "cargo bench --bench gateway",
                    "cargo run --release -- start --demo"
                ]
                .contains(&&*text),
                "{text}"
            ),
            _ => panic!("nothing runs `{text}`"),
        }
    }
}

#[tokio::test]
async fn the_demo_answers_what_the_readme_asks() {
    let commands = commands();
    let start = commands
        .iter()
        .find(|command| command[0] == "cargo" && command[1] == "run");
    let start = start.expect("the command of the first minute");
    let args = start[4..].iter().map(String::as_str);
    let args = args.chain(["--port", "0", "--json"]);
    let binary = Binary::run(empty_home(), args, []);
    let client = binary.client().await;
    let curls = commands.iter().filter(|command| command[0] == "curl");
    let mut asked = 0;
    for curl in curls {
        let target = curl[1]
            .strip_prefix("http://127.0.0.1:8000")
            .expect("the default address");
        let body = curl.last().expect("a body");
        let answer = client.post(target, body).send().await.expect_status(200);
        let asked_for_stream = body.contains("\"stream\": true");
        if asked_for_stream {
            assert_eq!(answer.events().last().map(String::as_str), Some("[DONE]"));
        } else {
            let text = &answer.json()["choices"][0]["message"]["content"];
            assert!(text.as_str().is_some_and(|text| !text.is_empty()), "{text}");
        }
        asked += 1;
    }
    assert_eq!(asked, 2, "an answer and a stream");
}

#[test]
fn the_commands_work() {
    let home = home();
    for mut args in own_commands() {
        // It would run until it is told to stop; it is started below.
        if args == ["start"] {
            continue;
        }
        // It would ask for a way out of here; that its arguments mean something shows before the help.
        if args.contains(&"--tunnel".to_owned()) {
            args.push("--help".to_owned());
        }
        let output = run(home.path(), &args);
        assert!(
            output.status.success(),
            "autogw {}: {}",
            args.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(!output.stdout.is_empty() || args[0] == "init" || args[0] == "save-global");
    }
}

#[test]
fn saving_keeps_the_bytes() {
    let home = home();
    let args = ["save-global", "config.json"].map(str::to_owned);
    assert!(own_commands().any(|command| command == args));
    run(home.path(), &args);
    let saved = fs::read_to_string(home.path().join("autogw-home/config.json"));
    assert_eq!(saved.ok().as_deref(), blocks("jsonc").next());
}

#[test]
fn the_configuration_by_example_is_valid() {
    let home = home();
    let output = run(
        home.path(),
        &["check", "--config", "config.json"].map(str::to_owned),
    );
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.starts_with("OK: providers=3 strategy=sequential tunnel=none"),
        "{said}"
    );
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_gate_runs_the_bench() {
    let bench = commands()
        .into_iter()
        .find(|command| command[1..].starts_with(&["bench".to_owned()]));
    let bench = bench.expect("the command of the bench");
    let gate = include_str!("../../.ci/run");
    let run = format!("cargo bench --locked {} {}", bench[2], bench[3]);
    assert!(gate.contains(&run), "{run}");
}

/// What `check` says about the README's example number `index`.
fn checked(index: usize) -> String {
    let directory = empty_home();
    let config = blocks("jsonc").nth(index).expect("an example");
    let path = directory.path().join("example.json");
    fs::write(&path, config).expect("it is written");
    let output = run(
        directory.path(),
        &["check", "example.json"].map(str::to_owned),
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_route_by_example_is_valid() {
    assert!(checked(1).contains("tunnel=none"));
}

#[test]
fn the_door_by_example_is_valid() {
    assert!(checked(2).contains("tunnel=cloudflared"));
}

#[test]
fn every_setting_of_a_tunnel_is_in_the_table() {
    let schema = include_str!("../../assets/config.schema.json");
    let schema: Value = serde_json::from_str(schema).expect("JSON");
    let tunnel = &schema["properties"]["server"]["properties"]["tunnel"]["anyOf"][1];
    let keys = tunnel["properties"].as_object().expect("an object");
    assert!(keys.len() > 5, "{tunnel}");
    let table: Vec<&str> = README
        .lines()
        .skip_while(|line| *line != "| setting | of | |")
        .take_while(|line| line.starts_with('|'))
        .filter_map(|line| line.split('|').nth(1))
        .collect();
    for key in keys.keys() {
        let name = format!("`{key}`");
        assert!(table.iter().any(|cell| cell.contains(&name)), "{name}");
    }
}

#[test]
fn the_table_of_commands_is_complete() {
    let help = run(&std::env::temp_dir(), &["--help".to_owned()]);
    let help = String::from_utf8_lossy(&help.stdout);
    let verbs: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .collect();
    let table: Vec<&str> = README
        .lines()
        .filter_map(|line| line.strip_prefix("| `autogw ")?.split('`').next())
        .collect();
    assert_eq!(verbs, table);
}

#[tokio::test]
async fn a_key_in_the_environment_is_enough() {
    let args = ["start", "--port", "0", "--json"];
    assert!(own_commands().any(|command| command == args[..1]));
    let binary = Binary::run(empty_home(), args, ENVIRONMENT);
    binary
        .client()
        .await
        .get("/live")
        .send()
        .await
        .expect_status(200);
    let banner: Value = serde_json::from_str(&binary.stdout()).expect("a JSON object");
    assert_eq!(banner["config"]["source"], "environment");
    assert_eq!(banner["providers"][0]["name"], "openai");
}
