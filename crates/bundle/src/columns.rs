//! Fills the columns of one table, in the order of its schema.
//!
//! A column is filled whole before the next begins, from an iterator over the rows. Most columns of most tables hold
//! nothing: of each type, one array of nothing is shared by all of them.

use std::mem::take;
use std::sync::{Arc, LazyLock};

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use bedside_model::schema::Table;
use bedside_model::{NoticeCode, day_interval};

use crate::arrays::{Blocks, Part};
use crate::collected::{Collected, TextBudget};
use crate::concepts::{Degraded, Described, TermSource};
use crate::elements::{Coding, Identifier};
use crate::findings::Findings;
use crate::flags::Flags;
use crate::text::{Interval, Span, Text};

/// The columns of one table, so far.
pub(crate) struct Columns<'g, 's> {
    all: &'g Collected<'s>,
    table: Table,
    schema: SchemaRef,
    blocks: Blocks,
    columns: Vec<Column>,
    /// Columns that hold nothing, nulls or empty lists: the first of each type.
    nothing: Vec<usize>,
    spare: Spare,
}

enum Column {
    Of(Part),
    /// It holds what an earlier one holds.
    Same(usize),
}

/// Memory in which a column's values are gathered, one column after another.
#[derive(Default)]
struct Spare {
    texts: Vec<Option<&'static str>>,
    numbers: Vec<Option<i32>>,
    more_numbers: Vec<Option<i32>>,
    ends: Vec<i32>,
}

/// A table without rows. There is at least one in most small records, and each is made once.
pub(crate) fn empty(table: Table) -> RecordBatch {
    without_rows(table).clone()
}

fn without_rows(table: Table) -> &'static RecordBatch {
    static EMPTY: LazyLock<Vec<RecordBatch>> =
        LazyLock::new(|| Table::ALL.iter().map(|table| RecordBatch::new_empty(table.schema())).collect());
    &EMPTY[table as usize]
}

impl<'g, 's> Columns<'g, 's> {
    pub(crate) fn new(table: Table, all: &'g Collected<'s>) -> Self {
        let schema = table.schema();
        let columns = Vec::with_capacity(schema.fields().len());
        let (blocks, nothing, spare) = Default::default();
        Self { all, table, schema, blocks, columns, nothing, spare }
    }

