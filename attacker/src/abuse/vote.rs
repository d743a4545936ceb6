//! Votes that do not count: too many, too early, too late, or never.

use std::time::Duration;

use proto::v1::from_worker::Message;
use tokio::time;

use super::{
    Abuse, Answer, PATIENCE, Target,
    member::{self, Member},
};

/// The second of two equal updates.
fn duplicate(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let mut member = Member::admitted(target).await?;
        let update = member.update(member.round, 0.0);
        let first = member.push(update.clone()).await;
        let second = member.push(update).await;
        Ok(format!("the first {first}, the second {second}"))
    })
}

/// Two different updates at the same time, on connections of their own.
fn equivocation(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let mut member = Member::admitted(target).await?;
        let mut other = target.client().await?;
        let (one, two) = (member.update(member.round, 0.0), member.update(member.round, -0.0));
        let session = member.session;
        let (one, two) = tokio::join!(member.push(one), member::push(&mut other, session, two));
        let taken = [&one, &two].into_iter().filter(|answer| *answer == "taken").count();
        Ok(format!("{taken} of 2 votes; one {one}, the other {two}"))
    })
}

/// What was taken in one round, sent again in the next.
fn replay(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let mut member = Member::admitted(target).await?;
        let update = member.update(member.round, 0.0);
        member.push(update.clone()).await;
        member.next_round().await?;
        Ok(member.push(update).await)
    })
}

/// An update of a round that has not opened.
fn early(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let mut member = Member::admitted(target).await?;
        let update = member.update(member.round + 1000, 0.0);
        Ok(member.push(update).await)
    })
}

/// An update of a round that is over, in which it had not voted.
fn late(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let mut member = Member::admitted(target).await?;
        let missed = member.round;
        while member.round <= missed + 1 {
            if member.round > missed {
                let zeros = member.update(member.round, 0.0);
                member.push(zeros).await;
            }
            member.next_round().await?;
        }
        let update = member.update(missed, 0.0);
        Ok(member.push(update).await)
    })
}

/// Signs of life and nothing else.
fn heartbeats_only(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let mut member = Member::admitted(target).await?;
        let (mut rounds, mut pulse) = (0, time::interval(Duration::from_millis(50)));
        let end = time::Instant::now() + PATIENCE;
        while rounds < 3 && time::Instant::now() < end {
            tokio::select! {
                biased;
                opened = member.next_round() => {
                    opened?;
                    rounds += 1;
                }
                _ = pulse.tick() => {}
            }
            member.say(Message::Heartbeat(proto::v1::Heartbeat {})).await;
        }
        Ok(if rounds > 0 { "the rounds went on".to_owned() } else { "the round waited".to_owned() })
    })
}

pub(super) const ALL: &[Abuse] = &[
    Abuse {
        name: "duplicate",
        what: "sends the same update twice",
        // When ours was the last that was missing, the round is over before the second comes.
        expected: &["the second duplicate", "the second wrong-round"],
        run: duplicate,
    },
    Abuse {
        name: "equivocation",
        what: "sends two different updates at once, on two connections",
        expected: &["1 of 2 votes"],
        run: equivocation,
    },
    Abuse {
        name: "replay",
        what: "sends the last round's update again",
        expected: &["wrong-round"],
        run: replay,
    },
    Abuse { name: "early", what: "votes in a round to come", expected: &["wrong-round"], run: early },
    Abuse { name: "late", what: "votes in a round that is over", expected: &["wrong-round"], run: late },
    Abuse {
        name: "heartbeats-only",
        what: "shows signs of life and never works",
        expected: &["the rounds went on"],
        run: heartbeats_only,
    },
];
