//! What stands behind the door in these tests: a small server, and the tunnel that leads to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use autogw::config::{Authtoken, Ngrok, Tunnel as Kind};
use autogw::provider::Secret;
use autogw::telemetry::tunnel::{Board, Status};
use autogw::tunnel::closing::Closing;
use autogw::tunnel::ngrok::{self, Connection, Pace};
use tokio::io::{AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::support::client::Endpoint;
use crate::support::http::{Body, Incoming};
use crate::support::ngrok_edge::Edge;
use crate::support::{Client, Gate, patiently};

/// The token of these tests. Nobody may ever show it.
pub(super) const TOKEN: &str = "2canary7f3aTokenOfTheseTests_5LooksLikeOneOfNgroks";

/// A connection, as the tunnel hands it over.
pub(super) struct Guest {
    connection: Connection,
    address: SocketAddr,
}

impl From<(Connection, SocketAddr)> for Guest {
    fn from((connection, address): (Connection, SocketAddr)) -> Self {
        Self {
            connection,
            address,
        }
    }
}

/// Who is in the house.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Count {
    /// Connections so far.
    pub(super) came: usize,
    /// Clients that left before they had their answer.
    pub(super) left: usize,
}

/// Answers `/hello`, `/size`, and, held back by a gate, `/wait` and the second event of `/events`.
#[derive(Clone)]
struct House {
    gate: Gate,
    count: Arc<watch::Sender<Count>>,
}

impl House {
    async fn serve(self, mut door: mpsc::Receiver<Guest>) {
        let mut guests = JoinSet::new();
        while let Some(guest) = door.recv().await {
            self.count.send_modify(|count| count.came += 1);
            guests.spawn(self.clone().entertain(guest));
            while guests.try_join_next().is_some() {}
        }
        while guests.join_next().await.is_some() {}
    }

    /// Answers requests on one connection until it ends.
    async fn entertain(self, guest: Guest) {
        let address = guest.address;
        let (reader, mut writer) = tokio::io::split(guest.connection);
        let mut incoming = Incoming::new(reader);
        while let Ok(Some(head)) = incoming.head().await {
            let mut body = Body::of_request(&head.headers);
            let Ok(body) = body.rest(&mut incoming).await else {
                return;
            };
            let path = head.start.split(' ').nth(1).unwrap_or_default();
            let text = match path {
                "/hello" => format!("hello {address}"),
                "/size" => body.len().to_string(),
                "/wait" => match self.wait(&mut incoming).await {
                    Some(()) => "waited".to_owned(),
                    None => return,
                },
                _ => {
                    self.stream(&mut incoming, &mut writer).await;
                    continue;
                }
            };
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", text.len());
            // A client that has left needs no answer.
            let _ = writer.write_all((head + &text).as_bytes()).await;
        }
    }

    /// Waits for the gate; `None` when the client leaves first.
    async fn wait(&self, incoming: &mut Incoming<ReadHalf<Connection>>) -> Option<()> {
        tokio::select! {
            () = self.gate.passed() => Some(()),
            () = incoming.ended() => {
                self.count.send_modify(|count| count.left += 1);
                None
            }
        }
    }

    async fn stream(
        &self,
        incoming: &mut Incoming<ReadHalf<Connection>>,
        writer: &mut WriteHalf<Connection>,
    ) {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        let event = |text: &str| format!("{:x}\r\ndata: {text}\n\n\r\n", text.len() + 8);
        let first = head.to_owned() + &event("first");
        if writer.write_all(first.as_bytes()).await.is_err() || self.wait(incoming).await.is_none()
        {
            return;
        }
        // As above.
        let _ = writer
            .write_all((event("second") + "0\r\n\r\n").as_bytes())
            .await;
    }
}

