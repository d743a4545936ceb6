//! How long something takes, and how fast this machine multiplies.

use std::{hint::black_box, time::Instant};

use ndarray::Array2;

/// Multiplications and additions a second of square products, one in each thread, in GFLOP/s.
pub(super) fn sgemm(threads: usize) -> f64 {
    let n = 784;
    let (a, b) = (Array2::<f32>::ones((n, n)), Array2::<f32>::ones((n, n)));
    let seconds = median_seconds(|| {
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| drop(black_box(a.dot(&b))));
            }
        });
    });
    2e-9 * (threads * n * n * n) as f64 / seconds
}

/// The median of fifteen times.
pub(super) fn median_seconds(work: impl FnMut()) -> f64 {
    sorted_seconds(15, work)[7]
}

/// How long it takes, from the best time to the worst.
pub(super) fn sorted_seconds(repetitions: usize, mut work: impl FnMut()) -> Vec<f64> {
    let mut seconds: Vec<f64> = (0..repetitions.max(1))
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds
}
