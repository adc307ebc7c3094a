//! The tunnels: how each is now, and how it came to be so.

use std::collections::{BTreeMap, VecDeque};

use super::moment::Moment;
use crate::config::Tunnel;
use crate::telemetry::clock::milliseconds;
use crate::telemetry::snapshot::{TunnelCheck, TunnelRow, TunnelStep};
use crate::telemetry::tunnel::{Check, Phase, Status, Statuses, Streams};

/// States of the past that are remembered of each.
const STEPS: usize = 32;

/// What is remembered of their past.
#[derive(Debug, Default)]
pub(super) struct Past(BTreeMap<Tunnel, VecDeque<TunnelStep>>);

impl Past {
    /// Takes in how they are now, and tells of all of them.
    pub(super) fn rows(&mut self, statuses: &Statuses, moment: Moment) -> Vec<TunnelRow> {
        let rows = statuses.iter();
        rows.map(|(tunnel, status)| self.row(*tunnel, status, moment))
            .collect()
    }

    fn row(&mut self, tunnel: Tunnel, status: &Status, moment: Moment) -> TunnelRow {
        let trouble = status.phase.trouble();
        let since_ms = moment.ms(status.since);
        let reason = trouble.map(|trouble| trouble.message.clone());
        let state = status.phase.name().to_owned();
        let steps = self.0.entry(tunnel).or_default();
        remember(
            steps,
            TunnelStep {
                at_ms: since_ms,
                state: state.clone(),
                reason: reason.clone(),
            },
        );
        TunnelRow {
            kind: tunnel.name().to_owned(),
            state,
            since_ms,
            url: status.url.clone(),
            latency_ms: status.latency.map(milliseconds),
            restarts: status.restarts,
            check: check(&status.check),
            code: trouble.and_then(|trouble| trouble.code.clone()),
            reason,
            hint: trouble.and_then(|trouble| trouble.hint.clone()),
            retry_at_ms: match status.phase {
                Phase::Waiting { until, .. } => Some(moment.ms(until)),
                _ => None,
            },
            history: steps.iter().cloned().collect(),
        }
    }
}

/// Another reason in the same state is another step; the same one again is none.
fn remember(steps: &mut VecDeque<TunnelStep>, step: TunnelStep) {
    let is_same = |last: &TunnelStep| last.state == step.state && last.reason == step.reason;
    if steps.back().is_some_and(is_same) {
        return;
    }
    if steps.len() >= STEPS {
        steps.pop_front();
    }
    steps.push_back(step);
}

fn check(check: &Check) -> TunnelCheck {
    let (state, streams, reason) = match check {
        Check::Pending => ("pending", None, None),
        Check::Passed { streams } => ("passed", Some(*streams), None),
        Check::Failed { reason } => ("failed", None, Some(reason.clone())),
    };
    let streams = streams.map(|streams| match streams {
        Streams::Live => "live".to_owned(),
        Streams::Buffered => "buffered".to_owned(),
    });
    TunnelCheck {
        state: state.to_owned(),
        streams,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::tunnel::{Board, Trouble};

    #[test]
    fn every_state_of_a_tunnel_is_remembered_once_and_only_so_many() {
        let (board, mut past, moment) = (Board::default(), Past::default(), Moment::first());
        let line = board.open(Tunnel::Ngrok);
        let mut look = || past.rows(&board.statuses(), moment).remove(0);
        look();
        line.phase(Phase::Online);
        look();
        assert_eq!(look().history.len(), 2);
        line.phase(Phase::Degraded(Trouble::new("gone")));
        let row = look();
        let states: Vec<_> = row.history.iter().map(|step| &*step.state).collect();
        assert_eq!(states, ["starting", "online", "degraded"]);
        assert_eq!(row.reason.as_deref(), Some("gone"));
        for number in 0..2 * STEPS {
            line.phase(Phase::Degraded(Trouble::new(format!("{number}"))));
            look();
        }
        assert_eq!(look().history.len(), STEPS);
    }
}
