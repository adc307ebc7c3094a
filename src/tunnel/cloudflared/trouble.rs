//! What can go wrong with cloudflared, as a table: what it says, what that means, what to do about it.
//!
//! All its failures exit with status 1, so its words are all there is to go by. They are recognised, and
//! quoted only where they say more than we can; what is quoted is bounded, in one line and without keys.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use crate::provider::Redactor;
use crate::telemetry::foreign::{self, LONGEST_QUOTE};
use crate::telemetry::tunnel::Trouble;

use super::story::Story;

/// Cloudflare counts quick tunnels per address over minutes: asking sooner keeps the count up.
const RATE_LIMITED: Duration = Duration::from_mins(1);

/// Whether opening the tunnel again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cure {
    /// Yes, not before this time.
    Again(Duration),
    /// No.
    Never,
}

/// Whether the program's own words are shown behind ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quote {
    Shown,
    Left,
}

/// A failure that is known.
#[derive(Debug)]
pub(super) struct Known {
    /// What a line must hold: all of one of these.
    says: &'static [&'static [&'static str]],
    code: Option<&'static str>,
    message: &'static str,
    quote: Quote,
    hint: &'static str,
    /// What helps. What is said to be incurable must be said in a bare line.
    pub(super) cure: Cure,
}

/// Soon again, with the usual pauses.
const SOON: Cure = Cure::Again(Duration::ZERO);

/// The failures that are known; of two that fit, the upper one counts.
const KNOWN: [Known; 10] = [
    Known {
        says: &[&["Provided Tunnel token is not valid"]],
        code: None,
        message: "cloudflared does not accept the token of the tunnel",
        quote: Quote::Left,
        hint: "copy it again from Cloudflare's dashboard into `server.tunnel.token`",
        cure: Cure::Never,
    },
    Known {
        says: &[&["Incorrect Usage"]],
        code: None,
        message: "cloudflared does not understand its arguments",
        quote: Quote::Shown,
        hint: "update cloudflared, or correct `args` of the tunnel",
        cure: Cure::Never,
    },
    Known {
        says: &[&[super::CANNOT_EXECUTE]],
        code: None,
        message: "cloudflared is no program that runs here",
        quote: Quote::Shown,
        hint: "install it for this machine, or correct `binary` of the tunnel",
        cure: Cure::Never,
    },
    Known {
        says: &[&["error code: 1015"], &["429 Too Many Requests"]],
        code: Some("1015"),
        message: "Cloudflare gives out no more quick tunnels to this address for now",
        quote: Quote::Left,
        hint: "a named tunnel (`server.tunnel.token`) or `--tunnel ngrok` has no such limit",
        cure: Cure::Again(RATE_LIMITED),
    },
    Known {
        says: &[&["Error opening metrics server listener"]],
        code: None,
        message: "the address for cloudflared's metrics is taken",
        quote: Quote::Left,
        hint: "take `--metrics` out of `args` of the tunnel: a free port is found without it",
        cure: SOON,
    },
    Known {
        says: &[&["failed to request quick Tunnel", "x509:"]],
        code: None,
        message: "the certificate of api.trycloudflare.com is not trusted here",
        quote: Quote::Left,
        hint: "something on the way opens TLS: name its certificate in SSL_CERT_FILE, or look at the clock",
        cure: SOON,
    },
    Known {
        says: &[&["failed to request quick Tunnel", "lookup "]],
        code: None,
        message: "cloudflared cannot find api.trycloudflare.com: there is no network, or no DNS",
        quote: Quote::Left,
        hint: "behind a proxy set HTTPS_PROXY",
        cure: SOON,
    },
    Known {
        says: &[&["failed to request quick Tunnel"]],
        code: None,
        message: "cloudflared cannot reach api.trycloudflare.com",
        quote: Quote::Shown,
        hint: "a firewall may be in the way, behind a proxy set HTTPS_PROXY",
        cure: SOON,
    },
    Known {
        says: &[&["failed to parse quick Tunnel ID"]],
        code: None,
        message: "Cloudflare refused to give out a quick tunnel",
        quote: Quote::Left,
        hint: "a named tunnel (`server.tunnel.token`) or `--tunnel ngrok` does not ask there",
        cure: SOON,
    },
    Known {
        says: &[&["failed to unmarshal quick Tunnel"]],
        code: None,
        message: "Cloudflare's answer to the request for a quick tunnel makes no sense to cloudflared",
        quote: Quote::Left,
        hint: "update cloudflared if it stays so",
        cure: SOON,
    },
];

/// The failure that `text` tells of, as its place in the table. `is_bare`: the line has no time and level.
pub(super) fn recognise(text: &str, is_bare: bool) -> Option<usize> {
    KNOWN.iter().position(|known| {
        let may_say = is_bare || known.cure != Cure::Never;
        let says = |parts: &&[&str]| parts.iter().all(|part| text.contains(part));
        may_say && known.says.iter().any(says)
    })
}

/// How one run of the program ended, when nobody asked it to.
#[derive(Debug)]
pub(super) enum Failure {
    /// It could not be started.
    NotStarted(io::Error),
    /// It ended.
    Exited(ExitStatus),
    /// It told no URL in time.
    NoUrl,
    /// It had no connection to the edge in time.
    NotReady,
    /// The edge has forgotten the tunnel.
    Forgotten,
}

impl Failure {
    /// What to tell people, and what helps.
    pub(super) fn explain(&self, story: &Story, redactor: &Redactor) -> (Trouble, Cure) {
        let quote = |words: &str| foreign::shown(words, redactor, LONGEST_QUOTE);
        if let Some((known, words)) = story.failure() {
            return KNOWN[known].explain(&quote(words));
        }
        let words = story.last_words().map(quote).unwrap_or_default();
        (self.trouble(&words, story), SOON)
    }

