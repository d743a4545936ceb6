//! How many workers a server waits for when the scenario's numbers are not the ones: `--scale` of a compose file, say.

use std::{collections::BTreeSet, net::IpAddr, str::FromStr};

use tokio::net::lookup_host;

use crate::{failure::Failure, scenario::Scenario};

/// A number, or as many as a name has addresses: in a network of containers, the replicas of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Count {
    /// So many.
    Given(usize),
    /// As many as there are addresses behind this name.
    Addresses(String),
}

impl FromStr for Count {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("dns:") {
            Some(name) if !name.is_empty() => Ok(Self::Addresses(name.to_owned())),
            _ => text.parse().map(Self::Given).map_err(|_| "expected a number, or dns:NAME".to_owned()),
        }
    }
}

impl Count {
    /// The number. A name that nobody has stands for nobody.
    pub async fn resolve(&self) -> usize {
        match self {
            Self::Given(count) => *count,
            Self::Addresses(name) => match lookup_host((name.as_str(), 0)).await {
                Ok(addresses) => addresses.map(|address| address.ip()).collect::<BTreeSet<IpAddr>>().len(),
                Err(error) => {
                    tracing::info!("nobody is called {name}: {error}");
                    0
                }
            },
        }
    }
}

impl Scenario {
    /// The same experiment among so many honest workers and so many attackers.
    ///
    /// # Errors
    /// When it is not clear what the attackers would do, or nothing is left.
    pub fn scale(&mut self, workers: Option<usize>, attackers: Option<usize>) -> Result<(), Failure> {
        if let Some(count) = workers {
            self.workers.count = count;
        }
        let had: usize = self.attackers.iter().map(|entry| entry.count).sum();
        match (attackers, self.attackers.as_mut_slice()) {
            (Some(0), _) => self.attackers.clear(),
            (Some(count), [only]) => only.count = count,
            (Some(count), entries) if count != had => {
                return Err(Failure::wrong(format!(
                    "{count} attackers are there, and the scenario has {had} in {} entries",
                    entries.len()
                ))
                .hint("any number can share one entry of `[[attackers]]`"));
            }
            _ => (),
        }
        self.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(text: &str) -> Scenario {
        Scenario { name: "x".to_owned(), ..toml::from_str(text).unwrap() }
    }

    const ONE: &str = "[[attackers]]\nattack = { name = \"counter-gradient\" }\n";

    #[test]
    fn one_entry_is_for_any_number_of_attackers() {
        let mut scaled = scenario(ONE);
        scaled.scale(Some(20), Some(3)).unwrap();
        assert_eq!((scaled.workers.count, scaled.processes()), (20, 23));
        scaled.scale(None, Some(0)).unwrap();
        assert_eq!(scaled.processes(), 20);
    }

    #[test]
    fn several_entries_are_for_exactly_their_attackers() {
        let mut two = scenario(&ONE.repeat(2));
        two.scale(Some(4), Some(2)).unwrap();
        let message = two.scale(Some(4), Some(3)).unwrap_err().message;
        assert!(message.contains("3 attackers are there, and the scenario has 2 in 2 entries"), "{message}");
        assert!(scenario("").scale(None, Some(1)).is_err(), "nothing for it to do");
    }

    #[tokio::test]
    async fn a_count_is_a_number_or_a_name() {
        assert_eq!("7".parse::<Count>().unwrap().resolve().await, 7);
        assert!("dns:localhost".parse::<Count>().unwrap().resolve().await >= 1);
        assert_eq!("dns:nobody.invalid".parse::<Count>().unwrap().resolve().await, 0);
        assert!("dns:".parse::<Count>().is_err());
        assert!("many".parse::<Count>().is_err());
    }
}
