//! Tables for the terminal.

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};

use super::{distance, percent};
use crate::{equivalence::Equivalence, results::Summary};

/// A line under the header and nothing else.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// An empty table, its first column to the left, the others to the right.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).set_header(header.to_vec());
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// The four runs of an equivalence, one a line.
#[must_use]
pub fn equivalence_table(equivalence: &Equivalence) -> String {
    let mut table = table(&[
        "attacker",
        "accuracy, true labels",
        "accuracy, attacker's labels",
        "distance to target",
        "rounds",
        "processes",
        "seconds",
    ]);
    for (_, who, summary) in equivalence.runs() {
        let mut row = vec![who.to_owned()];
        row.extend(cells(summary));
        table.add_row(row);
    }
    table.to_string()
}

/// One run on one line.
#[must_use]
pub fn summary_table(summary: &Summary) -> String {
    let mut table = table(&[
        "run",
        "accuracy, true labels",
        "accuracy, attacker's labels",
        "distance to target",
        "rounds",
        "processes",
        "seconds",
    ]);
    let mut row = vec![summary.name.clone()];
    row.extend(cells(summary));
    table.add_row(row);
    table.to_string()
}

fn cells(summary: &Summary) -> [String; 6] {
    [
        percent(summary.judgement.accuracy_true),
        percent(summary.judgement.accuracy_target),
        distance(summary.judgement.distance_to_target),
        summary.rounds.to_string(),
        summary.processes.to_string(),
        format!("{:.1}", summary.seconds),
    ]
}
