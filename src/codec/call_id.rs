//! Ids of tool calls, as each upstream accepts them.
//!
//! A call and its result name each other by id, and a conversation may have been begun with another
//! provider. An id that conforms passes as it is; another one is changed in the same way wherever it
//! stands, so that call and result still match without anything being remembered.

use std::borrow::Cow;

use super::fingerprint;

/// What an upstream accepts as the id of a tool call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdRule {
    /// `[A-Za-z0-9_-]+`, of any length.
    Anthropic,
    /// 1 to 64 of `[A-Za-z0-9_-]`; also what Gemini and compatible hosts are sent.
    OpenAi,
    /// Exactly 9 of `[A-Za-z0-9]`: Mistral.
    Nine,
}

/// Longest id OpenAI takes.
const OPENAI_LENGTH: usize = 64;

/// Length of every id at Mistral.
const NINE: usize = 9;

/// Characters of a made id behind its prefix, as OpenAI and Anthropic have them.
const MADE_LENGTH: usize = 24;

/// What is kept of an id that does not conform; with `_` and the fingerprint it fits every rule.
const KEPT: usize = 48;

/// The id as `rule` wants it: the same bytes if it conforms, else a cleaned beginning and a fingerprint.
pub fn outward(id: &str, rule: IdRule) -> Cow<'_, str> {
    if conforms(id, rule) {
        return Cow::Borrowed(id);
    }
    if rule == IdRule::Nine {
        return Cow::Owned(fingerprint::base62(id, NINE));
    }
    let mut changed: String = id.chars().filter(|c| is_plain(*c)).take(KEPT).collect();
    if changed.is_empty() {
        changed.push_str("call");
    }
    changed.push('_');
    changed.push_str(&fingerprint::hex(id, 8));
    Cow::Owned(changed)
}

/// The `n`th id made from `seed`: the prefix (`call_`, `toolu_`) and 24 characters of base62.
pub fn made(seed: u64, n: usize, prefix: &str) -> String {
    let mut id = prefix.to_owned();
    id.push_str(&fingerprint::base62(&format!("{seed}/{n}"), MADE_LENGTH));
    id
}

/// Gives ids to calls that their upstream gave none.
#[derive(Debug)]
pub struct Maker {
    seed: u64,
    made: usize,
}

impl Maker {
    /// A maker for one answer.
    pub fn new(seed: u64) -> Self {
        Self { seed, made: 0 }
    }

    /// Makes `id` one, unless it is.
    pub fn fill(&mut self, id: &mut String) {
        if id.is_empty() {
            self.made += 1;
            *id = made(self.seed, self.made, "call_");
        }
    }
}

fn conforms(id: &str, rule: IdRule) -> bool {
    match rule {
        IdRule::Anthropic => !id.is_empty() && id.chars().all(is_plain),
        IdRule::OpenAi => (1..=OPENAI_LENGTH).contains(&id.len()) && id.chars().all(is_plain),
        IdRule::Nine => id.len() == NINE && id.bytes().all(|byte| byte.is_ascii_alphanumeric()),
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: [IdRule; 3] = [IdRule::Anthropic, IdRule::OpenAi, IdRule::Nine];

    #[test]
    fn an_id_that_conforms_passes_as_it_is() {
        let long = "t".repeat(500);
        let cases = [
            ("toolu_01AbC-x", IdRule::Anthropic),
            (long.as_str(), IdRule::Anthropic),
            ("call_abc", IdRule::OpenAi),
            ("a1B2c3D4e", IdRule::Nine),
        ];
        for (id, rule) in cases {
            assert!(
                matches!(outward(id, rule), Cow::Borrowed(same) if same == id),
                "{id}"
            );
        }
    }

    #[test]
    fn another_id_keeps_its_beginning_and_gains_a_fingerprint() {
        let changed = outward("call:7/ä", IdRule::Anthropic);
        assert_eq!(
            changed,
            format!("call7_{}", fingerprint::hex("call:7/ä", 8))
        );
        assert_eq!(outward(&"x".repeat(65), IdRule::OpenAi).len(), KEPT + 9);
        assert_eq!(outward("call_abc", IdRule::Nine).len(), 9);
        assert!(outward("", IdRule::OpenAi).starts_with("call_"));
    }

    #[test]
    fn ids_that_clean_to_the_same_text_stay_apart() {
        assert_ne!(
            outward("a.b", IdRule::OpenAi),
            outward("a:b", IdRule::OpenAi)
        );
    }

    #[test]
    fn made_ids_follow_from_seed_and_number() {
        assert_eq!(made(7, 0, "call_"), made(7, 0, "call_"));
        assert_ne!(made(7, 0, "call_"), made(7, 1, "call_"));
        assert_ne!(made(7, 0, "call_"), made(8, 0, "call_"));
        assert_eq!(made(7, 0, "toolu_").len(), "toolu_".len() + 24);
        assert!(conforms(&made(7, 0, "toolu_"), IdRule::OpenAi));
    }

    proptest! {
        #[test]
        fn every_id_leaves_conforming_and_stays_so(id in ".{0,90}") {
            for rule in RULES {
                let once = outward(&id, rule);
                prop_assert!(conforms(&once, rule), "{rule:?}: {once}");
                prop_assert_eq!(outward(&once, rule), once.clone());
                prop_assert_eq!(outward(&id, rule), once.clone());
            }
        }
    }
}
