//! Control headers: what a client asks of the gateway itself, read in one pass over its headers.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};

use super::problem::Problem;
use super::session::{Told, is_id};
use crate::config::Fidelity;

/// What the headers of a request say to us.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Control {
    /// `x-autogw-provider`: a pin.
    pub provider: Option<String>,
    /// `x-autogw-alias`: the key to use.
    pub alias: Option<String>,
    /// `x-autogw-strict-alias`: whether no other key will do.
    pub strict_alias: Option<bool>,
    /// The shortest limit the client names: ours, or that of an SDK.
    pub timeout: Option<Duration>,
    /// `x-autogw-fidelity`: what a loss in translation leads to.
    pub fidelity: Option<Fidelity>,
    /// `x-session-id`, or what clients send in its stead.
    pub session: Option<Told>,
    /// Whether `accept` begins with the type of a stream.
    pub accepts_events: bool,
}

impl Control {
    /// Reads `headers`.
    ///
    /// # Errors
    /// 400 naming the header whose value makes no sense.
    pub fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut control = Self::default();
        for (name, value) in headers {
            match name.as_str() {
                "accept" => control.accepts_events = text(value).starts_with("text/event-stream"),
                "x-autogw-provider" => control.provider = filled(value),
                "x-autogw-alias" => control.alias = filled(value),
                "x-autogw-strict-alias" => control.strict_alias = Some(boolean(value)?),
                "x-autogw-fidelity" => control.fidelity = Some(fidelity(value)?),
                "x-autogw-timeout" => control.limit(Some(own_timeout(value)?)),
                "x-session-id" => control.belongs(0, own_session(value)?),
                "x-claude-code-session-id" => control.belongs(1, hint(value)),
                "session-id" | "session_id" => control.belongs(2, hint(value)),
                "x-session-affinity" => control.belongs(3, hint(value)),
                "x-stainless-read-timeout" | "x-stainless-timeout" | "x-server-timeout" => {
                    control.limit(seconds(value));
                }
                _ => {}
            }
        }
        Ok(control)
    }

    fn belongs(&mut self, rank: u8, session: Option<&str>) {
        let known = self.session.as_ref();
        if let Some(id) = session.filter(|_| known.is_none_or(|known| rank < known.rank)) {
            let id = id.into();
            self.session = Some(Told { id, rank });
        }
    }

    fn limit(&mut self, limit: Option<Duration>) {
        self.timeout = self.timeout.into_iter().chain(limit).min();
    }
}

fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default().trim()
}

fn filled(value: &HeaderValue) -> Option<String> {
    let text = text(value);
    (!text.is_empty()).then(|| text.to_owned())
}

fn boolean(value: &HeaderValue) -> Result<bool, Problem> {
    match text(value) {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(wrong("x-autogw-strict-alias", "true or false")),
    }
}

fn fidelity(value: &HeaderValue) -> Result<Fidelity, Problem> {
    match text(value) {
        "warn" => Ok(Fidelity::Warn),
        "strict" => Ok(Fidelity::Strict),
        "silent" => Ok(Fidelity::Silent),
        _ => Err(wrong("x-autogw-fidelity", "warn, strict or silent")),
    }
}

/// An id, or nothing at all.
fn own_session(value: &HeaderValue) -> Result<Option<&str>, Problem> {
    if value.as_bytes().trim_ascii().is_empty() {
        return Ok(None);
    }
    let id = hint(value);
    id.map(Some)
        .ok_or_else(|| wrong("x-session-id", "1 to 256 visible ASCII characters"))
}

fn hint(value: &HeaderValue) -> Option<&str> {
    Some(text(value)).filter(|id| is_id(id))
}

fn own_timeout(value: &HeaderValue) -> Result<Duration, Problem> {
    seconds(value).ok_or_else(|| wrong("x-autogw-timeout", "a number of seconds above zero"))
}

fn wrong(header: &str, expected: &str) -> Problem {
    Problem::bad_field(header, format!("the header `{header}` must be {expected}"))
}

/// A number of seconds above zero, with or without the unit.
fn seconds(value: &HeaderValue) -> Option<Duration> {
    let seconds: f64 = text(value).trim_end_matches('s').parse().ok()?;
    let duration = Duration::try_from_secs_f64(seconds).ok();
    duration.filter(|duration| !duration.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&'static str, &'static str)]) -> Result<Control, Problem> {
        let pairs = pairs.iter().map(|(name, value)| {
            (
                http::HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        Control::read(&pairs.collect())
    }

    #[test]
    fn reads_what_is_meant_for_the_gateway() {
        let control = read(&[
            ("x-autogw-provider", " a "),
            ("x-autogw-alias", ""),
            ("x-autogw-strict-alias", "false"),
            ("accept", "text/event-stream"),
            ("x-other", "x"),
        ]);
        let expected = Control {
            provider: Some("a".to_owned()),
            strict_alias: Some(false),
            accepts_events: true,
            ..Control::default()
        };
        assert_eq!(control.expect("valid"), expected);
    }

    #[test]
    fn the_shortest_limit_counts() {
        let control = read(&[
            ("x-stainless-read-timeout", "600"),
            ("x-autogw-timeout", "2.5s"),
            ("x-stainless-timeout", "nonsense"),
            ("x-server-timeout", "9"),
        ]);
        let expected = Some(Duration::from_millis(2500));
        assert_eq!(control.expect("valid").timeout, expected);
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (name, value) in [
            ("x-autogw-timeout", "soon"),
            ("x-autogw-timeout", "0"),
            ("x-autogw-timeout", "-1"),
            ("x-autogw-strict-alias", "maybe"),
            ("x-session-id", "two words"),
        ] {
            let problem = read(&[(name, value)]).expect_err(value);
            assert_eq!(problem.body.param.as_deref(), Some(name));
        }
    }
}
