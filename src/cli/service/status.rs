//! `service status`: whether it is installed, runs and answers.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::Serialize;

use super::install::{is_ours, prospect};
use super::place::{self, Machine, Scope};
use super::systemctl::Systemctl;
use super::{InstallArgs, ScopeArgs, StatusArgs};
use crate::attach::{Client, Door};
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::config::{Environment, Home, Name};
use crate::telemetry::snapshot::Snapshot;

/// How a service stands.
#[derive(Debug, Clone, Serialize)]
pub struct State {
    /// Whose it is.
    pub scope: Scope,
    /// The unit, as systemd calls it.
    pub unit: String,
    /// Its file, if it is installed.
    pub file: Option<PathBuf>,
    /// Whether there is a file.
    pub installed: bool,
    /// Whether autogw has written it.
    pub ours: bool,
    /// Whether it starts by itself.
    pub enabled: bool,
    /// Whether it runs.
    pub active: bool,
    /// systemd's own word for that: `active`, `failed`, …
    pub state: String,
    /// The process.
    pub pid: Option<u32>,
    /// Since when.
    pub since: Option<String>,
    /// How the last run ended: `success`, `exit-code`, `watchdog`, …
    pub result: Option<String>,
    /// What the gateway says of itself.
    pub status: Option<String>,
    /// Whether the running gateway answers at its admin socket; unknown where it may not be asked.
    pub answers: Option<bool>,
    /// Whether the unit is not what would be installed now; unknown where that cannot be made out.
    pub drift: Option<bool>,
    /// Why systemd could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// The properties that are asked for.
const PROPERTIES: &str =
    "ActiveState,SubState,UnitFileState,MainPID,ActiveEnterTimestamp,Result,StatusText";

pub(super) async fn run(
    args: &StatusArgs,
    machine: &Machine,
    env: &Environment,
    console: &mut Console<'_>,
) -> Exit {
    let state = look(&args.scope, machine, env).await;
    if args.json {
        console.json(&state);
    } else {
        state.tell(console);
    }
    if state.active {
        Exit::Done
    } else {
        Exit::Failed
    }
}

/// The service of this name, whosever it is: that of the person first, then that of the machine. `None` if
/// neither is installed.
pub async fn state(env: &Environment, name: Option<&Name>) -> Option<State> {
    let machine = Machine::this().ok()?;
    for system in [false, true] {
        let scope = ScopeArgs {
            user: !system,
            system,
            name: name.cloned(),
        };
        let state = look(&scope, &machine, env).await;
        if state.installed {
            return Some(state);
        }
    }
    None
}

async fn look(args: &ScopeArgs, machine: &Machine, env: &Environment) -> State {
    let scope = args.scope(machine);
    let name = place::unit_name(args.name.as_ref());
    let unit = format!("{name}.service");
    let file = machine.units(scope, env).map(|units| units.join(&unit));
    let text = file.as_ref().and_then(|file| fs::read_to_string(file).ok());
    let reached = Systemctl::reach(scope, env).await;
    let (found, trouble) = match &reached {
        Ok(systemctl) => (systemctl.properties(&unit, PROPERTIES).await, None),
        Err(problem) => (BTreeMap::new(), Some(problem.message())),
    };
    let mut state = State::of(scope, unit, &found);
    state.file = file.filter(|_| text.is_some());
    state.installed = text.is_some();
    state.ours = text.as_deref().is_some_and(is_ours);
    state.trouble = trouble;
    if let (Some(text), Ok(systemctl)) = (&text, &reached) {
        state.drift = drift(text, args, scope, machine, env, systemctl).await;
    }
    if state.active {
        state.answers = answers(scope, &name, args.name.as_ref(), machine, env).await;
    }
    state
}

/// Whether `text` is not what would be installed now, with the configuration that it names.
async fn drift(
    text: &str,
    args: &ScopeArgs,
    scope: Scope,
    machine: &Machine,
    env: &Environment,
    systemctl: &Systemctl,
) -> Option<bool> {
    let named = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
    let args = InstallArgs {
        scope: args.clone(),
        config: named("ExecStart=").and_then(config_of),
        env_file: named("EnvironmentFile=")
            .filter(|file| !file.starts_with('-'))
            .map(|file| PathBuf::from(file.replace("%%", "%"))),
        ..InstallArgs::default()
    };
    let now = prospect(&args, scope, machine, env, systemctl).await;
    now.ok().map(|now| now.unit.text() != text)
}

/// The file behind `--config`, where it needs no quotes.
fn config_of(command: &str) -> Option<PathBuf> {
    let (_, file) = command.split_once(" --config ")?;
    let file = file.trim_matches('"');
    Some(PathBuf::from(file.replace("%%", "%").replace("$$", "$")))
}

/// Whether a gateway answers at the admin socket of the service.
async fn answers(
    scope: Scope,
    unit: &str,
    name: Option<&Name>,
    machine: &Machine,
    env: &Environment,
) -> Option<bool> {
    let (home, name) = match scope {
        Scope::System => (Home::at(machine.path(format!("/var/lib/{unit}"))), None),
        Scope::User => (Home::of(env).ok()?, name),
    };
    // Whose directory it is may look into it, and root; of others nobody knows.
    fs::read_dir(home.run()).ok()?;
    let client = Client::new(Door::of(&home, name));
    Some(client.get::<Snapshot>("/v1/snapshot").await.is_ok())
}

impl State {
    /// What systemd says.
    fn of(scope: Scope, unit: String, found: &BTreeMap<String, String>) -> Self {
        let get = |name: &str| found.get(name).filter(|value| !value.is_empty()).cloned();
        let state = get("ActiveState").unwrap_or_else(|| "unknown".to_owned());
        Self {
            scope,
            unit,
            file: None,
            installed: false,
            ours: false,
            enabled: get("UnitFileState").is_some_and(|state| state.starts_with("enabled")),
            active: matches!(&*state, "active" | "reloading"),
            state,
            pid: get("MainPID")
                .and_then(|pid| pid.parse().ok())
                .filter(|pid| *pid != 0),
            since: get("ActiveEnterTimestamp"),
            result: get("Result"),
            status: get("StatusText"),
            answers: None,
            drift: None,
            trouble: None,
        }
    }

