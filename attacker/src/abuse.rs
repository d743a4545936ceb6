//! Misbehaviour on the wire: what no worker of ours would ever send, sent to any running server.
//!
//! Each attack says what it expects of a server that stands it; [`suite`] lists them all, [`commit`] carries one out.
//! A family of attacks is a file.

mod error;
mod flood;
mod malformed;
mod member;
mod number;
mod raw;
mod slow;
mod stranger;
mod target;
mod vote;
mod watch;

use std::{pin::Pin, time::Duration};

pub use error::AbuseError;
use serde::Serialize;
pub use target::{Credentials, Target};
use tokio::time::Instant;
pub use watch::{Cost, Watch};

/// What an attack is going to answer.
pub(crate) type Answer<'a> = Pin<Box<dyn Future<Output = Result<String, AbuseError>> + Send + 'a>>;

/// Longest time to wait for a server to answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// One way to misbehave.
#[derive(Clone, Copy)]
pub struct Abuse {
    /// Its name.
    pub name: &'static str,
    /// What it does, for people.
    pub what: &'static str,
    /// A server that stands it answers with one of these somewhere in its words.
    pub expected: &'static [&'static str],
    run: fn(&Target) -> Answer<'_>,
}

/// What became of an attack.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// The attack.
    pub attack: &'static str,
    /// What it did.
    pub what: &'static str,
    /// What the server answered.
    pub answer: String,
    /// Whether that is an answer of a server that stands it, and it is still healthy.
    pub held: bool,
    /// How long it took.
    pub seconds: f64,
    /// What became of the honest rounds meanwhile.
    pub cost: Cost,
}

/// Every attack there is.
#[must_use]
pub fn suite() -> Vec<Abuse> {
    [malformed::ALL, number::ALL, vote::ALL, stranger::ALL, slow::ALL, flood::ALL].concat()
}

/// Carries out one attack and looks whether the server is still well. One that cannot be carried out, for instance because
/// the server has no place to attack from, proves nothing, and the server does not count as having stood it.
pub async fn commit(abuse: &Abuse, target: &Target, watch: &Watch) -> Verdict {
    let before = watch.mark();
    let start = Instant::now();
    let answer = (abuse.run)(target).await;
    let answer = answer.unwrap_or_else(|error| format!("not carried out: {error}"));
    let healthy = target.healthy().await;
    let expected = abuse.expected.iter().any(|words| answer.contains(words));
    Verdict {
        attack: abuse.name,
        what: abuse.what,
        answer: if healthy { answer } else { format!("{answer}; after that it is not healthy") },
        held: healthy && expected,
        seconds: start.elapsed().as_secs_f64(),
        cost: watch.since(&before),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn every_attack_has_a_name_of_its_own_and_something_to_expect() {
        let suite = super::suite();
        let names: BTreeSet<_> = suite.iter().map(|abuse| abuse.name).collect();
        assert_eq!(names.len(), suite.len());
        assert!(suite.iter().all(|abuse| !abuse.expected.is_empty()));
    }
}
