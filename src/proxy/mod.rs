//! The request path: from a call to a reply.
//!
//! ```text
//! Call ── Prepared::read ── planning ── Failover ──> Attempt ──> Upstream
//!                                             │             └─ failure: classified, booked, next target
//!                                             └─ good: committed ──> Body (whole · live stream · raw)
//! ```
//!
//! Four dialects come in ([`ingress`]); which one a target is spoken to in is one decision ([`tongue`]).
//!
//! A request that matches its provider's dialect is never re-encoded: bytes in, a few edits at the top
//! level, bytes out, and a watcher beside the stream.

pub mod array;
pub mod attempt;
pub mod body;
pub mod call;
pub mod continuation;
pub mod control;
mod count;
pub mod current;
pub mod decide;
mod exhausted;
pub mod failover;
mod fallbacks;
pub mod gateway;
mod headers;
pub mod hedges;
pub mod hold;
pub mod house;
pub mod idempotency;
pub mod ingress;
pub mod live;
mod nested;
mod no_target;
pub mod planning;
pub mod prepared;
pub mod problem;
pub mod question;
pub mod raw;
pub mod receive;
pub mod record;
pub mod relay;
pub mod seat;
pub mod session;
mod shared;
pub mod shown;
mod state;
pub mod steering;
pub mod stored;
pub mod tapped;
pub mod tongue;
pub mod translate;
mod tries;
pub mod upstream;
pub mod watch;
pub mod written;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::time::Instant;

use crate::chat::{Dialect, Operation};
use crate::codec::keep_alive;
use crate::route::plan::Plan;
use array::Array;
use attempt::Attempt;
use body::Body;
use call::Call;
use continuation::{Continuation, Spare};
use failover::{Failover, Won};
use gateway::Gateway;
use headers::{describe, json_headers, pass_limits, passed_back, route, stream_headers};
use hold::Held;
use ingress::Framing;
use live::Live;
use planning::Terms;
use prepared::Prepared;
use problem::Problem;
use raw::Raw;
use receive::GoodBody;
use record::Record;
use watch::Watch;

/// What a client gets.
#[derive(Debug)]
pub struct Reply {
    /// Status line.
    pub status: StatusCode,
    /// Headers, without those of the edge (request id, date).
    pub headers: HeaderMap,
    /// Body.
    pub body: Body,
}

/// An answer that is the client's from here on.
#[derive(Debug)]
pub struct Committed {
    status: StatusCode,
    headers: HeaderMap,
    body: Body,
}

/// Answers a call.
///
/// # Cancel safety
/// Dropping the future ends the attempt under way and writes the request's log line.
pub async fn handle(
    gateway: Arc<Gateway>,
    call: Call,
    mut record: Record,
) -> Result<Reply, Problem> {
    record.traced();
    let read = gateway.idempotency().claim(&call, &record).and_then(|key| {
        record.under(key);
        let mut prepared = Prepared::read(&call)?;
        state::resume(&gateway, &call, &mut prepared)?;
        record.asked(prepared.head.model.as_deref().unwrap_or_default());
        let session = session::last(&gateway, &call, &mut prepared);
        let terms = Terms {
            session: session.as_ref(),
            ..Terms::default()
        };
        let plan = planning::plan(&gateway, &call, &prepared, terms)?;
        Ok((prepared, plan))
    });
    let (prepared, plan) = match read {
        Ok(read) => read,
        Err(problem) => {
            record.failed(problem.status.as_u16());
            return Err(problem);
        }
    };
    if call.endpoint.operation == Operation::CountTokens {
        return Box::pin(count::answer(gateway, call, prepared, plan, record)).await;
    }
    let hold = promised_after(&gateway, &call).filter(|_| prepared.streams);
    let id = record.request_id().clone();
    let tongue = call.tongue();
    // Not a variable of its own: a future that is moved before it is awaited has room twice in this one.
    let reply = match hold {
        None => search(gateway, call, prepared, plan, record)
            .await
            .map(Reply::from),
        Some(hold) => {
            let search = Box::pin(search(gateway, call, prepared, plan, record));
            answer_within(hold, tongue.dialect, id, search).await
        }
    }?;
    Ok(framed(reply, tongue.framing))
}

/// After how long a stream is promised whose target is still being searched for. Google's SDKs survive no
/// sign of life, so nothing is gained by a promise to them, unless without it somebody would give up.
fn promised_after(gateway: &Gateway, call: &Call) -> Option<Duration> {
    let hold = gateway.config().router.commit_hold;
    let hold = hold.filter(|_| keep_alive(call.endpoint.dialect).is_some());
    [hold, call.promise_after].into_iter().flatten().min()
}

/// Gives a stream the framing that its client asked for.
fn framed(mut reply: Reply, framing: Framing) -> Reply {
    if framing == Framing::Array && matches!(reply.body, Body::Live(_) | Body::Held(_)) {
        let json = HeaderValue::from_static("application/json");
        reply.headers.insert(header::CONTENT_TYPE, json);
        reply.body = Body::Array(Box::new(Array::new(reply.body)));
    }
    reply
}

