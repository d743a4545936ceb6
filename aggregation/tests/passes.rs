//! Rows come from memory twice at most, whatever the pipeline: counted by cachegrind, whose last cache holds an eighth of them.

use std::{env, fs, process::Command};

use equipoise_aggregation::{Aggregator, Pipeline, Threads, catalogue};

const ROWS: usize = 16;
const BYZANTINE: usize = 2;
const D: usize = 1 << 17;
/// The last cache: bytes, ways, bytes a line.
const CACHE: &str = "--LL=1048576,16,64";
const LINES: f64 = (ROWS * D * size_of::<f32>() / 64) as f64;

/// What the process under cachegrind does: a pipeline, what is odd about a row, and how often.
const PIPELINE: &str = "PASSES_PIPELINE";
const ODD: &str = "PASSES_ODD";
const TURNS: &str = "PASSES_TURNS";

#[test]
#[ignore = "needs valgrind and takes minutes"]
fn every_pipeline_reads_the_rows_twice_at_most() {
    let names = catalogue().iter().map(|entry| entry.name);
    let texts: Vec<String> =
        names.flat_map(|name| ["", "nnm+"].map(|before| format!("{before}{name}"))).collect();
    let pipelines = texts.iter().filter(|text| text.parse::<Pipeline>().is_ok());
    let mut counted = 0;
    for (pipeline, odd) in pipelines.flat_map(|text| ["nothing", "far", "broken"].map(|odd| (text, odd))) {
        let passes = (lines_read(pipeline, odd, 3) - lines_read(pipeline, odd, 1)) / 2.0 / LINES;
        println!("{pipeline}, {odd}: {passes:.2}");
        assert!(passes > 0.9, "{pipeline} cannot have read the rows: {passes:.2}");
        assert!(passes < 2.2, "{pipeline} reads the rows {passes:.2} times where {odd} is odd");
        counted += 1;
    }
    assert!(counted > 100, "{counted}");
}

/// Lines that were not in the last cache when they were read.
fn lines_read(pipeline: &str, odd: &str, turns: u32) -> f64 {
    let counts = env::temp_dir().join(format!("passes.{}", std::process::id()));
    let output = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=yes", CACHE])
        .arg(format!("--cachegrind-out-file={}", counts.display()))
        .arg(env::current_exe().expect("a name"))
        .args(["--ignored", "--exact", "aggregates_as_told"])
        .envs([(PIPELINE, pipeline), (ODD, odd), (TURNS, &turns.to_string())])
        .output()
        .expect("valgrind");
    assert!(output.status.success(), "{pipeline}: {}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(&counts).expect("counts");
    let line = |start: &str| text.lines().find_map(|line| line.strip_prefix(start)).expect("as documented");
    let (events, sums) = (line("events: ").split_whitespace(), line("summary: ").split_whitespace());
    let read = events.zip(sums).find(|(event, _)| *event == "DLmr").expect("a simulated cache").1;
    fs::remove_file(&counts).expect("counts");
    read.parse().expect("a number")
}

#[test]
#[ignore = "the part of the test above that is counted"]
fn aggregates_as_told() {
    let Ok(pipeline) = env::var(PIPELINE) else { return };
    let told = |name| env::var(name).expect("told with the pipeline");
    let value = |row: usize, k: usize| ((row * 7919 + k * 104_729 + row * k) % 1009) as f32 / 1009.0 - 0.3;
    let mut rows: Vec<Vec<f32>> = (0..ROWS).map(|row| (0..D).map(|k| value(row, k)).collect()).collect();
    match told(ODD).as_str() {
        "far" => rows[ROWS - 1].iter_mut().for_each(|x| *x *= 1e6),
        "broken" => rows[ROWS - 1][D / 2] = f32::NAN,
        _ => (),
    }
    let views: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
    let ranks: Vec<u32> = (0..ROWS as u32).collect();
    let pipeline: Pipeline = pipeline.parse().expect("a pipeline");
    let mut aggregator =
        Aggregator::new(pipeline, BYZANTINE, 1).with_threads(Threads::new(1).expect("threads"));
    let mut out = vec![0.0; D];
    for turn in 0..told(TURNS).parse().expect("a number") {
        aggregator.aggregate_with_root(turn, &ranks, &views, Some(&rows[0]), &mut out).expect("an aggregate");
    }
}
