//! The concepts that assert the absence of an allergy, from `data/no_known_allergy.tsv`, which names its source.

use std::sync::LazyLock;

/// The agent that an assertion speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agent {
    /// All agents.
    Any,
    /// One kind of agent; nothing is said of others.
    OneKind,
}

/// The agent of which a SNOMED CT concept says that it causes no allergy; none for any other concept.
pub(crate) fn agent(concept_id: &str) -> Option<Agent> {
    static CONCEPTS: LazyLock<Vec<(&str, Agent)>> = LazyLock::new(|| {
        let rows = include_str!("../data/no_known_allergy.tsv").lines();
        rows.filter(|line| !line.starts_with('#')).filter_map(read).collect()
    });
    CONCEPTS.iter().find(|(known, _)| *known == concept_id).map(|(_, agent)| *agent)
}

fn read(line: &'static str) -> Option<(&'static str, Agent)> {
    let (concept_id, agent) = line.split_once('\t')?;
    Some((concept_id, if agent == "any" { Agent::Any } else { Agent::OneKind }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_that_of_the_contract() {
        assert_eq!(agent("716186003"), Some(Agent::Any));
        for scoped in ["409137002", "428607008", "429625007", "428197003", "716184000", "716220001"] {
            assert_eq!(agent(scoped), Some(Agent::OneKind), "{scoped}");
        }
        assert_eq!(agent("91936005"), None);
    }
}
