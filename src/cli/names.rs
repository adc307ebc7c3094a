//! The names that a shell completes: of the configuration that the line means, and of this home.
//!
//! Attached to an option with `add = ArgValueCandidates::new(names::providers)`. Somebody waits for the next
//! letter: files are only parsed, nobody is asked, and whatever goes wrong means that there are no names.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap_complete::CompletionCandidate;

use crate::clients::recipe::recipes;
use crate::config::locate::names_in;
use crate::config::{Choice, Environment, Home, Names};

/// The providers of the configuration.
pub fn providers() -> Vec<CompletionCandidate> {
    candidates(meant().providers.into_iter().map(|(name, _)| name))
}

/// The regions of the configuration's providers.
pub fn regions() -> Vec<CompletionCandidate> {
    candidates(meant().regions)
}

/// What may be asked for as a model and begins with `current`: routes, models, and behind a provider's name
/// its own models.
pub fn models(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str() else {
        return Vec::new();
    };
    let mut all = askable(meant(), current.contains('/'));
    all.retain(|name| name.starts_with(current));
    candidates(all)
}

fn askable(names: Names, with_providers: bool) -> Vec<String> {
    let mut all = vec!["auto".to_owned()];
    all.extend(names.routes);
    for (provider, models) in names.providers {
        if with_providers {
            all.extend(models.iter().map(|model| format!("{provider}/{model}")));
        }
        all.extend(models);
    }
    all
}

/// The configurations of this home, as `--name` has them.
pub fn configurations() -> Vec<CompletionCandidate> {
    let home = Home::of(&Environment::of_process());
    candidates(
        home.map(|home| names_in(home.directory()))
            .unwrap_or_default(),
    )
}

/// The clients that can be connected, each with what people call it.
pub fn clients() -> Vec<CompletionCandidate> {
    let candidate = |name: &str, title: &str| {
        CompletionCandidate::new(name).help(Some(title.to_owned().into()))
    };
    let clients = recipes().iter();
    clients
        .map(|recipe| candidate(&recipe.name, &recipe.title))
        .collect()
}

/// Each of `names` once that a shell passes on as it is typed.
fn candidates(names: impl IntoIterator<Item = String>) -> Vec<CompletionCandidate> {
    let mut kept: Vec<String> = Vec::new();
    for name in names {
        if is_word(&name) && !kept.contains(&name) {
            kept.push(name);
        }
    }
    kept.into_iter().map(CompletionCandidate::new).collect()
}

fn is_word(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@+".contains(c);
    !name.starts_with('-') && name.chars().all(is_plain)
}

/// The names of the configuration that the line means so far.
fn meant() -> Names {
    let words: Vec<OsString> = std::env::args_os().collect();
    let choice = Choice {
        config: value(&words, "--config").map(PathBuf::from),
        name: value(&words, "--name").and_then(|name| name.parse().ok()),
    };
    Names::of(&choice, &Environment::of_process())
}

/// The value of an option among the words of a line, as `--option value` or `--option=value`.
fn value<'a>(words: &'a [OsString], option: &str) -> Option<&'a str> {
    let mut words = words.iter().filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        match word.strip_prefix(option) {
            Some("") => return words.next(),
            Some(rest) if rest.starts_with('=') => return rest.get(1..),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_is_offered_by_the_name_it_is_connected_by() {
        let offered = clients();
        assert!(!offered.is_empty());
        for (candidate, recipe) in offered.iter().zip(recipes()) {
            assert_eq!(candidate.get_value(), OsStr::new(&recipe.name));
            assert!(is_word(&recipe.name), "{}", recipe.name);
        }
    }

    #[test]
    fn the_line_says_which_configuration_is_meant() {
        let words = |line: &str| -> Vec<OsString> { line.split(' ').map(OsString::from).collect() };
        for (line, expected) in [
            (
                "autogw -- autogw explain --config a.json -m",
                Some("a.json"),
            ),
            (
                "autogw -- autogw explain --config=a.json -m",
                Some("a.json"),
            ),
            ("autogw -- autogw explain --configure a.json", None),
            ("autogw -- autogw explain --config", None),
        ] {
            assert_eq!(value(&words(line), "--config"), expected, "{line}");
        }
    }

    #[test]
    fn what_a_shell_would_take_apart_is_not_offered() {
        let names = ["a", "b c", "$(x)", "a", "-x", "m/n:1.5@eu", "\u{1b}[m"];
        let kept = candidates(names.map(str::to_owned));
        let kept: Vec<_> = kept.iter().map(CompletionCandidate::get_value).collect();
        assert_eq!(kept, ["a", "m/n:1.5@eu"]);
    }
}
