//! The numbers that the published code drew: a Mersenne twister, and a layer's start made of it.
//!
//! MT19937 with the initialisation of 2002; a float in [0, 1) is the lower 24 of 32 bits. A linear layer draws its weights, one
//! output after another, and then its biases, all uniform in ± 1/√inputs. With its seed, 999, and two layers drawn (the common
//! model, and the only user's), the target of the published runs is learned again from where it was.
//! Source: Matsumoto, Nishimura, ACM TOMACS 1998.

use learning::Model;

const WORDS: usize = 624;
const MIDDLE: usize = 397;

/// A generator of 32-bit words.
#[derive(Debug)]
pub(super) struct Mersenne {
    words: [u32; WORDS],
    next: usize,
}

impl Mersenne {
    pub(super) fn new(seed: u32) -> Self {
        let mut words = [seed; WORDS];
        for index in 1..WORDS {
            let last = words[index - 1];
            words[index] = 1_812_433_253_u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(index as u32);
        }
        Self { words, next: WORDS }
    }

    fn twist(&mut self) {
        for index in 0..WORDS {
            let joined = (self.words[index] & 0x8000_0000) | (self.words[(index + 1) % WORDS] & 0x7fff_ffff);
            let odd = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            self.words[index] = self.words[(index + MIDDLE) % WORDS] ^ (joined >> 1) ^ odd;
        }
        self.next = 0;
    }

    fn word(&mut self) -> u32 {
        if self.next == WORDS {
            self.twist();
        }
        let mut word = self.words[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    /// Parameters of a linear model in our order, input after input, the bias last.
    pub(super) fn linear(&mut self, model: &Model) -> Vec<f64> {
        let bound = (model.inputs as f32).sqrt().recip();
        let mut uniform = || (self.word() & 0x00ff_ffff) as f32 / 16_777_216.0 * (2.0 * bound) - bound;
        let mut theta = vec![0.0; model.dimension()];
        for output in 0..model.outputs {
            for input in 0..model.inputs {
                theta[input * model.outputs + output] = f64::from(uniform());
            }
        }
        for bias in &mut theta[model.inputs * model.outputs..] {
            *bias = f64::from(uniform());
        }
        theta
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_ten_thousandth_word_are_those_of_the_standard() {
        let mut stream = Mersenne::new(5489);
        assert_eq!(stream.word(), 3_499_211_612);
        let last = (1..10_000).map(|_| stream.word()).last();
        assert_eq!(last, Some(4_123_659_995));
    }

    #[test]
    fn the_published_common_model_starts_with_the_norm_that_it_had() {
        let model = Model { kind: learning::model::Kind::Softmax, inputs: 784, outputs: 10 };
        let start = Mersenne::new(999).linear(&model);
        let norm = start.iter().map(|t| t * t).sum::<f64>().sqrt();
        assert!((norm - 1.837_259).abs() < 1e-6, "{norm}");
    }
}
