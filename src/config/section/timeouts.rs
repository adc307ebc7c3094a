//! `router.timeouts`, and the old shorthand `router.timeout`.

use crate::config::Timeouts;
use crate::config::read::{Object, Section};
use crate::config::report::Report;
use crate::config::units::Span;

/// What the file says; the shorthand fills in underneath.
#[derive(Debug, Default)]
pub(super) struct TimeoutsFile {
    connect: Option<Span>,
    first_token: Option<Span>,
    idle: Option<Span>,
    response: Option<Span>,
    total: Option<Span>,
    stream_total: Option<Span>,
}

impl Section for TimeoutsFile {
    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        Some(Self {
            connect: object.take("connect", report),
            first_token: object.take("first_token", report),
            idle: object.take("idle", report),
            response: object.take("response", report),
            total: object.take("total", report),
            stream_total: object.take("stream_total", report),
        })
    }
}

impl TimeoutsFile {
    /// The single phases win over the shorthand, the shorthand over the defaults.
    pub(super) fn resolve(&self, shorthand: Option<Span>) -> Timeouts {
        let defaults = Timeouts::default();
        let phase = |own: Option<Span>, shorthand: Option<Span>, default| {
            own.or(shorthand).map_or(default, |span| span.0)
        };
        Timeouts {
            connect: phase(self.connect, None, defaults.connect),
            first_token: phase(self.first_token, shorthand, defaults.first_token),
            idle: phase(self.idle, shorthand, defaults.idle),
            response: phase(self.response, shorthand, defaults.response),
            total: phase(self.total, None, defaults.total),
            stream_total: phase(self.stream_total, None, defaults.stream_total),
        }
    }
}
