//! The requests: those under way from their table, those that have ended from the ring of traces.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::moment::Moment;
use super::providers::rounded;
use crate::provider::Redactor;
use crate::proxy::gateway::Gateway;
use crate::telemetry::clock::milliseconds;
use crate::telemetry::foreign;
use crate::telemetry::live::LiveRow;
use crate::telemetry::snapshot::{AttemptRow, Phase, RequestDetail, RequestRow};
use crate::telemetry::trace::{Trace, Try, Verdict};

/// How seldom one under way is told of.
const EACH_EVERY_MS: u64 = 250;

/// Most rows under way that one look tells of; the others have their turn at the next.
const MOST_AT_ONCE: usize = 128;

/// Most characters of a model string.
const LONGEST_MODEL: usize = 128;

/// What was seen of them so far.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// Traces so far.
    ended: u64,
    /// Those under way that were told of: how, and when.
    told: BTreeMap<u64, Told>,
}

#[derive(Debug, Clone)]
struct Told {
    row: RequestRow,
    at_ms: u64,
}

/// What a look has found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Rows that have changed.
    pub(super) rows: Vec<RequestRow>,
    /// Requests that have come and gone unseen.
    pub(super) lost: u64,
    /// Requests under way.
    pub(super) in_flight: u32,
    /// Those of them that wait for a place.
    pub(super) queued: u32,
}

impl Requests {
    /// Looks at them all.
    pub(super) fn look(&mut self, gateway: &Gateway, moment: Moment) -> Found {
        let live = gateway.live().rows();
        let queued = live.iter().filter(|row| row.phase == Phase::Queued);
        let mut found = Found {
            in_flight: count(live.len()),
            queued: count(queued.count()),
            ..Found::default()
        };
        self.live(&live, gateway.redactor(), moment, &mut found);
        self.ended(gateway, moment, &mut found);
        self.vanished(&live, &mut found);
        found
    }

    fn live(&mut self, live: &[LiveRow], redactor: &Redactor, moment: Moment, found: &mut Found) {
        let now_ms = moment.now_ms();
        let is_due = |told: &Told| now_ms.saturating_sub(told.at_ms) >= EACH_EVERY_MS;
        let told_at = |row: &&LiveRow| self.told.get(&row.number).map_or(0, |told| told.at_ms);
        let due = live
            .iter()
            .filter(|row| self.told.get(&row.number).is_none_or(is_due));
        let mut due: Vec<&LiveRow> = due.collect();
        // Who has waited longest is told of first, and who was never told of before all others.
        due.sort_by_key(told_at);
        let mut rows: Vec<RequestRow> = Vec::new();
        for one in due {
            let row = under_way(one, redactor, moment);
            let told = self.told.get(&row.number);
            if told.is_none_or(|told| !is_alike(&told.row, &row)) {
                rows.push(row);
            }
            if rows.len() >= MOST_AT_ONCE {
                break;
            }
        }
        for row in rows {
            let told = Told {
                row: row.clone(),
                at_ms: now_ms,
            };
            self.told.insert(row.number, told);
            found.rows.push(row);
        }
    }

    fn ended(&mut self, gateway: &Gateway, moment: Moment, found: &mut Found) {
        // Only copied there: requests that end meanwhile wait for the ring.
        let (traces, count) = gateway.traces().since(self.ended, Trace::clone);
        let new = count.saturating_sub(self.ended);
        let seen = u64::try_from(traces.len()).unwrap_or(u64::MAX);
        found.lost = new.saturating_sub(seen);
        self.ended = count;
        let mut names = Names::new(gateway.redactor());
        for trace in traces {
            let row = ended(&trace, &mut names, moment);
            self.told.remove(&row.number);
            found.rows.push(row);
        }
    }

    /// Those that are under way no more, and have left no trace: the ring was overrun, or they were turned away.
    fn vanished(&mut self, live: &[LiveRow], found: &mut Found) {
        let is_here = |number: &u64| live.binary_search_by_key(number, |row| row.number).is_ok();
        let gone = self.told.keys().filter(|number| !is_here(number));
        let gone: Vec<u64> = gone.copied().collect();
        for number in gone {
            if let Some(told) = self.told.remove(&number) {
                found.rows.push(RequestRow {
                    phase: Phase::Over,
                    ..told.row
                });
            }
        }
    }
}

/// Whether nothing has happened between the two: that time has passed everybody knows.
fn is_alike(one: &RequestRow, other: &RequestRow) -> bool {
    let counts = |row: &RequestRow| (row.phase, row.attempts, row.ttft_ms, row.output_tokens);
    let names = |one: &RequestRow, other: &RequestRow| {
        one.model == other.model && one.provider == other.provider && one.served == other.served
    };
    counts(one) == counts(other) && names(one, other)
}

fn under_way(row: &LiveRow, redactor: &Redactor, moment: Moment) -> RequestRow {
    let since = moment.now.saturating_duration_since(row.received);
    let written = (row.events > 0).then_some(row.events);
    let streams = row.first_token.map(|first| since.saturating_sub(first));
    RequestRow {
        number: row.number,
        id: row.id().to_owned(),
        received_ms: moment.ms(row.received),
        client: row.client.to_string(),
        door: row.door.map(str::to_owned),
        endpoint: row.endpoint.to_owned(),
        model: foreign::shown(&row.asked, redactor, LONGEST_MODEL),
        phase: row.phase,
        provider: row.provider.as_deref().map(str::to_owned),
        served: name(row.model.as_ref(), redactor),
        route: asked(row),
        attempts: row.attempts,
        ttft_ms: row.first_token.map(milliseconds),
        total_ms: milliseconds(since),
        output_tokens: written,
        tokens_per_second: written
            .zip(streams)
            .and_then(|(tokens, time)| speed(tokens, time)),
        ..RequestRow::default()
    }
}

