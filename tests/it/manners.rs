//! The manners of the command line, held for every verb there is and every one to come.

use std::io::pipe;
use std::process::{Command as Process, Stdio};

use autogw::cli::Cli;
use clap::{Arg, Command, CommandFactory as _};

use crate::support::Screen;

/// Verbs that have nothing to report as data.
const SILENT: [&str; 5] = [
    "tui",
    "completions",
    "man",
    "service install",
    "service uninstall",
];

/// A verb that is called, by its words.
struct Verb {
    words: Vec<String>,
    command: Command,
}

/// Every verb that a person calls, those below others included; and the one for packagers.
fn verbs() -> Vec<Verb> {
    let mut whole = Cli::command();
    whole.build();
    let mut verbs = Vec::new();
    collect(&whole, &[], &mut verbs);
    assert!(verbs.len() > 12, "{}", verbs.len());
    verbs
}

fn collect(command: &Command, words: &[String], verbs: &mut Vec<Verb>) {
    let is_called = |verb: &&Command| !verb.is_hide_set() || verb.get_name() == "man";
    let called = command.get_subcommands().filter(is_called);
    for verb in called.filter(|verb| verb.get_name() != "help") {
        let words = [words, &[verb.get_name().to_owned()]].concat();
        if !verb.has_subcommands() || !verb.is_subcommand_required_set() {
            verbs.push(Verb {
                words: words.clone(),
                command: verb.clone(),
            });
        }
        collect(verb, &words, verbs);
    }
}

impl Verb {
    fn name(&self) -> String {
        self.words.join(" ")
    }

    fn options(&self) -> impl Iterator<Item = &Arg> {
        let options = self.command.get_arguments();
        options.filter(|option| !option.is_hide_set() && option.get_id() != "help")
    }

    fn has(&self, option: &str) -> bool {
        self.options().any(|one| one.get_long() == Some(option))
    }

    /// What is given to it so that it ends by itself where there is nothing at all.
    fn harmless(&self) -> Vec<&str> {
        let words = self.words.iter().map(String::as_str);
        match self.words[0].as_str() {
            // Without a file it would serve what it finds on this machine.
            "start" => vec!["start", "--config", "nowhere.json"],
            "completions" => vec!["completions", "bash"],
            // Whoever runs the tests may have one.
            "service" => words.chain(["--name", "nobodys.service"]).collect(),
            _ => words.collect(),
        }
    }
}

/// The program in an empty home, without anybody to ask.
fn program(home: &std::path::Path, words: &[&str]) -> Process {
    let mut program = Process::new(env!("CARGO_BIN_EXE_autogw"));
    program
        .args(words)
        .env_clear()
        .env("PATH", "/nowhere")
        .env("HOME", home)
        .env("AUTOGW_HOME", home)
        .current_dir(home)
        .stdin(Stdio::null());
    program
}

#[test]
fn help_begins_with_examples_and_ends_with_the_exit_status() {
    for mut verb in verbs() {
        let name = verb.name();
        let after = verb.command.get_after_help().map(ToString::to_string);
        let after = after.unwrap_or_else(|| panic!("{name} has no examples"));
        assert!(after.starts_with("Examples:\n"), "{name}: {after}");
        let examples = after.lines().filter(|line| line.starts_with("  "));
        let call = format!("autogw {name}");
        let count = examples.filter(|line| line.contains(&call)).count();
        assert!(count >= 1, "{name}: no example of {call}");
        let last = after.split("\n\n").last().expect("a paragraph");
        assert!(last.starts_with("Exit status: 0 "), "{name}: {last}");
        for option in verb.options() {
            let id = option.get_id();
            let said = option.get_help().map(ToString::to_string);
            let said = said.unwrap_or_else(|| panic!("{name}: {id} is not explained"));
            assert!(!said.ends_with('.'), "{name}: {id}: {said}");
        }
        let long = verb.command.render_long_help().to_string();
        let widest = long.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(100), "{name}: {widest:?}\n{long}");
    }
}

