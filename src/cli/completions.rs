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
pub fn run(args: &CompletionsArgs, command: &mut Command, console: &mut Console<'_>) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "autogw", &mut script);
    console.data(String::from_utf8_lossy(&script).trim_end());
    Exit::Done
}
