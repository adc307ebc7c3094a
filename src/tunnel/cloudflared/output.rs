//! What cloudflared says, without IO: bytes in, lines out, facts out of lines.
//!
//! It writes its log to stderr, in one of two forms; what matters must come out the same of both:
//!
//! ```text
//! 2026-11-21T06:51:57Z INF Starting metrics server on 127.0.0.1:20241/metrics
//! {"level":"info","message":"Starting metrics server on 127.0.0.1:20241/metrics","time":"…"}
//! ```
//!
//! A line in neither form is *bare*: the last words of a program that gives up. Nothing here believes a
//! line for longer than it must: whoever sends requests through the tunnel has a say in what is logged.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;

/// Bytes kept of a line: the longest that is of use is a tenth of it.
const LONGEST_LINE: usize = 8 * 1024;

/// Puts lines together from pieces of any size; of a line that is too long, the beginning is kept.
#[derive(Debug, Default)]
pub(super) struct Lines {
    line: Vec<u8>,
}

impl Lines {
    /// Takes the next piece and hands over every line that ended in it, without its end.
    pub(super) fn feed(&mut self, mut piece: &[u8], mut each: impl FnMut(&[u8])) {
        while let Some(end) = memchr::memchr(b'\n', piece) {
            self.keep(&piece[..end]);
            self.flush(&mut each);
            piece = &piece[end + 1..];
        }
        self.keep(piece);
    }

    /// No more comes: hands over the line that has no end.
    pub(super) fn finish(&mut self, mut each: impl FnMut(&[u8])) {
        self.flush(&mut each);
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LONGEST_LINE - self.line.len();
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn flush(&mut self, each: &mut impl FnMut(&[u8])) {
        let line = self.line.trim_ascii_end();
        if !line.is_empty() {
            each(line);
        }
        self.line.clear();
    }
}

/// How serious the program finds a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// Talk.
    Info,
    /// A warning.
    Warning,
    /// An error, or worse.
    Error,
}

impl Level {
    /// By the words of the one form or the other.
    fn of(name: &str) -> Self {
        match name {
            "WRN" | "warn" => Level::Warning,
            "ERR" | "FTL" | "PNC" | "error" | "fatal" | "panic" => Level::Error,
            _ => Level::Info,
        }
    }
}

/// A line, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said<'a> {
    /// `None` for a bare line.
    pub(super) level: Option<Level>,
    /// What it says, without time and level.
    pub(super) text: Cow<'a, str>,
}

/// The fields of a JSON line that say something.
#[derive(Debug, Deserialize)]
struct Logged<'a> {
    #[serde(borrow)]
    level: Cow<'a, str>,
    #[serde(borrow)]
    message: Cow<'a, str>,
    #[serde(borrow)]
    error: Option<Cow<'a, str>>,
    #[serde(borrow)]
    status_code: Option<Cow<'a, str>>,
}

impl<'a> Said<'a> {
    /// Understands `line` in whichever form it is.
    pub(super) fn of(line: &'a [u8]) -> Self {
        if let Ok(logged) = serde_json::from_slice::<Logged<'_>>(line) {
            return logged.into();
        }
        match String::from_utf8_lossy(line) {
            Cow::Borrowed(text) => Self::of_text(text),
            Cow::Owned(text) => {
                let Said { level, text } = Said::of_text(&text);
                let text = Cow::Owned(text.into_owned());
                Said { level, text }
            }
        }
    }

    fn of_text(text: &'a str) -> Self {
        let mut words = text.splitn(3, ' ');
        let head = (words.next(), words.next());
        if let (Some(time), Some(level)) = head
            && is_time(time)
            && level.len() == 3
        {
            let text = words.next().unwrap_or_default().into();
            let level = Some(Level::of(level));
            return Self { level, text };
        }
        // Only a line that was cut short begins like JSON and is none.
        let level = text.starts_with('{').then_some(Level::Info);
        let text = text.into();
        Self { level, text }
    }
}

impl<'a> From<Logged<'a>> for Said<'a> {
    /// The fields stand behind the message, as in the other form.
    fn from(logged: Logged<'a>) -> Self {
        let level = Some(Level::of(&logged.level));
        let mut text = logged.message;
        let fields = [("error", logged.error), ("status_code", logged.status_code)];
        for (name, value) in fields {
            if let Some(value) = value {
                let written = write!(text.to_mut(), " {name}=\"{value}\"");
                debug_assert!(written.is_ok(), "writing to a String cannot fail");
            }
        }
        Self { level, text }
    }
}

