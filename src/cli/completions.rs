//! `autogw completions <shell>`.

use clap::{Args, Command};
use clap_complete::Shell;

use super::console::Console;
use super::exit::Exit;

/// Print completions for a shell
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  autogw completions bash > ~/.local/share/bash-completion/completions/autogw
  autogw completions zsh > ~/.zfunc/_autogw
  autogw completions fish > ~/.config/fish/completions/autogw.fish")]
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

/// `command` without the verbs that are nobody's business, which some shells would offer.
fn visible(command: &Command) -> Command {
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    Command::new("autogw")
        .version(env!("CARGO_PKG_VERSION"))
        .args(command.get_arguments())
        .subcommands(verbs)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, ValueEnum as _};

    use super::*;
    use crate::cli::Cli;
    use crate::config::Style;

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
