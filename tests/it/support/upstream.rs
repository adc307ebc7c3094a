//! `Upstream`: a provider that does exactly what its script says and remembers what it was asked.
//!
//! It listens on a free loopback port for as long as it lives. The state it keeps is a log behind a
//! watch channel, so that a test awaits what must happen instead of sleeping.

use std::any::Any;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::WriteHalf;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::http::{Body, Headers, Incoming, header};
use super::patiently;
use super::reply::{Ending, Reply, Step};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    /// Which connection it came on, counted from 0.
    pub(crate) connection: usize,
    /// Its method.
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// Names in lower case and values, in the order of the wire.
    pub(crate) headers: Headers,
    /// The body without its framing.
    pub(crate) body: Vec<u8>,
}

impl Recorded {
    /// The first value of header `name`.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the upstream was sent JSON")
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the upstream was sent UTF-8")
    }

    /// The key it came with as a bearer token.
    pub(crate) fn key(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }
}

/// What has happened so far.
#[derive(Debug, Default)]
struct Log {
    requests: Vec<Recorded>,
    connections: usize,
    /// Connections that the peer closed while an answer was being played.
    abandoned: usize,
}

type Script = dyn Fn(&Recorded, usize) -> Reply + Send + Sync;

/// A scripted provider on a loopback port; it ends when it is dropped.
pub(crate) struct Upstream {
    address: SocketAddr,
    log: Arc<watch::Sender<Log>>,
    /// What keeps the port as the script wants it: a server, or a socket that never accepts.
    _held: Box<dyn Any + Send + Sync>,
}

/// A task that ends with its owner.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Upstream {
    /// Plays one reply per request in order; the last one repeats.
    pub(crate) async fn script(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies: Vec<Reply> = replies.into_iter().collect();
        assert!(!replies.is_empty(), "a script has at least one reply");
        Self::answering(move |_, index| replies[index.min(replies.len() - 1)].clone()).await
    }

    /// Plays the same reply to every request.
    pub(crate) async fn always(reply: Reply) -> Self {
        Self::script([reply]).await
    }

    /// Plays what `script` makes of each request and its number, counted from 0.
    pub(crate) async fn answering(
        script: impl Fn(&Recorded, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(any_port())
            .await
            .expect("a loopback port");
        let address = listener.local_addr().expect("a bound listener");
        let log = Arc::new(watch::Sender::new(Log::default()));
        let serving = tokio::spawn(serve(listener, Arc::new(script), log.clone()));
        Self {
            address,
            log,
            _held: Box::new(Task(serving)),
        }
    }

    /// Refuses every connection. The port stays bound, so that nobody else can answer on it.
    pub(crate) fn refusing() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(any_port()).expect("a loopback port");
        Self {
            address: socket.local_addr().expect("a bound socket"),
            log: Arc::default(),
            _held: Box::new(socket),
        }
    }

    /// Lets every connection attempt hang: its accept queue is full, and the kernel drops what comes.
    pub(crate) async fn deaf() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(any_port()).expect("a loopback port");
        let listener = socket.listen(1).expect("a listener");
        let address = listener.local_addr().expect("a bound listener");
        let (full, mut filled) = tokio::sync::mpsc::unbounded_channel();
        let fillers = [(); 4].map(|()| Task(tokio::spawn(occupy(address, full.clone()))));
        // A queue of one holds two; the other fillers stay in the same place as later callers.
        for _ in 0..2 {
            patiently("the accept queue to fill", filled.recv()).await;
        }
        Self {
            address,
            log: Arc::default(),
            _held: Box::new((listener, fillers)),
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL of its OpenAI endpoints.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Every request so far.
    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.log.borrow().requests.clone()
    }

    /// How many requests have come.
    pub(crate) fn count(&self) -> usize {
        self.log.borrow().requests.len()
    }

    /// Forgets every request so far.
    pub(crate) fn forget(&self) {
        self.log.send_modify(|log| log.requests.clear());
    }

    /// The only request so far.
    pub(crate) fn only_request(&self) -> Recorded {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "the upstream was asked once");
        requests[0].clone()
    }

    /// Waits for the request of number `index`, counted from 0.
    pub(crate) async fn request(&self, index: usize) -> Recorded {
        self.until("a request to the upstream", |log| {
            log.requests.len() > index
        })
        .await;
        self.log.borrow().requests[index].clone()
    }

    /// Waits until a peer has closed a connection in the middle of an answer.
    pub(crate) async fn closed(&self) {
        self.until("a closed upstream connection", |log| log.abandoned > 0)
            .await;
    }

    async fn until(&self, what: &str, reached: impl Fn(&Log) -> bool) {
        let mut log = self.log.subscribe();
        let seen = log.wait_for(|log| reached(log));
        patiently(what, seen).await.expect("the log is held here");
    }
}

