//! The options of the verbs: they fit together, and say what they are for.

use autogw::cli::check::CheckArgs;
use autogw::cli::completions::{self, CompletionsArgs};
use autogw::cli::exit::Exit;
use autogw::cli::init::InitArgs;
use autogw::cli::save_global::SaveGlobalArgs;
use clap::{Args, Command};

use super::Output;

fn command() -> Command {
    Command::new("autogw")
        .subcommand(CheckArgs::augment_args(Command::new("check")))
        .subcommand(SaveGlobalArgs::augment_args(Command::new("save-global")))
        .subcommand(InitArgs::augment_args(Command::new("init")))
}

#[test]
fn every_option_is_explained_and_every_verb_has_examples() {
    let mut command = command();
    command.clone().debug_assert();
    for verb in command.get_subcommands_mut() {
        let help = verb.render_long_help().to_string();
        assert!(help.contains("Examples:"), "{help}");
        for option in verb
            .get_arguments()
            .filter(|option| option.get_id() != "help")
        {
            assert!(
                option.get_help().is_some(),
                "{} of {}",
                option.get_id(),
                verb.get_name()
            );
        }
    }
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    for line in [
        "check a.json --config b.json",
        "check a.json --name x",
        "check --config a.json --name x",
        "check --name a/b",
        "save-global",
        "save-global a.json --name ../x",
        "init --output a.json --name x",
    ] {
        let words = ["autogw"].into_iter().chain(line.split(' '));
        assert!(command().try_get_matches_from(words).is_err(), "{line}");
    }
}

#[test]
fn completions_know_the_verbs() {
    let mut output = Output::default();
    let args = CompletionsArgs {
        shell: clap_complete::Shell::Bash,
    };
    let exit = completions::run(&args, &command(), &mut output.console());
    assert_eq!(exit, Exit::Done);
    assert!(output.out().contains("save-global"), "{}", output.out());
}