/// How a test's tunnel is opened.
pub(super) struct Setup {
    pub(super) settings: Ngrok,
    pub(super) pace: Pace,
    /// Connections that fit behind the door.
    pub(super) room: usize,
    /// Whether somebody lets them in.
    pub(super) is_served: bool,
}

impl Setup {
    /// For `edge`, with everything right.
    pub(super) fn new(edge: &Edge) -> Self {
        Self {
            settings: settings(edge.address()),
            pace: Pace::default(),
            room: 16,
            is_served: true,
        }
    }

    /// With heartbeats that notice a dead connection within two seconds.
    pub(super) fn quick(mut self) -> Self {
        self.pace.every = Duration::from_millis(250);
        self.pace.tolerance = Duration::from_millis(750);
        self
    }

    /// Opens it.
    pub(super) fn open(self) -> Tunnel {
        let board = Board::default();
        let line = board.open(Kind::Ngrok);
        let closing = Closing::default();
        let house = House {
            gate: Gate::new(),
            count: Arc::default(),
        };
        let (door, arrivals) = mpsc::channel(self.room);
        let running = ngrok::run_at(self.pace, self.settings, door, line, closing.clone(), 7);
        let (serving, kept) = if self.is_served {
            (Some(tokio::spawn(house.clone().serve(arrivals))), None)
        } else {
            (None, Some(arrivals))
        };
        Tunnel {
            board,
            closing,
            running: tokio::spawn(running),
            house,
            serving,
            _kept: kept,
        }
    }
}

/// Settings for the edge at `address`.
pub(super) fn settings(address: String) -> Ngrok {
    Ngrok {
        authtoken: Some(Authtoken {
            secret: Secret::new(TOKEN),
            origin: "NGROK_AUTHTOKEN".to_owned(),
        }),
        server_addr: Some(address),
        ca_file: Some(Edge::ca_file()),
        ..Ngrok::default()
    }
}

/// A tunnel and the house behind it.
pub(super) struct Tunnel {
    board: Board,
    pub(super) closing: Closing,
    running: JoinHandle<()>,
    house: House,
    serving: Option<JoinHandle<()>>,
    _kept: Option<mpsc::Receiver<Guest>>,
}

impl Tunnel {
    /// How it is now.
    pub(super) fn status(&self) -> Status {
        self.board.statuses()[&Kind::Ngrok].clone()
    }

    /// Its status as soon as it is like that.
    pub(super) async fn until(&self, what: &str, is: impl Fn(&Status) -> bool) -> Status {
        let mut board = self.board.subscribe();
        let reached = board.wait_for(|all| is(&all[&Kind::Ngrok]));
        let all = patiently(what, reached).await;
        all.expect("the board is held here")[&Kind::Ngrok].clone()
    }

    /// Its status when it is up, having come back `restarts` times.
    pub(super) async fn up(&self, restarts: u32) -> Status {
        let is = |status: &Status| status.is_up() && status.restarts == restarts;
        self.until("the tunnel to be up", is).await
    }

    /// Its status when it has ended by itself.
    pub(super) async fn ended(&mut self) -> Status {
        let ended = patiently("the tunnel to end", &mut self.running).await;
        ended.expect("a tunnel does not panic");
        self.status()
    }

    /// Closes it in good order.
    pub(super) async fn close(&mut self) -> Status {
        self.closing.drain.cancel();
        self.closing.over.cancel();
        self.ended().await
    }

    /// Lets answers go on that are held back.
    pub(super) fn open_gate(&self) {
        self.house.gate.open();
    }

    /// Waits until the house has seen this.
    pub(super) async fn counted(&self, what: &str, is: impl Fn(Count) -> bool) -> Count {
        let mut count = self.house.count.subscribe();
        let reached = patiently(what, count.wait_for(|count| is(*count))).await;
        *reached.expect("the house is held here")
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.running.abort();
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

/// A client of the public URL.
pub(super) fn client(edge: &Edge) -> Client {
    Client::new(Endpoint::Tcp(edge.public()))
}
