//! The service as it will find itself: its variables are not those of your shell, and it does not look into
//! your home. What it would not start with is said before anything is installed.

mod variables;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::InstallArgs;
use super::Problem;
use super::place::{self, Machine, Scope};
use super::tunnel;
use super::unit::Unit;
use crate::cli::shell::quoted;
use crate::config::locate::{existing_formats, locate_with};
use crate::config::{self, Choice, Config, Diagnostic, Environment, Home, Listen, Name, Source};
use crate::server::tls;

/// Where the administrator puts a configuration.
pub(super) const SYSTEM_CONFIG: &str = "/etc/auto-gateway";

/// How long a gateway drains that says nothing else.
const USUAL_DRAIN: Duration = Duration::from_secs(30);

/// Ports below need a capability.
const FIRST_FREE_PORT: u16 = 1024;

/// A unit that will start, and what is to be said of it.
#[derive(Debug)]
pub(super) struct Prospect {
    pub(super) unit: Unit,
    pub(super) warnings: Vec<Diagnostic>,
    /// The configuration, if there is a file.
    pub(super) config: Option<PathBuf>,
    /// The files of `server.tls`.
    pub(super) tls: Option<config::Tls>,
}

impl Prospect {
    /// The files that it reads as it runs; the setting that names one, unless it is the configuration.
    pub(super) fn reads(&self) -> impl Iterator<Item = (Option<&'static str>, &Path)> {
        let tls = self.tls.iter().flat_map(|tls| {
            let cert = (Some("server.tls.cert"), &*tls.cert);
            [cert, (Some("server.tls.key"), &*tls.key)]
        });
        self.config.iter().map(|file| (None, &**file)).chain(tls)
    }
}

/// What is looked at.
pub(super) struct Look<'a> {
    pub(super) args: &'a InstallArgs,
    pub(super) scope: Scope,
    pub(super) shell: &'a Environment,
    /// What the manager gives to its services.
    pub(super) given: Environment,
    pub(super) machine: &'a Machine,
    pub(super) systemd: Option<u32>,
}

