//! Effort: how much a model is to think before it answers, on one scale for every dialect.
//!
//! OpenAI names levels, older Claude and Gemini models count tokens. The scale is OpenAI's, as it is the
//! finest; budgets are translated by the table of each direction. What a model understands differs, so a
//! level is clamped to the nearest one it has rather than refused.

use serde::Deserialize;

/// A level of reasoning effort, from none to all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// No reasoning at all.
    None,
    /// As little as the model can.
    Minimal,
    /// Little.
    Low,
    /// What most models do unasked.
    Medium,
    /// Much.
    High,
    /// More than `High`, for models that have such a level.
    Xhigh,
    /// Without a limit.
    Max,
}

impl Effort {
    /// Every level, the least first.
    pub const ALL: [Effort; 7] = [
        Effort::None,
        Effort::Minimal,
        Effort::Low,
        Effort::Medium,
        Effort::High,
        Effort::Xhigh,
        Effort::Max,
    ];

    /// The level called `name`, in any case: Gemini writes its levels in capitals.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|effort| effort.name().eq_ignore_ascii_case(name))
    }

    /// The name OpenAI and Anthropic use.
    pub fn name(self) -> &'static str {
        match self {
            Effort::None => "none",
            Effort::Minimal => "minimal",
            Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High => "high",
            Effort::Xhigh => "xhigh",
            Effort::Max => "max",
        }
    }

    /// The level a budget of thinking tokens stands for; a negative one leaves it to the model.
    ///
    /// 2048 is still low, so that [`Effort::to_budget`] and back is the same level from `Low` to `Xhigh`.
    pub fn from_budget(tokens: i64) -> Option<Self> {
        match tokens {
            i64::MIN..0 => None,
            0 => Some(Effort::None),
            1..=2_048 => Some(Effort::Low),
            2_049..10_000 => Some(Effort::Medium),
            10_000..24_000 => Some(Effort::High),
            24_000.. => Some(Effort::Xhigh),
        }
    }

    /// The budget of thinking tokens that stands for this level.
    pub fn to_budget(self) -> u64 {
        match self {
            Effort::None => 0,
            Effort::Minimal => 1_024,
            Effort::Low => 2_048,
            Effort::Medium => 8_192,
            Effort::High => 16_384,
            Effort::Xhigh => 24_576,
            Effort::Max => 32_000,
        }
    }

    /// The nearest of `levels`, given in any order; itself where there are none.
    ///
    /// `None` goes to the lowest, and nothing else becomes `None` while there is a choice: who asked for
    /// some thought gets some. Between two that are equally near, the upper one wins up to `High`
    /// (`medium` of a model with low and high), the lower one above: the last levels cost a multiple.
    #[must_use]
    pub fn clamp_to(self, levels: &[Effort]) -> Effort {
        let lowest = levels.iter().copied().min();
        let thinking = levels
            .iter()
            .copied()
            .filter(|level| *level != Effort::None);
        let nearest = thinking.min_by_key(|level| {
            let is_second = (*level > self) != (*level <= Effort::High);
            (level.rank().abs_diff(self.rank()), is_second)
        });
        match self {
            Effort::None => lowest.unwrap_or(self),
            _ => nearest.or(lowest).unwrap_or(self),
        }
    }

    fn rank(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Effort::{High, Low, Max, Medium, Minimal, Xhigh};

    #[test]
    fn names_are_read_in_any_case_and_written_in_one() {
        for effort in Effort::ALL {
            assert_eq!(Effort::parse(effort.name()), Some(effort));
            assert_eq!(Effort::parse(&effort.name().to_uppercase()), Some(effort));
        }
        assert_eq!(Effort::parse("extreme"), None);
        assert_eq!(Effort::parse(""), None);
    }

    #[test]
    fn budgets_become_levels() {
        let table = [
            (-1, None),
            (i64::MIN, None),
            (0, Some(Effort::None)),
            (1, Some(Low)),
            (1_024, Some(Low)),
            (2_048, Some(Low)),
            (4_000, Some(Medium)),
            (9_999, Some(Medium)),
            (10_000, Some(High)),
            (23_999, Some(High)),
            (24_000, Some(Xhigh)),
            (i64::MAX, Some(Xhigh)),
        ];
        for (tokens, effort) in table {
            assert_eq!(Effort::from_budget(tokens), effort, "{tokens}");
        }
    }

    #[test]
    fn a_level_survives_its_budget() {
        for effort in [Effort::None, Low, Medium, High, Xhigh] {
            let tokens = i64::try_from(effort.to_budget()).expect("small");
            assert_eq!(Effort::from_budget(tokens), Some(effort));
        }
        let budgets = Effort::ALL.map(Effort::to_budget);
        assert!(budgets.is_sorted(), "{budgets:?}");
    }

    #[test]
    fn a_level_is_clamped_to_the_nearest() {
        let none = Effort::None;
        let table: [(Effort, &[Effort], Effort); 13] = [
            (none, &[none, Low, High], none),
            (none, &[Minimal, Low, Medium], Minimal),
            (none, &[High, Low], Low),
            (Minimal, &[none, Low, High], Low),
            (Minimal, &[none, High], High),
            (Low, &[none], none),
            (Medium, &[Low, High], High),
            (Medium, &[Low, Medium, High], Medium),
            (Xhigh, &[Low, Medium, High, Max], High),
            (Xhigh, &[Low, Medium, High], High),
            (Max, &[none, Low, Medium, High, Xhigh], Xhigh),
            (Low, &[Medium, High, Xhigh], Medium),
            (Medium, &[], Medium),
        ];
        for (asked, levels, given) in table {
            assert_eq!(asked.clamp_to(levels), given, "{asked:?} of {levels:?}");
        }
    }
}
