//! Fills the columns of one table, in the order of its schema.
//!
//! A column is filled whole before the next begins, from an iterator over the rows: its size is known first, so
//! that no buffer grows and nothing is left over.

use std::sync::{Arc, LazyLock};

use arrow_array::builder::StringBuilder;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, ListArray, RecordBatch, StringArray, StructArray, UInt32Array,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, SchemaRef};
use bedside_model::schema::{self, Table};
use bedside_model::{NoticeCode, day_interval};

use crate::collected::{Collected, TextBudget};
use crate::concepts::Described;
use crate::elements::Coding;
use crate::findings::Findings;
use crate::flags::Flags;
use crate::text::{Interval, Span, Text};

/// The columns of one table, so far.
pub(crate) struct Columns<'g, 's> {
    all: &'g Collected<'s>,
    schema: SchemaRef,
    arrays: Vec<ArrayRef>,
    /// One array of nothing but nulls, for the many columns that hold nothing else.
    nulls: Option<ArrayRef>,
}

/// A table without rows. There is at least one in most small records, and each is made once.
pub(crate) fn empty(table: Table) -> RecordBatch {
    static EMPTY: LazyLock<Vec<RecordBatch>> =
        LazyLock::new(|| Table::ALL.iter().map(|table| RecordBatch::new_empty(table.schema())).collect());
    EMPTY[table as usize].clone()
}

impl<'g, 's> Columns<'g, 's> {
    pub(crate) fn new(table: Table, all: &'g Collected<'s>) -> Self {
        let schema = table.schema();
        let arrays = Vec::with_capacity(schema.fields().len());
        Self { all, schema, arrays, nulls: None }
    }

    /// The table.
    pub(crate) fn finish(self) -> RecordBatch {
        // The schema and the calls that fill it are both of this workspace and every test compares them.
        RecordBatch::try_new(self.schema, self.arrays).expect("columns are filled as their schema declares")
    }

    pub(crate) fn count(&mut self, name: &str, values: impl Iterator<Item = Option<u32>>) {
        self.push(name, Arc::new(values.collect::<UInt32Array>()));
    }

    pub(crate) fn flag(&mut self, name: &str, values: impl Iterator<Item = Option<bool>>) {
        self.push(name, Arc::new(values.collect::<BooleanArray>()));
    }

