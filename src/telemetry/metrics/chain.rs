//! A short list that only grows, and is read without a lock: what is told apart by a few labels.

use std::sync::OnceLock;

/// See the module's head.
#[derive(Debug)]
pub(super) struct Chain<T>(OnceLock<Box<Link<T>>>);

#[derive(Debug)]
struct Link<T> {
    value: T,
    next: Chain<T>,
}

impl<T> Default for Chain<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T> Chain<T> {
    /// The first that `is_it`; made at the end if there is none. The caller bounds what may be told apart.
    pub(super) fn find(&self, is_it: impl Fn(&T) -> bool, make: impl Fn() -> T) -> &T {
        let mut chain = self;
        loop {
            let begin = || {
                let (value, next) = (make(), Chain::default());
                Box::new(Link { value, next })
            };
            let link = chain.0.get_or_init(begin);
            if is_it(&link.value) {
                return &link.value;
            }
            chain = &link.next;
        }
    }

    /// All of them, in the order in which they were first seen.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        let mut chain = self;
        std::iter::from_fn(move || {
            let link = chain.0.get()?;
            chain = &link.next;
            Some(&link.value)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn each_is_there_once_however_many_look_for_it() {
        let chain: Chain<(u64, AtomicU64)> = Chain::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for round in 0..1000 {
                        let wanted = round % 7;
                        let make = || (wanted, AtomicU64::new(0));
                        let found = chain.find(|(own, _)| *own == wanted, make);
                        found.1.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        let seen: u64 = chain.iter().map(|(_, n)| n.load(Ordering::Relaxed)).sum();
        assert_eq!((chain.iter().count(), seen), (7, 4000));
    }
}
