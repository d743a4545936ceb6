//! A sweep file: a scenario, and what of it varies.
//!
//! ```toml
//! [server]                       # everything outside the two sections below is a scenario
//! rounds = 300
//!
//! [sweep]                        # a key of the scenario, and the list of its alternatives
//! seed = [1, 2, 3]
//! server.rule = ["average", "nnm+trimmed-mean"]
//! attackers.0.attack = [{ name = "sign-flip" }, { name = "alie" }]
//!
//! [variants.heterogeneity]       # named alternatives, each a piece of a scenario
//! equal = { task.partition = { name = "iid" } }
//! extreme = { task.partition = { name = "extreme" } }
//! ```
//!
//! A list is a list of alternatives in `[sweep]` and nowhere else; where the value itself is a list, the alternatives are
//! lists in a list. `attackers.0` is the first entry of `[[attackers]]`. Variants are applied first, in the order of the
//! file, and then the alternatives, so that an alternative can change what a variant put there.

use toml::{Table, Value};

use crate::failure::Failure;

/// One thing that varies.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    /// Heads its column: the last word of the key, or the name of the variants.
    pub(crate) name: String,
    /// Its alternatives, in the order of the file.
    pub(crate) alternatives: Vec<Alternative>,
}

/// One value of what varies.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Alternative {
    /// What tables and pictures call it.
    pub(crate) label: String,
    /// What it changes: a piece of a scenario.
    pub(crate) piece: Table,
}

/// A sweep file, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SweepFile {
    /// The scenario that everything starts from.
    pub(crate) base: Table,
    /// What varies; the first varies slowest.
    pub(crate) axes: Vec<Axis>,
}

impl SweepFile {
    /// Takes the text of a sweep file apart; what is wrong with the axes goes to `problems`.
    pub(crate) fn parse(text: &str, problems: &mut Vec<String>) -> Result<Self, Failure> {
        let mut base: Table = text.parse().map_err(|error: toml::de::Error| {
            let line =
                error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            Failure::wrong(format!("line {line}: {}", error.message().lines().collect::<Vec<_>>().join(" ")))
        })?;
        let (sweep, variants) = (base.remove("sweep"), base.remove("variants"));
        let mut axes = Vec::new();
        match variants {
            Some(Value::Table(named)) => {
                axes.extend(
                    named.into_iter().filter_map(|(name, variants)| named_axis(name, variants, problems)),
                );
            }
            Some(other) => problems.push(format!("`variants` is {other}, expected a section")),
            None => (),
        }
        let mut keys = Vec::new();
        match sweep {
            Some(Value::Table(lists)) => flatten(&mut Vec::new(), lists, &mut keys),
            Some(other) => problems.push(format!("`sweep` is {other}, expected a section")),
            None => (),
        }
        let lists = name_keys(keys).into_iter();
        axes.extend(lists.filter_map(|(name, path, value)| listed_axis(name, &path, value, problems)));
        if axes.is_empty() && problems.is_empty() {
            problems
                .push("nothing varies, expected lists in [sweep] or variants in [variants.NAME]".to_owned());
        }
        for (index, axis) in axes.iter().enumerate() {
            if axes[..index].iter().any(|other| other.name == axis.name) {
                problems.push(format!("two axes are called `{}`", axis.name));
            }
            for (index, alternative) in axis.alternatives.iter().enumerate() {
                if axis.alternatives[..index].iter().any(|other| other.label == alternative.label) {
                    problems.push(format!("`{}` has the alternative {} twice", axis.name, alternative.label));
                }
            }
        }
        Ok(Self { base, axes })
    }
}

fn named_axis(name: String, variants: Value, problems: &mut Vec<String>) -> Option<Axis> {
    let Value::Table(variants) = variants else {
        problems.push(format!(
            "`variants.{name}` is {variants}, expected a section of named pieces of a scenario"
        ));
        return None;
    };
    if variants.is_empty() {
        problems.push(format!("`variants.{name}` is empty, expected at least one variant"));
        return None;
    }
    let mut alternatives = Vec::with_capacity(variants.len());
    for (label, piece) in variants {
        match piece {
            Value::Table(piece) => alternatives.push(Alternative { label, piece }),
            other => {
                problems
                    .push(format!("`variants.{name}.{label}` is {other}, expected a piece of a scenario"));
            }
        }
    }
    Some(Axis { name, alternatives })
}

fn listed_axis(name: String, path: &[String], value: Value, problems: &mut Vec<String>) -> Option<Axis> {
    let key = path.join(".");
    match value {
        Value::Array(values) if values.is_empty() => {
            problems.push(format!("`sweep.{key}` is an empty list, expected at least one alternative"));
            None
        }
        Value::Array(values) => {
            let alternative = |value: Value| Alternative { label: label(&value), piece: nested(path, value) };
            Some(Axis { name, alternatives: values.into_iter().map(alternative).collect() })
        }
        other => {
            problems.push(format!("`sweep.{key}` is {other}, expected a list of alternatives"));
            None
        }
    }
}

/// All keys below a section whose value is no section.
fn flatten(path: &mut Vec<String>, table: Table, keys: &mut Vec<(Vec<String>, Value)>) {
    for (key, value) in table {
        path.push(key);
        match value {
            Value::Table(table) => flatten(path, table, keys),
            value => keys.push((path.clone(), value)),
        }
        path.pop();
    }
}

/// Each key is called by its last word, or in full where two keys share that.
fn name_keys(keys: Vec<(Vec<String>, Value)>) -> Vec<(String, Vec<String>, Value)> {
    let words: Vec<String> = keys.iter().filter_map(|(path, _)| path.last().cloned()).collect();
    let alone = |word: &String| words.iter().filter(|other| *other == word).count() == 1;
    let names: Vec<String> = (words.iter().zip(&keys))
        .map(|(word, (path, _))| if alone(word) { word.clone() } else { path.join(".") })
        .collect();
    names.into_iter().zip(keys).map(|(name, (path, value))| (name, path, value)).collect()
}

