//! Every seed keeps every invariant, and every checker finds what it looks for.

use equipoise_simulation::{Bug, Plan, invariants, judge, play, soak};

/// Seeds that are run, and every how many of them is run twice to compare the traces.
const SEEDS: u64 = 300;
const TWICE: u64 = 4;

#[test]
fn every_seed_keeps_every_invariant_and_has_one_trace() {
    let complaints = soak(1..=SEEDS, |seed| seed.is_multiple_of(TWICE), |words| eprintln!("{words}"));
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn without_trouble_every_round_counts_everybody_who_does_not_lie() {
    let run = play(Plan::new(1).without_trouble(), None);
    assert_eq!(invariants::check(&run), []);
}

/// Seeds among which there is one for each bug to show itself.
const TRIED: u64 = 12;

#[test]
fn every_checker_finds_the_bug_that_breaks_its_invariant() {
    for bug in Bug::ALL {
        let found = (1..=TRIED).find(|seed| {
            let run = play(Plan::new(*seed), Some(bug));
            let mut broken: Vec<_> = invariants::check(&run).into_iter().collect();
            if bug == Bug::Unseeded {
                broken.extend(invariants::same_trace::check(&run, &play(Plan::new(*seed), Some(bug))));
            }
            broken.iter().any(|violation| violation.invariant == bug.breaks())
        });
        let seed = found.unwrap_or_else(|| panic!("nobody noticed {bug:?} in seeds 1 to {TRIED}"));
        let (_, violations) = judge(seed, false);
        assert_eq!(violations, [], "seed {seed} without {bug:?}");
    }
}
