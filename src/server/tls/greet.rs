//! The beginning of a connection: a handshake, or a word to those who do not know that there is one.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What a connection may hold of an answer that its client has not taken yet: about what a plain one holds beside
/// the kernel's buffer, so that a client that stops reading is noticed as soon.
const BUFFER: usize = 16 * 1024;

/// How long somebody who was sent away may take to read why.
const LINGER: Duration = Duration::from_secs(1);

/// And how much they may still send meanwhile.
const LINGER_BYTES: u64 = 1 << 20;

/// What plain HTTP is answered.
const PLAIN: &str = "\
HTTP/1.1 400 Bad Request\r\n\
content-type: text/plain; charset=utf-8\r\n\
content-length: 65\r\n\
connection: close\r\n\
\r\n\
This port speaks https: use https:// in place of http:// for it.\n";

/// A connection over which TLS is spoken; `None` for one that has said goodbye, or was told that it has to.
///
/// # Errors
/// The other side speaks no TLS, or none that we do.
pub(super) async fn greet(
    config: Arc<ServerConfig>,
    mut stream: TcpStream,
) -> io::Result<Option<TlsStream<TcpStream>>> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Ok(None);
    }
    // A handshake begins with 22, a method of HTTP with a letter.
    if first[0].is_ascii_alphabetic() {
        turn_away(&mut stream).await?;
        return Ok(None);
    }
    let accept = TlsAcceptor::from(config)
        .accept_with(stream, |session| session.set_buffer_limit(Some(BUFFER)));
    accept.await.map(Some)
}

async fn turn_away(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(PLAIN.as_bytes()).await?;
    stream.shutdown().await?;
    // What is not read when a connection is closed resets it, and takes the answer along.
    let mut rest = stream.take(LINGER_BYTES);
    let mut nowhere = tokio::io::sink();
    let reading = tokio::io::copy(&mut rest, &mut nowhere);
    let _ = timeout(LINGER, reading).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_plain_http_is_told_has_the_length_it_says() {
        let (head, body) = PLAIN.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())));
    }
}
