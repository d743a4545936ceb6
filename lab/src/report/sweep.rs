//! The page of a sweep: heatmaps of what stands against what, and the curves behind them.

use std::path::Path;

use maud::{Markup, PreEscaped, html};

use super::{
    bands::{self, Band, Panel},
    heatmap::{Cell, Heatmap},
    page::page,
    percent,
    sheet::{Fixed, Runs, Sheet},
    table::table,
};
use crate::{
    failure::Failure,
    sweep::{Grid, Outcome, State, Step},
};

/// Settings whose heatmaps and curves are shown one by one; beyond these the table says it all.
const SETTINGS_SHOWN: usize = 24;

const WORST_CASE: &str = "worst case";

/// Writes `sweep.html`, and each of its heatmaps as a file in `heatmaps/`.
///
/// # Errors
/// When they cannot be drawn or written.
pub(crate) fn sweep(grid: &Grid, outcomes: &[Outcome], out: &Path) -> Result<(), Failure> {
    let sheet = Sheet::new(grid, outcomes);
    let mut gallery = Gallery::default();
    let over_settings = over_settings(&sheet, &mut gallery);
    let mut by_setting = Vec::new();
    let settings = sheet.combinations(&sheet.settings);
    for setting in settings.iter().take(SETTINGS_SHOWN) {
        by_setting.push(one_setting(&sheet, setting, &mut gallery)?);
    }
    let markup = page(
        &grid.name,
        &html! {
            (introduction(&sheet))
            (over_settings)
            @for markup in by_setting { (markup) }
            @if settings.len() > SETTINGS_SHOWN {
                p { "The first " (SETTINGS_SHOWN) " of " (settings.len()) " settings are shown; " code { "table.csv" } " has all." }
            }
            (failures(&sheet))
        },
    );
    let write = |path: &Path, text: String| {
        std::fs::write(path, text)
            .map_err(|error| Failure::because(format!("cannot write {}: {error}", path.display())))
    };
    let folder = out.join("heatmaps");
    std::fs::create_dir_all(&folder)
        .map_err(|error| Failure::because(format!("cannot write {}: {error}", folder.display())))?;
    for (name, svg) in gallery.0 {
        write(&folder.join(format!("{name}.svg")), svg)?;
    }
    write(&out.join("sweep.html"), markup.into_string())
}

/// The last-step accuracies of a sweep for the terminal: a line a setting and rule, a column an attack.
pub(crate) fn sweep_table(grid: &Grid, outcomes: &[Outcome]) -> String {
    let sheet = Sheet::new(grid, outcomes);
    let columns = columns(&sheet);
    let mut header: Vec<&str> = sheet.settings.iter().map(|&axis| grid.axes[axis].name.as_str()).collect();
    header.push("rule");
    header.extend(columns.iter().map(String::as_str));
    let mut table = table(&header);
    for setting in sheet.combinations(&sheet.settings) {
        for (rule, label) in rules(&sheet).iter().enumerate() {
            let fixed = with(&setting, sheet.rule, rule);
            let settings =
                setting.iter().map(|&(axis, chosen)| grid.axes[axis].alternatives[chosen].label.clone());
            let cells = (0..columns.len())
                .map(|column| percent(cell(&sheet, &fixed, column, Step::Last).map(|cell| cell.value)));
            table.add_row(settings.chain([label.clone()]).chain(cells).collect::<Vec<_>>());
        }
    }
    table.to_string()
}

/// Heatmaps by the name of their file.
#[derive(Debug, Default)]
struct Gallery(Vec<(String, String)>);

impl Gallery {
    /// Hangs a heatmap and answers it.
    fn hang(&mut self, name: &str, heatmap: &Heatmap) -> Markup {
        let svg = heatmap.svg();
        let plain: String =
            name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
        let words: Vec<&str> = plain.split('-').filter(|word| !word.is_empty()).collect();
        self.0.push((words.join("-"), svg.clone().into_string()));
        svg
    }
}

