use arrow_array::{Array, BooleanArray, ListArray, RecordBatch, StringArray};
use bedside_model::ClinicalArea;
use polars::prelude::{Expr, lit};

/// What may be concluded of one clinical area: its row of `sections`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caveats {
    /// State of the area (`bundle` sheet, section 8), such as `returned` or `not_requested`.
    pub state: String,
    /// Codes of the practice's warnings.
    pub warnings: Vec<String>,
    /// The warnings in the practice's words.
    pub warning_text: Option<String>,
    /// Whether something is known to be missing.
    pub incomplete: bool,
}

impl Caveats {
    /// The caveats of an area, `None` when the table has no row of it.
    pub(crate) fn of(area: ClinicalArea, sections: &RecordBatch) -> Option<Self> {
        let areas = column::<StringArray>(sections, "area")?;
        let row = (0..areas.len()).find(|row| areas.is_valid(*row) && areas.value(*row) == area.as_str())?;
        let text = |name| column::<StringArray>(sections, name).filter(|array| array.is_valid(row));
        let warnings = column::<ListArray>(sections, "warnings")?.value(row);
        let warnings = warnings.as_any().downcast_ref::<StringArray>()?;
        let incomplete = column::<BooleanArray>(sections, "incomplete")?;
        Some(Self {
            state: text("state")?.value(row).to_owned(),
            warnings: warnings.iter().flatten().map(str::to_owned).collect(),
            warning_text: text("warning_text").map(|array| array.value(row).to_owned()),
            // Unknown completeness is not completeness.
            incomplete: !incomplete.is_valid(row) || incomplete.value(row),
        })
    }

    /// The columns that put the caveats into every row of a view.
    pub(crate) fn columns(&self) -> [Expr; 4] {
        [
            lit(self.state.clone()).alias("section_state"),
            lit(self.warnings.join("; ")).alias("section_warnings"),
            lit(self.warning_text.clone().unwrap_or_default()).alias("section_warning_text"),
            lit(self.incomplete).alias("section_incomplete"),
        ]
    }
}

fn column<'a, T: 'static>(batch: &'a RecordBatch, name: &str) -> Option<&'a T> {
    batch.column_by_name(name)?.as_any().downcast_ref()
}
