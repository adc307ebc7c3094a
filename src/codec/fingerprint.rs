//! Short names for long texts: the beginning of a SHA-256, as hexadecimal or base62.
//!
//! They stand in for what a dialect does not let through. Equal texts have equal fingerprints, in every
//! process and after every restart, so that a conversation and its prompt cache stay as they are.

use std::fmt::Write as _;

use ring::digest::{SHA256, digest};

/// The digits of base62, in the order of their values.
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The first `digits` hexadecimal digits (at most 64) of the text's SHA-256.
pub fn hex(text: &str, digits: usize) -> String {
    let hash = digest(&SHA256, text.as_bytes());
    let mut all = String::with_capacity(64);
    for byte in hash.as_ref() {
        write!(all, "{byte:02x}").expect("a string takes text");
    }
    all.truncate(digits);
    all
}

/// `digits` characters of base62 that follow from the text's SHA-256; at most 32, one per byte of it.
pub fn base62(text: &str, digits: usize) -> String {
    let hash = digest(&SHA256, text.as_bytes());
    let bytes = hash.as_ref().iter().take(digits);
    bytes
        .map(|byte| char::from(BASE62[usize::from(byte % 62)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_beginning_of_the_known_digest() {
        assert_eq!(hex("abc", 8), "ba7816bf");
        assert_eq!(hex("abc", 99).len(), 64);
    }

    #[test]
    fn writes_base62_of_the_length_asked_for() {
        let written = base62("abc", 9);
        assert_eq!(written.len(), 9);
        assert!(written.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(written, base62("abd", 9));
    }
}
