//! Binds the listener: TCP or a Unix socket, and never one instead of the other.

use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio_rustls::server::TlsStream;

use super::address::Address;
use super::tls::Tls;
use crate::config::Listen;

/// Longest queue of connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// The last port that is tried in place of a taken 8000 that nobody chose.
const LAST_FALLBACK_PORT: u16 = 8019;

/// Why nothing can be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {place}: {reason}")]
pub struct ListenError {
    /// The address or path.
    pub place: String,
    /// Why.
    pub reason: String,
    /// What to do.
    pub hint: String,
}

/// Both directions of a connection that somebody else accepted.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection that somebody else accepted, and the address it comes from.
pub struct Arrival {
    io: Box<dyn Duplex>,
    address: SocketAddr,
}

impl<T: Duplex + 'static> From<(T, SocketAddr)> for Arrival {
    fn from((io, address): (T, SocketAddr)) -> Self {
        let io = Box::new(io);
        Self { io, address }
    }
}

/// Where connections come from. A Unix socket's file goes with it.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// TCP, whose connections have to be greeted before anything else.
    Tls(TcpListener, Arc<Tls>),
    /// A Unix socket, and its file.
    Unix(UnixListener, SocketFile),
    /// Whoever accepts connections in our place and hands them over.
    Handed(mpsc::Receiver<Arrival>),
}

/// An accepted connection.
pub enum Stream {
    /// TCP.
    Tcp(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
    /// A Unix socket.
    Unix(UnixStream),
    /// Accepted elsewhere.
    Handed(Box<dyn Duplex>),
}

impl Stream {
    /// The connection under it, if that is TCP.
    pub(super) fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Stream::Tcp(stream) => Some(stream),
            Stream::Tls(stream) => Some(stream.get_ref().0),
            Stream::Unix(_) | Stream::Handed(_) => None,
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stream::Tcp(stream) => stream.fmt(f),
            Stream::Tls(stream) => stream.get_ref().0.fmt(f),
            Stream::Unix(stream) => stream.fmt(f),
            Stream::Handed(_) => f.write_str("Handed"),
        }
    }
}

impl fmt::Debug for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arrival({})", self.address)
    }
}

impl Listener {
    /// Binds as configured, and says where that is. `may_step` allows the next free port in place of one
    /// that nobody chose.
    pub async fn bind(listen: &Listen, may_step: bool) -> Result<(Self, Address), ListenError> {
        match listen {
            Listen::Unix(path) => Ok((Self::bind_unix(path)?, Address::Unix(path.clone()))),
            Listen::Tcp {
                host,
                port,
                port_is_chosen,
            } => {
                let may_step = may_step && !port_is_chosen && *port != 0;
                let last = if may_step {
                    LAST_FALLBACK_PORT.max(*port)
                } else {
                    *port
                };
                bind_tcp(host, *port, last).await
            }
        }
    }

    /// Binds a Unix socket that only its owner can open, in place of one that nobody listens on any more.
    pub fn bind_unix(path: &Path) -> Result<Self, ListenError> {
        bind_unix(path)
    }

    /// The same behind `tls`, if it is on TCP, and how it is called then.
    #[must_use]
    pub fn behind(self, address: Address, tls: Arc<Tls>) -> (Self, Address) {
        match (self, address) {
            (Listener::Tcp(listener), Address::Tcp(address)) => {
                let address = tls.address(address);
                (Listener::Tls(listener, tls), address)
            }
            plain => plain,
        }
    }

    /// What its connections have to be greeted with.
    pub fn tls(&self) -> Option<Arc<Tls>> {
        match self {
            Listener::Tls(_, tls) => Some(tls.clone()),
            _ => None,
        }
    }

