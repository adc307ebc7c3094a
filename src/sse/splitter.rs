//! Finds where events end: at a blank line, whatever the line endings and wherever the bytes are cut.

/// Remembers, between chunks, how far into a line ending we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Splitter {
    state: Line,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Line {
    /// Before the first byte of a line; a line ending here is a blank line.
    #[default]
    Start,
    /// As `Start`, but a `\n` would still belong to the `\r` before it.
    StartAfterCr,
    /// Within a line.
    Inside,
}

impl Splitter {
    /// The offset after the next event in `chunk[from..]`, or `None` if it does not end here.
    ///
    /// The caller passes each byte exactly once: `from` is 0 for a new chunk, then what was returned
    /// last. A block may be empty of fields (blank lines, comments); it is a block all the same.
    pub fn next(&mut self, chunk: &[u8], from: usize) -> Option<usize> {
        let mut i = from;
        loop {
            match self.state {
                Line::Inside => {
                    let end = i + memchr::memchr2(b'\n', b'\r', chunk.get(i..)?)?;
                    self.state = after_ending(chunk[end]);
                    i = end + 1;
                }
                Line::Start | Line::StartAfterCr => match chunk.get(i)? {
                    b'\n' if self.state == Line::StartAfterCr => {
                        self.state = Line::Start;
                        i += 1;
                    }
                    ending @ (b'\n' | b'\r') => {
                        self.state = after_ending(*ending);
                        return Some(self.end_of_block(chunk, i + 1));
                    }
                    _ => self.state = Line::Inside,
                },
            }
        }
    }

    /// A `\n` right behind the `\r` that ended the block belongs to the block if it is already here;
    /// if it comes with the next chunk, it leads the next block, where it says nothing.
    fn end_of_block(&mut self, chunk: &[u8], end: usize) -> usize {
        if self.state == Line::StartAfterCr && chunk.get(end) == Some(&b'\n') {
            self.state = Line::Start;
            return end + 1;
        }
        end
    }
}

fn after_ending(byte: u8) -> Line {
    if byte == b'\r' {
        Line::StartAfterCr
    } else {
        Line::Start
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The blocks of a stream that arrives in the given chunks, and what is left over.
    fn blocks(chunks: &[&[u8]]) -> (Vec<Vec<u8>>, Vec<u8>) {
        let (mut splitter, mut tail, mut out) = (Splitter::default(), Vec::new(), Vec::new());
        for chunk in chunks {
            let mut at = 0;
            while let Some(end) = splitter.next(chunk, at) {
                tail.extend_from_slice(&chunk[at..end]);
                out.push(std::mem::take(&mut tail));
                at = end;
            }
            tail.extend_from_slice(&chunk[at..]);
        }
        (out, tail)
    }

    #[test]
    fn splits_at_blank_lines_of_every_ending() {
        for ending in ["\n", "\r\n", "\r"] {
            let stream = format!("data: a{ending}{ending}data: b{ending}{ending}data: c");
            let (events, tail) = blocks(&[stream.as_bytes()]);
            assert_eq!(events.len(), 2, "{ending:?}");
            assert_eq!(events[0], format!("data: a{ending}{ending}").into_bytes());
            assert_eq!(tail, b"data: c");
        }
    }

    #[test]
    fn a_cut_between_cr_and_lf_invents_no_event() {
        let (events, tail) = blocks(&[b"data: a\r\n\r", b"\ndata: b\r\n\r\n"]);
        assert_eq!(
            events,
            [b"data: a\r\n\r".to_vec(), b"\ndata: b\r\n\r\n".to_vec()]
        );
        assert!(tail.is_empty());
    }

    proptest! {
        #[test]
        fn does_not_depend_on_where_chunks_are_cut(
            stream in "(data: [a-zé]{0,4}|: c|event: x)?(\r\n|\n|\r|\n\n|\r\n\r\n|\r\r){0,2}".prop_flat_map(|one| {
                prop::collection::vec(Just(one), 1..12)
            }),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let stream = stream.concat().into_bytes();
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            at.extend([0, stream.len()]);
            at.sort_unstable();
            let chunks: Vec<&[u8]> = at.windows(2).map(|w| &stream[w[0]..w[1]]).collect();
            let strip = |(events, tail): (Vec<Vec<u8>>, Vec<u8>)| {
                // Which side of a cut the `\n` of a CRLF falls on is the one thing that may differ.
                let lines = |block: &Vec<u8>| String::from_utf8_lossy(block).trim_matches(['\r', '\n']).to_owned();
                (events.iter().map(lines).collect::<Vec<_>>(), lines(&tail))
            };
            prop_assert_eq!(strip(blocks(&chunks)), strip(blocks(&[&stream])));
            let (events, tail) = blocks(&chunks);
            prop_assert_eq!([events.concat(), tail].concat(), stream);
        }
    }
}
