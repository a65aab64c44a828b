//! Practices and how they behave, from a TOML file.

use std::path::Path;

use serde::Deserialize;

use super::{Behaviour, Fault, Latency, Practice};

/// The file: `[[practice]]` tables.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    practice: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    ods: String,
    asid: String,
    /// Name of a fault that every call meets.
    fault: Option<String>,
    /// How long answers take, such as `200ms~3s`.
    latency: Option<String>,
    /// Of so many calls in a thousand, one of `faults` is the answer.
    #[serde(default)]
    faults_per_thousand: u32,
    #[serde(default)]
    faults: Vec<String>,
}

/// The practices of a file's text.
///
/// # Errors
/// What is wrong, with the practice it is wrong for.
pub(super) fn parse(file: &Path, text: &str) -> Result<Vec<Practice>, String> {
    let read: File = toml::from_str(text)
        .map_err(|error| format!("{}: {}", file.display(), error.message().replace('\n', " ")))?;
    read.practice
        .iter()
        .map(|entry| {
            entry.practice().map_err(|problem| format!("{}: {}: {problem}", file.display(), entry.ods))
        })
        .collect()
}

/// The behaviour of a fault by its name.
///
/// # Errors
/// The name, and where the names are told.
pub(super) fn behaviour(name: &str) -> Result<Behaviour, String> {
    let fault = Fault::named(name).ok_or_else(|| format!("{name} is no fault; --faults lists them"))?;
    Ok(fault.behaviour)
}

impl Entry {
    fn practice(&self) -> Result<Practice, String> {
        let usual = self.fault.as_deref().map_or(Ok(Behaviour::Normal), behaviour)?;
        let faults: Result<Vec<_>, _> = self.faults.iter().map(|name| behaviour(name)).collect();
        let latency = self.latency.as_deref().map_or(Ok(Latency::None), str::parse);
        Ok(Practice {
            latency: latency.map_err(|error| error.to_string())?,
            faults: (self.faults_per_thousand, faults?),
            ..Practice::new(&self.ods, &self.asid, usual)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Practice>, String> {
        parse(Path::new("practices.toml"), text)
    }

    #[test]
    fn each_practice_has_its_own_faults_and_latency() {
        let practices = read(
            "[[practice]]
             ods = 'A20001'
             asid = '200000000002'
             latency = '200ms~3s'
             faults_per_thousand = 50
             faults = ['busy-429', 'body-cut-half']
             [[practice]]
             ods = 'A20002'
             asid = '200000000003'
             fault = 'gzip-bomb'",
        )
        .expect("practices");
        assert_eq!(practices[0].faults.0, 50);
        assert_eq!(practices[0].faults.1.len(), 2);
        assert!(matches!(practices[0].behaviour, Behaviour::Normal));
        assert!(matches!(practices[1].behaviour, Behaviour::Dressed(_)));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_practice() {
        let entry = "[[practice]]\nods = 'A20001'\nasid = '200000000002'\n";
        for (line, expected) in [
            ("fault = 'x'", "practices.toml: A20001: x is no fault"),
            ("faults = ['x']", "practices.toml: A20001: x is no fault"),
            ("latency = 'x'", "practices.toml: A20001: a latency is"),
            ("surprise = 1", "practices.toml: unknown field"),
        ] {
            let problem = read(&format!("{entry}{line}")).expect_err(line);
            assert!(problem.starts_with(expected), "{problem}");
        }
    }
}
