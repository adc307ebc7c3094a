//! What is news about one tunnel, and when it may be told.
//!
//! A state machine without a clock. It compares what a person was told last with how the tunnel is, lets
//! a blip pass, waits a moment for the check that belongs to a new address, and speaks the less often the
//! more there is to say, so that a tunnel that comes and goes does not flood the terminal.

use std::time::{Duration, Instant};

use crate::telemetry::tunnel::{Check, Phase, Status, Trouble};

/// How long a loss lasts before it is told: most are over by then.
const SETTLE: Duration = Duration::from_secs(1);

/// How long an address waits for its check. With the check it makes one word of two; a quick tunnel's
/// name may take longer to get around.
const CHECK_PATIENCE: Duration = Duration::from_secs(3);

/// How long an address that does not answer is not worth a word: it usually takes a second or two.
const KNOWN_PATIENCE: Duration = Duration::from_secs(5);

/// Least time between two words, doubled with every word up to the longest.
const FIRST_GAP: Duration = Duration::from_secs(1);
const LONGEST_GAP: Duration = Duration::from_secs(30);

/// After this long without a word the gap is the first one again.
const CALM: Duration = Duration::from_mins(1);

/// How a tunnel is, as far as a person cares.
#[derive(Debug, Clone, PartialEq, Eq)]
enum News {
    /// It is being opened.
    Opening,
    /// Its address is known, and does not answer yet.
    Known,
    /// Requests come through.
    Up { url: Option<String>, check: Check },
    /// Something is wrong, and it is being tried again, or not.
    Down { trouble: Trouble, for_good: bool },
    /// It was closed: here, or by its provider for this reason.
    Closed { why: Option<Trouble> },
}

impl News {
    fn of(status: &Status) -> Self {
        let down = |trouble: &Trouble, for_good| News::Down {
            trouble: trouble.clone(),
            for_good,
        };
        match &status.phase {
            Phase::Starting => News::Opening,
            Phase::UrlKnown => News::Known,
            Phase::Online => News::Up {
                url: status.url.clone(),
                check: status.check.clone(),
            },
            Phase::Degraded(trouble) | Phase::Waiting { trouble, .. } => down(trouble, false),
            Phase::Failed(trouble) => down(trouble, true),
            Phase::Stopped(why) => News::Closed { why: why.clone() },
        }
    }

    /// Whether nothing follows by itself.
    fn is_final(&self) -> bool {
        matches!(
            self,
            News::Closed { .. } | News::Down { for_good: true, .. }
        )
    }
}

/// A word about a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Telling {
    /// It is being opened, after it was closed.
    Opening,
    /// Its address is known and does not answer yet.
    Known,
    /// It is up for the first time: all there is to know.
    Open,
    /// It is up at another address than before.
    Moved,
    /// It is up again where it was.
    Back,
    /// The check of the address that was told has come out, or out differently.
    Checked,
    /// Something is wrong.
    Trouble,
    /// It was closed.
    Closed,
}

/// One tunnel: how it is, and what was said about it.
#[derive(Debug)]
pub(super) struct Line {
    status: Status,
    news: News,
    since: Instant,
    told: News,
    /// The address that was told with everything that belongs to it; empty if it has none.
    shown: Option<String>,
    last_word: Option<Instant>,
    gap: Duration,
}

impl Line {
    /// A tunnel of which nothing was said, unless the banner `introduced` it.
    pub(super) fn new(introduced: bool, status: &Status, now: Instant) -> Self {
        let told = if introduced {
            News::Opening
        } else {
            News::Closed { why: None }
        };
        Self {
            status: status.clone(),
            news: told.clone(),
            since: now,
            told,
            shown: None,
            last_word: None,
            gap: FIRST_GAP,
        }
    }

    /// Takes note of how it is.
    pub(super) fn hear(&mut self, status: &Status, now: Instant) {
        let news = News::of(status);
        let is_on_the_way = matches!(news, News::Opening | News::Known);
        let is_down = matches!(
            self.news,
            News::Down {
                for_good: false,
                ..
            }
        );
        // The next attempt is part of the trouble until it succeeds.
        if is_on_the_way && is_down {
            return;
        }
        self.status = status.clone();
        if news != self.news {
            self.news = news;
            self.since = now;
        }
    }

    /// The status that the news is about.
    pub(super) fn status(&self) -> &Status {
        &self.status
    }

    /// When there is something to tell, if nothing changes until then.
    pub(super) fn due(&self) -> Option<Instant> {
        let ripe = self.since + self.patience()?;
        // An end, and a new beginning after it, cannot come in numbers.
        if self.news.is_final() || self.told.is_final() {
            return Some(ripe);
        }
        let polite = self.last_word.map(|last| last + self.gap);
        Some(polite.map_or(ripe, |polite| polite.max(ripe)))
    }

    /// What is to be told at `now`; it counts as told then.
    pub(super) fn tell(&mut self, now: Instant) -> Option<Telling> {
        if self.due()? > now {
            return None;
        }
        let telling = self.telling();
        if let News::Up { url, .. } = &self.news {
            self.shown = Some(url.clone().unwrap_or_default());
        }
        self.told = self.news.clone();
        let was_calm = self.last_word.is_none_or(|last| now >= last + CALM);
        self.gap = if was_calm {
            FIRST_GAP
        } else {
            (self.gap * 2).min(LONGEST_GAP)
        };
        self.last_word = Some(now);
        Some(telling)
    }

    /// How long the state has to last to be worth a word; `None` if it is not, however long it lasts.
    fn patience(&self) -> Option<Duration> {
        match (&self.told, &self.news) {
            (told, news) if told == news => None,
            (told, News::Opening) => told.is_final().then_some(Duration::ZERO),
            (News::Opening, News::Known) => Some(KNOWN_PATIENCE),
            // What its provider closed is closed once more when the gateway ends.
            (News::Closed { .. }, News::Closed { why: None }) | (_, News::Known) => None,
            // It is being checked once more: what was told of it holds until something else is known.
            (News::Up { url: told, .. }, News::Up { url, check }) if told == url => {
                (*check != Check::Pending).then_some(Duration::ZERO)
            }
            (_, News::Up { check, .. }) if *check == Check::Pending => Some(CHECK_PATIENCE),
            (_, News::Down { for_good, .. }) if !for_good => Some(SETTLE),
            (_, News::Up { .. } | News::Down { .. } | News::Closed { .. }) => Some(Duration::ZERO),
        }
    }

    fn telling(&self) -> Telling {
        match (&self.told, &self.news) {
            (_, News::Opening) => Telling::Opening,
            (_, News::Known) => Telling::Known,
            (_, News::Down { .. }) => Telling::Trouble,
            (_, News::Closed { .. }) => Telling::Closed,
            (told, News::Up { url, .. }) => match &self.shown {
                None => Telling::Open,
                Some(shown) if shown != url.as_deref().unwrap_or_default() => Telling::Moved,
                Some(_) if matches!(told, News::Up { .. }) => Telling::Checked,
                Some(_) => Telling::Back,
            },
        }
    }
}
