//! How it comes up: its URL, its readiness, and what comes through.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use autogw::config::Cloudflared;
use autogw::provider::Secret;
use autogw::telemetry::tunnel::{Phase, Status};
use autogw::tunnel::cloudflared::Limits;

use super::{Kept, URL, close};
use crate::support::standin::{Standin, Started};
use crate::support::{Client, Config, Gate, Gateway, Reply, Upstream, chat};

#[tokio::test]
async fn comes_up_step_by_step_and_says_so() {
    let standin = Standin::listen().await;
    let mut kept = Kept::open(standin.settings());
    let mut run = standin.started().await;
    assert_eq!(kept.status().phase, Phase::Starting);
    run.obey(&["box"]).await;
    let is_known = |status: &Status| status.phase == Phase::UrlKnown;
    let status = kept.until("the URL", is_known).await;
    assert_eq!(status.url.as_deref(), Some(URL));
    // The box promises nothing; only the connection does.
    // Who asks a second time has taken the first answer, which was that it is not ready.
    run.obey(&["metrics", "refuse-ready 2"]).await;
    assert_eq!(kept.status().phase, Phase::UrlKnown);
    run.obey(&["connect"]).await;
    let status = kept.online().await;
    assert_eq!((status.url.as_deref(), status.restarts), (Some(URL), 0));
    close(kept, &run).await;
}

#[tokio::test]
async fn the_text_form_is_understood_as_well() {
    let standin = Standin::listen().await;
    let mut settings = standin.settings();
    settings
        .args
        .extend(["--output".to_owned(), "text".to_owned()]);
    let mut kept = Kept::open(settings);
    let mut run = standin.started().await;
    run.come_up().await;
    assert_eq!(kept.online().await.url.as_deref(), Some(URL));
    close(kept, &run).await;
}

#[tokio::test]
async fn no_other_url_is_taken_for_its_own() {
    let standin = Standin::listen().await;
    let mut kept = Kept::open(standin.settings());
    let mut run = standin.started().await;
    run.obey(&["print traps", "box", "print traps"]).await;
    let status = kept.until("the URL", |status| status.url.is_some()).await;
    assert_eq!(status.url.as_deref(), Some(URL));
    close(kept, &run).await;
}

#[tokio::test]
async fn what_the_program_answers_counts_more_than_what_it_prints() {
    let standin = Standin::listen().await;
    let mut kept = Kept::open(standin.settings());
    let mut run = standin.started().await;
    run.obey(&["tell-host other.trycloudflare.com"]).await;
    run.come_up().await;
    let status = kept.online().await;
    assert_eq!(
        status.url.as_deref(),
        Some("https://other.trycloudflare.com")
    );
    close(kept, &run).await;
}

#[tokio::test]
async fn a_url_that_is_not_printed_is_asked_for() {
    let standin = Standin::listen().await;
    let mut kept = Kept::open(standin.settings());
    let mut run = standin.started().await;
    run.obey(&["tell-host api.trycloudflare.com", "metrics"])
        .await;
    run.obey(&["tell-host quiet.example.com", "connect"]).await;
    let status = kept.online().await;
    assert_eq!(status.url.as_deref(), Some("https://quiet.example.com"));
    close(kept, &run).await;
}

/// A gateway on the door's socket, and a tunnel to it that is up.
async fn in_front_of(upstream: &Upstream) -> (Gateway, Kept, Started, Client) {
    let home = Arc::new(tempfile::tempdir().expect("a temporary directory"));
    let socket = home.path().join("door.sock");
    let config = Config::over([upstream]).server("socket_path", socket.to_string_lossy());
    let gateway = config.start().await;
    let standin = Standin::listen().await;
    let mut kept = Kept::open_in(home, Limits::default(), standin.settings());
    let mut run = standin.started().await;
    run.come_up().await;
    kept.online().await;
    let client = run.client();
    (gateway, kept, run, client)
}

#[tokio::test]
async fn a_stream_comes_through_event_by_event() {
    let gate = Gate::new();
    let events = chat::stream(&["a", "b"]);
    let (first, rest) = events.split_at(2);
    let reply = first
        .iter()
        .fold(Reply::stream(), |reply, event| reply.event(event));
    let reply = reply.pause_until(&gate);
    let reply = rest.iter().fold(reply, |reply, event| reply.event(event));
    let upstream = Upstream::always(reply).await;
    let (gateway, kept, run, client) = in_front_of(&upstream).await;
    let mut answer = client.chat(chat::ask_stream("m")).open().await;
    assert_eq!(answer.status, 200);
    let mut seen = vec![answer.event().await.expect("the first event")];
    gate.open();
    while let Some(event) = answer.event().await {
        seen.push(event);
    }
    assert_eq!(chat::said(&seen), "ab");
    close(kept, &run).await;
    gateway.stop().await;
}

