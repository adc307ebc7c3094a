//! The difference between two configurations, for people: what changed, and what it would take.
//!
//! Names only, and never a value that could be a secret: keys are told by provider and alias, or place.

mod keys;
mod providers;
mod summary;
#[cfg(test)]
mod tests;

use std::fmt::Debug;

use crate::config::{Config, Route, Router, Server};
use crate::server::tls::Certificate;

use keys::Keys;
use summary::Counts;

/// Names of the fields of `$kind` that differ. It is taken apart, so that no field is forgotten.
macro_rules! fields {
    ($kind:ident, $before:expr, $after:expr; $($field:ident),* $(,)?) => {{
        let (before, after): (&$kind, &$kind) = ($before, $after);
        let $kind { $($field),* } = before;
        let mut names: Vec<&'static str> = Vec::new();
        $(if $crate::app::reload::diff::differ($field, &after.$field) {
            names.push(stringify!($field));
        })*
        names
    }};
}
use fields;

/// See the module's head.
#[derive(Debug, Default)]
pub(super) struct Difference {
    /// What changed, a line each.
    pub(super) changes: Vec<String>,
    /// What changed and stays as it runs, a line each.
    pub(super) needs_restart: Vec<String>,
    /// What deserves a look, beside what the configuration itself says.
    pub(super) warnings: Vec<String>,
    counts: Counts,
}

impl Difference {
    /// All of it in one line.
    pub(super) fn summary(&self) -> String {
        self.counts.told(self.needs_restart.len())
    }

    /// Notes that connections are met with another certificate from now on.
    pub(super) fn renew(&mut self, certificate: &Certificate) {
        let (names, day) = (certificate.names_told(), certificate.last_day());
        self.counts.has_new_certificate = true;
        self.changes
            .push(format!("certificate renewed: {names}, until {day}"));
    }

    fn setting(&mut self, line: String) {
        self.counts.settings += 1;
        self.changes.push(line);
    }
}

/// What is another in `after` than in `before`.
pub(super) fn diff(before: &Config, after: &Config) -> Difference {
    let mut told = Difference::default();
    providers::diff(&before.providers, &after.providers, &mut told);
    routes(&before.routes, &after.routes, &mut told);
    router(&before.router, &after.router, &mut told);
    server(&before.server, &after.server, &mut told);
    tunnels(before, after, &mut told);
    if told.changes.is_empty() && is_other(before, after) {
        told.setting("the order of keys, models or routes".to_owned());
    }
    told
}

/// Whether the two are written differently. Secrets show as if they were all the same.
fn differ(one: &impl Debug, other: &impl Debug) -> bool {
    format!("{one:?}") != format!("{other:?}")
}

/// Whether anything differs that could follow.
fn is_other(before: &Config, after: &Config) -> bool {
    let mut follows = after.clone();
    super::stay(&mut follows, before);
    differ(before, &follows) || before.secrets() != follows.secrets()
}

fn routes(before: &[Route], after: &[Route], told: &mut Difference) {
    let find = |all: &[Route], name: &str| all.iter().find(|route| route.name == name).cloned();
    for route in after {
        let name = &route.name;
        match find(before, name) {
            None => {
                told.counts.routes.added += 1;
                told.changes.push(format!("route `{name}` added"));
            }
            Some(known) if differ(&known, route) => {
                told.counts.routes.changed += 1;
                told.changes.push(format!("route `{name}` changed"));
            }
            Some(_) => {}
        }
    }
    for route in before {
        if find(after, &route.name).is_none() {
            told.counts.routes.removed += 1;
            told.changes.push(format!("route `{}` removed", route.name));
        }
    }
}

fn router(before: &Router, after: &Router, told: &mut Difference) {
    let names = fields!(Router, before, after;
        strategy, retries, max_attempts, timeouts, commit_hold, default_model, on_unknown_model, circuit,
        backoff, strip_unsupported, retry_ambiguous, continue_stream, fidelity, conversations, capture,
        hot_reload, small_models, bandit, weighted, affinity, hedge, first_token_gate, health_check, limits,
        persistence_path,
    );
    for name in names {
        match name {
            "persistence_path" => told
                .needs_restart
                .push("router.persistence_path".to_owned()),
            "strategy" => {
                let (old, new) = (before.strategy.name(), after.strategy.name());
                told.counts.strategy = Some(new);
                told.changes.push(format!("router.strategy: {old} → {new}"));
            }
            name => told.setting(format!("router.{name}")),
        }
    }
}

fn server(before: &Server, after: &Server, told: &mut Difference) {
    let names = fields!(Server, before, after;
        listen, api_keys, accept_base64_keys, tunnel, cors, max_body, drain, allowed_hosts, tls, admin,
    );
    for name in names {
        match name {
            // Both have secrets, and are told below.
            "api_keys" | "admin" => {}
            "listen" => told
                .needs_restart
                .push("server.host, port or socket".to_owned()),
            "tunnel" => told.needs_restart.push("server.tunnel".to_owned()),
            "tls" if before.tls.is_some() != after.tls.is_some() => {
                told.needs_restart.push("server.tls".to_owned());
            }
            name => told.setting(format!("server.{name}")),
        }
    }
    if differ(&before.admin, &after.admin) || token(before) != token(after) {
        told.needs_restart.push("server.admin".to_owned());
    }
    let plain = |keys: &[crate::provider::Secret]| -> Keys { keys.iter().cloned().collect() };
    let keys = plain(&before.api_keys).diff(&plain(&after.api_keys));
    told.changes.extend(keys.lines("client key", ""));
    told.counts.client_keys.add(&keys);
}

fn token(server: &Server) -> Option<&str> {
    let token = server.admin.as_ref()?.token.as_ref()?;
    Some(token.expose())
}

fn tunnels(before: &Config, after: &Config, told: &mut Difference) {
    let (old, new) = (&before.tunnels, &after.tunnels);
    let authtoken = |config: &Config| {
        let token = config.tunnels.ngrok.authtoken.as_ref();
        token.map(|token| token.secret.clone())
    };
    let is_other = differ(&old.ngrok, &new.ngrok) || authtoken(before) != authtoken(after);
    let token = old.cloudflared.token != new.cloudflared.token;
    let others = [
        ("ngrok", is_other),
        (
            "cloudflared",
            token || differ(&old.cloudflared, &new.cloudflared),
        ),
    ];
    for (kind, _) in others.iter().filter(|(_, is_other)| *is_other) {
        told.setting(format!(
            "settings of {kind}, from the next time it is opened"
        ));
    }
    if old.door.max_rpm != new.door.max_rpm {
        told.setting("server.tunnel.max_rpm".to_owned());
    }
    if old.door.models != new.door.models {
        told.setting("server.tunnel.models".to_owned());
    }
}
