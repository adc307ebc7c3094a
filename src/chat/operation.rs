//! What a request wants done, whatever dialect it is written in.

/// What a request wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// An answer to a conversation.
    Generate,
    /// The number of tokens of a conversation.
    CountTokens,
    /// Vectors of texts.
    Embed,
    /// Something that only OpenAI's dialect knows: images, speech, moderation, reranking.
    Other,
}
