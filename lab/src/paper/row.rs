//! One row of the table: what was published, what the published code gives, what we measured, and what must hold of it.

use serde::Serialize;

/// What numbers of a row are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Unit {
    /// A fraction of the test data.
    Accuracy,
    /// A length in the space of the parameters, or anything else without a unit.
    Plain,
    /// A number of things.
    Count,
    /// Seconds.
    Seconds,
}

/// What must hold of the mean over the seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Expected {
    /// At most so far from what the published code gives, or else from what was published.
    Within(f64),
    /// The same, as a part of it.
    WithinPart(f64),
    /// At most.
    AtMost(f64),
    /// At least.
    AtLeast(f64),
    /// Nothing: it is shown.
    Shown,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Row {
    /// What was measured.
    pub what: String,
    /// What numbers are.
    pub unit: Unit,
    /// As published.
    pub published: Option<f64>,
    /// What the published code gave when it was run again.
    pub reference: Option<f64>,
    /// What we measured, a number a seed.
    pub ours: Vec<f64>,
    /// What must hold.
    pub expected: Expected,
}

impl Row {
    /// A row without anything to compare with.
    pub(crate) fn new(what: impl Into<String>, unit: Unit, ours: impl Into<Vec<f64>>) -> Self {
        Self {
            what: what.into(),
            unit,
            published: None,
            reference: None,
            ours: ours.into(),
            expected: Expected::Shown,
        }
    }

    /// The same with what was published.
    pub(crate) fn published(self, published: f64) -> Self {
        Self { published: Some(published), ..self }
    }

    /// The same with what the published code gave.
    pub(crate) fn reference(self, reference: f64) -> Self {
        Self { reference: Some(reference), ..self }
    }

    /// The same with what must hold.
    pub(crate) fn expect(self, expected: Expected) -> Self {
        Self { expected, ..self }
    }

    /// Mean over the seeds.
    pub(crate) fn mean(&self) -> f64 {
        self.ours.iter().sum::<f64>() / self.ours.len() as f64
    }

    /// Half the distance between the extremes.
    fn spread(&self) -> f64 {
        let extreme = |pick: fn(f64, f64) -> f64| self.ours.iter().copied().reduce(pick).unwrap_or(0.0);
        (extreme(f64::max) - extreme(f64::min)) / 2.0
    }

    /// Whether what must hold does; `None` when nothing must.
    pub(crate) fn holds(&self) -> Option<bool> {
        let (mean, compared) = (self.mean(), self.reference.or(self.published));
        match self.expected {
            Expected::Within(most) => compared.map(|with| (mean - with).abs() <= most),
            Expected::WithinPart(most) => compared.map(|with| (mean / with - 1.0).abs() <= most),
            Expected::AtMost(most) => Some(mean <= most),
            Expected::AtLeast(least) => Some(mean >= least),
            Expected::Shown => None,
        }
    }

    /// What was measured, in words.
    pub(crate) fn got(&self) -> String {
        let mean = self.unit.say(self.mean());
        if self.ours.len() < 2 { mean } else { format!("{mean} ± {}", self.unit.say(self.spread())) }
    }

    /// What must hold, in words.
    pub(crate) fn wanted(&self) -> String {
        match self.expected {
            Expected::Within(most) => format!("± {most}"),
            Expected::WithinPart(most) => format!("± {} %", (1e3 * most).round() / 10.0),
            Expected::AtMost(most) => format!("≤ {}", self.unit.say(most)),
            Expected::AtLeast(least) => format!("≥ {}", self.unit.say(least)),
            Expected::Shown => String::new(),
        }
    }

    /// All cells of the row, the last of them whether it holds.
    pub(crate) fn cells(&self) -> [String; 6] {
        let optional = |number: Option<f64>| number.map_or_else(String::new, |number| self.unit.say(number));
        let holds = match self.holds() {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "",
        };
        [
            self.what.clone(),
            optional(self.published),
            optional(self.reference),
            self.got(),
            self.wanted(),
            holds.to_owned(),
        ]
    }
}

impl Unit {
    /// A number with this unit, as people read it.
    fn say(self, number: f64) -> String {
        match self {
            Self::Accuracy => format!("{number:.4}"),
            Self::Count => format!("{number:.0}"),
            Self::Seconds => format!("{number:.1} s"),
            Self::Plain if number == 0.0 => "0".to_owned(),
            Self::Plain if number.abs() >= 1e5 || number.abs() < 0.01 => format!("{number:.1e}"),
            Self::Plain if number.abs() >= 100.0 => format!("{number:.1}"),
            Self::Plain if number.abs() >= 0.1 => format!("{number:.2}"),
            Self::Plain => format!("{number:.3}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_compared_with_the_published_code_before_the_publication() {
        let row = Row::new("x", Unit::Plain, [10.0, 12.0]).published(20.0).reference(11.1);
        assert_eq!(row.holds(), None);
        assert_eq!(row.clone().expect(Expected::WithinPart(0.02)).holds(), Some(true));
        assert_eq!(row.clone().expect(Expected::Within(0.05)).holds(), Some(false));
        assert_eq!(Row { reference: None, ..row }.expect(Expected::WithinPart(0.02)).holds(), Some(false));
    }

    #[test]
    fn bounds_hold_up_to_themselves_and_not_for_numbers_that_are_none() {
        let row = |ours: f64, expected| Row::new("x", Unit::Plain, [ours]).expect(expected).holds();
        assert_eq!(row(1.0, Expected::AtMost(1.0)), Some(true));
        assert_eq!(row(1.1, Expected::AtMost(1.0)), Some(false));
        assert_eq!(row(0.9, Expected::AtLeast(1.0)), Some(false));
        assert_eq!(row(f64::NAN, Expected::AtMost(1.0)), Some(false));
    }

    #[test]
    fn numbers_are_said_with_their_spread() {
        let row = Row::new("x", Unit::Accuracy, [0.0072, 0.0074]);
        assert_eq!(row.got(), "0.0073 ± 0.0001");
        assert_eq!(Row::new("x", Unit::Plain, [6.1e-5]).got(), "6.1e-5");
        let wanted = |part| row.clone().expect(Expected::WithinPart(part)).wanted();
        assert_eq!((wanted(0.02).as_str(), wanted(0.002).as_str()), ("± 2 %", "± 0.2 %"));
    }
}
