//! One classification of every upstream outcome: what it was, where the request may go, who is to rest.
//!
//! The retry decision is made here and nowhere else. Rules: `401/402/403/429` are the key's trouble,
//! `5xx` and broken connections the provider's, `404` the model's, other `4xx` the request's. The
//! upstream's own words decide the exceptions, with care: error messages quote the request, so words
//! that a client could have put there never cost a key or a provider its good name.

use std::time::SystemTime;

use http::{HeaderMap, StatusCode};

use super::StatusSet;
use super::retry_after::retry_after;
use crate::chat::{Blame, ErrorBody, Failure, FailureClass, Next, Stage};

/// Codes and types of a 429 that no waiting cures.
const MONEY: [&str; 7] = [
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "enforced_spend_limit_reached",
    "billing_error",
];

/// What an upstream was asked, as far as its refusal has to be judged by it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The model, as clients call it.
    pub model: &'a str,
    /// The same, as the upstream calls it.
    pub upstream: &'a str,
    /// Replaces the built-in verdict on which statuses move on, where the request or the server is at fault.
    pub retryable: Option<&'a StatusSet>,
}

/// An answer with an error status (or an error inside a 200, with the status it should have had).
pub fn answer(
    status: StatusCode,
    headers: &HeaderMap,
    body: ErrorBody,
    asked: Asked<'_>,
) -> Failure {
    let (class, next, blame) = verdict(status, headers, &Speech::of(&body), asked);
    Failure {
        class,
        stage: Stage::Answered,
        next: configured(next, class, status, asked.retryable),
        blame,
        status: Some(status.as_u16()),
        message: body.message,
        kind: body.kind,
        code: body.code,
        param: body.param,
        retry_after: retry_after(headers, SystemTime::now()),
    }
}

/// A refused or exhausted key moves on whatever the configuration says: the client must not pay for it.
fn configured(
    next: Next,
    class: FailureClass,
    status: StatusCode,
    retryable: Option<&StatusSet>,
) -> Next {
    let Some(set) = retryable else { return next };
    match (class, set.contains(status.as_u16())) {
        (FailureClass::Request, true) => Next::Provider,
        (FailureClass::Server | FailureClass::Timeout, false) => Next::Return,
        _ => next,
    }
}

fn verdict(
    status: StatusCode,
    headers: &HeaderMap,
    speaks: &Speech,
    asked: Asked<'_>,
) -> (FailureClass, Next, Blame) {
    use FailureClass as Class;
    match status.as_u16() {
        429 if speaks.of_money() => (Class::Quota, Next::Key, Blame::Key),
        402 if speaks.of_too_many_tokens() => (Class::Capability, Next::Provider, Blame::Nobody),
        402 if !headers.contains_key("retry-after") => (Class::Quota, Next::Key, Blame::Key),
        402 | 429 => (Class::RateLimit, Next::Key, Blame::Key),
        401 => (Class::Auth, Next::Key, Blame::Key),
        400 | 403 if speaks.of_a_bad_key() => (Class::Auth, Next::Key, Blame::Key),
        403 => forbidden(speaks, asked),
        404 if speaks.of_unknown(asked) || speaks.begins_with(asked) => {
            (Class::Model, Next::Provider, Blame::Place)
        }
        404 => (Class::NotFound, Next::Provider, Blame::Nobody),
        400 | 422 if speaks.labels_the_model() => (Class::Model, Next::Provider, Blame::Place),
        400 | 422 if speaks.of_unknown(asked) => (Class::Model, Next::Provider, Blame::Nobody),
        400 | 413 | 422 if speaks.of_capability() => {
            (Class::Capability, Next::Provider, Blame::Nobody)
        }
        408 => (Class::Timeout, Next::Same, Blame::Nobody),
        409 => (Class::Server, Next::Same, Blame::Nobody),
        400..=499 => (Class::Request, Next::Return, Blame::Nobody),
        500..=599 => (Class::Server, Next::Key, Blame::Place),
        // Redirects are not followed: an upstream that moved is one that must be configured anew.
        _ => (Class::Malformed, Next::Provider, Blame::Place),
    }
}

