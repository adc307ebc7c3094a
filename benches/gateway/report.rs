//! The table: findings beside their goals, as Markdown or JSON.

use serde_json::{Map, Value, json};

use super::rounds::Bench;

/// The goal for every CPU figure, as a multiple of the yardstick's.
const GOAL: f64 = 1.25;
/// The least that is acceptable.
const ACCEPTABLE: f64 = 1.5;

/// The most that a translation may cost, as a multiple of the same without one.
const TRANSLATED: f64 = 3.0;

/// What a part found.
pub(crate) struct Findings {
    /// Lines of the table.
    pub(crate) rows: Vec<Row>,
    /// Sentences below it.
    pub(crate) notes: Vec<String>,
}

/// One line of the table.
pub(crate) struct Row {
    /// What was measured, with its unit.
    pub(crate) measure: &'static str,
    /// What is asked of autogw.
    pub(crate) goal: Goal,
    /// A list for each contender, in each a value for each round; an empty list where the measure does not apply.
    pub(crate) samples: Vec<Vec<f64>>,
    /// The same for what the ratio is taken to, where that is not the yardstick.
    pub(crate) native: Option<Vec<Vec<f64>>>,
}

/// What is asked of a measured value.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    /// At most 1.25 times the yardstick, at the very most 1.5 times.
    NearYardstick,
    /// At most 3 times what the same gateway needs without a translation.
    NearNative,
    /// At most this much.
    AtMost(f64),
    /// Nothing: it is there to be watched.
    Watched,
}

impl Goal {
    fn text(self) -> String {
        match self {
            Goal::NearYardstick => format!("≤ {GOAL} × (least: {ACCEPTABLE} ×)"),
            Goal::NearNative => format!("≤ {TRANSLATED} × native"),
            Goal::AtMost(most) => format!("≤ {most}"),
            Goal::Watched => String::new(),
        }
    }

    fn verdict(self, value: Option<f64>, ratio: Option<f64>) -> &'static str {
        match (self, value, ratio) {
            (Goal::NearYardstick, _, Some(ratio)) if ratio <= GOAL => "met",
            (Goal::NearYardstick, _, Some(ratio)) if ratio <= ACCEPTABLE => "acceptable",
            (Goal::NearNative, _, Some(ratio)) if ratio <= TRANSLATED => "met",
            (Goal::NearYardstick | Goal::NearNative, _, Some(_)) => "MISSED",
            (Goal::AtMost(most), Some(value), _) => {
                if value <= most {
                    "met"
                } else {
                    "MISSED"
                }
            }
            _ => "",
        }
    }
}

impl Row {
    /// On the first gateway, which is this one unless it was left out.
    fn verdict(&self) -> &'static str {
        self.goal.verdict(self.median(1), self.ratio(1))
    }

    fn median(&self, contender: usize) -> Option<f64> {
        median(self.samples.get(contender)?)
    }

    /// The median over the rounds of a contender's value divided by the yardstick's, where the yardstick has one, or
    /// by its own without a translation.
    fn ratio(&self, contender: usize) -> Option<f64> {
        let base = match &self.native {
            Some(native) => native.get(contender)?,
            None => self.samples.first()?,
        };
        let pairs = self.samples.get(contender)?.iter().zip(base);
        let ratios: Vec<f64> = pairs
            .filter(|(_, base)| **base > 0.0)
            .map(|(own, base)| own / base)
            .collect();
        median(&ratios)
    }

    fn cell(&self, contender: usize) -> String {
        let samples = &self.samples[contender];
        let Some(middle) = median(samples) else {
            return "–".to_owned();
        };
        let lowest = samples.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = samples.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if samples.len() == 1 {
            return number(middle);
        }
        format!(
            "{} ({}..{})",
            number(middle),
            number(lowest),
            number(highest)
        )
    }
}

/// Everything that was found.
pub(crate) struct Report {
    contenders: Vec<&'static str>,
    rounds: u32,
    findings: Vec<Findings>,
}

