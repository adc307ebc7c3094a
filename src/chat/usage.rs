//! Token counts, one meaning for all dialects.

/// Token counts of one answer. Dialects count differently: Anthropic's input leaves out what the cache
/// gave, Gemini's output leaves out thoughts; here input and output are whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens read, cached ones and those written to the cache included.
    pub input: u64,
    /// Tokens written, reasoning included.
    pub output: u64,
    /// Of the input: read from the upstream's cache.
    pub cached: u64,
    /// Of the input: written to the upstream's cache.
    pub cache_write: u64,
    /// Of the output: reasoning.
    pub reasoning: u64,
}
