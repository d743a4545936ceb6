use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{Conduct, Pace};

const PLAN: Plan = Plan {
    workers: 3,
    rounds: 2,
    quorum: 2,
    skips_max: 2,
    byzantine: 1,
    conduct: Conduct::Drop,
    absent: Absent::GoOn,
    pace: Pace::Synchronous,
    sample: None,
};

fn started() -> Engine {
    let mut engine = Engine::new(PLAN);
    for rank in 0..3 {
        let commands = engine.handle(Event::Joined(Rank(rank)));
        assert_eq!(commands.is_empty(), rank < 2, "the third worker starts the first round");
    }
    engine
}

fn deliver(engine: &mut Engine, rank: u32, round: u32) -> Vec<Command> {
    let round = Round::new(round).unwrap();
    engine.handle(Event::Delivered { rank: Rank(rank), round, row: vec![rank as f32] })
}

fn ranks(ranks: &[u32]) -> Vec<Rank> {
    ranks.iter().copied().map(Rank).collect()
}

#[test]
fn rows_are_aggregated_in_order_of_rank_whatever_the_order_of_arrival() {
    let mut engine = started();
    deliver(&mut engine, 2, 1);
    deliver(&mut engine, 0, 1);
    let commands = deliver(&mut engine, 1, 1);
    let [Command::Answer { taken: Ok(_), .. }, Command::Aggregate { rows, absent, .. }] = commands.as_slice()
    else {
        panic!("{commands:?}")
    };
    assert_eq!(rows.iter().map(|(rank, _)| rank.0).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(absent.is_empty());
}

#[test]
fn a_replayed_update_does_not_replace_the_first() {
    let mut engine = started();
    deliver(&mut engine, 1, 1);
    let commands = engine.handle(Event::Delivered { rank: Rank(1), round: Round::FIRST, row: vec![99.0] });
    let taken = Err(Rejection::Duplicate(Round::FIRST));
    assert_eq!(commands, [Command::Answer { rank: Rank(1), taken }]);
    deliver(&mut engine, 0, 1);
    let commands = deliver(&mut engine, 2, 1);
    let Command::Aggregate { rows, .. } = &commands[1] else { panic!("{commands:?}") };
    assert_eq!(rows[1], (Rank(1), vec![1.0]));
}

#[test]
fn a_worker_that_leaves_is_no_longer_waited_for() {
    let mut engine = started();
    deliver(&mut engine, 0, 1);
    deliver(&mut engine, 1, 1);
    let commands = engine.handle(Event::Left(Rank(2)));
    let [Command::Aggregate { absent, .. }] = commands.as_slice() else { panic!("{commands:?}") };
    assert_eq!(*absent, ranks(&[2]));
    let commands = engine.handle(Event::Aggregated(Round::FIRST));
    assert_eq!(commands, [Command::Open { round: Round::FIRST.next(), to: ranks(&[0, 1]) }]);
    assert_eq!(engine.ledgers()[&Rank(2)].absent, 1);
}

#[test]
fn who_joins_during_a_round_votes_from_the_next() {
    let mut engine = started();
    assert!(engine.handle(Event::Joined(Rank(7))).is_empty());
    let commands = deliver(&mut engine, 7, 1);
    let taken = Err(Rejection::NotAdmitted(Round::FIRST));
    assert_eq!(commands, [Command::Answer { rank: Rank(7), taken }]);
    for rank in 0..3 {
        deliver(&mut engine, rank, 1);
    }
    let commands = engine.handle(Event::Aggregated(Round::FIRST));
    assert_eq!(commands, [Command::Open { round: Round::FIRST.next(), to: ranks(&[0, 1, 2, 7]) }]);
}

#[test]
fn a_lie_costs_the_vote_of_the_round_and_a_late_update_nothing() {
    let mut engine = started();
    let why = Rejection::NonFinite { index: 3, value: f32::INFINITY };
    let _ = engine.handle(Event::Malformed { rank: Rank(0), why });
    let commands = deliver(&mut engine, 0, 1);
    assert_eq!(commands, [Command::Answer { rank: Rank(0), taken: Err(Rejection::VoteLost(Round::FIRST)) }]);
    let late = deliver(&mut engine, 1, 2);
    assert!(matches!(late[0], Command::Answer { taken: Err(Rejection::WrongRound { .. }), .. }));
    deliver(&mut engine, 1, 1);
    let commands = deliver(&mut engine, 2, 1);
    let Command::Aggregate { absent, rows, byzantine, .. } = &commands[1] else { panic!("{commands:?}") };
    assert_eq!((absent, rows.len(), *byzantine), (&ranks(&[0]), 2, 1));
    assert_eq!(engine.ledgers()[&Rank(0)].rejected, BTreeMap::from([("non-finite", 1), ("vote-lost", 1)]));
}

#[test]
fn a_deadline_closes_with_a_quorum_and_skips_without_one() {
    let mut engine = started();
    deliver(&mut engine, 0, 1);
    let commands = engine.handle(Event::DeadlinePassed(Round::FIRST));
    let round = Round::FIRST;
    let skip = Command::Skip { round, rows: ranks(&[0]), absent: ranks(&[1, 2]) };
    assert_eq!(commands, [skip, Command::Open { round: round.next(), to: ranks(&[0, 1, 2]) }]);
    assert!(engine.handle(Event::DeadlinePassed(round)).is_empty(), "a late timer is normal");
    deliver(&mut engine, 0, 2);
    deliver(&mut engine, 1, 2);
    let commands = engine.handle(Event::DeadlinePassed(round.next()));
    assert!(matches!(&commands[..], [Command::Aggregate { rows, .. }] if rows.len() == 2));
    assert_eq!(engine.handle(Event::Aggregated(round.next())), [Command::Finish(Reason::Done)]);
}

#[test]
fn a_member_that_comes_back_is_told_of_the_open_round_again_and_has_one_vote() {
    let mut engine = started();
    deliver(&mut engine, 1, 1);
    for rank in [0, 1] {
        assert!(engine.handle(Event::Left(Rank(rank))).is_empty());
    }
    let back = engine.handle(Event::Joined(Rank(0)));
    assert_eq!(back, [Command::Remind { round: Round::FIRST, rank: Rank(0) }]);
    assert!(engine.handle(Event::Joined(Rank(1))).is_empty(), "its row is in");
    assert_eq!(deliver(&mut engine, 2, 1).len(), 1, "the one that is back is waited for");
    assert_eq!(deliver(&mut engine, 0, 1).len(), 2);
}

#[test]
fn a_round_that_waits_has_every_member_there_ever_was() {
    let mut engine = Engine::new(Plan { absent: Absent::Wait, ..PLAN });
    for rank in 0..3 {
        let _ = engine.handle(Event::Joined(Rank(rank)));
    }
    deliver(&mut engine, 0, 1);
    deliver(&mut engine, 1, 1);
    assert!(engine.handle(Event::Left(Rank(2))).is_empty(), "a quorum is there, the round waits");
    let _ = engine.handle(Event::Joined(Rank(2)));
    let _ = engine.handle(Event::Left(Rank(1)));
    assert_eq!(deliver(&mut engine, 2, 1).len(), 2);
    let commands = engine.handle(Event::Aggregated(Round::FIRST));
    assert_eq!(commands, [Command::Open { round: Round::FIRST.next(), to: ranks(&[0, 1, 2]) }]);
    let back = engine.handle(Event::Joined(Rank(1)));
    assert_eq!(back, [Command::Remind { round: Round::FIRST.next(), rank: Rank(1) }]);
}

#[test]
fn a_resumed_run_opens_the_round_after_the_last_or_is_done() {
    for (closed, rounds, expected) in [(0, 2, Some(1)), (1, 2, Some(2)), (2, 2, None)] {
        let from = Resumed { closed, ..Resumed::default() };
        let mut engine = Engine::resume(Plan { rounds, ..PLAN }, from.clone());
        let _ = engine.handle(Event::Joined(Rank(0)));
        let _ = engine.handle(Event::Joined(Rank(1)));
        let commands = engine.handle(Event::Joined(Rank(2)));
        match (&commands[..], expected) {
            ([Command::Open { round, .. }], Some(expected)) => assert_eq!(round.get(), expected),
            ([Command::Finish(Reason::Done)], None) => (),
            _ => panic!("{commands:?}"),
        }
        let mut alone = Engine::resume(Plan { rounds, ..PLAN }, from);
        let over = alone.handle(Event::GatheringOver);
        let done = over == [Command::Finish(Reason::Done)];
        assert_eq!(done, expected.is_none(), "nobody is needed when all rounds are done: {over:?}");
    }
}

#[test]
fn rounds_skipped_one_after_another_end_the_run() {
    let mut engine = Engine::new(Plan { rounds: 9, ..PLAN });
    for rank in 0..3 {
        let _ = engine.handle(Event::Joined(Rank(rank)));
    }
    let _ = engine.handle(Event::DeadlinePassed(Round::FIRST));
    let commands = engine.handle(Event::DeadlinePassed(Round::FIRST.next()));
    assert_eq!(commands[1], Command::Finish(Reason::TooManySkipped { skipped: 2 }));
}

#[test]
fn gathering_ends_with_a_quorum_or_in_words() {
    for (joined, expected) in [(1, false), (2, true)] {
        let mut engine = Engine::new(PLAN);
        for rank in 0..joined {
            let _ = engine.handle(Event::Joined(Rank(rank)));
        }
        let commands = engine.handle(Event::GatheringOver);
        assert_eq!(matches!(commands[..], [Command::Open { .. }]), expected, "{commands:?}");
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    let rank = (0..4_u32).prop_map(Rank);
    let round = (1..5_u32).prop_map(|round| Round::new(round).unwrap());
    prop_oneof![
        rank.clone().prop_map(Event::Joined),
        rank.clone().prop_map(Event::Left),
        (rank.clone(), round.clone()).prop_map(|(rank, round)| Event::Delivered { rank, round, row: vec![] }),
        rank.prop_map(|rank| Event::Malformed { rank, why: Rejection::RoundZero }),
        Just(Event::GatheringOver),
        round.clone().prop_map(Event::DeadlinePassed),
        round.clone().prop_map(Event::Aggregated),
        round.prop_map(Event::Refused),
    ]
}

proptest! {
    /// Whatever happens: one vote a rank and round, rounds only go forward, nothing after the end.
    #[test]
    fn no_order_of_events_breaks_the_round(events in vec(any_event(), 0..120), waits: bool) {
        let absent = if waits { Absent::Wait } else { Absent::GoOn };
        let mut engine = Engine::new(Plan { rounds: 4, absent, ..PLAN });
        let (mut last_opened, mut over) = (0, false);
        for event in events {
            for command in engine.handle(event) {
                let refusal = matches!(command, Command::Answer { taken: Err(_), .. });
                prop_assert!(!over || refusal, "after the end: {:?}", command);
                match command {
                    Command::Open { round, .. } => {
                        prop_assert_eq!(round.get(), last_opened + 1);
                        last_opened = round.get();
                    }
                    Command::Aggregate { round, rows, absent, byzantine, staleness } => {
                        prop_assert_eq!(round.get(), last_opened);
                        prop_assert!(rows.len() >= PLAN.quorum);
                        prop_assert!(rows.windows(2).all(|two| two[0].0 < two[1].0));
                        prop_assert_eq!(byzantine, PLAN.byzantine);
                        prop_assert!(staleness.iter().all(|rounds| *rounds == 0));
                        prop_assert!(rows.iter().all(|(rank, _)| !absent.contains(rank)));
                    }
                    Command::Finish(_) => over = true,
                    Command::Remind { round, .. } => prop_assert_eq!(round.get(), last_opened),
                    Command::Answer { .. } | Command::Skip { .. } | Command::Ban(_) | Command::Superseded(_) => (),
                }
            }
        }
    }
}
