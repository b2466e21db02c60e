//! `check`: the same load as a start or a reload, without serving.
//!
//! Problems and warnings go to stderr as people read them, or, with `--format json`, to stdout as
//! one object, like the summary.

use super::failure::count;
use super::{Failure, Format, note, print};
use clap::Args;
use reportgate::clock;
use reportgate::config::Report;
use reportgate::load::{self, Accepted};
use serde::Serialize;
use std::io::{self, IsTerminal as _};
use std::path::Path;

/// Options of `check`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Fail on warnings, too
    #[arg(long)]
    strict: bool,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Checks the config at `path`.
pub(super) fn run(path: &Path, options: &Options) -> Result<(), Failure> {
    let loaded = load::load(path, clock::now());
    let ok = match &loaded {
        Ok(accepted) => !options.strict || accepted.warnings.warnings() == 0,
        Err(_) => false,
    };
    match options.format {
        Format::Json => {
            let summary = loaded.as_ref().ok().map(Summary::of);
            let report = loaded.as_ref().map_or_else(|rejected| &rejected.report, |all| &all.warnings);
            print(&as_json(ok, report, summary)?)?;
        }
        Format::Table => {
            let accepted = loaded?;
            note(&accepted.warnings.render(io::stderr().is_terminal()));
            print(&Summary::of(&accepted).line(path, ok, accepted.warnings.warnings()))?;
        }
    }
    if ok { Ok(()) } else { Err(Failure::Said) }
}

/// What a config holds.
#[derive(Debug, Clone, Copy, Serialize)]
struct Summary {
    principals: usize,
    tokens: usize,
    reports: usize,
    tests: usize,
    tests_failing: usize,
}

impl Summary {
    fn of(accepted: &Accepted) -> Self {
        let policy = &accepted.policy;
        Self {
            principals: policy.principals.len(),
            tokens: policy.tokens.iter().len(),
            reports: policy.reports.iter().len(),
            tests: accepted.tests,
            tests_failing: accepted.tests_failing,
        }
    }

    fn line(self, path: &Path, ok: bool, warnings: usize) -> String {
        let verdict = if ok { "ok" } else { "refused by --strict" };
        let counts = [
            (self.principals, "principal"),
            (self.tokens, "token"),
            (self.reports, "report"),
            (self.tests, "test"),
            (warnings, "warning"),
        ];
        let counts: Vec<_> = counts.iter().map(|(number, noun)| count(*number, noun)).collect();
        format!("{}: {verdict}: {}\n", path.display(), counts.join(", "))
    }
}

/// What `--format json` prints.
#[derive(Debug, Serialize)]
struct Printed<'a> {
    ok: bool,
    problems: &'a [String],
    warnings: &'a [String],
    #[serde(flatten)]
    summary: Option<Summary>,
}

fn as_json(ok: bool, report: &Report, summary: Option<Summary>) -> Result<String, Failure> {
    // Problems come first.
    let lines: Vec<_> = report.lines().collect();
    let (problems, warnings) = lines.split_at(report.errors().min(lines.len()));
    let json = serde_json::to_string_pretty(&Printed { ok, problems, warnings, summary });
    json.map(|text| text + "\n").map_err(|error| Failure::because("cannot print the result", error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// The first config of the README with its first test case and a literal key.
    fn readme_config() -> String {
        let blocks = include_str!("../../README.md").split("```toml\n").skip(1);
        let blocks: Vec<_> = blocks.map(|rest| rest.split("```").next().unwrap()).collect();
        let text = format!("{}\n{}", blocks[0], blocks[1]);
        text.replace("{ env = \"LEGACY_API_KEY\" }", "\"key\"")
    }

    #[test]
    fn the_config_of_the_readme_is_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reportgate.toml");
        fs::write(&path, readme_config()).unwrap();
        let accepted = load::load(&path, reportgate::domain::time::Timestamp::from_unix_seconds(0));
        let accepted = accepted.unwrap_or_else(|rejected| panic!("{}", rejected.report.render(false)));
        let line =
            Summary::of(&accepted).line(Path::new("reportgate.toml"), true, accepted.warnings.warnings());
        assert_eq!(line, "reportgate.toml: ok: 1 principal, 0 tokens, 1 report, 2 tests, 0 warnings\n");
        assert_eq!(accepted.tests_failing, 0);
    }

    #[test]
    fn results_are_printed_for_programs() {
        let summary = Summary { principals: 1, tokens: 2, reports: 3, tests: 4, tests_failing: 0 };
        let report = Report::default();
        for (ok, summary) in [(true, Some(summary)), (false, None)] {
            let json = as_json(ok, &report, summary).unwrap();
            let json: serde_json::Value = serde_json::from_str(&json).unwrap();
            assert_eq!(json["ok"], ok);
            assert_eq!(json["tokens"].as_u64(), summary.map(|_| 2));
            assert!(json["problems"].as_array().unwrap().is_empty());
        }
    }
}
