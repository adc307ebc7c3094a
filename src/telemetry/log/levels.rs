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

    /// A bare level is ours; what the libraries below say at `info` and under is noise to an operator.
    fn from_str(text: &str) -> Result<Self, LevelsError> {
        if let Some(level) = level(text) {
            let others = level.min(LevelFilter::WARN);
            let levels = Targets::new().with_default(others);
            return Ok(Self(levels.with_target("autogw", level)));
        }
        // A word alone would be read as the name of a module: here it is a misspelt level.
        let is_directive = |part: &str| part.contains('=') || level(part).is_some();
        if !text.split(',').all(is_directive) {
            return Err(LevelsError);
        }
        text.parse().map(Self).map_err(|_| LevelsError)
    }
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
    use super::*;

    #[test]
    fn refuses_a_level_that_is_none() {
        for text in ["", "loud", "autogw=loud", "info,loud"] {
            assert!(text.parse::<Levels>().is_err(), "{text:?}");
        }
        assert!("warn,autogw::proxy=debug".parse::<Levels>().is_ok());
    }
}
