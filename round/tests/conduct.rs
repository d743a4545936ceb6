//! What it costs the others when a worker is late, and the worker when it lies.

use std::num::NonZeroU32;

use equipoise_round::{Absent, Command, Conduct, Engine, Event, Pace, Plan, Rank, Reason, Rejection, Round};

const PLAN: Plan = Plan {
    workers: 3,
    rounds: 9,
    quorum: 2,
    skips_max: 2,
    byzantine: 1,
    conduct: Conduct::Drop,
    absent: Absent::GoOn,
    pace: Pace::Synchronous,
    sample: None,
};

fn started(plan: Plan) -> Engine {
    let mut engine = Engine::new(plan);
    (0..3).for_each(|rank| drop(engine.handle(Event::Joined(Rank(rank)))));
    engine
}

fn deliver(engine: &mut Engine, rank: u32, round: Round) -> Vec<Command> {
    engine.handle(Event::Delivered { rank: Rank(rank), round, row: vec![1.0] })
}

fn closes(commands: &[Command]) -> bool {
    commands.iter().any(|command| matches!(command, Command::Aggregate { .. }))
}

/// Round 1 with worker 2 missing its deadline.
fn one_late() -> (Engine, Round) {
    let mut engine = started(PLAN);
    (0..2).for_each(|rank| drop(deliver(&mut engine, rank, Round::FIRST)));
    assert!(closes(&engine.handle(Event::DeadlinePassed(Round::FIRST))));
    let _ = engine.handle(Event::Aggregated(Round::FIRST));
    (engine, Round::FIRST.next())
}

#[test]
fn a_silent_worker_costs_one_deadline() {
    let (mut engine, second) = one_late();
    deliver(&mut engine, 0, second);
    assert!(closes(&deliver(&mut engine, 1, second)), "nobody waits for the one that was late");
}

#[test]
fn a_late_worker_still_has_its_vote_and_is_waited_for_again_once_it_works() {
    let (mut engine, second) = one_late();
    deliver(&mut engine, 2, second);
    deliver(&mut engine, 0, second);
    assert!(closes(&deliver(&mut engine, 1, second)));
    let _ = engine.handle(Event::Aggregated(second));
    let third = second.next();
    deliver(&mut engine, 0, third);
    assert!(!closes(&deliver(&mut engine, 1, third)));
    assert!(closes(&deliver(&mut engine, 2, third)));
}

#[test]
fn the_late_answer_to_the_round_before_is_work_and_an_older_one_is_not() {
    for (answered, waited) in [(2, true), (1, false)] {
        let (mut engine, second) = one_late();
        (0..2).for_each(|rank| drop(deliver(&mut engine, rank, second)));
        let _ = engine.handle(Event::Aggregated(second));
        let third = second.next();
        let answered = Round::new(answered).expect("from 1");
        assert!(matches!(deliver(&mut engine, 2, answered)[0], Command::Answer { taken: Err(_), .. }));
        (0..2).for_each(|rank| drop(deliver(&mut engine, rank, third)));
        let _ = engine.handle(Event::Aggregated(third));
        let fourth = third.next();
        deliver(&mut engine, 0, fourth);
        assert_eq!(!closes(&deliver(&mut engine, 1, fourth)), waited, "answered round {answered}");
    }
}

#[test]
fn when_most_were_late_everybody_is_waited_for() {
    let mut engine = started(PLAN);
    deliver(&mut engine, 0, Round::FIRST);
    let skipped = engine.handle(Event::DeadlinePassed(Round::FIRST));
    assert!(matches!(&skipped[0], Command::Skip { rows, .. } if *rows == [Rank(0)]), "{skipped:?}");
    let second = Round::FIRST.next();
    deliver(&mut engine, 0, second);
    assert!(!closes(&deliver(&mut engine, 1, second)));
    assert!(closes(&deliver(&mut engine, 2, second)));
}

/// The f of the round's rule, if it closes.
fn byzantine(commands: &[Command]) -> Option<usize> {
    commands.iter().find_map(|command| match command {
        Command::Aggregate { byzantine, .. } => Some(*byzantine),
        _ => None,
    })
}

#[test]
fn a_liar_that_is_counted_leaves_one_less_to_tolerate_in_that_round_only() {
    let ban = Conduct::Ban(NonZeroU32::new(9).expect("nine"));
    for (conduct, f) in [(Conduct::Drop, 1), (Conduct::Count, 0), (ban, 1)] {
        let mut engine = started(Plan { conduct, ..PLAN });
        let _ = engine.handle(Event::Malformed { rank: Rank(2), why: Rejection::NoHeader });
        let _ = engine.handle(Event::Malformed { rank: Rank(2), why: Rejection::NoHeader });
        deliver(&mut engine, 0, Round::FIRST);
        assert_eq!(byzantine(&deliver(&mut engine, 1, Round::FIRST)), Some(f), "{conduct:?}");
        let _ = engine.handle(Event::Aggregated(Round::FIRST));
        let second = Round::FIRST.next();
        (0..2).for_each(|rank| drop(deliver(&mut engine, rank, second)));
        assert_eq!(byzantine(&deliver(&mut engine, 2, second)), Some(1), "{conduct:?}, a round later");
    }
}

