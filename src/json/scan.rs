//! A validating cursor over JSON text: members of an object, elements of an array, each as a slice.
//!
//! It builds no values and allocates nothing. Grammar is checked in full (RFC 8259), nesting is
//! limited to [`MAX_DEPTH`] by a bit per level instead of a call per level, so that hostile input
//! costs one linear pass and no stack. UTF-8 is the caller's to check.

use std::fmt;

/// Deepest accepted nesting; the limit `serde_json` has, so that nothing we accept is refused later.
pub const MAX_DEPTH: u32 = 127;

/// Where and why a text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyntaxError {
    /// Byte offset in the scanned text.
    pub at: usize,
    /// What was expected there.
    pub expected: &'static str,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at byte {}", self.expected, self.at)
    }
}

impl std::error::Error for SyntaxError {}

type Scan<T> = Result<T, SyntaxError>;

fn fail<T>(at: usize, expected: &'static str) -> Scan<T> {
    Err(SyntaxError { at, expected })
}

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
pub fn members(text: &[u8]) -> Members<'_> {
    Members {
        text,
        at: 0,
        state: Walk::Open,
    }
}

/// Iterator of [`members`].
#[derive(Debug)]
pub struct Members<'a> {
    text: &'a [u8],
    at: usize,
    state: Walk,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Walk {
    Open,
    Inside,
    Over,
}

impl Iterator for Members<'_> {
    type Item = Scan<Member>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == Walk::Over {
            return None;
        }
        let item = self.step().transpose();
        if !matches!(item, Some(Ok(_))) {
            self.state = Walk::Over;
        }
        item
    }
}

impl Members<'_> {
    fn step(&mut self) -> Scan<Option<Member>> {
        if !open_or_separator(self.text, &mut self.at, &mut self.state, *b"{}")? {
            return Ok(None);
        }
        let lead = self.at;
        let key = expect_quote(self.text, skip_space(self.text, lead))?;
        let after_key = skip_string(self.text, key)?;
        let value = skip_space(self.text, expect_colon(self.text, after_key)?);
        let end = skip_value(self.text, value)?;
        self.at = end;
        Ok(Some(Member {
            lead,
            key,
            key_end: after_key - 1,
            value,
            end,
        }))
    }
}

/// The elements of the array that is all of `text`, each as a slice.
pub fn elements(text: &[u8]) -> Elements<'_> {
    Elements {
        text,
        at: 0,
        state: Walk::Open,
    }
}

/// Iterator of [`elements`].
#[derive(Debug)]
pub struct Elements<'a> {
    text: &'a [u8],
    at: usize,
    state: Walk,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Scan<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == Walk::Over {
            return None;
        }
        let item = self.step().transpose();
        if !matches!(item, Some(Ok(_))) {
            self.state = Walk::Over;
        }
        item
    }
}

impl<'a> Elements<'a> {
    fn step(&mut self) -> Scan<Option<&'a [u8]>> {
        if !open_or_separator(self.text, &mut self.at, &mut self.state, *b"[]")? {
            return Ok(None);
        }
        let start = skip_space(self.text, self.at);
        self.at = skip_value(self.text, start)?;
        Ok(Some(&self.text[start..self.at]))
    }
}