    /// The next connection, before any greeting, and the address it comes from; `None` for a Unix socket.
    ///
    /// # Cancel safety
    /// A connection is lost only with the listener.
    pub async fn accept(&mut self) -> io::Result<(Stream, Option<SocketAddr>)> {
        match self {
            Listener::Tcp(listener) | Listener::Tls(listener, _) => {
                let (stream, peer) = listener.accept().await?;
                // A stream's events are small: without this they wait for the acknowledgement of the last.
                stream.set_nodelay(true)?;
                Ok((Stream::Tcp(stream), Some(peer)))
            }
            Listener::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok((Stream::Unix(stream), None))
            }
            Listener::Handed(arrivals) => match arrivals.recv().await {
                Some(arrival) => Ok((Stream::Handed(arrival.io), Some(arrival.address))),
                None => std::future::pending().await,
            },
        }
    }
}

/// The file of a Unix socket that is ours. It goes with this.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Which file it was as it was made.
    id: Option<(u64, u64)>,
}

impl SocketFile {
    fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            id: identity(path),
        }
    }
}

impl Drop for SocketFile {
    /// Somebody may have removed it meanwhile, and another gateway may listen under its name: that one stays.
    fn drop(&mut self) {
        if self.id.is_some() && identity(&self.path) == self.id {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Which file is at `path`.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let found = fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

async fn bind_tcp(host: &str, port: u16, last: u16) -> Result<(Listener, Address), ListenError> {
    let mut port = port;
    loop {
        match try_tcp(host, port).await {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && port < last => port += 1,
            Err(error) => return Err(tcp_error(host, port, &error)),
        }
    }
}

async fn try_tcp(host: &str, port: u16) -> io::Result<(Listener, Address)> {
    let host = host.trim_matches(['[', ']']);
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in tokio::net::lookup_host((host, port)).await? {
        let socket = match address {
            std::net::SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4()?,
            std::net::SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6()?,
        };
        socket.set_reuseaddr(true)?;
        match socket.bind(address).and_then(|()| socket.listen(BACKLOG)) {
            Ok(listener) => {
                let address = Address::Tcp(listener.local_addr()?);
                return Ok((Listener::Tcp(listener), address));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn tcp_error(host: &str, port: u16, error: &io::Error) -> ListenError {
    let (reason, hint) = match error.kind() {
        io::ErrorKind::AddrInUse => (
            "the address is already in use".to_owned(),
            "stop what uses it, or choose another port: `--port 0` takes any free one",
        ),
        io::ErrorKind::PermissionDenied => (
            "permission denied".to_owned(),
            "ports below 1024 need privileges; choose a higher one with `--port`",
        ),
        io::ErrorKind::AddrNotAvailable => (
            "this machine has no such address".to_owned(),
            "use 127.0.0.1, or 0.0.0.0 for every interface",
        ),
        _ => (error.to_string(), "check `server.host` and `server.port`"),
    };
    ListenError {
        place: format!("{host}:{port}"),
        reason,
        hint: hint.to_owned(),
    }
}

fn bind_unix(path: &Path) -> Result<Listener, ListenError> {
    let fail = |reason: String, hint: &str| {
        let place = path.display().to_string();
        ListenError {
            place,
            reason,
            hint: hint.to_owned(),
        }
    };
    let directory =
        "the directory must exist and be writable, and the path be shorter than 108 bytes";
    remove_stale(path)
        .map_err(|reason| fail(reason, "stop what uses it, or choose another `socket_path`"))?;
    let listener = UnixListener::bind(path).map_err(|error| fail(error.to_string(), directory))?;
    let file = SocketFile::at(path);
    // The process' umask is 077 already; this says it where it matters.
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
        .map_err(|error| fail(error.to_string(), directory))?;
    Ok(Listener::Unix(listener, file))
}

/// Removes a socket that nobody listens on any more; anything else stays and is an error.
fn remove_stale(path: &Path) -> Result<(), String> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !found.file_type().is_socket() {
        return Err("a file that is not a socket is in the way".to_owned());
    }
    match StdUnixStream::connect(path) {
        Ok(_) => Err("another process is listening there".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    }
}
