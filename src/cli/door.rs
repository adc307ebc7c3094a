//! Public doors as the command line sees them: who gets in, and what is to be said about that.

use clap::{Args, ValueEnum};

use super::banner::ClientKey;
use super::setup::Setup;
use crate::app::Running;
use crate::config::{Config, Diagnostic, Tunnel};
use crate::route::Scope;
use crate::server::auth::LONG_ENOUGH;
use crate::telemetry::tunnel::{Board, Status};

/// Which public door is opened, and for whom.
#[derive(Debug, Clone, Args)]
pub(super) struct DoorArgs {
    /// Open a public door through ngrok or cloudflared, for clients that cannot reach this machine
    /// (Cursor, …); none closes the one of the configuration
    #[arg(long, value_enum, value_name = "KIND")]
    tunnel: Option<Kind>,

    /// Draw the public URL as a QR code, too
    #[arg(long)]
    pub(super) qr: bool,

    /// Let everybody in through a public door (a tunnel, or a host that others can reach): no key is made
    /// for this run. Whoever finds the URL uses your providers, at your expense. Keys of the configuration
    /// stay required
    #[arg(long)]
    i_know_this_is_public: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    None,
    Ngrok,
    Cloudflared,
}

impl From<Kind> for Option<Tunnel> {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::None => None,
            Kind::Ngrok => Some(Tunnel::Ngrok),
            Kind::Cloudflared => Some(Tunnel::Cloudflared),
        }
    }
}

impl DoorArgs {
    /// Whether any of it is asked for.
    pub(super) fn is_asked(&self) -> bool {
        self.tunnel.is_some() || self.qr || self.i_know_this_is_public
    }

    /// Does what the flags say, and adds what is to be said about it. The address has been settled before.
    pub(super) fn apply(&self, setup: &mut Setup) {
        let config = &mut setup.config;
        if let Some(kind) = self.tunnel {
            config.server.tunnel = kind.into();
            config.origins.note("server.tunnel.type", "flag --tunnel");
        }
        if self.i_know_this_is_public {
            let flag = "flag --i-know-this-is-public";
            config.origins.note("server.tunnel.needs_key", flag);
            open_to_all(config);
            setup.warnings.extend(warning(config));
        }
        let weak = weak_keys(config);
        setup.warnings.extend(weak);
        setup.warnings.extend(weak_token(config));
        let config = &setup.config;
        if config.server.tunnel == Some(Tunnel::Ngrok) {
            setup.warnings.extend(setup.authtoken_fault.take());
        }
        if self.qr && config.server.tunnel.is_none() {
            let message = "--qr: without a tunnel there is no public URL to draw";
            setup.warnings.push(Diagnostic::warning(message));
        }
    }
}

/// Whether others than this machine can reach a gateway that runs `config`.
pub(super) fn is_public(config: &Config) -> bool {
    config.server.tunnel.is_some() || !config.server.listen.is_local()
}

/// Lets everybody in where no key is configured, as `--i-know-this-is-public` says. Keys that are configured
/// stay required: who wrote them down meant them.
fn open_to_all(config: &mut Config) {
    config.tunnels.door.needs_no_key = config.server.api_keys.is_empty();
}

/// What is to be said about client keys that are too short for a public door. They still count: who is told
/// that at the start of a service would not thank us for one that does not start.
fn weak_keys(config: &Config) -> Option<Diagnostic> {
    let keys = config.server.api_keys.iter();
    let weak = keys.filter(|key| key.expose().len() < LONG_ENOUGH).count();
    (weak > 0 && is_public(config)).then(|| {
        let message = format!(
            "{weak} of the keys in server.api_key are shorter than {LONG_ENOUGH} characters, too short for a public door"
        );
        Diagnostic::warning(message)
            .with_hint("make one: `openssl rand -hex 24`".to_owned())
    })
}

/// What is to be said about an admin token that can be found by trying: nobody is kept waiting who has the right one.
fn weak_token(config: &Config) -> Option<Diagnostic> {
    let admin = config.server.admin.as_ref()?;
    let token = admin.listen.as_ref().and(admin.token.as_ref())?;
    (token.expose().len() < LONG_ENOUGH).then(|| {
        let message = format!(
            "server.admin.token is shorter than {LONG_ENOUGH} characters: whoever is on this machine can find it by trying"
        );
        Diagnostic::warning(message)
            .with_hint("leave it out, and one is made for each run in run/admin.token".to_owned())
    })
}

/// What is to be said about a door that was to be open to everybody.
fn warning(config: &Config) -> Option<Diagnostic> {
    if !is_public(config) {
        return None;
    }
    let (message, hint) = if config.tunnels.door.needs_no_key {
        (
            "the public door is open to everybody: whoever finds it uses your providers, at your expense",
            "without --i-know-this-is-public a key is made for this run, and required",
        )
    } else {
        (
            "--i-know-this-is-public changes nothing here: the keys of server.api_key stay required",
            "remove server.api_key to let everybody in",
        )
    };
    Some(Diagnostic::warning(message).with_hint(hint.to_owned()))
}

