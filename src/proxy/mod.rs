//! The request path: from a call to a reply.
//!
//! ```text
//! Call ── Prepared::read ── route::plan ── Failover ──> Attempt ──> Upstream
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
mod exhausted;
pub mod failover;
mod fallbacks;
pub mod gateway;
pub mod hold;
pub mod ingress;
pub mod live;
mod nested;
mod no_target;
pub mod prepared;
pub mod problem;
pub mod raw;
pub mod receive;
pub mod record;
pub mod relay;
mod state;
pub mod stored;
pub mod tongue;
pub mod translate;
pub mod upstream;
pub mod watch;
pub mod written;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tokio::time::Instant;

use crate::chat::{Dialect, Operation};
use crate::codec::keep_alive;
use crate::config::OnUnknownModel;
use crate::provider::Redactor;
use crate::route::Target;
use crate::route::choice::Policy;
use crate::route::plan::{self, Keyring, NoTarget, Plan};
use crate::route::wanted::Wanted;
use crate::sse;
use array::Array;
use attempt::{Attempt, Good, Told};
use body::Body;
use call::Call;
use continuation::{Continuation, Spare};
use failover::Failover;
use gateway::Gateway;
use hold::Held;
use ingress::Framing;
use live::Live;
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

/// Upstream headers that clients may see.
static PASSED_BACK: [HeaderName; 5] = [
    header::CONTENT_TYPE,
    header::CONTENT_DISPOSITION,
    header::CONTENT_LANGUAGE,
    header::CACHE_CONTROL,
    HeaderName::from_static("openai-processing-ms"),
];

/// Beginnings of the headers in which upstreams tell their rate limits.
const LIMITS: [&str; 2] = ["x-ratelimit-", "anthropic-ratelimit-"];

/// Bytes of a list in a header behind which nothing is added: some clients refuse answers with more than
/// 8 KiB of headers.
const LONGEST_LIST: usize = 2048;

/// Characters of one word of it.
const LONGEST_WORD: usize = 256;

