//! `fetch`: puts a data set where every other command finds it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::{
    cli::Data,
    failure::Failure,
    fetch::{FetchError, Fetched, Fetcher, default_folder, set},
};

/// Arguments of `fetch`.
#[derive(Debug, Args)]
pub struct Fetch {
    /// What to fetch
    #[arg(required = true, value_enum)]
    pub sets: Vec<SetName>,
    /// The folder to put it in, a folder a set [default: the data folder, or equipoise in the user's cache]
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
    /// Take the files from below this address instead of the known mirrors; their contents must be the same
    #[arg(long, value_name = "URL")]
    pub mirror: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub data: Data,
}

/// Data sets that can be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SetName {
    /// Handwritten digits, 28 x 28, 60,000 + 10,000: 11 MB
    Mnist,
    /// Articles of clothing, 28 x 28, 60,000 + 10,000: 30 MB
    FashionMnist,
}

pub(super) fn fetch(arguments: &Fetch) -> Result<(), Failure> {
    let folder =
        arguments.to.clone().or_else(|| arguments.data.folder()).ok_or_else(|| {
            Failure::wrong("there is no folder to put data in").hint("name one with --to DIR")
        })?;
    let fetcher = Fetcher::default();
    for name in &arguments.sets {
        let name = match name {
            SetName::Mnist => "mnist",
            SetName::FashionMnist => "fashion-mnist",
        };
        let mut set = set(name).unwrap_or_else(|| unreachable!("both names are in the catalogue"));
        set.mirrors = arguments.mirror.clone().map_or(set.mirrors, |mirror| vec![mirror]);
        let place = folder.join(name);
        for file in &set.files {
            let said = match fetcher.fetch(&set, file, &place).map_err(|error| failure(&error))? {
                Fetched::Cached => "is there already".to_owned(),
                Fetched::Downloaded(bytes) => format!("fetched, {:.1} MB", bytes as f64 / 1e6),
            };
            eprintln!("{name}: {} {said}", file.name);
        }
        println!("{name} is in {}", place.display());
    }
    if default_folder().as_ref() != Some(&folder) {
        println!("Other commands find it with --data-dir {0} or EQUIPOISE_DATA_DIR={0}", folder.display());
    }
    Ok(())
}

fn failure(error: &FetchError) -> Failure {
    let failure = Failure::unfinished(error);
    match error {
        FetchError::Transfer { .. } => failure.hint(
            "what arrived is kept, the same command goes on from there; HTTPS_PROXY names a proxy, --mirror URL another place",
        ),
        FetchError::Contents { .. } => failure.hint("nothing of it was kept; --mirror URL names another place"),
        FetchError::Write { .. } => failure.hint("--to DIR names another folder"),
    }
}