type BoxedSearch = std::pin::Pin<Box<dyn Future<Output = Result<Committed, Problem>> + Send>>;

/// Waits `hold` for a target, then promises a stream and goes on searching inside of it.
async fn answer_within(
    hold: Duration,
    dialect: Dialect,
    id: HeaderValue,
    mut search: BoxedSearch,
) -> Result<Reply, Problem> {
    if let Ok(result) = tokio::time::timeout(hold, &mut search).await {
        result.map(Reply::from)
    } else {
        let mut headers = HeaderMap::new();
        stream_headers(&mut headers);
        Ok(Reply {
            status: StatusCode::OK,
            headers,
            body: Body::Held(Box::new(Held::new(dialect, &id, search))),
        })
    }
}

async fn search(
    gateway: Arc<Gateway>,
    call: Call,
    prepared: Prepared,
    plan: Plan,
    mut record: Record,
) -> Result<Committed, Problem> {
    let total = gateway.config().router.timeouts.total;
    let limits = [prepared.timeout, route_limit(&plan)];
    let limit = limits.into_iter().flatten().fold(total, Duration::min);
    let attempt = Attempt {
        gateway: &gateway,
        call: &call,
        prepared: &prepared,
        needs: plan.needs,
        deadline: Instant::from_std(record.received()) + limit,
    };
    let exposed = Exposed::of(&plan);
    record.planned(plan.strategy);
    record.considered(shown::considered(&plan.considered, gateway.keyrings()));
    let spare = Spare::of(&gateway, &call, &prepared, &plan);
    let dialect = call.endpoint.dialect;
    let stop = gateway.stopped();
    let mut failover = Failover::new(attempt, plan, &mut record);
    let result = tokio::select! {
        biased;
        result = failover.run() => result,
        () = stop.cancelled() => Err(Problem::shutting_down()),
    };
    drop(failover);
    match result {
        Ok(won) => {
            session::served(&gateway, &call, &prepared, &won.target.id);
            let continuation = spare.and_then(|spare| {
                let served = (&won.good, &won.target);
                Continuation::new(&gateway, (call, prepared), served, *spare)
            });
            let won = (won, continuation);
            Ok(commit(&gateway, dialect, won, exposed, record))
        }
        Err(mut problem) => {
            problem.route = route(record.tries()).map(String::into_boxed_str);
            record.failed(problem.status.as_u16());
            Err(problem)
        }
    }
}

/// The limit of the route that led to the first target.
fn route_limit(plan: &Plan) -> Option<Duration> {
    let open = plan.open.iter().map(|(target, _)| target);
    let resting = plan.resting.iter().map(|(target, ..)| target);
    let first = plan.targets.iter().chain(open).chain(resting).next();
    first?.offer.rules.as_ref()?.total
}

/// Makes the answer of a target the client's.
fn commit(
    gateway: &Arc<Gateway>,
    dialect: Dialect,
    (won, continuation): (Won, Option<Box<Continuation>>),
    exposed: Exposed,
    mut record: Record,
) -> Committed {
    let Won {
        good,
        target,
        seat,
        place,
    } = won;
    record.heard(good.heard);
    record.hold(seat);
    record.serves(place);
    let mut headers = if good.is_translated {
        // What the upstream says of its body is not true of ours.
        json_headers()
    } else {
        passed_back(&good.headers, gateway.redactor())
    };
    if exposed == Exposed::Limits && record.attempts() == 1 {
        pass_limits(&good.headers, gateway.redactor(), &mut headers);
    }
    let ring = &gateway.keyrings()[target.offer.provider];
    describe(&mut headers, ring, &target, &record, &good.told);
    record.lost(good.told.dropped);
    record.served_by(target, good.status.as_u16());
    let body = match good.body {
        GoodBody::Whole(bytes, usage) => {
            record.usage(usage);
            record.complete();
            Body::Full(bytes)
        }
        // Settled by its attempt.
        GoodBody::Carried(_) => Body::Empty,
        GoodBody::Stream(opened) => {
            stream_headers(&mut headers);
            Body::Live(Box::new(Live::new(
                gateway.clone(),
                dialect,
                opened,
                record,
                continuation,
            )))
        }
        GoodBody::Raw(answer) => {
            let idle = gateway.config().router.timeouts.idle;
            let watch = Watch::new(gateway, idle);
            Body::Raw(Box::new(Raw::new(answer, record, watch)))
        }
    };
    Committed {
        status: good.status,
        headers,
        body,
    }
}

/// Whether an upstream's rate limits are shown to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exposed {
    /// There is one target, so its limits are the client's.
    Limits,
    /// There are several: the limits of one would mislead.
    Nothing,
}

impl Exposed {
    fn of(plan: &Plan) -> Self {
        if plan.targets.len() + plan.resting.len() == 1 {
            Self::Limits
        } else {
            Self::Nothing
        }
    }
}

impl From<Committed> for Reply {
    fn from(committed: Committed) -> Self {
        Self {
            status: committed.status,
            headers: committed.headers,
            body: committed.body,
        }
    }
}
