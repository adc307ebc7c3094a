//! A tunnel that is opened and closed by keys.

use serde_json::json;

use super::{SIZES, Stage, answering, is_right};
use crate::support::Config;
use crate::support::standin::{self, Standin};

#[tokio::test]
async fn a_tunnel_is_closed_and_opened_behind_a_question() {
    let standin = Standin::listen().await;
    let upstreams = vec![answering("A").await];
    let tunnel = json!({
        "type": "cloudflared",
        "binary": standin::program().to_string_lossy(),
        "args": standin.args(),
    });
    let config = Config::over(&upstreams)
        .server("api_key", "a-key-of-the-house-0123456789")
        .server("tunnel", tunnel);
    let stage = Stage::with(config, upstreams).await;
    let mut first = standin.started().await;
    first.come_up().await;
    let screen = stage.watch(SIZES[0]);
    screen.types("5");
    screen.shows("online").await;
    screen.shows("trycloudflare.com").await;
    is_right(&screen).await;
    screen.types("x");
    screen.shows("Close cloudflared?").await;
    screen.types("y");
    first.gone().await;
    screen.shows("stopped").await;
    screen.types("o");
    screen.shows("Open a public door").await;
    screen.types("n");
    screen.hides("Open a public door").await;
    screen.types("o");
    screen.shows("Open a public door").await;
    screen.types("y");
    let mut second = standin.started().await;
    second.come_up().await;
    screen.shows("online").await;
    is_right(&screen).await;
}
