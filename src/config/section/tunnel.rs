//! `server.tunnel`: the word for a public door, or an object that says more about it.
//!
//! The object's settings belong to the kind it names and win over `extra.tunnels`. What the other kind
//! alone knows is an error here: it would be without effect, and somebody meant something by it.
//!
//! While the kind is `none`, the settings wait for a `--tunnel` that names one: each belongs to the kind
//! that knows it, and what both know has no effect.

use serde_json::json;

use super::door::{Pace, Patterns};
use super::public::{self, HostPort, Label, PublicName};
use crate::config::environment::Environment;
use crate::config::mask;
use crate::config::node::Value;
use crate::config::read::{At, Object, Read, Section};
use crate::config::report::{Place, Report};
use crate::config::scalar::{Named, OneOf, Switch};
use crate::config::{Authtoken, Cloudflared, Ngrok, Tunnel, Tunnels};
use crate::provider::Secret;

/// A tunnel, or the word for none.
impl Named for Option<Tunnel> {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("none", None),
        ("ngrok", Some(Tunnel::Ngrok)),
        ("cloudflared", Some(Tunnel::Cloudflared)),
    ];
}

/// `server.tunnel` as written.
#[derive(Debug)]
pub(super) enum TunnelChoice {
    /// The kind alone.
    Kind(Option<Tunnel>),
    /// An object.
    Settings(Box<TunnelFile>),
}

impl Read for TunnelChoice {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        match &at.node.value {
            Value::Object(_) => Some(Self::Settings(Box::new(TunnelFile::read(at, report)?))),
            Value::Text(_) => OneOf::read(at, report).map(|kind| Self::Kind(kind.0)),
            _ => {
                at.expected("none, ngrok, cloudflared, or an object", report);
                None
            }
        }
    }

    fn schema() -> serde_json::Value {
        json!({ "anyOf": [OneOf::<Option<Tunnel>>::schema(), TunnelFile::schema()] })
    }
}

/// A value and where it stands, to be judged once the kind is known.
type Placed<T> = Option<(T, Place)>;

/// `server.tunnel` as an object.
#[derive(Debug)]
pub(super) struct TunnelFile {
    kind: Option<Tunnel>,
    domain: Placed<PublicName>,
    region: Placed<Label>,
    token: Placed<Secret>,
    args: Placed<Arguments>,
    binary: Placed<String>,
    server_addr: Placed<HostPort>,
    ca_file: Placed<String>,
    max_rpm: Option<Switch<Pace>>,
    models: Option<Patterns>,
}

impl Section for TunnelFile {
    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        let kind = object.required::<OneOf<Option<Tunnel>>>("type", report);
        let file = Self {
            kind: kind.and_then(|kind| kind.0),
            domain: object.take_at("domain", report),
            region: object.take_at("region", report),
            token: object.take_at("token", report),
            args: object.take_at("args", report),
            binary: object.take_at("binary", report),
            server_addr: object.take_at("server_addr", report),
            ca_file: object.take_at("ca_file", report),
            max_rpm: object.take("max_rpm", report),
            models: object.take("models", report),
        };
        match kind?.0 {
            Some(Tunnel::Ngrok) => file.check_ngrok(report),
            Some(Tunnel::Cloudflared) => file.check_cloudflared(report),
            None => file.check_none(report),
        }
        Some(file)
    }
}

impl TunnelFile {
    fn check_ngrok(&self, report: &mut Report) {
        for (key, place) in self.of_cloudflared() {
            misplaced(key, Tunnel::Cloudflared, Tunnel::Ngrok, place, report);
        }
        if let Some((domain, place)) = &self.domain
            && domain.as_host().is_none()
        {
            public::not_a_host(place, report);
        }
        if let (Some((_, place)), Some(_)) = (&self.region, &self.server_addr) {
            report.error(place, "`region` and `server_addr` exclude each other");
        }
    }

    fn check_cloudflared(&self, report: &mut Report) {
        for (key, place) in self.of_ngrok() {
            misplaced(key, Tunnel::Ngrok, Tunnel::Cloudflared, place, report);
        }
        match (&self.domain, self.what_names_it()) {
            (Some((_, place)), None) => {
                report
                    .error(
                        place,
                        "`domain` needs the `token` of a named tunnel, or `run` in `args`",
                    )
                    .hint("a quick tunnel gets its name from Cloudflare: leave `domain` out");
            }
            (None, Some(place)) => {
                report
                    .warning(place, "the public address of a named tunnel is not known")
                    .hint("add `domain`, its public host name, to have it shown and checked");
            }
            _ => {}
        }
    }

    /// What makes cloudflared's tunnel a named one.
    fn what_names_it(&self) -> Option<&Place> {
        let token = place_of(self.token.as_ref());
        let args = self.args.as_ref();
        let args = args.filter(|(args, _)| args.0.iter().any(|arg| arg == Cloudflared::RUN));
        token.or(place_of(args))
    }

    /// A door that is opened by hand keeps what is written about it, unless it is not clear whose that is: a
    /// token, above all, must not go to the wrong one.
    fn check_none(&self, report: &mut Report) {
        for (key, place) in self.of_either() {
            report
                .warning(
                    place,
                    format!(
                        "`{key}` has no effect while the type is none: whose it is is not clear"
                    ),
                )
                .hint("name the type; `--tunnel none` closes the door for a while");
        }
    }

