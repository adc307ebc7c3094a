//! Healing: a target that refuses a parameter is asked once more without it.

use std::sync::Arc;

use super::Failover;
use crate::chat::{ErrorBody, Failure};
use crate::config::Fidelity;
use crate::provider::refused::{self, Parameter, Reach};
use crate::proxy::translate::THOUGHTS;
use crate::route::Target;

/// Most parameters that one request is healed of: each costs an attempt.
const MAX_HEALINGS: usize = 3;

/// A parameter that a target refused, and is asked without.
#[derive(Debug)]
pub(super) struct Healing {
    provider: Arc<str>,
    model: Arc<str>,
    parameter: Arc<str>,
    reach: Reach,
}

impl Healing {
    fn is_at(&self, target: &Target) -> bool {
        self.provider == target.id.provider && self.model == target.offer.name
    }
}

impl Failover<'_> {
    /// The parameters that `target` has refused, in this request or of late.
    pub(super) fn refused(&self, target: &Target) -> Vec<Arc<str>> {
        let gateway = self.attempt.gateway;
        if self.healing.is_empty() && gateway.unsupported().is_empty() {
            return Vec::new();
        }
        let (provider, model) = (&target.id.provider, &target.offer.name);
        let now = std::time::Instant::now();
        let mut refused = gateway.unsupported().of(provider, model, now);
        let own = self.healing.iter().filter(|healing| healing.is_at(target));
        refused.extend(own.map(|healing| healing.parameter.clone()));
        refused
    }

    /// Whether the failure names a parameter without which the same target may be asked once more.
    pub(super) fn heals(&mut self, target: &Target, failure: &Failure) -> bool {
        let fidelity = self
            .attempt
            .prepared
            .fidelity(self.attempt.gateway, &target.offer);
        let body = ErrorBody {
            message: failure.message.clone(),
            kind: failure.kind.clone(),
            code: failure.code.clone(),
            param: failure.param.clone(),
        };
        // Thoughts are refused by the conversation they are in, which the next request is not.
        let thoughts = || Parameter {
            path: THOUGHTS.to_owned(),
            reach: Reach::ThisRequest,
        };
        let parameter = failure
            .status
            .and_then(|status| refused::parameter(status, &body))
            .or_else(|| is_thoughts(failure).then(thoughts));
        let Some(Parameter { path, reach }) = parameter.filter(|_| fidelity != Fidelity::Strict)
        else {
            return false;
        };
        let mut own = self.healing.iter().filter(|healing| healing.is_at(target));
        if self.healing.len() >= MAX_HEALINGS || own.any(|healing| *healing.parameter == path) {
            return false;
        }
        self.healing.push(Healing {
            provider: target.id.provider.clone(),
            model: target.offer.name.clone(),
            parameter: path.into(),
            reach,
        });
        true
    }

    /// The request went through: what it went through without was to blame. Only what the model takes from
    /// nobody is remembered, as the next request may be another client's.
    pub(super) fn learn(&self, target: &Target) {
        let now = std::time::Instant::now();
        let parameters = self.healing.iter().filter(|healing| healing.is_at(target));
        for healing in parameters.filter(|healing| healing.reach == Reach::Always) {
            let unsupported = self.attempt.gateway.unsupported();
            if unsupported.record(&healing.provider, &healing.model, &healing.parameter, now) {
                tracing::info!(
                    target: "autogw::attempt",
                    provider = &*healing.provider,
                    model = &*healing.model,
                    parameter = &*healing.parameter,
                    "this parameter is refused here; it is left out from now on"
                );
            }
        }
    }
}

/// Whether the upstream did not accept the state of a thought: OpenAI has a code for it, Anthropic names
/// the signature.
fn is_thoughts(failure: &Failure) -> bool {
    let is_code = failure.code.as_deref() == Some("invalid_encrypted_content");
    let words = failure.message.to_ascii_lowercase();
    let is_signature = words.contains("invalid `signature` in `thinking` block");
    failure.status == Some(400) && (is_code || is_signature)
}
