//! What an answer costs.

use crate::chat::Usage;
use crate::provider::knowledge::Knowledge;

/// What `usage` costs in dollars at the prices that are known; `None` where they are not.
pub fn cost(usage: Usage, known: &Knowledge) -> Option<f64> {
    let (input, output) = (known.input_price?, known.output_price?);
    let cached = usage.cached.min(usage.input);
    let written = usage.cache_write.min(usage.input - cached);
    let parts = [
        (usage.input - cached - written, input),
        (cached, known.cached_price.unwrap_or(input)),
        (written, known.cache_write_price.unwrap_or(input)),
        (usage.output, output),
    ];
    let price = |(tokens, price): (u64, f64)| super::histogram::approximate(tokens) * price / 1e6;
    Some(parts.into_iter().map(price).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::knowledge;

    #[test]
    fn what_came_from_a_cache_has_its_own_price() {
        let known = Knowledge {
            input_price: Some(2.0),
            output_price: Some(10.0),
            cached_price: Some(0.5),
            cache_write_price: Some(4.0),
            ..knowledge::of("nobody-knows-this")
        };
        let usage = Usage {
            input: 1_000_000,
            output: 100_000,
            cached: 400_000,
            cache_write: 100_000,
            reasoning: 50_000,
        };
        let told = cost(usage, &known).expect("a price");
        assert!((told - (1.0 + 0.2 + 0.4 + 1.0)).abs() < 1e-9, "{told}");
        let odd = Usage {
            cached: u64::MAX,
            cache_write: u64::MAX,
            ..usage
        };
        assert!(cost(odd, &known).is_some_and(|told| (told - 1.5).abs() < 1e-9));
    }

    #[test]
    fn without_both_prices_there_is_none() {
        let known = Knowledge {
            input_price: Some(2.0),
            output_price: None,
            ..knowledge::of("nobody-knows-this")
        };
        assert_eq!(cost(Usage::default(), &known), None);
    }
}