/// Steps over the opening bracket or a comma; false when the closing bracket ended the text.
fn open_or_separator(
    text: &[u8],
    at: &mut usize,
    state: &mut Walk,
    brackets: [u8; 2],
) -> Scan<bool> {
    let mut i = skip_space(text, *at);
    if *state == Walk::Open {
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
        *state = Walk::Inside;
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

/// Steps over one value that begins at `at`; returns the offset after it.
fn skip_value(text: &[u8], at: usize) -> Scan<usize> {
    let mut open = Nesting::default();
    let mut i = at;
    loop {
        i = match text.get(i) {
            Some(b'"') => skip_string(text, i + 1)?,
            Some(b'{') => {
                open.push(i, Level::Object)?;
                let first = skip_space(text, i + 1);
                if text.get(first) == Some(&b'}') {
                    open.pop();
                    first + 1
                } else {
                    i = skip_key(text, first)?;
                    continue;
                }
            }
            Some(b'[') => {
                open.push(i, Level::Array)?;
                let first = skip_space(text, i + 1);
                if text.get(first) == Some(&b']') {
                    open.pop();
                    first + 1
                } else {
                    i = first;
                    continue;
                }
            }
            Some(b'-' | b'0'..=b'9') => skip_number(text, i)?,
            Some(b't') => skip_word(text, i, b"true")?,
            Some(b'f') => skip_word(text, i, b"false")?,
            Some(b'n') => skip_word(text, i, b"null")?,
            _ => return fail(i, "a value"),
        };
        match close_levels(text, i, &mut open)? {
            (end, true) => return Ok(end),
            (next, false) => i = next,
        }
    }
}

/// After a value: steps over closing brackets and one comma; true when the outermost level is closed.
fn close_levels(text: &[u8], at: usize, open: &mut Nesting) -> Scan<(usize, bool)> {
    let mut i = at;
    loop {
        let Some(level) = open.top() else {
            return Ok((i, true));
        };
        i = skip_space(text, i);
        match (level, text.get(i)) {
            (Level::Object, Some(b',')) => {
                return Ok((skip_key(text, skip_space(text, i + 1))?, false));
            }
            (Level::Array, Some(b',')) => return Ok((skip_space(text, i + 1), false)),
            (Level::Object, Some(b'}')) | (Level::Array, Some(b']')) => {
                open.pop();
                i += 1;
            }
            _ => return fail(i, "a comma or the closing bracket"),
        }
    }
}

/// Steps over `"key" :` and the white space behind; returns where the value begins.
fn skip_key(text: &[u8], at: usize) -> Scan<usize> {
    let after_key = skip_string(text, expect_quote(text, at)?)?;
    Ok(skip_space(text, expect_colon(text, after_key)?))
}

fn expect_quote(text: &[u8], at: usize) -> Scan<usize> {
    if text.get(at) == Some(&b'"') {
        Ok(at + 1)
    } else {
        fail(at, "a quoted key")
    }
}

fn expect_colon(text: &[u8], at: usize) -> Scan<usize> {
    let i = skip_space(text, at);
    if text.get(i) == Some(&b':') {
        Ok(i + 1)
    } else {
        fail(i, "a colon")
    }
}

fn skip_space(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = text.get(at) {
        at += 1;
    }
    at
}

fn skip_word(text: &[u8], at: usize, word: &'static [u8]) -> Scan<usize> {
    if text[at..].starts_with(word) {
        Ok(at + word.len())
    } else {
        fail(at, "a value")
    }
}

fn skip_digits(text: &[u8], at: usize) -> Scan<usize> {
    let count = text[at..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if count == 0 {
        fail(at, "a digit")
    } else {
        Ok(at + count)
    }
}

fn skip_number(text: &[u8], at: usize) -> Scan<usize> {
    let mut i = at + usize::from(text[at] == b'-');
    i = if text.get(i) == Some(&b'0') {
        i + 1
    } else {
        skip_digits(text, i)?
    };
    if text.get(i) == Some(&b'.') {
        i = skip_digits(text, i + 1)?;
    }
    if let Some(b'e' | b'E') = text.get(i) {
        i += 1;
        if let Some(b'+' | b'-') = text.get(i) {
            i += 1;
        }
        i = skip_digits(text, i)?;
    }
    Ok(i)
}

/// Steps over the rest of a string whose opening quote is just before `at`.
fn skip_string(text: &[u8], at: usize) -> Scan<usize> {
    let mut i = at;
    loop {
        i = skip_plain(text, i);
        match text.get(i) {
            Some(b'"') => return Ok(i + 1),
            Some(b'\\') => i = skip_escape(text, i + 1)?,
            Some(_) => return fail(i, "no bare control character in a string"),
            None => return fail(i, "the closing quote"),
        }
    }
}

fn skip_escape(text: &[u8], at: usize) -> Scan<usize> {
    match text.get(at) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 1),
        Some(b'u') => match text.get(at + 1..at + 5) {
            Some(hex) if hex.iter().all(u8::is_ascii_hexdigit) => Ok(at + 5),
            _ => fail(at, "four hexadecimal digits"),
        },
        _ => fail(at, "an escape"),
    }
}

/// The offset of the next quote, backslash or control character, or the end.
///
/// Keys and short values end in the first words. For the rest blocks are looked at, in which the compiler
/// finds vector instructions (an inline image is a string of megabytes), and then words again, which give
/// the exact byte (prose has an escape every few dozen bytes).
fn skip_plain(text: &[u8], at: usize) -> usize {
    const BLOCK: usize = 32;
    let (mut i, mut words) = (at, 0);
    while let Some(word) = text.get(i..).and_then(<[u8]>::first_chunk) {
        let hits = specials(u64::from_le_bytes(*word));
        if hits != 0 {
            return i + hits.trailing_zeros() as usize / 8;
        }
        i += word.len();
        words += 1;
        if words == 2 {
            while let Some(block) = text.get(i..).and_then(<[u8]>::first_chunk::<BLOCK>)
                && !block
                    .iter()
                    .fold(false, |hit, &byte| hit | is_special(byte))
            {
                i += BLOCK;
            }
        }
    }
    let rest = text.get(i..).unwrap_or_default();
    let found = rest.iter().position(|&byte| is_special(byte));
    found.map_or(text.len(), |offset| i + offset)
}

/// Without branches, so that a block of them becomes a few vector instructions.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "a branch per byte is what this avoids"
)]
fn is_special(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < 0x20)
}

/// The top bit of each byte of a little-endian word that ends a plain run.
///
/// Subtraction borrows into a byte's top bit exactly if the byte was too small; a borrow that runs on into
/// the next byte marks it wrongly, but only behind a true mark, and the caller takes the first.
fn specials(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, 0x20) | equal(b'"') | equal(b'\\')) & (ONES << 7)
}

/// The brackets that are open: one bit each, so that depth costs neither stack nor heap.
#[derive(Default)]
struct Nesting {
    objects: u128,
    depth: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Array,
    Object,
}

impl Nesting {
    fn push(&mut self, at: usize, level: Level) -> Scan<()> {
        // The walk over members or elements has already opened one level.
        if self.depth + 1 >= MAX_DEPTH {
            return fail(at, "less nesting (the limit is 127 levels)");
        }
        self.objects = self.objects << 1 | u128::from(level == Level::Object);
        self.depth += 1;
        Ok(())
    }

    fn pop(&mut self) {
        self.objects >>= 1;
        self.depth -= 1;
    }

    fn top(&self) -> Option<Level> {
        (self.depth > 0).then_some(if self.objects & 1 == 1 {
            Level::Object
        } else {
            Level::Array
        })
    }
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
