//! Opens the admin API: its socket, and its loopback address where one is configured. What cannot be opened is a
//! warning: a gateway without a dashboard serves as well as one with it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::acts::Reload;
use super::observer::{Facts, Observer};
use super::steward::Steward;
use super::tunnels::Tunnels;
use super::{Options, run_files};
use crate::config::{self, AdminSocket, Listen};
use crate::provider::Secret;
use crate::server::address::Address;
use crate::server::admin::gate::Gate;
use crate::server::admin::serve::Admin;
use crate::server::admin::socket;
use crate::server::listen::{ListenError, Listener};
use crate::telemetry::bus::Bus;

/// Random bytes of a token that is made for a run.
const TOKEN_BYTES: usize = 24;

/// What is open of it.
#[derive(Debug)]
pub(super) struct Opened {
    observer: Observer,
    socket: Option<PathBuf>,
    /// What a person should be told of it.
    pub(super) notes: Vec<String>,
}

/// What it works in: background work, and what ends that.
pub(super) struct Grounds<'a> {
    options: &'a Options,
    over: &'a CancellationToken,
    tasks: &'a TaskTracker,
    reload: Reload,
}

impl<'a> Grounds<'a> {
    /// Those of a run.
    pub(super) fn new(
        options: &'a Options,
        over: &'a CancellationToken,
        tasks: &'a TaskTracker,
        reload: Reload,
    ) -> Self {
        Self {
            options,
            over,
            tasks,
            reload,
        }
    }
}

impl Opened {
    /// Where events are told.
    pub(super) fn bus(&self) -> &Bus {
        self.observer.bus()
    }

    /// Its socket.
    pub(super) fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    fn warn(&mut self, what: &str, error: &ListenError) {
        let note = format!("{what} is not open: {error}");
        tracing::warn!(target: "autogw::admin", place = error.place, reason = error.reason, hint = error.hint, "{what} is not open");
        self.notes.push(note);
    }
}

/// Begins to observe, and opens what is to be open.
pub(super) async fn open(facts: Facts, tunnels: &Tunnels, grounds: Grounds<'_>) -> Opened {
    let settings = facts.gateway().config().server.admin.clone();
    let observer = Observer::new(facts);
    let mut opened = Opened {
        observer: observer.clone(),
        socket: None,
        notes: Vec::new(),
    };
    let Some(settings) = settings else {
        return opened;
    };
    let (over, tasks) = (grounds.over.clone(), grounds.tasks);
    tasks.spawn(observer.clone().run(over.clone()));
    let steward = Arc::new(Steward::new(
        observer,
        tunnels.clone(),
        grounds.reload,
        tasks.clone(),
    ));
    let admin = Admin::new(steward, grounds.options.limits, over, tasks.clone());
    match open_socket(&settings, grounds.options) {
        None => {}
        Some(Ok((listener, path))) => {
            let gate = Gate::of_socket(&Address::Unix(path.clone()));
            tasks.spawn(admin.clone().run(listener, gate));
            opened.socket = Some(path);
        }
        Some(Err(error)) => opened.warn("the admin socket", &error),
    }
    if let Some(listen) = &settings.listen {
        match open_address(listen, settings.token, grounds.options).await {
            Ok((listener, gate)) => _ = tasks.spawn(admin.run(listener, gate)),
            Err(error) => opened.warn("the admin address", &error),
        }
    }
    opened
}

fn open_socket(
    settings: &config::Admin,
    options: &Options,
) -> Option<Result<(Listener, PathBuf), ListenError>> {
    let path = match settings.socket.as_ref()? {
        AdminSocket::At(path) => path.clone(),
        AdminSocket::Usual => options.home.admin_socket(options.name.as_ref()),
    };
    let prepared = match settings.socket {
        Some(AdminSocket::Usual) => prepare(&path, options),
        _ => Ok(()),
    };
    let opened = prepared.and_then(|()| socket::open(&path));
    if let Ok((_, actual)) = &opened
        && *actual != path
    {
        tracing::warn!(target: "autogw::admin", taken = %path.display(), socket = %actual.display(), "another gateway has the admin socket");
    }
    Some(opened)
}

/// Makes the directory of the usual socket, which only its owner can look into.
fn prepare(path: &Path, options: &Options) -> Result<(), ListenError> {
    let made = run_files::directory(&options.home).and_then(|run| match path.parent() {
        Some(parent) if parent != run => run_files::private(parent),
        _ => Ok(()),
    });
    made.map_err(|error| ListenError {
        place: path.display().to_string(),
        reason: error.to_string(),
        hint: "make autogw's directory writable".to_owned(),
    })
}

async fn open_address(
    listen: &Listen,
    token: Option<Secret>,
    options: &Options,
) -> Result<(Listener, Gate), ListenError> {
    let token = match token {
        Some(token) => token,
        None => made_token(options).map_err(|error| ListenError {
            place: "run/admin.token".to_owned(),
            reason: error.to_string(),
            hint: "set `server.admin.token`, or make the directory writable".to_owned(),
        })?,
    };
    let (listener, address) = Listener::bind(listen, false).await?;
    // A name may have led anywhere.
    if !address.is_loopback() {
        return Err(ListenError {
            place: address.to_string(),
            reason: "it is not a loopback address".to_owned(),
            hint: "use `127.0.0.1` in `server.admin.listen`".to_owned(),
        });
    }
    let gate = Gate::of_address(&address, &token);
    Ok((listener, gate))
}

/// A token for this run, where only its owner finds it.
fn made_token(options: &Options) -> io::Result<Secret> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let token = format!("agw-admin-{}", URL_SAFE_NO_PAD.encode(bytes));
    let directory = run_files::directory(&options.home)?;
    let path = directory.join(run_files::named("admin", options.name.as_ref(), "token"));
    run_files::write_private(&path, &token)?;
    Ok(Secret::new(token))
}
