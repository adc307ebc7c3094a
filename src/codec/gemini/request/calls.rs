//! Ids of calls. Gemini may do without them; every other dialect tells by them which result is whose.
//!
//! A call without an id gets one by its place in the conversation, which stays the same from turn to
//! turn. A result finds its call by id, else it is the next one of its name.

use std::collections::{HashMap, VecDeque};

use crate::codec::gemini::signature::MADE_ID;

/// The calls of a conversation as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Calls {
    count: usize,
    /// Calls by name, the oldest first; answered ones are taken out when they come to the front.
    waiting: HashMap<String, VecDeque<String>>,
    /// How many calls of an id have no result yet.
    open: HashMap<String, usize>,
}

impl Calls {
    /// The id of the next call.
    pub(super) fn call(&mut self, id: Option<String>, name: &str) -> String {
        let id = id
            .filter(|id| !id.is_empty())
            .unwrap_or_else(|| format!("{MADE_ID}{}", self.count));
        self.count += 1;
        let waiting = self.waiting.entry(name.to_owned()).or_default();
        waiting.push_back(id.clone());
        *self.open.entry(id.clone()).or_default() += 1;
        id
    }

    /// The id of the call that a result of the tool `name` belongs to.
    pub(super) fn answer(&mut self, id: Option<String>, name: &str) -> String {
        if let Some(id) = &id
            && self.close(id)
        {
            return id.clone();
        }
        while let Some(next) = self.waiting.get_mut(name).and_then(VecDeque::pop_front) {
            if self.close(&next) {
                return next;
            }
        }
        // Nobody's: it keeps an id that is no call's.
        id.filter(|id| !id.is_empty())
            .unwrap_or_else(|| format!("{MADE_ID}none"))
    }

    fn close(&mut self, id: &str) -> bool {
        match self.open.get_mut(id) {
            Some(open) if *open > 0 => {
                *open -= 1;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_find_their_calls_by_id_else_by_name_in_order() {
        let mut calls = Calls::default();
        let first = calls.call(None, "f");
        let second = calls.call(Some("x1".into()), "f");
        let third = calls.call(Some(String::new()), "g");
        let fourth = calls.call(None, "f");
        assert_eq!([&*first, &*third], ["call_agw_0", "call_agw_2"]);
        assert_eq!(calls.answer(Some("x1".into()), "f"), second);
        assert_eq!(calls.answer(None, "f"), first);
        assert_eq!(calls.answer(Some("unknown".into()), "f"), fourth);
        assert_eq!(calls.answer(None, "g"), third);
        assert_eq!(calls.answer(None, "g"), "call_agw_none");
        assert_eq!(calls.answer(Some("late".into()), "g"), "late");
    }
}