#[test]
fn who_reports_does_so_as_json_too() {
    for verb in verbs() {
        let is_silent = SILENT.contains(&verb.name().as_str());
        assert_eq!(verb.has("json"), !is_silent, "{}", verb.name());
    }
}

#[test]
fn whoever_may_ask_can_be_told_not_to() {
    for verb in verbs() {
        let asks = verb.has("yes");
        let aliases = verb.options().filter_map(Arg::get_visible_aliases);
        let is_told = aliases.flatten().any(|alias| alias == "no-input") || verb.has("no-input");
        assert_eq!(asks, is_told, "{}", verb.name());
    }
}

#[test]
fn a_slip_of_the_finger_is_told_what_was_meant() {
    let home = tempfile::tempdir().expect("a temporary directory");
    for verb in verbs() {
        let name = verb.words.last().expect("a word");
        let mut wrong = verb.words.clone();
        *wrong.last_mut().expect("a word") = format!("{name}x");
        let mut lines = vec![(wrong, format!("'{name}'"))];
        for option in verb.options().filter_map(Arg::get_long) {
            let line = [&*verb.words, &[format!("--{option}x")]].concat();
            lines.push((line, format!("'--{option}")));
        }
        if verb.command.is_hide_set() {
            lines.remove(0);
        }
        for (line, meant) in lines {
            let words: Vec<&str> = line.iter().map(String::as_str).collect();
            let output = program(home.path(), &words).output().expect("it runs");
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{words:?}: {said}");
            assert!(said.starts_with("error: "), "{words:?}: {said}");
            assert!(said.contains(&meant), "{words:?}: {said}");
            assert!(output.stdout.is_empty(), "{words:?}");
        }
    }
}

#[test]
fn data_goes_to_one_stream_and_trouble_to_the_other() {
    let home = tempfile::tempdir().expect("a temporary directory");
    for verb in verbs() {
        let words = verb.harmless();
        let output = program(home.path(), &words).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        let code = output.status.code();
        assert!(matches!(code, Some(0..=2)), "{words:?}: {code:?} {said}");
        // What is found is data, however bad.
        let reports =
            code == Some(0) || words == ["doctor"] || words.starts_with(&["service", "status"]);
        assert_eq!(reports, !output.stdout.is_empty(), "{words:?}: {said}");
        assert!(reports || !said.is_empty(), "{words:?}");
        assert!(!said.contains("panicked"), "{words:?}: {said}");
    }
}

#[test]
fn nobody_who_stops_reading_hears_a_word_about_it() {
    let home = tempfile::tempdir().expect("a temporary directory");
    for verb in verbs() {
        let help = [
            verb.words.iter().map(String::as_str).collect(),
            vec!["--help"],
        ]
        .concat();
        for words in [help, verb.harmless()] {
            let run = |stdout: Stdio| {
                let mut program = program(home.path(), &words);
                program.stdout(stdout).output().expect("it runs")
            };
            let (reader, writer) = pipe().expect("a pipe");
            drop(reader);
            let (heard, unheard) = (run(Stdio::piped()), run(writer.into()));
            let said = String::from_utf8_lossy(&unheard.stderr);
            assert_eq!(said, String::from_utf8_lossy(&heard.stderr), "{words:?}");
            assert_eq!(unheard.status, heard.status, "{words:?}: {said}");
        }
    }
}

#[tokio::test]
async fn colour_is_for_terminals_that_can_and_people_who_want() {
    let cases: [(&[(&str, &str)], bool); 4] = [
        (&[], true),
        (&[("NO_COLOR", "1")], false),
        (&[("TERM", "dumb")], false),
        (&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], false),
    ];
    for verb in verbs() {
        let help = [&*verb.words, &["--help".to_owned()]].concat();
        for (variables, is_coloured) in cases {
            let home = tempfile::tempdir().expect("a temporary directory");
            let words = help.iter().map(String::as_str);
            let mut screen = Screen::run(home, (120, 200), words, variables.iter().copied());
            screen.exit().await;
            let sent = screen.sent();
            assert!(!sent.is_empty(), "{help:?}");
            assert_eq!(sent.contains(&0x1b), is_coloured, "{help:?} {variables:?}");
        }
    }
}
