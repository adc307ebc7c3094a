//! `autogw init`: writes a first configuration, with comments, from what is there and what is answered.
//!
//! Keys are never written down: the file names the variables that hold them.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use serde_json::{Value, json};

use super::ask::Ask;
use super::console::Console;
use super::exit::Exit;
use super::local;
use super::names;
use super::shell;
use super::template::{Entry, render};
use crate::config::locate::existing_formats;
use crate::config::write::{back_up, write_private};
use crate::config::{ConfigError, Environment, Format, Found, Home, Name, discover, nothing_found};
use crate::provider::preset::PRESETS;

/// Write a first configuration from what the environment offers
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = "\
Examples:
  autogw init                      asks, then writes ~/.auto-gateway/config.json
  autogw init --yes                takes every key and local server that is found
  autogw init --output ./gw.json   writes another file
  autogw init --yes --json         for scripts: the file and what is in it

No key is written down: the file names the variables that hold them.

Exit status: 0 written; 1 it cannot be, or there is one already; 2 wrong usage, or nothing was found.")]
pub struct InitArgs {
    /// Write this file instead of the global configuration: JSON with comments
    #[arg(long, short, value_name = "PATH", conflicts_with = "name")]
    pub output: Option<PathBuf>,

    /// Write the configuration of this name
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(names::configurations))]
    pub name: Option<Name>,

    /// Ask nothing: take what the environment offers
    #[arg(long, short, visible_alias = "no-input")]
    pub yes: bool,

    /// Replace a configuration that is there; the old one stays as .bak
    #[arg(long)]
    pub force: bool,

    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Runs the verb. `person` is there to be asked only at a terminal.
pub async fn run(
    args: &InitArgs,
    env: Environment,
    person: Option<&mut dyn Ask>,
    console: &mut Console<'_>,
) -> Exit {
    if let Some(format) = args.other_format() {
        console.error(
            format!("init writes JSON with comments, not {}", format.name()),
            Some("name the file .json; write YAML or TOML by hand: the keys are the same"),
        );
        return Exit::Usage;
    }
    let person = person.filter(|_| !args.yes);
    if person.is_none() && !args.yes {
        console.error(
            "this is not a terminal, so nothing can be asked",
            Some("autogw init --yes"),
        );
        return Exit::Usage;
    }
    let discovery = match discover(&env) {
        Ok(discovery) => discovery,
        Err(error) => {
            args.report_invalid(&error, console);
            return Exit::Usage;
        }
    };
    console.diagnostics(&discovery.warnings);
    let found = local::confirm(discovery).await;
    write_first(args, &env, &found, person, console).unwrap_or_else(|error| {
        console.error(format!("{error:#}"), None);
        Exit::Failed
    })
}

fn write_first(
    args: &InitArgs,
    env: &Environment,
    found: &[Found],
    mut person: Option<&mut dyn Ask>,
    console: &mut Console<'_>,
) -> anyhow::Result<Exit> {
    let place = Place::of(args, env)?;
    if !args.force && !place.may_be_written(&mut person, console) {
        return Ok(Exit::Failed);
    }
    let entries = match person {
        Some(person) => ask(found, person),
        None => Some(found.iter().map(Entry::from).collect()),
    };
    let Some(entries) = entries else {
        console.say("nothing was written");
        return Ok(Exit::Failed);
    };
    if entries.is_empty() {
        args.report_invalid(&nothing_found(), console);
        return Ok(Exit::Usage);
    }
    let backups = place.write(&render(&entries))?;
    let written = Written {
        path: &place.path,
        backups: &backups,
        entries: &entries,
        unset: unset_variables(&entries, env),
    };
    written.report(args, console);
    Ok(Exit::Done)
}

impl InitArgs {
    /// What the extension of `--output` promises, if that is not what is written.
    fn other_format(&self) -> Option<Format> {
        let format = Format::of(self.output.as_ref()?);
        (format != Format::Json).then_some(format)
    }

    fn report_invalid(&self, error: &ConfigError, console: &mut Console<'_>) {
        if self.json {
            console.json(&json!({ "ok": false, "diagnostics": error.diagnostics }));
        } else {
            console.config_error(error);
        }
    }

    /// What has to follow a verb that shall use what was written.
    fn source(&self) -> String {
        match (&self.output, &self.name) {
            (Some(path), _) => format!(" --config {}", shell::quoted(&path.to_string_lossy())),
            (None, Some(name)) => format!(" --name {}", name.as_str()),
            (None, None) => String::new(),
        }
    }
}

/// What writing came to.
struct Written<'a> {
    path: &'a Path,
    backups: &'a [PathBuf],
    entries: &'a [Entry],
    unset: Vec<&'a str>,
}

