//! A table whose cells are coloured by what they say, as one SVG.

use maud::{Markup, html};

/// What is drawn.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Heatmap {
    /// Above it.
    pub(super) title: String,
    /// What goes down.
    pub(super) rows: Vec<String>,
    /// What goes across.
    pub(super) columns: Vec<String>,
    /// Row by row; none where nothing is known.
    pub(super) cells: Vec<Vec<Option<Cell>>>,
    /// The last column sums the others up and stands apart.
    pub(super) summed_up: bool,
}

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cell {
    /// From 0 to 1.
    pub(super) value: f64,
    /// Under the number, small.
    pub(super) note: Option<String>,
    /// What a pointer is told.
    pub(super) details: String,
}

const CELL: (f64, f64) = (70.0, 34.0);
const GAP: f64 = 10.0;
/// Sizes of the labels and of the notes.
const LABEL: f64 = 12.0;
const NOTE: f64 = 8.5;
/// Angle of the columns' labels, degrees.
const SLANT: f64 = 35.0;

/// Viridis: as bright as the value is large, told apart by everybody, and in print.
const VIRIDIS: [(f64, f64, f64); 9] = [
    (68.0, 1.0, 84.0),
    (71.0, 44.0, 122.0),
    (59.0, 81.0, 139.0),
    (44.0, 113.0, 142.0),
    (33.0, 144.0, 141.0),
    (39.0, 173.0, 129.0),
    (92.0, 200.0, 99.0),
    (170.0, 220.0, 50.0),
    (253.0, 231.0, 37.0),
];

/// The colour of a value from 0 to 1, and whether text on it has to be dark.
fn colour(value: f64) -> (String, bool) {
    let at = value.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let (low, part) = ((at as usize).min(VIRIDIS.len() - 2), at - at.floor().min((VIRIDIS.len() - 2) as f64));
    let mix = |a: f64, b: f64| (a + (b - a) * part).round() as u8;
    let ((r, g, b), (to_r, to_g, to_b)) = (VIRIDIS[low], VIRIDIS[low + 1]);
    (format!("#{:02x}{:02x}{:02x}", mix(r, to_r), mix(g, to_g), mix(b, to_b)), value > 0.62)
}

impl Heatmap {
    /// The picture, which stands alone as a file too.
    pub(super) fn svg(&self) -> Markup {
        let longest = |labels: &[String]| labels.iter().map(|label| width(label, LABEL)).fold(0.0, f64::max);
        let left = longest(&self.rows) + 18.0;
        let (across, up) = SLANT.to_radians().sin_cos();
        let (across, up) = (longest(&self.columns) * up, longest(&self.columns) * across);
        let top = 34.0 + up + 12.0;
        let gap = if self.summed_up { GAP } else { 0.0 };
        let x = |column: usize| {
            let apart = self.summed_up && column + 1 == self.columns.len();
            left + CELL.0 * column as f64 + if apart { gap } else { 0.0 }
        };
        let y = |row: usize| top + CELL.1 * row as f64;
        let title = 1.15 * width(&self.title, 14.0) + 8.0;
        let width = (x(self.columns.len()) + gap + (across - CELL.0 / 2.0).max(8.0)).max(title).ceil();
        let height = (y(self.rows.len()) + 8.0).ceil();
        html! {
            svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {width} {height}")) width=(width) height=(height)
                role="img" aria-label=(self.title) font-family="system-ui, sans-serif" font-size=(LABEL) fill="#222" {
                rect width="100%" height="100%" fill="#fff" {}
                text x="4" y="20" font-size="14" font-weight="600" { (self.title) }
                @for (column, label) in self.columns.iter().enumerate() {
                    @let (x, y) = (x(column) + CELL.0 / 2.0, top - 8.0);
                    text x=(x) y=(y) transform=(format!("rotate(-{SLANT} {x} {y})")) { (label) }
                }
                @for (row, label) in self.rows.iter().enumerate() {
                    text x=(left - 8.0) y=(y(row) + CELL.1 / 2.0 + 4.0) text-anchor="end" { (label) }
                    @for (column, cell) in self.cells[row].iter().enumerate() {
                        (draw(cell.as_ref(), x(column), y(row)))
                    }
                }
            }
        }
    }
}

fn draw(cell: Option<&Cell>, x: f64, y: f64) -> Markup {
    let (fill, dark) = cell.map_or_else(|| ("#eee".to_owned(), true), |cell| colour(cell.value));
    let text = cell.map_or_else(|| "–".to_owned(), |cell| format!("{:.1}", 100.0 * cell.value));
    let note = cell.and_then(|cell| cell.note.as_deref());
    let middle = y + CELL.1 / 2.0 + if note.is_some() { -2.0 } else { 4.0 };
    html! {
        g text-anchor="middle" fill=(if dark { "#111" } else { "#fff" }) {
            @if let Some(cell) = cell { title { (cell.details) } }
            rect x=(x) y=(y) width=(CELL.0 - 1.0) height=(CELL.1 - 1.0) fill=(fill) {}
            text x=(x + CELL.0 / 2.0) y=(middle) { (text) }
            @if let Some(note) = note {
                text x=(x + CELL.0 / 2.0) y=(middle + 12.0) font-size=(NOTE) { (shortened(note)) }
            }
        }
    }
}

/// As much of a name as fits a cell.
fn shortened(name: &str) -> String {
    let fits = |text: &String| width(text, NOTE) <= CELL.0 - 3.0;
    let cut = |letters| format!("{}…", name.chars().take(letters).collect::<String>());
    let whole = Some(name.to_owned()).filter(fits);
    whole.or_else(|| (1..name.chars().count()).rev().map(cut).find(fits)).unwrap_or_default()
}

/// How wide text of this size is in a wide sans-serif face, at most.
fn width(text: &str, size: f64) -> f64 {
    let letter = |letter: char| match letter {
        'm' | 'w' | 'M' | 'W' | '…' => 1.0,
        '+' | '=' | '<' | '>' => 0.84,
        'i' | 'j' | 'l' | 'f' | 't' | 'r' | '.' | ',' | '-' | '(' | ')' | ' ' => 0.42,
        _ => 0.64,
    };
    size * text.chars().map(letter).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brighter_is_more_and_the_ends_are_those_of_the_scale() {
        assert_eq!(colour(0.0), ("#440154".to_owned(), false));
        assert_eq!(colour(1.0), ("#fde725".to_owned(), true));
        assert_eq!(colour(f64::NAN.max(-3.0)).0, "#440154");
        assert_eq!(colour(0.5).0, "#21908d");
    }

    #[test]
    fn a_note_is_cut_where_the_cell_ends() {
        assert_eq!(shortened("ipm(tau=10)"), "ipm(tau=10)");
        let cut = shortened("nnm+geometric-median");
        assert!(cut.starts_with("nnm+geo") && cut.ends_with('…') && width(&cut, NOTE) < CELL.0, "{cut}");
    }

    #[test]
    fn every_cell_is_drawn_and_names_are_escaped() {
        let cell = |value| Some(Cell { value, note: None, details: "3 seeds".to_owned() });
        let heatmap = Heatmap {
            title: "a < b".to_owned(),
            rows: vec!["r".to_owned()],
            columns: vec!["c".to_owned(), "d".to_owned()],
            cells: vec![vec![cell(0.954), None]],
            summed_up: true,
        };
        let svg = heatmap.svg().into_string();
        for expected in ["a &lt; b", ">95.4<", ">–<", "<title>3 seeds</title>"] {
            assert!(svg.contains(expected), "{svg} does not have {expected}");
        }
    }
}