    fn of_either(&self) -> Vec<(&'static str, &Place)> {
        written([
            ("domain", place_of(self.domain.as_ref())),
            ("region", place_of(self.region.as_ref())),
            ("token", place_of(self.token.as_ref())),
        ])
    }

    fn of_ngrok(&self) -> Vec<(&'static str, &Place)> {
        written([
            ("server_addr", place_of(self.server_addr.as_ref())),
            ("ca_file", place_of(self.ca_file.as_ref())),
        ])
    }

    fn of_cloudflared(&self) -> Vec<(&'static str, &Place)> {
        written([
            ("args", place_of(self.args.as_ref())),
            ("binary", place_of(self.binary.as_ref())),
        ])
    }
}

fn place_of<T>(placed: Option<&(T, Place)>) -> Option<&Place> {
    placed.map(|(_, place)| place)
}

fn written<'a, const N: usize>(
    keys: [(&'static str, Option<&'a Place>); N],
) -> Vec<(&'static str, &'a Place)> {
    keys.into_iter()
        .filter_map(|(key, place)| Some((key, place?)))
        .collect()
}

fn misplaced(key: &str, owner: Tunnel, kind: Tunnel, place: &Place, report: &mut Report) {
    let (owner, kind) = (owner.name(), kind.name());
    report.error(
        place,
        format!("`{key}` belongs to {owner}, and the type is {kind}"),
    );
}

/// The kind that was chosen, and the settings of both: those of `choice` over `base`, which comes from
/// `extra`.
pub(super) fn resolve(
    choice: Option<TunnelChoice>,
    base: Tunnels,
    env: &Environment,
) -> (Option<Tunnel>, Tunnels) {
    match choice {
        None => (None, base),
        Some(TunnelChoice::Kind(kind)) => (kind, base),
        Some(TunnelChoice::Settings(file)) => (file.kind, file.over(base, env)),
    }
}

impl TunnelFile {
    fn over(mut self, mut base: Tunnels, env: &Environment) -> Tunnels {
        base.door.models = self.models.take().map(|patterns| patterns.0);
        match self.max_rpm {
            None => {}
            Some(Switch::Off) => base.door.max_rpm = None,
            Some(Switch::On(pace)) => base.door.max_rpm = Some(pace.0),
        }
        if self.kind.is_none() {
            (self.domain, self.region, self.token) = (None, None, None);
        }
        // A kind knows nothing of what only the other has: where one is named, the other's is an error.
        if self.kind != Some(Tunnel::Cloudflared) {
            base.ngrok = self.ngrok(base.ngrok, env);
        }
        if self.kind != Some(Tunnel::Ngrok) {
            base.cloudflared = self.cloudflared(base.cloudflared, env);
        }
        base
    }

    fn ngrok(&self, base: Ngrok, env: &Environment) -> Ngrok {
        let domain = value(self.domain.as_ref()).and_then(PublicName::as_host);
        let server_addr = value(self.server_addr.as_ref()).map(|address| address.0.clone());
        // The two exclude each other: next to an address, a region can only be meant for cloudflared.
        let region = value(self.region.as_ref()).filter(|_| server_addr.is_none());
        Ngrok {
            authtoken: value(self.token.as_ref()).map(authtoken).or(base.authtoken),
            domain: domain.map(str::to_owned).or(base.domain),
            region: region.map(|region| region.0.clone()),
            server_addr,
            ca_file: value(self.ca_file.as_ref()).map(|path| env.expand_home(path)),
        }
    }

    fn cloudflared(&self, base: Cloudflared, env: &Environment) -> Cloudflared {
        let binary = value(self.binary.as_ref()).map(|binary| program(binary, env));
        let domain = value(self.domain.as_ref()).filter(|_| self.what_names_it().is_some());
        Cloudflared {
            binary: binary.or(base.binary),
            token: value(self.token.as_ref()).cloned(),
            domain: domain.map(PublicName::to_text),
            region: value(self.region.as_ref()).map(|region| region.0.clone()),
            args: value(self.args.as_ref()).map_or(base.args, |args| args.0.clone()),
        }
    }
}

fn value<T>(placed: Option<&(T, Place)>) -> Option<&T> {
    placed.map(|(value, _)| value)
}

fn authtoken(secret: &Secret) -> Authtoken {
    Authtoken {
        secret: secret.clone(),
        origin: "server.tunnel.token".to_owned(),
    }
}

/// Name or path of a program; `~/` is the home directory.
pub(super) fn program(text: &str, env: &Environment) -> String {
    let path = env.expand_home(text).into_os_string();
    path.into_string().unwrap_or_else(|_| text.to_owned())
}

/// Arguments of a foreign program: every user of the machine can read them.
#[derive(Debug)]
pub(super) struct Arguments(pub(super) Vec<String>);

/// Flags that are followed by a secret.
const SECRET_FLAGS: [&str; 2] = ["token", "credentials-contents"];

impl Read for Arguments {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let args: Vec<String> = Vec::read(at, report)?;
        let flag = |arg: &String| {
            let name = arg.trim_start_matches('-').split('=').next();
            arg.starts_with('-') && name.is_some_and(|name| SECRET_FLAGS.contains(&name))
        };
        if args.iter().any(flag) {
            mask::hide_strings(at.node, report);
            report
                .error(
                    &at.place(),
                    "others can read arguments: a token does not belong there",
                )
                .hint("use server.tunnel.token, or `run` with --token-file");
            return None;
        }
        Some(Self(args))
    }

    fn schema() -> serde_json::Value {
        Vec::<String>::schema()
    }
}
