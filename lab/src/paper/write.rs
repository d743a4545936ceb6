//! What the experiments leave behind: `report.html`, which opens offline, `results.json`, the figures, and the table, on the
//! terminal and as `table.md`.

use std::path::Path;

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
use maud::{Markup, PreEscaped, html};

use super::{Findings, Outcome, Row, Status};
use crate::{failure::Failure, report, results::write_json};

const HEAD: [&str; 6] = ["what", "published", "reference code", "ours", "expected", "holds"];

/// Writes everything about `outcomes` into `out`.
pub(super) fn write(outcomes: &[Outcome], out: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(out)
        .map_err(|error| Failure::because(format!("cannot make {}: {error}", out.display())))?;
    write_json(&out.join("results.json"), &outcomes)?;
    let text = |name: &str, text: &str| {
        let path = out.join(name);
        std::fs::write(&path, text)
            .map_err(|error| Failure::because(format!("cannot write {}: {error}", path.display())))
    };
    let mut parts = Vec::new();
    for outcome in outcomes {
        let mut pictures = Vec::new();
        if let Status::Done(findings) = &outcome.status {
            for figure in &findings.figures {
                let svg = figure.svg()?;
                text(&format!("{}.svg", figure.name), &svg)?;
                pictures.push(svg);
            }
        }
        parts.push(part(outcome, &pictures));
    }
    let page = report::page("The results of the paper", &html! { @for part in &parts { (part) } });
    text("report.html", &page.into_string())?;
    text("table.md", &markdown(outcomes))
}

/// The table in Markdown, an experiment a section.
fn markdown(outcomes: &[Outcome]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let section = |outcome: &Outcome| {
        let found = match &outcome.status {
            Status::Skipped(why) => format!("Skipped: {why}\n"),
            Status::Failed(why) => format!("Failed: {why}\n"),
            Status::Done(findings) => {
                let escaped = |row: &Row| line(&row.cells().map(|cell| cell.replace('|', "\\|")));
                let rows: String = findings.rows.iter().map(escaped).collect();
                let remarks: Vec<String> =
                    findings.remarks.iter().map(|remark| format!("\n{remark}\n")).collect();
                let head = line(&HEAD.map(str::to_owned)) + "|---|---:|---:|---:|---:|---|\n";
                format!("{head}{rows}{}\n{:.0} s\n", remarks.concat(), outcome.seconds)
            }
        };
        format!("\n## {}\n\n{}.\n\n{found}", outcome.name, outcome.about)
    };
    let sections: Vec<String> = outcomes.iter().map(section).collect();
    format!("# The results of the paper\n{}", sections.concat())
}

fn part(outcome: &Outcome, pictures: &[String]) -> Markup {
    html! {
        h2 { (outcome.name) }
        p { (outcome.about) "." }
        @match &outcome.status {
            Status::Skipped(why) => { p { "Skipped: " (why) } }
            Status::Failed(why) => { p { strong { "Failed: " (why) } } }
            Status::Done(findings) => {
                (rows(findings))
                @for remark in &findings.remarks { p { (remark) } }
                @for picture in pictures { (PreEscaped(picture)) }
                p { (format!("{:.1} s", outcome.seconds)) }
            }
        }
    }
}

fn rows(findings: &Findings) -> Markup {
    html! {
        table {
            tr { @for head in HEAD { th { (head) } } }
            @for row in &findings.rows { tr { @for cell in row.cells() { td { (cell) } } } }
        }
    }
}

/// All rows of all experiments, and a line for each that has none.
pub(super) fn table(outcomes: &[Outcome]) -> String {
    const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));
    let mut table = Table::new();
    table.load_style(STYLE).set_header(HEAD.to_vec());
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut remarks = Vec::new();
    for outcome in outcomes {
        match &outcome.status {
            Status::Done(findings) => {
                findings.rows.iter().for_each(|row| {
                    table.add_row(row.cells().to_vec());
                });
                for remark in &findings.remarks {
                    remarks.push(format!("{}: {remark}", outcome.name));
                }
            }
            Status::Skipped(why) => remarks.push(format!("{} was skipped: {why}", outcome.name)),
            Status::Failed(why) => remarks.push(format!("{} failed: {why}", outcome.name)),
        }
    }
    format!("{table}\n{}", remarks.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paper::{Expected, Unit};

    #[test]
    fn the_table_in_markdown_has_a_section_an_experiment_and_no_stray_columns() {
        let row = Row::new("|θ|", Unit::Plain, [1.0]).reference(1.0).expect(Expected::WithinPart(0.02));
        let outcome = |name, status| Outcome { name, about: "What it shows", status, seconds: 2.0 };
        let done = Findings { rows: vec![row], ..Findings::default() };
        let text = markdown(&[
            outcome("one", Status::Done(done)),
            outcome("two", Status::Skipped("no data".to_owned())),
        ]);
        assert!(text.contains("## one\n\nWhat it shows.\n\n| what | published |"), "{text}");
        assert!(text.contains("| \\|θ\\| |  | 1.00 | 1.00 | ± 2 % | yes |\n"), "{text}");
        assert!(text.contains("## two\n\nWhat it shows.\n\nSkipped: no data\n"), "{text}");
    }
}
