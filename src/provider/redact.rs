//! Takes key material out of a text before a person or a log sees it.
//!
//! Two nets: every secret the configuration knows, found by exact match in one pass, and the shapes
//! in which upstreams quote keys back (`sk-…`, `Bearer …`, `key=…`, `ab***yz`), which also catch keys
//! we were never told. A text that nothing touches is handed back as it came.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use regex::Regex;

use super::Secret;

/// What stands in the place of a key.
pub const REDACTED: &str = "[redacted]";

/// Shorter texts are no secrets but accidents of a test config; replacing them would shred every message.
const SHORTEST: usize = 3;

/// Below this length a secret is replaced only where it stands as a whole word.
const WHOLE_WORD_BELOW: usize = 8;

/// Keys people give to local servers that ask for none. Hiding them would hide the provider's name as well.
const PLACEHOLDERS: [&str; 12] = [
    "ollama",
    "lm-studio",
    "lmstudio",
    "llamacpp",
    "vllm",
    "empty",
    "none",
    "null",
    "dummy",
    "test",
    "not-needed",
    "no-key",
];

/// How the keys of well-known providers begin.
const PREFIXES: [&str; 17] = [
    "sk-", "sk_", "pk-", "rk-", "csk-", "gsk_", "xai-", "AIza", "hf_", "r8_", "pplx-", "nvapi-",
    "fw_", "tgp_", "ya29.", "eyJ", "AKIA",
];

/// Removes secrets from texts. Cheap to ask, made once per configuration.
#[derive(Debug)]
pub struct Redactor {
    exact: AhoCorasick,
    /// The secrets and the prefixes together: one pass that says whether a closer look is due.
    suspicious: AhoCorasick,
}

impl Redactor {
    /// A redactor that knows `secrets` and the shapes of keys.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let secrets: Vec<&str> = secrets
            .into_iter()
            .map(Secret::expose)
            .filter(|text| is_secret(text))
            .collect();
        Self {
            exact: finder(&secrets),
            suspicious: finder(&[&secrets[..], &PREFIXES[..]].concat()),
        }
    }

    /// `text` without secrets; borrowed when there were none.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let known = cut(text, self.known_secrets(text));
        match cut(&known, quoted_keys(&known)) {
            Cow::Borrowed(_) => known,
            Cow::Owned(clean) => Cow::Owned(clean),
        }
    }

    /// Whether [`Redactor::redact`] may have something to remove: a quick look that finds every known
    /// secret and every well-known key prefix, but not the looser shapes.
    pub fn suspects(&self, text: &str) -> bool {
        self.suspicious.is_match(text)
    }

    fn known_secrets(&self, text: &str) -> impl Iterator<Item = Range<usize>> {
        self.exact
            .find_iter(text)
            .map(|found| found.range())
            .filter(move |range| range.len() >= WHOLE_WORD_BELOW || is_whole_word(text, range))
    }
}

impl Default for Redactor {
    /// A redactor that knows only the shapes of keys.
    fn default() -> Self {
        Self::new([])
    }
}

fn is_secret(text: &str) -> bool {
    text.len() >= SHORTEST && !PLACEHOLDERS.iter().any(|p| text.eq_ignore_ascii_case(p))
}

/// Finds the longest of `patterns` at each place.
fn finder(patterns: &[&str]) -> AhoCorasick {
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostLongest)
        .build(patterns)
        .expect("a configuration holds far fewer than 2^31 bytes of secrets")
}

fn is_whole_word(text: &str, range: &Range<usize>) -> bool {
    let before = text[..range.start].chars().next_back();
    let after = text[range.end..].chars().next();
    !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
}

/// A key quoted by an upstream. Group 1 is what goes; what stands before it stays readable.
static SHAPES: LazyLock<Regex> = LazyLock::new(|| {
    let prefixes = PREFIXES.map(regex::escape).join("|");
    let shapes = [
        // sk-proj-abc…, gsk_…, AIza…: known prefixes, masked or not.
        format!(r"\b(?P<known>(?:{prefixes})[\w\-*.…•]*[\w*…•])"),
        // Incorrect API key provided: abc123…, ?key=abc123, "authorization": "Bearer abc123"
        concat!(
            r#"(?i:\b(?:[\w-]*key|[\w-]*token|authorization|secret|password)(?: provided| is| was)?["']?\s*[=:]\s*["']?"#,
            r#"(?:bearer\s+)?|\bbearer\s+)(?P<named>[^\s\x00-\x1f"'&,;<>()\[\]{}]+)"#,
        )
        .to_owned(),
        // abcd****wxyz, ****wxyz, abcd…wxyz, abcd...wxyz: keys shown in part.
        r"(?P<masked>[\w-]*(?:[*•]{3,}|…)[\w-]+|\b[\w-]{2,}(?:[*•]{3,}|…)|\b[\w-]{2,}\.{3}[\w-]{2,})".to_owned(),
    ];
    Regex::new(&shapes.join("|")).expect("the shapes are a constant")
});

fn quoted_keys(text: &str) -> impl Iterator<Item = Range<usize>> {
    SHAPES.captures_iter(text).filter_map(|found| {
        if let Some(known) = found.name("known") {
            return (known.len() >= WHOLE_WORD_BELOW).then(|| known.range());
        }
        if let Some(named) = found.name("named") {
            return looks_like_key(named.as_str()).then(|| named.range());
        }
        found.name("masked").map(|masked| masked.range())
    })
}

