//! L5: what a client hears does not depend on where the network cuts the upstream's stream.

use autogw::chat::Dialect;
use proptest::prelude::*;

use crate::corpus::{Kind, case, cases, others};
use crate::crossing::{Heard, carry};

/// Each byte is the place of a cut in one of as many runs.
const PERIOD: usize = 53;

fn cut<'s>(stream: &'s [u8], cuts: &[usize]) -> Vec<&'s [u8]> {
    let (mut pieces, mut at) = (Vec::new(), 0);
    for cut in cuts.iter().copied().chain([stream.len()]) {
        pieces.push(&stream[at..cut]);
        at = cut;
    }
    pieces
}

fn whole(upstream: Dialect, client: Dialect, stream: &[u8]) -> Heard {
    carry(upstream, client, [stream])
}

#[test]
fn every_stream_may_be_cut_at_every_byte() {
    for upstream in Dialect::ALL {
        for case in cases(upstream, Kind::Stream) {
            let stream = case.text.as_bytes();
            for client in others(upstream) {
                let expected = whole(upstream, client, stream);
                let bytes = carry(upstream, client, stream.chunks(1));
                assert_eq!(
                    bytes, expected,
                    "{upstream} {} for {client}, byte by byte",
                    case.name
                );
            }
            let clients: Vec<Dialect> = others(upstream).collect();
            for start in 0..PERIOD.min(stream.len()) {
                let client = clients[start % clients.len()];
                let cuts: Vec<usize> = (start..stream.len()).step_by(PERIOD).collect();
                let heard = carry(upstream, client, cut(stream, &cuts));
                let expected = whole(upstream, client, stream);
                assert_eq!(
                    heard, expected,
                    "{upstream} {} for {client} from {start}",
                    case.name
                );
            }
        }
    }
}

#[test]
fn every_line_ending_may_be_cut() {
    for upstream in Dialect::ALL {
        let text = case(upstream, Kind::Stream, "one_tool").text;
        for ending in ["\n", "\r\n", "\r"] {
            let stream = text
                .replace("\r\n", "\n")
                .replace('\n', ending)
                .replace("data: ", "data:");
            for client in others(upstream) {
                let expected = whole(upstream, client, text.as_bytes());
                for at in 0..=stream.len().min(700) {
                    let heard = carry(upstream, client, cut(stream.as_bytes(), &[at]));
                    assert_eq!(
                        heard, expected,
                        "{upstream} for {client} with {ending:?} at {at}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_short_stream_may_be_cut_at_every_pair_of_bytes() {
    let stream = "data: {\"choices\":[{\"delta\":{\"content\":\"ü\"}}]}\r\n\r\n: x\n\n\
        data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let upstream = Dialect::OpenAiChat;
    let expected = whole(upstream, Dialect::Anthropic, stream.as_bytes());
    assert_eq!(expected.end, Ok(()));
    for first in 0..stream.len() {
        for second in first..stream.len() {
            let pieces = cut(stream.as_bytes(), &[first, second]);
            let heard = carry(upstream, Dialect::Anthropic, pieces);
            assert_eq!(heard, expected, "{first} {second}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_stream_may_be_cut_anywhere(
        which in any::<prop::sample::Index>(),
        places in prop::collection::vec(any::<prop::sample::Index>(), 1..40),
        (from, to) in (0..4usize, 0..3usize),
    ) {
        let upstream = Dialect::ALL[from];
        let client = others(upstream).nth(to).expect("three others");
        let cases = cases(upstream, Kind::Stream);
        let stream = which.get(&cases).text.as_bytes();
        let mut cuts: Vec<usize> = places.iter().map(|place| place.index(stream.len())).collect();
        cuts.sort_unstable();
        prop_assert_eq!(carry(upstream, client, cut(stream, &cuts)), whole(upstream, client, stream));
    }
}
