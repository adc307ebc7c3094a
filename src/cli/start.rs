//! `autogw start`: runs the gateway until it is told to stop.
//!
//! Flags win over the file. The banner is talk and goes to stderr, and so is what becomes of the tunnels;
//! with `--json` the same facts are one line of data on stdout, printed when the listener answers, and
//! one more for each change of a tunnel. With `--tui` the banner is said before the dashboard takes the terminal.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};

#[cfg(feature = "otlp")]
use crate::app::otlp::Settings as Traces;
use crate::app::{self, Address, Running, Signals, StartError};
use crate::config::{Config, ConfigError, Diagnostic, Environment, Listen, Origins};
use crate::telemetry::log::{self, Levels, LogError, LogGuard};

use super::again::Again;
use super::announce::{self, Announcer, Audience, Facts, Speaker, Words};
use super::banner::{Banner, Circumstances, Origin};
use super::console::Console;
use super::dashboard::{self, Look};
use super::door::{self, DoorArgs};
use super::exit::Exit;
use super::page::terminal_width;
use super::process;
use super::setup::{self, Setup};
use super::source::SourceArgs;

/// Run the gateway
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  autogw start --demo                   try it: simulated providers, no key, no network
  autogw start --tui                    with the dashboard; quitting it ends the gateway
  autogw start                          the saved configuration, or what the environment offers
  autogw start --config team.yaml       another file
  autogw start --port 0 --json          any free port; the URL as JSON on stdout
  autogw start --socket /run/gw.sock    a Unix socket instead of a port
  autogw start --tunnel cloudflared     a public URL, for Cursor and its like; no account needed
  autogw start --tunnel ngrok --qr      the same through ngrok, with a QR code of the URL

A tunnel asks for a client key like every door that others can reach: without server.api_key one is
made for this run, shown once, and required everywhere. ngrok's authtoken comes from
NGROK_AUTHTOKEN, the configuration, or ngrok's own file; cloudflared has to be installed.

Without --config and --name it takes $AUTOGW_CONFIG, ~/.auto-gateway/config.json or
/etc/auto-gateway/config.json, else what the environment offers. Ctrl-C stops it: running
requests are finished first; a second Ctrl-C stops at once.

Exit status: 0 stopped, 1 failed (the address is taken, …), 2 wrong usage or configuration.")]
pub struct StartArgs {
    #[command(flatten)]
    gateway: GatewayArgs,

    /// Show the dashboard while it runs
    #[arg(long, conflicts_with = "qr")]
    tui: bool,

    /// Print one JSON object with the URL on stdout when ready, instead of the banner, then one
    /// {"tunnel": {…}} per change of a tunnel
    #[arg(long, conflicts_with_all = ["qr", "tui"])]
    json: bool,
}

/// Which gateway is run: what `start` and `tui` have in common.
#[derive(Debug, Clone, Args)]
pub(super) struct GatewayArgs {
    #[command(flatten)]
    pub(super) source: SourceArgs,

    /// Serve three simulated providers (fast, slow, flaky): no key, no network
    #[arg(long, conflicts_with_all = ["config", "name"])]
    demo: bool,

    /// Listen on this address or host name
    #[arg(long, value_name = "HOST")]
    host: Option<String>,

    /// Listen on this port; 0 takes any free one
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,

    /// Listen on this Unix socket instead of a port
    #[arg(long, value_name = "PATH", conflicts_with_all = ["host", "port"])]
    socket: Option<PathBuf>,

    #[command(flatten)]
    door: DoorArgs,

    /// Log this much: off, error, warn, info, debug, trace, or directives (`info,autogw::proxy=debug`)
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: Levels,

    /// Log like this, on stderr and in the daily file
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "human")]
    log_format: LogFormat,
}

/// How a gateway that runs is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    /// A banner, and words about what becomes of it.
    Words,
    /// The same for programs.
    Data,
    /// The dashboard, behind the banner.
    Dashboard(Look),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    Human,
    Json,
}

/// Why it does not run.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
    #[error("cannot start a thread that says what there is to say")]
    Speaker(#[source] io::Error),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Dashboard(#[from] dashboard::Problem),
}

/// Runs the verb: returns when a signal has ended the gateway.
pub async fn run(args: &StartArgs, env: Environment, console: &mut Console<'_>) -> Exit {
    let show = match (args.tui, args.json) {
        (false, false) => Show::Words,
        (false, true) => Show::Data,
        (true, _) => match dashboard::terminal(&env) {
            Ok(()) => Show::Dashboard(Look::usual(&env)),
            Err(none) => return none.tell(console),
        },
    };
    Box::pin(run_seen(&args.gateway, show, env, console)).await
}

