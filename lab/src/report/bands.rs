//! Accuracy over the rounds, a panel an attack: a line a rule, its mean over the seeds, in a band of their spread.

use plotters::{
    chart::{ChartBuilder, SeriesLabelPosition},
    coord::Shift,
    element::{PathElement, Polygon},
    prelude::{Color as _, DrawingArea, IntoDrawingArea as _, LineSeries, SVGBackend, WHITE},
};

use super::{
    picture::{COLOURS, GRID},
    sheet::{mean, spread},
};
use crate::{failure::Failure, results::RoundLine};

/// Curves of one panel.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Panel {
    /// Above it.
    pub(super) title: String,
    /// What is compared in it.
    pub(super) bands: Vec<Band>,
}

/// One line in its band.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Band {
    /// What the legend says.
    pub(super) name: String,
    /// Round, mean and spread.
    pub(super) points: Vec<(f64, f64, f64)>,
}

impl Band {
    /// The mean and the spread of runs that were judged at the same rounds; where one is longer, of those that got there.
    pub(super) fn of(name: String, curves: &[&[RoundLine]]) -> Self {
        let longest = curves.iter().max_by_key(|curve| curve.len()).copied().unwrap_or_default();
        let points = longest.iter().enumerate().filter_map(|(index, line)| {
            let values: Vec<f64> =
                curves.iter().filter_map(|curve| curve.get(index)?.judgement.accuracy_true).collect();
            Some((f64::from(line.round), mean(&values)?, spread(&values).unwrap_or(0.0)))
        });
        Self { name, points: points.collect() }
    }
}

const PANEL: (u32, u32) = (396, 290);
const ACROSS: usize = 3;

/// All panels as one SVG.
///
/// # Errors
/// When they cannot be drawn.
pub(super) fn picture(panels: &[Panel]) -> Result<String, Failure> {
    let mut svg = String::new();
    let across = panels.len().clamp(1, ACROSS);
    let down = panels.len().div_ceil(across).max(1);
    {
        let size = (PANEL.0 * across as u32, PANEL.1 * down as u32);
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        draw(&area, panels, (down, across))
            .map_err(|error| Failure::because(format!("cannot draw the curves: {error}")))?;
    }
    Ok(svg)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw(area: &Area<'_>, panels: &[Panel], split: (usize, usize)) -> Drawn {
    area.fill(&WHITE)?;
    for (index, (area, panel)) in area.split_evenly(split).iter().zip(panels).enumerate() {
        draw_panel(area, panel, index == 0)?;
    }
    area.present()?;
    Ok(())
}

fn draw_panel(area: &Area<'_>, panel: &Panel, legend: bool) -> Drawn {
    let points = panel.bands.iter().flat_map(|band| &band.points);
    let last = points.map(|(round, ..)| *round).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(&panel.title, ("sans-serif", 15))
        .margin(8)
        .margin_right(20)
        .x_label_area_size(34)
        .y_label_area_size(40)
        .build_cartesian_2d(0.0..last, 0.0..1.0)?;
    let mut mesh = chart.configure_mesh();
    mesh.x_desc("round").light_line_style(WHITE).bold_line_style(GRID).x_labels(5).y_labels(6);
    mesh.x_label_formatter(&|round| format!("{round:.0}")).draw()?;
    for (band, colour) in panel.bands.iter().zip(COLOURS.iter().cycle()) {
        let upper = band.points.iter().map(|(round, mean, spread)| (*round, (mean + spread).min(1.0)));
        let lower = band.points.iter().rev().map(|(round, mean, spread)| (*round, (mean - spread).max(0.0)));
        let outline: Vec<(f64, f64)> = upper.chain(lower).collect();
        chart.draw_series(std::iter::once(Polygon::new(outline, colour.mix(0.15))))?;
    }
    for (band, colour) in panel.bands.iter().zip(COLOURS.iter().cycle()) {
        let line = band.points.iter().map(|(round, mean, _)| (*round, *mean));
        let series = chart.draw_series(LineSeries::new(line, colour.stroke_width(2)))?;
        series
            .label(band.name.clone())
            .legend(|(x, y)| PathElement::new([(x, y), (x + 14, y)], colour.stroke_width(2)));
    }
    if legend {
        let mut labels = chart.configure_series_labels();
        labels
            .position(SeriesLabelPosition::LowerRight)
            .label_font(("sans-serif", 11))
            .background_style(WHITE.mix(0.8))
            .border_style(WHITE)
            .draw()?;
    }
    Ok(())
}
