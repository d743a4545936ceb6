//! The number of threads changes no bit.

use equipoise_aggregation::{Aggregator, Threads};

use crate::{Lots, pipeline};

#[test]
fn one_two_and_three_threads_give_the_same_bits() {
    // More columns than a thread takes at a time, and a last block that is not full.
    let (n, d) = (11, 3 * 8192 + 77);
    let rows = Lots(5).rows(n, d);
    let slices: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
    let ranks: Vec<u32> = (0..n as u32).collect();
    for rule in crate::conformance::ALL {
        let run = |threads: usize| {
            let threads = Threads::new(threads).expect("threads");
            let mut aggregator = Aggregator::new(pipeline(rule), 2, 1).with_threads(threads);
            let mut out = vec![0.0; d];
            let told = aggregator.aggregate_with_root(1, &ranks, &slices, Some(slices[0]), &mut out);
            let weights: Vec<u64> = told
                .unwrap_or_else(|refusal| panic!("{rule}: {refusal}"))
                .verdicts
                .iter()
                .map(|verdict| verdict.weight.to_bits())
                .collect();
            (out.iter().map(|x: &f32| x.to_bits()).collect::<Vec<_>>(), weights)
        };
        let one = run(1);
        assert!(one == run(2) && one == run(3), "{rule}");
    }
}
