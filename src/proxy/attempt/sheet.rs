//! The request as it is written for one target, and what it lost on its way.

use std::sync::Arc;

use bytes::Bytes;

use super::Attempt;
use crate::chat::{Dialect, Failure, Operation, Report};
use crate::config::Fidelity;
use crate::provider::Features;
use crate::proxy::call::Endpoint;
use crate::proxy::tongue;
use crate::proxy::translate::{self, Calls, Crossing, Embedding, Refused, THOUGHTS};
use crate::proxy::written::{Reader, Written};
use crate::route::Target;
use crate::route::plan::missing;

/// A request written for one target.
#[derive(Debug)]
pub struct Sheet {
    pub(super) endpoint: &'static Endpoint,
    pub(super) written: Written,
    pub(super) told: Told,
    pub(super) report: Option<Report>,
    pub(super) crossing: Option<Arc<Crossing>>,
    /// Whether a second run would have effects, by what translation made of it.
    pub has_effects: bool,
    /// Further calls, and how all their answers become one.
    pub(super) embedding: Option<Box<(Vec<Written>, Embedding)>>,
}

/// What the client is told of a request that was changed on its way.
#[derive(Debug, Default)]
pub struct Told {
    /// What was removed.
    pub dropped: Vec<String>,
    /// What became another value, as `field=value`.
    pub adjusted: Vec<String>,
    /// Why the answer ended, in the upstream's word.
    pub native_stop: Option<String>,
}

impl Sheet {
    /// What became of what did not fit.
    pub fn told(&self) -> &Told {
        &self.told
    }

    /// What the request lost on its way, notes included.
    pub fn log(&self, request_id: &str) {
        if let Some(report) = self.report.as_ref().filter(|report| !report.is_empty()) {
            let losses: Vec<_> = report.losses().iter().map(|loss| &*loss.field).collect();
            tracing::debug!(
                target: "autogw::fidelity",
                request_id,
                dropped = losses.join(","),
                adjusted = self.told.adjusted.join(","),
                "the request was changed in translation"
            );
        }
    }
}

impl Told {
    fn of(report: &Report) -> Self {
        let mut told = Self::default();
        told.add(report);
        told
    }

    pub(super) fn add(&mut self, report: &Report) {
        self.dropped.extend(report.dropped().map(str::to_owned));
        let adjusted = report.adjustments().iter();
        let adjusted = adjusted.map(|adjusted| format!("{}={}", adjusted.field, adjusted.value));
        self.adjusted.extend(adjusted);
    }
}

impl Attempt<'_> {
    /// How heavy the translation for `target` is, in bytes of the body; 0 where there is none.
    pub fn weight(&self, target: &Target) -> usize {
        let provider = self.gateway.provider(target);
        let endpoint = tongue::endpoint(self.prepared, &target.offer, provider);
        let dialect = endpoint.map(|endpoint| endpoint.dialect);
        if dialect == Some(self.call.endpoint.dialect) {
            0
        } else {
            self.call.body.len()
        }
    }

    /// Writes the request for `target`, without the parameters in `refused`.
    ///
    /// # Errors
    /// The target would refuse it: it need not be asked.
    pub fn write(&self, target: &Target, refused: &[Arc<str>]) -> Result<Sheet, Failure> {
        let provider = self.gateway.provider(target);
        let reader = Reader {
            endpoint: tongue::endpoint(self.prepared, &target.offer, provider)
                .unwrap_or(self.call.endpoint),
            offer: &target.offer,
            provider,
            refused,
        };
        let is_native = reader.endpoint.dialect == self.call.endpoint.dialect;
        let missing = missing(self.needs, target.offer.features);
        let is_chat = self.call.endpoint.dialect == Dialect::OpenAiChat;
        let is_fitting = missing.is_empty() || is_chat || !self.call.endpoint.generates();
        let forgets = refused.iter().any(|refused| **refused == *THOUGHTS);
        if is_native && is_fitting && !forgets && !self.prepared.is_foreign() {
            return self.edit(reader).map_err(Refused::failure);
        }
        let sheet = match self.call.endpoint.operation {
            Operation::Embed => self.embed(reader),
            _ => self.translate(reader, missing),
        };
        sheet.map_err(Refused::failure)
    }

    /// The client's own bytes, without what was asked to be left out.
    fn edit(&self, reader: Reader<'_>) -> Result<Sheet, Refused> {
        let mut written = self.prepared.write(self.call, reader, self.needs);
        let mut report = Report::default();
        let mut lost = Report::default();
        for field in std::mem::take(&mut written.dropped) {
            // How a stream is counted changes nothing about the answer.
            if field != "stream_options" {
                lost.drop(field.clone());
            }
            report.drop(field);
        }
        translate::strictly(self.prepared.fidelity(self.gateway, reader.offer), &lost)?;
        Ok(Sheet {
            report: None,
            endpoint: reader.endpoint,
            written,
            told: self.told(&report, reader),
            crossing: None,
            has_effects: false,
            embedding: None,
        })
    }

    fn embed(&self, reader: Reader<'_>) -> Result<Sheet, Refused> {
        let calls = Calls::write(self.gateway, self.call, self.prepared, reader)?;
        let reader = Reader {
            endpoint: calls.endpoint,
            ..reader
        };
        let write = |body| Written::translated(self.call, false, reader, body);
        let mut written = calls.bodies.into_iter().map(write);
        Ok(Sheet {
            endpoint: calls.endpoint,
            written: written.next().unwrap_or_else(|| write(Bytes::new())),
            told: self.told(&calls.report, reader),
            report: Some(calls.report),
            crossing: None,
            has_effects: false,
            embedding: Some(Box::new((written.collect(), calls.embedding))),
        })
    }

    fn told(&self, report: &Report, reader: Reader<'_>) -> Told {
        match self.prepared.fidelity(self.gateway, reader.offer) {
            Fidelity::Silent => Told::default(),
            Fidelity::Warn | Fidelity::Strict => Told::of(report),
        }
    }

    fn translate(&self, reader: Reader<'_>, missing: Features) -> Result<Sheet, Refused> {
        let outgoing = translate::write(self.gateway, self.call, self.prepared, reader, missing)?;
        let told = self.told(&outgoing.report, reader);
        let streams = self.prepared.streams;
        Ok(Sheet {
            endpoint: reader.endpoint,
            written: Written::translated(self.call, streams, reader, outgoing.body),
            told,
            report: Some(outgoing.report),
            // A count is a number in every dialect.
            crossing: self.call.endpoint.generates().then_some(outgoing.crossing),
            has_effects: outgoing.has_effects,
            embedding: None,
        })
    }
}
