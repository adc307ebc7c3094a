//! The `Idempotency-Key` header: a request that was answered is not executed again, whoever repeats it.
//!
//! Keys belong to the client and the endpoint they came with, and end here: providers never see them. A key
//! is free again when its request failed before an answer was anybody's, or its client left, because SDKs
//! repeat a request under the key of the first try.

use std::sync::Arc;
use std::time::Instant;

use http::{HeaderName, StatusCode};
use parking_lot::Mutex;
use ring::digest::{Context, SHA256};

use super::call::Call;
use super::problem::Problem;
use super::record::Record;
use crate::chat::Operation;
use crate::memory::idempotency::{Digest, Executions, Taken};

static HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// Longest key.
const LONGEST: usize = 255;

/// The keys of all clients.
#[derive(Debug, Default)]
pub struct Keys(Arc<Mutex<Executions>>);

impl Keys {
    /// Takes the call's key for it, where it has one and generates anything. Boxed, as few have one and the
    /// book it goes into is moved from future to future.
    ///
    /// # Errors
    /// 400 for a key that is none, 409 while or after the same request is or was executed, 422 where the key
    /// is that of another request.
    pub fn claim(&self, call: &Call, record: &Record) -> Result<Option<Box<Claim>>, Problem> {
        let Some(key) = call.headers.get(&HEADER) else {
            return Ok(None);
        };
        if !matters(call.endpoint.operation) {
            return Ok(None);
        }
        let is_one = |key: &&str| {
            !key.is_empty() && key.len() <= LONGEST && key.bytes().all(|b| b.is_ascii_graphic())
        };
        let key = key.to_str().ok().filter(is_one).ok_or_else(no_key)?;
        let name = format!("{}\0{}\0{key}", call.client, call.endpoint.path);
        let content = digest(call);
        let begun = self
            .0
            .lock()
            .begin(&name, content, record.id(), Instant::now());
        let turn = begun.map_err(refused)?;
        Ok(Some(Box::new(Claim {
            executions: self.0.clone(),
            name,
            turn,
            is_done: false,
        })))
    }
}

/// Whether it matters that something is done once only: counting and embedding changes and costs next to
/// nothing, and is asked for again as a matter of course.
fn matters(operation: Operation) -> bool {
    match operation {
        Operation::Generate | Operation::Other => true,
        Operation::CountTokens | Operation::Embed => false,
    }
}

/// What the call asks for: its body, and what its path says beside the endpoint.
fn digest(call: &Call) -> Digest {
    let mut hash = Context::new(&SHA256);
    if let Some(spoken) = &call.spoken {
        hash.update(spoken.model.as_bytes());
        hash.update(&[0, u8::from(spoken.streams), 0]);
    }
    hash.update(&call.body);
    let mut digest = Digest::default();
    digest.copy_from_slice(hash.finish().as_ref());
    digest
}

fn no_key() -> Problem {
    Problem::bad_request(format!(
        "the idempotency-key header is 1 to {LONGEST} visible ASCII characters"
    ))
}

fn refused(why: Taken) -> Problem {
    let (status, code, message) = match why {
        Taken::InProgress => (
            StatusCode::CONFLICT,
            "idempotency_in_progress",
            "a request with this idempotency key is under way".to_owned(),
        ),
        Taken::Done(request_id) => (
            StatusCode::CONFLICT,
            "already_executed",
            format!("a request with this idempotency key was answered as {request_id}"),
        ),
        Taken::OtherContent => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            "this idempotency key belongs to a request with another body".to_owned(),
        ),
    };
    Problem::new(status, "invalid_request_error", Some(code), message).finally()
}

/// A key that is taken for one request. It is free again when this goes, unless the request was executed.
#[derive(Debug)]
pub struct Claim {
    executions: Arc<Mutex<Executions>>,
    name: String,
    turn: u64,
    is_done: bool,
}

impl Claim {
    /// The request was executed: the key stays taken.
    pub fn executed(mut self) {
        self.is_done = true;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut executions = self.executions.lock();
        if self.is_done {
            executions.done(&self.name, self.turn, Instant::now());
        } else {
            executions.free(&self.name, self.turn, Instant::now());
        }
    }
}
