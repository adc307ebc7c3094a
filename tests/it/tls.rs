//! Upstreams behind TLS: reached with a root the machine trusts, refused without.
//!
//! The certificate is for `localhost` and nobody else, signed by a root that exists for the tests only.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::{Binary, Client, chat};

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/tls")
        .join(name)
}

fn acceptor() -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(fixture("server.pem")).expect("a certificate file");
    let chain = chain.collect::<Result<_, _>>().expect("certificates");
    let key = PrivateKeyDer::from_pem_file(fixture("server.key")).expect("a key file");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider);
    let builder = builder
        .with_safe_default_protocol_versions()
        .expect("versions");
    let config = builder.with_no_client_auth().with_single_cert(chain, key);
    let mut config = config.expect("a key for the certificate");
    // A server that would rather speak HTTP/2: the gateway must not let it.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// An upstream on `https://localhost:PORT` that answers every request it can read.
pub(crate) async fn upstream() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that does not trust the certificate ends the handshake.
            let Ok(mut stream) = acceptor().accept(stream).await else {
                continue;
            };
            let mut request = vec![0; 65_536];
            let _ = stream.read(&mut request).await;
            let body = chat::answer("sealed").to_string();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
            let answer = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    port
}

async fn gateway(port: u16, variables: &[(&str, &str)]) -> (Binary, Client) {
    let home = tempfile::tempdir().expect("a temporary directory");
    let file = home.path().join("test.json");
    let provider = json!({
        "type": "openai_compatible",
        "name": "a",
        "base_url": format!("https://localhost:{port}/v1"),
        "api_key": null,
        "models": ["m"],
    });
    std::fs::write(&file, json!({ "providers": [provider] }).to_string()).expect("writable");
    let file = file.to_string_lossy().into_owned();
    let args = ["start", "--json", "--port", "0", "--config", &file];
    let binary = Binary::run(home, args, variables.iter().copied());
    let client = binary.client().await;
    (binary, client)
}

#[tokio::test]
async fn a_root_of_the_machine_is_trusted() {
    let port = upstream().await;
    let root = fixture("ca.pem");
    let variables = [("SSL_CERT_FILE", root.to_str().expect("a path in UTF-8"))];
    let (_binary, client) = gateway(port, &variables).await;
    let answer = client.chat(chat::ask("m")).send().await.expect_status(200);
    assert!(answer.text().contains("sealed"));
}

#[tokio::test]
async fn an_unknown_root_is_refused_and_said() {
    let port = upstream().await;
    let (_binary, client) = gateway(port, &[]).await;
    let answer = client.chat(chat::ask("m")).send().await.expect_status(502);
    let message = answer.error("message");
    assert!(message.contains("certificate"), "{message}");
    assert_eq!(answer.json()["error"]["attempts"][0]["class"], "network");
}
