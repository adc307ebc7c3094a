//! The way to a public URL as the world takes it: a proxy that leads every name to one edge, with TLS.
//!
//! No name is looked up: who is told of this proxy asks it for `https://…trycloudflare.com` and is brought
//! to the far end of a tunnel, in one of several manners. What was said inside TLS is kept.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::http::{Body, Incoming};

/// What becomes of an answer on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It passes as it comes.
    Passes,
    /// It is held back until it is whole.
    Holds,
    /// It is somebody else's.
    Strange,
}

/// The page of somebody else.
const STRANGE: &str = "HTTP/1.1 530 \r\ncontent-type: text/html\r\ncontent-length: 21\r\n\r\n\
    <h1>Error 1033</h1>\r\n";

/// A proxy, and the edge behind it; they end when this is dropped.
pub(crate) struct Front {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
    manner: Manner,
    acceptor: TlsAcceptor,
    /// Where the tunnel's far end is.
    end: Mutex<Option<SocketAddr>>,
    names: Mutex<Vec<String>>,
    said: Mutex<Vec<u8>>,
}

impl Front {
    /// An edge that treats answers in this `manner`.
    pub(crate) async fn open(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener");
        let shared = Arc::new(Shared {
            manner,
            acceptor: acceptor(),
            end: Mutex::default(),
            names: Mutex::default(),
            said: Mutex::default(),
        });
        let serving = tokio::spawn(serve(listener, shared.clone()));
        Self {
            address,
            shared,
            serving,
        }
    }

    /// The variables by which a program goes this way.
    pub(crate) fn variables(&self) -> [(&'static str, String); 2] {
        let root = fixture("public-ca.pem").to_string_lossy().into_owned();
        let proxy = format!("http://{}", self.address);
        [("https_proxy", proxy), ("SSL_CERT_FILE", root)]
    }

    /// Every name leads to `end` from now on.
    pub(crate) fn leads_to(&self, end: SocketAddr) {
        *lock(&self.shared.end) = Some(end);
    }

    /// The names that were asked for, with their ports.
    pub(crate) fn names(&self) -> Vec<String> {
        lock(&self.shared.names).clone()
    }

    /// All that was said inside TLS by whoever asked.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&lock(&self.shared.said)).into_owned()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().expect("nobody panics while holding it")
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/tls")
        .join(name)
}

fn acceptor() -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(fixture("public.pem")).expect("a certificate file");
    let chain = chain.collect::<Result<_, _>>().expect("certificates");
    let key = PrivateKeyDer::from_pem_file(fixture("public.key")).expect("a key file");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider);
    let builder = builder
        .with_safe_default_protocol_versions()
        .expect("versions");
    let config = builder.with_no_client_auth().with_single_cert(chain, key);
    TlsAcceptor::from(Arc::new(config.expect("a key for the certificate")))
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut visits = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        // An error means that one of the two ends has left.
        let shared = shared.clone();
        visits.spawn(async move { visit(socket, &shared).await });
        while visits.try_join_next().is_some() {}
    }
}

async fn visit(mut socket: TcpStream, shared: &Shared) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let name = asked_for(&mut socket).await?;
    lock(&shared.names).push(name);
    socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    let (asker, answers) = tokio::io::split(shared.acceptor.accept(socket).await?);
    if shared.manner == Manner::Strange {
        return be_strange(asker, answers, shared).await;
    }
    let end = *lock(&shared.end);
    let door = TcpStream::connect(end.expect("the test has opened the tunnel")).await?;
    let (door, questions) = door.into_split();
    tokio::select! {
        ended = listen(asker, questions, shared) => ended,
        ended = answer(door, answers, shared.manner) => ended,
    }
}

/// The target of a CONNECT.
async fn asked_for(socket: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    // Byte by byte, so that nothing of what follows is taken.
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head);
    let target = head
        .strip_prefix("CONNECT ")
        .and_then(|rest| rest.split(' ').next());
    target
        .map(str::to_owned)
        .ok_or_else(|| io::Error::other("not a CONNECT"))
}

/// Passes questions on and remembers them.
async fn listen(
    mut asker: impl AsyncRead + Unpin,
    mut on: impl AsyncWrite + Unpin,
    shared: &Shared,
) -> io::Result<()> {
    while let Some(piece) = hear(&mut asker, shared).await? {
        on.write_all(&piece).await?;
    }
    Ok(())
}

/// The next bytes of a question, remembered; `None` when no more come.
async fn hear(
    asker: &mut (impl AsyncRead + Unpin),
    shared: &Shared,
) -> io::Result<Option<Vec<u8>>> {
    let mut piece = vec![0; 4096];
    let read = asker.read(&mut piece).await?;
    piece.truncate(read);
    lock(&shared.said).extend(&piece);
    Ok((read > 0).then_some(piece))
}

async fn answer(
    mut door: impl AsyncRead + Unpin,
    mut on: impl AsyncWrite + Unpin,
    manner: Manner,
) -> io::Result<()> {
    if manner == Manner::Passes {
        return copy(&mut door, &mut on).await.map(drop);
    }
    let mut incoming = Incoming::new(door);
    while let Some(head) = incoming.head().await? {
        let mut body = Body::of_answer(head.status(), &head.headers);
        let body = body.rest(&mut incoming).await?;
        let (start, length) = (head.start, body.len());
        let head = format!("{start}\r\ncontent-length: {length}\r\n\r\n");
        on.write_all(&[head.as_bytes(), &body].concat()).await?;
        on.flush().await?;
    }
    Ok(())
}

/// Answers with a page of one's own.
async fn be_strange(
    mut asker: impl AsyncRead + Unpin,
    mut on: impl AsyncWrite + Unpin,
    shared: &Shared,
) -> io::Result<()> {
    while let Some(piece) = hear(&mut asker, shared).await? {
        if piece.ends_with(b"\r\n\r\n") {
            on.write_all(STRANGE.as_bytes()).await?;
            on.flush().await?;
        }
    }
    Ok(())
}
