//! `autogw save-global`: puts a checked configuration where `autogw start` finds it by itself.
//!
//! The bytes are copied as they are: comments, `${VAR}` and format stay.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use serde_json::json;

use super::console::Console;
use super::exit::Exit;
use super::names;
use crate::config::locate::existing_formats;
use crate::config::write::{back_up, write_private};
use crate::config::{self, Environment, Format, Home, Name};

/// Validate a configuration and save it as the global one
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  autogw save-global ./config.json              becomes ~/.auto-gateway/config.json
  autogw save-global ./team.yaml --name work    becomes config.work.yaml; start it with --name work

The file is copied byte for byte, with its variables unexpanded. The old one stays as .bak.

Exit status: 0 saved, 1 it cannot be written, 2 wrong usage or an invalid configuration.")]
pub struct SaveGlobalArgs {
    /// The configuration to save
    #[arg(value_name = "FILE", required_unless_present = "config")]
    pub file: Option<PathBuf>,

    /// The configuration to save (the same as FILE)
    #[arg(long, value_name = "PATH", conflicts_with = "file")]
    pub config: Option<PathBuf>,

    /// Save as config.NAME.json: letters, digits, `-`, `_`, one dot
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(names::configurations))]
    pub name: Option<Name>,

    /// Read variables from this .env file first; what is already set stays
    #[arg(long, value_name = "PATH")]
    pub env_file: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Runs the verb.
pub fn run(args: &SaveGlobalArgs, env: Environment, console: &mut Console<'_>) -> Exit {
    let Some(file) = args.file.as_ref().or(args.config.as_ref()) else {
        console.error("which file?", Some("autogw save-global ./config.json"));
        return Exit::Usage;
    };
    let env = match &args.env_file {
        Some(path) => env.with_file(path),
        None => Ok(env),
    };
    let loaded = env.and_then(|env| Ok((config::load(file, &env)?, env)));
    let (loaded, env) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => {
            report_invalid(args, &error, console);
            return Exit::Usage;
        }
    };
    if !args.json {
        console.diagnostics(&loaded.warnings);
    }
    match save(file, args.name.as_ref(), &env) {
        Ok(saved) => {
            saved.report(args.json, console);
            Exit::Done
        }
        Err(error) => {
            console.error(format!("{error:#}"), None);
            Exit::Failed
        }
    }
}

fn report_invalid(args: &SaveGlobalArgs, error: &config::ConfigError, console: &mut Console<'_>) {
    if args.json {
        console.json(&json!({ "ok": false, "diagnostics": error.diagnostics }));
    } else {
        console.config_error(error);
    }
}

/// What saving came to.
#[derive(Debug)]
struct Saved {
    path: PathBuf,
    changed: bool,
    backups: Vec<PathBuf>,
}

impl Saved {
    fn report(&self, as_json: bool, console: &mut Console<'_>) {
        let path = self.path.display().to_string();
        if as_json {
            let backups: Vec<String> = self
                .backups
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            console.json(&json!({
                "ok": true, "path": path, "changed": self.changed, "backups": backups,
            }));
        } else if self.changed {
            console.data(format!("saved {path}"));
            for backup in &self.backups {
                console.say(format!("the old one is now {}", backup.display()));
            }
        } else {
            console.data(format!("{path} is already up to date"));
        }
    }
}

fn save(file: &Path, name: Option<&Name>, env: &Environment) -> anyhow::Result<Saved> {
    let home = Home::of(env)?;
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let path = home.config_file(name, extension(file));
    let existing = existing_formats(&home, name);
    if existing == [path.clone()] && std::fs::read(&path).is_ok_and(|old| old == bytes) {
        return Ok(Saved {
            path,
            changed: false,
            backups: Vec::new(),
        });
    }
    let mut backups = Vec::new();
    for old in &existing {
        let backup = back_up(old);
        backups.push(backup.with_context(|| format!("cannot keep {}", old.display()))?);
    }
    write_private(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
    // Two formats side by side are refused by discovery, so the other one has to go.
    for other in existing.iter().filter(|old| **old != path) {
        std::fs::remove_file(other)
            .with_context(|| format!("cannot remove {}", other.display()))?;
    }
    Ok(Saved {
        path,
        changed: true,
        backups,
    })
}

/// The extension that the global file keeps; one that discovery does not look for becomes `json`.
fn extension(file: &Path) -> &str {
    let own = file.extension().and_then(|extension| extension.to_str());
    own.filter(|own| Format::EXTENSIONS.contains(own))
        .unwrap_or("json")
}
