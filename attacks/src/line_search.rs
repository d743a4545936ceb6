//! Where along a line a function is largest, in a given number of evaluations.
//!
//! bracketed  magnitudes ¼, ½, 1, 2, 4, 8 in both directions; farther out while the farthest is the best; then between the
//!            neighbours of the best: the wider side is halved, and what is not better becomes the new bracket
//! upwards    ByzFL's: x = start; while x + δ is strictly better go there and double δ; then try best + δ with δ shrinking
//!
//! The functions are aggregation errors: they rise until the rule sees through the lie, and fall off a cliff there, so that a
//! search must look on both sides of its best point and in both directions; `upwards` does neither, and is here because
//! published numbers come from it.

/// The best point that was seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Best {
    /// Where.
    pub at: f64,
    /// How large the function is there.
    pub value: f64,
}

/// Searches both directions, `evaluations` times in all.
pub fn bracketed(evaluations: usize, mut function: impl FnMut(f64) -> f64) -> Best {
    let mut seen: Vec<Best> = Vec::with_capacity(evaluations);
    let mut look = |at: f64, seen: &mut Vec<Best>| {
        let place = seen.partition_point(|best| best.at < at);
        seen.insert(place, Best { at, value: function(at) });
    };
    for at in [1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 4.0, -4.0, 8.0, -8.0, 0.25, -0.25, 0.0] {
        if seen.len() < evaluations {
            look(at, &mut seen);
        }
    }
    while seen.len() < evaluations {
        let best = argmax(&seen);
        let next = match (best.checked_sub(1).map(|left| seen[left].at), seen.get(best + 1)) {
            // The farthest is the best: farther.
            (None, _) | (_, None) => 2.0 * seen[best].at,
            (Some(left), Some(right)) => {
                let at = seen[best].at;
                f64::midpoint(at, if at - left > right.at - at { left } else { right.at })
            }
        };
        look(next, &mut seen);
    }
    seen.get(argmax(&seen)).copied().unwrap_or(Best { at: 0.0, value: f64::NEG_INFINITY })
}

/// Index of the largest value, the first of equals; a value that is no number is smaller than all.
fn argmax(seen: &[Best]) -> usize {
    (1..seen.len()).fold(0, |best, i| {
        if seen[i].value > seen[best].value || seen[best].value.is_nan() { i } else { best }
    })
}

/// How ByzFL's search goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Upwards {
    /// The first point.
    pub start: f64,
    /// The first step δ.
    pub delta: f64,
    /// What δ shrinks by.
    pub ratio: f64,
    /// Evaluations, the first included.
    pub evaluations: usize,
}

impl Default for Upwards {
    fn default() -> Self {
        Self { start: 0.0, delta: 10.0, ratio: 0.8, evaluations: 20 }
    }
}

/// Searches as ByzFL does.
pub fn upwards(search: Upwards, mut function: impl FnMut(f64) -> f64) -> Best {
    let Upwards { start, mut delta, ratio, evaluations } = search;
    let mut best = Best { at: start, value: function(start) };
    let mut expanding = true;
    for _ in 1..evaluations {
        let at = best.at + delta;
        let value = function(at);
        let better = value > best.value;
        if better {
            best = Best { at, value };
        }
        expanding &= better;
        delta *= if expanding { 2.0 } else { ratio };
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rises to `edge` and is nothing beyond.
    fn cliff(edge: f64) -> impl Fn(f64) -> f64 {
        move |x| if x * edge.signum() > edge.abs() || x * edge < 0.0 { 0.0 } else { x.abs() }
    }

    #[test]
    fn a_cliff_is_found_on_either_side_at_any_distance() {
        for edge in [0.31, 0.9, 2.7, 7.0, 30.0, -0.31, -3.3, -100.0] {
            let found = bracketed(24, cliff(edge));
            assert!(found.value > 0.9 * edge.abs() && found.value <= edge.abs(), "{edge}: {found:?}");
        }
    }

    #[test]
    fn the_published_search_misses_a_near_cliff_and_all_that_is_negative() {
        assert!(upwards(Upwards::default(), cliff(0.15)).value == 0.0);
        assert!(bracketed(20, cliff(0.3)).value > 0.25);
        assert!(upwards(Upwards::default(), cliff(-5.0)).value == 0.0);
    }

    #[test]
    fn the_number_of_evaluations_is_kept() {
        for evaluations in [1, 5, 20] {
            let (mut one, mut two) = (0, 0);
            bracketed(evaluations, |x| {
                one += 1;
                x
            });
            upwards(Upwards { evaluations, ..Upwards::default() }, |x| {
                two += 1;
                x
            });
            assert_eq!((one, two), (evaluations, evaluations));
        }
    }
}