    fn tell(&self, console: &mut Console<'_>) {
        let Some(file) = &self.file else {
            console.data(format!("{} is not installed", self.unit));
            console.say(
                self.trouble
                    .as_deref()
                    .unwrap_or("`autogw service install` installs it"),
            );
            return;
        };
        let enabled = if self.enabled {
            "starts by itself"
        } else {
            "does not start by itself"
        };
        console.data(format!("{} ({}), {enabled}", self.unit, file.display()));
        console.data(self.course());
        if let Some(status) = self.status.as_ref().filter(|_| self.active) {
            console.data(status);
        }
        for line in self.faults() {
            console.say(line);
        }
    }

    /// `active since …, process 7`, or how it ended.
    fn course(&self) -> String {
        let mut text = self.state.clone();
        if self.active {
            text.extend(self.since.iter().flat_map(|since| [" since ", since]));
            if let Some(pid) = self.pid {
                text.push_str(&format!(", process {pid}"));
            }
        } else if let Some(result) = &self.result {
            text.push_str(&format!(", the last run: {result}"));
        }
        text
    }

    fn faults(&self) -> Vec<String> {
        let mut faults: Vec<String> = self.trouble.clone().into_iter().collect();
        if self.answers == Some(false) {
            faults.push("the gateway does not answer at its admin socket".to_owned());
        }
        if !self.ours {
            faults.push("autogw has not written this unit".to_owned());
        } else if self.drift == Some(true) {
            faults.push(
                "the unit is not what would be installed now: run `autogw service install` again"
                    .to_owned(),
            );
        }
        faults
    }
}