impl Report {
    /// An empty report on these contenders.
    pub(crate) fn new(bench: &Bench) -> Self {
        let contenders = bench
            .contenders
            .iter()
            .map(|contender| contender.name)
            .collect();
        Self {
            contenders,
            rounds: bench.counts.rounds,
            findings: Vec::new(),
        }
    }

    /// Appends what a part found.
    pub(crate) fn add(&mut self, findings: Findings) {
        self.findings.push(findings);
    }

    /// A Markdown table, aligned so that it reads in a terminal too.
    pub(crate) fn table(&self) -> String {
        let mut lines = vec![self.heading()];
        lines.extend(self.rows().map(|row| self.line(row)));
        let widths = widths(&lines);
        lines.insert(1, widths.iter().map(|width| "-".repeat(*width)).collect());
        let table: String = lines.iter().map(|cells| aligned(cells, &widths)).collect();
        let notes = self.notes().cloned().collect::<Vec<_>>().join("\n");
        format!("{}\n\n{table}\n{notes}", self.setting())
    }

    /// The same as one JSON object, with every sample.
    pub(crate) fn json(&self) -> String {
        let rows: Vec<Value> = self.rows().map(|row| self.object(row)).collect();
        let notes: Vec<&String> = self.notes().collect();
        json!({"setting": self.setting(), "rows": rows, "notes": notes}).to_string()
    }

    fn heading(&self) -> Vec<String> {
        let ratios = self
            .gateways()
            .map(|place| format!("{} ×", self.contenders[place]));
        let names = self.contenders.iter().map(ToString::to_string);
        let mut cells = vec!["measure".to_owned()];
        cells.extend(
            names
                .chain(ratios)
                .chain(["goal".to_owned(), "verdict".to_owned()]),
        );
        cells
    }

    fn line(&self, row: &Row) -> Vec<String> {
        let values = (0..self.contenders.len()).map(|place| row.cell(place));
        let ratios = self.gateways().map(|place| {
            row.ratio(place)
                .map_or_else(String::new, |ratio| format!("{ratio:.2}"))
        });
        let mut cells = vec![row.measure.to_owned()];
        cells.extend(
            values
                .chain(ratios)
                .chain([row.goal.text(), row.verdict().to_owned()]),
        );
        cells
    }

    fn object(&self, row: &Row) -> Value {
        let value = |(place, name): (usize, &&str)| {
            let value = json!({"median": row.median(place), "ratio": row.ratio(place), "samples": row.samples[place]});
            ((*name).to_owned(), value)
        };
        let values: Map<String, Value> = self.contenders.iter().enumerate().map(value).collect();
        json!({"measure": row.measure, "goal": row.goal.text(), "verdict": row.verdict(), "values": values})
    }

    fn gateways(&self) -> std::ops::Range<usize> {
        1..self.contenders.len()
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.findings.iter().flat_map(|findings| &findings.rows)
    }

    fn notes(&self) -> impl Iterator<Item = &String> {
        self.findings.iter().flat_map(|findings| &findings.notes)
    }

    fn setting(&self) -> String {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let (version, machine, rounds) = (
            env!("CARGO_PKG_VERSION"),
            std::env::consts::ARCH,
            self.rounds,
        );
        format!(
            "autogw {version}, {cores} {machine} cores, rounds: {rounds}. Cells: median (lowest..highest). ×: to the yardstick; translated: to native."
        )
    }
}

fn median(samples: &[f64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (
        sorted.get(sorted.len().checked_sub(1)? / 2)?,
        sorted.get(sorted.len() / 2)?,
    );
    Some(f64::midpoint(*low, *high))
}

/// Three digits: the fourth is noise.
fn number(value: f64) -> String {
    let decimals = match value.abs() {
        small if small < 10.0 => 2,
        middle if middle < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

fn widths(lines: &[Vec<String>]) -> Vec<usize> {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| {
        lines
            .iter()
            .map(|cells| cells[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    (0..columns).map(width).collect()
}

fn aligned(cells: &[String], widths: &[usize]) -> String {
    let padded = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| format!("| {cell:<width$} "));
    padded.chain(["|\n".to_owned()]).collect()
}
