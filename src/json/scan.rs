//! A validating cursor over JSON text: members of an object, elements of an array, each as a slice.
//!
//! It builds no values and allocates nothing. The grammar is checked in full; UTF-8 is the caller's to check.

pub use super::grammar::{MAX_DEPTH, SyntaxError};
use super::grammar::{Scan, expect_colon, expect_quote, fail, skip_space, skip_string, skip_value};

/// One `"key": value` of an object, as offsets into the scanned text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// First byte after the `{` or `,` before it.
    pub lead: usize,
    /// First byte of the key, after its quote.
    pub key: usize,
    /// The closing quote of the key.
    pub key_end: usize,
    /// First byte of the value.
    pub value: usize,
    /// First byte after the value.
    pub end: usize,
}

/// The members of the object that is all of `text`, white space around it allowed.
///
/// After the last member the iterator has checked that nothing but white space follows.
pub fn members(text: &[u8]) -> impl Iterator<Item = Scan<Member>> {
    walk(text, *b"{}", |text, lead| {
        let key = expect_quote(text, skip_space(text, lead))?;
        let after_key = skip_string(text, key)?;
        let value = skip_space(text, expect_colon(text, after_key)?);
        let end = skip_value(text, value)?;
        let key_end = after_key - 1;
        Ok((
            Member {
                lead,
                key,
                key_end,
                value,
                end,
            },
            end,
        ))
    })
}