/// Answers a call.
///
/// # Cancel safety
/// Dropping the future ends the attempt under way and writes the request's log line.
pub async fn handle(
    gateway: Arc<Gateway>,
    call: Call,
    mut record: Record,
) -> Result<Reply, Problem> {
    let read = Prepared::read(&call).and_then(|mut prepared| {
        state::resume(&gateway, &call, &mut prepared)?;
        let plan = make_plan(&gateway, &call, &prepared, &mut record)?;
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
    let spare = Spare::of(&gateway, &call, &prepared, &plan);
    let dialect = call.endpoint.dialect;
    let stop = gateway.stopped();
    let result = tokio::select! {
        biased;
        result = Failover::new(attempt, plan, &mut record).run() => result,
        () = stop.cancelled() => Err(Problem::shutting_down()),
    };
    match result {
        Ok((good, target, permit)) => {
            record.hold(permit);
            let continuation = spare.and_then(|spare| {
                Continuation::new(&gateway, (call, prepared), (&good, &target), *spare)
            });
            let good = (good, continuation);
            Ok(commit(&gateway, dialect, good, (target, exposed), record))
        }
        Err(problem) => {
            record.failed(problem.status.as_u16());
            Err(problem)
        }
    }
}

/// The limit of the route that led to the first target.
fn route_limit(plan: &Plan) -> Option<Duration> {
    plan.targets.first()?.offer.rules.as_ref()?.total
}

fn make_plan(
    gateway: &Gateway,
    call: &Call,
    prepared: &Prepared,
    record: &mut Record,
) -> Result<Plan, Problem> {
    let router = &gateway.config().router;
    let exists = |name: &&String| call.scope.as_ref().is_none_or(|scope| scope.allows(name));
    let default_model = router.default_model.as_ref().filter(exists);
    let asked = prepared.head.model.as_deref();
    let Some(asked) = asked else {
        return Err(Problem::bad_field(
            "model",
            "`model` is required: a name from GET /v1/models, or `auto`",
        ));
    };
    record.asked(asked);
    let index = gateway.index();
    let model = match (default_model, Wanted::parse(asked, |name| index.has(name))) {
        (Some(default), Wanted::Anything) => default,
        _ => asked,
    };
    let fluency =
        |place: usize| tongue::fluency(call.endpoint, &gateway.keyrings()[place].provider);
    let policy = Policy {
        strategy: router.strategy,
        profile: router.weighted.profile,
        small_models: router.small_models.as_ref(),
        dice: gateway.next_dice(),
    };
    let plan_for = |model: &str| {
        let ask = prepared.ask(call, model, router.strip_unsupported, &fluency, policy);
        plan::make(
            &ask,
            &index,
            gateway.keyrings(),
            gateway.health(),
            || prepared.needs(),
            std::time::Instant::now(),
        )
    };
    let plan = match (plan_for(model), default_model) {
        (Err(NoTarget::UnknownModel { .. }), Some(default))
            if router.on_unknown_model == OnUnknownModel::Default =>
        {
            plan_for(default)
        }
        (plan, _) => plan,
    };
    plan.map_err(|reason| match reason {
        NoTarget::NoSpeaker => Problem::no_speaker(call.endpoint, model),
        reason => Problem::no_target(
            reason,
            model,
            prepared.head.provider.as_deref(),
            prepared.head.alias.as_deref(),
        ),
    })
}

/// Makes the answer of a target the client's.
fn commit(
    gateway: &Arc<Gateway>,
    dialect: Dialect,
    (good, continuation): (Good, Option<Box<Continuation>>),
    (target, exposed): (Target, Exposed),
    mut record: Record,
) -> Committed {
    let mut headers = if good.is_translated {
        // What the upstream says of its body is not true of ours.
        json_headers()
    } else {
        passed_back(&good.headers, gateway.redactor())
    };
    if exposed == Exposed::Limits {
        pass_limits(&good.headers, gateway.redactor(), &mut headers);
    }
    let ring = &gateway.keyrings()[target.offer.provider];
    describe(&mut headers, ring, &target, record.attempts(), &good.told);
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

fn json_headers() -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    headers
}

fn passed_back(upstream: &HeaderMap, redactor: &Redactor) -> HeaderMap {
    let mut headers = json_headers();
    for (name, value) in upstream {
        if PASSED_BACK.contains(name) && is_clean(value, redactor) {
            headers.insert(name, value.clone());
        }
    }
    headers
}

/// Upstreams have been seen to quote keys in odd places.
fn is_clean(value: &HeaderValue, redactor: &Redactor) -> bool {
    // What nearly every answer says needs no search.
    value == "application/json" || value.to_str().is_ok_and(|text| !redactor.suspects(text))
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

fn pass_limits(upstream: &HeaderMap, redactor: &Redactor, headers: &mut HeaderMap) {
    for (name, value) in upstream {
        let name_is_theirs = LIMITS.iter().any(|start| name.as_str().starts_with(start));
        if name_is_theirs && is_clean(value, redactor) {
            headers.insert(name.clone(), value.clone());
        }
    }
}

/// Headers without which something on the way would buffer the stream.
fn stream_headers(headers: &mut HeaderMap) {
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(sse::CONTENT_TYPE),
    );
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-transform"),
    );
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
}

/// Says who answered.
fn describe(headers: &mut HeaderMap, ring: &Keyring, target: &Target, attempts: u32, told: &Told) {
    let mut set = |name: &'static str, value: Option<HeaderValue>| {
        if let Some(value) = value {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("x-autogw-provider", ring.name_header.clone());
    set("x-autogw-model", target.offer.name_header.clone());
    set("x-autogw-attempts", Some(attempts.into()));
    set("x-autogw-dropped", list(&told.dropped));
    set("x-autogw-adjusted", list(&told.adjusted));
    let stop = told.native_stop.as_deref().filter(|stop| is_word(stop));
    set(
        "x-autogw-native-stop",
        stop.and_then(|stop| HeaderValue::from_str(stop).ok()),
    );
}

/// Whether the upstream's word for an end is one, and not a text that might quote anything.
fn is_word(stop: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    stop.len() <= 64 && stop.chars().all(is_plain)
}

/// `words` as the value of a header. They may be anybody's: what cannot stand there is replaced, and where
/// they are too many the end is left out.
fn list(words: &[String]) -> Option<HeaderValue> {
    let mut joined = String::new();
    for word in words {
        if !joined.is_empty() {
            joined.push(',');
        }
        if joined.len() > LONGEST_LIST {
            joined.push_str("...");
            break;
        }
        let plain = |c: char| (c == ' ' || c.is_ascii_graphic()) && c != ',';
        let word = word.chars().take(LONGEST_WORD);
        joined.extend(word.map(|c| if plain(c) { c } else { '_' }));
    }
    let header = HeaderValue::from_str(&joined);
    header.ok().filter(|_| !joined.is_empty())
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
