//! The steward: what the admin API asks of this house, answered by the observer, the rehearsal and the acts.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::acts::{self, Deps, Reload};
use super::observer::Observer;
use super::tunnels::Tunnels;
use crate::provider::Redactor;
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
    /// Acts go on in it if nobody waits for them any more.
    tasks: TaskTracker,
}

impl Steward {
    /// The steward of what `observer` looks at.
    pub(super) fn new(
        observer: Observer,
        tunnels: Tunnels,
        reload: Reload,
        tasks: TaskTracker,
    ) -> Self {
        Self {
            observer,
            tunnels,
            reload,
            rehearsing: Arc::new(Semaphore::new(1)),
            tasks,
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
            let redactor = gateway.redactor().clone();
            let question = Question::read(body, HeaderMap::new(), OWNER.into(), None);
            let decided = match question {
                Ok(question) => decide::decide_aside(gateway, question, rehearsing)
                    .await
                    .or_else(|hopeless| told(*hopeless)),
                Err(problem) => Err(refused(problem)),
            };
            decided
                .map(|decision| cleaned(decision, &redactor))
                .map_err(|refused| clean(refused, &redactor))
        })
    }

    fn act(&self, act: Act) -> Work<Told> {
        let deps = Deps {
            gateway: self.gateway(),
            tunnels: self.tunnels.clone(),
            reload: self.reload.clone(),
        };
        let redactor = deps.gateway.redactor().clone();
        // On a task of its own: who has asked may hang up, and a tunnel that is closed to be opened anew is opened.
        let doing = self.tasks.spawn(acts::perform(deps, act));
        Box::pin(async move {
            let done = doing
                .await
                .unwrap_or_else(|_panicked| Err(refused(Problem::internal())));
            done.map_err(|refused| clean(refused, &redactor))
        })
    }
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

/// A refusal without keys: what was asked is said back in it.
fn clean(refused: Refused, redactor: &Redactor) -> Refused {
    let clean = |text: String| redactor.redact(&text).into_owned();
    Refused {
        message: clean(refused.message),
        hint: refused.hint.map(clean),
        details: refused.details.into_iter().map(clean).collect(),
    }
}

/// A decision without keys. It is as deep as the question, whose depth its reader has bounded.
fn cleaned(value: Value, redactor: &Redactor) -> Value {
    match value {
        Value::String(text) => redactor.redact(&text).into_owned().into(),
        Value::Array(items) => {
            let items = items.into_iter();
            items.map(|item| cleaned(item, redactor)).collect()
        }
        Value::Object(fields) => {
            let fields = fields.into_iter();
            fields
                .map(|(name, value)| (name, cleaned(value, redactor)))
                .collect()
        }
        plain => plain,
    }
}
