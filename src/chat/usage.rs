//! Token counts, as every dialect counts them in the end.

/// What an answer cost. A count that nobody reported is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens read; those from and into the cache included.
    pub input: u64,
    /// Tokens written, reasoning included.
    pub output: u64,
    /// Of the input: read from the upstream's cache.
    pub cached: u64,
    /// Of the input: written into the upstream's cache.
    pub cache_write: u64,
    /// Of the output: reasoning.
    pub reasoning: u64,
}
