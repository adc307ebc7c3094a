//! Where ngrok's authtoken is: the environment, the configuration, or ngrok's own file.
//!
//! Who uses ngrok already has given it a token once: that one is found without being written down again.
//! The file is somebody else's, so nothing about it stops a start.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::diagnostic::Diagnostic;
use super::environment::Environment;
use super::node::{Node, Value};
use super::scalar::fits_a_header;
use super::{Authtoken, Config, yaml};
use crate::provider::Secret;

/// The variable that ngrok's agent reads, too.
const VARIABLE: &str = "NGROK_AUTHTOKEN";

/// Largest file of ngrok's that is read. One with many endpoints has a few kilobytes.
const MAX_FILE: u64 = 1 << 20;

/// The token: the variable's, else the `configured` one, else that of ngrok's own file.
pub(super) fn find(configured: Option<Authtoken>, env: &Environment) -> Option<Authtoken> {
    let variable = env.filled(VARIABLE).map(|text| Authtoken {
        secret: Secret::new(text),
        origin: VARIABLE.to_owned(),
    });
    variable.or(configured).or_else(|| of_agent(env).ok()?)
}

/// Why ngrok's own file gave no token to a `config` that has none: of interest if it is to open a door
/// through ngrok.
pub fn fault(config: &Config, env: &Environment) -> Option<Diagnostic> {
    if config.tunnels.ngrok.authtoken.is_some() {
        return None;
    }
    let fault = of_agent(env).err()?;
    let message = format!(
        "cannot take ngrok's authtoken from {}: {}",
        fault.path.display(),
        fault.reason
    );
    let hint = format!("mend the file with `ngrok config check`, or set {VARIABLE}");
    Some(Diagnostic::warning(message).with_hint(hint))
}

/// What is wrong with a file of ngrok's.
struct Fault {
    path: PathBuf,
    reason: String,
}

/// The token of the first of ngrok's files that holds one. A file that cannot be used ends the search:
/// ngrok would not look further either.
fn of_agent(env: &Environment) -> Result<Option<Authtoken>, Fault> {
    for path in places(env) {
        match token_in(&path) {
            Ok(None) => {}
            Ok(Some(secret)) => {
                let origin = path.display().to_string();
                return Ok(Some(Authtoken { secret, origin }));
            }
            Err(reason) => return Err(Fault { path, reason }),
        }
    }
    Ok(None)
}

/// Where ngrok keeps its file: the place of version 3, then that of version 2. Its agent has no variable
/// for it (<https://github.com/ngrok/ngrok/issues/101>), but honours the usual one for the directory.
fn places(env: &Environment) -> Vec<PathBuf> {
    let chosen = env.filled("XDG_CONFIG_HOME").map(PathBuf::from);
    let usual = || {
        let directory = if cfg!(target_os = "macos") {
            "Library/Application Support"
        } else {
            ".config"
        };
        Some(env.home()?.join(directory))
    };
    let current = chosen.filter(|path| path.is_absolute()).or_else(usual);
    let current = current.map(|directory| directory.join("ngrok/ngrok.yml"));
    let legacy = env.home().map(|home| home.join(".ngrok2/ngrok.yml"));
    current.into_iter().chain(legacy).collect()
}

fn token_in(path: &Path) -> Result<Option<Secret>, String> {
    let Some(text) = read(path)? else {
        return Ok(None);
    };
    let root = yaml::parse(&text).map_err(|faults| {
        let start = faults.first().map_or(0, |fault| fault.span.start);
        let line = text[..text.floor_char_boundary(start)]
            .matches('\n')
            .count()
            + 1;
        format!("it is not valid YAML (line {line})")
    })?;
    let agent = value(&root, "agent").and_then(|agent| value(agent, "authtoken"));
    match agent.or_else(|| value(&root, "authtoken")) {
        None => Ok(None),
        Some(node) => token(node).map(Some),
    }
}

/// The text of the file; `None` if there is none.
fn read(path: &Path) -> Result<Option<String>, String> {
    // Opening a named pipe would wait for somebody to write.
    match path.metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
        Ok(metadata) if !metadata.is_file() => return Err("it is not a file".to_owned()),
        Ok(_) => {}
    }
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let read = file.take(MAX_FILE + 1).read_to_end(&mut bytes);
    if read.map_err(|error| error.to_string())? as u64 > MAX_FILE {
        return Err("it is far too large".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    Ok(Some(text))
}

fn value<'a>(object: &'a Node, key: &str) -> Option<&'a Node> {
    let Value::Object(entries) = &object.value else {
        return None;
    };
    let found = entries.iter().find(|entry| entry.key == key);
    found
        .map(|entry| &entry.value)
        .filter(|node| !matches!(node.value, Value::Null))
}

fn token(node: &Node) -> Result<Secret, String> {
    let text = match &node.value {
        Value::Text(text) => text.text.trim(),
        // A token of digits alone looks like a number.
        Value::Number(text) => text,
        _ => "",
    };
    if text.is_empty() || !fits_a_header(text) {
        return Err("its authtoken is no token".to_owned());
    }
    Ok(Secret::new(text))
}
