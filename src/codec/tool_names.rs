//! Names of tools, as each dialect allows them, and back again.
//!
//! A client finds its tool by the exact name it gave, dots and umlauts included, so a name that the target
//! would refuse is changed on the way out and changed back in the answer. The map belongs to one request.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::fingerprint;
use crate::chat::Dialect;

/// The changed names of one request; empty for nearly all of them.
#[derive(Debug, Clone)]
pub struct ToolNames {
    rule: Rule,
    /// The client's name → the target's, where they differ.
    out: HashMap<Box<str>, Box<str>>,
    /// The target's name → the client's, where they differ.
    home: HashMap<Box<str>, Box<str>>,
}

impl ToolNames {
    /// The map for a request to `dialect`: `names` are all that occur in it, those in the history too.
    pub fn for_dialect<'a>(dialect: Dialect, names: impl IntoIterator<Item = &'a str>) -> Self {
        let names: Vec<&str> = names.into_iter().collect();
        let mut map = Self {
            rule: Rule::of(dialect),
            out: HashMap::new(),
            home: HashMap::new(),
        };
        if !names.iter().all(|name| map.rule.allows(name)) {
            map.change(&names);
        }
        map
    }

    /// The name to write to the target; one that was not announced is cleaned all the same.
    pub fn outward<'a>(&'a self, name: &'a str) -> Cow<'a, str> {
        if self.rule.allows(name) {
            return Cow::Borrowed(name);
        }
        match self.out.get(name) {
            Some(changed) => Cow::Borrowed(changed),
            None => Cow::Owned(self.rule.clean(name, name)),
        }
    }

    /// The client's name for what the target calls `name`; an unknown one passes.
    pub fn back<'a>(&'a self, name: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(self.home.get(name).map_or(name, |own| own))
    }

    /// Whether every announced name passes as it is.
    pub fn is_identity(&self) -> bool {
        self.out.is_empty()
    }

    /// Gives every name that is not allowed one that is, and that no other tool has.
    fn change(&mut self, names: &[&str]) {
        let allowed = |name: &&str| self.rule.allows(name);
        let fine: HashSet<&str> = names.iter().copied().filter(allowed).collect();
        let odd = names.iter().copied().filter(|name| !fine.contains(name));
        for name in odd {
            if self.out.contains_key(name) {
                continue;
            }
            let mut changed = self.rule.clean(name, name);
            let mut salted = name.to_owned();
            while fine.contains(changed.as_str()) || self.home.contains_key(changed.as_str()) {
                salted.push('\0');
                changed = self.rule.clean(name, &salted);
            }
            self.home.insert(changed.as_str().into(), name.into());
            self.out.insert(name.into(), changed.into());
        }
    }
}

/// What a dialect allows as a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// 1 to 64 of `[A-Za-z0-9_-]`.
    Plain,
    /// A letter or `_`, then at most 127 of `[A-Za-z0-9_.:-]`.
    Gemini,
}

/// Hexadecimal digits that tell changed names apart.
const DIGITS: usize = 6;

impl Rule {
    fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Gemini => Rule::Gemini,
            Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::Anthropic => Rule::Plain,
        }
    }

    fn longest(self) -> usize {
        match self {
            Rule::Plain => 64,
            Rule::Gemini => 128,
        }
    }

    fn allows(self, name: &str) -> bool {
        name.chars().next().is_some_and(|first| self.begins(first))
            && name.len() <= self.longest()
            && name.chars().all(|c| self.holds(c))
    }

    fn begins(self, c: char) -> bool {
        match self {
            Rule::Plain => self.holds(c),
            Rule::Gemini => c.is_ascii_alphabetic() || c == '_',
        }
    }

    fn holds(self, c: char) -> bool {
        c.is_ascii_alphanumeric()
            || matches!(c, '_' | '-')
            || (self == Rule::Gemini && matches!(c, '.' | ':'))
    }

    /// An allowed name that looks like `name` and ends in the fingerprint of `salted`.
    fn clean(self, name: &str, salted: &str) -> String {
        let mut clean = String::with_capacity(self.longest());
        if !name.chars().next().is_some_and(|first| self.begins(first)) {
            clean.push('_');
        }
        let room = self.longest() - clean.len() - 1 - DIGITS;
        let letters = name.chars().take(room);
        clean.extend(letters.map(|c| if self.holds(c) { c } else { '_' }));
        clean.push('_');
        clean.push_str(&fingerprint::hex(salted, DIGITS));
        clean
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_every_target_allows_pass_as_they_are() {
        for dialect in Dialect::ALL {
            let names = ToolNames::for_dialect(dialect, ["get_weather", "a-b"]);
            assert!(names.is_identity());
            assert!(matches!(names.outward("a-b"), Cow::Borrowed("a-b")));
            assert!(matches!(
                names.back("never_heard"),
                Cow::Borrowed("never_heard")
            ));
        }
    }

    #[test]
    fn each_dialect_has_its_own_rule() {
        let names = ["files.read", "2nd", "mcp:list"];
        let gemini = ToolNames::for_dialect(Dialect::Gemini, names);
        assert_eq!(gemini.outward("files.read"), "files.read");
        assert_eq!(gemini.outward("mcp:list"), "mcp:list");
        assert!(gemini.outward("2nd").starts_with("_2nd_"));
        let plain = ToolNames::for_dialect(Dialect::Anthropic, names);
        assert!(plain.outward("files.read").starts_with("files_read_"));
        assert_eq!(plain.outward("2nd"), "2nd");
    }

    #[test]
    fn a_long_name_is_cut_to_the_limit() {
        let long = "x".repeat(200);
        for (dialect, longest) in [(Dialect::OpenAiChat, 64), (Dialect::Gemini, 128)] {
            let names = ToolNames::for_dialect(dialect, [long.as_str()]);
            assert_eq!(names.outward(&long).len(), longest);
            assert_eq!(names.back(&names.outward(&long)), long);
        }
    }

    #[test]
    fn a_changed_name_does_not_take_that_of_another_tool() {
        let taken = Rule::Plain.clean("a.b", "a.b");
        let names = ToolNames::for_dialect(Dialect::OpenAiChat, ["a.b", taken.as_str()]);
        assert_ne!(names.outward("a.b"), taken);
        assert_eq!(names.back(&names.outward("a.b")), "a.b");
        assert_eq!(names.back(&taken), taken);
    }

    #[test]
    fn a_name_nobody_announced_is_cleaned_as_if_it_had_been() {
        let announced = ToolNames::for_dialect(Dialect::OpenAiChat, ["a b"]);
        let other = ToolNames::for_dialect(Dialect::OpenAiChat, []);
        assert_eq!(announced.outward("a b"), other.outward("a b"));
    }

    proptest! {
        #[test]
        fn all_names_leave_allowed_and_distinct_and_come_back(
            names in proptest::collection::hash_set("[a-c.:ü ]{0,3}|.{0,150}", 0..12)
        ) {
            for dialect in Dialect::ALL {
                let map = ToolNames::for_dialect(dialect, names.iter().map(String::as_str));
                let out: HashSet<_> = names.iter().map(|name| map.outward(name)).collect();
                prop_assert_eq!(out.len(), names.len());
                for name in &names {
                    let outward = map.outward(name);
                    prop_assert!(map.rule.allows(&outward), "{}", outward);
                    prop_assert_eq!(map.back(&outward), name.as_str());
                }
            }
        }
    }
}