/// Who must present what to `running`, which runs `config`.
pub(super) fn client_key(config: &Config, running: &Running) -> ClientKey {
    match running.made_key() {
        Some(key) => ClientKey::Made(key),
        None if !config.server.api_keys.is_empty() => ClientKey::Configured,
        None if is_public(config) => ClientKey::Public,
        None => ClientKey::Open,
    }
}

/// The tunnel that `config` asks for, and how it is now: it may not have reached the board yet.
pub(super) fn tunnel(config: &Config, board: &Board) -> Option<(Tunnel, Status)> {
    let tunnel = config.server.tunnel?;
    let status = board.statuses().remove(&tunnel);
    Some((
        tunnel,
        status.unwrap_or_else(|| Board::default().open(tunnel).status()),
    ))
}

/// Who must present what at a public door, where `local` is who must at the configured listener.
pub(super) fn key_of_door(config: &Config, local: &ClientKey) -> ClientKey {
    match local {
        ClientKey::Open if config.tunnels.door.needs_no_key => ClientKey::Public,
        other => other.clone(),
    }
}

/// A model name for Cursor: one that works behind the door, and that Cursor does not take for one of its own.
pub(super) fn cursor_model(config: &Config, example: &str) -> String {
    let allowed = config.tunnels.door.models.as_deref();
    let scope = Scope::new(allowed);
    let exists = |name: &&str| *name != "auto" && !name.ends_with('*') && scope.allows(name);
    let mut routes = config.routes.iter().map(|route| route.name.as_str());
    if let Some(route) = routes.find(exists) {
        return route.to_owned();
    }
    let listed = allowed.unwrap_or_default().iter().map(String::as_str);
    let name = std::iter::once(example).chain(listed).find(exists);
    // `auto` is a mode of Cursor's; `any` means the same here.
    name.map_or_else(|| "any".to_owned(), unknown_to_cursor)
}

