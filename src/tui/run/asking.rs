//! What is asked of the gateway: each on a task of its own, so that the loop waits for none.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::attach::{Client, Trouble};
use crate::telemetry::act::{Act, Refused};
use crate::tui::dashboard::Answer;
use crate::tui::pane::Wanted;

/// Answers that may wait to be heard.
const BACKLOG: usize = 16;

/// See the module's head.
#[derive(Debug)]
pub(super) struct Asking {
    client: Client,
    sender: mpsc::Sender<Answer>,
    receiver: mpsc::Receiver<Answer>,
}

impl Asking {
    /// Asks through `client`.
    pub(super) fn new(client: Client) -> Self {
        let (sender, receiver) = mpsc::channel(BACKLOG);
        Self {
            client,
            sender,
            receiver,
        }
    }

    /// The next answer.
    ///
    /// # Cancel safety
    /// Nothing is lost if it is dropped.
    pub(super) async fn next(&mut self) -> Answer {
        match self.receiver.recv().await {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }

    /// Asks for a page.
    pub(super) fn fetch(&self, wanted: Wanted) {
        let client = self.client.clone();
        self.spawn(async move { fetched(&client, wanted).await });
    }

    /// Has the gateway do something.
    pub(super) fn act(&self, act: Act) {
        let client = self.client.clone();
        self.spawn(async move { Answer::Act(client.act(&act).await.map_err(refused)) });
    }

    /// Tasks end with the runtime, which ends with the dashboard.
    fn spawn(&self, answer: impl Future<Output = Answer> + Send + 'static) {
        let sender = self.sender.clone();
        tokio::spawn(async move {
            // Nobody hears it if the dashboard is gone.
            _ = sender.send(answer.await).await;
        });
    }
}

async fn fetched(client: &Client, wanted: Wanted) -> Answer {
    match wanted {
        Wanted::Provider(name) => {
            let name = utf8_percent_encode(&name, NON_ALPHANUMERIC);
            let detail = client.get(&format!("/v1/providers/{name}")).await;
            Answer::Provider(detail.map(Box::new).map_err(words))
        }
        Wanted::Request(number) => {
            let detail = client.get(&format!("/v1/requests/{number}")).await;
            Answer::Request(detail.map(Box::new).map_err(words))
        }
        Wanted::Config => Answer::Config(client.get("/v1/config").await.map_err(words)),
        Wanted::Decision(question) => {
            let decision = client.post::<Value>("/v1/decide", &question).await;
            Answer::Decision(decision.map_err(words))
        }
    }
}

fn words(trouble: Trouble) -> String {
    let refused = refused(trouble);
    match refused.hint {
        Some(hint) => format!("{}; {hint}", refused.message),
        None => refused.message,
    }
}

fn refused(trouble: Trouble) -> Refused {
    match trouble {
        Trouble::Refused(refused) => refused,
        other => Refused::new(other.to_string()),
    }
}
