//! What a worker remembers from one round to the next, as numbers: whoever goes on in its place reads them in the order in which
//! they were put down.

use std::collections::VecDeque;

/// Counters and vectors, each kind in its own order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Memory {
    /// Counters.
    pub counts: VecDeque<u64>,
    /// Vectors of single precision.
    pub singles: VecDeque<Vec<f32>>,
    /// Vectors of double precision.
    pub doubles: VecDeque<Vec<f64>>,
}

impl Memory {
    /// Puts a counter down.
    pub fn put_count(&mut self, count: u64) {
        self.counts.push_back(count);
    }

    /// Puts a vector down.
    pub fn put_singles(&mut self, values: &[f32]) {
        self.singles.push_back(values.to_vec());
    }

    /// Puts a vector down.
    pub fn put_doubles(&mut self, values: &[f64]) {
        self.doubles.push_back(values.to_vec());
    }

    /// The next counter, if there is one and it is in the range of its type.
    pub fn count<T: TryFrom<u64>>(&mut self) -> Option<T> {
        T::try_from(self.counts.pop_front()?).ok()
    }

    /// The next vector, if there is one and it has this length.
    pub fn singles(&mut self, length: usize) -> Option<Vec<f32>> {
        self.singles.pop_front().filter(|values| values.len() == length)
    }

    /// The next vector, if there is one and it has this length.
    pub fn doubles(&mut self, length: usize) -> Option<Vec<f64>> {
        self.doubles.pop_front().filter(|values| values.len() == length)
    }

    /// Whether nothing is left: what was read is all that was put down.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty() && self.singles.is_empty() && self.doubles.is_empty()
    }
}
