use std::collections::HashMap;

use bedside_model::{Asid, OdsCode};
use serde::Deserialize;

use super::{Directory, DirectoryError};
use crate::{AllowedHosts, Provider, ServiceRoot};

/// A directory from a file: for tests, and for sites that are given their practices' endpoints.
#[derive(Debug)]
pub struct StaticDirectory {
    practices: HashMap<OdsCode, Provider>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    practice: Vec<Practice>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Practice {
    ods: String,
    service_root: String,
    asid: String,
}

/// Everything that is wrong with a directory file, one line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the directory file is not usable: {}", .0.join("; "))]
pub struct DirectoryFileError(pub Vec<String>);

impl StaticDirectory {
    /// Reads TOML text of `[[practice]]` tables with `ods`, `service_root` and `asid`.
    ///
    /// # Errors
    /// [`DirectoryFileError`] with every bad entry by its number, from 1.
    pub fn from_toml(text: &str, hosts: &AllowedHosts) -> Result<Self, DirectoryFileError> {
        let file: File = toml::from_str(text)
            .map_err(|error| DirectoryFileError(vec![error.message().replace('\n', " ")]))?;
        let mut practices = HashMap::new();
        let mut problems = Vec::new();
        for (index, practice) in file.practice.iter().enumerate() {
            match practice.provider(hosts) {
                Ok((ods, provider)) => {
                    if practices.insert(ods, provider).is_some() {
                        problems.push(format!("practice {}: its ODS code stands twice", index + 1));
                    }
                }
                Err(problem) => problems.push(format!("practice {}: {problem}", index + 1)),
            }
        }
        if problems.is_empty() { Ok(Self { practices }) } else { Err(DirectoryFileError(problems)) }
    }
}

impl Practice {
    fn provider(&self, hosts: &AllowedHosts) -> Result<(OdsCode, Provider), String> {
        let ods: OdsCode = self.ods.parse().map_err(|error| format!("{error}"))?;
        let asid: Asid = self.asid.parse().map_err(|error| format!("{error}"))?;
        let service_root =
            ServiceRoot::new(&self.service_root, &ods, hosts).map_err(|problem| problem.to_string())?;
        Ok((ods, Provider { service_root, asid }))
    }
}

impl Directory for StaticDirectory {
    async fn look_up(&self, practice: &OdsCode) -> Result<Provider, DirectoryError> {
        self.practices.get(practice).cloned().ok_or(DirectoryError::NotEnabled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> AllowedHosts {
        AllowedHosts::new(["provider.example"])
    }

    #[tokio::test]
    async fn a_practice_of_the_file_is_found_and_no_other() {
        let directory = StaticDirectory::from_toml(
            "[[practice]]
             ods = 'A20001'
             service_root = 'https://gp.provider.example/A20001/STU3/1/gpconnect/structured'
             asid = '200000000002'",
            &hosts(),
        )
        .expect("usable");
        let look_up = async |ods: &str| directory.look_up(&ods.parse().expect("an ODS code")).await;
        assert_eq!(look_up("A20001").await.expect("known").asid.as_str(), "200000000002");
        assert_eq!(look_up("A20002").await, Err(DirectoryError::NotEnabled));
    }

    #[test]
    fn every_bad_entry_is_named_by_its_number() {
        let entry = |ods: &str, host: &str, asid: &str| {
            format!(
                "[[practice]]\nods = '{ods}'\nasid = '{asid}'\n\
                 service_root = 'https://{host}/A20001/STU3/1/gpconnect/structured'\n"
            )
        };
        let text = [
            entry("A20001", "gp.provider.example", "200000000002"),
            entry("a20001", "gp.provider.example", "200000000002"),
            entry("A20001", "gp.provider.example", "2"),
            entry("A20001", "evil.example", "200000000002"),
            entry("A20001", "gp.provider.example", "200000000002"),
        ]
        .concat();
        let problems = StaticDirectory::from_toml(&text, &hosts()).expect_err("bad").0;
        let numbers: Vec<&str> = problems.iter().map(|problem| &problem[..11]).collect();
        assert_eq!(numbers, ["practice 2:", "practice 3:", "practice 4:", "practice 5:"], "{problems:?}");
    }

    #[test]
    fn an_unknown_field_is_refused_in_one_line() {
        let problems =
            StaticDirectory::from_toml("[[practice]]\nodscode = 'A20001'", &hosts()).expect_err("bad").0;
        assert_eq!(problems.len(), 1);
        assert!(!problems[0].contains('\n'));
    }
}
