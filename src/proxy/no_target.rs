//! Nobody to ask: the 404s and the 400 of routing, with the names that would have been right.

use std::sync::Arc;

use http::StatusCode;

use super::call::Endpoint;
use super::problem::Problem;
use crate::provider::Features;
use crate::route::plan::NoTarget;

impl Problem {
    /// There is nothing to send the request to.
    pub fn no_target(
        reason: NoTarget,
        model: &str,
        pin: Option<&str>,
        alias: Option<&str>,
    ) -> Self {
        let not_found = |code, message: String| {
            Self::new(
                StatusCode::NOT_FOUND,
                "invalid_request_error",
                Some(code),
                message,
            )
        };
        match reason {
            NoTarget::UnknownModel { suggestions } => {
                let message = format!(
                    "no provider offers the model `{model}`{}",
                    did_you_mean(&suggestions)
                );
                not_found("model_not_found", message).about("model")
            }
            NoTarget::NotAtProvider { suggestions } => {
                let pin = pin.unwrap_or_default();
                let message = format!(
                    "the provider `{pin}` does not offer the model `{model}`{}",
                    did_you_mean(&suggestions)
                );
                not_found("model_not_found", message).about("model")
            }
            NoTarget::UnknownProvider { known } => {
                let message = format!(
                    "there is no provider `{}`; there are: {}",
                    pin.unwrap_or_default(),
                    known.join(", ")
                );
                not_found("provider_not_found", message).about("provider")
            }
            NoTarget::UnknownAlias { known } => {
                let names = if known.is_empty() {
                    "none here has one".to_owned()
                } else {
                    known.join(", ")
                };
                let message = format!(
                    "no key of this model's providers is called `{}`; known: {names}",
                    alias.unwrap_or_default()
                );
                not_found("alias_not_found", message).about("alias")
            }
            NoTarget::Drained => Self::drained(),
            NoTarget::Incapable { missing } => Self::incapable(missing, model),
            NoTarget::NoSpeaker | NoTarget::Unavailable => {
                let message = format!(
                    "every provider of `{model}` said within the last minutes that it does not have it"
                );
                not_found("model_not_found", message).about("model")
            }
        }
    }

    /// 404: whoever has the model speaks no dialect in which it could be asked.
    pub fn no_speaker(endpoint: &Endpoint, model: &str) -> Self {
        let message = format!(
            "no provider of `{model}` speaks {} for {}, and autogw {} does not translate it",
            endpoint.dialect,
            endpoint.path,
            env!("CARGO_PKG_VERSION")
        );
        Self::new(
            StatusCode::NOT_FOUND,
            "invalid_request_error",
            Some("dialect_not_available"),
            message,
        )
        .about("model")
    }

    /// 503: whoever could serve is drained, until a person says otherwise.
    pub(super) fn drained() -> Self {
        let message =
            "every provider of this model that could serve this is drained by the gateway's owner";
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "server_error",
            Some("drained"),
            message,
        )
    }

    fn incapable(missing: Features, model: &str) -> Self {
        let names: Vec<_> = missing
            .iter()
            .map(|feature| format!("`{}`", feature.name()))
            .collect();
        let message = format!(
            "no provider of `{model}` has the capability {} that this request needs",
            names.join(", ")
        );
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_request_error",
            Some("unsupported_capability"),
            message,
        )
        .about("model")
    }
}

fn did_you_mean(names: &[Arc<str>]) -> String {
    if names.is_empty() {
        return "; see GET /v1/models".to_owned();
    }
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("; did you mean {}?", names.join(" or "))
}
