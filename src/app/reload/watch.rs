//! The watch: notices when the files of the configuration say something else.
//!
//! Editors write a new file and rename it over the old one, Kubernetes swaps a link to a directory, `cp` writes in
//! place: so directories are watched and not files, and what counts is what the files say once they have said it
//! for a moment, whatever else happens beside them. What no event tells of (a network file system) is seen by
//! looking now and then.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::source::Fingerprint;
use super::{Cause, Reloader};

/// How long files must say the same.
const QUIET: Duration = Duration::from_millis(300);

/// How often it is looked whether they do: a file that is always being written is read in the end.
const MOST_LOOKS: usize = 10;

/// How often it is looked without an event.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Links that are followed from one to the next.
const MOST_LINKS: usize = 8;

/// Watches for as long as it is polled and the configuration wants it.
pub(super) async fn run(reloader: Reloader) {
    if reloader.0.files().is_empty() {
        return;
    }
    let mut generations = reloader.0.current.subscribe();
    loop {
        generations.mark_unchanged();
        let is_wanted = reloader.0.current.load().config().router.hot_reload;
        let watching = async {
            if is_wanted {
                watch(&reloader).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = watching => {}
            changed = wait_for_other(&mut generations, &reloader, is_wanted) => {
                if changed.is_none() {
                    return;
                }
            }
        }
    }
}

/// Waits for a generation that wants it otherwise.
async fn wait_for_other(
    generations: &mut tokio::sync::watch::Receiver<u64>,
    reloader: &Reloader,
    is_wanted: bool,
) -> Option<()> {
    loop {
        generations.changed().await.ok()?;
        if reloader.0.current.load().config().router.hot_reload != is_wanted {
            return Some(());
        }
    }
}

async fn watch(reloader: &Reloader) {
    let (sender, mut events) = mpsc::channel(1);
    let mut watched = Watched::new(sender);
    loop {
        // First watched and then looked at: what happened before, or while a directory was away, is seen as well.
        watched.follow(&reloader.0.files());
        if has_news(reloader).await {
            reloader.reload(Cause::File).await;
            continue;
        }
        if timeout(LOOK_EVERY, events.recv()).await.is_ok() {
            sleep(QUIET).await;
            // What comes from here on is news again.
            let _ = events.try_recv();
        }
    }
}

/// Whether the files say something else than when they were read last, once they have settled on it.
async fn has_news(reloader: &Reloader) -> bool {
    let mut last = None;
    for _ in 0..MOST_LOOKS {
        let now = look(reloader).await;
        if now.is_none() || now == last {
            return now.is_some();
        }
        last = now;
        sleep(QUIET).await;
    }
    true
}

/// What the files say, if that is news.
async fn look(reloader: &Reloader) -> Option<Fingerprint> {
    let reloader = reloader.clone();
    let looking = tokio::task::spawn_blocking(move || reloader.news());
    looking.await.ok().flatten()
}

/// The directories that are watched.
struct Watched {
    watcher: Option<RecommendedWatcher>,
    directories: BTreeMap<PathBuf, Identity>,
}

/// Device and number: another directory of the same name has others.
type Identity = (u64, u64);

impl Watched {
    fn new(sender: mpsc::Sender<()>) -> Self {
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let is_look = |event: &notify::Event| event.kind.is_access();
            if !event.as_ref().is_ok_and(is_look) {
                // One that waits says the same.
                let _ = sender.try_send(());
            }
        });
        let watcher = watcher.inspect_err(complain).ok();
        Self {
            watcher,
            directories: BTreeMap::new(),
        }
    }

    /// Watches wherever something can happen to `files`. A directory that was replaced is watched again.
    fn follow(&mut self, files: &[PathBuf]) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        let places: BTreeSet<PathBuf> = files.iter().flat_map(|file| directories(file)).collect();
        let known = |place: PathBuf| Some((identity(&place)?, place));
        let wanted: Vec<_> = places.into_iter().filter_map(known).collect();
        let is_wanted = |(place, is): (&PathBuf, &Identity)| {
            let mut wanted = wanted.iter();
            wanted.any(|(other, wanted)| other == is && wanted == place)
        };
        let mut followed = self.directories.clone();
        followed.retain(|place, is| is_wanted((place, is)));
        for gone in self.directories.keys() {
            if !followed.contains_key(gone) {
                let _ = watcher.unwatch(gone);
            }
        }
        for (is, place) in wanted {
            if followed.contains_key(&place) {
                continue;
            }
            match watcher.watch(&place, RecursiveMode::NonRecursive) {
                Ok(()) => _ = followed.insert(place, is),
                Err(error) => complain(&error),
            }
        }
        self.directories = followed;
    }
}

fn complain(error: &notify::Error) {
    tracing::warn!(target: "autogw::reload", %error, "the configuration cannot be watched closely: it is looked at every half minute");
}

fn identity(directory: &Path) -> Option<Identity> {
    let metadata = std::fs::metadata(directory).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// The directories of `file`, and of whatever it is a link to. For one that is not there stands what it would be in.
fn directories(file: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut file = file.to_owned();
    for _ in 0..MOST_LINKS {
        let parent = file
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new(".")).to_owned();
        let next = std::fs::read_link(&file).map(|target| parent.join(target));
        found.push(parent);
        match next {
            Ok(next) => file = next,
            Err(_) => break,
        }
    }
    found.extend(
        file.canonicalize()
            .ok()
            .and_then(|file| Some(file.parent()?.to_owned())),
    );
    let nearest = |place: PathBuf| {
        let mut places = place.ancestors();
        places.find(|place| place.is_dir()).map(Path::to_owned)
    };
    found.into_iter().filter_map(nearest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wherever_a_file_leads_is_watched() {
        let base = tempfile::tempdir().expect("a temporary directory");
        let base = base.path().canonicalize().expect("it is there");
        for directory in ["mount", "mount/..2026", "elsewhere"] {
            std::fs::create_dir(base.join(directory)).expect("made");
        }
        let link = |target: &str, at: &str| {
            std::os::unix::fs::symlink(target, base.join(at)).expect("linked");
        };
        std::fs::write(base.join("mount/..2026/c.json"), "{}").expect("written");
        link("..2026", "mount/..data");
        link("..data/c.json", "mount/c.json");
        link("../mount/c.json", "elsewhere/link.json");
        let found = directories(&base.join("elsewhere/link.json"));
        for expected in ["elsewhere", "mount", "mount/..2026"] {
            let is_there = |found: &PathBuf| found.canonicalize().ok() == Some(base.join(expected));
            assert!(found.iter().any(is_there), "{expected}: {found:?}");
        }
        assert_eq!(directories(Path::new("alone.json"))[0], Path::new("."));
        let missing = directories(&base.join("mount/not-there.json"));
        assert_eq!(missing, [base.join("mount")]);
        let lost = directories(&base.join("not-there/c.json"));
        assert_eq!(lost, [base]);
    }
}
