//! The help texts, reviewed as what they are: documentation.

fn help(verb: &[&str]) -> String {
    let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_autogw"))
        .args(verb)
        .arg("--help")
        .env_clear()
        .output()
        .expect("the binary runs");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("help is UTF-8")
}

#[test]
fn the_program() {
    insta::assert_snapshot!(help(&[]));
}

#[test]
fn start() {
    insta::assert_snapshot!(help(&["start"]));
}

#[test]
fn tui() {
    insta::assert_snapshot!(help(&["tui"]));
}

#[test]
fn connect() {
    insta::assert_snapshot!(help(&["connect"]));
}

#[test]
fn status() {
    insta::assert_snapshot!(help(&["status"]));
}

#[test]
fn requests() {
    insta::assert_snapshot!(help(&["requests"]));
}

#[test]
fn logs() {
    insta::assert_snapshot!(help(&["logs"]));
}

#[test]
fn reload() {
    insta::assert_snapshot!(help(&["reload"]));
}

#[test]
fn check() {
    insta::assert_snapshot!(help(&["check"]));
}

#[test]
fn doctor() {
    insta::assert_snapshot!(help(&["doctor"]));
}

#[test]
fn service() {
    insta::assert_snapshot!(help(&["service"]));
}

#[test]
fn service_install() {
    insta::assert_snapshot!(help(&["service", "install"]));
}

#[test]
fn service_uninstall() {
    insta::assert_snapshot!(help(&["service", "uninstall"]));
}

#[test]
fn service_status() {
    insta::assert_snapshot!(help(&["service", "status"]));
}

#[test]
fn config_show() {
    insta::assert_snapshot!(help(&["config", "show"]));
}

#[test]
fn explain() {
    insta::assert_snapshot!(help(&["explain"]));
}

#[test]
fn save_global() {
    insta::assert_snapshot!(help(&["save-global"]));
}

#[test]
fn init() {
    insta::assert_snapshot!(help(&["init"]));
}

#[test]
fn version() {
    insta::assert_snapshot!(help(&["version"]));
}

#[test]
fn completions() {
    insta::assert_snapshot!(help(&["completions"]));
}

#[test]
fn man() {
    insta::assert_snapshot!(help(&["man"]));
}
