//! The manual pages, as those read them who typeset them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn man(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_autogw"))
        .arg("man")
        .args(words)
        .env_clear()
        .output()
        .expect("the binary runs")
}

/// The pages of `directory` by the names of their files.
fn pages(directory: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(directory).expect("a folder");
    let page = |entry: fs::DirEntry| {
        let text = fs::read_to_string(entry.path()).expect("text");
        (entry.file_name().to_string_lossy().into_owned(), text)
    };
    entries
        .map(|entry| page(entry.expect("an entry")))
        .collect()
}

#[test]
fn the_pages_are_the_same_every_time_and_the_first_goes_to_stdout_too() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let [one, other] = ["one", "other"].map(|name| {
        let directory = folder.path().join("share/man").join(name);
        let output = man(&[&directory.to_string_lossy()]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        pages(&directory)
    });
    assert_eq!(one, other);
    for name in ["autogw.1", "autogw-start.1", "autogw-config-show.1"] {
        assert!(one.contains_key(name), "{:?}", one.keys());
    }
    assert!(
        !one.keys().any(|name| name.contains("child")),
        "{:?}",
        one.keys()
    );
    let first = String::from_utf8(man(&[]).stdout).expect("text");
    assert_eq!(first.trim_end(), one["autogw.1"].trim_end());
}

#[test]
fn a_folder_that_cannot_be_made_is_told() {
    let output = man(&["/dev/null/man"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.starts_with("error: cannot write to /dev/null/man: "),
        "{said}"
    );
}

#[test]
fn typesetters_have_nothing_to_say_about_them() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    man(&[&folder.path().to_string_lossy()]);
    // Lines of examples may be longer than a page is wide.
    let typesetters: [(&str, &[&str]); 2] = [
        (
            "groff",
            &["-man", "-Tutf8", "-Kutf8", "-z", "-wall", "-Wbreak"],
        ),
        ("mandoc", &["-Tlint", "-Werror"]),
    ];
    let mut pages = pages(folder.path());
    pages.retain(|name, _| name.ends_with(".1"));
    assert!(pages.len() > 12, "{:?}", pages.keys());
    for (program, words) in typesetters {
        for name in pages.keys() {
            let page = folder.path().join(name);
            let Ok(output) = Command::new(program).args(words).arg(&page).output() else {
                break;
            };
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success() && said.is_empty(),
                "{program} {name}: {said}"
            );
        }
    }
}