/// Who was asked so far: what became of those before the last one is told at the end.
fn asked(row: &LiveRow) -> Vec<(String, String)> {
    let told = |name: &Arc<str>, word: &str| (name.to_string(), word.to_owned());
    let before = row.before.iter().map(|name| told(name, "before"));
    let now = row.provider.iter().map(|name| told(name, "open"));
    before.chain(now).collect()
}

/// Names of models, made fit for people. Those of one look are mostly the same, and to look for secrets in each
/// would be what watching costs most.
struct Names<'a> {
    redactor: &'a Redactor,
    shown: HashMap<Arc<str>, String>,
}

impl<'a> Names<'a> {
    fn new(redactor: &'a Redactor) -> Self {
        Self {
            redactor,
            shown: HashMap::new(),
        }
    }

    fn shown(&mut self, name: &Arc<str>) -> String {
        if let Some(shown) = self.shown.get(name) {
            return shown.clone();
        }
        let shown = foreign::shown(name, self.redactor, LONGEST_MODEL);
        self.shown.insert(name.clone(), shown.clone());
        shown
    }
}

/// A request that has ended, as a row.
fn ended(trace: &Trace, names: &mut Names<'_>, moment: Moment) -> RequestRow {
    let served = trace.tries.iter().rev();
    let served = served.clone().find(|one| one.verdict == Verdict::Served);
    let last = served.or_else(|| trace.tries.iter().rev().find(|one| one.verdict.is_made()));
    let route = trace.tries.iter();
    let made = trace.tries.iter().filter(|one| one.verdict.is_made());
    let streams = trace
        .first_token
        .map(|first| trace.total.saturating_sub(first));
    RequestRow {
        number: trace.number,
        id: trace.id().to_owned(),
        received_ms: moment.ms(trace.received),
        client: trace.client.to_string(),
        door: trace.door.map(str::to_owned),
        endpoint: trace.endpoint.to_owned(),
        model: names.shown(&trace.asked),
        phase: Phase::Over,
        provider: last.map(|one| one.provider.to_string()),
        served: served.map(|one| names.shown(&one.model)),
        route: route
            .map(|one| (one.provider.to_string(), one.verdict.name().to_owned()))
            .collect(),
        attempts: count(made.count()),
        status: Some(trace.status),
        outcome: Some(trace.outcome.to_owned()),
        ttft_ms: trace.first_token.map(milliseconds),
        total_ms: milliseconds(trace.total),
        input_tokens: trace.input_tokens,
        output_tokens: trace.output_tokens,
        tokens_per_second: trace
            .output_tokens
            .zip(streams)
            .and_then(|(tokens, time)| speed(tokens, time)),
        cost: trace.cost,
    }
}

/// The page of a request, by its id or its number.
pub(super) fn page(gateway: &Gateway, id: &str, moment: Moment) -> Option<RequestDetail> {
    let mut page = told(gateway, id, moment)?;
    page.captured = gateway.capture().get(&page.row.id);
    Some(page)
}

fn told(gateway: &Gateway, id: &str, moment: Moment) -> Option<RequestDetail> {
    let redactor = gateway.redactor();
    let traces = gateway.traces();
    let number: Option<u64> = id.parse().ok();
    let trace = traces
        .find(id, |_| true)
        .or_else(|| traces.numbered(number?));
    if let Some(trace) = trace {
        return Some(detail(&trace, redactor, moment));
    }
    let live = gateway.live().rows();
    let mut live = live.iter();
    let row = live.find(|row| row.id() == id || Some(row.number) == number)?;
    Some(RequestDetail {
        row: under_way(row, redactor, moment),
        ..RequestDetail::default()
    })
}

fn detail(trace: &Trace, redactor: &Redactor, moment: Moment) -> RequestDetail {
    let losses = trace.losses.iter();
    RequestDetail {
        row: ended(trace, &mut Names::new(redactor), moment),
        strategy: trace.strategy.to_owned(),
        candidates: trace.candidates.clone(),
        attempts: trace
            .tries
            .iter()
            .map(|one| attempt(one, redactor))
            .collect(),
        losses: losses
            .map(|loss| foreign::shown(loss, redactor, foreign::LONGEST_QUOTE))
            .collect(),
        overhead_us: trace
            .overhead
            .map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX)),
        captured: None,
    }
}

fn attempt(one: &Try, redactor: &Redactor) -> AttemptRow {
    AttemptRow {
        provider: one.provider.to_string(),
        model: foreign::shown(&one.model, redactor, LONGEST_MODEL),
        key: one.key,
        cause: one.cause.name().to_owned(),
        verdict: one.verdict.name().to_owned(),
        is_failure: one.verdict.is_failure(),
        status: one.status,
        began_ms: milliseconds(one.began),
        elapsed_ms: one.elapsed.map(milliseconds),
        rests_ms: one.rests.map(milliseconds),
        injected: one.is_injected,
    }
}

/// A model's name: a client may have made it up.
fn name(model: Option<&Arc<str>>, redactor: &Redactor) -> Option<String> {
    model.map(|model| foreign::shown(model, redactor, LONGEST_MODEL))
}

/// Tokens per second, where there is time enough to tell.
fn speed(tokens: u64, time: std::time::Duration) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "no answer has 2^52 tokens")]
    let tokens = tokens as f64;
    let seconds = time.as_secs_f64();
    (seconds > 0.05).then(|| rounded(tokens / seconds))
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