impl Written<'_> {
    fn report(&self, args: &InitArgs, console: &mut Console<'_>) {
        if args.json {
            return console.json(&self.to_json());
        }
        for backup in self.backups {
            console.say(format!("the old one is now {}", backup.display()));
        }
        console.data(format!("wrote {}", self.path.display()));
        for name in &self.unset {
            console.say(format!("still to do: set {name}"));
        }
        let source = args.source();
        console.say(format!(
            "next: `autogw check{source}`, then `autogw start{source}`"
        ));
    }

    fn to_json(&self) -> Value {
        let provider = |entry: &Entry| {
            json!({
                "name": entry.name,
                "type": entry.kind,
                "base_url": entry.base_url,
                "key_variable": entry.key_variable,
                "found_by": entry.origin,
            })
        };
        json!({
            "ok": true,
            "path": self.path,
            "backups": self.backups,
            "providers": self.entries.iter().map(provider).collect::<Vec<_>>(),
            "unset_variables": self.unset,
        })
    }
}

/// Where the file goes, and what is in its way.
struct Place {
    path: PathBuf,
    existing: Vec<PathBuf>,
}

impl Place {
    fn of(args: &InitArgs, env: &Environment) -> anyhow::Result<Self> {
        if let Some(path) = args.output.clone() {
            let existing = path.exists().then(|| path.clone()).into_iter().collect();
            return Ok(Self { path, existing });
        }
        let home = Home::of(env)?;
        Ok(Self {
            path: home.config_file(args.name.as_ref(), "json"),
            existing: existing_formats(&home, args.name.as_ref()),
        })
    }

    /// Whether nothing is in the way, or the person wants it replaced.
    fn may_be_written(&self, person: &mut Option<&mut dyn Ask>, console: &mut Console<'_>) -> bool {
        let Some(old) = self.existing.first() else {
            return true;
        };
        let Some(person) = person else {
            let message = format!("{} is there already", old.display());
            console.error(
                message,
                Some("--force replaces it and keeps the old one as .bak"),
            );
            return false;
        };
        let question = format!("{} is there already. Replace it?", old.display());
        let may = person.confirm(&question) == Some(true);
        if !may {
            console.say("nothing was changed");
        }
        may
    }

    /// Puts `text` there; where the files went that were in its way.
    fn write(&self, text: &str) -> anyhow::Result<Vec<PathBuf>> {
        let mut backups = Vec::new();
        for old in &self.existing {
            let backup = back_up(old);
            backups.push(backup.with_context(|| format!("cannot keep {}", old.display()))?);
        }
        write_private(&self.path, text.as_bytes())
            .with_context(|| format!("cannot write {}", self.path.display()))?;
        for other in self.existing.iter().filter(|old| **old != self.path) {
            std::fs::remove_file(other)
                .with_context(|| format!("cannot remove {}", other.display()))?;
        }
        Ok(backups)
    }
}

/// The entries a person wants; `None` if they stop.
fn ask(found: &[Found], person: &mut dyn Ask) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    if !found.is_empty() {
        let options: Vec<String> = found
            .iter()
            .map(|found| format!("{} (from {})", found.provider.name, found.origin))
            .collect();
        let picked = person.pick_many("Use which of these?", &options)?;
        entries.extend(
            picked
                .into_iter()
                .filter_map(|at| found.get(at))
                .map(Entry::from),
        );
    }
    while let Some(entry) = ask_for_another(&entries, person)? {
        entries.push(entry);
    }
    Some(entries)
}

/// One more provider; the outer `None` if the person stops, the inner one if there is no more.
#[expect(
    clippy::option_option,
    reason = "stopping and being done are two answers"
)]
fn ask_for_another(entries: &[Entry], person: &mut dyn Ask) -> Option<Option<Entry>> {
    let kinds: Vec<&str> = PRESETS
        .iter()
        .filter(|preset| !preset.is_simulated())
        .map(|preset| preset.kind.as_str())
        .filter(|kind| !entries.iter().any(|entry| entry.name == *kind))
        .collect();
    let mut options = vec!["no more".to_owned()];
    options.extend(kinds.iter().map(|kind| (*kind).to_owned()));
    let picked = person.pick_one("Another provider?", &options)?;
    let Some(kind) = picked.checked_sub(1).and_then(|at| kinds.get(at)) else {
        return Some(None);
    };
    let preset = PRESETS.iter().find(|preset| preset.kind == *kind)?;
    let name = person.text("Its name?", kind)?;
    let base_url = match &preset.base_url {
        Some(_) => None,
        None => Some(person.text("Its base URL?", "https://")?),
    };
    let suggestion = preset.key_variables.first().map_or("", String::as_str);
    let variable = person.text("Variable that holds its key (empty: no key)?", suggestion)?;
    Some(Some(Entry {
        name,
        kind: (*kind).to_owned(),
        base_url,
        key_variable: Some(variable.trim().to_owned()).filter(|name| !name.is_empty()),
        origin: None,
    }))
}

/// Variables that the file names and nobody has set yet.
fn unset_variables<'a>(entries: &'a [Entry], env: &Environment) -> Vec<&'a str> {
    entries
        .iter()
        .filter_map(|entry| entry.key_variable.as_deref())
        .filter(|name| env.filled(name).is_none())
        .collect()
}