fn introduction(sheet: &Sheet<'_>) -> Markup {
    let points = sheet.outcomes.len();
    let done = sheet.outcomes.iter().filter(|outcome| matches!(outcome.state, State::Done(_))).count();
    let validated = sheet.grid.points.iter().all(|point| point.scenario.task.validation > 0.0);
    html! {
        p {
            (done) " of " (points) " points are done. Cells say accuracy on test data in percent, the mean over the seeds; point at one for its spread. "
            @if validated {
                "The last step is the final model. The best step is the best round of all, the worst step the worst of the second half; both, and the attack of the worst case, "
                "are chosen on training rows that were held out, never on the test data. "
            } @else {
                strong { "No training rows were held out (" code { "task.validation" } " is 0), so no best step, no worst step and no worst case can be chosen." } " "
            }
            "The numbers are in " code { "table.csv" } " and " code { "table.jsonl" } ", each run in a folder of its own."
        }
    }
}

/// Worst cases over the settings: a heatmap of one setting against the rules, or of two against each other for each rule.
fn over_settings(sheet: &Sheet<'_>, gallery: &mut Gallery) -> Markup {
    let grid = sheet.grid;
    let steps = steps(sheet);
    let (&first, rest) = match sheet.settings.split_first() {
        Some((first, rest)) if !steps.is_empty() => (first, rest),
        _ => return html! {},
    };
    let Some((&second, others)) = rest.split_first() else {
        return html! {
            h2 { "Worst case over attacks, by " (grid.axes[first].name) }
            div.maps { @for step in steps {
                (gallery.hang(&format!("rule {} {}", grid.axes[first].name, step.name()), &Heatmap {
                    title: format!("{} step", step.name()),
                    rows: rules(sheet),
                    columns: named(sheet, first),
                    cells: (0..rules(sheet).len()).map(|rule| {
                        (0..grid.axes[first].alternatives.len()).map(|value| {
                            worst(sheet.worst_case(&with(&vec![(first, value)], sheet.rule, rule), step))
                        }).collect()
                    }).collect(),
                    summed_up: false,
                }))
            } }
        };
    };
    html! {
        h2 { "Worst case over attacks, " (grid.axes[first].name) " against " (grid.axes[second].name) }
        @for other in sheet.combinations(others) {
            @if !other.is_empty() { h3 { (sheet.words(&other)) } }
            @if sheet.rule.is_some() {
                div.maps { @for &step in &steps {
                    (pair(sheet, gallery, (first, second), &other, "the best rule", step, |fixed| sheet.best_rule(fixed, step)))
                } }
            }
            @for (rule, label) in rules(sheet).iter().enumerate() {
                div.maps { @for &step in &steps {
                    (pair(sheet, gallery, (first, second), &other, label, step, |fixed| sheet.worst_case(&with(fixed, sheet.rule, rule), step)))
                } }
            }
        }
    }
}

/// The alternatives of a setting; numbers say of what.
fn named(sheet: &Sheet<'_>, axis: usize) -> Vec<String> {
    let name = &sheet.grid.axes[axis].name;
    let label = |label: String| if label.parse::<f64>().is_ok() { format!("{name}={label}") } else { label };
    sheet.labels(Some(axis), "").into_iter().map(label).collect()
}

fn pair(
    sheet: &Sheet<'_>,
    gallery: &mut Gallery,
    (first, second): (usize, usize),
    other: &Fixed,
    what: &str,
    step: Step,
    case: impl Fn(&Fixed) -> Option<(String, Runs)>,
) -> Markup {
    let count = |axis: usize| sheet.grid.axes[axis].alternatives.len();
    let heatmap = Heatmap {
        title: format!("{what}, {} step", step.name()),
        rows: named(sheet, first),
        columns: named(sheet, second),
        cells: (0..count(first))
            .map(|row| {
                let fixed = |column| [other.clone(), vec![(first, row), (second, column)]].concat();
                (0..count(second)).map(|column| worst(case(&fixed(column)))).collect()
            })
            .collect(),
        summed_up: false,
    };
    let (first, second) = (&sheet.grid.axes[first].name, &sheet.grid.axes[second].name);
    gallery.hang(&format!("{first} {second} {} {what} {}", sheet.words(other), step.name()), &heatmap)
}

