//! Where the program is, or how it is installed here.

use std::fs;
use std::path::{Path, PathBuf};

use crate::config;
use crate::telemetry::tunnel::Trouble;

/// Its name on the `PATH`.
const NAME: &str = "cloudflared";

/// The program, or why there is none, with how to install it on this platform.
pub fn find(settings: &config::Cloudflared) -> Result<PathBuf, Trouble> {
    let Some(wanted) = settings.binary.as_deref() else {
        return which::which(NAME).map_err(|_| missing("cloudflared is not on PATH".to_owned()));
    };
    which::which(wanted).map_err(|_| match problem(Path::new(wanted)) {
        Some(problem) => Trouble::new(format!("`{wanted}` {problem}"))
            .with_hint("correct `binary` of the tunnel, or leave it out to look on PATH"),
        None => missing(format!("`{wanted}` is not on PATH")),
    })
}

/// What is wrong with a path; `None` for a bare name, which is no path.
fn problem(path: &Path) -> Option<&'static str> {
    if path.components().count() == 1 && !path.is_absolute() {
        return None;
    }
    Some(match fs::metadata(path) {
        Err(_) => "does not exist",
        Ok(metadata) if metadata.is_dir() => "is a directory",
        Ok(_) => "is not executable",
    })
}

fn missing(message: String) -> Trouble {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let install = install(std::env::consts::OS, &release);
    Trouble::new(message).with_hint(format!("{install}, or use `--tunnel ngrok`"))
}

/// How it is installed on a kind of system; of Linux, `release` says which.
fn install(system: &str, release: &str) -> &'static str {
    const DEBIAN: &str =
        "add the source at https://pkg.cloudflare.com, then `sudo apt install cloudflared`";
    const FEDORA: &str =
        "add the repository at https://pkg.cloudflare.com, then `sudo dnf install cloudflared`";
    const ELSEWHERE: &str =
        "take it from https://github.com/cloudflare/cloudflared/releases and put it on PATH";
    const BY_KIN: [(&str, &str); 6] = [
        ("debian", DEBIAN),
        ("ubuntu", DEBIAN),
        ("fedora", FEDORA),
        ("rhel", FEDORA),
        ("centos", FEDORA),
        ("arch", "`sudo pacman -S cloudflared`"),
    ];
    match system {
        "macos" => "`brew install cloudflared`",
        "windows" => "this tunnel is not supported on Windows: run autogw in WSL",
        "linux" => {
            let kin = kin(release);
            let known = BY_KIN.iter().find(|(name, _)| kin.contains(name));
            known.map_or(ELSEWHERE, |(_, install)| install)
        }
        _ => ELSEWHERE,
    }
}

/// The names of a Linux distribution and of those it is made from: `ID` and `ID_LIKE` of os-release.
fn kin(release: &str) -> Vec<&str> {
    let fields = release.lines().filter_map(|line| line.split_once('='));
    let names = fields.filter(|(field, _)| ["ID", "ID_LIKE"].contains(field));
    names
        .flat_map(|(_, names)| names.trim_matches(['"', '\'']).split_whitespace())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_platform_is_told_its_own_way() {
        for (release, way) in [
            ("ID=debian\n", "apt install"),
            (
                "NAME=\"Mint\"\nID=linuxmint\nID_LIKE=\"ubuntu debian\"",
                "apt install",
            ),
            (
                "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"",
                "dnf install",
            ),
            ("ID=arch", "pacman -S cloudflared"),
            ("ID=nixos", "releases"),
            ("", "releases"),
        ] {
            assert!(install("linux", release).contains(way), "{release}");
        }
        assert!(install("macos", "").contains("brew install cloudflared"));
        assert!(install("windows", "").contains("not supported"));
    }

    #[track_caller]
    fn assert_missing(binary: &str, message: &str) -> Trouble {
        let settings = config::Cloudflared {
            binary: Some(binary.to_owned()),
            ..config::Cloudflared::default()
        };
        let trouble = find(&settings).expect_err("there is no such program");
        assert_eq!(trouble.message, format!("`{binary}` {message}"));
        trouble
    }

    #[test]
    fn what_is_wrong_with_a_configured_program_is_said() {
        let place = tempfile::tempdir().expect("a directory");
        let path = |name: &str| place.path().join(name).to_string_lossy().into_owned();
        let file = path("file");
        fs::write(&file, "").expect("a file");
        assert_missing(&path("nothing"), "does not exist");
        assert_missing(&file, "is not executable");
        assert_missing(&path(""), "is a directory");
        let trouble = assert_missing("cloudflared-of-nobody", "is not on PATH");
        assert!(
            trouble
                .hint
                .is_some_and(|hint| hint.ends_with("or use `--tunnel ngrok`"))
        );
    }
}
