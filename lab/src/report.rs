//! What people look at: tables for the terminal, pictures and a page that opens without a network.

mod bands;
mod heatmap;
mod page;
mod picture;
mod sheet;
mod sweep;
pub(crate) mod table;

use crate::results::RoundLine;

pub(crate) use page::page;
pub use page::{equivalence, single};
pub use picture::picture;
pub(crate) use picture::{COLOURS, GRID};
pub(crate) use sweep::{sweep, sweep_table};
pub use table::{equivalence_table, summary_table};

/// The rounds of a run, to be drawn.
#[derive(Debug, Clone)]
pub struct Curve {
    /// What the legend says.
    pub name: String,
    /// Its rounds.
    pub rounds: Vec<RoundLine>,
}

fn percent(accuracy: Option<f64>) -> String {
    accuracy.map_or_else(|| "-".to_owned(), |accuracy| format!("{:.1} %", 100.0 * accuracy))
}

/// Plain where it is readable, scientific where it is small; a dash where there is no target.
fn distance(distance: f64) -> String {
    if distance.is_nan() {
        return "-".to_owned();
    }
    if distance >= 0.1 { format!("{distance:.2}") } else { format!("{distance:.1e}") }
}
