//! Starts that cannot be: each says why and what to do, and no program is started for it.

use serde_json::Value;

use super::Start;
use crate::support::Upstream;

impl Start {
    /// Runs it, and expects it to end with `status` before anything was announced; returns its last words.
    async fn refused(self, status: i32) -> String {
        let mut gateway = self.run();
        let exit = gateway.binary.exit().await;
        let said = gateway.binary.stderr();
        assert_eq!(exit.code(), Some(status), "{said}");
        assert_eq!(gateway.binary.stdout(), "", "{said}");
        assert!(!gateway.standin.was_started().await, "{said}");
        assert_eq!(gateway.files(), [""; 0], "{said}");
        // The log comes before it.
        let (_, error) = said.split_once("error: ").unwrap_or_default();
        error.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

#[tokio::test]
async fn without_the_program_it_is_said_how_to_get_it() {
    let start = Start::over(&Upstream::refusing()).await;
    let said = start
        .tunnel("binary", "cloudflared-of-nobody")
        .refused(2)
        .await;
    assert!(
        said.contains("`cloudflared-of-nobody` is not on PATH"),
        "{said}"
    );
    assert!(said.contains("cloudflared"), "{said}");
    assert!(said.contains("or use `--tunnel ngrok`"), "{said}");
}

#[tokio::test]
async fn what_is_not_on_the_path_at_all_is_installed() {
    let start = Start::over(&Upstream::refusing()).await;
    let start = start
        .tunnel("binary", Value::Null)
        .variable("PATH", "/nowhere");
    let said = start.refused(2).await;
    assert!(said.contains("cloudflared is not on PATH"), "{said}");
    assert!(said.contains("or use `--tunnel ngrok`"), "{said}");
}

#[tokio::test]
async fn a_program_that_cannot_be_executed_is_said() {
    let start = Start::over(&Upstream::refusing()).await;
    let file = start.home.path().join("cloudflared");
    std::fs::write(&file, "").expect("a writable directory");
    let said = start
        .tunnel("binary", file.to_string_lossy())
        .refused(2)
        .await;
    assert!(said.contains("is not executable"), "{said}");
    assert!(said.contains("correct `binary`"), "{said}");
}

#[tokio::test]
async fn a_taken_port_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    let port = taken.local_addr().expect("a bound listener").port();
    let start = Start::over(&Upstream::refusing()).await;
    let said = start.server("port", port).refused(1).await;
    assert!(said.contains(&port.to_string()), "{said}");
    assert!(said.contains("in use"), "{said}");
}

#[tokio::test]
async fn a_place_for_files_that_is_none_is_said() {
    let start = Start::over(&Upstream::refusing()).await;
    let run = start.home.path().join("run");
    std::fs::write(&run, "a file in the way").expect("a writable directory");
    let said = start.refused(1).await;
    assert!(said.contains(&*run.to_string_lossy()), "{said}");
    assert!(said.contains("AUTOGW_HOME"), "{said}");
}

#[tokio::test]
async fn a_key_that_cannot_be_kept_is_said() {
    let start = Start::over(&Upstream::refusing()).await.without_key();
    let run = start.home.path().join("run");
    std::fs::write(&run, "a file in the way").expect("a writable directory");
    let said = start.refused(1).await;
    let file = run.join("client.key");
    assert!(said.contains(&*file.to_string_lossy()), "{said}");
    assert!(said.contains("server.api_key"), "{said}");
}

#[tokio::test]
async fn a_home_too_deep_for_a_socket_is_said() {
    let start = Start::over(&Upstream::refusing()).await;
    let deep = start.home.path().join("deep".repeat(20)).join("down");
    std::fs::create_dir_all(&deep).expect("a writable directory");
    let start = start.variable("AUTOGW_HOME", deep.to_string_lossy());
    let said = start.refused(1).await;
    assert!(said.contains("too long"), "{said}");
    assert!(said.contains("AUTOGW_HOME"), "{said}");
}
