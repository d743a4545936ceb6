//! What a liar that is caught costs the others: the f that a round's rule tolerates is in its report.

use serde_json::{Value, json};

use crate::program::{self, lines, output, succeed, with_scenario};

/// Two of five lie, in a way that is seen at once.
fn scenario(policy: &str) -> String {
    format!(
        "[task]\nmodel = \"linear\"\n[server]\nrounds = 12\nrule = \"trimmed-mean\"\nbyzantine = 2\nquorum = 3\n\
         misbehaviour = {policy}\n[workers]\ncount = 3\n[[attackers]]\ncount = 2\nattack = {{ name = \"nan\" }}\n"
    )
}

#[test]
fn a_round_goes_on_without_liars_that_are_counted_and_says_what_f_was() {
    let (folder, _) = with_scenario(&scenario("\"count\""));
    for (out, more) in [("sockets", &[][..]), ("alone", &["--in-process"][..])] {
        succeed(folder.path(), [&["run", "scenario.toml", "--quiet", "--out", out], more].concat());
        let rounds = lines(&folder.path().join(out).join("rounds.jsonl"));
        assert_eq!(rounds.len(), 12);
        for round in rounds {
            assert_eq!((&round["byzantine"], &round["skipped"]), (&0.into(), &Value::Null), "{out}: {round}");
            assert_eq!(
                round["rejected"],
                json!([[3, "non-finite", 1], [4, "non-finite", 1]]),
                "{out}: {round}"
            );
        }
        let ledgers = &program::json(&folder.path().join(out).join("summary.json"))["ledgers"];
        assert_eq!(ledgers["0"], json!({ "accepted": 12 }), "{out}");
        let liar = json!({ "accepted": 0, "absent": 12, "rejected": { "non-finite": 12 } });
        assert_eq!(ledgers["4"], liar, "{out}");
    }
}

/// A trimmed mean that has to stand two liars is not defined for three rows.
#[test]
fn dropped_liars_are_still_tolerated_which_a_tight_f_does_not_survive() {
    for policy in ["\"drop\"", "{ ban = 1 }"] {
        let (folder, _) = with_scenario(&scenario(policy));
        let run = ["run", "scenario.toml", "--quiet", "--in-process", "--out", "out"];
        let (code, _, stderr) = output(folder.path(), run);
        assert_eq!(code, Some(1), "{policy}: {stderr}");
        assert!(stderr.contains("10 rounds in a row were skipped"), "{policy}: {stderr}");
        for round in lines(&folder.path().join("out/rounds.jsonl")) {
            let honest = json!([[0, "skipped", 1], [1, "skipped", 1], [2, "skipped", 1]]);
            assert_eq!(round["discarded"], honest, "their updates came to nothing: {round}");
        }
    }
}
