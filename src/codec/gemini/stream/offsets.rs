//! Places in a text, counted in characters by everybody and in bytes by Gemini.

/// Bytes between two marks: a place is found by counting no further than this.
const STEP: usize = 1024;

/// Marks along a text, so that many places in a long one cost no more than reading it once.
pub(super) struct Offsets<'t> {
    text: &'t str,
    /// Byte and character of each mark.
    marks: Vec<(usize, usize)>,
}

impl<'t> Offsets<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut marks = vec![(0, 0)];
        let mut next = STEP;
        for (count, (byte, _)) in text.char_indices().enumerate() {
            if byte >= next {
                marks.push((byte, count));
                next = byte + STEP;
            }
        }
        Self { text, marks }
    }

    /// How many characters stand before a byte; one within a character counts as its beginning.
    pub(super) fn char_of(&self, byte: usize) -> usize {
        let mark = self.marks.partition_point(|(known, _)| *known <= byte) - 1;
        let (start, count) = self.marks[mark];
        let rest = self.text[start..].char_indices();
        count
            + rest
                .take_while(|(at, c)| start + at + c.len_utf8() <= byte)
                .count()
    }

    /// Where a character begins; the end of the text for all that are beyond it.
    pub(super) fn byte_of(&self, character: usize) -> usize {
        let mark = self.marks.partition_point(|(_, known)| *known <= character) - 1;
        let (start, count) = self.marks[mark];
        let mut rest = self.text[start..].char_indices();
        rest.nth(character - count)
            .map_or(self.text.len(), |(at, _)| start + at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_characters_find_each_other() {
        let text = "aä€😀z".repeat(2_000);
        let offsets = Offsets::new(&text);
        for (count, (byte, c)) in text.char_indices().enumerate() {
            assert_eq!(offsets.char_of(byte), count);
            assert_eq!(offsets.byte_of(count), byte);
            if c.len_utf8() > 1 {
                assert_eq!(offsets.char_of(byte + 1), count);
            }
        }
        assert_eq!(offsets.char_of(text.len() + 9), 10_000);
        assert_eq!(offsets.byte_of(99_999), text.len());
        assert_eq!(Offsets::new("").char_of(7), 0);
        assert_eq!(Offsets::new("").byte_of(7), 0);
    }
}
