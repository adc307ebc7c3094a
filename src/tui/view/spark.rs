//! Courses and shares in a few letters: sparklines, charts of some rows, gauges.

use super::figures::real;
use crate::tui::theme::Theme;

/// Steps of height within one row.
const STEPS: u64 = 8;

/// What is drawn at most; a terminal is never so wide.
const WIDEST: usize = 1_000;

/// A course in one row of `columns`, the latest at the right; what is 0 or no number leaves a gap.
pub fn sparkline(values: &[f64], columns: usize, theme: &Theme) -> String {
    let mut rows = chart(values, columns, 1, theme);
    rows.pop().unwrap_or_default()
}

/// A course in `rows` rows of `columns`, the highest row first.
pub fn chart(values: &[f64], columns: usize, rows: usize, theme: &Theme) -> Vec<String> {
    let heights = heights(values, columns.min(WIDEST), rows as u64 * STEPS);
    let row = |row: usize| -> String {
        let below = (rows - 1 - row) as u64 * STEPS;
        let letters = heights.iter().map(|height| letter(*height, below, theme));
        letters.collect()
    };
    (0..rows).map(row).collect()
}

fn letter(height: u64, below: u64, theme: &Theme) -> &'static str {
    match height.saturating_sub(below).min(STEPS) {
        0 => " ",
        steps => theme.bars()[usize::try_from(steps - 1).unwrap_or(0)],
    }
}

/// How high each column is, out of `most`.
fn heights(values: &[f64], columns: usize, most: u64) -> Vec<u64> {
    let means = squeezed(values, columns);
    let highest = means.iter().copied().fold(0.0, f64::max);
    let height = |value: f64| {
        if value <= 0.0 {
            return 0;
        }
        // Something is seen of everything that is more than nothing.
        super::figures::whole((value / highest * real(most)).round()).clamp(1, most)
    };
    let gap = columns - means.len();
    let empty = std::iter::repeat_n(0, gap);
    empty
        .chain(means.iter().map(|value| height(*value)))
        .collect()
}

/// At most `columns` values: those that share a column are averaged, those that are no numbers are nothing.
fn squeezed(values: &[f64], columns: usize) -> Vec<f64> {
    let sane = |value: &f64| {
        if value.is_finite() {
            value.max(0.0)
        } else {
            0.0
        }
    };
    if values.len() <= columns {
        return values.iter().map(sane).collect();
    }
    let edge = |column: usize| column * values.len() / columns;
    let mean = |column: usize| {
        let share = &values[edge(column)..edge(column + 1).max(edge(column) + 1)];
        let parts = share
            .iter()
            .map(|value| sane(value) / real(share.len() as u64));
        parts.sum()
    };
    (0..columns).map(mean).collect()
}

/// A share of 0 to 1 as a bar of `columns`: `███░░`.
pub fn gauge(share: f64, columns: usize, theme: &Theme) -> String {
    let columns = columns.min(WIDEST);
    let share = if share.is_finite() {
        share.clamp(0.0, 1.0)
    } else {
        0.0
    };
    let full = super::figures::whole((share * real(columns as u64)).round());
    let full = usize::try_from(full).unwrap_or(columns).min(columns);
    let (on, off) = if theme.is_ascii {
        ("#", ".")
    } else {
        ("█", "░")
    };
    format!("{}{}", on.repeat(full), off.repeat(columns - full))
}

/// Whole numbers as a course.
pub fn course(values: &[u64]) -> Vec<f64> {
    values.iter().map(|value| real(*value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> Theme {
        Theme::default()
    }

    #[test]
    fn the_latest_is_at_the_right_and_nothing_is_a_gap() {
        assert_eq!(sparkline(&[0.0, 1.0, 4.0, 8.0], 6, &plain()), "   ▁▄█");
        assert_eq!(sparkline(&[0.01, 8.0], 2, &plain()), "▁█");
        assert_eq!(sparkline(&[], 3, &plain()), "   ");
        assert_eq!(sparkline(&[1.0], 0, &plain()), "");
    }

    #[test]
    fn many_values_share_columns() {
        let values: Vec<f64> = (0..60).map(f64::from).collect();
        let line = sparkline(&values, 8, &plain());
        assert_eq!(line, "▁▂▃▄▅▆▇█");
    }

    #[test]
    fn a_chart_of_two_rows_has_sixteen_heights() {
        let rows = chart(&[8.0, 16.0, 4.0], 3, 2, &plain());
        assert_eq!(rows, [" █ ", "██▄"]);
    }

    #[test]
    fn what_is_no_number_is_nothing() {
        let odd = [f64::NAN, f64::INFINITY, -3.0, 2.0];
        assert_eq!(sparkline(&odd, 4, &plain()), "   █");
        assert_eq!(sparkline(&[f64::MAX; 90], 4, &plain()), "████");
        assert_eq!(gauge(f64::NAN, 3, &plain()), "░░░");
    }

    #[test]
    fn gauges_show_shares() {
        assert_eq!(gauge(0.78, 10, &plain()), "████████░░");
        assert_eq!(gauge(7.0, 2, &plain()), "██");
        let ascii = Theme {
            is_ascii: true,
            ..plain()
        };
        assert_eq!(gauge(0.5, 4, &ascii), "##..");
    }
}
