//! What the README says is so: every command in it runs here, and a command this test does not know
//! is an error.

mod settings;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use autogw::proxy::ingress::Ingress;
use serde_json::Value;
use tempfile::TempDir;

use super::support::client::Endpoint;
use super::support::{Binary, Client};

const README: &str = include_str!("../../README.md");

/// How the coding agents are driven when they are tried.
const AGENTS: &str = include_str!("../clients/agents.py");

/// What the README's configuration and the text around it take from the environment. Nobody listens at the
/// base URL: no test asks a real provider.
const ENVIRONMENT: [(&str, &str); 10] = [
    ("ANTHROPIC_API_KEY", "anthropic-key"),
    ("ANTHROPIC_BASE_URL", "http://127.0.0.1:9/v1"),
    ("AUTOGW_CLIENT_KEY", "client-key"),
    ("CLOUDFLARED_TOKEN", "cloudflared-token"),
    ("GEMINI_API_KEY", "gemini-key"),
    ("GOOGLE_GEMINI_BASE_URL", "http://127.0.0.1:9/v1beta"),
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

/// The variables that a command is given.
fn assignments(command: &[String]) -> impl Iterator<Item = (&str, &str)> {
    let names = command.iter().map_while(|word| word.split_once('='));
    names.take_while(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
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
        match command[assignments(&command).count()].as_str() {
            // Run below; the agents are by `tests/clients/run`.
            "autogw" | "curl" | "claude" | "codex" | "gemini" => {}
            // This is one of them, which runs the simulation, too; the gate runs another, and one is run below.
            "cargo" => assert!(
                [
                    "cargo test",
                    "cargo test --test simulation -- --nocapture",
                    "cargo bench --bench gateway",
                    "cargo run --release -- start --demo"
                ]
                .contains(&&*text),
                "{text}"
            ),
            // `tests/deploy/run` builds the image where an engine answers, and reads what the others are given.
            "docker" | "kubectl" => assert!(
                [
                    "Dockerfile",
                    "compose.yaml",
                    "kubernetes",
                    "secret.yaml",
                    "run --detach",
                    "docker cp"
                ]
                .iter()
                .any(|known| text.contains(known)),
                "{text}"
            ),
            _ => panic!("nothing runs `{text}`"),
        }
    }
}

/// The agents themselves are a gigabyte; what is said of them is what `tests/clients/run` does.
#[test]
fn agents_are_started_as_they_were_tried() {
    let mut agents = 0;
    for command in commands() {
        let variables: Vec<_> = assignments(&command).collect();
        let program = &*command[variables.len()];
        if !["claude", "codex", "gemini"].contains(&program) {
            continue;
        }
        for (name, _) in &variables {
            assert!(AGENTS.contains(&format!("\"{name}\": ")), "{name}");
        }
        let known = |word: &String| {
            // The prompt and the model are others; the last word is where the shell gets no input from.
            let is_free = word.contains(' ') || word == "demo-chat" || word == "</dev/null";
            is_free || AGENTS.contains(&format!("\"{word}\""))
        };
        for word in &command[variables.len()..] {
            assert!(known(word), "{word}");
        }
        agents += 1;
    }
    assert_eq!(agents, 3);
}

#[test]
fn agents_are_configured_as_they_were_tried() {
    let toml = blocks("toml").next().expect("that of Codex");
    for line in toml.lines() {
        let tried = line.replace("http://127.0.0.1:8000", "{url}");
        let tried = tried.replace("demo-chat", "{model}");
        assert!(AGENTS.lines().any(|own| own == tried), "{line}");
    }
    let json = blocks("json").next().expect("that of Gemini CLI");
    let tried = AGENTS
        .split("settings = ")
        .nth(1)
        .expect("that as it was tried");
    let tried = tried.split("\n    }").next().expect("its beginning");
    // Python spells it otherwise.
    let tried = format!(
        "{}}}",
        tried
            .replace("False", "false")
            .trim_end_matches([',', '\n'])
    );
    let [said, tried] = [json, &tried].map(serde_json::from_str::<Value>);
    let (said, tried) = (said.expect("JSON"), tried.expect("JSON"));
    let said = said.as_object().expect("an object");
    assert!(!said.is_empty());
    // What was tried keeps updates and telemetry away besides.
    for (key, value) in said {
        assert_eq!(*value, tried[key], "{key}");
    }
}

#[test]
fn the_versions_are_those_that_were_tried() {
    let packages = include_str!("../clients/package.json");
    let packages: Value = serde_json::from_str(packages).expect("JSON");
    let packages = packages["dependencies"].as_object().expect("an object");
    let agents = packages.iter().filter(|(name, _)| *name != "node");
    for (name, version) in agents {
        let said = format!("`{name}` {}", version.as_str().expect("a version"));
        assert!(README.contains(&said), "{said}");
    }
    for line in include_str!("../sdk/requirements.txt").lines() {
        let (name, version) = line.split_once("==").expect("a version");
        assert!(README.contains(&format!("`{name}` {version}")), "{line}");
    }
}

/// A `curl` of the README's.
#[derive(Debug, Default)]
struct Curl {
    /// Whether it asks the admin API, at its socket.
    is_admin: bool,
    method: Option<String>,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

impl Curl {
    fn read(words: &[String]) -> Self {
        let mut curl = Self::default();
        let mut words = words.iter().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().expect("a value").clone();
            match word.as_str() {
                // To show what a test always sees.
                "-i" => {}
                "-H" => {
                    let header = value();
                    let (name, value) = header.split_once(": ").expect("a header");
                    curl.headers.push((name.to_owned(), value.to_owned()));
                }
                "-d" => curl.body = Some(value()),
                "-X" => curl.method = Some(value()),
                "--unix-socket" => {
                    assert_eq!(value(), "~/.auto-gateway/run/admin.sock");
                    curl.is_admin = true;
                }
                url => {
                    let host =
                        ["http://127.0.0.1:8000", "http://localhost"][usize::from(curl.is_admin)];
                    let target = url.strip_prefix(host);
                    target
                        .expect("the default address")
                        .clone_into(&mut curl.target);
                }
            }
        }
        curl
    }

    /// Where the answer has what was asked for.
    fn answer(&self) -> &'static str {
        let ways = [
            ("/chat/completions", "/choices/0/message/content"),
            ("/messages", "/content/0/text"),
            ("/responses", "/output/0/content/0/text"),
            (":generateContent", "/candidates/0/content/parts/0/text"),
            ("/count_tokens", "/input_tokens"),
            ("/v1/models", "/data/0/id"),
            ("/v1beta/models", "/models/0/name"),
            ("/routing/decide", "/chosen/reason"),
            ("/routing/sessions/my-session", "/models/0/provider"),
            ("/routing/requests", "/data/0/attempts/0/verdict"),
            ("/providers", "/data/0/name"),
            ("/logical-models", "/data/0/steps/0/provider"),
            ("/v1/snapshot", "/about/url"),
            ("?state=failed&limit=10", "/requests"),
            ("/v1/acts", "/message"),
            ("/v1/reload", "/message"),
        ];
        let way = ways.iter().find(|(end, _)| self.target.ends_with(end));
        way.unwrap_or_else(|| panic!("{}", self.target)).1
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
    let url = binary.banner().await["url"].clone();
    let url = url.as_str().expect("a url");
    let admin = Client::new(Endpoint::Unix(binary.home().join("run/admin.sock")));
    let mut shown = Vec::new();
    for words in commands.iter().filter(|command| command[0] == "curl") {
        let curl = Curl::read(words);
        let client = if curl.is_admin { &admin } else { &client };
        let usual = if curl.body.is_some() { "POST" } else { "GET" };
        let mut call = client.call(curl.method.as_deref().unwrap_or(usual), &curl.target);
        if let Some(body) = &curl.body {
            call = call.body(body.as_str());
        }
        for (name, value) in &curl.headers {
            call = call.header(name, value);
        }
        let answer = call.send().await.expect_status(200);
        let headers = answer.headers.iter();
        shown.extend(headers.map(|(name, value)| format!("{name}: {value}")));
        let is_stream = curl
            .body
            .as_ref()
            .is_some_and(|body| body.contains("\"stream\": true"));
        if is_stream {
            assert_eq!(answer.events().last().map(String::as_str), Some("[DONE]"));
        } else {
            let body = answer.json();
            let found = body.pointer(curl.answer());
            assert!(found.is_some_and(|found| *found != ""), "{body}");
        }
    }
    let promised: Vec<_> = blocks("text").flat_map(str::lines).collect();
    let promised = promised.iter().filter(|line| line.starts_with("x-autogw-"));
    assert_eq!(promised.clone().count(), 6);
    for line in promised {
        assert!(shown.iter().any(|header| header == line), "{line}");
    }
    explains(url);
    tells(binary.home());
}

/// Verbs that ask a gateway that runs, at its socket.
const ASKING: [&str; 4] = ["status", "requests", "logs", "reload"];

/// The README's ways to ask the gateway of `home` how it stands.
fn tells(home: &Path) {
    let mut asked = BTreeSet::new();
    for args in own_commands().filter(|args| ASKING.contains(&&*args[0])) {
        let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_autogw"))
            .args(&args)
            .env_clear()
            .env("AUTOGW_HOME", home)
            .output()
            .expect("the binary runs");
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{args:?}: {told}");
        if args.contains(&"--json".to_owned()) {
            let mut values = serde_json::Deserializer::from_str(&told).into_iter::<Value>();
            assert!(values.all(|value| value.is_ok()), "{args:?}: {told}");
        }
        asked.insert(args[0].clone());
    }
    assert_eq!(asked.len(), ASKING.len(), "{asked:?}");
}

#[test]
fn every_metric_in_the_table_is_one() {
    let named = [
        include_str!("../../src/telemetry/metrics/families.rs"),
        include_str!("../../src/server/pages/metrics.rs"),
    ];
    let spans = README.split('`').skip(1).step_by(2);
    let metrics = spans.filter(|span| span.starts_with("autogw_") || span.starts_with("proxy_"));
    let metrics: BTreeSet<&str> = metrics.collect();
    for metric in &metrics {
        let name = format!("\"{metric}\"");
        assert!(
            named.iter().any(|source| source.contains(&name)),
            "{metric}"
        );
    }
    assert!(metrics.len() > 15, "{metrics:?}");
}

/// The README's ways to ask the gateway at `url` for its reasons.
fn explains(url: &str) {
    let home = empty_home();
    let promised = blocks("text").flat_map(str::lines);
    let titles = promised.filter(|line| line.contains("VERDICT"));
    let titles: Vec<&str> = titles.flat_map(str::split_whitespace).collect();
    assert_eq!(titles.first(), Some(&"TARGET"));
    let mut asked = 0;
    for mut args in own_commands().filter(|args| args[0] == "explain") {
        args.extend(["--url", url].map(str::to_owned));
        let output = run(home.path(), &args);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{args:?}: {said}");
        // Columns that nobody fills are left out: scores, where the order is that of the file.
        let is_shown = |title: &&str| *title != "SCORE" || args.contains(&"adaptive".to_owned());
        for title in titles.iter().copied().filter(is_shown) {
            assert!(said.contains(title), "{title}: {said}");
        }
        assert!(said.contains("is asked first: "), "{said}");
        asked += 1;
    }
    assert!(asked > 1, "{asked}");
}

#[test]
fn every_endpoint_in_the_table_is_one() {
    let rows = README
        .lines()
        .skip_while(|line| *line != "| path | dialect |")
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let mut paths = 0;
    for row in rows {
        let spans = row
            .split('|')
            .nth(1)
            .expect("a cell")
            .split('`')
            .skip(1)
            .step_by(2);
        for span in spans {
            let path = match span.strip_prefix(':') {
                Some(verb) => format!("/v1/models/m:{verb}"),
                None => span.replace("{model}", "m"),
            };
            // Those are no requests for a model; `curl` above and `translate_state` ask them.
            let is_other = path.ends_with("/models") || path.ends_with("{id}");
            assert!(is_other || Ingress::at(&path, None).is_some(), "{path}");
            paths += 1;
        }
    }
    assert!(paths > 15, "{paths}");
}

#[test]
fn the_commands_work() {
    let home = home();
    for mut args in own_commands() {
        // The first would run until it is told to stop; it is started below. The others ask a gateway, and
        // do so above.
        if args == ["start"] || args[0] == "explain" || ASKING.contains(&&*args[0]) {
            continue;
        }
        // They would ask for a way out of here, or for a terminal; that the arguments mean something shows before
        // the help.
        if args.contains(&"--tunnel".to_owned()) || args[0] == "tui" {
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
        said.starts_with("OK: providers=4 strategy=sequential tunnel=none"),
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
    let key = ENVIRONMENT
        .into_iter()
        .filter(|(name, _)| name.starts_with("OPENAI_"));
    let binary = Binary::run(empty_home(), args, key);
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
