//! A client that is connected for one shell, or for as long as it runs.

use std::fs;
use std::process::Command;

use super::{House, KEY, tree};

const NOWHERE: &str = "--url http://127.0.0.1:9 --model m";

#[tokio::test]
async fn what_is_printed_is_read_by_a_shell() {
    let house = House::new().with("AUTOGW_KEY", "it's-$HOME");
    let before = tree(house.home.path());
    let said = house
        .connect(&format!("openai-sdk {NOWHERE} --print"))
        .await;
    let script = said.done();
    let script = format!("{script}\nprintf '%s|%s' \"$OPENAI_BASE_URL\" \"$OPENAI_API_KEY\"");
    let shell = Command::new("sh").args(["-c", &script]).output();
    let seen = shell.expect("a shell").stdout;
    assert_eq!(
        String::from_utf8_lossy(&seen),
        "http://127.0.0.1:9/v1|it's-$HOME"
    );
    let words = format!("openai-sdk {NOWHERE} --print --shell fish");
    let fish = house.connect(&words).await.done();
    assert!(
        fish.contains(r"set -gx OPENAI_API_KEY 'it\'s-$HOME'"),
        "{fish}"
    );
    assert_eq!(tree(house.home.path()), before);
}

#[tokio::test]
async fn a_client_without_variables_has_its_file_printed() {
    let house = House::new().with("AUTOGW_KEY", KEY);
    let said = house.connect(&format!("continue {NOWHERE} --print")).await;
    assert!(
        said.err.contains("config.yaml") && !said.err.contains(KEY),
        "{}",
        said.err
    );
    let out = said.done();
    assert!(
        out.contains("http://127.0.0.1:9/v1") && out.contains(KEY),
        "{out}"
    );
}

#[tokio::test]
async fn the_key_is_shown_by_print_alone() {
    for client in ["openai-sdk", "cursor", "zed", "open-webui", "claude-code"] {
        let house = House::new().with("AUTOGW_KEY", KEY);
        for way in ["--no-verify", "--no-verify --json", "--dry-run"] {
            let said = house.connect(&format!("{client} {NOWHERE} {way}")).await;
            let shown = format!("{}{}", said.out, said.err);
            assert!(!shown.contains(KEY), "{client} {way}: {shown}");
            said.done();
        }
        let said = house.connect(&format!("{client} {NOWHERE} --print")).await;
        assert!(
            said.out.contains(KEY) && !said.err.contains(KEY),
            "{client}: {}",
            said.err
        );
    }
}

/// A stand-in for a client that says how it was started.
fn scripted(house: &House, program: &str) {
    let script = "#!/bin/sh\necho \"url=$ANTHROPIC_BASE_URL key=$ANTHROPIC_AUTH_TOKEN\"\n\
                  for word in \"$@\"; do echo \"<$word>\"; done\ntouch made-by-client\nexit 7\n";
    house.holds(&format!("bin/{program}"), script, 0o755);
}

#[tokio::test]
async fn a_client_is_started_connected_and_its_status_is_passed_on() {
    let house = House::new().with("AUTOGW_KEY", KEY);
    scripted(&house, "claude");
    let path = format!("{}:/usr/bin:/bin", house.path("bin").display());
    let house = house.with("PATH", &path);
    let said = house
        .connect(&format!("claude-code {NOWHERE} --run -- -p hello"))
        .await;
    assert_eq!(said.code, Some(7), "{}", said.err);
    let shown = format!("url=http://127.0.0.1:9 key={KEY}\n<-p>\n<hello>\n");
    assert_eq!(said.out, shown, "{}", said.err);
    assert!(!house.path(".claude").exists() && !house.path("clients").exists());
    // Its files are its own affair: it has the umask of the shell, as any other program.
    let own = fs::metadata(house.path("bin")).expect("ours").permissions();
    let made = fs::metadata(house.path("made-by-client"))
        .expect("its file")
        .permissions();
    let (own, made) = (
        std::os::unix::fs::PermissionsExt::mode(&own),
        std::os::unix::fs::PermissionsExt::mode(&made),
    );
    assert_eq!(own & 0o066, made & 0o066);
}

#[tokio::test]
async fn a_client_whose_own_files_lead_elsewhere_is_started_with_a_warning() {
    let house = House::new().with("AUTOGW_KEY", KEY);
    scripted(&house, "claude");
    let path = format!("{}:/usr/bin:/bin", house.path("bin").display());
    let house = house.with("PATH", &path);
    let own = r#"{ "env": { "ANTHROPIC_BASE_URL": "https://own.example" } }"#;
    house.holds(".claude/settings.json", own, 0o644);
    let said = house.connect(&format!("claude-code {NOWHERE} --run")).await;
    assert_eq!(said.code, Some(7), "{}", said.err);
    assert!(
        said.err
            .contains("settings.json leads to https://own.example"),
        "{}",
        said.err
    );
    house
        .connect(&format!("claude-code {NOWHERE} --no-verify"))
        .await
        .done();
    let said = house.connect(&format!("claude-code {NOWHERE} --run")).await;
    assert_eq!((said.code, &*said.err), (Some(7), ""));
}

#[tokio::test]
async fn a_key_of_its_vendor_is_for_nobody_else() {
    let house = House::new().with("AUTOGW_KEY", KEY);
    let house = house.with("ANTHROPIC_API_KEY", "sk-ant-canary");
    let script = "#!/bin/sh\necho \"<$ANTHROPIC_API_KEY> <$ANTHROPIC_AUTH_TOKEN>\"\n";
    house.holds("bin/claude", script, 0o755);
    let path = format!("{}:/usr/bin:/bin", house.path("bin").display());
    let house = house.with("PATH", &path);
    let run = house.connect(&format!("claude-code {NOWHERE} --run")).await;
    assert_eq!(run.done(), format!("<> <{KEY}>\n"));
    let printed = house
        .connect(&format!("claude-code {NOWHERE} --print"))
        .await;
    let printed = printed.done();
    assert!(printed.contains("\nunset ANTHROPIC_API_KEY\n"), "{printed}");
    let written = house
        .connect(&format!("claude-code {NOWHERE} --no-verify"))
        .await;
    assert!(
        written.err.contains("ANTHROPIC_API_KEY is set"),
        "{}",
        written.err
    );
    assert!(!written.err.contains("canary"), "{}", written.err);
    written.done();
}

#[tokio::test]
async fn what_cannot_be_started_connected_is_said() {
    let house = House::new()
        .with("AUTOGW_KEY", KEY)
        .with("PATH", "/nowhere");
    let said = house
        .connect(&format!("claude-code {NOWHERE} --run"))
        .await
        .failed(1);
    assert!(said.contains("not on PATH"), "{said}");
    let said = house
        .connect(&format!("continue {NOWHERE} --run"))
        .await
        .failed(2);
    assert!(said.contains("autogw connect continue"), "{said}");
    house.connect("claude-code --run --print").await.failed(2);
    house.connect("claude-code -- -p").await.failed(2);
}
