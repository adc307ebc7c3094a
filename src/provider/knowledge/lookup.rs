//! Lookup: which row a model's name means.

use serde::{Deserialize, Deserializer};

use super::{Knowledge, Levels};
use crate::chat::Effort;

/// What is known of `model`, by whatever name a vendor, a host or a cloud gives it.
pub fn of(_model: &str) -> Knowledge {
    Knowledge::nothing()
}

/// Reads levels into what rows share.
pub(super) fn levels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Levels, D::Error> {
    Vec::<Effort>::deserialize(deserializer).map(Levels::from)
}