/// Runs a gateway that is seen like this, until a signal or whoever looks at it has ended it.
pub(super) async fn run_seen(
    args: &GatewayArgs,
    show: Show,
    env: Environment,
    console: &mut Console<'_>,
) -> Exit {
    #[cfg(feature = "otlp")]
    let traces = args.traces(&env);
    let setup = args.setup(env.clone()).await;
    #[cfg(feature = "otlp")]
    let (setup, otlp) = with_traces(setup, traces);
    let mut setup = match setup {
        Ok(setup) => setup,
        Err(error) => return tell(&error.into(), console),
    };
    let notifier = notifier(&env, &mut setup);
    let warnings = setup.warnings.clone();
    let options = app::Options {
        #[cfg(feature = "otlp")]
        otlp,
        notifier,
        source: Again::of(args, env, &setup.origin),
        ..app::Options::new(setup.home.clone())
    };
    match start(args, show, setup, options).await {
        Ok(()) => Exit::Done,
        Err(problem) => {
            // No banner has said them, and one of them often says where the problem is written.
            console.diagnostics(&warnings);
            tell(&problem, console)
        }
    }
}

/// The service manager, and a warning if it cannot be told anything: the gateway serves as well without.
fn notifier(env: &Environment, setup: &mut Setup) -> app::Notifier {
    app::Notifier::of(env).unwrap_or_else(|error| {
        let message = format!("the service manager cannot be told anything: {error}");
        setup.warnings.push(Diagnostic::warning(message));
        app::Notifier::default()
    })
}

/// Where spans go, and a warning if that cannot be made out: requests are more important than their traces.
#[cfg(feature = "otlp")]
fn with_traces(
    setup: Result<Setup, ConfigError>,
    traces: Result<Option<Traces>, String>,
) -> (Result<Setup, ConfigError>, Option<Traces>) {
    match (setup, traces) {
        (Ok(mut setup), Err(fault)) => {
            let warning = Diagnostic::warning(format!("no spans are exported: {fault}"));
            setup.warnings.push(warning);
            (Ok(setup), None)
        }
        (Ok(mut setup), Ok(Some(traces))) if traces.shows_keys() => {
            let message =
                "the headers of OTEL_EXPORTER_OTLP_HEADERS go to another machine in the clear";
            let warning = Diagnostic::warning(message.to_owned());
            let hint = "use an address that begins with https://, or a collector on this machine";
            setup.warnings.push(warning.with_hint(hint.to_owned()));
            (Ok(setup), Some(traces))
        }
        (setup, traces) => (setup, traces.unwrap_or_default()),
    }
}

async fn start(
    args: &GatewayArgs,
    show: Show,
    setup: Setup,
    options: app::Options,
) -> Result<(), Problem> {
    let log = open_log(args, show, &setup)?;
    let signals = Signals::listen().map_err(Problem::Signals)?;
    if setup.config.tunnels.door.needs_no_key && door::is_public(&setup.config) {
        tracing::warn!(target: "autogw::cli", "the public door is open to everybody: --i-know-this-is-public");
    }
    process::forbid_core_dumps();
    process::raise_file_limit();
    let options = app::Options {
        name: args.source.name.clone(),
        shows_made_key: is_watched(show),
        may_change_port: !matches!(setup.origin, Origin::File(_)),
        tail: Some(log.tail()),
        redaction: Some(log.redaction()),
        ..options
    };
    let speaker = Speaker::start(anstream::stdout(), anstream::stderr());
    let speaker = speaker.map_err(Problem::Speaker)?;
    let running = app::start(setup.config.clone(), options).await?;
    log.redact_with(running.redactor());
    // From here on signals are obeyed, so nothing may wait for who reads what is said.
    let mut announcer = greet(args, show, setup, &running, &log, &speaker).await;
    if let Show::Dashboard(look) = show {
        // The banner is out before the terminal is taken, and is there again when it is given back.
        speaker.close(Vec::new()).await;
        return Ok(dashboard::accompany(running, signals, look).await?);
    }
    let mut board = running.board().subscribe();
    tokio::select! {
        () = running.wait_for_shutdown(signals) => {}
        never = announcer.follow(&mut board, &speaker) => match never {},
    }
    // That the tunnels are closed, if it has not been heard yet.
    speaker.close(announcer.news(&mut board)).await;
    Ok(())
}