/// After `key: ` or `Bearer ` may come a word of prose as well; keys have digits or masks in them.
fn looks_like_key(word: &str) -> bool {
    let odd = |c: char| c.is_ascii_digit() || matches!(c, '*' | '…' | '•');
    let begins_like_one = || PREFIXES.iter().any(|prefix| word.starts_with(prefix));
    let is_odd = || word.contains(odd) || word.contains("..") || begins_like_one();
    word != REDACTED && (word.len() >= 20 || word.len() >= 6 && is_odd())
}

/// Replaces `ranges`, which come in order and do not overlap.
fn cut(text: &str, ranges: impl Iterator<Item = Range<usize>>) -> Cow<'_, str> {
    let mut clean = String::new();
    let mut copied = 0;
    for range in ranges {
        clean.push_str(&text[copied..range.start]);
        clean.push_str(REDACTED);
        copied = range.end;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    clean.push_str(&text[copied..]);
    Cow::Owned(clean)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_key_shown_in_part_is_a_key_whatever_stands_before_it() {
        let redactor = redactor(&[]);
        for shown in [
            "sk-ec...abcd",
            "sk-ec…abcd",
            "sk-ec****abcd",
            "abcd...wxyz",
            "sk-abcdef",
        ] {
            let text = format!("Incorrect API key provided: {shown}. Find yours at the console.");
            let clean = redactor.redact(&text);
            assert!(!clean.contains("abcd"), "{clean}");
        }
    }

    use super::*;

    fn redactor(secrets: &[&str]) -> Redactor {
        let secrets: Vec<Secret> = secrets.iter().map(|text| Secret::new(*text)).collect();
        Redactor::new(&secrets)
    }

    #[track_caller]
    fn assert_redacts(text: &str, clean: &str) {
        assert_eq!(Redactor::default().redact(text), clean);
    }

    #[test]
    fn replaces_every_known_secret() {
        let redactor = redactor(&["correct horse battery", "{\"quoted\"}", "key-a"]);
        assert_eq!(
            redactor.redact("correct horse battery, {\"quoted\"} and key-a!"),
            "[redacted], [redacted] and [redacted]!"
        );
    }

    #[test]
    fn replaces_the_longer_of_two_secrets_that_begin_alike() {
        let redactor = redactor(&["canary-key", "canary-key-second"]);
        assert_eq!(redactor.redact("<canary-key-second>"), "<[redacted]>");
    }

    #[test]
    fn replaces_a_short_secret_only_as_a_whole_word() {
        let redactor = redactor(&["abc"]);
        assert_eq!(redactor.redact("abcdef, abc"), "abcdef, [redacted]");
    }

    #[test]
    fn leaves_placeholders_of_keyless_servers_alone() {
        let redactor = redactor(&["ollama", "EMPTY", "x"]);
        let text = "ollama is empty: x";
        assert!(matches!(redactor.redact(text), Cow::Borrowed(same) if same == text));
    }

    #[test]
    fn replaces_keys_by_their_prefix() {
        for key in [
            "sk-proj-aB3dE5fG7hJ9kL1mN3pQ",
            "sk-ant-api03-abcdefgh",
            "sk-*****************abcd",
            "sk-…abcd",
            "gsk_abcdefgh12345678",
            "xai-abcdefgh12345678",
            "AIzaSyA1234567890abcdefghijk",
        ] {
            assert_redacts(&format!("the key {key}."), "the key [redacted].");
        }
    }

    #[test]
    fn replaces_what_is_named_a_key() {
        assert_redacts(
            "GET /v1?key=abc123def&alt=sse",
            "GET /v1?key=[redacted]&alt=sse",
        );
        assert_redacts(
            "Authorization: Bearer abc123def",
            "Authorization: Bearer [redacted]",
        );
        assert_redacts(
            r#"{"api_key": "abc123def"}"#,
            r#"{"api_key": "[redacted]"}"#,
        );
        assert_redacts(
            "Incorrect API key provided: my9key9x.",
            "Incorrect API key provided: [redacted]",
        );
    }

    #[test]
    fn leaves_colours_around_a_key_alone() {
        assert_redacts("key: abc123def\u{1b}[0m", "key: [redacted]\u{1b}[0m");
    }

    #[test]
    fn replaces_keys_shown_in_part() {
        assert_redacts("got 1a2b********y9z0", "got [redacted]");
        assert_redacts("got ****y9z0", "got [redacted]");
        assert_redacts("got canar...7f3a", "got [redacted]");
    }

    #[test]
    fn leaves_prose_alone() {
        for text in [
            "Bearer authentication is required",
            "the key: value pairs of `metadata`",
            "max_tokens: 100000 is more than the model's 8192",
            "Rate limit reached... try again in 1.5s",
            "model gpt-4o-mini-2024-07-18 does not exist",
            "the task-runner asked risk-free questions",
        ] {
            assert_redacts(text, text);
        }
    }

    #[test]
    fn suspects_known_secrets_and_prefixes() {
        let redactor = redactor(&["canary-key"]);
        assert!(redactor.suspects("x=canary-key"));
        assert!(redactor.suspects("model=gsk_abc"));
        assert!(!redactor.suspects("model=gpt-4o provider=openai"));
    }
}
