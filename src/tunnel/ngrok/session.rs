//! One session with ngrok and its endpoint, from the first connection to the last word.
//!
//! It is never mended: what ends is opened anew by the supervisor. (Left alone, the crate waits without
//! a limit between its own attempts, and no longer hears that an endpoint is stopped after the first.)

use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt as _;
use ngrok::config::TunnelBuilder as _;
use ngrok::session::{ConnectError, IoStream, Restart, SessionBuilder, Stop, Update};
use ngrok::tunnel::{AcceptError, EndpointInfo as _, HttpTunnel, TunnelInfo as _};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::Pace;
use super::dial::dial;
use super::heartbeat::Pulse;
use super::killable::{Fuse, Switch};
use super::lobby::{Connection, Lobby};
use super::plan::Plan;
use super::trouble::Failure;
use crate::telemetry::tunnel::Line;

/// For taking the endpoint away again. ngrok does it anyway when the session ends.
const UNBIND: Duration = Duration::from_secs(2);

/// For the crate to learn that a session is over, and for its tasks to let go of the connection.
const CLOSE: Duration = Duration::from_millis(500);

/// What ngrok's dashboard is told that asks for an update.
const NO_UPDATE: &str =
    "autogw does not update itself: install the new version and restart it where it runs";

/// What ngrok's dashboard orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Stop,
    Restart,
}

/// How a session came to its end.
#[derive(Debug)]
pub(super) enum Ended {
    /// Nobody is behind the door any more.
    Left,
    /// ngrok stopped it, in these words.
    Stopped(String),
    /// ngrok asked for another one.
    Restart,
    /// It broke.
    Lost(Failure),
}

/// An open session.
pub(super) struct Session {
    agent: ngrok::Session,
    tunnel: HttpTunnel,
    url: String,
    switch: Switch,
    pulse: Pulse,
    orders: mpsc::Receiver<Order>,
    /// Whether ngrok has an endpoint of ours.
    is_bound: bool,
}

impl Session {
    /// Connects and announces an endpoint.
    ///
    /// # Cancel safety
    /// Leaves nothing behind: the connection ends with the switch.
    pub(super) async fn open(plan: &Plan, pace: Pace) -> Result<Self, Failure> {
        let switch = Switch::default();
        let (pulse, told) = Pulse::new(pace);
        let (sender, orders) = mpsc::channel(1);
        let mut builder = plan.builder();
        builder.handle_heartbeat(told);
        set_pace(&mut builder, pace);
        obey(&mut builder, &sender);
        connect_through(&mut builder, switch.fuse());
        let agent = match timeout(pace.answer, builder.connect()).await {
            Ok(agent) => agent.map_err(|error| Failure::connecting(plan, &error))?,
            Err(_) => return Err(Failure::late(plan, pace.answer)),
        };
        match bind(plan, pace, &agent).await {
            Ok((tunnel, url)) => Ok(Self {
                agent,
                tunnel,
                url,
                switch,
                pulse,
                orders,
                is_bound: true,
            }),
            Err(failure) => {
                end(agent, &switch).await;
                Err(failure)
            }
        }
    }

    /// Its public base URL, without a slash at the end.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Brings connections to the lobby until the session ends.
    ///
    /// # Cancel safety
    /// Can be called again.
    pub(super) async fn serve<V>(&mut self, lobby: &mut Lobby<V>, line: &Line) -> Ended
    where
        V: From<(Connection, SocketAddr)>,
    {
        let mut has_more = true;
        loop {
            tokio::select! {
                next = self.tunnel.next(), if has_more => match next {
                    Some(Ok(connection)) => lobby.admit(connection),
                    Some(Err(error)) => return self.left(error),
                    None if self.is_bound => return Ended::Lost(Failure::lost()),
                    None => has_more = false,
                },
                passed = lobby.pass() => if passed.is_err() {
                    return Ended::Left;
                },
                beat = self.pulse.beat() => match beat {
                    Some(latency) => line.latency(latency),
                    None => return Ended::Lost(Failure::silent(self.pulse.patience())),
                },
                Some(order) = self.orders.recv() => return order.into(),
                () = self.switch.over() => return Ended::Lost(Failure::lost()),
            }
        }
    }

    /// Brings nobody new (ngrok may send some until it has heard of that), but lets those go on who are
    /// there, until `over` or the session's own end.
    pub(super) async fn drain<V>(
        &mut self,
        lobby: &mut Lobby<V>,
        line: &Line,
        over: &CancellationToken,
    ) where
        V: From<(Connection, SocketAddr)>,
    {
        self.is_bound = false;
        lobby.close();
        let (agent, id) = (self.agent.clone(), self.tunnel.id().to_owned());
        let leave = async {
            unbind(&agent, &id).await;
            over.cancelled().await;
        };
        tokio::select! {
            () = leave => {}
            _ = self.serve(lobby, line) => {}
        }
    }

    /// Ends it in good order: the endpoint, the session, the connection.
    pub(super) async fn close(self) {
        if self.is_bound {
            unbind(&self.agent, self.tunnel.id()).await;
        }
        end(self.agent, &self.switch).await;
    }

    /// Ends it without a word to a peer that is not there.
    pub(super) async fn abandon(self) {
        end(self.agent, &self.switch).await;
    }

    fn left(&mut self, error: AcceptError) -> Ended {
        match error {
            AcceptError::ListenerClosed {
                message,
                error_code,
            } => {
                self.is_bound = false;
                Ended::Stopped(format!("{message} {}", error_code.unwrap_or_default()))
            }
            _ => Ended::Lost(Failure::lost()),
        }
    }
}