impl Look<'_> {
    /// Reads the configuration as the service would.
    ///
    /// # Errors
    /// It would not start: says why, and what to do.
    pub(super) fn look(&self) -> Result<Prospect, Problem> {
        self.refuse_program()?;
        let home = self.home()?;
        let env_file = self.env_file(&home)?;
        let bare = self.bare(&home);
        let inside = match self.on_machine(&env_file) {
            path if path.is_file() => bare.with_file(&path).map_err(Problem::Config)?,
            _ if self.args.env_file.is_some() => {
                let message = format!("there is no file {}", env_file.display());
                return Err(Problem::usage(message).hint("--env-file names lines of NAME=value"));
            }
            _ => bare,
        };
        let source = self.source(&inside)?;
        let loaded = self.load(&source, &inside, &env_file)?;
        let mut warnings = loaded.1;
        let config = loaded.0;
        warnings.extend(self.hidden_program());
        tunnel::refuse(&config, &inside)?;
        warnings.extend(tunnel::hidden(&config, self.scope));
        let file = match source {
            Source::File(path) => Some(path),
            Source::Environment => None,
        };
        let env_path = self.on_machine(&env_file);
        let parts = [Some(&self.machine.program), file.as_ref(), Some(&env_path)];
        warnings.extend(
            parts
                .into_iter()
                .flatten()
                .filter_map(|path| self.open(path)),
        );
        warnings.extend(shown_to_others(&env_path));
        Ok(Prospect {
            unit: self.unit(&config, file.as_deref(), &home, env_file, &inside),
            warnings,
            config: file,
            tls: tls::files(&config.server).cloned(),
        })
    }

    /// The unit for a machine whose configuration is not here.
    pub(super) fn blind(&self) -> Result<Unit, Problem> {
        let home = self.home()?;
        let arguments = match (&self.args.config, &self.args.scope.name, self.scope) {
            (Some(path), ..) => vec!["--config".to_owned(), path.to_string_lossy().into_owned()],
            (None, Some(name), Scope::User) => vec!["--name".to_owned(), name.as_str().to_owned()],
            (None, Some(name), Scope::System) => {
                let file = Home::at(SYSTEM_CONFIG).config_file(Some(name), "json");
                vec!["--config".to_owned(), file.to_string_lossy().into_owned()]
            }
            (None, None, _) => Vec::new(),
        };
        Ok(Unit {
            scope: self.scope,
            name: self.unit_name(),
            program: self.machine.program.clone(),
            arguments,
            env_file: self.env_file(&home)?,
            home: self.unusual(&home),
            needs_env_file: self.args.env_file.is_some(),
            has_config: true,
            drain: USUAL_DRAIN,
            has_low_port: false,
            writes_to: Vec::new(),
            systemd: self.systemd,
        })
    }

    /// The home, where it is not what a service finds by itself.
    fn unusual(&self, home: &Home) -> Option<PathBuf> {
        let usual = Home::of(&Environment::empty().with_home(self.person()));
        let is_usual = self.scope == Scope::User && usual.is_ok_and(|usual| usual == *home);
        (!is_usual).then(|| home.directory().to_owned())
    }

    fn unit(
        &self,
        config: &Config,
        file: Option<&Path>,
        home: &Home,
        env_file: PathBuf,
        inside: &Environment,
    ) -> Unit {
        let is_own = |directory: &Path| {
            directory.starts_with(home.directory())
                || directory.starts_with(format!("/run/{}", self.unit_name()))
        };
        let writes_to = outside(config).filter(|directory| !is_own(directory));
        Unit {
            scope: self.scope,
            name: self.unit_name(),
            program: self.machine.program.clone(),
            arguments: self.arguments(file, inside),
            writes_to: writes_to.collect(),
            home: self.unusual(home),
            env_file,
            needs_env_file: self.args.env_file.is_some(),
            has_config: file.is_some(),
            drain: config.server.drain,
            has_low_port: matches!(
                config.server.listen,
                Listen::Tcp {
                    port: 1..FIRST_FREE_PORT,
                    ..
                }
            ),
            systemd: self.systemd,
        }
    }

    fn unit_name(&self) -> String {
        place::unit_name(self.args.scope.name.as_ref())
    }

    fn person(&self) -> PathBuf {
        self.shell.home().map(Path::to_owned).unwrap_or_default()
    }

    /// The directory of autogw's files. That of a person may have been chosen in the shell.
    fn home(&self) -> Result<Home, Problem> {
        match self.scope {
            Scope::System => Ok(Home::at(format!("/var/lib/{}", self.unit_name()))),
            Scope::User => Home::of(self.shell)
                .map(|home| Home::at(home.directory()))
                .map_err(|error| Problem::failed(error.to_string())),
        }
    }

    fn env_file(&self, home: &Home) -> Result<PathBuf, Problem> {
        let path = self.env_path(home)?;
        // Such a path has no quotes in a unit: it would end there, and what follows be another setting.
        let is_odd = |c: char| c.is_control() || matches!(c, '\\' | '\u{fffd}');
        if path.to_string_lossy().contains(is_odd) {
            let message =
                "systemd reads no file of variables with a backslash or a line's end in its path";
            return Err(Problem::usage(message).hint("--env-file names another"));
        }
        Ok(path)
    }

    fn env_path(&self, home: &Home) -> Result<PathBuf, Problem> {
        if let Some(path) = &self.args.env_file {
            return absolute(path);
        }
        let name = match &self.args.scope.name {
            Some(name) => format!("env.{}", name.as_str()),
            None => "env".to_owned(),
        };
        Ok(match self.scope {
            Scope::System => Path::new(SYSTEM_CONFIG).join(name),
            Scope::User => home.directory().join(name),
        })
    }

    /// Where the file is to be read now: that of the administrator lies on the machine the service is for.
    fn on_machine(&self, env_file: &Path) -> PathBuf {
        if env_file.starts_with(SYSTEM_CONFIG) {
            return self.machine.path(env_file);
        }
        env_file.to_owned()
    }

    /// Systemd runs no program with such a path, however it is written.
    fn refuse_program(&self) -> Result<(), Problem> {
        let program = self.machine.program.to_string_lossy();
        let is_odd = |c: char| c.is_control() || matches!(c, '"' | '\'' | '\\' | '\u{fffd}');
        if program.contains(is_odd) {
            let message = format!(
                "systemd runs no program with quotes, backslashes or the like in its path: {program}"
            );
            return Err(
                Problem::failed(message).hint("put it elsewhere, /usr/local/bin for example")
            );
        }
        Ok(())
    }

    /// What the service has of variables before it reads a file.
    fn bare(&self, home: &Home) -> Environment {
        let env = self.given.clone().with_home(match self.scope {
            Scope::System => home.directory().to_owned(),
            Scope::User => self.person(),
        });
        env.with("AUTOGW_HOME", home.directory().to_string_lossy())
    }

    /// The configuration that is meant: what the service finds by itself, or what was named here.
    fn source(&self, inside: &Environment) -> Result<Source, Problem> {
        if let Some(path) = &self.args.config {
            if self.scope == Scope::User && self.args.scope.name.is_some() {
                let hint = "`autogw save-global FILE --name X` saves it under the name; then leave out --config";
                return Err(
                    Problem::usage("--config and --name at once are for --system").hint(hint),
                );
            }
            return self.visible(absolute(path)?);
        }
        let system = self.machine.path(SYSTEM_CONFIG);
        if let (Scope::System, Some(name)) = (self.scope, &self.args.scope.name) {
            return named(name, &system);
        }
        let choice = Choice {
            config: None,
            name: self.args.scope.name.clone(),
        };
        let own = locate_with(&choice, inside, &system).map_err(Problem::Config)?;
        if self.scope == Scope::User && own == Source::Environment {
            return locate_with(&choice, self.shell, &system).map_err(Problem::Config);
        }
        Ok(own)
    }

    /// A file that a service of the system can see.
    fn visible(&self, path: PathBuf) -> Result<Source, Problem> {
        if !path.is_file() {
            return Err(Problem::usage(format!(
                "there is no file {} (given with --config)",
                path.display()
            )));
        }
        if self.scope == Scope::System && place::is_hidden(&path) && !self.args.print {
            let message = format!(
                "a service of the system does not see {}: homes and /tmp are hidden from it",
                path.display()
            );
            let hint = format!(
                "sudo install -D -m 640 {} {SYSTEM_CONFIG}/config.json",
                quoted(&path.to_string_lossy())
            );
            return Err(Problem::usage(message).hint(&hint));
        }
        Ok(Source::File(path))
    }

    /// What is started beside `start`, so that the service finds `file` too.
    fn arguments(&self, file: Option<&Path>, inside: &Environment) -> Vec<String> {
        let choice = Choice {
            config: None,
            name: self
                .args
                .scope
                .name
                .clone()
                .filter(|_| self.scope == Scope::User),
        };
        let system = self.machine.path(SYSTEM_CONFIG);
        let found = locate_with(&choice, inside, &system).ok();
        let finds_it = match (&found, file) {
            (Some(Source::File(found)), Some(file)) => found == file,
            (_, None) => true,
            _ => false,
        };
        match (choice.name, file) {
            (Some(name), _) => vec!["--name".to_owned(), name.as_str().to_owned()],
            (None, Some(file)) if !finds_it => {
                vec!["--config".to_owned(), file.to_string_lossy().into_owned()]
            }
            _ => Vec::new(),
        }
    }

    /// Who can change what a service of the system runs and reads has its keys.
    fn open(&self, path: &Path) -> Option<Diagnostic> {
        if self.scope == Scope::User {
            return None;
        }
        let place = self.machine.open_to_others(path)?;
        let message = format!(
            "others than root can change {}, and with it what the service does",
            place.display()
        );
        let place = quoted(&place.to_string_lossy());
        let hint = format!("sudo chown root {place} && sudo chmod go-w {place}");
        Some(Diagnostic::warning(message).with_hint(hint))
    }

    fn hidden_program(&self) -> Option<Diagnostic> {
        let program = &self.machine.program;
        (self.scope == Scope::System && place::is_hidden(program)).then(|| {
            let message = format!(
                "a service of the system cannot run {}: homes and /tmp are hidden from it",
                program.display()
            );
            let hint = format!(
                "sudo install -m 755 {} /usr/local/bin/autogw, then install the service with that",
                quoted(&program.to_string_lossy())
            );
            Diagnostic::warning(message).with_hint(hint)
        })
    }
}

