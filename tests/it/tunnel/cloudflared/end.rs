//! How it ends: as it is told to, and with nothing left.

use std::time::Instant;

use autogw::config::Cloudflared;
use autogw::telemetry::tunnel::Phase;
use autogw::tunnel::cloudflared::Limits;

use super::{Kept, SOON, close, script};
use crate::support::standin::{self, Standin, Watched};
use crate::support::{patiently, within};

#[tokio::test]
async fn draining_leaves_it_alone_and_starts_nothing_new() {
    let standin = Standin::listen().await;
    let mut kept = Kept::open(standin.settings());
    let mut run = standin.started().await;
    run.come_up().await;
    kept.online().await;
    kept.closing.drain.cancel();
    run.obey(&["lose", "connect"]).await;
    assert!(run.is_there());
    run.send("exit 1").await;
    patiently("the run to end", &mut kept.task)
        .await
        .expect("no panic");
    assert_eq!(kept.status().phase, Phase::Stopped(None));
}

#[tokio::test]
async fn a_program_that_will_not_go_is_killed() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let program = standin::program().display();
    let stubborn = format!("#!/bin/sh\ntrap '' TERM\nexec '{program}' \"$@\"\n");
    let standin = Standin::listen().await;
    let settings = Cloudflared {
        binary: Some(
            script(home.path(), &stubborn)
                .to_string_lossy()
                .into_owned(),
        ),
        ..standin.settings()
    };
    let limits = Limits {
        grace: SOON,
        ..Limits::default()
    };
    let mut kept = Kept::open_within(limits, settings);
    let mut run = standin.started().await;
    run.come_up().await;
    kept.online().await;
    let begun = Instant::now();
    close(kept, &run).await;
    assert!(begun.elapsed() >= SOON, "it was asked first");
}

#[tokio::test]
async fn a_willing_program_is_gone_within_its_grace() {
    let standin = Standin::listen().await;
    let mut kept = Kept::open(standin.settings());
    let mut run = standin.started().await;
    run.come_up().await;
    kept.online().await;
    within(Limits::default().grace, "the end", close(kept, &run)).await;
}

#[tokio::test]
async fn what_it_leaves_behind_goes_with_it() {
    let standin = Standin::listen().await;
    let mut kept = Kept::open(standin.settings());
    let mut run = standin.started().await;
    let bred = standin::process(&run.obey(&["breed"]).await);
    let end = Watched::new(bred);
    run.send("exit 1").await;
    end.gone().await;
    kept.waiting().await;
    kept.close().await;
}

#[tokio::test]
async fn a_run_that_is_dropped_leaves_nothing() {
    let standin = Standin::listen().await;
    let mut kept = Kept::open(standin.settings());
    let mut run = standin.started().await;
    run.come_up().await;
    kept.online().await;
    kept.task.abort();
    let aborted = patiently("the task to end", &mut kept.task).await;
    assert!(aborted.is_err_and(|error| error.is_cancelled()));
    run.gone().await;
    assert!(!kept.config().exists());
}
