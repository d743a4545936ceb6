//! One page, all in it: it opens offline.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{distance, percent};
use crate::{equivalence::Equivalence, labels::Labels, results::Summary};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:1240px;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:1rem 0}th,td{padding:.35rem .9rem;border-bottom:1px solid #ddd;text-align:right}
th:first-child,td:first-child{text-align:left}svg{max-width:100%;height:auto}code{background:#f3f3f3;padding:.1rem .3rem}
.maps{display:flex;flex-wrap:wrap;gap:.5rem 1.5rem;align-items:flex-end;margin:1rem 0}summary{cursor:pointer;margin:1rem 0}";

/// A page with everything in it.
pub(crate) fn page(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { h1 { (title) } (body) }
        }
    }
}

fn rows<'a>(rows: impl Iterator<Item = (&'a str, &'a Summary)>) -> Markup {
    html! {
        table {
            tr { @for head in ["attacker", "accuracy, true labels", "accuracy, attacker's labels", "distance to target", "rounds", "processes", "seconds"] { th { (head) } } }
            @for (who, summary) in rows {
                tr {
                    td { (who) }
                    td { (percent(summary.judgement.accuracy_true)) }
                    td { (percent(summary.judgement.accuracy_target)) }
                    td { (distance(summary.judgement.distance_to_target)) }
                    td { (summary.rounds) }
                    td { (summary.processes) }
                    td { (format!("{:.1}", summary.seconds)) }
                }
            }
        }
    }
}

/// The page of an equivalence.
#[must_use]
pub fn equivalence(equivalence: &Equivalence, picture: &str) -> Markup {
    let poison = &equivalence.poison;
    page(
        "Three attackers, one place",
        &html! {
            p {
                "The same task, learned four times by a cluster of processes. Distances are ‖ρ − θ†‖ / ‖θ†‖. "
                "The third attacker is the unmodified honest worker program with a file of "
                (poison.rows) " rows (" (poison.distinct) " distinct), against " (poison.honest_rows) " honest ones; "
                "they leave a gradient of " (format!("{:.0e}", poison.stationarity)) " at the model they hold."
            }
            (rows(equivalence.runs().into_iter().map(|(_, who, summary)| (who, summary))))
            (PreEscaped(picture))
        },
    )
}

/// Rows of each label that everybody learns from, darker where they are more.
fn labels(labels: &Labels) -> Markup {
    let most = labels.iter().flat_map(|(_, rows)| rows).copied().max().unwrap_or(0).max(1);
    let classes = labels.iter().map(|(_, rows)| rows.len()).max().unwrap_or(0);
    let shade =
        |rows: u32| format!("background:rgba(33,145,140,{:.2})", 0.8 * f64::from(rows) / f64::from(most));
    html! {
        details {
            summary { "Rows of each label, by rank" }
            table {
                tr { th { "rank" } @for class in 0..classes { th { (class) } } th { "all" } }
                @for (rank, rows) in labels.iter() {
                    tr {
                        td { (rank) }
                        @for &count in rows { td style=(shade(count)) { (count) } }
                        td { (rows.iter().sum::<u32>()) }
                    }
                }
            }
        }
    }
}

/// The page of one run.
#[must_use]
pub fn single(summary: &Summary, picture: &str) -> Markup {
    page(
        &summary.name,
        &html! {
            (rows(std::iter::once((summary.name.as_str(), summary))))
            @if !summary.lost.is_empty() { p { "Workers lost on the way: " (format!("{:?}", summary.lost)) } }
            @if summary.skipped > 0 { p { "Rounds skipped: " (summary.skipped) } }
            (PreEscaped(picture))
            @if !summary.labels.is_empty() { (labels(&summary.labels)) }
        },
    )
}
