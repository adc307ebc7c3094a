//! The whole file: its five sections, and what only shows when they are looked at together.

use super::extra::ExtraFile;
use super::fallback::{self, Exits};
use super::provider::ProviderFile;
use super::route::{Known, RouteFile};
use super::router::RouterFile;
use super::server::ServerFile;
use super::tunnel;
use crate::config::authtoken;
use crate::config::environment::Environment;
use crate::config::read::{Object, Section};
use crate::config::report::{Place, Report};
use crate::config::{Config, Route, Router, Server};
use crate::provider::Provider;

/// A file as written.
#[derive(Debug)]
pub(in crate::config) struct File {
    place: Place,
    server: ServerFile,
    router: RouterFile,
    providers: Option<(Vec<ProviderFile>, Place)>,
    routes: Vec<RouteFile>,
    extra: ExtraFile,
}

impl Section for File {
    const WHAT: &'static str = "an object with `providers`";

    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        // Editors are pointed at the schema by this key.
        let _ = object.take::<String>("$schema", report);
        Some(Self {
            place: object.place(),
            server: object.take("server", report).unwrap_or_default(),
            router: object.take("router", report).unwrap_or_default(),
            providers: object.take_at("providers", report),
            routes: object.take("routes", report).unwrap_or_default(),
            extra: object.take("extra", report).unwrap_or_default(),
        })
    }
}

impl File {
    /// The configuration; only to be used if nothing was reported as an error.
    pub(in crate::config) fn resolve(mut self, env: &Environment, report: &mut Report) -> Config {
        let written = written_providers(self.providers, &self.place, report);
        let ids: Vec<(String, Place)> = written.iter().filter_map(ProviderFile::id).collect();
        report_duplicates("provider", &ids, report);
        let providers: Vec<Provider> = written
            .into_iter()
            .filter_map(|provider| provider.resolve(env, report))
            .collect();
        let ids: Vec<String> = ids.into_iter().map(|(id, _)| id).collect();
        let names: Vec<(String, Place)> = self.routes.iter().filter_map(RouteFile::id).collect();
        report_duplicates("route", &names, report);
        let names: Vec<String> = names.into_iter().map(|(name, _)| name).collect();
        let known = Known {
            ids: &ids,
            providers: &providers,
            routes: &names,
        };
        let routes = resolve_routes(self.routes, &known, report);
        let base = self.extra.resolve(env);
        let (tunnel, mut tunnels) = tunnel::resolve(self.server.take_tunnel(), base, env);
        tunnels.ngrok.authtoken = authtoken::find(tunnels.ngrok.authtoken, env);
        Config {
            server: self.server.resolve(tunnel, env, report),
            router: self.router.resolve(env, report),
            routes,
            providers,
            tunnels,
            origins: Box::default(),
        }
    }
}

/// What a file that says nothing about them would make of `server` and `router`.
pub(in crate::config) fn standard_server_and_router(
    env: &Environment,
    report: &mut Report,
) -> (Server, Router) {
    let server = ServerFile::default().resolve(None, env, report);
    (server, RouterFile::default().resolve(env, report))
}

fn written_providers(
    providers: Option<(Vec<ProviderFile>, Place)>,
    file: &Place,
    report: &mut Report,
) -> Vec<ProviderFile> {
    let (providers, place) = providers.unwrap_or_else(|| (Vec::new(), file.clone()));
    if providers.is_empty() && !report.has_errors() {
        report
            .error(&place, "no providers: there is nobody to ask")
            .hint("add one under `providers`, or run `autogw init`");
    }
    providers
}

fn resolve_routes(routes: Vec<RouteFile>, known: &Known<'_>, report: &mut Report) -> Vec<Route> {
    let exits: Vec<Exits> = routes.iter().filter_map(RouteFile::exits).collect();
    fallback::report_circles(&exits, report);
    routes
        .into_iter()
        .filter_map(|route| route.resolve(known, report))
        .collect()
}

fn report_duplicates(what: &str, ids: &[(String, Place)], report: &mut Report) {
    for (index, (id, place)) in ids.iter().enumerate() {
        if ids[..index].iter().any(|(earlier, _)| earlier == id) {
            report.error(place, format!("a second {what} named `{id}`"));
        }
    }
}