/// Whether a word is a time like `2026-11-21T06:51:57Z`.
fn is_time(word: &str) -> bool {
    let word = word.as_bytes();
    word.len() >= 20
        && word[..4].iter().all(u8::is_ascii_digit)
        && word[4] == b'-'
        && word[10] == b'T'
}

/// What a line may tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fact {
    /// The base URL of a quick tunnel.
    Url(String),
    /// Where the program answers questions about itself.
    Metrics(SocketAddr),
    /// A connection to the edge came.
    Connected,
    /// A connection to the edge went, or may have.
    Shaken,
    /// The edge does not know the tunnel, or its token, any more.
    Refused,
}

/// How the program begins the lines about its connections, as far as they are of use here.
const ABOUT_CONNECTIONS: [(&str, Fact); 7] = [
    ("Registered tunnel connection", Fact::Connected),
    (
        "Register tunnel error from server side error=\"Unauthorized:",
        Fact::Refused,
    ),
    ("Lost connection with the edge", Fact::Shaken),
    ("Unregistered tunnel connection", Fact::Shaken),
    ("Connection terminated", Fact::Shaken),
    ("Serve tunnel error", Fact::Shaken),
    ("Retrying connection in", Fact::Shaken),
];

impl Said<'_> {
    /// The fact that this line tells, if any.
    pub(super) fn fact(&self) -> Option<Fact> {
        self.level?;
        let about =
            |(start, fact): &(&str, Fact)| self.text.starts_with(start).then(|| fact.clone());
        url_in_box(&self.text)
            .or_else(|| metrics_address(&self.text).map(Fact::Metrics))
            .or_else(|| ABOUT_CONNECTIONS.iter().find_map(about))
    }
}

/// The URL in its box. The disclaimer and the errors hold other URLs; the box holds nothing beside it.
fn url_in_box(text: &str) -> Option<Fact> {
    static BOX: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^\|\s+https://([a-z0-9.-]+\.trycloudflare\.com)\s+\|$").expect("a constant")
    });
    if !text.starts_with('|') {
        return None;
    }
    let host = BOX.captures(text)?.get(1)?.as_str();
    base_url(host).map(Fact::Url)
}

/// `127.0.0.1:20241` of `Starting metrics server on 127.0.0.1:20241/metrics`. It is asked on loopback or
/// not at all.
fn metrics_address(text: &str) -> Option<SocketAddr> {
    let place = text.strip_prefix("Starting metrics server on ")?;
    let address = place.split('/').next()?.trim();
    let mut address: SocketAddr = address.parse().ok()?;
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    address.ip().is_loopback().then_some(address)
}

