//! The verbs of the command line, called as functions: their output, their files, their exit status.

mod attached;
mod check;
mod config;
mod followed;
mod init;
mod live;
mod local;
mod options;
mod running;
mod save_global;

use std::net::SocketAddr;

use autogw::cli::console::Console;
use autogw::config::Style;
use axum::Router;
use tokio::net::TcpListener;

/// What a verb wrote to its two streams.
#[derive(Debug, Default)]
struct Output {
    out: Vec<u8>,
    err: Vec<u8>,
}

impl Output {
    fn console(&mut self) -> Console<'_> {
        Console::new(&mut self.out, &mut self.err, Style::Plain)
    }

    fn out(&self) -> String {
        String::from_utf8(self.out.clone()).expect("text")
    }

    fn err(&self) -> String {
        String::from_utf8(self.err.clone()).expect("text")
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.out).expect("JSON")
    }
}

/// Serves `router` on a free port of loopback for the rest of the test's runtime.
async fn serve(router: Router) -> SocketAddr {
    // Whoever builds an HTTP client has to have chosen a crypto provider; a second choice is refused.
    _ = rustls::crypto::ring::default_provider().install_default();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}
