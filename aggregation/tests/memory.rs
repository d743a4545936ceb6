//! No rule copies the rows: what it allocates at most is a small part of them.

use std::alloc::System;

use cap::Cap;
use equipoise_aggregation::{Aggregator, Pipeline, Threads, catalogue};

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

#[test]
fn every_pipeline_works_beside_the_rows_in_a_small_part_of_their_memory() {
    let (n, f, d) = (20, 3, 400_000);
    let value = |row: usize, k: usize| ((row * 7919 + k * 104_729 + row * k) % 1009) as f32 / 1009.0 - 0.3;
    let mut rows: Vec<Vec<f32>> = (0..n).map(|row| (0..d).map(|k| value(row, k)).collect()).collect();
    // One of them so far away that its products are summed by themselves.
    rows[n - 1].iter_mut().for_each(|x| *x *= 1e6);
    let views: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
    let ranks: Vec<u32> = (0..n as u32).collect();
    let mut out = vec![0.0; d];
    let threads = Threads::new(2).expect("threads");
    let names: Vec<&str> = catalogue().iter().map(|entry| entry.name).collect();
    let pipelines = names.iter().flat_map(|name| {
        let before = ["", "nnm+", "arc+", "bucketing(s=1)+", "clipping(c=1)+"];
        before.map(|before| format!("{before}{name}"))
    });
    let mut measured = 0;
    for pipeline in pipelines.filter_map(|text| text.parse::<Pipeline>().ok()) {
        let mut aggregator = Aggregator::new(pipeline.clone(), f, 1).with_threads(threads.clone());
        let before = MEMORY.allocated();
        aggregator.aggregate_with_root(0, &ranks, &views, Some(&rows[0]), &mut out).expect("an aggregate");
        let used = MEMORY.max_allocated().saturating_sub(before);
        assert!(used < n * d * 4 / 5, "{pipeline} took {used} bytes beside rows of {}", n * d * 4);
        measured += 1;
    }
    assert!(measured > 80, "{measured} pipelines");
}