fn tell(problem: &Problem, console: &mut Console<'_>) -> Exit {
    match problem {
        Problem::Config(error) => {
            console.config_error(error);
            Exit::Usage
        }
        Problem::Log(_) | Problem::Signals(_) | Problem::Speaker(_) => {
            console.error(with_causes(problem), None);
            Exit::Failed
        }
        Problem::Dashboard(error) => error.tell(console),
        Problem::Start(error) => {
            console.error(with_causes(error), error.hint());
            if error.is_configuration() {
                Exit::Usage
            } else {
                Exit::Failed
            }
        }
    }
}

/// The message of `error` and of everything behind it, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let messages: Vec<String> = causes.map(ToString::to_string).collect();
    messages.join(": ")
}

/// Whether a person sees what is said, as it is said. A key made for this run is shown to nobody else:
/// programs find it in a file. A journal gets log lines about tunnels, too: they carry the time.
fn is_watched(show: Show) -> bool {
    show != Show::Data && io::stderr().is_terminal()
}

/// The file of a certificate that has to be named to whoever is to trust it.
fn self_signed(running: &Running) -> Option<PathBuf> {
    let certificate = running.certificate().filter(|one| one.is_self_signed)?;
    std::path::absolute(certificate.path).ok()
}

/// Says that the gateway is up; what is returned tells what becomes of its tunnels.
async fn greet(
    args: &GatewayArgs,
    show: Show,
    setup: Setup,
    running: &Running,
    log: &LogGuard,
    speaker: &Speaker,
) -> Announcer {
    let Setup { config, origin, .. } = setup;
    let mut warnings = setup.warnings;
    warnings.extend(other_port(&config, running.address()));
    warnings.extend(running.notes().iter().map(Diagnostic::warning));
    let tunnel = door::tunnel(&config, running.board());
    let client_key = door::client_key(&config, running);
    let banner = Banner::new(
        &config,
        Circumstances {
            address: running.address().clone(),
            self_signed: self_signed(running),
            client_key: client_key.clone(),
            tunnel: tunnel.clone(),
            origin,
            log_file: log.file().map(Into::into),
            warnings,
        },
    );
    let (greeting, audience) = if show == Show::Data {
        (Words::Data(banner.to_json().to_string()), Audience::Program)
    } else {
        let text = banner.render(terminal_width());
        let facts = Facts {
            client_key: door::key_of_door(&config, &client_key),
            cursor_model: door::cursor_model(&config, &banner.example_model),
            shows_qr: args.door.qr,
        };
        (Words::Talk(format!("{text}\n")), Audience::Person(facts))
    };
    // Nothing was said before, so there is room.
    speaker.room().await.send(vec![greeting]);
    Announcer::new(audience, tunnel, running.redactor())
}

fn open_log(args: &GatewayArgs, show: Show, setup: &Setup) -> Result<LogGuard, LogError> {
    let log = log::init(log::Settings {
        levels: args.log_level.clone(),
        format: match args.log_format {
            LogFormat::Human => log::Format::Human,
            LogFormat::Json => log::Format::Json,
        },
        stderr: match show {
            Show::Words | Show::Data => stderr_kind(),
            Show::Dashboard(_) => log::Stderr::Dashboard,
        },
        told_otherwise: if is_watched(show) {
            announce::TOLD
        } else {
            &[]
        },
        directory: Some(setup.home.logs()),
        name: args
            .source
            .name
            .as_ref()
            .map(|name| name.as_str().to_owned()),
    })?;
    log.redact_with(Arc::new(setup.config.redactor()));
    Ok(log)
}

/// `anstream` knows about `NO_COLOR`, `--color` and dumb terminals.
fn stderr_kind() -> log::Stderr {
    let colours = anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
    match (io::stderr().is_terminal(), colours) {
        (_, true) => log::Stderr::ColorTerminal,
        (true, false) => log::Stderr::Terminal,
        (false, false) => log::Stderr::Stream,
    }
}

/// A port that was stepped over is said: somebody may have pointed a client at it.
fn other_port(config: &Config, address: &Address) -> Option<Diagnostic> {
    match (&config.server.listen, address.tcp()) {
        (Listen::Tcp { port, .. }, Some(address)) if ![0, address.port()].contains(port) => {
            let message = format!("port {port} is taken, so it is {}", address.port());
            Some(Diagnostic::warning(message))
        }
        _ => None,
    }
}