impl From<Order> for Ended {
    fn from(order: Order) -> Self {
        match order {
            Order::Stop => Self::Stopped("from its dashboard or API".to_owned()),
            Order::Restart => Self::Restart,
        }
    }
}

fn set_pace(builder: &mut SessionBuilder, pace: Pace) {
    let fits = "less than the 292 years that fit";
    builder.heartbeat_interval(pace.every).expect(fits);
    builder.heartbeat_tolerance(pace.tolerance).expect(fits);
}

/// Answers what ngrok's dashboard may ask for.
fn obey(builder: &mut SessionBuilder, orders: &mpsc::Sender<Order>) {
    let (stops, restarts) = (orders.clone(), orders.clone());
    builder.handle_stop_command(move |_: Stop| pass_on(&stops, Order::Stop));
    builder.handle_restart_command(move |_: Restart| pass_on(&restarts, Order::Restart));
    builder.handle_update_command(async |_: Update| Err(NO_UPDATE.to_owned()));
}

fn pass_on(orders: &mpsc::Sender<Order>, order: Order) -> Ready<Result<(), String>> {
    let passed = orders.try_send(order);
    ready(passed.map_err(|_| "autogw is closing this tunnel already".to_owned()))
}

/// Connects once, and on a connection that can be ended. The crate asks again when it has lost a
/// connection, and then with the reason: that is refused, which ends the session.
fn connect_through(builder: &mut SessionBuilder, fuse: Fuse) {
    builder.connector(
        move |host: String, port: u16, tls, reason: Option<AcceptError>| {
            let fuse = fuse.clone();
            async move {
                if reason.is_some() {
                    return Err(ConnectError::Canceled);
                }
                let stream = dial(host, port, tls).await?;
                Ok(Box::new(fuse.protect(stream)) as Box<dyn IoStream>)
            }
        },
    );
}

async fn bind(
    plan: &Plan,
    pace: Pace,
    agent: &ngrok::Session,
) -> Result<(HttpTunnel, String), Failure> {
    let mut endpoint = agent.http_endpoint();
    // The crate's own default tells ngrok this machine's name.
    endpoint.forwards_to("autogw");
    if let Some(domain) = plan.domain() {
        endpoint.domain(domain);
    }
    let tunnel = match timeout(pace.answer, endpoint.listen()).await {
        Ok(tunnel) => tunnel.map_err(|error| Failure::calling(plan, &error))?,
        Err(_) => return Err(Failure::late(plan, pace.answer)),
    };
    let url = base_url(tunnel.url()).filter(|url| plan.has_own_address() || is_public(url));
    let url = url.ok_or_else(|| Failure::no_url(plan, tunnel.url()))?;
    let url = url.as_str().trim_end_matches('/').to_owned();
    Ok((tunnel, url))
}

/// What ngrok announces is foreign text, and will be on screens: it must be a web address and no more.
fn base_url(announced: &str) -> Option<Url> {
    /// Longest name in the DNS.
    const LONGEST: usize = 253;
    let url = Url::parse(announced).ok()?;
    let is_web = matches!(url.scheme(), "https" | "http");
    let has_host = url.host_str().is_some_and(|host| host.len() <= LONGEST);
    let is_anonymous = url.username().is_empty() && url.password().is_none();
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    (is_web && has_host && is_anonymous && is_bare).then_some(url)
}

/// Whether `url` can be one of ngrok's: a name that is reached over TLS. An ingress of one's own may be
/// anywhere.
fn is_public(url: &Url) -> bool {
    url.scheme() == "https" && url.domain().is_some_and(|name| name.contains('.'))
}

async fn unbind(agent: &ngrok::Session, id: &str) {
    // Whatever comes of it: the session's end takes the endpoint along.
    let _ = timeout(UNBIND, agent.close_tunnel(id)).await;
}

/// Ends a session. Closing it marks it as closed, lest the crate connects again, but that is all: the
/// last word it would send has a length that its own encoder refuses, so the peer hears nothing, and
/// the connection stays. The switch is for that.
async fn end(mut agent: ngrok::Session, switch: &Switch) {
    // Both take no time, unless the crate's tasks are stuck; then they go with the connection.
    let _ = timeout(CLOSE, agent.close()).await;
    switch.trip();
    let _ = timeout(CLOSE, switch.over()).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announced_url_is_a_bare_web_address() {
        let url = |text| {
            let url = base_url(text);
            url.map_or_else(String::new, |url| {
                url.as_str().trim_end_matches('/').to_owned()
            })
        };
        assert_eq!(url("https://a.ngrok.app"), "https://a.ngrok.app");
        assert_eq!(url("http://127.0.0.1:80123/"), "");
        assert_eq!(url("http://127.0.0.1:8012/"), "http://127.0.0.1:8012");
        for foreign in [
            "",
            "tcp://a:1",
            "https://a/b",
            "https://u@a",
            "https://:pw@a",
            "https://a/#b",
            "https://a/?b",
            "https:",
            "a\u{1b}b",
        ] {
            assert_eq!(url(foreign), "", "{foreign:?}");
        }
    }

    #[test]
    fn only_names_over_tls_are_ngroks() {
        for (url, expected) in [
            ("https://a.ngrok.app", true),
            ("http://a.ngrok.app", false),
            ("https://169.254.169.254", false),
            ("https://[::1]", false),
            ("https://localhost", false),
        ] {
            assert_eq!(
                base_url(url).is_some_and(|url| is_public(&url)),
                expected,
                "{url}"
            );
        }
    }
}