/// `config.X.json` of the administrator.
fn named(name: &Name, system: &Path) -> Result<Source, Problem> {
    let found = existing_formats(&Home::at(system), Some(name));
    match found.as_slice() {
        [one] => Ok(Source::File(one.clone())),
        [] => {
            let file = Home::at(SYSTEM_CONFIG).config_file(Some(name), "json");
            let message = format!("there is no configuration {}", file.display());
            Err(Problem::usage(message).hint("put it there, or name it with --config"))
        }
        [..] => {
            let message = format!(
                "two configurations side by side: {} and {}",
                found[0].display(),
                found[1].display()
            );
            Err(Problem::usage(message).hint("remove one, or choose with --config"))
        }
    }
}

/// Directories beside its own that a gateway with `config` writes to.
fn outside(config: &Config) -> impl Iterator<Item = PathBuf> {
    let socket = match &config.server.listen {
        Listen::Unix(path) => path.parent(),
        Listen::Tcp { .. } => None,
    };
    let state = config.router.persistence_path.as_deref();
    let state = state.and_then(Path::parent);
    let found: Vec<PathBuf> = socket
        .into_iter()
        .chain(state)
        .map(Path::to_owned)
        .collect();
    found.into_iter()
}

/// What a service has of variables is keys; systemd reads them before it gives up its rights.
fn shown_to_others(env_file: &Path) -> Option<Diagnostic> {
    let mode = fs::metadata(env_file).ok()?.mode() & 0o777;
    (mode & 0o077 != 0).then(|| {
        let path = env_file.display();
        let message = format!("others can read {path}, and the keys in it (mode {mode:o})");
        let path = quoted(&env_file.to_string_lossy());
        Diagnostic::warning(message).with_hint(format!("chmod 600 {path}"))
    })
}

fn absolute(path: &Path) -> Result<PathBuf, Problem> {
    std::path::absolute(path)
        .map_err(|error| Problem::failed(format!("{}: {error}", path.display())))
}