impl GatewayArgs {
    /// Whether anything is asked of the gateway but its name.
    pub(super) fn asks_for_more(&self) -> bool {
        self.demo
            || self.source.config.is_some()
            || self.host.is_some()
            || self.port.is_some()
            || self.socket.is_some()
            || self.door.is_asked()
    }

    pub(super) async fn setup(&self, env: Environment) -> Result<Setup, ConfigError> {
        let mut setup = if self.demo {
            setup::demo(&self.source, env)?
        } else {
            setup::resolve(&self.source, env).await?
        };
        self.apply(&mut setup);
        Ok(setup)
    }

    /// The configuration in `path`, as if it had been found at the start.
    pub(super) fn setup_from(&self, path: PathBuf, env: Environment) -> Result<Setup, ConfigError> {
        let mut setup = setup::from_file(path, &self.source.environment(env)?)?;
        self.apply(&mut setup);
        Ok(setup)
    }

    /// Does what the flags say.
    fn apply(&self, setup: &mut Setup) {
        let server = &mut setup.config.server;
        server.listen = self.listen(&server.listen);
        self.note_flags(&mut setup.config.origins);
        self.door.apply(setup);
    }

    /// Where spans go, as the environment says. A file of variables that cannot be read is told of elsewhere.
    #[cfg(feature = "otlp")]
    fn traces(&self, env: &Environment) -> Result<Option<Traces>, String> {
        let env = self.source.environment(env.clone());
        env.map_or(Ok(None), |env| Traces::of(&env))
    }

    fn note_flags(&self, origins: &mut Origins) {
        if self.host.is_some() {
            origins.note("server.host", "flag --host");
        }
        if self.port.is_some() {
            origins.note("server.port", "flag --port");
        }
        if self.socket.is_some() {
            origins.note("server.socket_path", "flag --socket");
        }
    }

    fn listen(&self, configured: &Listen) -> Listen {
        if let Some(path) = &self.socket {
            return Listen::Unix(path.clone());
        }
        if self.host.is_none() && self.port.is_none() {
            return configured.clone();
        }
        let (host, port, was_chosen) = match configured {
            Listen::Unix(_) => (LOOPBACK, USUAL_PORT, false),
            Listen::Tcp {
                host,
                port,
                port_is_chosen,
            } => (host.as_str(), *port, *port_is_chosen),
        };
        Listen::Tcp {
            host: self.host.as_deref().unwrap_or(host).to_owned(),
            port: self.port.unwrap_or(port),
            port_is_chosen: was_chosen || self.port.is_some(),
        }
    }
}

/// Where a gateway listens that was configured for a socket and is asked for a host or a port.
const LOOPBACK: &str = "127.0.0.1";
const USUAL_PORT: u16 = 8000;

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: StartArgs,
    }

    fn parse(line: &str) -> GatewayArgs {
        let words = std::iter::once("start").chain(line.split_whitespace());
        let line = Line::try_parse_from(words).expect("good arguments");
        line.args.gateway
    }

    fn tcp(host: &str, port: u16, port_is_chosen: bool) -> Listen {
        Listen::Tcp {
            host: host.to_owned(),
            port,
            port_is_chosen,
        }
    }

    #[test]
    fn flags_win_over_the_file() {
        let file = tcp("10.0.0.1", 9000, true);
        assert_eq!(parse("").listen(&file), file);
        assert_eq!(parse("--port 0").listen(&file), tcp("10.0.0.1", 0, true));
        assert_eq!(parse("--host ::1").listen(&file), tcp("::1", 9000, true));
        assert_eq!(
            parse("--socket /s").listen(&file),
            Listen::Unix("/s".into())
        );
    }

    #[test]
    fn a_host_alone_does_not_choose_a_port() {
        let usual = tcp("127.0.0.1", 8000, false);
        assert_eq!(parse("--host ::1").listen(&usual), tcp("::1", 8000, false));
    }

    #[test]
    fn a_port_wins_over_a_configured_socket() {
        let socket = Listen::Unix("/s".into());
        assert_eq!(parse("--port 1").listen(&socket), tcp("127.0.0.1", 1, true));
    }

    #[test]
    fn the_demo_needs_no_configuration_and_takes_none() {
        let line = ["start", "--demo", "--config", "x.json"];
        assert!(Line::try_parse_from(line).is_err());
    }
}
