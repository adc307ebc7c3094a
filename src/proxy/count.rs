//! Counting tokens: by the target's own counter where it has one, else by our estimate.
//!
//! Editors ask dozens of times while they start, and take any failure for one of the gateway: so one
//! target is asked, for a short time, and whatever goes wrong the estimate answers. It says so in
//! `x-autogw-estimated`, and costs nobody a rest.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::attempt::{Attempt, Leash};
use super::body::Body;
use super::call::Call;
use super::gateway::Gateway;
use super::headers::describe;
use super::prepared::Prepared;
use super::problem::Problem;
use super::receive::GoodBody;
use super::record::Record;
use super::{Reply, tongue};
use crate::chat::Dialect;
use crate::route::Target;
use crate::route::plan::Plan;
use crate::telemetry::trace::{Cause, Verdict};

/// How long a counter may take: an editor waits for dozens of these.
const WITHIN: Duration = Duration::from_secs(5);

/// Answers with the number of tokens that the request of `call` would cost.
pub(super) async fn answer(
    gateway: Arc<Gateway>,
    call: Call,
    prepared: Prepared,
    plan: Plan,
    mut record: Record,
) -> Result<Reply, Problem> {
    let attempt = Attempt {
        gateway: &gateway,
        call: &call,
        prepared: &prepared,
        needs: plan.needs,
        deadline: Instant::now() + WITHIN,
    };
    let dialect = call.endpoint.dialect;
    let counted = match plan.targets.first() {
        Some(target) => count(attempt, target, &mut record).await.zip(Some(target)),
        None => None,
    };
    let reply = if let Some((count, target)) = counted {
        let mut reply = tell(dialect, count);
        let ring = &gateway.keyrings()[target.offer.provider];
        describe(
            &mut reply.headers,
            ring,
            target,
            &record,
            &super::attempt::Told::default(),
        );
        record.served_by(target.clone(), StatusCode::OK.as_u16());
        reply
    } else {
        let gate = gateway.heavy();
        let read = || prepared.neutral(&gateway, &call);
        let neutral = gate.pass(call.body.len(), read).await;
        let count = neutral.inspect_err(|problem| record.failed(problem.status.as_u16()))?;
        let mut reply = tell(dialect, Count::Number(count.input_tokens()));
        let estimated = HeaderName::from_static("x-autogw-estimated");
        reply
            .headers
            .insert(estimated, HeaderValue::from_static("1"));
        record.answered(StatusCode::OK.as_u16());
        reply
    };
    record.complete();
    Ok(reply)
}

/// A count, as far as it has to be told anew.
enum Count {
    /// A number.
    Number(u64),
    /// The upstream's answer, which is the client's.
    Answer(Bytes),
}

/// Asks `target`; nothing comes of it if it cannot count, or does not in time.
async fn count(attempt: Attempt<'_>, target: &Target, record: &mut Record) -> Option<Count> {
    let provider = attempt.gateway.provider(target);
    let endpoint = tongue::endpoint(attempt.prepared, &target.offer, provider)?;
    let (gate, weight) = (attempt.gateway.heavy(), attempt.weight(target));
    let mut sheet = gate
        .pass(weight, || attempt.write(target, &[]))
        .await
        .ok()?;
    let place = record.begin(target, Cause::First);
    let began = Instant::now();
    let answered = attempt.run(target, &mut sheet, Leash::default()).await;
    if let Some(tried) = record.tried(place) {
        tried.elapsed = Some(began.elapsed());
        tried.verdict = answered.as_ref().map_or_else(
            |failure| Verdict::Failed(failure.class),
            |_| Verdict::Served,
        );
    }
    let good = answered.ok()?;
    record.heard(good.heard);
    let GoodBody::Whole(bytes, _) = good.body else {
        return None;
    };
    if endpoint.dialect == attempt.call.endpoint.dialect {
        return Some(Count::Answer(bytes));
    }
    let answer: Value = serde_json::from_slice(&bytes).ok()?;
    let number = answer.get("input_tokens").or(answer.get("totalTokens"));
    number?.as_u64().map(Count::Number)
}

fn tell(dialect: Dialect, count: Count) -> Reply {
    let body = match count {
        Count::Answer(bytes) => bytes,
        Count::Number(count) => Bytes::from(written(dialect, count).to_string()),
    };
    let mut headers = HeaderMap::with_capacity(8);
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    Reply {
        status: StatusCode::OK,
        headers,
        body: Body::Full(body),
    }
}

fn written(dialect: Dialect, count: u64) -> Value {
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => {
            json!({ "object": "response.input_tokens", "input_tokens": count })
        }
        Dialect::Anthropic => json!({ "input_tokens": count }),
        Dialect::Gemini => json!({ "totalTokens": count }),
    }
}
