use arrow_array::RecordBatch;
use bedside_model::{ClinicalArea, SectionState, reading};

use super::escape::escape;
use super::rows::Rows;

/// What the `sections` table says of one clinical area.
pub(super) struct Section {
    area: String,
    state: String,
    entries: Option<u32>,
    warnings: Vec<String>,
    warning_text: Option<String>,
    incomplete: bool,
    incomplete_before: Option<String>,
}

/// All sections, in the order of the table.
pub(super) fn sections(batch: &RecordBatch) -> Vec<Section> {
    let rows = Rows(batch);
    (0..rows.len()).map(|row| section(rows, row)).collect()
}

impl Section {
    /// A section that the record does not speak of. Nothing may be concluded from its rows.
    pub(super) fn absent(area: ClinicalArea) -> Self {
        Self {
            area: area.as_str().to_owned(),
            state: SectionState::Failed.as_str().to_owned(),
            entries: None,
            warnings: Vec::new(),
            warning_text: None,
            incomplete: true,
            incomplete_before: None,
        }
    }

    pub(super) fn is(&self, area: ClinicalArea) -> bool {
        self.area == area.as_str()
    }

    pub(super) fn area(&self) -> String {
        escape(&self.area).into_owned()
    }

    pub(super) fn was_requested(&self) -> bool {
        self.state != SectionState::NotRequested.as_str()
    }

    /// Whether more may be true than the rows show: nothing stands in the list for what is withheld, missing or
    /// was never asked of the patient.
    pub(super) fn is_doubtful(&self) -> bool {
        let is_empty_allergies =
            self.is(ClinicalArea::Allergies) && self.state == SectionState::EmptyNoContent.as_str();
        let is_plain = [SectionState::Returned, SectionState::EmptyNoContent, SectionState::NotRequested]
            .iter()
            .any(|state| self.state == state.as_str());
        self.incomplete || is_empty_allergies || !is_plain
    }

    /// What a reader may conclude, in words (`bundle` sheet, section 8; `allergies` sheet, section 3).
    pub(super) fn conclusion(&self) -> String {
        let known = ClinicalArea::from_name(&self.area)
            .and_then(|area| reading::conclusion(area, &self.state, self.entries));
        let mut words = known.unwrap_or_else(|| {
            format!("{}: unknown to this version, do not read as empty", escape(&self.state))
        });
        if self.incomplete {
            words.push_str(", INCOMPLETE");
            if let Some(before) = &self.incomplete_before {
                words.push_str(&format!(" (before {})", escape(before)));
            }
        }
        words
    }

    /// The warnings, each once, as the practice words them; their codes where it gives no words. What the
    /// practice notes without a warning is not one.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut told: Vec<String> = Vec::new();
        if self.warnings.is_empty() {
            return told;
        }
        let words = self.warning_text.as_deref().unwrap_or_default();
        let words = words.lines().map(str::trim).filter(|line| !line.is_empty());
        for line in words.map(|line| escape(line).into_owned()) {
            if !told.contains(&line) {
                told.push(line);
            }
        }
        if told.is_empty() {
            told.extend(self.warnings.iter().map(|code| escape(code).into_owned()));
        }
        told
    }
}

#[cfg(feature = "frames")]
impl From<bedside_frames::AreaCaveats> for Section {
    fn from(caveats: bedside_frames::AreaCaveats) -> Self {
        Self {
            area: caveats.area.as_str().to_owned(),
            state: caveats.state,
            entries: caveats.entries,
            warnings: caveats.warnings,
            warning_text: caveats.warning_text,
            incomplete: caveats.incomplete,
            incomplete_before: caveats.incomplete_before,
        }
    }
}

fn section(rows: Rows<'_>, row: usize) -> Section {
    Section {
        area: rows.text(row, "area").unwrap_or_default().to_owned(),
        state: rows.text(row, "state").unwrap_or_default().to_owned(),
        entries: rows.count(row, "entries"),
        warnings: rows.texts(row, "warnings"),
        warning_text: rows.text(row, "warning_text").map(str::to_owned),
        // Unknown completeness is not completeness.
        incomplete: rows.flag(row, "incomplete").unwrap_or(true),
        incomplete_before: rows.date(row, "incomplete_before").map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use bedside_model::schema::Table;
    use serde_json::json;

    use super::super::testing::batch;
    use super::*;

    #[test]
    fn an_area_that_does_not_say_that_it_is_whole_is_not() {
        let area = |incomplete| json!({"area": "problems", "state": "returned", "entries": 2, "incomplete": incomplete});
        let told = sections(&batch(Table::Sections, &[area(json!(false)), area(json!(null))]));
        let told: Vec<String> = told.iter().map(Section::conclusion).collect();
        assert_eq!(told, ["2 entries", "2 entries, INCOMPLETE"]);
    }
}