/// A 403 may mean the key, the model, the country or the prompt, and a firewall says nothing.
fn forbidden(speaks: &Speech, asked: Asked<'_>) -> (FailureClass, Next, Blame) {
    if speaks.of_moderation() {
        (FailureClass::Request, Next::Return, Blame::Nobody)
    } else if speaks.labels_the_model() || speaks.labelled(&["country", "region"]) {
        (FailureClass::Model, Next::Provider, Blame::Place)
    } else if speaks.names(asked) {
        (FailureClass::Model, Next::Provider, Blame::Nobody)
    } else if speaks.is_a_firewalls() {
        (FailureClass::Auth, Next::Key, Blame::Nobody)
    } else {
        (FailureClass::Auth, Next::Key, Blame::Key)
    }
}

/// The status that an error inside a 200 should have had, by its own code and type.
pub fn status_of(body: &ErrorBody) -> StatusCode {
    if let Some(status) = body
        .code
        .as_deref()
        .and_then(|code| code.parse().ok())
        .filter(|code| (400..600).contains(code))
    {
        return StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    }
    let speaks = Speech::of(body);
    let kind = body.kind.as_deref().unwrap_or_default();
    match () {
        () if speaks.of_money()
            || speaks.says_any(&[
                "rate_limit",
                "rate limit",
                "resource_exhausted",
                "slow_down",
            ]) =>
        {
            StatusCode::TOO_MANY_REQUESTS
        }
        () if speaks.of_a_bad_key() || kind == "authentication_error" => StatusCode::UNAUTHORIZED,
        () if speaks.labels_the_model() => StatusCode::NOT_FOUND,
        () if kind == "invalid_request_error" || speaks.of_capability() => StatusCode::BAD_REQUEST,
        () => StatusCode::BAD_GATEWAY,
    }
}

/// The words of an error, lower-cased once, and the questions asked of them.
struct Speech {
    labels: String,
    message: String,
}

impl Speech {
    fn of(body: &ErrorBody) -> Self {
        let labels = format!(
            "{} {}",
            body.kind.as_deref().unwrap_or_default(),
            body.code.as_deref().unwrap_or_default()
        );
        Self {
            labels: labels.to_ascii_lowercase(),
            message: body.message.to_ascii_lowercase(),
        }
    }

