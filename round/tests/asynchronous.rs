//! Rounds that close after so many updates, whoever they are from and however old: to a limit.

use std::collections::{BTreeMap, BTreeSet};

use equipoise_round::{
    Absent, Buffer, Command, Conduct, Engine, Event, Pace, Plan, Rank, Rejection, Resumed, Round, Stragglers,
};
use proptest::{collection::vec, prelude::*};

const BUFFER: Buffer = Buffer { rows: 2, staleness_max: 1, stragglers: Stragglers::Discard };
const PLAN: Plan = Plan {
    workers: 4,
    rounds: 9,
    quorum: 2,
    skips_max: 3,
    byzantine: 1,
    conduct: Conduct::Drop,
    absent: Absent::GoOn,
    pace: Pace::Asynchronous(BUFFER),
    sample: None,
};

fn started(plan: Plan) -> Engine {
    let mut engine = Engine::new(plan);
    (0..4).for_each(|rank| drop(engine.handle(Event::Joined(Rank(rank)))));
    engine
}

fn round(number: u32) -> Round {
    Round::new(number).expect("from 1")
}

fn deliver(engine: &mut Engine, rank: u32, of: u32) -> Vec<Command> {
    engine.handle(Event::Delivered { rank: Rank(rank), round: round(of), row: vec![of as f32] })
}

fn refusal(commands: &[Command]) -> Option<&'static str> {
    match commands.first() {
        Some(Command::Answer { taken: Err(why), .. }) => Some(why.label()),
        _ => None,
    }
}

/// Ranks and staleness of the rows that close a round.
fn buffer(commands: &[Command]) -> Option<Vec<(u32, u32)>> {
    commands.iter().find_map(|command| match command {
        Command::Aggregate { rows, staleness, .. } => {
            Some(rows.iter().zip(staleness).map(|((rank, _), rounds)| (rank.0, *rounds)).collect())
        }
        _ => None,
    })
}

/// A round of two rows, after which the next is open.
fn go_on(engine: &mut Engine, ranks: [u32; 2], of: u32) {
    deliver(engine, ranks[0], of);
    assert!(buffer(&deliver(engine, ranks[1], of)).is_some());
    let opened = engine.handle(Event::Aggregated(round(of)));
    let told = matches!(&opened[0], Command::Open { to, .. } if *to == ranks.map(Rank));
    assert!(told, "those who are done are told of the next: {opened:?}");
}

#[test]
fn a_server_that_goes_on_still_knows_which_models_were_answered() {
    let mut engine = started(PLAN);
    go_on(&mut engine, [0, 1], 1);
    let answered = engine.answered().clone();
    assert_eq!(answered, BTreeMap::from([(Rank(0), Round::FIRST), (Rank(1), Round::FIRST)]));
    for (answered, again) in [(answered, Some("duplicate")), (BTreeMap::new(), None)] {
        let mut resumed = Engine::resume(PLAN, Resumed { closed: 1, answered, ..Resumed::default() });
        (0..4).for_each(|rank| drop(resumed.handle(Event::Joined(Rank(rank)))));
        assert_eq!(
            refusal(&deliver(&mut resumed, 0, 1)),
            again,
            "the row of round 1 would have a second vote"
        );
        assert_eq!(
            refusal(&deliver(&mut resumed, 2, 1)),
            None,
            "one that was not in any round may come late"
        );
    }
}

#[test]
fn a_round_closes_after_so_many_updates_and_takes_those_of_the_round_before() {
    let mut engine = started(PLAN);
    go_on(&mut engine, [0, 1], 1);
    assert_eq!(buffer(&deliver(&mut engine, 3, 1)), None);
    assert_eq!(buffer(&deliver(&mut engine, 1, 2)), Some(vec![(1, 0), (3, 1)]));
    assert_eq!(engine.ledgers()[&Rank(3)].staleness, 1);
    assert_eq!(engine.ledgers()[&Rank(2)].absent, 0, "nobody has to be in every buffer");
}

