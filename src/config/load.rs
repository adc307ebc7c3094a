//! From a file to a [`Config`]: read, parse, expand, check, resolve.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::Config;
use super::diagnostic::{ConfigError, Diagnostic};
use super::effective::Origins;
use super::environment::Environment;
use super::format::{Format, SyntaxFault};
use super::inline;
use super::mask;
use super::node::{Node, Value, child};
use super::read::{At, Read};
use super::report::{Place, Report};
use super::schema;
use super::section::root::File as ConfigFile;
use super::variables;

/// Largest configuration file. A real one has a few kilobytes; this only keeps a wrong path harmless.
const MAX_FILE: u64 = 16 << 20;

/// A valid configuration and what should be said about it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Warnings in the order of the file.
    pub warnings: Vec<Diagnostic>,
    /// The file it was read from; `None` for a text.
    pub path: Option<PathBuf>,
}

/// Reads the configuration in `path`.
pub fn load(path: &Path, env: &Environment) -> Result<Loaded, ConfigError> {
    let name = path.display().to_string();
    let unreadable = |reason: &str| -> ConfigError {
        Diagnostic::error(format!("cannot read {name}: {reason}")).into()
    };
    let io_error = |error: std::io::Error| unreadable(&error.to_string());
    let file = File::open(path).map_err(io_error)?;
    let others = permissions_of_others(&file.metadata().map_err(io_error)?);
    let mut bytes = Vec::new();
    let read = file.take(MAX_FILE + 1).read_to_end(&mut bytes);
    if read.map_err(io_error)? as u64 > MAX_FILE {
        return Err(unreadable("it is far too large for a configuration"));
    }
    let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8 text"))?;
    let (config, warnings) = interpret(&name, &text, Format::of(path), env, others)?;
    Ok(Loaded {
        config,
        warnings,
        path: Some(path.to_owned()),
    })
}

/// Reads the configuration in `text`; `name` stands for the file in diagnostics.
pub fn from_text(
    name: &str,
    text: &str,
    format: Format,
    env: &Environment,
) -> Result<Loaded, ConfigError> {
    let (config, warnings) = interpret(name, text, format, env, None)?;
    Ok(Loaded {
        config,
        warnings,
        path: None,
    })
}

/// The mode of a file that others may read.
#[cfg(unix)]
fn permissions_of_others(metadata: &std::fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    let mode = metadata.mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn permissions_of_others(_: &std::fs::Metadata) -> Option<u32> {
    None
}

fn interpret(
    name: &str,
    text: &str,
    format: Format,
    env: &Environment,
    loose_mode: Option<u32>,
) -> Result<(Config, Vec<Diagnostic>), ConfigError> {
    // Some editors begin a file with a byte-order mark; no format does.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut root = format
        .parse(text)
        .map_err(|faults| syntax_error(name, text, format, faults))?;
    let mut report = Report::default();
    mask::hide_secrets(&root, &mut report);
    report_duplicate_keys(&root, &mut report);
    let mut origins = Origins::of_tree(name, text, &root, env);
    variables::expand(&mut root, "", env, &mut report);
    let at = At {
        node: &root,
        path: String::new(),
    };
    let config = ConfigFile::read(&at, &mut report).map(|file| file.resolve(env, &mut report));
    inline::warn(name, loose_mode, &mut report);
    let is_valid = !report.has_errors();
    let diagnostics = report.finish(name, text);
    match config {
        Some(mut config) if is_valid => {
            origins.fill(&config, env);
            config.origins = Box::new(origins);
            Ok((config, diagnostics))
        }
        _ => Err(ConfigError { diagnostics }),
    }
}

fn syntax_error(name: &str, text: &str, format: Format, faults: Vec<SyntaxFault>) -> ConfigError {
    let shown = mask::unknown_words(text, &vocabulary());
    let mut report = Report::default();
    for fault in faults {
        let place = Place::new("", fault.span);
        report.error(
            &place,
            format!("not valid {}: {}", format.name(), fault.message),
        );
    }
    ConfigError {
        diagnostics: report.finish(name, &shown),
    }
}

/// Every word that belongs to the schema and therefore cannot be a key.
fn vocabulary() -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    collect_words(&schema::schema(), &mut words);
    words
}

fn collect_words(value: &serde_json::Value, words: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::String(word) => _ = words.insert(word.clone()),
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect_words(item, words)),
        serde_json::Value::Object(fields) => fields.iter().for_each(|(key, value)| {
            words.insert(key.clone());
            collect_words(value, words);
        }),
        _ => {}
    }
}

fn report_duplicate_keys(root: &Node, report: &mut Report) {
    root.walk("", &mut |node, path| {
        let Value::Object(entries) = &node.value else {
            return;
        };
        let mut seen = BTreeSet::new();
        for entry in entries {
            if !seen.insert(&entry.key) {
                let place = Place::new(child(path, &entry.key), entry.key_span.clone());
                report.error(
                    &place,
                    format!("a second `{}` in the same object", entry.key),
                );
            }
        }
    });
}
