//! `equipoise import`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::{failure::Failure, import::byzfl, sweep::Grid};

/// Whose study.
#[derive(Debug, Subcommand)]
pub enum Import {
    /// `config.json` of a ByzFL benchmark
    Byzfl(Byzfl),
}

/// Arguments of `import byzfl`.
#[derive(Debug, Args)]
pub struct Byzfl {
    /// The config
    pub config: PathBuf,
    /// The sweep to write
    #[arg(long, value_name = "FILE", default_value = "byzfl.toml")]
    pub out: PathBuf,
}

pub(super) fn import(Import::Byzfl(arguments): &Import) -> Result<(), Failure> {
    let path = &arguments.config;
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::wrong(format!("cannot read the config {}: {error}", path.display())))?;
    let config: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| Failure::usage(&error).at(path.display()))?;
    if !config["benchmark_config"].is_object() {
        return Err(Failure::wrong(format!(
            "{} has no `benchmark_config`, expected one of ByzFL",
            path.display()
        )));
    }
    let (text, notes) = byzfl::import(&config).text()?;
    std::fs::write(&arguments.out, &text)
        .map_err(|error| Failure::because(format!("cannot write {}: {error}", arguments.out.display())))?;
    let out = arguments.out.display();
    for note in notes {
        println!("not taken over as it is: {note}");
    }
    match Grid::parse(&text, "byzfl") {
        Ok(grid) => println!("{out}: {} combinations; `equipoise sweep {out}` runs them", grid.points.len()),
        Err(failure) => println!("{out} cannot be run as it is: {}", failure.message),
    }
    Ok(())
}
