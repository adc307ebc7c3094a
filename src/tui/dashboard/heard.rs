//! What the gateway says: events, answers, silence; and the clock.

use std::time::Duration;

use serde_json::json;

use super::{Answer, Dashboard};
use crate::attach::News;
use crate::telemetry::act::{Refused, Told};
use crate::telemetry::event::Event;
use crate::telemetry::snapshot::is_over;
use crate::tui::dialog::Dialog;
use crate::tui::model::Link;
use crate::tui::pane::Wanted;
use crate::tui::theme::Tone;

impl Dashboard {
    /// Takes in what the feed brings.
    pub fn news(&mut self, news: News, local_ms: u64) {
        self.local_ms = local_ms;
        match news {
            News::Connected(hello) => self.connected(&hello.instance),
            News::Event(event) => self.changed(*event),
            News::Disconnected { reason, again_in } => self.lost(reason, again_in),
        }
    }

    fn connected(&mut self, instance: &str) {
        let known = &self.model.snapshot.about.instance;
        let is_another = !known.is_empty() && known != instance;
        let was_lost = matches!(self.model.link, Link::Lost { .. });
        if is_another {
            self.say("another run of the gateway", Tone::Good);
        } else if was_lost {
            self.say("the gateway is back", Tone::Good);
        }
        self.model.link = Link::Live;
        self.lost_ms = None;
        self.asked = None;
        self.is_dirty = true;
        self.ask_what_is_wanted(true);
    }

    fn changed(&mut self, event: Event) {
        let now_ms = match &event {
            Event::Tick { now_ms } => Some(*now_ms),
            Event::Snapshot(snapshot) => Some(snapshot.now_ms),
            _ => None,
        };
        let is_clock = matches!(event, Event::Tick { .. });
        let is_news = self.is_asked_about(&event);
        self.model.link = Link::Live;
        self.lost_ms = None;
        if let Some((behind, _)) = &mut self.behind {
            behind.apply(event);
        } else {
            self.model.snapshot.apply(event);
            // The clock alone moves no figure; seconds are counted here.
            self.is_dirty |= !is_clock;
        }
        if let Some(now_ms) = now_ms {
            self.model.clock_skew_ms = now_ms
                .cast_signed()
                .saturating_sub(self.local_ms.cast_signed());
        }
        if is_news {
            self.asked = None;
            self.ask_what_is_wanted(true);
        }
    }

    /// Whether `event` makes another answer of the one to what was asked last: a reload, the end of a request.
    fn is_asked_about(&self, event: &Event) -> bool {
        let Some((asked, _)) = &self.asked else {
            return false;
        };
        match (asked, event) {
            (Wanted::Config, Event::About(about)) => {
                let known = &self.model.snapshot.about;
                known.generation != about.generation || known.reloaded != about.reloaded
            }
            (Wanted::Request(number), Event::Request(row)) => row.number == *number && is_over(row),
            _ => false,
        }
    }

    fn lost(&mut self, reason: String, again_in: Duration) {
        if self.model.link == Link::Live {
            self.say("the gateway is gone", Tone::Bad);
            self.lost_ms = Some(self.local_ms);
        }
        let wait = u64::try_from(again_in.as_millis()).unwrap_or(u64::MAX);
        self.again_at_ms = self.local_ms.saturating_add(wait);
        self.model.link = Link::Lost { reason, again_in };
        self.asked = None;
        self.is_dirty = true;
    }

    /// Lets time pass. Call it about once a second, and more often while [`Dashboard::is_counting`].
    pub fn tick(&mut self, local_ms: u64) {
        let is_another_second = local_ms / 1_000 != self.local_ms / 1_000;
        self.local_ms = local_ms;
        self.is_dirty |= self.toasts.fade(local_ms);
        if !is_another_second {
            return;
        }
        let left = self.again_at_ms.saturating_sub(local_ms);
        if let Link::Lost { again_in, .. } = &mut self.model.link {
            *again_in = Duration::from_millis(left);
        }
        self.is_dirty |= self.behind.is_none();
        self.ask_what_is_wanted(true);
    }

    /// Takes in an answer.
    pub fn answered(&mut self, answer: Answer) {
        if !matches!(answer, Answer::Act(_)) {
            self.asked = self.asked.take().map(|(wanted, _)| (wanted, false));
        }
        self.is_dirty = true;
        if matches!(answer, Answer::Config(Err(_))) {
            self.asked = None;
        }
        let model = &mut self.model;
        let failed = match answer {
            Answer::Provider(Ok(detail)) => return model.provider = Some(*detail),
            Answer::Request(Ok(detail)) => return model.request = Some(*detail),
            Answer::Config(Ok(config)) => return model.config = Some(config),
            Answer::Decision(Ok(decision)) => return model.explained = Some(decision),
            Answer::Decision(Err(reason)) => {
                return model.explained = Some(json!({"error": {"message": reason}}));
            }
            Answer::Provider(Err(reason))
            | Answer::Request(Err(reason))
            | Answer::Config(Err(reason)) => reason,
            Answer::Act(Ok(told)) => return self.told(told),
            Answer::Act(Err(refused)) => return self.refused(refused),
        };
        self.say(&failed, Tone::Warn);
    }

    /// One line is said in passing, more are to be read.
    fn told(&mut self, told: Told) {
        if told.details.len() < 2 {
            let detail = told.details.first().map(|line| format!(": {line}"));
            let words = format!("{}{}", told.message, detail.unwrap_or_default());
            self.say(&words, Tone::Good);
        } else {
            self.dialog = Some(Dialog::note(&told.message, told.details));
        }
    }

    fn refused(&mut self, refused: Refused) {
        let hint = refused.hint.as_ref().map(|hint| format!("; {hint}"));
        let words = format!("{}{}", refused.message, hint.unwrap_or_default());
        if refused.details.is_empty() {
            self.say(&words, Tone::Bad);
        } else {
            self.dialog = Some(Dialog::note(&words, refused.details));
        }
    }
}
