//! The name of a target: what a request may be sent to, by identity rather than by place in a list.

use std::sync::Arc;

/// See the module's head.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TargetId {
    /// Name of the provider.
    pub provider: Arc<str>,
    /// Digest of the key; 0 for a provider without keys.
    pub key: u64,
    /// Model name there.
    pub model: Arc<str>,
    /// What it is used for: who cannot rerank with a model may well chat with it.
    pub service: &'static str,
}

/// Provider and digest of the key.
pub(super) type KeyId = (Arc<str>, u64);

/// Provider, model and service.
pub(super) type PlaceId = (Arc<str>, Arc<str>, &'static str);

impl TargetId {
    pub(super) fn key_id(&self) -> KeyId {
        (self.provider.clone(), self.key)
    }

    pub(super) fn place_id(&self) -> PlaceId {
        (self.provider.clone(), self.model.clone(), self.service)
    }
}