    fn trouble(&self, words: &str, story: &Story) -> Trouble {
        match self {
            Failure::NotStarted(error) => {
                Trouble::new(format!("cloudflared cannot be started: {error}"))
            }
            Failure::Exited(status) => {
                let message = with(&format!("cloudflared ended ({status})"), words);
                Trouble::new(message).with_hint("`--log-level debug` shows what it said")
            }
            Failure::NoUrl => {
                let message = with("cloudflared did not say its public URL in time", words);
                Trouble::new(message).with_hint("`--log-level debug` shows what it says")
            }
            Failure::NotReady if story.facts().metrics.is_none() => {
                let what = "cloudflared did not say where to ask whether it is connected";
                Trouble::new(with(what, words)).with_hint(NO_METRICS)
            }
            Failure::NotReady => {
                let what = "cloudflared did not reach Cloudflare's edge in time";
                let hint = "a firewall may block port 7844, for UDP and TCP";
                Trouble::new(with(what, words)).with_hint(hint)
            }
            Failure::Forgotten => {
                Trouble::new("Cloudflare does not know the quick tunnel any more")
                    .with_hint(ANOTHER_URL)
            }
        }
    }
}

const NO_METRICS: &str =
    "take `--loglevel` and `--logfile` out of `args` of the tunnel, or update cloudflared";
const ANOTHER_URL: &str =
    "the next one has another URL; a named tunnel (`server.tunnel.token`) keeps its own";

impl Known {
    fn explain(&self, words: &str) -> (Trouble, Cure) {
        let message = match self.quote {
            Quote::Shown => with(self.message, words),
            Quote::Left => self.message.to_owned(),
        };
        let trouble = Trouble {
            code: self.code.map(str::to_owned),
            ..Trouble::new(message).with_hint(self.hint)
        };
        (trouble, self.cure)
    }
}

/// It runs without a connection to its edge.
pub(super) fn disconnected() -> Trouble {
    Trouble::new("cloudflared has lost its connection to Cloudflare's edge")
        .with_hint("it connects again by itself as soon as the network lets it")
}

/// It runs and does not answer questions about itself.
pub(super) fn silent() -> Trouble {
    Trouble::new("cloudflared does not answer any more")
        .with_hint("if it stays so, end it: it is started again")
}

/// A file that the program needs cannot be written.
pub(super) fn no_config(error: &io::Error) -> Trouble {
    Trouble::new(format!("cannot write cloudflared's configuration: {error}"))
        .with_hint("make autogw's directory writable")
}

/// `message` and what the program said, if it said anything.
fn with(message: &str, words: &str) -> String {
    match words {
        "" => message.to_owned(),
        words => format!("{message}: {words}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The story that these lines tell.
    fn told(lines: &str) -> Story {
        let mut story = Story::default();
        for line in lines.lines() {
            story.hear(line.as_bytes());
        }
        story
    }

    /// The lines of a failed start as the real program prints them, and what is to be read there.
    #[track_caller]
    fn assert_read(lines: &str, message: &str, cure: Cure) -> Trouble {
        let (trouble, read) = Failure::NoUrl.explain(&told(lines), &Redactor::default());
        assert!(trouble.message.contains(message), "{}", trouble.message);
        assert_eq!(read, cure);
        trouble
    }

    #[test]
    fn known_failures_are_explained() {
        let minute = Cure::Again(Duration::from_mins(1));
        for (lines, message, cure) in [
            (
                include_str!("../../../tests/fixtures/cloudflared/offline.txt"),
                "there is no network",
                SOON,
            ),
            (
                include_str!("../../../tests/fixtures/cloudflared/rate-limited.txt"),
                "no more quick tunnels",
                minute,
            ),
            (
                include_str!("../../../tests/fixtures/cloudflared/rate-limited.jsonl"),
                "no more quick tunnels",
                minute,
            ),
            (
                include_str!("../../../tests/fixtures/cloudflared/api-error.txt"),
                "refused to give out",
                SOON,
            ),
            (
                include_str!("../../../tests/fixtures/cloudflared/bad-token.txt"),
                "does not accept the token",
                Cure::Never,
            ),
            (
                include_str!("../../../tests/fixtures/cloudflared/bad-usage.txt"),
                "flag provided but not defined: -quick",
                Cure::Never,
            ),
            (
                include_str!("../../../tests/fixtures/cloudflared/metrics-taken.txt"),
                "metrics is taken",
                SOON,
            ),
        ] {
            let trouble = assert_read(lines, message, cure);
            assert!(trouble.hint.is_some());
            assert!(!trouble.message.ends_with('.'), "{}", trouble.message);
        }
    }

    #[test]
    fn a_rate_limit_is_known_by_its_status_as_well() {
        let lines = "2026-11-21T06:51:57Z ERR Error unmarshaling QuickTunnel response: slow down \
            error=\"invalid character 's'\" status_code=\"429 Too Many Requests\"";
        assert_read(lines, "no more quick tunnels", Cure::Again(RATE_LIMITED));
    }

    #[test]
    fn that_it_is_tried_again_is_left_to_the_reader() {
        for known in &KNOWN {
            assert!(!known.hint.contains("again;"), "{}", known.hint);
        }
    }

    #[test]
    fn an_unknown_failure_quotes_the_last_words() {
        assert_read(
            "2026-11-21T06:51:56Z INF fine\nit broke.",
            "in time: it broke",
            SOON,
        );
        assert_read(
            "panic: boom\n\ngoroutine 1:\n\tmain.go:5",
            "panic: boom",
            SOON,
        );
        assert_read("2026-11-21T06:51:56Z ERR no way out\n", "no way out", SOON);
    }

    #[test]
    fn who_sends_requests_cannot_end_the_tunnel() {
        let lines = "2026-11-21T06:51:56Z INF Registered tunnel connection connIndex=0\n\
            2026-11-21T06:51:57Z ERR error=\"no origin\" dest=https://a/Provided Tunnel token is not valid\n\
            2026-11-21T06:51:57Z ERR error=\"no origin\" dest=https://a/error code: 1015";
        assert_eq!(told(lines).failure(), None);
    }
}
