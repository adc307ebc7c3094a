//! The command line: what can be asked, and who answers.
//!
//! A verb per file, each with its arguments, whose doc comments are the help text, and a `run`. This
//! module parses, prepares the process and hands over; the verb says how it went with an [`Exit`].

mod again;
pub mod announce;
pub mod ask;
pub mod banner;
mod caller;
pub mod check;
pub mod completions;
pub mod config;
pub mod connect;
pub mod console;
mod dashboard;
pub mod doctor;
mod door;
pub mod exit;
pub mod explain;
mod figures;
mod follow;
pub mod init;
pub mod live;
pub mod local;
pub mod logs;
pub mod man;
pub mod names;
mod page;
mod process;
mod question;
pub mod reach;
pub mod reload;
pub mod requests;
pub mod save_global;
pub mod service;
pub mod setup;
pub mod shell;
pub mod source;
pub mod start;
pub mod status;
mod table;
pub mod template;
pub mod tui;
pub mod tunnel_child;
pub mod version;

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};
use rustix::fs::Mode;

use crate::config::{Environment, Style};
use crate::telemetry::log;

use ask::Ask;
use check::CheckArgs;
use completions::CompletionsArgs;
use config::ConfigArgs;
use connect::ConnectArgs;
use console::Console;
use doctor::DoctorArgs;
use exit::Exit;
use explain::ExplainArgs;
use init::InitArgs;
use logs::LogsArgs;
use man::ManArgs;
use reload::ReloadArgs;
use requests::RequestsArgs;
use save_global::SaveGlobalArgs;
use service::ServiceArgs;
use start::StartArgs;
use status::StatusArgs;
use tui::TuiArgs;
use tunnel_child::TunnelChildArgs;
use version::VersionArgs;

/// One endpoint over many AI providers: any client of OpenAI's, Anthropic's or Google's works with any of
/// them, and keeps working when one falls over.
#[derive(Debug, Parser)]
#[command(name = "autogw", version, styles = STYLES, arg_required_else_help = true)]
#[command(propagate_version = false, max_term_width = 100)]
#[command(after_help = "\
Examples:
  autogw start --demo      try it: simulated providers, no key, no network
  autogw tui --demo        the same, seen and steered in a dashboard
  autogw connect codex     point a coding agent here, and back again with --undo
  autogw start             serve what the environment offers (OPENAI_API_KEY, Ollama, …)
  autogw init              write a commented configuration
  autogw check --live      ask every key for every model once
  autogw doctor            find what is wrong, and how to mend it
  autogw explain -m auto   say which target a request would go to, and why

`autogw <COMMAND> --help` says more about each.")]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,

    /// When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value = "auto",
        display_order = 900
    )]
    color: Color,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Start(StartArgs),
    Tui(TuiArgs),
    Connect(ConnectArgs),
    Status(StatusArgs),
    Requests(RequestsArgs),
    Logs(LogsArgs),
    Reload(ReloadArgs),
    Check(CheckArgs),
    Doctor(DoctorArgs),
    Config(ConfigArgs),
    Explain(ExplainArgs),
    SaveGlobal(SaveGlobalArgs),
    Init(InitArgs),
    Service(ServiceArgs),
    Version(VersionArgs),
    Completions(CompletionsArgs),
    #[command(hide = true)]
    Man(ManArgs),
    #[command(hide = true)]
    TunnelChild(TunnelChildArgs),
}

/// When to use colours.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Cyan.on_default().bold())
    .usage(AnsiColor::Cyan.on_default().bold())
    .literal(AnsiColor::Green.on_default())
    .placeholder(AnsiColor::BrightBlack.on_default());

/// The whole program: parses the arguments of the process, does what they ask, says how it went.
pub fn main() -> ExitCode {
    if let Some(exit) = completions::answer() {
        return exit.into();
    }
    let umask = prepare_process();
    let cli = Cli::parse();
    cli.color.apply();
    let (mut out, mut err) = (anstream::stdout(), anstream::stderr());
    // The streams take colours out again where nobody can see them.
    let mut console = Console::new(&mut out, &mut err, Style::Coloured);
    let runtime = match cli.verb.runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            console.error(format!("cannot start the runtime: {error}"), None);
            return Exit::Failed.into();
        }
    };
    let exit = runtime.block_on(cli.verb.run(Environment::of_process(), umask, &mut console));
    // A name lookup that hangs in a thread of its own must not hold up the end.
    runtime.shutdown_background();
    exit.into()
}

/// What has to hold before anything opens a file, a connection or panics. Returns the umask that there was.
fn prepare_process() -> Mode {
    // Configurations, logs and sockets are nobody else's business.
    let umask = rustix::process::umask(Mode::RWXG | Mode::RWXO);
    // Fails only if a provider is installed already, which is all that is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
    log::install_panic_hook();
    umask
}

impl Verb {
    /// A gateway uses every core; the other verbs ask a few questions at most.
    fn runtime(&self) -> io::Result<tokio::runtime::Runtime> {
        let mut builder = match self {
            Verb::Start(_) | Verb::Tui(_) => tokio::runtime::Builder::new_multi_thread(),
            _ => tokio::runtime::Builder::new_current_thread(),
        };
        builder.enable_all().build()
    }

    async fn run(&self, env: Environment, umask: Mode, console: &mut Console<'_>) -> Exit {
        match self {
            Verb::Start(args) => Box::pin(start::run(args, env, console)).await,
            Verb::Tui(args) => Box::pin(tui::run(args, env, console)).await,
            Verb::Connect(args) => Box::pin(connect::run(args, env, umask, console)).await,
            Verb::Status(args) => status::run(args, &env, console).await,
            Verb::Requests(args) => requests::run(args, &env, console).await,
            Verb::Logs(args) => logs::run(args, &env, console).await,
            Verb::Reload(args) => reload::run(args, &env, console).await,
            Verb::Check(args) => check::run(args, env, console).await,
            // Boxed: it does many things at once.
            Verb::Doctor(args) => Box::pin(doctor::run(args, env, console)).await,
            Verb::Config(args) => config::run(args, env, console).await,
            // Boxed: a rehearsal is large.
            Verb::Explain(args) => Box::pin(explain::run(args, env, console)).await,
            Verb::SaveGlobal(args) => save_global::run(args, env, console),
            Verb::Init(args) => {
                let mut terminal = ask::Terminal;
                let person: Option<&mut dyn Ask> = if can_answer() {
                    Some(&mut terminal)
                } else {
                    None
                };
                init::run(args, env, person, console).await
            }
            Verb::Service(args) => Box::pin(service::run(args, &env, console)).await,
            Verb::Version(args) => version::run(args, console),
            Verb::Completions(args) => completions::run(args, &Cli::command(), console),
            Verb::Man(args) => man::run(args, &Cli::command(), console),
            Verb::TunnelChild(args) => tunnel_child::run(args, console),
        }
    }
}

/// Whether a person can be asked: both ends of a dialogue are a terminal.
fn can_answer() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

impl Color {
    /// Tells the writers of the process. `auto` is what they do by themselves.
    fn apply(self) {
        match self {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_consistent() {
        Cli::command().debug_assert();
    }
}
