//! Lines in a plot, with axes that may be logarithmic.

use plotters::{
    chart::{ChartBuilder, ChartContext, SeriesLabelPosition},
    coord::{
        cartesian::Cartesian2d,
        ranged1d::{Ranged, ValueFormatter},
    },
    element::{Circle, PathElement},
    prelude::{Color as _, IntoDrawingArea as _, IntoLogRange as _, LineSeries, SVGBackend, WHITE},
};

use crate::{
    failure::Failure,
    report::{COLOURS, GRID},
};

const SIZE: (u32, u32) = (760, 420);

/// A plot of the report.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    /// Name of its file, without an ending.
    pub name: &'static str,
    /// What stands above it.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// The lines.
    pub series: Vec<Series>,
}

/// An axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Axis {
    /// What stands beside it.
    pub label: &'static str,
    /// Powers of ten instead of steps; what is not positive is left out.
    pub log: bool,
}

impl Axis {
    /// An axis of equal steps.
    pub(crate) const fn linear(label: &'static str) -> Self {
        Self { label, log: false }
    }

    /// An axis of powers of ten.
    pub(crate) const fn log(label: &'static str) -> Self {
        Self { label, log: true }
    }

    fn shows(self, value: f64) -> bool {
        value.is_finite() && (!self.log || value > 0.0)
    }

    /// How far along the axis `value` is, from 0 to 1.
    fn part(self, value: f64, (low, high): (f64, f64)) -> f64 {
        if self.log { (value / low).ln() / (high / low).ln() } else { (value - low) / (high - low) }
    }

    /// From below the smallest to above the largest of `values`.
    fn range(self, values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
        let low = values.clone().fold(f64::INFINITY, f64::min);
        let high = values.fold(f64::NEG_INFINITY, f64::max);
        match (low < high, self.log) {
            (true, true) => (low / 1.3, high * 1.3),
            (true, false) => (low - 0.02 * (high - low), high + 0.05 * (high - low)),
            (false, true) => {
                (if low.is_finite() { low / 2.0 } else { 0.1 }, if low.is_finite() { low * 2.0 } else { 1.0 })
            }
            (false, false) => {
                (if low.is_finite() { low - 1.0 } else { 0.0 }, if low.is_finite() { low + 1.0 } else { 1.0 })
            }
        }
    }
}

/// A line, or dots.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// What the legend says.
    pub label: String,
    /// Its points.
    pub points: Vec<(f64, f64)>,
    /// Whether a line goes through them.
    joined: bool,
}

impl Series {
    /// A line through `points`.
    pub(crate) fn new(label: impl Into<String>, points: impl Into<Vec<(f64, f64)>>) -> Self {
        Self { label: label.into(), points: points.into(), joined: true }
    }

    /// A dot at each of `points`, which have no order.
    pub(crate) fn dots(label: impl Into<String>, points: impl Into<Vec<(f64, f64)>>) -> Self {
        Self { joined: false, ..Self::new(label, points) }
    }
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

impl Figure {
    /// The plot as SVG.
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub(crate) fn svg(&self) -> Result<String, Failure> {
        let mut svg = String::new();
        self.draw(&mut svg)
            .map_err(|error| Failure::because(format!("cannot draw {}: {error}", self.name)))?;
        Ok(svg)
    }

    fn draw(&self, svg: &mut String) -> Drawn {
        let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let shown: Vec<(f64, f64)> = self.series.iter().flat_map(|series| self.shown(series)).collect();
        let (left, right) = self.x.range(shown.iter().map(|point| point.0));
        let (low, high) = self.y.range(shown.iter().map(|point| point.1));
        let mut builder = ChartBuilder::on(&area);
        builder
            .caption(&self.title, ("sans-serif", 17))
            .margin(10)
            .margin_right(22)
            .x_label_area_size(38)
            .y_label_area_size(64);
        match (self.x.log, self.y.log) {
            (false, false) => self.fill(builder.build_cartesian_2d(left..right, low..high)?)?,
            (false, true) => self.fill(builder.build_cartesian_2d(left..right, (low..high).log_scale())?)?,
            (true, false) => self.fill(builder.build_cartesian_2d((left..right).log_scale(), low..high)?)?,
            (true, true) => {
                self.fill(builder.build_cartesian_2d((left..right).log_scale(), (low..high).log_scale())?)?;
            }
        }
        area.present()?;
        Ok(())
    }

