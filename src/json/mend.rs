//! Text that is nearly JSON's: what no string of Rust can hold is replaced, all else stays as it was.
//!
//! Models are cut off in the middle of a character, and their servers write half of it: half a surrogate
//! pair as an escape, or a few bytes that are no UTF-8.

use std::borrow::Cow;

/// `text` with U+FFFD in place of lone surrogates and of what is not UTF-8.
///
/// Nothing is copied if there is nothing to replace. Whether it is JSON is not looked at.
pub fn mended(text: &[u8]) -> Cow<'_, [u8]> {
    if std::str::from_utf8(text).is_ok() {
        return without_lone_surrogates(text).map_or(Cow::Borrowed(text), Cow::Owned);
    }
    let text = String::from_utf8_lossy(text).into_owned().into_bytes();
    Cow::Owned(without_lone_surrogates(&text).unwrap_or(text))
}

/// `None` if there are none.
fn without_lone_surrogates(text: &[u8]) -> Option<Vec<u8>> {
    let (mut mended, mut copied, mut at) = (Vec::new(), 0, 0);
    while let Some(found) = memchr::memchr(b'\\', text.get(at..).unwrap_or_default()) {
        let escape = at + found;
        at = match (unit(text, escape), unit(text, escape + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => escape + 12,
            (Some(0xd800..=0xdfff), _) => {
                mended.extend_from_slice(&text[copied..escape]);
                mended.extend_from_slice(b"\\ufffd");
                copied = escape + 6;
                copied
            }
            _ => escape + 2,
        };
    }
    (copied > 0).then(|| {
        mended.extend_from_slice(&text[copied..]);
        mended
    })
}

/// The code unit that the escape at `at` stands for, if it is one of four digits.
fn unit(text: &[u8], at: usize) -> Option<u16> {
    let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| is_hex)?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> String {
        serde_json::from_slice(&mended(text.as_bytes())).expect("JSON")
    }

    #[test]
    fn half_a_pair_becomes_one_character() {
        for (text, expected) in [
            (r#""\ud83d""#, "\u{fffd}"),
            (r#""a\uD83Db""#, "a\u{fffd}b"),
            (r#""\ude00\ud83d""#, "\u{fffd}\u{fffd}"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}\u{1f600}"),
            (r#""\ud83d\n""#, "\u{fffd}\n"),
            (r#""\\ud83d""#, "\\ud83d"),
            (r#""\\\ud83d""#, "\\\u{fffd}"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_whole_is_not_copied() {
        for text in [r#"{"a":"\ud83d\ude00 \u00e4 \\ud83d"}"#, "grüße", "", "\\"] {
            assert!(
                matches!(mended(text.as_bytes()), Cow::Borrowed(_)),
                "{text}"
            );
        }
    }

    #[test]
    fn bytes_that_are_no_text_become_characters() {
        assert_eq!(
            &*mended(b"\"\xff\\ud800\""),
            "\"\u{fffd}\\ufffd\"".as_bytes()
        );
    }

    proptest! {
        #[test]
        fn whatever_was_scanned_can_be_read(text in "\"(\\\\u[dD][89a-fA-F][0-9]{2}|\\\\\\\\|\\\\n|x|ä){0,12}\"") {
            prop_assert!(crate::json::scan::validate(text.as_bytes()).is_ok());
            let text = mended(text.as_bytes());
            prop_assert!(serde_json::from_slice::<String>(&text).is_ok());
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let mended = mended(&bytes).into_owned();
            prop_assert!(std::str::from_utf8(&mended).is_ok());
        }
    }
}
