//! Completions by real shells: the script they load asks the program at every tab.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

const CONFIG: &str = r#"{
    // No variable of it is set: names are all that is looked at.
    "providers": [
        { "type": "openai", "api_key": "${NOBODY_HAS_SET_THIS}", "models": ["gpt-5.1", "o4-mini"], "region": "eu" },
        { "type": "groq", "name": "fast", "api_key": "gsk_literal", "models": { "llama-3.3:70b": {} } },
        { "type": "ollama", "name": "odd $(name)" },
    ],
    "routes": [{ "name": "smart", "steps": [] }],
}"#;

const WORK: &str = "[[providers]]\ntype = \"mistral\"\nmodels = [\"codestral\"]\n";

fn home() -> TempDir {
    let home = tempfile::tempdir().expect("a temporary directory");
    fs::write(home.path().join("config.json"), CONFIG).expect("it is written");
    fs::write(home.path().join("config.work.toml"), WORK).expect("it is written");
    home
}

/// A shell without anybody's settings, in `home`.
fn shell(program: &str, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("AUTOGW_HOME", home)
        .env("AUTOGW", env!("CARGO_BIN_EXE_autogw"))
        .current_dir(home);
    command
}

/// What bash offers for `line` with the cursor at its end, and what was said meanwhile.
fn offered(home: &Path, line: &str) -> (BTreeSet<String>, String) {
    // As readline does it: words are split at blanks and at the characters of COMP_WORDBREAKS.
    let script = r#"
        source <(COMPLETE=bash "$AUTOGW")
        COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9
        shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        function=$(complete -p autogw | sed 's/.*-F \([^ ]*\).*/\1/')
        current=${COMP_WORDS[COMP_CWORD]}
        [[ $current == [=:] ]] && current=
        $function autogw "$current" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let output = shell("bash", home)
        .args(["--norc", "-c", script, "bash", line])
        .args(words(line))
        .output()
        .expect("bash is everywhere where this is tested");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    let lines = text(output.stdout);
    let offered = lines.lines().filter(|line| !line.is_empty());
    (offered.map(str::to_owned).collect(), text(output.stderr))
}

/// The words of `line` as bash sees them.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in line.chars() {
        let last = words.last_mut().expect("never empty");
        match c {
            ' ' => words.push(String::new()),
            '=' | ':' => words.push(c.to_string()),
            c if last == "=" || last == ":" => words.push(c.to_string()),
            c => last.push(c),
        }
    }
    words
}

#[test]
fn verbs_options_and_the_names_of_this_home_are_offered() {
    let home = home();
    for (line, expected) in [
        ("autogw sta", &["start", "status"][..]),
        ("autogw explain --strat", &["--strategy"]),
        ("autogw explain --strategy b", &["bandit"]),
        ("autogw completions z", &["zsh"]),
        ("autogw status --name ", &["work"]),
        ("autogw start --name w", &["work"]),
        ("autogw start --tunnel c", &["cloudflared"]),
        ("autogw explain --exclude ", &["fast", "openai"]),
        ("autogw explain --exclude fast,o", &["fast,openai"]),
        ("autogw explain --region ", &["eu"]),
        ("autogw requests --provider f", &["fast"]),
        (
            "autogw explain -m ",
            &["auto", "gpt-5.1", "llama-3.3:70b", "o4-mini", "smart"],
        ),
        ("autogw explain --model fast/", &["fast/llama-3.3:70b"]),
        ("autogw explain --name work -m ", &["auto", "codestral"]),
        (
            "autogw explain --config config.work.toml -m c",
            &["codestral"],
        ),
        ("autogw explain --model=s", &["smart"]),
        (
            "autogw explain --config=config.work.toml -m c",
            &["codestral"],
        ),
        // What stands before the colon is there already.
        ("autogw explain -m llama-3.3:", &["70b"]),
        ("autogw explain -m fast/llama-3.3:7", &["70b"]),
        // Nobody's business.
        ("autogw tunnel-", &[]),
        ("autogw ma", &[]),
    ] {
        let (offered, said) = offered(home.path(), line);
        let expected: BTreeSet<String> = expected.iter().map(|&word| word.to_owned()).collect();
        assert_eq!(offered, expected, "{line}: {said}");
        assert_eq!(said, "", "{line}");
    }
}

#[test]
fn what_is_wrong_here_is_no_business_of_who_types() {
    let home = home();
    fs::write(home.path().join("config.json"), "{ \"providers\": [").expect("it is written");
    for line in [
        "autogw explain --exclude ",
        "autogw explain --name nobody --exclude ",
        "autogw explain --config /nowhere --region ",
        "autogw frobnicate --x",
    ] {
        let (offered, said) = offered(home.path(), line);
        assert_eq!((offered.len(), &*said), (0, ""), "{line}: {offered:?}");
    }
}

#[test]
fn every_shell_that_is_here_takes_its_script() {
    let home = home();
    let by_asking = |shell: &str| match shell {
        "fish" => "COMPLETE=fish $AUTOGW | source",
        _ => "source <(COMPLETE=$1 \"$AUTOGW\")",
    };
    for name in ["bash", "zsh", "fish"] {
        let before = if name == "zsh" {
            "autoload -Uz compinit && compinit -u; "
        } else {
            ""
        };
        for script in [
            by_asking(name).replace("$1", name),
            format!("\"$AUTOGW\" completions {name} > script; source ./script"),
        ] {
            let script = format!("{before}{script}");
            let output = match shell(name, home.path()).args(["-c", &script]).output() {
                Ok(output) => output,
                Err(_) if name != "bash" => continue,
                Err(error) => panic!("{name}: {error}"),
            };
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{name}: {said}");
            assert_eq!(said, "", "{name}: {script}");
        }
    }
}

#[test]
fn a_shell_that_nobody_knows_is_named() {
    let home = home();
    let output = shell(env!("CARGO_BIN_EXE_autogw"), home.path())
        .env("COMPLETE", "nush")
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("nush") && said.contains("zsh"), "{said}");
    assert!(output.stdout.is_empty());
}