#[test]
fn whoever_is_done_and_not_in_is_told_of_the_open_round_at_once_and_once() {
    let mut engine = started(PLAN);
    go_on(&mut engine, [0, 1], 1);
    go_on(&mut engine, [0, 1], 2);
    let reminder = Command::Remind { round: round(3), rank: Rank(3) };
    assert_eq!(deliver(&mut engine, 3, 1).get(1), Some(&reminder), "what it sent was too old");
    assert_eq!(deliver(&mut engine, 3, 1).len(), 1, "whoever repeats itself is told nothing more");
    assert_eq!(deliver(&mut engine, 0, 3).len(), 1, "its row is in");
    let cut = Event::Malformed { rank: Rank(3), why: Rejection::Truncated { got: 0, want: 4 } };
    assert_eq!(engine.handle(cut).get(1), Some(&reminder), "what it sent did not come");
}

#[test]
fn an_update_that_is_too_old_is_discarded_and_counted() {
    let mut engine = started(PLAN);
    go_on(&mut engine, [0, 1], 1);
    go_on(&mut engine, [0, 1], 2);
    assert_eq!(refusal(&deliver(&mut engine, 3, 1)), Some("too-stale"));
    assert_eq!(refusal(&deliver(&mut engine, 3, 4)), Some("wrong-round"), "nor one of a round to come");
    let ledger = &engine.ledgers()[&Rank(3)];
    assert_eq!((ledger.accepted, ledger.misbehaved), (0, 0));
    assert_eq!(
        (&ledger.discarded, &ledger.rejected),
        (&[("too-stale", 1)].into(), &[("wrong-round", 1)].into())
    );
}

#[test]
fn one_rank_cannot_fill_a_buffer_nor_be_counted_twice_for_one_model() {
    let mut engine = started(PLAN);
    go_on(&mut engine, [0, 1], 1);
    assert_eq!(buffer(&deliver(&mut engine, 3, 1)), None);
    let later = deliver(&mut engine, 3, 2);
    assert_eq!((buffer(&later), later.get(1)), (None, Some(&Command::Superseded(Rank(3)))));
    for of in [1, 2] {
        assert_eq!(refusal(&deliver(&mut engine, 3, of)), Some("duplicate"));
    }
    let closed = deliver(&mut engine, 2, 2);
    assert_eq!(buffer(&closed), Some(vec![(2, 0), (3, 0)]), "the later update is in");
    let _ = engine.handle(Event::Aggregated(round(2)));
    assert_eq!(refusal(&deliver(&mut engine, 3, 2)), Some("duplicate"), "it would not be too old");
    let ledger = &engine.ledgers()[&Rank(3)];
    assert_eq!((ledger.accepted, &ledger.discarded), (1, &[("superseded", 1)].into()));
}

#[test]
fn a_run_that_waits_for_stragglers_lets_nobody_fall_too_far_behind() {
    let waits = Buffer { stragglers: Stragglers::Wait, ..BUFFER };
    let mut engine = started(Plan { pace: Pace::Asynchronous(waits), ..PLAN });
    go_on(&mut engine, [0, 1], 1);
    // After round 2, an update for round 1 would be two rounds old.
    deliver(&mut engine, 0, 2);
    assert_eq!(buffer(&deliver(&mut engine, 1, 2)), None);
    assert_eq!(buffer(&deliver(&mut engine, 2, 1)), None, "worker 3 is behind too");
    assert_eq!(buffer(&deliver(&mut engine, 3, 1)), Some(vec![(0, 0), (1, 0), (2, 1), (3, 1)]));
}

#[test]
fn a_straggler_that_misses_the_deadline_is_not_waited_for_again() {
    let waits = Buffer { stragglers: Stragglers::Wait, ..BUFFER };
    let mut engine = started(Plan { pace: Pace::Asynchronous(waits), ..PLAN });
    go_on(&mut engine, [0, 1], 1);
    (0..3).for_each(|rank| drop(deliver(&mut engine, rank, 2)));
    assert!(buffer(&engine.handle(Event::DeadlinePassed(round(2)))).is_some());
    let _ = engine.handle(Event::Aggregated(round(2)));
    go_on(&mut engine, [0, 1], 3);
}

#[test]
fn a_buffer_that_cannot_fill_closes_with_a_quorum() {
    let large = Buffer { rows: 4, ..BUFFER };
    let mut engine = started(Plan { quorum: 3, pace: Pace::Asynchronous(large), ..PLAN });
    (0..3).for_each(|rank| assert_eq!(buffer(&deliver(&mut engine, rank, 1)), None));
    assert_eq!(buffer(&engine.handle(Event::Left(Rank(3)))).map(|rows| rows.len()), Some(3));
}