fn any_port() -> SocketAddr {
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))
}

async fn occupy(address: SocketAddr, full: tokio::sync::mpsc::UnboundedSender<()>) {
    let held = TcpStream::connect(address).await;
    // The receiver only waits for as many as the queue holds.
    let _ = full.send(());
    std::future::pending::<()>().await;
    drop(held);
}

async fn serve(listener: TcpListener, script: Arc<Script>, log: Arc<watch::Sender<Log>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        // Without it a script's small writes would wait for acknowledgements.
        stream.set_nodelay(true).expect("an accepted socket");
        let mut number = 0;
        log.send_modify(|log| {
            number = log.connections;
            log.connections += 1;
        });
        connections.spawn(converse(stream, number, script.clone(), log.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// Answers requests on one connection until it ends.
async fn converse(
    mut stream: TcpStream,
    connection: usize,
    script: Arc<Script>,
    log: Arc<watch::Sender<Log>>,
) {
    let (reader, mut writer) = stream.split();
    let mut incoming = Incoming::new(reader);
    let ending = loop {
        let Some(request) = receive(&mut incoming, connection).await else {
            return;
        };
        let mut index = 0;
        log.send_modify(|log| {
            index = log.requests.len();
            log.requests.push(request.clone());
        });
        let reply = script(&request, index);
        let left = tokio::select! {
            // An answer that has been written whole is not abandoned, even if the peer closes on it.
            biased;
            ending = play(&mut writer, &reply) => ending,
            () = incoming.ended() => None,
        };
        match left {
            Some(Ending::KeepAlive) => {}
            Some(ending) => break ending,
            None => {
                log.send_modify(|log| log.abandoned += 1);
                return;
            }
        }
    };
    if ending == Ending::Reset {
        stream.set_zero_linger().expect("an open socket");
    }
}

async fn receive<R>(incoming: &mut Incoming<R>, connection: usize) -> Option<Recorded>
where
    R: tokio::io::AsyncRead + Unpin,
{
    let head = incoming.head().await.ok()??;
    let mut body = Body::of_request(&head.headers);
    let bytes = body.rest(incoming).await.ok()?;
    if !body.complete() {
        return None;
    }
    let mut start = head.start.split(' ');
    Some(Recorded {
        connection,
        method: start.next().unwrap_or_default().to_owned(),
        target: start.next().unwrap_or_default().to_owned(),
        headers: head.headers,
        body: bytes,
    })
}

/// Plays `reply`; `None` when the peer broke the connection meanwhile.
async fn play(writer: &mut WriteHalf<'_>, reply: &Reply) -> Option<Ending> {
    let (steps, ending) = reply.play();
    for step in steps {
        match step {
            Step::Write(bytes) => writer.write_all(&bytes).await.ok()?,
            Step::Delay(time) => tokio::time::sleep(time).await,
            Step::Wait(gate) => gate.passed().await,
            Step::Flood(bytes) => loop {
                writer.write_all(&bytes).await.ok()?;
            },
        }
    }
    match ending {
        Ending::Hang => std::future::pending().await,
        Ending::KeepAlive | Ending::Close | Ending::Reset => Some(ending),
    }
}