/// The piece of a scenario that has `value` at `path`.
fn nested(path: &[String], value: Value) -> Table {
    let mut inner = value;
    for key in path.iter().rev() {
        inner = Value::Table(Table::from_iter([(key.clone(), inner)]));
    }
    match inner {
        Value::Table(table) => table,
        _ => Table::new(),
    }
}

/// `iid`, `0.5`, `alie(tau=1.5)`: what tables and pictures call a value.
fn label(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Float(number) => number.to_string(),
        Value::Table(table) => {
            let field = |(key, value): (&String, &Value)| format!("{key}={}", label(value));
            let rest: Vec<String> = table.iter().filter(|(key, _)| *key != "name").map(field).collect();
            match (table.get("name").and_then(Value::as_str), rest.is_empty()) {
                (Some(name), true) => name.to_owned(),
                (Some(name), false) => format!("{name}({})", rest.join(",")),
                (None, _) => rest.join(","),
            }
        }
        Value::Array(values) => format!("[{}]", values.iter().map(label).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

/// Puts `piece` over `base`: sections merge, numbered keys reach into lists, everything else is replaced.
pub(crate) fn lay_over(base: &mut Table, piece: &Table) -> Result<(), String> {
    for (key, value) in piece {
        match (base.get_mut(key), value) {
            (Some(Value::Table(below)), Value::Table(above)) if !is_choice(above) => lay_over(below, above)?,
            (Some(Value::Array(entries)), Value::Table(above)) if numbered(above) => {
                for (number, value) in above {
                    let entry = number.parse().ok().and_then(|number: usize| entries.get_mut(number));
                    match (entry, value) {
                        (Some(Value::Table(below)), Value::Table(above)) => lay_over(below, above)?,
                        (Some(entry), value) => *entry = value.clone(),
                        (None, _) => {
                            return Err(format!(
                                "`{key}.{number}` is varied, and `{key}` has {} entries",
                                entries.len()
                            ));
                        }
                    }
                }
            }
            (None, Value::Table(above)) if numbered(above) => {
                return Err(format!("`{key}` is varied by number, and the scenario has none"));
            }
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
    Ok(())
}

/// A section with a `name` is one choice among several: it replaces another one whole.
fn is_choice(table: &Table) -> bool {
    table.contains_key("name")
}

fn numbered(table: &Table) -> bool {
    !table.is_empty() && table.keys().all(|key| key.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (SweepFile, Vec<String>) {
        let mut problems = Vec::new();
        (SweepFile::parse(text, &mut problems).unwrap(), problems)
    }

    #[test]
    fn axes_come_in_the_order_of_the_file_with_readable_labels() {
        let (file, problems) = parse(
            "name = 'x'\n[sweep]\nserver.rule = ['b', 'a']\nseed = [2, 1]\n\
             attackers.0.attack = [{ name = 'alie', tau = 1.5 }, { name = 'none' }]\n\
             task.partition.rows = [[1, 2], [3]]\n[variants.f]\n9 = { server.byzantine = 9 }\n1 = {}",
        );
        assert_eq!(problems, [""; 0]);
        let labels =
            |axis: &Axis| axis.alternatives.iter().map(|a| a.label.clone()).collect::<Vec<_>>().join(" ");
        let all: Vec<String> =
            file.axes.iter().map(|axis| format!("{}: {}", axis.name, labels(axis))).collect();
        let want = ["f: 9 1", "rule: b a", "seed: 2 1", "attack: alie(tau=1.5) none", "rows: [1,2] [3]"];
        assert_eq!(all, want);
        assert_eq!(file.base.keys().collect::<Vec<_>>(), ["name"]);
    }

    #[test]
    fn what_is_no_list_of_alternatives_is_told_all_at_once() {
        let (_, problems) = parse(
            "[sweep]\nseed = []\nserver.rule = 'average'\ntask.lambda = [1, 1]\n[variants]\na = 3\nb = {}\nc = { d = 1 }",
        );
        let expected = [
            "`variants.a` is 3",
            "`variants.b` is empty",
            "`variants.c.d` is 1",
            "`sweep.seed` is an empty list",
            "`sweep.server.rule` is \"average\"",
            "`lambda` has the alternative 1 twice",
        ];
        assert_eq!(problems.len(), expected.len(), "{problems:?}");
        for (problem, expected) in problems.iter().zip(expected) {
            assert!(problem.starts_with(expected), "{problem:?} does not say {expected:?}");
        }
        assert!(parse("").1[0].starts_with("nothing varies"));
    }

    #[test]
    fn pieces_merge_into_sections_replace_choices_and_reach_into_lists() {
        let mut base: Table = "[task]\nnu = 1.0\npartition = { name = 'dirichlet', alpha = 0.1 }\n\
            [[attackers]]\ncount = 4\nattack = { name = 'a', tau = 3 }"
            .parse()
            .unwrap();
        let piece: Table =
            "task.partition = { name = 'iid' }\nattackers.0.attack = { name = 'b' }".parse().unwrap();
        lay_over(&mut base, &piece).unwrap();
        let want: Table = "[task]\nnu = 1.0\npartition = { name = 'iid' }\n\
            [[attackers]]\ncount = 4\nattack = { name = 'b' }"
            .parse()
            .unwrap();
        assert_eq!(base, want);
        let wrong: Table = "attackers.1.count = 3".parse().unwrap();
        assert_eq!(
            lay_over(&mut base, &wrong).unwrap_err(),
            "`attackers.1` is varied, and `attackers` has 1 entries"
        );
    }
}
