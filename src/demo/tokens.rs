//! Tokens of the simulation: the pieces a text is streamed in, and what is counted as usage.

/// Longest piece in characters, white space before it aside; longer words take several tokens.
const LONGEST: usize = 8;

/// Splits `text` into tokens: white space and the word after it. Together they are `text` again.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, after) = rest.split_at(first_piece(rest));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// How many tokens `text` has.
pub(super) fn count(text: &str) -> usize {
    pieces(text).count()
}

/// Bytes of the first token of `text`; 0 only if it is empty.
fn first_piece(text: &str) -> usize {
    let word = text.trim_start();
    let length = word
        .char_indices()
        .enumerate()
        .find(|(nth, (_, c))| *nth == LONGEST || c.is_whitespace())
        .map_or(word.len(), |(_, (at, _))| at);
    text.len() - word.len() + length
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_word_is_a_token_and_a_long_word_several() {
        let text = "Say hello  to incomprehensible\n";
        let split: Vec<&str> = pieces(text).collect();
        assert_eq!(
            split,
            ["Say", " hello", "  to", " incompre", "hensible", "\n"]
        );
    }

    proptest! {
        #[test]
        fn pieces_put_together_are_the_text(text in "\\PC{0,40}") {
            prop_assert_eq!(pieces(&text).collect::<String>(), text);
        }
    }
}