    pub(crate) fn text<'t>(&mut self, name: &str, values: impl Iterator<Item = Option<&'t str>> + Clone) {
        let array = self.strings(values);
        self.push(name, array);
    }

    /// A column of words of ours. They are few and short, so what they take is bounded by the rows alone.
    pub(crate) fn words<'t>(&mut self, name: &str, values: impl Iterator<Item = Option<&'t str>> + Clone) {
        let array = strings(&TextBudget::of_words(), values);
        self.push(name, Arc::new(array));
    }

    /// A column of texts that were kept as sent.
    pub(crate) fn kept(&mut self, name: &str, values: impl Iterator<Item = Text> + Clone) {
        let all = self.all;
        self.text(name, values.map(|text| all.store.get(text)));
    }

    /// A column of lists of texts.
    pub(crate) fn texts<'t, L>(&mut self, name: &str, lists: impl Iterator<Item = L> + Clone)
    where
        L: Iterator<Item = &'t str> + Clone,
    {
        let lengths = lists.clone().map(|list| list.count());
        let offsets = OffsetBuffer::from_lengths(lengths);
        let items = strings(&self.all.text, lists.flatten().map(Some));
        let field = schema::item_field(DataType::Utf8);
        self.push(name, Arc::new(ListArray::new(field, offsets, Arc::new(items), None)));
    }

    /// A column of lists of texts that were kept as sent.
    pub(crate) fn kept_texts(&mut self, name: &str, spans: impl Iterator<Item = Span> + Clone) {
        let all = self.all;
        self.texts(name, spans.map(|span| span.of(&all.texts).iter().map(|text| all.store.str(*text))));
    }

    /// The three columns of a date, each given with the number of the resource it stands in. A date that cannot
    /// be read is noticed and marks its resource as malformed.
    pub(crate) fn date(
        &mut self,
        name: &str,
        element: &'static str,
        findings: &mut Findings,
        values: impl Iterator<Item = (u32, Text)> + Clone,
    ) {
        let all = self.all;
        self.text(name, values.clone().map(|(_, text)| all.store.get(text)));
        let read = |(resource, text)| {
            let interval = all.store.get(text).and_then(day_interval);
            if interval.is_none() && text.is_some() {
                findings.malformed(resource, NoticeCode::UnreadableDate, element);
            }
            interval
        };
        let intervals: Vec<Interval> = values.map(read).collect();
        self.intervals(name, intervals.iter().copied());
    }

    /// The three columns of a date whose day is known already.
    pub(crate) fn known_date<'t>(
        &mut self,
        name: &str,
        values: impl Iterator<Item = Option<(&'t str, Interval)>> + Clone,
    ) {
        self.text(name, values.clone().map(|value| value.map(|(text, _)| text)));
        self.intervals(name, values.map(|value| value.and_then(|(_, interval)| interval)));
    }

    fn intervals(&mut self, name: &str, intervals: impl Iterator<Item = Interval> + Clone) {
        let from: Date32Array = intervals.clone().map(|interval| interval.map(|(from, _)| from.0)).collect();
        let to: Date32Array = intervals.map(|interval| interval.map(|(_, to)| to.0)).collect();
        self.push_part(name, "_from", Arc::new(from));
        self.push_part(name, "_to", Arc::new(to));
    }

    /// The eight columns of a concept.
    pub(crate) fn concept(&mut self, name: &str, values: &[Described<'_>]) {
        let all = self.all;
        let code = self.strings(values.iter().map(|value| all.store.get(value.preferred.code)));
        self.push_part(name, "_code", code);
        let system = self.strings(values.iter().map(|value| all.store.get(value.preferred.system)));
        self.push_part(name, "_system", system);
        let display = self.strings(values.iter().map(|value| all.store.get(value.preferred.display)));
        self.push_part(name, "_display", display);
        let text = self.strings(values.iter().map(|value| all.store.get(value.text)));
        self.push_part(name, "_text", text);
        let term = self.strings(values.iter().map(|value| value.term));
        self.push_part(name, "_term", term);
        let source = self.strings(values.iter().map(|value| value.term_source));
        self.push_part(name, "_term_source", source);
        let degraded = self.strings(values.iter().map(|value| value.degraded));
        self.push_part(name, "_degraded", degraded);
        self.codings(name, "_codings", values.iter().map(|value| value.codings));
    }

    pub(crate) fn identifiers(&mut self, name: &str, spans: impl Iterator<Item = Span> + Clone) {
        let all = self.all;
        let offsets = OffsetBuffer::from_lengths(spans.clone().map(|span| span.length as usize));
        let items = spans.flat_map(|span| span.of(&all.identifiers).iter());
        let system = strings(&all.text, items.clone().map(|item| all.store.get(item.system)));
        let value = strings(&all.text, items.map(|item| all.store.get(item.value)));
        self.structs(name, offsets, vec![Arc::new(system), Arc::new(value)]);
    }

    /// The last column of a clinical table.
    pub(crate) fn flags(&mut self, values: impl Iterator<Item = Flags> + Clone) {
        self.texts("flags", values.map(Flags::names));
    }

    /// A column of lists of structs, given the arrays of their fields.
    pub(crate) fn structs(&mut self, name: &str, offsets: OffsetBuffer<i32>, arrays: Vec<ArrayRef>) {
        self.structs_part(name, "", offsets, arrays);
    }

    /// A column of lists of codings.
    pub(crate) fn codings(&mut self, name: &str, part: &str, spans: impl Iterator<Item = Span> + Clone) {
        let all = self.all;
        let total: usize = spans.clone().map(|span| span.length as usize).sum();
        // Many records may share one drug of many codings.
        let shared = all.text.allows(total.saturating_mul(size_of::<Coding>()));
        let spans = spans.map(|span| if shared { span } else { Span::default() });
        let offsets = OffsetBuffer::from_lengths(spans.clone().map(|span| span.length as usize));
        let items = spans.flat_map(|span| span.of(&all.codings).iter());
        let field = |get: fn(&Coding) -> Text| -> ArrayRef {
            Arc::new(strings(&all.text, items.clone().map(|item| all.store.get(get(item)))))
        };
        let user_selected: BooleanArray = items.clone().map(|item| item.user_selected).collect();
        let arrays = vec![
            field(|coding| coding.system),
            field(|coding| coding.code),
            field(|coding| coding.display),
            Arc::new(user_selected),
            field(|coding| coding.description_id),
            field(|coding| coding.description_display),
        ];
        self.structs_part(name, part, offsets, arrays);
    }

    fn structs_part(&mut self, name: &str, part: &str, offsets: OffsetBuffer<i32>, arrays: Vec<ArrayRef>) {
        let DataType::List(item) = self.schema.field(self.arrays.len()).data_type() else {
            unreachable!("the schema declares a list where one is filled");
        };
        let DataType::Struct(fields) = item.data_type() else {
            unreachable!("the schema declares structs where they are filled");
        };
        let items = StructArray::new(fields.clone(), arrays, None);
        let list = ListArray::new(Arc::clone(item), offsets, Arc::new(items), None);
        self.push_part(name, part, Arc::new(list));
    }

    fn strings<'t>(&mut self, values: impl Iterator<Item = Option<&'t str>> + Clone) -> ArrayRef {
        if values.clone().any(|value| value.is_some()) {
            return Arc::new(strings(&self.all.text, values));
        }
        let nulls = self.nulls.get_or_insert_with(|| Arc::new(StringArray::new_null(values.count())));
        Arc::clone(nulls)
    }

    fn push(&mut self, name: &str, array: ArrayRef) {
        self.push_part(name, "", array);
    }

    fn push_part(&mut self, name: &str, part: &str, array: ArrayRef) {
        debug_assert_eq!(self.schema.field(self.arrays.len()).name().strip_prefix(name), Some(part));
        self.arrays.push(array);
    }
}

/// An array of just the size it needs; of nulls where it would need more than the budget allows.
pub(crate) fn strings<'t>(
    budget: &TextBudget,
    values: impl Iterator<Item = Option<&'t str>> + Clone,
) -> StringArray {
    let (mut count, mut bytes) = (0, 0);
    for value in values.clone() {
        count += 1;
        bytes += value.map_or(0, str::len);
    }
    if !budget.allows(bytes) {
        return StringArray::new_null(count);
    }
    let mut builder = StringBuilder::with_capacity(count, bytes);
    for value in values {
        builder.append_option(value);
    }
    builder.finish()
}
