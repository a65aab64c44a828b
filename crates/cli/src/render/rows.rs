use arrow_array::{
    Array, BooleanArray, Date32Array, ListArray, RecordBatch, StringArray, StructArray, UInt32Array,
};
use bedside_model::Day;

/// The rows of one table read by column name. A column that is absent or of another type reads as null, so
/// that a record sealed by another version of the software still shows what it has.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a>(pub(super) &'a RecordBatch);

impl<'a> Rows<'a> {
    pub(super) fn len(self) -> usize {
        self.0.num_rows()
    }

    pub(super) fn text(self, row: usize, column: &str) -> Option<&'a str> {
        let array = self.column::<StringArray>(column)?;
        array.is_valid(row).then(|| array.value(row))
    }

    pub(super) fn count(self, row: usize, column: &str) -> Option<u32> {
        let array = self.column::<UInt32Array>(column)?;
        array.is_valid(row).then(|| array.value(row))
    }

    pub(super) fn flag(self, row: usize, column: &str) -> Option<bool> {
        let array = self.column::<BooleanArray>(column)?;
        array.is_valid(row).then(|| array.value(row))
    }

    pub(super) fn texts(self, row: usize, column: &str) -> Vec<String> {
        let Some(lists) = self.column::<ListArray>(column) else { return Vec::new() };
        let items = lists.value(row);
        let Some(items) = items.as_any().downcast_ref::<StringArray>() else { return Vec::new() };
        items.iter().flatten().map(str::to_owned).collect()
    }

    /// The structs of a list, a row for each.
    pub(super) fn structs(self, row: usize, column: &str) -> Option<RecordBatch> {
        let items = self.column::<ListArray>(column)?.value(row);
        Some(RecordBatch::from(items.as_any().downcast_ref::<StructArray>()?))
    }

    /// A date as a clinician in England reads it, 02-Jan-2026 or Jan-2026: one in figures alone is read in two
    /// ways. What cannot be read is as written.
    pub(super) fn date_in_words(self, row: usize, column: &str) -> Option<String> {
        self.date(row, column).map(in_words)
    }

    /// A date as sent: a FHIR dateTime without its time of day, anything else as written.
    pub(super) fn date(self, row: usize, column: &str) -> Option<&'a str> {
        let text = self.text(row, column)?;
        // `_from` is null for a text that cannot be read, and other columns have none.
        let readable = self.day(row, &format!("{column}_from")).is_some();
        Some(text.split_once('T').filter(|_| readable).map_or(text, |(day, _)| day))
    }

    pub(super) fn day(self, row: usize, column: &str) -> Option<Day> {
        let array = self.column::<Date32Array>(column)?;
        array.is_valid(row).then(|| Day(array.value(row)))
    }

    /// Any simple column as text; empty where there is nothing.
    pub(super) fn cell(self, row: usize, column: &str) -> String {
        self.date(row, column)
            .map(str::to_owned)
            .or_else(|| self.count(row, column).map(|count| count.to_string()))
            .or_else(|| self.flag(row, column).map(|flag| if flag { "yes" } else { "no" }.to_owned()))
            .unwrap_or_else(|| self.texts(row, column).join("; "))
    }

    fn column<T: 'static>(self, name: &str) -> Option<&'a T> {
        self.0.column_by_name(name)?.as_any().downcast_ref()
    }
}

/// A day or a month in figures, year first, with its month in words; anything else as it is.
pub(super) fn in_words(date: &str) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next(), parts.next(), parts.next());
    let is_figures =
        |part: &str, count| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
    let (Some(year), Some(month), None) = (year, month, parts.next()) else { return date.to_owned() };
    let name = month.parse::<usize>().ok().and_then(|month| MONTHS.get(month.checked_sub(1)?));
    match (name, day) {
        (Some(name), None) if is_figures(year, 4) && is_figures(month, 2) => format!("{name}-{year}"),
        (Some(name), Some(day)) if is_figures(year, 4) && is_figures(month, 2) && is_figures(day, 2) => {
            format!("{day}-{name}-{year}")
        }
        _ => date.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use bedside_model::schema::Table;
    use serde_json::json;

    use super::super::testing::batch;
    use super::*;

    #[test]
    fn a_date_loses_its_time_of_day_and_nothing_else() {
        for (sent, day, shown) in [
            ("2026-01-02T10:00:00Z", Some("2026-01-02"), "2026-01-02"),
            ("2026-01-02", Some("2026-01-02"), "2026-01-02"),
            ("2010-06", Some("2010-06-01"), "2010-06"),
            ("2026-01-02T25:00", None, "2026-01-02T25:00"),
            ("Tuesday", None, "Tuesday"),
        ] {
            let batch = batch(Table::Allergies, &[json!({"onset": sent, "onset_from": day})]);
            assert_eq!(Rows(&batch).date(0, "onset"), Some(shown));
        }
        // The day that a warning names is written in words.
        let row = json!({"incomplete_before": "26-Oct-2019", "incomplete_before_from": "2019-10-26"});
        let batch = batch(Table::Sections, &[row]);
        assert_eq!(Rows(&batch).date(0, "incomplete_before"), Some("26-Oct-2019"));
    }

    #[test]
    fn a_date_in_figures_is_told_with_its_month_in_words() {
        for (sent, told) in [
            ("2026-05-03", "03-May-2026"),
            ("2010-12", "Dec-2010"),
            ("2018", "2018"),
            ("26-Oct-2019", "26-Oct-2019"),
            ("28 Jan 2020", "28 Jan 2020"),
            ("2026-13-01", "2026-13-01"),
            ("2026-00", "2026-00"),
            ("2026-1-02", "2026-1-02"),
            ("2026-01-02T25:00", "2026-01-02T25:00"),
            ("2026-01-02-03", "2026-01-02-03"),
            ("", ""),
        ] {
            assert_eq!(in_words(sent), told);
        }
    }

    #[test]
    fn any_column_is_a_cell() {
        let row = json!({"requested": true, "entries": 3, "warnings": ["a", "b"], "state": "returned"});
        let batch = batch(Table::Sections, &[row]);
        let cells = ["requested", "entries", "warnings", "state", "warning_text", "no_such_column"];
        let shown = cells.map(|column| Rows(&batch).cell(0, column));
        assert_eq!(shown, ["yes", "3", "a; b", "returned", "", ""]);
    }
}
