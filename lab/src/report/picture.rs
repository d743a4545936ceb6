//! Three plots side by side: accuracy on true labels, accuracy on the attacker's, distance to the target.

use plotters::{
    chart::{ChartBuilder, SeriesLabelPosition},
    coord::Shift,
    element::PathElement,
    prelude::{
        Color as _, DrawingArea, IntoDrawingArea as _, IntoLogRange as _, LineSeries, RGBColor, SVGBackend,
        WHITE,
    },
};

use super::Curve;
use crate::{failure::Failure, results::RoundLine};

const SIZE: (u32, u32) = (1200, 380);
pub(crate) const GRID: RGBColor = RGBColor(225, 225, 225);
/// Okabe and Ito's colours, told apart by everybody.
pub(crate) const COLOURS: [RGBColor; 7] = [
    RGBColor(110, 110, 110),
    RGBColor(213, 94, 0),
    RGBColor(0, 114, 178),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

/// The plots of all `curves` as one SVG.
///
/// # Errors
/// When there is nothing to draw.
pub fn picture(curves: &[Curve]) -> Result<String, Failure> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        draw(&area, curves).map_err(|error| Failure::because(format!("cannot draw the plots: {error}")))?;
    }
    Ok(svg)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw(area: &Area<'_>, curves: &[Curve]) -> Drawn {
    area.fill(&WHITE)?;
    let panels = area.split_evenly((1, 3));
    let [left, middle, right] = panels.as_slice() else { return Ok(()) };
    let points = |value: fn(&RoundLine) -> Option<f64>| -> Vec<Vec<(f64, f64)>> {
        let points = |line: &RoundLine| value(line).map(|value| (f64::from(line.round), value));
        curves.iter().map(|curve| curve.rounds.iter().filter_map(points).collect()).collect()
    };
    accuracy(left, "accuracy on true labels", curves, &points(|line| line.judgement.accuracy_true), true)?;
    accuracy(
        middle,
        "accuracy on the attacker's labels",
        curves,
        &points(|line| line.judgement.accuracy_target),
        false,
    )?;
    distance(right, curves, &points(|line| Some(line.judgement.distance_to_target)))?;
    area.present()?;
    Ok(())
}

fn accuracy(
    area: &Area<'_>,
    title: &str,
    curves: &[Curve],
    points: &[Vec<(f64, f64)>],
    legend: bool,
) -> Drawn {
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 17))
        .margin(10)
        .margin_right(22)
        .x_label_area_size(34)
        .y_label_area_size(44)
        .build_cartesian_2d(0.0..last_round(curves), 0.0..1.0)?;
    let mut mesh = chart.configure_mesh();
    mesh.x_desc("round").light_line_style(WHITE).bold_line_style(GRID).x_labels(6).y_labels(6);
    mesh.x_label_formatter(&|round| format!("{round:.0}")).draw()?;
    for ((curve, points), colour) in curves.iter().zip(points).zip(COLOURS.iter().cycle()) {
        let series = chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?;
        series
            .label(curve.name.clone())
            .legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    if legend {
        let mut labels = chart.configure_series_labels();
        labels
            .position(SeriesLabelPosition::MiddleRight)
            .background_style(WHITE.mix(0.85))
            .border_style(WHITE)
            .draw()?;
    }
    Ok(())
}

fn distance(area: &Area<'_>, curves: &[Curve], points: &[Vec<(f64, f64)>]) -> Drawn {
    let all = || points.iter().flatten().map(|(_, distance)| *distance).filter(|distance| *distance > 0.0);
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
    let (low, high) = if low < high { (low / 2.0, high * 2.0) } else { (0.1, 1.0) };
    let mut chart = ChartBuilder::on(area)
        .caption("distance to the target, relative", ("sans-serif", 17))
        .margin(10)
        .margin_right(22)
        .x_label_area_size(34)
        .y_label_area_size(54)
        .build_cartesian_2d(0.0..last_round(curves), (low..high).log_scale())?;
    let mut mesh = chart.configure_mesh();
    mesh.x_desc("round").light_line_style(WHITE).bold_line_style(GRID).x_labels(6).y_labels(8);
    mesh.x_label_formatter(&|round| format!("{round:.0}"));
    mesh.y_label_formatter(&|value| format!("{value:.0e}")).draw()?;
    for (points, colour) in points.iter().zip(COLOURS.iter().cycle()) {
        let shown = points.iter().copied().filter(|(_, distance)| *distance > 0.0);
        chart.draw_series(LineSeries::new(shown, colour.stroke_width(2)))?;
    }
    Ok(())
}

fn last_round(curves: &[Curve]) -> f64 {
    curves
        .iter()
        .filter_map(|curve| curve.rounds.last())
        .map(|line| f64::from(line.round))
        .fold(1.0, f64::max)
}
