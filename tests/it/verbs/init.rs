//! `init`: what it writes, what it asks, and that it replaces nothing unasked.

use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;

use autogw::cli::ask::Ask;
use autogw::cli::exit::Exit;
use autogw::cli::init::{self, InitArgs};
use autogw::config::{self, Environment};

use super::Output;

/// Answers in order; `stop` once they are used up.
struct Script(VecDeque<Answer>);

enum Answer {
    Many(Vec<usize>),
    Named(&'static str),
    Text(&'static str),
    Yes,
    No,
}

impl Ask for Script {
    fn pick_many(&mut self, _: &str, _: &[String]) -> Option<Vec<usize>> {
        match self.0.pop_front()? {
            Answer::Many(picked) => Some(picked),
            _ => None,
        }
    }

    fn pick_one(&mut self, _: &str, options: &[String]) -> Option<usize> {
        match self.0.pop_front()? {
            Answer::Named(name) => options.iter().position(|option| option == name),
            _ => None,
        }
    }

    fn text(&mut self, _: &str, default: &str) -> Option<String> {
        match self.0.pop_front()? {
            Answer::Text("") => Some(default.to_owned()),
            Answer::Text(text) => Some(text.to_owned()),
            _ => None,
        }
    }

    fn confirm(&mut self, _: &str) -> Option<bool> {
        match self.0.pop_front()? {
            Answer::Yes => Some(true),
            Answer::No => Some(false),
            _ => None,
        }
    }
}

struct Room {
    root: tempfile::TempDir,
    env: Environment,
}

impl Room {
    fn new() -> Self {
        // The probes of local servers build an HTTP client, which wants a crypto provider.
        _ = rustls::crypto::ring::default_provider().install_default();
        let root = tempfile::tempdir().expect("a directory");
        let env = Environment::empty()
            .with("AUTOGW_HOME", root.path().display().to_string())
            .with("OPENAI_API_KEY", "sk-canary")
            .with("GROQ_API_KEY", "gsk-canary");
        Self { root, env }
    }

    fn config(&self) -> PathBuf {
        self.root.path().join("config.json")
    }

    fn written(&self) -> String {
        fs::read_to_string(self.config()).expect("a file was written")
    }

    async fn run(&self, args: &InitArgs, answers: Option<Vec<Answer>>) -> (Exit, Output) {
        let mut script = answers.map(|answers| Script(answers.into()));
        let person = script.as_mut().map(|script| script as &mut dyn Ask);
        let mut output = Output::default();
        let exit = init::run(args, self.env.clone(), person, &mut output.console()).await;
        (exit, output)
    }
}

fn yes() -> InitArgs {
    InitArgs {
        yes: true,
        ..InitArgs::default()
    }
}

#[tokio::test]
async fn yes_takes_what_the_environment_offers_and_writes_no_key() {
    let room = Room::new();
    let (exit, output) = room.run(&yes(), None).await;
    assert_eq!(exit, Exit::Done, "{}", output.err());
    let text = room.written();
    assert!(
        text.contains(r#"{ "type": "openai", "api_key": "${OPENAI_API_KEY}" }"#),
        "{text}"
    );
    assert!(text.contains("// found by GROQ_API_KEY"), "{text}");
    assert!(!text.contains("canary"), "{text}");
    let loaded = config::load(&room.config(), &room.env).expect("what was written loads");
    assert!(loaded.config.providers.len() >= 2);
}

#[tokio::test]
async fn a_person_picks_and_adds() {
    let room = Room::new();
    let answers = vec![
        Answer::Many(vec![1]),
        Answer::Named("openai_compatible"),
        Answer::Text("house"),
        Answer::Text("https://llm.example.com/v1"),
        Answer::Text("HOUSE_KEY"),
        Answer::Named("no more"),
    ];
    let (exit, output) = room.run(&InitArgs::default(), Some(answers)).await;
    assert_eq!(exit, Exit::Done, "{}", output.err());
    assert!(
        output.err().contains("still to do: set HOUSE_KEY"),
        "{}",
        output.err()
    );
    let env = room.env.clone().with("HOUSE_KEY", "hk");
    let loaded = config::load(&room.config(), &env).expect("what was written loads");
    let names: Vec<&str> = loaded.config.providers.iter().map(|p| &*p.name).collect();
    assert_eq!(names, ["groq", "house"]);
}

#[tokio::test]
async fn stopping_writes_nothing() {
    let room = Room::new();
    let (exit, output) = room.run(&InitArgs::default(), Some(Vec::new())).await;
    assert_eq!(exit, Exit::Failed);
    assert_eq!(output.err(), "nothing was written\n");
    assert!(!room.config().exists());
}

#[tokio::test]
async fn an_existing_file_is_replaced_only_when_that_is_wanted() {
    let room = Room::new();
    fs::write(room.config(), "old").expect("written");
    let (exit, output) = room.run(&yes(), None).await;
    assert_eq!(exit, Exit::Failed);
    assert!(output.err().contains("--force"), "{}", output.err());

    let (exit, _) = room.run(&InitArgs::default(), Some(vec![Answer::No])).await;
    assert_eq!(exit, Exit::Failed);
    assert_eq!(room.written(), "old");

    let answers = vec![Answer::Yes, Answer::Many(vec![0]), Answer::Named("no more")];
    let (exit, _) = room.run(&InitArgs::default(), Some(answers)).await;
    assert_eq!(exit, Exit::Done);
    assert_ne!(room.written(), "old");

    let (exit, _) = room
        .run(
            &InitArgs {
                force: true,
                ..yes()
            },
            None,
        )
        .await;
    assert_eq!(exit, Exit::Done);
    assert!(room.root.path().join("config.json.bak").exists());
}

#[tokio::test]
async fn without_a_terminal_yes_is_needed() {
    let room = Room::new();
    let (exit, output) = room.run(&InitArgs::default(), None).await;
    assert_eq!(exit, Exit::Usage);
    assert!(
        output.err().contains("autogw init --yes"),
        "{}",
        output.err()
    );
}

#[tokio::test]
async fn another_format_than_the_one_written_is_refused() {
    let room = Room::new();
    for name in ["gw.yaml", "gw.yml", "gw.toml"] {
        let path = room.root.path().join(name);
        let args = InitArgs {
            output: Some(path.clone()),
            ..yes()
        };
        let (exit, output) = room.run(&args, None).await;
        assert_eq!(exit, Exit::Usage);
        assert!(
            output.err().contains("hint: name the file .json"),
            "{}",
            output.err()
        );
        assert!(!path.exists());
    }
}

#[tokio::test]
async fn what_is_next_names_the_file_that_was_written() {
    let room = Room::new();
    let next = async |args: InitArgs| {
        let (exit, output) = room.run(&args, None).await;
        assert_eq!(exit, Exit::Done, "{}", output.err());
        output.err().lines().last().map(str::to_owned)
    };
    let path = room.root.path().join("my gw.json");
    let shown = format!("'{}'", path.display());
    let output = InitArgs {
        output: Some(path),
        ..yes()
    };
    assert_eq!(
        next(output).await,
        Some(format!(
            "next: `autogw check --config {shown}`, then `autogw start --config {shown}`"
        ))
    );
    let named = InitArgs {
        name: Some("work".parse().expect("a name")),
        ..yes()
    };
    assert_eq!(
        next(named).await.as_deref(),
        Some("next: `autogw check --name work`, then `autogw start --name work`")
    );
    assert_eq!(
        next(yes()).await.as_deref(),
        Some("next: `autogw check`, then `autogw start`")
    );
}

#[tokio::test]
async fn json_says_what_was_written_where() {
    let room = Room::new();
    fs::write(room.config(), "old").expect("written");
    let args = InitArgs {
        json: true,
        force: true,
        ..yes()
    };
    let (exit, output) = room.run(&args, None).await;
    assert_eq!(exit, Exit::Done, "{}", output.err());
    let json = output.json();
    assert_eq!(json["ok"], true);
    assert_eq!(json["path"], room.config().display().to_string());
    assert_eq!(json["backups"].as_array().map(Vec::len), Some(1));
    assert_eq!(json["providers"][0]["name"], "openai");
    assert_eq!(json["providers"][0]["key_variable"], "OPENAI_API_KEY");
    assert!(!output.out().contains("canary"), "{}", output.out());
}

#[tokio::test]
async fn json_says_why_nothing_was_written() {
    let mut room = Room::new();
    room.env = room.env.with("LLM_PROVIDERS", "nowhere");
    let args = InitArgs {
        json: true,
        ..yes()
    };
    let (exit, output) = room.run(&args, None).await;
    assert_eq!(exit, Exit::Usage);
    assert_eq!(output.json()["ok"], false);
}