    /// The table.
    pub(crate) fn finish(self) -> RecordBatch {
        let buffers = self.blocks.finish();
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.columns.len());
        let fields = self.schema.fields().iter().zip(without_rows(self.table).columns());
        for ((field, empty), column) in fields.zip(&self.columns) {
            arrays.push(match column {
                Column::Of(part) => buffers.array(field.data_type(), part, empty),
                Column::Same(earlier) => Arc::clone(&arrays[*earlier]),
            });
        }
        // The schema and the calls that fill it are both of this workspace and every test compares them.
        RecordBatch::try_new(self.schema, arrays).expect("columns are filled as their schema declares")
    }

    pub(crate) fn count(&mut self, name: &str, values: impl Iterator<Item = Option<u32>>) {
        let mut counts = take(&mut self.spare.numbers);
        counts.clear();
        counts.extend(values.map(|count| count.map(u32::cast_signed)));
        self.push_some(name, "", &counts, Blocks::numbers);
        self.spare.numbers = counts;
    }

    pub(crate) fn flag(&mut self, name: &str, values: impl Iterator<Item = Option<bool>>) {
        let values: Vec<Option<bool>> = values.collect();
        self.push_some(name, "", &values, Blocks::booleans);
    }

    pub(crate) fn text<'t>(&mut self, name: &str, values: impl Iterator<Item = Option<&'t str>>) {
        self.text_part(name, "", values);
    }

    /// A column of words of ours. They are few and short, so what they take is bounded by the rows alone.
    pub(crate) fn words<'t>(&mut self, name: &str, values: impl Iterator<Item = Option<&'t str>>) {
        self.text_within(&TextBudget::of_words(), name, "", values);
    }

    /// A column of texts that were kept as sent.
    pub(crate) fn kept(&mut self, name: &str, values: impl Iterator<Item = Text>) {
        let store = &self.all.store;
        self.text(name, values.map(|text| store.get(text)));
    }

    /// A column of lists of texts.
    pub(crate) fn texts<'t, L>(&mut self, name: &str, lists: impl Iterator<Item = L>)
    where
        L: IntoIterator<Item = &'t str>,
    {
        let mut items = emptied(take(&mut self.spare.texts));
        let ends = lists.map(|list| {
            items.extend(list.into_iter().map(Some));
            items.len() as i32
        });
        let mut all_ends = take(&mut self.spare.ends);
        all_ends.clear();
        all_ends.extend(ends);
        let budget = &self.all.text;
        self.push_lists(name, "", &all_ends, |columns| vec![columns.blocks.texts(budget, &items)]);
        self.spare.texts = emptied(items);
        self.spare.ends = all_ends;
    }

    /// A column of lists of texts that were kept as sent.
    pub(crate) fn kept_texts(&mut self, name: &str, spans: impl Iterator<Item = Span>) {
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
        values: impl Iterator<Item = (u32, Text)>,
    ) {
        let store = &self.all.store;
        let read = values.map(|(resource, text)| {
            let written = store.get(text)?;
            let interval = day_interval(written);
            if interval.is_none() {
                findings.malformed(resource, NoticeCode::UnreadableDate, element);
            }
            Some((written, interval))
        });
        self.known_date(name, read);
    }

    /// The three columns of a date whose day is known already.
    pub(crate) fn known_date<'t>(
        &mut self,
        name: &str,
        values: impl Iterator<Item = Option<(&'t str, Interval)>>,
    ) {
        let mut texts = emptied(take(&mut self.spare.texts));
        let (mut from, mut to) = (take(&mut self.spare.numbers), take(&mut self.spare.more_numbers));
        from.clear();
        to.clear();
        texts.extend(values.map(|value| {
            let days = value.and_then(|(_, days)| days);
            from.push(days.map(|(first, _)| first.0));
            to.push(days.map(|(_, last)| last.0));
            value.map(|(text, _)| text)
        }));
        let budget = &self.all.text;
        self.push_some(name, "", &texts, |blocks, texts| blocks.texts(budget, texts));
        self.push_some(name, "_from", &from, Blocks::numbers);
        self.push_some(name, "_to", &to, Blocks::numbers);
        let texts = emptied(texts);
        self.spare = Spare { texts, numbers: from, more_numbers: to, ..take(&mut self.spare) };
    }

    /// The eight columns of a concept.
    pub(crate) fn concept<'c>(
        &mut self,
        name: &str,
        values: impl Iterator<Item = &'c Described<'c>> + Clone,
    ) {
        let store = &self.all.store;
        let values = || values.clone();
        self.text_part(name, "_code", values().map(|value| store.get(value.preferred().code)));
        self.text_part(name, "_system", values().map(|value| store.get(value.preferred().system)));
        self.text_part(name, "_display", values().map(|value| store.get(value.preferred().display)));
        self.text_part(name, "_text", values().map(|value| store.get(value.text)));
        self.text_part(name, "_term", values().map(|value| value.term));
        self.text_part(name, "_term_source", values().map(|value| value.term_source.map(TermSource::as_str)));
        self.text_part(name, "_degraded", values().map(|value| value.degraded.map(Degraded::as_str)));
        self.codings(name, "_codings", values().map(|value| value.codings));
    }

    pub(crate) fn identifiers(&mut self, name: &str, spans: impl Iterator<Item = Span> + Clone) {
        let all = self.all;
        let items: Vec<&Identifier> = spans.clone().flat_map(|span| span.of(&all.identifiers)).collect();
        self.structs(name, "", spans.map(|span| span.length as usize), |columns| {
            vec![
                columns.kept_items(items.iter().map(|item| item.system)),
                columns.kept_items(items.iter().map(|item| item.value)),
            ]
        });
    }

    /// The last column of a clinical table.
    pub(crate) fn flags(&mut self, values: impl Iterator<Item = Flags>) {
        self.texts("flags", values.map(Flags::names));
    }

    /// A column of lists of codings.
    pub(crate) fn codings(&mut self, name: &str, part: &str, spans: impl Iterator<Item = Span> + Clone) {
        let all = self.all;
        let total: usize = spans.clone().map(|span| span.length as usize).sum();
        // Many records may share one drug of many codings.
        let allowed = all.text.allows(total.saturating_mul(size_of::<Coding>()));
        let spans = spans.map(move |span| if allowed { span } else { Span::default() });
        let items: Vec<&Coding> = spans.clone().flat_map(|span| span.of(&all.codings)).collect();
        self.structs(name, part, spans.map(|span| span.length as usize), |columns| {
            let user_selected: Vec<Option<bool>> = items.iter().map(|item| item.user_selected).collect();
            vec![
                columns.kept_items(items.iter().map(|item| item.system)),
                columns.kept_items(items.iter().map(|item| item.code)),
                columns.kept_items(items.iter().map(|item| item.display)),
                columns.blocks.booleans(&user_selected),
                columns.kept_items(items.iter().map(|item| item.description_id)),
                columns.kept_items(items.iter().map(|item| item.description_display)),
            ]
        });
    }

    /// A column of lists of structs, given how many each list has and the values of their fields.
    pub(crate) fn structs(
        &mut self,
        name: &str,
        part: &str,
        lengths: impl Iterator<Item = usize>,
        fields: impl FnOnce(&mut Self) -> Vec<Part>,
    ) {
        let mut ends = take(&mut self.spare.ends);
        ends.clear();
        let mut end = 0;
        ends.extend(lengths.map(|length| {
            end += length as i32;
            end
        }));
        self.push_lists(name, part, &ends, fields);
        self.spare.ends = ends;
    }

    /// A field of structs: texts that were kept as sent.
    pub(crate) fn kept_items(&mut self, items: impl Iterator<Item = Text>) -> Part {
        let store = &self.all.store;
        self.text_items(items.map(|text| store.get(text)))
    }

    /// A field of structs.
    pub(crate) fn text_items<'t>(&mut self, items: impl Iterator<Item = Option<&'t str>>) -> Part {
        let mut texts = emptied(take(&mut self.spare.texts));
        texts.extend(items);
        let part = self.blocks.texts(&self.all.text, &texts);
        self.spare.texts = emptied(texts);
        part
    }

    fn text_part<'t>(&mut self, name: &str, part: &str, values: impl Iterator<Item = Option<&'t str>>) {
        self.text_within(&self.all.text, name, part, values);
    }

    fn text_within<'t>(
        &mut self,
        budget: &TextBudget,
        name: &str,
        part: &str,
        values: impl Iterator<Item = Option<&'t str>>,
    ) {
        let mut texts = emptied(take(&mut self.spare.texts));
        texts.extend(values);
        self.push_some(name, part, &texts, |blocks, texts| blocks.texts(budget, texts));
        self.spare.texts = emptied(texts);
    }

    /// A column of lists that end as given, of which each may be empty, or all.
    fn push_lists(
        &mut self,
        name: &str,
        part: &str,
        ends: &[i32],
        items: impl FnOnce(&mut Self) -> Vec<Part>,
    ) {
        let nothing = ends.last().is_none_or(|end| *end == 0);
        self.push(name, part, nothing, |columns| {
            let items = if nothing { Vec::new() } else { items(columns) };
            columns.blocks.lists(ends, items)
        });
    }

    /// A column of values, of which each may be absent, or all.
    fn push_some<T>(
        &mut self,
        name: &str,
        part: &str,
        values: &[Option<T>],
        write: impl FnOnce(&mut Blocks, &[Option<T>]) -> Part,
    ) {
        let nothing = values.iter().all(Option::is_none);
        self.push(name, part, nothing, |columns| write(&mut columns.blocks, values));
    }

    /// The next column; where it holds nothing, what holds nothing already of its type.
    fn push(&mut self, name: &str, part: &str, nothing: bool, write: impl FnOnce(&mut Self) -> Part) {
        let fields = self.schema.fields();
        let place = self.columns.len();
        debug_assert_eq!(fields[place].name().strip_prefix(name), Some(part));
        if nothing {
            let of = fields[place].data_type();
            if let Some(same) = self.nothing.iter().find(|same| fields[**same].data_type() == of) {
                return self.columns.push(Column::Same(*same));
            }
            self.nothing.push(place);
        }
        let part = write(self);
        self.columns.push(Column::Of(part));
    }
}

/// The memory of a list of texts for texts of another lifetime. The standard library collects a list in the place of
/// the one that it consumes.
fn emptied<'t>(mut texts: Vec<Option<&str>>) -> Vec<Option<&'t str>> {
    texts.clear();
    texts.into_iter().map(|_| None).collect()
}
