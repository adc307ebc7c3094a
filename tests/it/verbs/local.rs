//! Probes of loopback: what counts as a model server, and what is this very gateway.

use autogw::cli::local;
use autogw::config::discover::local_server;
use autogw::config::{Discovery, Environment, Found, Probe, discover};
use autogw::provider::preset;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

use super::serve;

const MODELS: &str = r#"{ "object": "list", "data": [{ "id": "m", "owned_by": "llamacpp" }] }"#;

fn port(port: u16) -> Discovery {
    let kind = |name| preset::find(name).expect("a preset");
    let kinds = vec![kind("vllm"), kind("llamacpp")];
    Discovery {
        probes: vec![Probe::Port { port, kinds }],
        ..Discovery::default()
    }
}

fn not_autogw(found: Found, after: usize) -> Probe {
    Probe::NotAutogw {
        found: Box::new(found),
        after,
    }
}

#[tokio::test]
async fn a_model_server_is_found_and_its_kind_told() {
    let address = serve(Router::new().route("/v1/models", get(async || MODELS))).await;
    let found = local::confirm(port(address.port())).await;
    assert_eq!(&*found[0].provider.name, "llamacpp");
    let url = found[0].provider.base_url.as_ref().map(ToString::to_string);
    assert_eq!(url, Some(format!("http://{address}/v1")));
    assert_eq!(found[0].origin, address.to_string());
}

#[tokio::test]
async fn what_is_no_model_server_is_not_found() {
    let page = serve(Router::new().route("/v1/models", get(async || "<html>"))).await;
    assert!(local::confirm(port(page.port())).await.is_empty());
    let locked = Router::new().route("/v1/models", get(async || StatusCode::UNAUTHORIZED));
    assert!(
        local::confirm(port(serve(locked).await.port()))
            .await
            .is_empty()
    );
    assert!(
        local::confirm(port(1)).await.is_empty(),
        "nobody listens there"
    );
}

fn gateway() -> Router {
    Router::new()
        .route("/v1/models", get(async || MODELS))
        .route(
            "/health",
            get(async || r#"{ "status": "ok", "version": "autogw 0.1.0" }"#),
        )
}

#[tokio::test]
async fn a_gateway_like_this_one_is_not_a_provider() {
    let address = serve(gateway()).await;
    assert!(local::confirm(port(address.port())).await.is_empty());

    let kind = preset::find("vllm").expect("a preset");
    let candidate = local_server(kind, address.port()).expect("an address");
    let probe = not_autogw(candidate, 0);
    let discovery = Discovery {
        probes: vec![probe],
        ..Discovery::default()
    };
    assert!(local::confirm(discovery).await.is_empty());
}

#[tokio::test]
async fn an_address_of_a_variable_counts_even_when_it_is_silent() {
    let kind = preset::find("vllm").expect("a preset");
    let candidate = local_server(kind, 1).expect("an address");
    let probe = not_autogw(candidate, 0);
    let discovery = Discovery {
        probes: vec![probe],
        ..Discovery::default()
    };
    // Building a client wants a crypto provider, which `serve` sees to elsewhere.
    _ = rustls::crypto::ring::default_provider().install_default();
    assert_eq!(local::confirm(discovery).await.len(), 1);
}

#[tokio::test]
async fn what_was_listed_stays_in_the_order_of_the_list() {
    let address = serve(Router::new()).await;
    let near = format!("http://{address}/v1");
    let env = Environment::empty()
        .with("LLM_PROVIDERS", "near,far,near2,last")
        .with("LLM_PROVIDER_near_BASE_URL", near.as_str())
        .with("LLM_PROVIDER_near2_BASE_URL", near)
        .with("LLM_PROVIDER_far_BASE_URL", "https://far.example.com/v1")
        .with("LLM_PROVIDER_last_BASE_URL", "https://last.example.com/v1");
    let mut discovery = discover(&env).expect("good variables");
    // Whatever else may answer on this machine is not asked.
    let is_port = |probe: &Probe| matches!(probe, Probe::Port { .. });
    discovery.probes.retain(|probe| !is_port(probe));
    let found = local::confirm(discovery).await;
    let names: Vec<&str> = found.iter().map(|found| &*found.provider.name).collect();
    assert_eq!(names, ["near", "far", "near2", "last"]);
}