#[tokio::test]
async fn noise_never_holds_the_program_up() {
    let upstream = Upstream::always(Reply::json(200, chat::answer("hello"))).await;
    let (gateway, mut kept, mut run, client) = in_front_of(&upstream).await;
    // Done is done when every line has been taken from the pipes.
    run.obey(&["noise 50000", "lose"]).await;
    let is_degraded = |status: &Status| matches!(status.phase, Phase::Degraded(_));
    kept.until("the loss to be noticed", is_degraded).await;
    run.obey(&["noise 50000", "connect"]).await;
    assert_eq!(kept.online().await.url.as_deref(), Some(URL));
    client.chat(chat::ask("m")).send().await.expect_status(200);
    close(kept, &run).await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_named_tunnel_has_its_configured_url_and_its_token_in_the_environment_only() {
    let standin = Standin::listen().await;
    let settings = Cloudflared {
        token: Some(Secret::new("canary-token-of-the-tunnel")),
        domain: Some("gateway.example.com".to_owned()),
        ..standin.settings()
    };
    let mut kept = Kept::open(settings);
    let mut run = standin.started().await;
    assert_eq!(run.arguments.last().map(String::as_str), Some("run"));
    assert!(!run.arguments.join(" ").contains("canary"));
    assert!(!run.arguments.contains(&"--url".to_owned()));
    let token = "TUNNEL_TOKEN=canary-token-of-the-tunnel".to_owned();
    assert!(run.environment.contains(&token));
    run.obey(&["metrics", "connect"]).await;
    let status = kept.online().await;
    assert_eq!(status.url.as_deref(), Some("https://gateway.example.com"));
    run.obey(&["say it broke: canary-token-of-the-tunnel"])
        .await;
    run.send("exit 1").await;
    let (trouble, _) = kept.waiting().await;
    assert!(
        trouble.message.ends_with("it broke: [redacted]"),
        "{trouble:?}"
    );
    kept.close().await;
}

#[tokio::test]
async fn a_tunnel_that_the_arguments_name_stays_up_at_its_domain() {
    let standin = Standin::listen().await;
    let mut settings = Cloudflared {
        domain: Some("gateway.example.com".to_owned()),
        ..standin.settings()
    };
    let own = ["run", "--token-file", "/nowhere/token"].map(str::to_owned);
    settings.args.splice(0..0, own.clone());
    // A quick tunnel would be ended for want of a URL.
    let limits = Limits {
        url: Duration::ZERO,
        ..Limits::default()
    };
    let mut kept = Kept::open_within(limits, settings);
    let mut run = standin.started().await;
    let after = run.arguments.iter().skip_while(|word| *word != "run");
    let runs = run.arguments.iter().filter(|word| *word == "run");
    assert!(
        after.take(3).eq(&own) && runs.count() == 1,
        "{:?}",
        run.arguments
    );
    assert!(!run.arguments.contains(&"--url".to_owned()));
    run.obey(&["metrics", "connect"]).await;
    let status = kept.online().await;
    assert_eq!(status.url.as_deref(), Some("https://gateway.example.com"));
    close(kept, &run).await;
}

#[tokio::test]
async fn a_named_tunnel_works_without_knowing_its_url() {
    let standin = Standin::listen().await;
    let settings = Cloudflared {
        token: Some(Secret::new("canary-token-of-the-tunnel")),
        ..standin.settings()
    };
    let mut kept = Kept::open(settings);
    let mut run = standin.started().await;
    run.obey(&["metrics", "connect"]).await;
    assert_eq!(kept.online().await.url, None);
    close(kept, &run).await;
}

#[tokio::test]
async fn nothing_of_our_environment_is_handed_down_that_it_does_not_need() {
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let standin = Standin::listen().await;
    let kept = Kept::open(standin.settings());
    let run = standin.started().await;
    let names = run
        .environment
        .iter()
        .filter_map(|pair| pair.split_once('='));
    let is_expected = |name: &str| {
        let name = name.to_ascii_lowercase();
        let families = ["lc_", "xdg_", "ssl_cert_", "tunnel_"];
        let single = [
            "path",
            "home",
            "user",
            "lang",
            "tmpdir",
            "tz",
            "no_autoupdate",
        ];
        let proxies = ["http_proxy", "https_proxy", "no_proxy"];
        families.iter().any(|family| name.starts_with(family))
            || single.contains(&&*name)
            || proxies.contains(&&*name)
    };
    let others: Vec<&str> = names
        .map(|(name, _)| name)
        .filter(|name| !is_expected(name))
        .collect();
    assert!(others.is_empty(), "{others:?}");
    let ours = run
        .environment
        .iter()
        .filter(|pair| pair.starts_with("TUNNEL_"))
        .count();
    assert_eq!(ours, 6, "{:?}", run.environment);
    close(kept, &run).await;
}

#[tokio::test]
async fn the_configuration_is_nobody_elses_business() {
    let standin = Standin::listen().await;
    let kept = Kept::open(standin.settings());
    let run = standin.started().await;
    let metadata = std::fs::metadata(kept.config()).expect("a file");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    close(kept, &run).await;
}