/// Rules against attacks at one setting, and their curves.
fn one_setting(sheet: &Sheet<'_>, setting: &Fixed, gallery: &mut Gallery) -> Result<Markup, Failure> {
    let words = sheet.words(setting);
    let columns = columns(sheet);
    let mut maps = Vec::new();
    let known = steps(sheet);
    for step in if known.is_empty() { vec![Step::Last] } else { known } {
        let row = |rule: usize| {
            let fixed = with(setting, sheet.rule, rule);
            (0..columns.len()).map(|column| cell(sheet, &fixed, column, step)).collect()
        };
        let heatmap = Heatmap {
            title: format!("{} step", step.name()),
            rows: rules(sheet),
            columns: columns.clone(),
            cells: (0..rules(sheet).len()).map(row).collect(),
            summed_up: sheet.attack.is_some(),
        };
        maps.push(gallery.hang(&format!("rule attack {words} {}", step.name()), &heatmap));
    }
    let curves = curves(sheet, setting)?;
    Ok(html! {
        h2 { @if words.is_empty() { "Rules against attacks" } @else { (words) } }
        div.maps { @for map in maps { (map) } }
        details open[sheet.settings.is_empty()] {
            summary { "Curves: mean and standard deviation over the seeds" }
            (PreEscaped(curves))
        }
    })
}

fn curves(sheet: &Sheet<'_>, setting: &Fixed) -> Result<String, Failure> {
    let attacks = sheet.labels(sheet.attack, "");
    let panels = attacks.iter().enumerate().map(|(attack, title)| {
        let setting = with(setting, sheet.attack, attack);
        let bands = rules(sheet).into_iter().enumerate().map(|(rule, name)| {
            let fixed = with(&setting, sheet.rule, rule);
            let curves: Vec<_> = sheet.at(&fixed).map(|outcome| outcome.curve.as_slice()).collect();
            Band::of(name, &curves)
        });
        Panel { title: title.clone(), bands: bands.collect() }
    });
    bands::picture(&panels.collect::<Vec<_>>())
}

fn failures(sheet: &Sheet<'_>) -> Markup {
    let points = sheet.grid.points.iter().zip(sheet.outcomes);
    let failed: Vec<_> = points
        .filter_map(|(point, outcome)| match &outcome.state {
            State::Failed(why) => Some((point.run.to_string(), why)),
            State::Done(_) | State::Missing => None,
        })
        .collect();
    html! {
        @if !failed.is_empty() {
            h2 { "Failed" }
            ul { @for (run, why) in failed { li { code { (run) } " " (why) } } }
        }
    }
}

/// The steps that can be chosen from.
fn steps(sheet: &Sheet<'_>) -> Vec<Step> {
    let validated = sheet.grid.points.iter().all(|point| point.scenario.task.validation > 0.0);
    if validated { Step::ALL.to_vec() } else { Vec::new() }
}

fn rules(sheet: &Sheet<'_>) -> Vec<String> {
    let rule = sheet.grid.points.first().map(|point| point.scenario.server.rule.to_string());
    sheet.labels(sheet.rule, &rule.unwrap_or_default())
}

/// The attacks, and the worst of them where it can be chosen.
fn columns(sheet: &Sheet<'_>) -> Vec<String> {
    let mut columns = sheet.labels(sheet.attack, "accuracy");
    if sheet.attack.is_some() {
        columns.push(WORST_CASE.to_owned());
    }
    columns
}

fn cell(sheet: &Sheet<'_>, fixed: &Fixed, column: usize, step: Step) -> Option<Cell> {
    match sheet.attack {
        Some(attack) if column == sheet.grid.axes[attack].alternatives.len() => {
            worst(sheet.worst_case(fixed, step))
        }
        attack => colour(&sheet.runs(&with(fixed, attack, column), step), None),
    }
}

fn worst(case: Option<(String, Runs)>) -> Option<Cell> {
    let (which, runs) = case?;
    colour(&runs, Some(which).filter(|which| !which.is_empty()))
}

fn colour(runs: &Runs, note: Option<String>) -> Option<Cell> {
    let spread = runs.spread().map_or_else(String::new, |spread| format!(" ± {:.1}", 100.0 * spread));
    let which = note.as_ref().map_or_else(String::new, |note| format!("{note}: "));
    let missing = if runs.missing > 0 { format!(", {} missing", runs.missing) } else { String::new() };
    let value = runs.mean()?;
    let details = format!("{which}{:.1}{spread} % over {} runs{missing}", 100.0 * value, runs.tests.len());
    Some(Cell { value, note, details })
}

/// `fixed`, and one alternative of an axis that may not be there.
fn with(fixed: &Fixed, axis: Option<usize>, alternative: usize) -> Fixed {
    fixed.iter().copied().chain(axis.map(|axis| (axis, alternative))).collect()
}
