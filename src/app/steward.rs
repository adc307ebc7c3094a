//! The steward: what the admin API asks of this house, answered by the observer, the rehearsal and the acts.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::acts::{self, Deps, Reload};
use super::observer::Observer;
use super::tunnels::Tunnels;
use crate::proxy::decide::{self, Hopeless};
use crate::proxy::gateway::Gateway;
use crate::proxy::problem::Problem;
use crate::proxy::question::Question;
use crate::server::admin::{self, Work};
use crate::telemetry::act::{Act, Refused, Told};
use crate::telemetry::bus::Watch;
use crate::telemetry::snapshot::{ProviderDetail, RequestDetail, Snapshot};

/// Whose key the owner's questions come with: there is none, so no session of a client's is theirs.
const OWNER: &str = "admin";

/// See the module's head.
#[derive(Clone)]
pub(super) struct Steward {
    observer: Observer,
    tunnels: Tunnels,
    reload: Reload,
    /// The turn of a rehearsal: one after the other.
    rehearsing: Arc<Semaphore>,
}

impl Steward {
    /// The steward of what `observer` looks at.
    pub(super) fn new(observer: Observer, tunnels: Tunnels, reload: Reload) -> Self {
        Self {
            observer,
            tunnels,
            reload,
            rehearsing: Arc::new(Semaphore::new(1)),
        }
    }

    fn gateway(&self) -> Arc<Gateway> {
        self.observer.facts().gateway()
    }
}

impl admin::Steward for Steward {
    fn instance(&self) -> String {
        self.observer.facts().instance.clone()
    }

    fn snapshot(&self) -> Snapshot {
        self.observer.snapshot()
    }

    fn watch(&self) -> Watch {
        self.observer.watch()
    }

    fn provider(&self, name: &str) -> Option<ProviderDetail> {
        self.observer.provider(name)
    }

    fn request(&self, id: &str) -> Option<RequestDetail> {
        self.observer.request(id)
    }

    fn config(&self) -> Value {
        self.gateway().config().effective()
    }

    fn decide(&self, question: Value) -> Work<Value> {
        let (gateway, rehearsing) = (self.gateway(), self.rehearsing.clone());
        Box::pin(async move {
            let body = Bytes::from(question.to_string());
            let question = Question::read(body, HeaderMap::new(), OWNER.into(), None);
            rehearsed(gateway, question.map_err(refused)?, rehearsing).await
        })
    }

    fn act(&self, act: Act) -> Work<Told> {
        let deps = Deps {
            gateway: self.gateway(),
            tunnels: self.tunnels.clone(),
            reload: self.reload.clone(),
        };
        Box::pin(acts::perform(deps, act))
    }
}

/// Not on the threads that serve: among thousands of targets a rehearsal takes a while.
async fn rehearsed(
    gateway: Arc<Gateway>,
    question: Question,
    rehearsing: Arc<Semaphore>,
) -> Result<Value, Refused> {
    let turn = rehearsing.acquire_owned().await;
    let turn = turn.map_err(|_closed| Refused::new("the gateway is ending"))?;
    let runtime = Handle::current();
    let rehearsal = spawn_blocking(move || {
        // Its own: whoever has asked may be gone before it ends.
        let _turn = turn;
        runtime.block_on(decide::decide(&gateway, question))
    });
    let rehearsal = rehearsal.await;
    let decided = rehearsal.map_err(|_panicked| refused(Problem::internal()))?;
    decided.or_else(|hopeless| told(*hopeless))
}

/// That nobody would be asked, and why, is an answer.
fn told(hopeless: Hopeless) -> Result<Value, Refused> {
    let Hopeless { problem, decision } = hopeless;
    match decision {
        Some(mut decision) if decision.is_object() => {
            decision["error"] = problem.body.message.into();
            Ok(decision)
        }
        _ => Err(refused(problem)),
    }
}

fn refused(problem: Problem) -> Refused {
    Refused::new(problem.body.message)
}
