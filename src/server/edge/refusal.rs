//! Why a request is not answered, and what becomes of its connection.

use std::time::Duration;

use http::{HeaderValue, StatusCode, header};

use crate::proxy::Reply;
use crate::proxy::ingress::Tongue;
use crate::proxy::problem::Problem;
use crate::server::door::Door;
use crate::server::error;

/// See the module's head.
pub(super) struct Refusal {
    pub(super) problem: Problem,
    pub(super) parting: Parting,
}

/// What becomes of a connection on which somebody was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parting {
    /// It goes on when the rest of the request has been read.
    GoesOn,
    /// The same, but the answer does not wait for the rest.
    Meanwhile,
    /// It ends; the rest is read for a moment, so that the answer is not lost.
    Soon,
    /// It ends, and nothing more is read.
    AtOnce,
}

impl Parting {
    /// How long the rest of a refused request is read.
    pub(super) fn listens_for(self) -> Option<Duration> {
        match self {
            Parting::GoesOn | Parting::Meanwhile => Some(Duration::from_secs(2)),
            Parting::Soon => Some(Duration::from_millis(300)),
            Parting::AtOnce => None,
        }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        // Who is to come again had better know it soon.
        let parting = match problem.status {
            StatusCode::SERVICE_UNAVAILABLE => Parting::Meanwhile,
            _ => Parting::GoesOn,
        };
        Self { problem, parting }
    }
}

impl Refusal {
    /// A refusal after which nothing more is read from the connection.
    pub(super) fn for_good(problem: Problem) -> Self {
        Self {
            problem,
            parting: Parting::AtOnce,
        }
    }

    /// What is answered instead.
    pub(super) fn reply(&self, id: &HeaderValue, tongue: Tongue) -> Reply {
        let mut reply = error::reply(&self.problem, id, tongue);
        if matches!(self.parting, Parting::Soon | Parting::AtOnce) {
            let close = HeaderValue::from_static("close");
            reply.headers.insert(header::CONNECTION, close);
        }
        reply
    }

    /// The same for somebody who was not let in at `door`: strangers do not keep connections of a public
    /// one, where there are only so many.
    pub(super) fn at(self, door: &Door) -> Self {
        let parting = match self.parting {
            Parting::GoesOn if door.is_public() => Parting::Soon,
            other => other,
        };
        Self { parting, ..self }
    }
}
