//! Hostile texts and hostile bits: no panic, no NaN out, bounded time.

use equipoise_aggregation::{Pipeline, catalogue};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{Rows, aggregate, conformance::ALL};

/// Pieces that pipelines are made of, and some that they are not.
fn pieces() -> Vec<String> {
    let names = catalogue().iter().map(|entry| entry.name.to_owned());
    let parameters =
        catalogue().iter().flat_map(|entry| entry.parameters).map(|parameter| parameter.name.to_owned());
    let others =
        ["(", ")", "=", ",", "+", " ", "paper", "byzfl", "auto", "2", "0.5", "-1", "1e999", "NaN", "ñ"];
    names.chain(parameters).chain(others.map(str::to_owned)).collect()
}

fn reads_what_it_writes(text: &str) {
    if let Ok(pipeline) = text.parse::<Pipeline>() {
        let written = pipeline.to_string();
        assert_eq!(written.parse::<Pipeline>().as_ref(), Ok(&pipeline), "{text:?} was written {written:?}");
    }
}

/// Any f32 there is, and often one that hurts.
fn bits() -> impl Strategy<Value = f32> {
    let hurts =
        vec![0.0, -0.0, 1.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 1e-45, 1e30];
    prop_oneof![any::<u32>().prop_map(f32::from_bits), select(hurts)]
}

fn hostile() -> impl Strategy<Value = (Rows, usize)> {
    (1..9_usize, 0..6_usize).prop_flat_map(|(n, d)| (vec(vec(bits(), d), n), 0..=n))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,40}") {
        reads_what_it_writes(&text);
    }

    #[test]
    fn any_pieces_are_read_or_refused(pieces in vec(select(pieces()), 0..9)) {
        reads_what_it_writes(&pieces.concat());
    }

    #[test]
    fn any_bits_give_numbers_or_a_refusal((rows, f) in hostile()) {
        for rule in ALL {
            if let Ok((out, told)) = aggregate(rule, f, &rows) {
                prop_assert!(out.iter().all(|x| x.is_finite()), "{rule}, f = {f}: {out:?}");
                prop_assert!(told.verdicts.iter().all(|verdict| verdict.weight.is_finite()), "{rule}, f = {f}");
            }
        }
    }
}
