//! Request ids: the client's own if it is fit to be shown, else one of ours.

use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;

use crate::route::dice::scattered;

/// Longest accepted id.
const MAX_LENGTH: usize = 128;

/// Makes ids that do not repeat: a counter, scrambled by a seed of this run.
#[derive(Debug)]
pub struct RequestIds {
    seed: u64,
    next: AtomicU64,
}

impl RequestIds {
    /// Ids of one run; `seed` sets them apart from those of other runs.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            next: AtomicU64::new(0),
        }
    }

    /// The client's id if it is 1 to 128 visible ASCII characters, else a new one.
    pub fn accept(&self, given: Option<&HeaderValue>) -> HeaderValue {
        match given {
            Some(id) if is_presentable(id.as_bytes()) => id.clone(),
            _ => self.make(),
        }
    }

    fn make(&self) -> HeaderValue {
        let mut text = *b"req-0000000000000000";
        let mut rest = scattered(
            self.seed
                .wrapping_add(self.next.fetch_add(1, Ordering::Relaxed)),
        );
        for digit in &mut text[4..] {
            *digit = b"0123456789abcdef"[(rest & 15) as usize];
            rest >>= 4;
        }
        HeaderValue::from_bytes(&text).expect("hexadecimal digits are visible ASCII")
    }
}

fn is_presentable(id: &[u8]) -> bool {
    (1..=MAX_LENGTH).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presentable_ids_are_kept_and_others_replaced() {
        let ids = RequestIds::new(7);
        let kept = |id: &str| ids.accept(HeaderValue::from_str(id).ok().as_ref()) == id;
        assert!(kept("my-id_1"));
        for bad in ["", "two words", &"x".repeat(129)] {
            assert!(!kept(bad), "{bad:?}");
        }
    }

    #[test]
    fn own_ids_differ() {
        let ids = RequestIds::new(7);
        assert_ne!(ids.accept(None), ids.accept(None));
    }
}