#[test]
fn a_lie_costs_the_vote_of_the_buffer() {
    let mut engine = started(Plan { conduct: Conduct::Count, ..PLAN });
    let _ = engine.handle(Event::Malformed { rank: Rank(3), why: Rejection::NoHeader });
    assert_eq!(refusal(&deliver(&mut engine, 3, 1)), Some("vote-lost"));
    deliver(&mut engine, 0, 1);
    let closed = deliver(&mut engine, 1, 1);
    assert!(closes_with_f(&closed, 0), "{closed:?}");
}

fn closes_with_f(commands: &[Command], f: usize) -> bool {
    commands.iter().any(|command| matches!(command, Command::Aggregate { byzantine, .. } if *byzantine == f))
}

fn any_event() -> impl Strategy<Value = Event> {
    let rank = || (0..4_u32).prop_map(Rank);
    let number = || (1..6_u32).prop_map(round);
    prop_oneof![
        2 => rank().prop_map(Event::Joined),
        1 => rank().prop_map(Event::Left),
        9 => (rank(), number())
            .prop_map(|(rank, round)| Event::Delivered { rank, round, row: vec![round.get() as f32] }),
        1 => rank().prop_map(|rank| Event::Malformed { rank, why: Rejection::RoundZero }),
        1 => Just(Event::GatheringOver),
        1 => number().prop_map(Event::DeadlinePassed),
        4 => number().prop_map(Event::Aggregated),
        1 => number().prop_map(Event::Refused),
    ]
}

proptest! {
    /// Whatever happens: one row a rank and buffer, none too old, none twice, and every update in one place of the ledger.
    #[test]
    fn no_order_of_events_breaks_a_buffer(events in vec(any_event(), 0..200), waits: bool) {
        let stragglers = if waits { Stragglers::Wait } else { Stragglers::Discard };
        let pace = Pace::Asynchronous(Buffer { stragglers, ..BUFFER });
        let mut engine = Engine::new(Plan { rounds: 5, pace, ..PLAN });
        let (mut opened, mut counted) = (0, BTreeSet::new());
        let mut came = BTreeMap::<Rank, u32>::new();
        for event in events {
            if let Event::Delivered { rank, .. } | Event::Malformed { rank, .. } = &event {
                *came.entry(*rank).or_default() += 1;
            }
            for command in engine.handle(event) {
                match command {
                    Command::Open { round, .. } => {
                        prop_assert_eq!(round.get(), opened + 1);
                        opened = round.get();
                    }
                    Command::Aggregate { round, rows, staleness, absent, byzantine } => {
                        prop_assert_eq!((round.get(), byzantine), (opened, PLAN.byzantine));
                        prop_assert!(rows.len() >= PLAN.quorum && absent.is_empty());
                        prop_assert!(rows.windows(2).all(|two| two[0].0 < two[1].0));
                        prop_assert_eq!(rows.len(), staleness.len());
                        for ((rank, row), rounds) in rows.iter().zip(staleness) {
                            prop_assert!(rounds <= BUFFER.staleness_max);
                            prop_assert_eq!(row[0] as u32 + rounds, round.get());
                            prop_assert!(counted.insert((*rank, row[0] as u32)), "{rank:?} twice: {row:?}");
                        }
                    }
                    _ => (),
                }
            }
        }
        for (rank, ledger) in engine.ledgers() {
            let piles = ledger.rejected.values().chain(ledger.discarded.values()).sum::<u32>();
            prop_assert_eq!(ledger.accepted + piles, came.get(rank).copied().unwrap_or_default());
        }
    }

    /// When faults stop, rounds proceed: with everybody there and answering, every round closes.
    #[test]
    fn whoever_answers_moves_the_run_on(order in vec(0..4_u32, 400)) {
        let mut engine = started(PLAN);
        let mut at = [1; 4];
        let (mut open, mut over) = (1, false);
        for rank in order.into_iter().chain((0..4).cycle().take(200)) {
            let mut commands = deliver(&mut engine, rank, at[rank as usize]);
            if buffer(&commands).is_some() {
                commands = engine.handle(Event::Aggregated(round(open)));
            }
            open = engine.open_round().map_or(open, Round::get);
            at[rank as usize] = open;
            over |= commands.iter().any(|command| matches!(command, Command::Finish(_)));
        }
        prop_assert!(over, "still in round {open}");
    }
}
