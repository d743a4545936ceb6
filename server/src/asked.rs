//! What a round is made of: all workers, those that are drawn, or whoever comes first.

use round::liars_drawn;

use crate::{Asynchronous, InvalidSpec, Spec, Tempo};

impl Spec {
    /// How many updates a round of `workers` workers is made of, and how many liars may be among them.
    ///
    /// All of them and f; of those that are drawn, what the draw makes of f; of a buffer, f: liars may be the first to come.
    #[must_use]
    pub fn expected(&self, workers: usize) -> (usize, usize) {
        match (self.mode, self.sample) {
            (Tempo::Asynchronous(Asynchronous { buffer, .. }), _) => (buffer, self.byzantine),
            (Tempo::Synchronous, None) => (workers, self.byzantine),
            (Tempo::Synchronous, Some(share)) => {
                let size = ((share * workers as f64).round() as usize).clamp(1, workers.max(1));
                let liars = liars_drawn(workers, self.byzantine, size, self.rounds, self.sample_risk);
                (size, liars)
            }
        }
    }

    /// Whether the rule is defined for what a round is made of; else why not.
    #[must_use]
    pub fn refusal(&self, workers: usize) -> Option<String> {
        let (rows, liars) = self.expected(workers);
        let refusal = self.rule.check(rows, liars).err()?.to_string();
        let Self { byzantine, rounds, sample_risk, .. } = self;
        Some(match (self.mode, self.sample) {
            (Tempo::Asynchronous(_), _) => {
                format!("a buffer of {rows} updates may have all {liars} liars in it: {refusal}")
            }
            (Tempo::Synchronous, Some(_)) => format!(
                "among the {rows} that are drawn of {workers} there may be {liars} of the {byzantine} liars, once in {rounds} \
                 rounds and with a probability above {sample_risk}: {refusal}"
            ),
            (Tempo::Synchronous, None) => refusal,
        })
    }

    pub(crate) fn check_who_is_asked(&self, workers: usize) -> Result<(), InvalidSpec> {
        if let Some(share) = self.sample.filter(|share| !(*share > 0.0 && *share <= 1.0)) {
            return Err(InvalidSpec::Sample(share));
        }
        if !(0.0..1.0).contains(&self.sample_risk) {
            return Err(InvalidSpec::Risk(self.sample_risk));
        }
        let Tempo::Asynchronous(Asynchronous { buffer, exponent, .. }) = self.mode else { return Ok(()) };
        if self.sample.is_some() {
            return Err(InvalidSpec::SampledAsynchronous);
        }
        if buffer == 0 || buffer > workers {
            return Err(InvalidSpec::Buffer { buffer, workers });
        }
        if !(exponent >= 0.0 && exponent.is_finite()) {
            return Err(InvalidSpec::Exponent(exponent));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_made_of_all_or_of_the_drawn_or_of_a_buffer() {
        let asynchronous = Asynchronous {
            buffer: 12,
            staleness_max: 3,
            exponent: 0.5,
            stragglers: crate::Stragglers::Discard,
        };
        let spec = |mode, sample, sample_risk| {
            let rule = "trimmed-mean".parse().unwrap();
            Spec { rule, byzantine: 4, rounds: 100, mode, sample, sample_risk, ..Spec::default() }
        };
        let buffered = Tempo::Asynchronous(asynchronous);
        for (spec, expected, quorum, refused) in [
            (spec(Tempo::Synchronous, None, 0.001), (20, 4), 11, false),
            (spec(Tempo::Synchronous, Some(0.5), 0.0), (10, 4), 6, false),
            // C(16,10) / C(20,10) and so on: all four liars are drawn in 14 of 323 rounds.
            (spec(Tempo::Synchronous, Some(0.5), 0.001), (10, 4), 6, false),
            (spec(Tempo::Synchronous, Some(0.2), 0.001), (4, 4), 3, true),
            (spec(buffered, None, 0.001), (12, 4), 12, false),
            (
                spec(Tempo::Asynchronous(Asynchronous { buffer: 8, ..asynchronous }), None, 0.001),
                (8, 4),
                8,
                true,
            ),
        ] {
            assert_eq!(spec.expected(20), expected, "{spec:?}");
            assert_eq!(spec.refusal(20).is_some(), refused, "{:?}", spec.refusal(20));
            let plan = spec.plan(20, 1).unwrap();
            assert_eq!((plan.quorum, plan.byzantine), (quorum, expected.1));
        }
    }
}
