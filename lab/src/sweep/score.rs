//! What counts of a run: its last round, and its best and worst, picked by the rows held out and never by the test data.

use crate::results::RoundLine;

/// Which round of a run counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The last.
    Last,
    /// Of the second half the worst: what a model that was learned is still driven to.
    Worst,
    /// The best of all.
    Best,
}

impl Step {
    /// All of them, in the order in which they are shown.
    pub(crate) const ALL: [Self; 3] = [Self::Last, Self::Worst, Self::Best];

    /// For headings and columns.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Worst => "worst",
            Self::Best => "best",
        }
    }
}

/// Accuracies at one round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Score {
    /// The round.
    pub(crate) round: u32,
    /// On test data: what is reported.
    pub(crate) test: f64,
    /// On the rows held out: what is chosen by.
    pub(crate) validation: Option<f64>,
}

/// What counts of one run; the best and the worst are not known when no rows were held out.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Scores {
    last: Option<Score>,
    worst: Option<Score>,
    best: Option<Score>,
}

impl Scores {
    /// What counts of these rounds.
    pub(crate) fn of(lines: &[RoundLine]) -> Self {
        let scores: Vec<Score> = (lines.iter())
            .filter_map(|line| {
                let judgement = &line.judgement;
                Some(Score {
                    round: line.round,
                    test: judgement.accuracy_true?,
                    validation: judgement.accuracy_validation,
                })
            })
            .collect();
        let last = scores.last().copied();
        let half = last.map_or(0, |last| last.round / 2);
        let by = |a: &&Score, b: &&Score| a.validation.unwrap_or(0.0).total_cmp(&b.validation.unwrap_or(0.0));
        let judged = || scores.iter().filter(|score| score.validation.is_some());
        // The first of equals, either way.
        let best = judged().rev().max_by(by).copied();
        let worst = judged().filter(|score| score.round > half).min_by(by).copied();
        Self { last, worst, best }
    }

    /// What counts at this step.
    pub(crate) const fn at(&self, step: Step) -> Option<Score> {
        match step {
            Step::Last => self.last,
            Step::Worst => self.worst,
            Step::Best => self.best,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Judgement;

    fn line(round: u32, test: f64, validation: Option<f64>) -> RoundLine {
        let accuracies = round.is_multiple_of(2).then_some(test);
        let judgement =
            Judgement { accuracy_true: accuracies, accuracy_validation: validation, ..Judgement::default() };
        RoundLine { round, judgement, step: 1.0, aggregate_norm: 1.0, ..RoundLine::default() }
    }

    #[test]
    fn the_best_and_the_worst_are_picked_by_the_rows_held_out() {
        // Odd rounds are not judged; the test data would pick round 4 as best and 6 as worst.
        let tests = [(2, 0.1, 0.1), (4, 0.9, 0.7), (6, 0.2, 0.8), (8, 0.5, 0.4), (10, 0.6, 0.8)];
        let lines: Vec<RoundLine> = tests
            .into_iter()
            .flat_map(|(round, test, validation)| {
                [line(round - 1, test, None), line(round, test, Some(validation))]
            })
            .collect();
        let scores = Scores::of(&lines);
        let round = |step| scores.at(step).unwrap().round;
        assert_eq!((round(Step::Last), round(Step::Best), round(Step::Worst)), (10, 6, 8));
        assert_eq!(scores.at(Step::Best).unwrap().test, 0.2);
    }

    #[test]
    fn without_rows_held_out_there_is_only_the_last_round() {
        let scores = Scores::of(&[line(2, 0.5, None), line(4, 0.4, None)]);
        assert_eq!(scores.at(Step::Last).map(|score| score.test), Some(0.4));
        assert_eq!((scores.at(Step::Best), scores.at(Step::Worst)), (None, None));
        assert_eq!(Scores::of(&[]), Scores::default());
    }
}
