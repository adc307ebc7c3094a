//! Failure: what went wrong upstream, decided once, at classification.
//!
//! Every floor above reads its verdicts and none derives them again: the class says which rest and
//! which final status follow, [`Next`] says where a request may go from here.

use std::fmt;
use std::time::Duration;

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// 429: the key is over its rate.
    RateLimit,
    /// 401, 403: the key was refused.
    Auth,
    /// 402 and the 429s that mean money: no credit left.
    Quota,
    /// No answer in time.
    Timeout,
    /// No connection, or one that broke.
    Network,
    /// 5xx.
    Server,
    /// The upstream does not know the model, or this key may not use it.
    Model,
    /// The upstream has nothing at this path, or not the thing the request names.
    NotFound,
    /// An answer that is no answer: HTML, malformed JSON, an empty stream.
    Malformed,
    /// The request itself is wrong; no other target would say otherwise.
    Request,
    /// The target lacks a capability the request needs.
    Capability,
    /// We could not even try: this process is out of file descriptors.
    Local,
}

impl FailureClass {
    /// The name shown in logs and in `error.attempts[]`.
    pub fn name(self) -> &'static str {
        match self {
            FailureClass::RateLimit => "rate_limit",
            FailureClass::Auth => "auth",
            FailureClass::Quota => "quota",
            FailureClass::Timeout => "timeout",
            FailureClass::Network => "network",
            FailureClass::Server => "server_error",
            FailureClass::Model => "model_unavailable",
            FailureClass::NotFound => "not_found",
            FailureClass::Malformed => "malformed_answer",
            FailureClass::Request => "invalid_request",
            FailureClass::Capability => "capability",
            FailureClass::Local => "gateway_overloaded",
        }
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How far an attempt had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Before a connection stood: nothing was sent.
    Connect,
    /// The request was sent, or partly; no answer yet. It may have been processed.
    Sent,
    /// The status line had arrived.
    Answered,
}

/// Where a request may go after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Back to the client with this answer.
    Return,
    /// Once more to the same target if the retries allow, else like `Provider`.
    Same,
    /// Another key of the provider, then the next provider.
    Key,
    /// The next provider.
    Provider,
}

/// Who is to rest after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// Nobody: it was the request's doing, or cannot be told from that.
    Nobody,
    /// The key.
    Key,
    /// The provider, for this model and endpoint.
    Place,
}

/// One failed attempt.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What kind it was.
    pub class: FailureClass,
    /// How far it had come.
    pub stage: Stage,
    /// Where the request may go.
    pub next: Next,
    /// Who is to rest.
    pub blame: Blame,
    /// The upstream's status, if one arrived.
    pub status: Option<u16>,
    /// The upstream's own words or ours, without key material.
    pub message: String,
    /// The upstream's error type, e.g. `invalid_request_error`.
    pub kind: Option<String>,
    /// The upstream's error code, e.g. `context_length_exceeded`.
    pub code: Option<String>,
    /// The request field the upstream complained about.
    pub param: Option<String>,
    /// How long the upstream asked us to wait.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// Whether it counts toward the breaker of its place: the provider's own faults do, a key's or a
    /// request's do not.
    pub fn counts(&self) -> bool {
        use FailureClass as Class;
        let is_fault = matches!(
            self.class,
            Class::Timeout | Class::Network | Class::Server | Class::Malformed
        );
        self.blame == Blame::Place && is_fault
    }

    /// Whether the upstream says that it has too much to do: OpenAI's `slow_down`, Anthropic's 529.
    pub fn asks_to_slow_down(&self) -> bool {
        self.status == Some(529) || self.code.as_deref() == Some("slow_down")
    }

    /// The message, if it is ours. An upstream's words may quote the prompt, which no log is to hold.
    pub fn own_words(&self) -> Option<&str> {
        use FailureClass as Class;
        let is_our_class = matches!(
            self.class,
            Class::Timeout | Class::Network | Class::Malformed | Class::Local
        );
        // With an error status, it is the upstream that spoke.
        let is_ours = is_our_class
            && self
                .status
                .is_none_or(|status| (200..300).contains(&status));
        is_ours.then_some(self.message.as_str())
    }
}

/// What an upstream said of its own error, whatever shape it said it in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErrorBody {
    /// Its words.
    pub message: String,
    /// Its type, e.g. `invalid_request_error`.
    pub kind: Option<String>,
    /// Its code, e.g. `context_length_exceeded`; numbers as text.
    pub code: Option<String>,
    /// The request field it names.
    pub param: Option<String>,
}
