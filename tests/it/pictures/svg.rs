//! A terminal's screen as an SVG: text that stays text, in cells that stay aligned whatever the font.

use std::fmt::Write as _;

/// Width of a cell and height of a row, in pixels.
const CELL: (f64, f64) = (8.4, 17.0);

/// Around the screen, and above it where the title stands.
const MARGIN: f64 = 12.0;
const TITLE: f64 = 30.0;

/// The sixteen colours of the terminal that is drawn.
const PALETTE: [&str; 16] = [
    "#1d2021", "#e5675f", "#8ec07c", "#e0af4c", "#6f9fd8", "#c58ac9", "#62b3b2", "#d5d0c4",
    "#7c7a74", "#f0837b", "#a5d593", "#f0c674", "#8fb8e8", "#d9a7dc", "#7fcccb", "#f5f1e6",
];

/// The picture of `screen`, under `title`.
pub(crate) fn picture(screen: &vt100::Screen, title: &str) -> String {
    let (rows, columns) = screen.size();
    let (rows, columns) = (rows.get(), columns.get());
    let width = f64::from(columns) * CELL.0 + 2.0 * MARGIN;
    let height = f64::from(rows) * CELL.1 + 2.0 * MARGIN + TITLE;
    let mut svg = String::new();
    head(&mut svg, (width, height), title);
    for row in 0..rows {
        for run in runs(screen, row, columns) {
            run.draw(&mut svg, row);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn head(svg: &mut String, (width, height): (f64, f64), title: &str) {
    let title = escaped(title);
    _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         font-family=\"ui-monospace, 'SF Mono', Menlo, 'DejaVu Sans Mono', monospace\" font-size=\"14\">\n\
         <title>{title}</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#1d2021\"/>\n\
         <g fill=\"#7c7a74\"><circle cx=\"20\" cy=\"18\" r=\"6\"/><circle cx=\"40\" cy=\"18\" r=\"6\"/>\
         <circle cx=\"60\" cy=\"18\" r=\"6\"/>\
         <text x=\"{:.0}\" y=\"23\" text-anchor=\"middle\">{title}</text></g>\n",
        width / 2.0
    );
}

/// Neighbours that look the same.
struct Run {
    column: u16,
    cells: u16,
    text: String,
    colour: String,
    ground: Option<String>,
    is_bold: bool,
    is_dim: bool,
}

fn runs(screen: &vt100::Screen, row: u16, columns: u16) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for column in 0..columns {
        let Some(cell) = screen
            .cell(row, column)
            .filter(|cell| !cell.is_wide_continuation())
        else {
            continue;
        };
        let run = Run::of(cell, column);
        match runs.last_mut() {
            Some(last) if last.is_like(&run) => last.extend(&run),
            _ => runs.push(run),
        }
    }
    runs
}

impl Run {
    fn of(cell: &vt100::Cell, column: u16) -> Self {
        let colours = (colour(cell.fgcolor()), colour(cell.bgcolor()));
        let (front, ground) = if cell.inverse() {
            (
                colours.1.or(Some(PALETTE[0].to_owned())),
                colours.0.or(Some(PALETTE[7].to_owned())),
            )
        } else {
            colours
        };
        Self {
            column,
            cells: if cell.is_wide() { 2 } else { 1 },
            text: if cell.has_contents() {
                cell.contents().to_owned()
            } else {
                " ".to_owned()
            },
            colour: front.unwrap_or_else(|| PALETTE[7].to_owned()),
            ground,
            is_bold: cell.bold(),
            is_dim: cell.dim(),
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        self.column + self.cells == other.column
            && (&self.colour, &self.ground, self.is_bold, self.is_dim)
                == (&other.colour, &other.ground, other.is_bold, other.is_dim)
    }

    fn extend(&mut self, other: &Self) {
        self.cells += other.cells;
        self.text.push_str(&other.text);
    }

    fn draw(&self, svg: &mut String, row: u16) {
        let x = MARGIN + f64::from(self.column) * CELL.0;
        let y = TITLE + MARGIN + f64::from(row) * CELL.1;
        let width = f64::from(self.cells) * CELL.0;
        if let Some(ground) = &self.ground {
            _ = writeln!(
                svg,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{}\" fill=\"{ground}\"/>",
                CELL.1
            );
        }
        if self.text.trim().is_empty() {
            return;
        }
        let weight = if self.is_bold {
            " font-weight=\"bold\""
        } else {
            ""
        };
        let opacity = if self.is_dim { " opacity=\"0.6\"" } else { "" };
        _ = writeln!(
            svg,
            "<text x=\"{x:.1}\" y=\"{:.1}\" fill=\"{}\"{weight}{opacity} textLength=\"{width:.1}\" \
             lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\">{}</text>",
            y + 13.0,
            self.colour,
            escaped(&self.text)
        );
    }
}

/// A colour as SVG says it; `None` is the terminal's own.
fn colour(colour: vt100::Color) -> Option<String> {
    match colour {
        vt100::Color::Default => None,
        vt100::Color::Rgb(red, green, blue) => Some(format!("#{red:02x}{green:02x}{blue:02x}")),
        vt100::Color::Idx(index @ 0..16) => Some(PALETTE[usize::from(index)].to_owned()),
        vt100::Color::Idx(index @ 16..232) => {
            let index = index - 16;
            let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
            let (red, green, blue) = (level(index / 36), level(index / 6 % 6), level(index % 6));
            Some(format!("#{red:02x}{green:02x}{blue:02x}"))
        }
        vt100::Color::Idx(index) => {
            let level = 8 + 10 * (index - 232);
            Some(format!("#{level:02x}{level:02x}{level:02x}"))
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
