//! What is said of the wire's cost is measured on real processes, and every worker is in it.

use std::path::Path;

use serde_json::Value;

use crate::program::succeed;

#[test]
fn many_workers_of_one_process_all_vote_in_every_round() {
    let arguments = ["bench", "network", "--part", "scale", "--workers", "40", "--json"];
    let report: Value = serde_json::from_str(&succeed(Path::new("."), arguments)).expect("a report");
    let scale = &report["scale"][0];
    assert_eq!((&scale["workers"], &scale["rows_least"]), (&40.into(), &40.into()), "{scale}");
    assert!(report["transfer"].is_null() && report["abuse"].is_null(), "one part was asked for: {report}");
    #[cfg(target_os = "linux")]
    assert!(scale["memory_peak_bytes"].as_u64().is_some_and(|bytes| bytes > 40 * 4 * 7850), "{scale}");
}
