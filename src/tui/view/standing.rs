//! How somebody stands, in a glyph, a word and a tone: the same on every screen.

use super::figures;
use crate::telemetry::snapshot::{Circuit, LastError};
use crate::tui::theme::Tone;

/// What a standing, or the state of a key, is like.
pub fn tone(standing: &str) -> Tone {
    match standing {
        "ready" => Tone::Good,
        "probe" | "suspect" | "resting" => Tone::Warn,
        "drained" => Tone::Off,
        "" => Tone::Quiet,
        _ => Tone::Bad,
    }
}

/// A breaker in a few letters: `closed`, `OPEN 00:17`, `half 1/3`.
pub fn breaker(circuit: &Circuit, now_ms: u64) -> (String, Tone) {
    match circuit.state.as_str() {
        "" => (figures::NOTHING.to_owned(), Tone::Quiet),
        "closed" => ("closed".to_owned(), Tone::Quiet),
        "open" => {
            let left = circuit
                .until_ms
                .map(|until| figures::countdown(until, now_ms));
            (format!("OPEN {}", left.unwrap_or_default()), Tone::Bad)
        }
        "half-open" => {
            let (done, needed) = (circuit.successes, circuit.needed);
            (format!("half {done}/{needed}"), Tone::Warn)
        }
        other => (other.to_owned(), Tone::Warn),
    }
}

/// A health score in letters: `98`.
pub fn score(health: f64) -> String {
    if health.is_finite() {
        format!("{:.0}", health.clamp(0.0, 100.0))
    } else {
        figures::NOTHING.to_owned()
    }
}

/// What a latency of so many milliseconds is like.
pub fn pace(ms: Option<u64>) -> Tone {
    match ms {
        Some(5_000..) => Tone::Bad,
        Some(2_000..) => Tone::Warn,
        _ => Tone::Quiet,
    }
}

/// What a share of failures is like.
pub fn failing(share: Option<f64>) -> Tone {
    match share {
        Some(share) if share >= 0.2 => Tone::Bad,
        Some(share) if share >= 0.02 => Tone::Warn,
        _ => Tone::Quiet,
    }
}

/// A failure in a line: `rate_limit 429 · 12 s ago`.
pub fn failure(error: &LastError, now_ms: u64) -> String {
    let status = error.status.map(|status| format!(" {status}"));
    let ago = figures::ago(error.at_ms, now_ms);
    format!("{}{} · {ago}", error.class, status.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breakers_say_how_long_and_how_far() {
        let circuit = |state: &str, until_ms| Circuit {
            state: state.to_owned(),
            until_ms,
            successes: 1,
            needed: 3,
        };
        for (state, until_ms, shown) in [
            ("", None, "-"),
            ("closed", None, "closed"),
            ("open", Some(18_000), "OPEN 00:17"),
            ("open", None, "OPEN "),
            ("half-open", None, "half 1/3"),
        ] {
            assert_eq!(breaker(&circuit(state, until_ms), 1_000).0, shown);
        }
    }

    #[test]
    fn what_nobody_knows_is_not_well() {
        assert_eq!(tone("haunted"), Tone::Bad);
        assert_eq!(tone("ready"), Tone::Good);
        assert_eq!(score(f64::NAN), "-");
    }
}