    fn labelled(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.labels.contains(word))
    }

    fn says_any(&self, words: &[&str]) -> bool {
        self.labelled(words) || words.iter().any(|word| self.message.contains(word))
    }

    fn of_money(&self) -> bool {
        self.labelled(&MONEY)
            || self.says_any(&[
                "exceeded your current quota",
                "perday",
                "per day",
                "limit: 0",
            ])
    }

    fn of_too_many_tokens(&self) -> bool {
        self.message.contains("max_tokens")
    }

    /// HTML, or nothing at all: a firewall before the provider, which judges prompts and not keys.
    fn is_a_firewalls(&self) -> bool {
        let says_nothing = self.message.is_empty() && self.labels.trim().is_empty();
        self.message.starts_with('<') || says_nothing
    }

    /// By its label, or by how the message begins: what follows may be a quotation.
    fn of_a_bad_key(&self) -> bool {
        self.labelled(&["invalid_api_key", "api_key_invalid", "authentication_error"])
            || [
                "api key not valid",
                "incorrect api key provided",
                "invalid api key",
            ]
            .iter()
            .any(|words| self.message.starts_with(words))
    }

    fn of_moderation(&self) -> bool {
        self.says_any(&[
            "moderation",
            "flagged",
            "content_policy",
            "content_filter",
            "safety",
        ])
    }

    fn labels_the_model(&self) -> bool {
        self.labelled(&[
            "model_not_found",
            "model_not_available",
            "unknown_model",
            "model_access",
        ])
    }

    /// Whether the message names the model, as anybody calls it.
    fn names(&self, asked: Asked<'_>) -> bool {
        self.has_word(asked.model) || self.has_word(asked.upstream)
    }

    /// Whether all that it says is which model: Anthropic's words for one that it does not have.
    fn begins_with(&self, asked: Asked<'_>) -> bool {
        self.message.starts_with("model:") && self.names(asked)
    }

    /// Whether `model` stands in the message as a word of its own.
    fn has_word(&self, model: &str) -> bool {
        let model = model.to_ascii_lowercase();
        let is_part = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let text = self.message.as_bytes();
        !model.is_empty()
            && self.message.match_indices(&model).any(|(at, _)| {
                let before = at.checked_sub(1).and_then(|at| text.get(at));
                !is_part(before) && !is_part(text.get(at + model.len()))
            })
    }

    fn of_unknown(&self, asked: Asked<'_>) -> bool {
        let is_unknown = [
            "does not exist",
            "not found",
            "not a valid model",
            "unknown model",
        ];
        self.labels_the_model()
            || (self.names(asked) && is_unknown.iter().any(|words| self.message.contains(words)))
    }

    fn of_capability(&self) -> bool {
        self.labelled(&["context_length_exceeded", "string_above_max_length"])
            || self.says_any(&[
                "maximum context length",
                "context window",
                "prompt is too long",
                "does not support tools",
                "does not support function",
                "does not support image",
                "support image input",
                "does not support vision",
                "not a multimodal model",
            ])
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn classify(
        status: u16,
        body: ErrorBody,
        headers: &HeaderMap,
        retryable: Option<&StatusSet>,
    ) -> Failure {
        let status = StatusCode::from_u16(status).expect("a status");
        let asked = Asked {
            model: "m-1",
            upstream: "vendor/m-1-2026",
            retryable,
        };
        answer(status, headers, body, asked)
    }

    fn said(status: u16, message: &str) -> (FailureClass, Next, Blame) {
        let body = ErrorBody {
            message: message.to_owned(),
            ..ErrorBody::default()
        };
        let failure = classify(status, body, &HeaderMap::new(), None);
        (failure.class, failure.next, failure.blame)
    }

    fn labelled(status: u16, code: &str) -> (FailureClass, Next, Blame) {
        let body = ErrorBody {
            code: Some(code.to_owned()),
            ..ErrorBody::default()
        };
        let failure = classify(status, body, &HeaderMap::new(), None);
        (failure.class, failure.next, failure.blame)
    }

    #[test]
    fn statuses_fall_into_their_classes() {
        use FailureClass as C;
        for (status, expected) in [
            (400, (C::Request, Next::Return, Blame::Nobody)),
            (401, (C::Auth, Next::Key, Blame::Key)),
            (402, (C::Quota, Next::Key, Blame::Key)),
            (403, (C::Auth, Next::Key, Blame::Key)),
            (404, (C::NotFound, Next::Provider, Blame::Nobody)),
            (408, (C::Timeout, Next::Same, Blame::Nobody)),
            (409, (C::Server, Next::Same, Blame::Nobody)),
            (413, (C::Request, Next::Return, Blame::Nobody)),
            (422, (C::Request, Next::Return, Blame::Nobody)),
            (429, (C::RateLimit, Next::Key, Blame::Key)),
            (500, (C::Server, Next::Key, Blame::Place)),
            (503, (C::Server, Next::Key, Blame::Place)),
            (520, (C::Server, Next::Key, Blame::Place)),
            (529, (C::Server, Next::Key, Blame::Place)),
            (302, (C::Malformed, Next::Provider, Blame::Place)),
        ] {
            assert_eq!(said(status, "no"), expected, "{status}");
        }
    }

    #[test]
    fn a_403_without_a_word_is_held_against_no_key() {
        use FailureClass as C;
        let firewall = (C::Auth, Next::Key, Blame::Nobody);
        assert_eq!(said(403, ""), firewall);
        assert_eq!(said(403, "<html>blocked</html>"), firewall);
        assert_eq!(
            labelled(403, "permission_error"),
            (C::Auth, Next::Key, Blame::Key)
        );
    }

    #[test]
    fn labels_decide_the_exceptions() {
        use FailureClass as C;
        assert_eq!(
            labelled(429, "insufficient_quota"),
            (C::Quota, Next::Key, Blame::Key)
        );
        assert_eq!(
            labelled(400, "API_KEY_INVALID"),
            (C::Auth, Next::Key, Blame::Key)
        );
        assert_eq!(
            labelled(403, "permission_denied"),
            (C::Auth, Next::Key, Blame::Key)
        );
        assert_eq!(
            labelled(400, "model_not_found"),
            (C::Model, Next::Provider, Blame::Place)
        );
        assert_eq!(
            labelled(404, "model_not_found"),
            (C::Model, Next::Provider, Blame::Place)
        );
        let region = labelled(403, "unsupported_country_region_territory");
        assert_eq!(region, (C::Model, Next::Provider, Blame::Place));
        let context = labelled(400, "context_length_exceeded");
        assert_eq!(context, (C::Capability, Next::Provider, Blame::Nobody));
    }

    #[test]
    fn messages_are_read_where_they_can_be_told_from_quotations() {
        use FailureClass as C;
        let model = (C::Model, Next::Provider, Blame::Place);
        assert_eq!(said(404, "model 'm-1' not found"), model);
        assert_eq!(said(404, "model: m-1"), model);
        assert_eq!(said(404, "model: vendor/m-1-2026"), model);
        assert_eq!(
            said(400, "API key not valid. Please pass one."),
            (C::Auth, Next::Key, Blame::Key)
        );
        assert_eq!(
            said(403, "Your input was flagged"),
            (C::Request, Next::Return, Blame::Nobody)
        );
        let tools = said(400, "m-1 does not support tools");
        assert_eq!(tools, (C::Capability, Next::Provider, Blame::Nobody));
        let credit = said(402, "This request needs fewer max_tokens or more credits");
        assert_eq!(credit, (C::Capability, Next::Provider, Blame::Nobody));
    }

    #[test]
    fn what_a_client_could_have_written_costs_nobody_anything() {
        for (status, message) in [
            (400, "Invalid value: 'invalid api key'"),
            (400, "Invalid value for tool_choice: 'm-1 does not exist'"),
            (404, "No such File object: file-m-1x"),
            (404, "404 page not found"),
            (404, "model: m-12"),
            (404, "No such file: model: m-1"),
            (400, "model: m-1"),
            (403, "<html>Request blocked by the firewall</html>"),
        ] {
            assert_eq!(said(status, message).2, Blame::Nobody, "{message}");
        }
    }

    #[test]
    fn a_402_with_a_date_is_a_rate_limit() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "3".parse().expect("a value"));
        let failure = classify(402, ErrorBody::default(), &headers, None);
        let expected = (FailureClass::RateLimit, Some(Duration::from_secs(3)));
        assert_eq!((failure.class, failure.retry_after), expected);
    }

    #[test]
    fn configured_statuses_replace_the_verdict_on_requests_and_servers_only() {
        let set = StatusSet(vec![418..=418, 502..=502]);
        let next = |status: u16| {
            classify(status, ErrorBody::default(), &HeaderMap::new(), Some(&set)).next
        };
        assert_eq!(next(418), Next::Provider);
        assert_eq!(next(500), Next::Return);
        assert_eq!(next(502), Next::Key);
        assert_eq!(
            (next(401), next(429), next(404)),
            (Next::Key, Next::Key, Next::Provider)
        );
    }

    #[test]
    fn an_error_in_a_200_gets_the_status_it_should_have_had() {
        let status = |kind: &str, code: &str| {
            let (kind, code) = (Some(kind.into()), Some(code.into()));
            status_of(&ErrorBody {
                kind,
                code,
                ..ErrorBody::default()
            })
            .as_u16()
        };
        assert_eq!(status("", "429"), 429);
        assert_eq!(status("", "rate_limit_exceeded"), 429);
        assert_eq!(status("invalid_request_error", ""), 400);
        assert_eq!(status("authentication_error", ""), 401);
        assert_eq!(status("server_error", ""), 502);
    }
}
