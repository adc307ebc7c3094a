//! Where a client's file is on this machine.

use std::path::{Path, PathBuf};

use thiserror::Error;

use super::recipe::File;
use crate::config::Environment;

/// A file has no place.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoPlace {
    /// It is in the home directory, and there is none.
    #[error("{path} is in the home directory, and there is none: set HOME")]
    NoHome {
        /// As the recipe has it.
        path: String,
    },
    /// A variable leads to a place that depends on where one stands.
    #[error("{path} is not an absolute path: look at the variable that it comes from")]
    Relative {
        /// The place.
        path: String,
    },
}

/// The path of `file`.
pub fn path(file: &File, env: &Environment) -> Result<PathBuf, NoPlace> {
    if let Some(instead) = &file.instead {
        let instead = expand(instead, env)?;
        if instead.exists() {
            return Ok(instead);
        }
    }
    let elsewhere = file.macos_path.as_ref();
    let template = elsewhere.filter(|_| cfg!(target_os = "macos"));
    expand(template.unwrap_or(&file.path), env)
}

/// Whether `file` may be at `path`, as far as no variable has a say in it.
pub(super) fn may_be_at(file: &File, path: &Path) -> bool {
    let templates = [
        Some(&file.path),
        file.macos_path.as_ref(),
        file.instead.as_ref(),
    ];
    let mut fixed = templates.into_iter().flatten().map(|template| {
        let behind = template.rsplit(['}', '~']).next();
        behind.unwrap_or(template).trim_start_matches('/')
    });
    path.is_absolute() && fixed.any(|fixed| path.ends_with(fixed))
}

/// `template` with its variables and its `~/` replaced.
fn expand(template: &str, env: &Environment) -> Result<PathBuf, NoPlace> {
    let text = with_variables(template, env);
    if text.starts_with("~/") && env.home().is_none() {
        return Err(NoPlace::NoHome { path: text });
    }
    let path = env.expand_home(&text);
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(NoPlace::Relative { path: text })
    }
}

/// Each `${NAME:-default}` replaced; an empty variable counts as unset, as it does for a shell.
fn with_variables(template: &str, env: &Environment) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, from)) = rest.split_once("${") {
        let Some((inside, after)) = from.split_once('}') else {
            break;
        };
        out.push_str(before);
        let (name, default) = inside.split_once(":-").unwrap_or((inside, ""));
        out.push_str(env.filled(name).unwrap_or(default));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// `path` as people write it, with `~` for the home directory.
pub fn short(path: &Path, env: &Environment) -> String {
    let within = env.home().and_then(|home| path.strip_prefix(home).ok());
    match within {
        Some(within) => Path::new("~").join(within).display().to_string(),
        None => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_and_the_home_directory_are_replaced() {
        let env = Environment::empty()
            .with_home("/home/ada")
            .with("CODEX_HOME", "/srv/codex")
            .with("TILDE", "~/x")
            .with("EMPTY", "");
        for (template, path) in [
            ("~/.gemini/settings.json", "/home/ada/.gemini/settings.json"),
            ("${CODEX_HOME:-~/.codex}/c.toml", "/srv/codex/c.toml"),
            (
                "${CLAUDE_DIR:-~/.claude}/s.json",
                "/home/ada/.claude/s.json",
            ),
            ("${EMPTY:-~/.claude}/s.json", "/home/ada/.claude/s.json"),
            ("${TILDE:-/y}/s.json", "/home/ada/x/s.json"),
            ("/etc/${A:-b}/${C:-d}", "/etc/b/d"),
        ] {
            assert_eq!(
                expand(template, &env),
                Ok(PathBuf::from(path)),
                "{template}"
            );
        }
    }

    #[test]
    fn a_place_that_depends_on_where_one_stands_is_refused() {
        let env = Environment::empty().with("CODEX_HOME", "here");
        assert!(matches!(
            expand("${CODEX_HOME:-~/.codex}/c.toml", &env),
            Err(NoPlace::Relative { .. })
        ));
        assert!(matches!(
            expand("~/.codex/c.toml", &env),
            Err(NoPlace::NoHome { .. })
        ));
    }

    #[test]
    fn a_path_is_shown_as_people_write_it() {
        let env = Environment::empty().with_home("/home/ada");
        assert_eq!(short(Path::new("/home/ada/.x/y"), &env), "~/.x/y");
        assert_eq!(short(Path::new("/etc/y"), &env), "/etc/y");
    }
}