    /// The corner with the fewest points.
    fn corner(&self) -> SeriesLabelPosition {
        let shown: Vec<(f64, f64)> = self.series.iter().flat_map(|series| self.shown(series)).collect();
        let across = self.x.range(shown.iter().map(|point| point.0));
        let up = self.y.range(shown.iter().map(|point| point.1));
        let crowd = |right: bool, top: bool| {
            let from = |side: bool, part: f64| if side { 1.0 - part } else { part };
            let inside = |&&(x, y): &&(f64, f64)| {
                from(right, self.x.part(x, across)) < 0.4 && from(top, self.y.part(y, up)) < 0.35
            };
            shown.iter().filter(inside).count()
        };
        let corners = [
            (SeriesLabelPosition::UpperRight, crowd(true, true)),
            (SeriesLabelPosition::UpperLeft, crowd(false, true)),
            (SeriesLabelPosition::LowerLeft, crowd(false, false)),
            (SeriesLabelPosition::LowerRight, crowd(true, false)),
        ];
        let least = corners.into_iter().min_by_key(|(_, points)| *points);
        least.map_or(SeriesLabelPosition::UpperRight, |(corner, _)| corner)
    }

    fn shown(&self, series: &Series) -> Vec<(f64, f64)> {
        series.points.iter().copied().filter(|&(x, y)| self.x.shows(x) && self.y.shows(y)).collect()
    }

    fn fill<'a, X, Y>(&self, mut chart: ChartContext<'a, SVGBackend<'a>, Cartesian2d<X, Y>>) -> Drawn
    where
        X: Ranged<ValueType = f64> + ValueFormatter<f64>,
        Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let (say_x, say_y) = (formatter(self.x), formatter(self.y));
        let mut mesh = chart.configure_mesh();
        mesh.x_desc(self.x.label).y_desc(self.y.label).light_line_style(WHITE).bold_line_style(GRID);
        mesh.x_label_formatter(&say_x).y_label_formatter(&say_y).draw()?;
        for (series, colour) in self.series.iter().zip(COLOURS.iter().cycle().skip(1)) {
            let shown = self.shown(series);
            if series.joined {
                let line = chart.draw_series(LineSeries::new(shown, colour.stroke_width(2)))?;
                line.label(series.label.clone())
                    .legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
            } else {
                let dots =
                    chart.draw_series(shown.into_iter().map(|at| Circle::new(at, 3, colour.filled())))?;
                dots.label(series.label.clone()).legend(|(x, y)| Circle::new((x + 9, y), 3, colour.filled()));
            }
        }
        let mut labels = chart.configure_series_labels();
        labels.position(self.corner()).background_style(WHITE.mix(0.8)).border_style(GRID).draw()?;
        Ok(())
    }
}

fn formatter(axis: Axis) -> impl Fn(&f64) -> String {
    move |&value| {
        if axis.log && !(0.01..1e4).contains(&value) {
            format!("{value:.0e}")
        } else {
            format!("{}", (value * 1e6).round() / 1e6)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_axis_is_drawn_and_what_a_logarithm_cannot_show_is_left_out() {
        for (x, y) in [(false, false), (false, true), (true, false), (true, true)] {
            let figure = Figure {
                name: "x",
                title: "a title".to_owned(),
                x: Axis { label: "round", log: x },
                y: Axis { label: "distance", log: y },
                series: vec![
                    Series::new("line", [(1.0, 1.0), (2.0, 0.0), (3.0, f64::NAN), (4.0, 1e-5)]),
                    Series::new("nothing", []),
                    Series::dots("dots", [(2.0, 0.5)]),
                ],
            };
            let svg = figure.svg().unwrap();
            assert!(
                svg.contains("a title") && svg.contains("<polyline") && svg.contains("<circle"),
                "{x} {y}"
            );
            assert_eq!(figure.shown(&figure.series[0]).len(), if y { 2 } else { 3 });
        }
    }
    #[test]
    fn the_legend_stands_where_the_fewest_points_are() {
        let corner = |points: &dyn Fn(f64) -> f64| {
            let points: Vec<(f64, f64)> = (1..=20).map(|x| (f64::from(x), points(f64::from(x)))).collect();
            let (x, y) = (Axis::linear("round"), Axis::log("distance"));
            Figure { name: "x", title: String::new(), x, y, series: vec![Series::new("line", points)] }
                .corner()
        };
        assert!(matches!(corner(&|x| x.exp()), SeriesLabelPosition::UpperLeft));
        assert!(matches!(corner(&|x| (-x).exp()), SeriesLabelPosition::UpperRight));
        assert!(matches!(corner(&|_| 1.0), SeriesLabelPosition::UpperRight));
    }
}
