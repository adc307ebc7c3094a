//! Keeps keys out of the excerpts that faults are shown with.
//!
//! Two ways, because there are two situations. With a tree, the spans of secrets are known and starred
//! out. Without one (the text does not parse) every word is starred out that is not part of the
//! schema's own vocabulary: what remains shows the structure, and cannot be a key.

use std::collections::BTreeSet;

use super::node::{Node, Span, Value};
use super::report::Report;

/// Words up to this length are shown even when unknown: a key is longer.
const SHORT: usize = 5;

/// `text` with every byte of `secrets` replaced by a star; offsets and lines stay.
pub(super) fn spans(text: &str, secrets: &[Span]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for byte in secrets
        .iter()
        .filter_map(|span| text.get(span.clone()).map(|_| span.clone()))
    {
        for at in byte {
            if bytes[at] != b'\n' && bytes[at] != b'\r' {
                bytes[at] = b'*';
            }
        }
    }
    // Whole characters were replaced, so this cannot fail; if it did, showing nothing is right.
    String::from_utf8(bytes).unwrap_or_default()
}

/// `text` with every longer word replaced by stars that is not in `vocabulary`.
pub(super) fn unknown_words(text: &str, vocabulary: &BTreeSet<String>) -> String {
    let mut words = Vec::new();
    let mut start = None;
    for (at, letter) in text.char_indices().chain([(text.len(), ' ')]) {
        let in_word = letter.is_alphanumeric() || "_-./+".contains(letter);
        match (in_word, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                words.push(from..at);
                start = None;
            }
            _ => {}
        }
    }
    words.retain(|span| span.len() > SHORT && !vocabulary.contains(&text[span.clone()]));
    spans(text, &words)
}

/// Hides every string below `root` whose key says that it is one to be kept.
pub(super) fn hide_secrets(root: &Node, report: &mut Report) {
    match &root.value {
        Value::Object(entries) => {
            for entry in entries {
                if is_secret_key(&entry.key) {
                    hide_strings(&entry.value, report);
                } else {
                    hide_secrets(&entry.value, report);
                }
            }
        }
        Value::List(items) => items.iter().for_each(|item| hide_secrets(item, report)),
        Value::Text(text) if may_hold_credentials(&text.text) => {
            report.hide(root.span.clone());
        }
        _ => {}
    }
}

/// Hides every string and number below `node`, but shows the name of a variable.
pub(super) fn hide_strings(node: &Node, report: &mut Report) {
    node.walk("", &mut |node, _| {
        let is_hidden = match &node.value {
            Value::Text(text) => !is_reference(&text.text),
            Value::Number(_) => true,
            _ => false,
        };
        if is_hidden {
            report.hide(node.span.clone());
        }
    });
}

/// An address with a user name, a password or a query in it; the scheme may be forgotten.
fn may_hold_credentials(text: &str) -> bool {
    let has_password = || {
        text.rsplit_once('@')
            .is_some_and(|(user, _)| user.contains(':'))
    };
    text.contains("://") && text.contains(['@', '?']) || has_password()
}

/// `text` without the user name, the password and the query of the address that it may be.
pub(super) fn credentials(text: &str) -> String {
    if !may_hold_credentials(text) {
        return text.to_owned();
    }
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) if !scheme.contains('@') => (format!("{scheme}://"), rest),
        _ => (String::new(), text),
    };
    // A password may hold any of `/?#@` by mistake: everything up to the last `@` goes.
    let (user, rest) = match rest.rsplit_once('@') {
        Some((_, rest)) => ("***@", rest),
        None => ("", rest),
    };
    let (rest, query) = match rest.split_once('?') {
        Some((rest, _)) => (rest, "?***"),
        None => (rest, ""),
    };
    format!("{scheme}{user}{rest}{query}")
}

/// Whether `text` is one variable and nothing else: no default, no text around it.
fn is_reference(text: &str) -> bool {
    let name = text
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key == "extra_headers"
        || ["key", "token", "secret", "password", "authorization"]
            .iter()
            .any(|word| key.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_keep_offsets_and_lines() {
        let secrets = vec![3..13, 14..15];
        assert_eq!(spans("a: \"sé\ncret\" b", &secrets), "a: ****\n***** *");
    }

    #[test]
    fn an_address_is_quoted_without_what_is_secret_in_it() {
        for (text, quoted) in [
            ("ftp://u:canary@h:1/p", "ftp://***@h:1/p"),
            ("http://u:can/a@ry@h", "http://***@h"),
            ("https://h/v1?key=canary", "https://h/v1?***"),
            ("u:canary@h:1080", "***@h:1080"),
            ("u:canary@http://h", "***@http://h"),
            ("http://h:1/v1", "http://h:1/v1"),
            ("vendor/model@2024", "vendor/model@2024"),
        ] {
            assert_eq!(credentials(text), quoted, "{text}");
        }
    }

    #[test]
    fn unknown_words_are_starred_and_structure_stays() {
        let vocabulary = BTreeSet::from(["providers".to_owned(), "api_key".to_owned()]);
        assert_eq!(
            unknown_words(
                r#"{"providers": [{"api_key": "sk-canary_1" "x"#,
                &vocabulary
            ),
            r#"{"providers": [{"api_key": "***********" "x"#
        );
    }
}
