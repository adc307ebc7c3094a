//! Which events are logged: a level, or levels by module.

use std::str::FromStr;

use tracing_subscriber::filter::{LevelFilter, Targets};

/// Which events are logged.
#[derive(Debug, Clone)]
pub struct Levels(Targets);

impl Levels {
    pub(super) fn targets(self) -> Targets {
        self.0
    }
}

/// A level or filter that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "expected error, warn, info, debug, trace, off, or directives such as `info,autogw::proxy=debug`"
)]
pub struct LevelsError;

impl FromStr for Levels {
    type Err = LevelsError;

    /// A bare level is ours, alone and in a list: what the libraries below say at `info` and under is noise
    /// to an operator, and some show what they carry. Who wants that names them.
    fn from_str(text: &str) -> Result<Self, LevelsError> {
        text.split(',').try_fold(Targets::new(), add).map(Self)
    }
}

fn add(levels: Targets, part: &str) -> Result<Targets, LevelsError> {
    if let Some(level) = level(part) {
        let others = level.min(LevelFilter::WARN);
        return Ok(levels.with_default(others).with_target("autogw", level));
    }
    // A word alone would be read as the name of a module: here it is a misspelt level.
    if !part.contains('=') {
        return Err(LevelsError);
    }
    let named: Targets = part.trim().parse().map_err(|_| LevelsError)?;
    Ok(levels.with_targets(named))
}

fn level(text: &str) -> Option<LevelFilter> {
    // An empty text parses as `error`, which is nobody's wish.
    let text = text.trim();
    if text.is_empty() {
        None
    } else {
        text.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn refuses_a_level_that_is_none() {
        for text in ["", "loud", "autogw=loud", "info,loud"] {
            assert!(text.parse::<Levels>().is_err(), "{text:?}");
        }
        assert!("warn,autogw::proxy=debug".parse::<Levels>().is_ok());
    }

    #[test]
    fn a_bare_level_is_for_our_own_events_in_a_list_too() {
        let wants = |text: &str, target: &str, level| {
            let levels = text.parse::<Levels>().expect("good levels");
            levels.targets().would_enable(target, &level)
        };
        for text in ["trace", "trace,autogw::proxy=info", "hyper=info,trace"] {
            assert!(wants(text, "autogw::server", Level::TRACE), "{text}");
            assert!(!wants(text, "muxado", Level::INFO), "{text}");
            assert!(wants(text, "muxado", Level::WARN), "{text}");
        }
        assert!(!wants(
            "trace,autogw::proxy=info",
            "autogw::proxy",
            Level::DEBUG
        ));
        assert!(wants("info,muxado=trace", "muxado", Level::TRACE));
        assert!(!wants(
            "autogw::proxy=debug",
            "autogw::server",
            Level::ERROR
        ));
    }
}
