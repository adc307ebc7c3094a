//! The HTTP client of a verb that asks somebody once: bundled roots beside the machine's, no redirects, our
//! name, and an end.
//!
//! With the bundled roots, as where a machine has none of its own, in an empty container, there would be no
//! client at all.

use std::time::Duration;

use reqwest::{Client, ClientBuilder};

use crate::proxy::upstream::Tls;

/// A client that gives up after `within`. Proxies are those of the environment, unless the caller says others.
pub(super) async fn caller(within: Duration) -> ClientBuilder {
    let tls = (*Tls::default().client_config().await).clone();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("autogw/", env!("CARGO_PKG_VERSION")))
        .timeout(within)
}