/// The elements of the array that is all of `text`, each as a slice.
pub fn elements(text: &[u8]) -> impl Iterator<Item = Scan<&[u8]>> {
    walk(text, *b"[]", |text, lead| {
        let start = skip_space(text, lead);
        let end = skip_value(text, start)?;
        Ok((&text[start..end], end))
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Inside,
    Over,
}

/// Walks the items between `brackets`; `read` takes one that begins behind an offset, and says where it ends.
fn walk<'a, T>(
    text: &'a [u8],
    brackets: [u8; 2],
    read: impl Fn(&'a [u8], usize) -> Scan<(T, usize)>,
) -> impl Iterator<Item = Scan<T>> {
    let (mut at, mut state) = (0, State::Open);
    std::iter::from_fn(move || {
        if state == State::Over {
            return None;
        }
        let next = open_or_separator(text, &mut at, &mut state, brackets);
        let item = match next {
            Ok(true) => read(text, at).map(|(item, end)| {
                at = end;
                item
            }),
            Ok(false) => {
                state = State::Over;
                return None;
            }
            Err(error) => Err(error),
        };
        if item.is_err() {
            state = State::Over;
        }
        Some(item)
    })
}

/// Steps over the opening bracket or a comma; false when the closing bracket ended the text.
fn open_or_separator(
    text: &[u8],
    at: &mut usize,
    state: &mut State,
    brackets: [u8; 2],
) -> Scan<bool> {
    let mut i = skip_space(text, *at);
    if *state == State::Open {
        if text.get(i) != Some(&brackets[0]) {
            return fail(
                i,
                if brackets[0] == b'{' {
                    "an object"
                } else {
                    "an array"
                },
            );
        }
        *state = State::Inside;
        i += 1;
        let first = skip_space(text, i);
        if text.get(first) == Some(&brackets[1]) {
            return end_of_text(text, first + 1).map(|()| false);
        }
    } else {
        match text.get(i) {
            Some(b',') => i += 1,
            Some(byte) if *byte == brackets[1] => return end_of_text(text, i + 1).map(|()| false),
            _ => return fail(i, "a comma or the closing bracket"),
        }
    }
    *at = i;
    Ok(true)
}

fn end_of_text(text: &[u8], at: usize) -> Scan<()> {
    let i = skip_space(text, at);
    if i == text.len() {
        Ok(())
    } else {
        fail(i, "the end of the text")
    }
}

/// Checks that `text` is exactly one JSON value, white space around it allowed.
pub fn validate(text: &[u8]) -> Scan<()> {
    let end = skip_value(text, skip_space(text, 0))?;
    end_of_text(text, end)
}

/// The text of a key or string value as Rust sees it: escapes resolved where there are any.
///
/// `quoted` includes its quotes and must have been scanned; invalid UTF-8 and lone surrogates give `None`.
pub fn string(quoted: &[u8]) -> Option<std::borrow::Cow<'_, str>> {
    let inner = quoted.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if memchr::memchr(b'\\', inner).is_none() {
        return std::str::from_utf8(inner).ok().map(Into::into);
    }
    serde_json::from_slice::<String>(quoted)
        .ok()
        .map(Into::into)
}

/// Whether a scanned value says nothing: `null`, `""`, `[]` or `{}`.
pub fn is_blank(value: &[u8]) -> bool {
    match value {
        b"null" | b"\"\"" | b"" => true,
        [b'[' | b'{', inner @ .., _] => inner.iter().all(u8::is_ascii_whitespace),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(text: &str) -> Vec<String> {
        members(text.as_bytes())
            .map(|member| {
                let member = member.expect("valid");
                text[member.key..member.key_end].to_owned()
            })
            .collect()
    }

    #[test]
    fn lists_members_in_order_with_their_exact_text() {
        let text = " { \"a\" : 1.0e+2 ,\"b\":[1, {\"x\":\"]\"}], \"c\\u0020\":null}\n";
        assert_eq!(keys(text), ["a", "b", "c\\u0020"]);
        let values: Vec<_> = members(text.as_bytes())
            .map(|member| member.map(|m| &text[m.value..m.end]).expect("valid"))
            .collect();
        assert_eq!(values, ["1.0e+2", "[1, {\"x\":\"]\"}]", "null"]);
    }

    #[test]
    fn refuses_what_is_not_json() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\" 1}",
            "01",
            "1.",
            "-",
            "1e",
            "tru",
            "nul",
            "\"a",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\n\"",
            "{\"a\":1}}",
            "[1 2]",
            "{\"a\":1 \"b\":2}",
            "[1}",
            "{\"a\":1]",
            "+1",
            "'a'",
            "// c\n1",
        ] {
            assert!(validate(text.as_bytes()).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn nesting_is_bounded_and_cheap() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(validate(deep(126).as_bytes()).is_ok());
        assert!(validate(deep(127).as_bytes()).is_err());
        assert!(validate("[".repeat(10_000_000).as_bytes()).is_err());
    }

    #[test]
    fn long_strings_are_crossed_at_any_alignment() {
        for length in 0..100 {
            let text = format!("\"{}\"", "ä".repeat(length));
            assert!(validate(text.as_bytes()).is_ok());
            let broken = format!("\"{}\u{1}\"", "x".repeat(length));
            assert_eq!(
                validate(broken.as_bytes()).map_err(|e| e.at),
                Err(length + 1)
            );
        }
    }

    #[test]
    fn blank_values_are_told_from_meaningful_ones() {
        for blank in ["null", "\"\"", "[]", "{ }"] {
            assert!(is_blank(blank.as_bytes()), "{blank}");
        }
        for full in ["0", "false", "\" \"", "[0]", "{\"a\":null}"] {
            assert!(!is_blank(full.as_bytes()), "{full}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json(text in "[\\[\\]{}\",:0-9eE+.\\-tfn\\\\ua \\n]{0,40}") {
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            // Numbers beyond f64 are syntax to us and an error to them.
            let out_of_range = theirs.as_ref().is_err_and(|e| e.to_string().contains("out of range"));
            // So are lone surrogates.
            let surrogate = theirs.as_ref().is_err_and(|e| e.to_string().contains("surrogate") || e.to_string().contains("hex escape"));
            prop_assume!(!out_of_range && !surrogate);
            prop_assert_eq!(validate(text.as_bytes()).is_ok(), theirs.is_ok(), "{}", text);
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = validate(&bytes);
            members(&bytes).for_each(drop);
            elements(&bytes).for_each(drop);
        }
    }
}
