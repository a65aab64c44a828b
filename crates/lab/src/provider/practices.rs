//! Practices and how they behave, from a TOML file.

use std::path::Path;

use jiff::civil::Date;
use serde::Deserialize;

use super::{Behaviour, Fault, Latency, Manner, Practice, Service};
use crate::generate::Supplier;

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
    /// Name of a fault that every look-up meets.
    sds_fault: Option<String>,
    /// Whose system it is.
    supplier: Option<String>,
    /// The version of the specification that it keeps to.
    version: Option<String>,
    /// Areas that are switched off, by their parameters.
    #[serde(default)]
    disabled: Vec<String>,
    /// Areas of which everything is withheld.
    #[serde(default)]
    withheld: Vec<String>,
    /// The day the patient registered, `YYYY-MM-DD`.
    in_transit: Option<String>,
    /// The day before which something awaits filing.
    awaiting_filing: Option<String>,
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

/// The behaviour of a service's fault by its name.
///
/// # Errors
/// The name, and where the names are told.
pub(super) fn behaviour(service: Service, name: &str) -> Result<Behaviour, String> {
    let fault = Fault::of_service(service, name);
    let fault = fault.ok_or_else(|| {
        let whose = match service {
            Service::Practice => "of a practice",
            Service::Directory => "of the directory",
            Service::NationalRecord => "of the national record",
        };
        format!("{name} is no fault {whose}; --faults lists them")
    })?;
    Ok(fault.behaviour)
}

impl Entry {
    fn practice(&self) -> Result<Practice, String> {
        let named = |service, name: &Option<String>| {
            name.as_deref().map_or(Ok(Behaviour::Normal), |name| behaviour(service, name))
        };
        let usual = named(Service::Practice, &self.fault)?;
        let faults: Result<Vec<_>, _> =
            self.faults.iter().map(|name| behaviour(Service::Practice, name)).collect();
        let latency = self.latency.as_deref().map_or(Ok(Latency::None), str::parse);
        Ok(Practice {
            latency: latency.map_err(|error| error.to_string())?,
            faults: (self.faults_per_thousand, faults?),
            directory: named(Service::Directory, &self.sds_fault)?,
            manner: self.manner()?,
            ..Practice::new(&self.ods, &self.asid, usual)
        })
    }
}

impl Entry {
    fn manner(&self) -> Result<Option<Manner>, String> {
        let Some(name) = &self.supplier else {
            let given =
                [&self.version, &self.in_transit, &self.awaiting_filing].iter().any(|text| text.is_some());
            let listed = !self.disabled.is_empty() || !self.withheld.is_empty();
            let missing = "version, disabled, withheld, in_transit and awaiting_filing need a supplier";
            return if given || listed { Err(missing.to_owned()) } else { Ok(None) };
        };
        let supplier = Supplier::from_name(name).ok_or_else(|| format!("{name} is no supplier"))?;
        let manner = Manner {
            version: self.version.as_deref().map_or(Ok(Default::default()), str::parse)?,
            disabled: self.disabled.clone(),
            withheld: self.withheld.clone(),
            in_transit: day(&self.in_transit)?,
            awaiting_filing: day(&self.awaiting_filing)?,
            ..Manner::of(supplier)
        };
        match manner.unknown_area() {
            Some(name) => Err(format!("{name} is no area; an area is named by its parameter")),
            None => Ok(Some(manner)),
        }
    }
}

fn day(text: &Option<String>) -> Result<Option<Date>, String> {
    let day = |text: &String| text.parse().map_err(|_| format!("{text} is no day of the form YYYY-MM-DD"));
    text.as_ref().map(day).transpose()
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
             fault = 'gzip-bomb'
             sds_fault = 'device-two'
             supplier = 'tpp'
             version = '1.2'
             disabled = ['includeAllergies']
             in_transit = '2024-12-29'",
        )
        .expect("practices");
        assert_eq!(practices[0].faults.0, 50);
        assert_eq!(practices[0].faults.1.len(), 2);
        assert!(matches!(practices[0].behaviour, Behaviour::Normal));
        assert!(matches!(practices[1].behaviour, Behaviour::Dressed(_)));
        assert!(matches!(practices[1].directory, Behaviour::Altered(_)));
        let manner = practices[1].manner.as_ref().expect("a supplier");
        assert_eq!((manner.supplier, manner.version), (Supplier::Tpp, crate::provider::Version::V1_2));
        assert_eq!(manner.in_transit, Some(jiff::civil::date(2024, 12, 29)));
        assert!(practices[0].manner.is_none());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_practice() {
        let entry = "[[practice]]\nods = 'A20001'\nasid = '200000000002'\n";
        for (line, expected) in [
            ("fault = 'x'", "practices.toml: A20001: x is no fault"),
            ("faults = ['x']", "practices.toml: A20001: x is no fault"),
            ("sds_fault = 'x'", "practices.toml: A20001: x is no fault of the directory"),
            ("supplier = 'x'", "practices.toml: A20001: x is no supplier"),
            ("version = '1.2'", "practices.toml: A20001: version, disabled"),
            ("supplier = 'emis'\nversion = '9'", "practices.toml: A20001: a version is"),
            ("supplier = 'emis'\nwithheld = ['problems']", "practices.toml: A20001: problems is no area"),
            ("supplier = 'emis'\nin_transit = 'x'", "practices.toml: A20001: x is no day"),
            ("latency = 'x'", "practices.toml: A20001: a latency is"),
            ("surprise = 1", "practices.toml: unknown field"),
        ] {
            let problem = read(&format!("{entry}{line}")).expect_err(line);
            assert!(problem.starts_with(expected), "{problem}");
        }
    }
}