/// Cursor sends the names that it knows to its own servers, whatever the base URL says. It knows none with
/// such a beginning, which is dropped here.
pub(super) fn unknown_to_cursor(name: &str) -> String {
    if name.contains('/') {
        name.to_owned()
    } else {
        format!("autogw/{name}")
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::banner::Origin;
    use crate::config::{Environment, Format, Home, from_text};

    fn config(text: &str) -> Config {
        let loaded = from_text("c.json", text, Format::Json, &Environment::empty());
        loaded.unwrap_or_else(|error| panic!("{error}")).config
    }

    fn server(server: &str) -> Config {
        config(&format!(
            r#"{{ "server": {server}, "providers": [{{ "type": "demo" }}] }}"#
        ))
    }

    #[test]
    fn a_token_that_can_be_tried_out_is_told() {
        let listen = r#""listen": "127.0.0.1:8001""#;
        let long = "t".repeat(LONG_ENOUGH);
        for (admin, is_told) in [
            (format!(r#"{{ {listen}, "token": "short" }}"#), true),
            (format!(r#"{{ {listen}, "token": "{long}" }}"#), false),
            (format!("{{ {listen} }}"), false),
            (r#"{ "token": "short" }"#.to_owned(), false),
        ] {
            let config = server(&format!(r#"{{ "admin": {admin} }}"#));
            let told = weak_token(&config);
            assert_eq!(told.is_some(), is_told, "{admin}");
            let headline = told.map(|told| told.headline()).unwrap_or_default();
            assert!(!headline.contains("short\""), "{headline}");
        }
    }

    /// What the flags of `line` make of a configuration with this `server`.
    fn applied(fields: &str, line: &str) -> Setup {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            door: DoorArgs,
        }
        let words = std::iter::once("start").chain(line.split_whitespace());
        let line = Line::try_parse_from(words).expect("good arguments");
        let mut setup = Setup {
            config: server(fields),
            origin: Origin::Demo,
            home: Home::at("/nowhere"),
            warnings: Vec::new(),
            authtoken_fault: Some(Diagnostic::warning("a faulty file")),
        };
        line.door.apply(&mut setup);
        setup
    }

    fn said(setup: &Setup) -> Vec<&str> {
        let warnings = setup.warnings.iter();
        warnings.map(|warning| &*warning.message).collect()
    }

    #[test]
    fn a_flag_chooses_the_kind_and_leaves_the_settings() {
        let own = r#"{ "tunnel": { "type": "cloudflared", "binary": "x", "max_rpm": 5 } }"#;
        let setup = applied(own, "--tunnel ngrok");
        assert_eq!(setup.config.server.tunnel, Some(Tunnel::Ngrok));
        let tunnels = &setup.config.tunnels;
        assert_eq!(tunnels.cloudflared.binary.as_deref(), Some("x"));
        assert_eq!(tunnels.door.max_rpm, Some(5));
        let kind = |line: &str| applied(own, line).config.server.tunnel;
        assert_eq!(kind("--tunnel none"), None);
        assert_eq!(kind(""), Some(Tunnel::Cloudflared));
    }

    #[test]
    fn only_who_goes_through_ngrok_hears_of_its_file() {
        assert_eq!(said(&applied("{}", "--tunnel ngrok")), ["a faulty file"]);
        assert_eq!(said(&applied("{}", "--tunnel cloudflared")), [""; 0]);
    }

    #[test]
    fn a_short_key_is_too_short_for_a_public_door() {
        let warning = "1 of the keys in server.api_key are shorter than 20 characters, too short for a public door";
        let keys = r#""api_key": ["password1", "d41d8cd98f00b204e980"]"#;
        for public in [r#""tunnel": "cloudflared""#, r#""host": "0.0.0.0""#] {
            let fields = format!("{{ {keys}, {public} }}");
            assert_eq!(said(&applied(&fields, "")), [warning], "{public}");
        }
        assert_eq!(said(&applied(&format!("{{ {keys} }}"), "")), [""; 0]);
    }

    #[test]
    fn a_picture_needs_a_tunnel() {
        let warning = "--qr: without a tunnel there is no public URL to draw";
        assert_eq!(said(&applied("{}", "--qr")), [warning]);
        assert_eq!(said(&applied("{}", "--qr --tunnel cloudflared")), [""; 0]);
    }

    #[test]
    fn a_key_is_needed_unless_it_is_said() {
        let needs_no_key = |line: &str| applied("{}", line).config.tunnels.door.needs_no_key;
        assert!(!needs_no_key("--tunnel ngrok"));
        assert!(needs_no_key("--tunnel ngrok --i-know-this-is-public"));
    }

    /// What is said when everybody is to be let in.
    fn opened(fields: &str) -> (bool, Option<String>) {
        let mut config = server(fields);
        open_to_all(&mut config);
        let said = warning(&config).map(|warning| warning.message);
        (config.tunnels.door.needs_no_key, said)
    }

    #[test]
    fn a_door_that_is_open_to_all_is_said_loudly() {
        for fields in [r#"{ "tunnel": "ngrok" }"#, r#"{ "host": "0.0.0.0" }"#] {
            let (needs_no_key, said) = opened(fields);
            assert!(needs_no_key);
            assert!(said.is_some_and(|said| said.contains("open to everybody")));
        }
        assert_eq!(opened("{}"), (true, None), "nobody else can reach it");
    }

    #[test]
    fn a_door_that_is_opened_later_asks_for_a_key_unless_it_was_said() {
        let mut config = server("{}");
        let key = key_of_door(&config, &ClientKey::Open);
        assert!(matches!(key, ClientKey::Open), "one that was not told yet");
        open_to_all(&mut config);
        let key = key_of_door(&config, &ClientKey::Open);
        assert!(matches!(key, ClientKey::Public));
    }

    #[test]
    fn a_configured_key_stays_required() {
        let (needs_no_key, said) = opened(r#"{ "tunnel": "ngrok", "api_key": "k" }"#);
        assert!(!needs_no_key);
        assert!(said.is_some_and(|said| said.contains("changes nothing")));
    }

    #[test]
    fn cursor_gets_a_name_that_it_does_not_take_for_its_own() {
        let plain = server("{}");
        for (example, name) in [
            ("gpt-4o", "autogw/gpt-4o"),
            ("vendor/model", "vendor/model"),
            ("auto", "any"),
        ] {
            assert_eq!(cursor_model(&plain, example), name);
        }
        let routed = config(
            r#"{ "providers": [{ "type": "demo" }],
                "routes": [{ "name": "smart", "steps": [{ "provider": "demo", "model": "demo-chat" }] }] }"#,
        );
        assert_eq!(cursor_model(&routed, "gpt-4o"), "smart");
    }

    #[test]
    fn cursor_gets_a_name_that_the_door_lets_in() {
        let behind = |models: &str| {
            let tunnel = format!(r#"{{ "tunnel": {{ "type": "ngrok", "models": {models} }} }}"#);
            cursor_model(&server(&tunnel), "gpt-4o")
        };
        assert_eq!(behind(r#"["gpt-*", "o4"]"#), "autogw/gpt-4o");
        assert_eq!(behind(r#"["o3*", "o4"]"#), "autogw/o4");
        assert_eq!(behind(r#""o3*""#), "any", "of those that are let in");
        assert_eq!(behind(r#""*""#), "autogw/gpt-4o");
    }
}
