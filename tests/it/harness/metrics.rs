//! What `/metrics` says (Prometheus text format 0.0.4).

use std::collections::BTreeMap;

/// One reading of all series.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) text: String,
    series: BTreeMap<String, f64>,
}

impl Metrics {
    pub(crate) fn parse(text: String) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let series = lines.map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (canonical(name), value.parse().expect("a number"))
        });
        Self { series: series.collect(), text }
    }

    /// A series without the prefix, such as `requests_total{report="leads",outcome="ok"}`; absent is 0.
    pub(crate) fn get(&self, series: &str) -> f64 {
        self.series.get(&canonical(&format!("reportgate_{series}"))).copied().unwrap_or(0.0)
    }

    /// All series of a metric together.
    pub(crate) fn sum(&self, metric: &str) -> f64 {
        let prefix = format!("reportgate_{metric}{{");
        let values = self.series.iter().filter(|(name, _)| name.starts_with(&prefix)).map(|(_, value)| value);
        values.sum()
    }

    /// How many requests ended so, whatever was asked for.
    pub(crate) fn sum_of_outcome(&self, outcome: &str) -> f64 {
        let label = format!("outcome=\"{outcome}\"");
        let requests = self.series.iter().filter(|(name, _)| name.starts_with("reportgate_requests_total{"));
        requests.filter(|(name, _)| name.contains(&label)).map(|(_, count)| count).sum()
    }

    /// The names of all series, labels included.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.series.keys().map(String::as_str).collect()
    }
}

/// The same name for the same series, whatever the order of its labels. No label value here holds a comma.
fn canonical(series: &str) -> String {
    let Some((name, labels)) = series.split_once('{') else { return series.to_owned() };
    let mut labels: Vec<_> = labels.trim_end_matches('}').split(',').collect();
    labels.sort_unstable();
    format!("{name}{{{}}}", labels.join(","))
}
