//! The grammar of JSON (RFC 8259), as steps over text: each takes an offset and returns the one behind.
//!
//! Nesting is limited by a bit per level instead of a call per level, so that hostile input costs one
//! linear pass and no stack.

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

pub(super) type Scan<T> = Result<T, SyntaxError>;

pub(super) fn fail<T>(at: usize, expected: &'static str) -> Scan<T> {
    Err(SyntaxError { at, expected })
}

/// Steps over one value that begins at `at`; returns the offset after it.
pub(super) fn skip_value(text: &[u8], at: usize) -> Scan<usize> {
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

pub(super) fn expect_quote(text: &[u8], at: usize) -> Scan<usize> {
    if text.get(at) == Some(&b'"') {
        Ok(at + 1)
    } else {
        fail(at, "a quoted key")
    }
}

pub(super) fn expect_colon(text: &[u8], at: usize) -> Scan<usize> {
    let i = skip_space(text, at);
    if text.get(i) == Some(&b':') {
        Ok(i + 1)
    } else {
        fail(i, "a colon")
    }
}

pub(super) fn skip_space(text: &[u8], mut at: usize) -> usize {
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
pub(super) fn skip_string(text: &[u8], at: usize) -> Scan<usize> {
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
