//! Completions: a script of verbs and options (`autogw completions <shell>`), or a shell that asks this
//! program at every tab, which then offers the names of the configuration, too.

mod bash;

use clap::{Args, Command, CommandFactory as _};
use clap_complete::env::{Elvish, Fish, Powershell, Shells, Zsh};
use clap_complete::{CompleteEnv, Shell};

use super::Cli;

use super::console::Console;
use super::exit::Exit;
use crate::config::Style;
use bash::Bash;

/// Print completions for a shell
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  autogw completions bash > ~/.local/share/bash-completion/completions/autogw
  autogw completions zsh > ~/.zfunc/_autogw
  autogw completions fish > ~/.config/fish/completions/autogw.fish

These know verbs and options. A shell that asks autogw itself also completes providers, models and
names of configurations; this line in its startup file has it do so:
  source <(COMPLETE=bash autogw)     in ~/.bashrc
  source <(COMPLETE=zsh autogw)      in ~/.zshrc
  COMPLETE=fish autogw | source      in ~/.config/fish/config.fish

Exit status: 0 printed, 2 wrong usage.")]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

/// Runs the verb for the whole `command`.
pub fn run(args: &CompletionsArgs, command: &Command, console: &mut Console<'_>) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut visible(command), "autogw", &mut script);
    console.data(String::from_utf8_lossy(&script).trim_end());
    Exit::Done
}

/// Answers a shell that asks what may follow, if that is what this process was started for (`COMPLETE` names
/// the shell): with candidates, or with the script that makes it ask. It talks to no one else, and while a
/// person types there is nobody to tell a failure to.
pub(super) fn answer() -> Option<Exit> {
    let asked = CompleteEnv::with_factory(|| visible(&Cli::command()))
        .shells(Shells(&[&Bash, &Elvish, &Fish, &Powershell, &Zsh]))
        .try_complete(std::env::args_os(), std::env::current_dir().ok().as_deref());
    match asked {
        Ok(false) => None,
        Ok(true) => Some(Exit::Done),
        Err(error) => {
            if std::env::args_os().len() == 1 {
                let (mut out, mut err) = (std::io::stdout(), anstream::stderr());
                let mut console = Console::new(&mut out, &mut err, Style::Coloured);
                console.error(format!("COMPLETE: {error}"), Some("unset it"));
            }
            Some(Exit::Usage)
        }
    }
}

/// `command` without the verbs that are nobody's business, which some shells would offer.
pub(super) fn visible(command: &Command) -> Command {
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    Command::new("autogw")
        .version(env!("CARGO_PKG_VERSION"))
        .about(command.get_about().cloned().unwrap_or_default())
        .args(command.get_arguments())
        .subcommands(verbs)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn no_shell_offers_what_is_hidden() {
        for shell in Shell::value_variants() {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let mut console = Console::new(&mut out, &mut err, Style::Plain);
            run(
                &CompletionsArgs { shell: *shell },
                &Cli::command(),
                &mut console,
            );
            let script = String::from_utf8(out).expect("text");
            assert!(!script.contains("tunnel-child"), "{shell}");
            for word in ["save-global", "color", "log-format"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }
}
