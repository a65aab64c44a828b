//! What the `sections` table of a record says of the areas, for reports and the audit log.

use std::collections::BTreeMap;

use arrow_array::{Array, StringArray};
use bedside_bundle::Record;
use bedside_model::schema::Table;
use bedside_model::{ClinicalArea, SectionState};

/// The state of each area.
pub(crate) fn states(record: &Record) -> BTreeMap<ClinicalArea, String> {
    let batch = record.table(Table::Sections);
    let column = |name| batch.column_by_name(name)?.as_any().downcast_ref::<StringArray>();
    let (Some(areas), Some(states)) = (column("area"), column("state")) else { return BTreeMap::new() };
    let named = areas.iter().zip(states.iter());
    named.filter_map(|(area, state)| Some((ClinicalArea::from_name(area?)?, state?.to_owned()))).collect()
}

/// The areas whose list came, with entries or without.
pub(crate) fn returned(states: &BTreeMap<ClinicalArea, String>) -> Vec<ClinicalArea> {
    const CAME: [SectionState; 4] = [
        SectionState::Returned,
        SectionState::ReturnedWithExclusions,
        SectionState::EmptyNoContent,
        SectionState::EmptyConfidential,
    ];
    let came = |state: &str| CAME.iter().any(|one| one.as_str() == state);
    states.iter().filter(|(_, state)| came(state)).map(|(area, _)| *area).collect()
}
