//! Updates of the right form whose numbers are none, or hardly.

use proto::frames;

use super::{Abuse, Answer, Target, member::Member};

/// Pushes zeros with `value` in the last place.
fn pushed(target: &Target, value: f32) -> Answer<'_> {
    Box::pin(async move {
        let mut member = Member::admitted(target).await?;
        let mut row = vec![0.0; member.dimension];
        if let Some(last) = row.last_mut() {
            *last = value;
        }
        let update = frames(member.run, member.round, &row);
        Ok(member.push(update).await)
    })
}

pub(super) const ALL: &[Abuse] = &[
    Abuse {
        name: "nan",
        what: "hides a NaN in the last place",
        expected: &["InvalidArgument"],
        run: |target| pushed(target, f32::NAN),
    },
    Abuse {
        name: "infinity",
        what: "hides an infinity in the last place",
        expected: &["InvalidArgument"],
        run: |target| pushed(target, f32::NEG_INFINITY),
    },
    Abuse {
        name: "denormal",
        what: "sends a denormal number, which is finite and therefore a vote",
        expected: &["taken"],
        run: |target| pushed(target, f32::from_bits(1)),
    },
];