#[test]
fn silence_or_a_broken_network_is_never_counted() {
    let mut engine = started(Plan { conduct: Conduct::Count, ..PLAN });
    let cut = Event::Malformed { rank: Rank(2), why: Rejection::Truncated { got: 0, want: 4 } };
    let _ = engine.handle(cut);
    (0..2).for_each(|rank| drop(deliver(&mut engine, rank, Round::FIRST)));
    assert_eq!(byzantine(&engine.handle(Event::DeadlinePassed(Round::FIRST))), Some(1));
}

#[test]
fn a_liar_that_nobody_waits_for_loses_its_vote_too() {
    let (mut engine, second) = one_late();
    let _ = engine.handle(Event::Malformed { rank: Rank(2), why: Rejection::NoHeader });
    let answer = deliver(&mut engine, 2, second);
    assert!(matches!(answer[0], Command::Answer { taken: Err(Rejection::VoteLost(_)), .. }), "{answer:?}");
}

#[test]
fn the_third_lie_is_the_last() {
    let conduct = Conduct::Ban(NonZeroU32::new(3).expect("three"));
    let mut engine = started(Plan { conduct, ..PLAN });
    let lie = || Event::Malformed { rank: Rank(2), why: Rejection::NoHeader };
    let late = Event::Malformed { rank: Rank(2), why: Rejection::Truncated { got: 0, want: 4 } };
    let bans = |commands: Vec<Command>| commands.contains(&Command::Ban(Rank(2)));
    assert!(!bans(engine.handle(lie())));
    assert!(!bans(engine.handle(late)), "a broken network is no lie");
    assert!(!bans(engine.handle(lie())));
    assert!(bans(engine.handle(lie())));
    assert!(!bans(engine.handle(lie())), "once is enough");
    let banned = deliver(&mut engine, 2, Round::FIRST);
    assert!(matches!(banned[0], Command::Answer { taken: Err(Rejection::Banned), .. }), "{banned:?}");
    let _ = engine.handle(Event::Left(Rank(2)));
    let _ = engine.handle(Event::Joined(Rank(2)));
    deliver(&mut engine, 0, Round::FIRST);
    assert!(closes(&deliver(&mut engine, 1, Round::FIRST)));
    let opened = engine.handle(Event::Aggregated(Round::FIRST));
    assert!(matches!(&opened[0], Command::Open { to, .. } if *to == [Rank(0), Rank(1)]), "{opened:?}");
}

#[test]
fn the_report_has_what_was_rejected_since_the_last() {
    let mut engine = started(PLAN);
    deliver(&mut engine, 0, Round::FIRST);
    deliver(&mut engine, 0, Round::FIRST);
    let _ = engine.handle(Event::Malformed { rank: Rank(1), why: Rejection::NoHeader });
    let report = engine.report();
    let reasons: Vec<_> = report.iter().map(|(rank, ledger)| (rank.0, ledger.rejected.clone())).collect();
    assert_eq!(reasons, [(0, [("duplicate", 1)].into()), (1, [("no-header", 1)].into())]);
    let late = Rejection::Truncated { got: 0, want: 4 };
    let _ = engine.handle(Event::Malformed { rank: Rank(1), why: late });
    let _ = engine.handle(Event::Malformed { rank: Rank(1), why: Rejection::Replaced });
    let report = &engine.report()[&Rank(1)];
    assert_eq!(report.rejected, [("truncated", 1)].into());
    assert_eq!(report.discarded, [("replaced", 1)].into(), "nothing was wrong with it");
    assert!(engine.report().is_empty());
    assert_eq!(engine.ledgers()[&Rank(1)].misbehaved, 1);
}

/// Every update is in one place of the ledger, whatever becomes of its round.
#[test]
fn what_was_taken_for_a_round_that_is_skipped_is_discarded() {
    let account = |engine: &Engine, rank| {
        let ledger = &engine.ledgers()[&Rank(rank)];
        (ledger.accepted, ledger.rejected.clone(), ledger.discarded.clone())
    };
    let mut engine = started(Plan { skips_max: 3, ..PLAN });
    deliver(&mut engine, 0, Round::FIRST);
    let _ = engine.handle(Event::DeadlinePassed(Round::FIRST));
    assert_eq!(account(&engine, 0), (0, [].into(), [("skipped", 1)].into()), "no quorum");
    let second = Round::FIRST.next();
    (0..3).for_each(|rank| drop(deliver(&mut engine, rank, second)));
    let _ = engine.handle(Event::Refused(second));
    assert_eq!(account(&engine, 0), (0, [].into(), [("skipped", 2)].into()), "no rule");
    let third = second.next();
    deliver(&mut engine, 0, second);
    deliver(&mut engine, 0, third.next());
    deliver(&mut engine, 0, third);
    let entries = (1, [("wrong-round", 1)].into(), [("skipped", 2), ("wrong-round", 1)].into());
    (1..3).for_each(|rank| drop(deliver(&mut engine, rank, third)));
    assert_eq!(account(&engine, 0), entries, "one too early is wrong, one too late is not");
}

#[test]
fn what_comes_after_the_end_is_discarded() {
    let mut engine = started(Plan { rounds: 1, ..PLAN });
    (0..3).for_each(|rank| drop(deliver(&mut engine, rank, Round::FIRST)));
    assert_eq!(engine.handle(Event::Aggregated(Round::FIRST)), [Command::Finish(Reason::Done)]);
    deliver(&mut engine, 1, Round::FIRST);
    assert_eq!(engine.ledgers()[&Rank(1)].discarded, [("wrong-round", 1)].into());
}