/// The base URL of a public host; `None` for what cannot be one, and for Cloudflare's own API.
pub(super) fn base_url(host: &str) -> Option<String> {
    /// Longest name in the DNS.
    const LONGEST: usize = 253;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let is_host = (1..=LONGEST).contains(&host.len()) && host.chars().all(is_plain);
    let host = host.to_ascii_lowercase();
    // A name ends in letters, an address in digits; and one that is not in the DNS leads to this network.
    let is_name = host
        .rsplit_once('.')
        .is_some_and(|(_, last)| last.contains(|c: char| c.is_ascii_alphabetic()));
    (is_host && is_name && !host.starts_with("api.")).then(|| format!("https://{host}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const URL: &str = "https://alpha-bravo-charlie-delta.trycloudflare.com";

    /// A start as the real program prints it, in both forms.
    const FORMS: [&str; 2] = [
        include_str!("../../../tests/fixtures/cloudflared/quick.txt"),
        include_str!("../../../tests/fixtures/cloudflared/quick.jsonl"),
    ];

    fn lines_of(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let (mut lines, mut all) = (Lines::default(), Vec::new());
        for piece in pieces {
            lines.feed(piece, |line| all.push(line.to_vec()));
        }
        lines.finish(|line| all.push(line.to_vec()));
        all
    }

    fn facts_of(pieces: &[&[u8]]) -> Vec<Fact> {
        let lines = lines_of(pieces);
        lines
            .iter()
            .filter_map(|line| Said::of(line).fact())
            .collect()
    }

    fn fact(line: &str) -> Option<Fact> {
        Said::of(line.as_bytes()).fact()
    }

    #[test]
    fn both_forms_tell_the_same() {
        let metrics = SocketAddr::from(([127, 0, 0, 1], 20241));
        for form in FORMS {
            assert_eq!(
                facts_of(&[form.as_bytes()]),
                [
                    Fact::Url(URL.to_owned()),
                    Fact::Metrics(metrics),
                    Fact::Connected
                ]
            );
        }
        let texts = FORMS.map(|form| {
            let lines = lines_of(&[form.as_bytes()]);
            let said = lines.iter().map(|line| Said::of(line));
            // Text has all the fields of a line behind its message.
            let begins = said.map(|said| said.text.chars().take(28).collect::<String>());
            begins.collect::<Vec<_>>()
        });
        assert_eq!(texts[0], texts[1]);
    }

    #[test]
    fn no_other_url_is_taken_for_the_public_one() {
        for line in [
            r#"failed to request quick Tunnel: Post "https://api.trycloudflare.com/tunnel": dial tcp: lookup api.trycloudflare.com: no such host"#,
            r#"2026-11-21T06:51:56Z ERR failed Post "https://api.trycloudflare.com/tunnel""#,
            "2026-11-21T06:51:56Z INF |  https://api.trycloudflare.com  |",
            "2026-11-21T06:51:56Z INF |  https://evil.example/.trycloudflare.com  |",
            "2026-11-21T06:51:56Z INF |  see https://a-b.trycloudflare.com  |",
            "2026-11-21T06:51:56Z INF (https://www.cloudflare.com/website-terms/)",
            "2026-11-21T06:51:56Z INF Requesting new quick Tunnel on trycloudflare.com...",
            "|  https://a-b.trycloudflare.com  |",
        ] {
            assert_eq!(fact(line), None, "{line}");
        }
    }

    #[test]
    fn questions_go_to_loopback_only() {
        let at = |place: &str| {
            let line =
                format!("2026-11-21T06:51:57Z INF Starting metrics server on {place}/metrics");
            fact(&line)
        };
        let local = SocketAddr::from(([127, 0, 0, 1], 5));
        assert_eq!(at("127.0.0.1:5"), Some(Fact::Metrics(local)));
        assert_eq!(at("[::]:5"), Some(Fact::Metrics(local)));
        assert_eq!(at("10.0.0.1:5"), None);
        assert_eq!(at("evil.example:5"), None);
    }

    #[test]
    fn a_refused_registration_is_told_in_both_forms() {
        let text = r#"2026-11-21T06:51:57Z ERR Register tunnel error from server side error="Unauthorized: Tunnel not found" connIndex=0"#;
        let json = r#"{"level":"error","connIndex":0,"error":"Unauthorized: Tunnel not found","message":"Register tunnel error from server side"}"#;
        assert_eq!(fact(text), Some(Fact::Refused));
        assert_eq!(fact(json), Some(Fact::Refused));
    }

    #[test]
    fn a_line_without_time_is_bare() {
        assert_eq!(Said::of(b"panic: boom").level, None);
        assert_eq!(
            Said::of(b"2026-11-21T06:51:57Z WRN x").level,
            Some(Level::Warning)
        );
        assert_eq!(
            Said::of(br#"{"level":"fatal","message":"x"}"#).level,
            Some(Level::Error)
        );
        assert_eq!(
            Said::of(br#"{"level":"error","message":"cut sho"#).level,
            Some(Level::Info)
        );
        assert_eq!(Said::of(b"\xff\xfe").level, None);
    }

    #[test]
    fn of_a_long_line_the_beginning_is_kept() {
        let long = [&vec![b'x'; 1 << 20][..], b"\nshort"].concat();
        let lines = lines_of(&[&long]);
        assert_eq!(lines[0].len(), LONGEST_LINE);
        assert_eq!(lines[1], b"short");
    }

    #[test]
    fn a_host_is_a_name_and_not_an_address_of_something() {
        assert_eq!(
            base_url("A-b.example.com").as_deref(),
            Some("https://a-b.example.com")
        );
        for host in [
            "",
            "localhost",
            "a.b/c",
            "a.b:80",
            "u@a.b",
            "a .b",
            "169.254.169.254",
            "localhost",
            "api.trycloudflare.com",
        ] {
            assert_eq!(base_url(host), None, "{host}");
        }
    }

    proptest! {
        #[test]
        fn facts_do_not_depend_on_where_the_output_is_cut(
            form in 0..2_usize,
            mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let text = FORMS[form].as_bytes();
            let mut at: Vec<usize> = cuts.drain(..).map(|cut| cut.index(text.len())).collect();
            at.extend([0, text.len()]);
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            prop_assert_eq!(facts_of(&pieces), facts_of(&[text]));
            prop_assert_eq!(lines_of(&pieces), lines_of(&[text]));
        }

        #[test]
        fn any_bytes_are_heard_out(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            for line in lines_of(&[&bytes]) {
                prop_assert!(line.len() <= LONGEST_LINE);
                Said::of(&line).fact();
            }
        }
    }
}
