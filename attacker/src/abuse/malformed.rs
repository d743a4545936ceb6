//! Updates that are none: one good update, one change each.

use proto::v1::Frame;

use super::{Abuse, Answer, Target, member::Member};

/// Applies `change` to an update of the open round and pushes it.
fn pushed(target: &Target, change: fn(&mut Vec<Frame>)) -> Answer<'_> {
    Box::pin(async move {
        let mut member = Member::admitted(target).await?;
        let mut update = member.update(member.round, 0.0);
        change(&mut update);
        Ok(member.push(update).await)
    })
}

/// Changes the header of the first frame.
macro_rules! header {
    ($update:ident, $field:ident, $change:expr) => {
        if let Some(header) = $update.first_mut().and_then(|frame| frame.header.as_mut()) {
            header.$field = $change(header.$field);
        }
    };
}

pub(super) const ALL: &[Abuse] = &[
    Abuse {
        name: "wrong-length",
        what: "announces one number more than the model has",
        expected: &["InvalidArgument"],
        run: |target| pushed(target, |update| header!(update, dimension, |d| d + 1)),
    },
    Abuse {
        name: "absurd-length",
        what: "announces 2^64 - 1 numbers",
        expected: &["InvalidArgument"],
        run: |target| pushed(target, |update| header!(update, dimension, |_| u64::MAX)),
    },
    Abuse {
        name: "too-many-bytes",
        what: "sends more numbers than it announced",
        expected: &["OutOfRange", "InvalidArgument"],
        run: |target| {
            pushed(target, |update| {
                if let Some(last) = update.last_mut() {
                    last.data = vec![0; last.data.len() + 4].into();
                }
            })
        },
    },
    Abuse {
        name: "too-few-bytes",
        what: "ends the stream before the last number",
        expected: &["truncated"],
        run: |target| {
            pushed(target, |update| {
                if let Some(last) = update.last_mut() {
                    last.data = last.data.slice(..last.data.len() - 4);
                }
            })
        },
    },
    Abuse {
        name: "torn-number",
        what: "ends a frame in the middle of a number",
        expected: &["InvalidArgument"],
        run: |target| {
            pushed(target, |update| {
                if let Some(last) = update.last_mut() {
                    last.data = last.data.slice(..last.data.len() - 1);
                }
            })
        },
    },
    Abuse {
        name: "wrong-offset",
        what: "leaves a gap before a frame",
        expected: &["InvalidArgument"],
        run: |target| {
            pushed(target, |update| {
                if let Some(last) = update.last_mut() {
                    last.offset += 4;
                }
            })
        },
    },
    Abuse {
        name: "wrong-order",
        what: "sends the second half first",
        expected: &["InvalidArgument"],
        run: |target| {
            pushed(target, |update| {
                if let [first] = update.as_mut_slice() {
                    let half = first.data.len() / 8 * 4;
                    let second =
                        Frame { header: None, offset: half as u64, data: first.data.split_off(half) };
                    update.push(second);
                }
                update.reverse();
            })
        },
    },
    Abuse {
        name: "second-header",
        what: "sends its header twice",
        expected: &["InvalidArgument"],
        run: |target| {
            pushed(target, |update| {
                if let Some(first) = update.first().cloned() {
                    let half = first.data.len() / 8 * 4;
                    let (front, back) = (first.data.slice(..half), first.data.slice(half..));
                    update[0].data = front;
                    update.insert(1, Frame { offset: half as u64, data: back, ..first });
                }
            })
        },
    },
    Abuse {
        name: "no-header",
        what: "sends numbers without a header",
        expected: &["InvalidArgument"],
        run: |target| {
            pushed(target, |update| {
                if let Some(first) = update.first_mut() {
                    first.header = None;
                }
            })
        },
    },
    Abuse {
        name: "empty",
        what: "pushes nothing at all",
        expected: &["InvalidArgument", "truncated"],
        run: |target| pushed(target, Vec::clear),
    },
    Abuse {
        name: "wrong-run",
        what: "sends an update of another run",
        expected: &["FailedPrecondition"],
        run: |target| pushed(target, |update| header!(update, run, |run: u64| !run)),
    },
    Abuse {
        name: "round-zero",
        what: "sends an update of no round",
        expected: &["InvalidArgument"],
        run: |target| pushed(target, |update| header!(update, round, |_| 0)),
    },
    Abuse {
        name: "wrong-number-type",
        what: "announces numbers of an unknown type",
        expected: &["InvalidArgument"],
        run: |target| pushed(target, |update| header!(update, number_type, |_| 77)),
    },
    Abuse {
        name: "wrong-checksum",
        what: "announces the checksum of other numbers",
        expected: &["DataLoss"],
        run: |target| pushed(target, |update| header!(update, checksum, |sum: u32| !sum)),
    },
];
