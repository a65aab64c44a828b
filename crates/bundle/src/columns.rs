//! Fills the columns of one table, in the order of its schema.
//!
//! A column is filled whole before the next begins, from an iterator over the rows. Of each only a short loop is made for its
//! own kind of rows, which gathers what they say: a table runs once a bundle, and its code comes from afar each time. What
//! several columns hold, be it nothing, is one array.

use std::cell::Cell;
use std::mem::take;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use bedside_model::NoticeCode;
use bedside_model::schema::Table;

use crate::arrays::{Blocks, Draft, Gathered, Part, SpareTexts, Values, emptied};
use crate::collected::{Collected, TextBudget};
use crate::concepts::{Degraded, Described, TermSource};
use crate::date::Date;
use crate::elements::Coding;
use crate::findings::Findings;
use crate::flags::Flags;
use crate::nothing::with_nothing;
use crate::text::{Interval, Span, Text};

/// The columns of one table, so far.
pub(crate) struct Columns<'g, 's> {
    all: &'g Collected<'s>,
    table: Table,
    schema: SchemaRef,
    rows: usize,
    blocks: Blocks,
    columns: Vec<Column>,
    spare: Spare,
}

#[derive(Clone, Copy)]
enum Column {
    Of(Part),
    /// It holds what an earlier one holds.
    Same(usize),
    Nothing,
}

/// Memory in which a column's values are gathered, one column after another, of one table after another.
#[derive(Default)]
struct Spare {
    kept: Vec<Text>,
    texts: SpareTexts,
    draft: Draft,
    dates: Vec<(u32, Date)>,
    numbers: Vec<Option<i32>>,
    more_numbers: Vec<Option<i32>>,
    flags: Vec<Option<bool>>,
    ends: Vec<i32>,
}

/// Of a table of so many rows at most the memory stays with the thread.
const MOST_KEPT_ROWS: usize = 1 << 10;

thread_local! {
    static SPARE: Cell<Option<Spare>> = const { Cell::new(None) };
}

impl<'g, 's> Columns<'g, 's> {
    pub(crate) fn new(table: Table, rows: usize, all: &'g Collected<'s>) -> Self {
        let schema = table.schema();
        let columns = Vec::with_capacity(schema.fields().len());
        let mut spare = SPARE.take().unwrap_or_default();
        if rows <= MOST_KEPT_ROWS {
            spare.numbers.reserve(rows);
            spare.ends.clear();
            spare.ends.reserve(rows);
        }
        let blocks = Blocks::new(take(&mut spare.draft));
        Self { all, table, schema, rows, blocks, columns, spare }
    }

    /// The table.
    pub(crate) fn finish(self) -> RecordBatch {
        let Self { table, schema, rows, columns, spare, .. } = self;
        let (buffers, draft) = self.blocks.finish();
        let spare = if rows <= MOST_KEPT_ROWS { spare } else { Spare::default() };
        SPARE.set(Some(Spare { draft, ..spare }));
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(columns.len());
        with_nothing(table, rows, |mut nothing| {
            for (place, (field, column)) in schema.fields().iter().zip(columns).enumerate() {
                arrays.push(match column {
                    Column::Of(part) => buffers.array(field.data_type(), part),
                    Column::Same(earlier) => Arc::clone(&arrays[earlier]),
                    Column::Nothing => nothing.array(place),
                });
            }
        });
        // The schema and the calls that fill it are both of this workspace and every test compares them.
        RecordBatch::try_new(schema, arrays).expect("columns are filled as their schema declares")
    }

    pub(crate) fn count(&mut self, name: &str, values: impl Iterator<Item = Option<u32>>) {
        let mut counts = take(&mut self.spare.numbers);
        counts.clear();
        counts.extend(values.map(|count| count.map(u32::cast_signed)));
        self.push_some(name, "", &counts, Blocks::numbers);
        self.spare.numbers = self.kept_memory(counts);
    }

    pub(crate) fn flag(&mut self, name: &str, values: impl Iterator<Item = Option<bool>>) {
        let mut flags = take(&mut self.spare.flags);
        flags.clear();
        flags.extend(values);
        self.push_some(name, "", &flags, Blocks::booleans);
        self.spare.flags = self.kept_memory(flags);
    }

    pub(crate) fn text<'t>(&mut self, name: &str, values: impl Iterator<Item = Option<&'t str>>) {
        self.text_part(&self.all.text, name, "", values);
    }

    /// A column of words of ours. They are few and short, so what they take is bounded by the rows alone.
    pub(crate) fn words<'t>(&mut self, name: &str, values: impl Iterator<Item = Option<&'t str>>) {
        self.text_part(&TextBudget::of_words(), name, "", values);
    }

    /// A column of texts that were kept as sent.
    pub(crate) fn kept(&mut self, name: &str, values: impl Iterator<Item = Text>) {
        self.kept_part(name, "", values);
    }

    /// A column of lists of texts.
    pub(crate) fn texts<'t, L>(&mut self, name: &str, lists: impl Iterator<Item = L>)
    where
        L: IntoIterator<Item = &'t str>,
    {
        let mut items: Vec<Option<&[u8]>> = self.memory_of_texts();
        let mut ends = take(&mut self.spare.ends);
        ends.clear();
        ends.extend(lists.map(|list| {
            items.extend(list.into_iter().map(|text| Some(text.as_bytes())));
            items.len() as i32
        }));
        self.push_lists(name, "", &ends, |columns| columns.keep_items(&items));
        self.spare.ends = self.kept_memory(ends);
        self.spare.texts = emptied(items);
    }

    /// A column of lists of texts that were kept as sent.
    pub(crate) fn kept_texts(&mut self, name: &str, spans: impl Iterator<Item = Span>) {
        let all = self.all;
        let spans: Vec<Span> = spans.collect();
        self.spans(name, "", &spans, |columns| {
            columns.kept_items(spans.iter().flat_map(|span| span.of(&all.texts)).copied());
        });
    }

    /// The three columns of a date, each given with the number of the resource it stands in. A date that cannot
    /// be read is noticed and marks its resource as malformed.
    pub(crate) fn date(
        &mut self,
        name: &str,
        element: &'static str,
        findings: &mut Findings,
        values: impl Iterator<Item = (u32, Date)>,
    ) {
        let mut dates = take(&mut self.spare.dates);
        dates.clear();
        dates.extend(values);
        for (resource, date) in &dates {
            if date.is_some() && date.days().is_none() {
                findings.malformed(*resource, NoticeCode::UnreadableDate, element);
            }
        }
        self.dates(name, &dates);
        self.spare.dates = self.kept_memory(dates);
    }

    #[inline(never)]
    fn dates(&mut self, name: &str, dates: &[(u32, Date)]) {
        self.kept_part(name, "", dates.iter().map(|(_, date)| date.text));
        self.days(name, dates.iter().map(|(_, date)| date.days()));
    }

    /// The three columns of a date whose day is known already.
    pub(crate) fn known_date<'t>(
        &mut self,
        name: &str,
        values: impl Iterator<Item = (Option<&'t str>, Interval)> + Clone,
    ) {
        self.text_part(&self.all.text, name, "", values.clone().map(|(text, _)| text));
        self.days(name, values.map(|(_, days)| days));
    }

    /// The first and the last days that dates may mean.
    fn days(&mut self, name: &str, values: impl Iterator<Item = Interval>) {
        let (mut from, mut to) = (take(&mut self.spare.numbers), take(&mut self.spare.more_numbers));
        from.clear();
        to.clear();
        let mut all_days = true;
        from.extend(values.map(|days| {
            to.push(days.map(|(_, last)| last.0));
            all_days &= days.is_none_or(|(first, last)| first == last);
            days.map(|(first, _)| first.0)
        }));
        self.push_some(name, "_from", &from, Blocks::numbers);
        if all_days {
            self.push(name, "_to", Column::Same(self.columns.len() - 1));
        } else {
            self.push_some(name, "_to", &to, Blocks::numbers);
        }
        (self.spare.numbers, self.spare.more_numbers) = (self.kept_memory(from), self.kept_memory(to));
    }

    /// The eight columns of a concept.
    pub(crate) fn concept<'c>(&mut self, name: &str, values: impl Iterator<Item = &'c Described<'c>>) {
        self.described(name, &values.collect::<Vec<_>>());
    }

    #[inline(never)]
    fn described(&mut self, name: &str, values: &[&Described<'_>]) {
        let values = || values.iter().copied();
        self.kept_part(name, "_code", values().map(|value| value.preferred().code));
        self.kept_part(name, "_system", values().map(|value| value.preferred().system));
        self.kept_part(name, "_display", values().map(|value| value.preferred().display));
        self.kept_part(name, "_text", values().map(|value| value.text));
        self.term(name, values());
        let budget = &self.all.text;
        let source = |value: &Described<'_>| value.term_source.map(TermSource::as_str);
        self.text_part(budget, name, "_term_source", values().map(source));
        let degraded = |value: &Described<'_>| value.degraded.map(Degraded::as_str);
        self.text_part(budget, name, "_degraded", values().map(degraded));
        self.codings(name, "_codings", values().map(|value| value.codings));
    }

    /// The term of a concept. Suppliers write it in the text or in the display, and most in one of them alone.
    fn term<'c>(&mut self, name: &str, values: impl Iterator<Item = &'c Described<'c>> + Clone) {
        let (display, text) = (self.columns.len() - 2, self.columns.len() - 1);
        if values.clone().all(|value| value.term == value.text) {
            self.push(name, "_term", Column::Same(text));
        } else if values.clone().all(|value| value.term == value.preferred().display) {
            self.push(name, "_term", Column::Same(display));
        } else {
            self.kept_part(name, "_term", values.map(|value| value.term));
        }
    }

    pub(crate) fn identifiers(&mut self, name: &str, spans: impl Iterator<Item = Span>) {
        let all = self.all;
        let spans: Vec<Span> = spans.collect();
        self.spans(name, "", &spans, |columns| {
            let items = pooled(&spans, &all.identifiers);
            columns.kept_items(items.iter().map(|item| item.system));
            columns.kept_items(items.iter().map(|item| item.value));
        });
    }

    /// The last column of a clinical table.
    pub(crate) fn flags(&mut self, values: impl Iterator<Item = Flags>) {
        self.texts("flags", values.map(Flags::names));
    }

    /// A column of lists of codings.
    pub(crate) fn codings(&mut self, name: &str, part: &str, spans: impl Iterator<Item = Span>) {
        let all = self.all;
        let mut spans: Vec<Span> = spans.collect();
        let total: usize = spans.iter().map(|span| span.length as usize).sum();
        // Many records may share one drug of many codings.
        if !all.text.allows(total.saturating_mul(size_of::<Coding>())) {
            spans.fill(Span::default());
        }
        self.spans(name, part, &spans, |columns| {
            let items = pooled(&spans, &all.codings);
            columns.kept_items(items.iter().map(|item| item.system));
            columns.kept_items(items.iter().map(|item| item.code));
            columns.kept_items(items.iter().map(|item| item.display));
            let user_selected: Vec<Option<bool>> = items.iter().map(|item| item.user_selected).collect();
            let written = columns.blocks.booleans(&user_selected, present(&user_selected));
            columns.blocks.keep_items(written);
            columns.kept_items(items.iter().map(|item| item.description_id));
            columns.kept_items(items.iter().map(|item| item.description_display));
        });
    }

    /// A column of lists of what some spans hold.
    fn spans(&mut self, name: &str, part: &str, spans: &[Span], items: impl FnOnce(&mut Self)) {
        self.structs(name, part, spans.iter().map(|span| span.length as usize), items);
    }

    /// A column of lists of structs, given how many each list has and the values of their fields.
    pub(crate) fn structs(
        &mut self,
        name: &str,
        part: &str,
        lengths: impl Iterator<Item = usize>,
        fields: impl FnOnce(&mut Self),
    ) {
        let mut ends = take(&mut self.spare.ends);
        ends.clear();
        let mut end = 0;
        ends.extend(lengths.map(|length| {
            end += length as i32;
            end
        }));
        self.push_lists(name, part, &ends, fields);
        self.spare.ends = self.kept_memory(ends);
    }

    /// A field of structs: texts that were kept as sent.
    pub(crate) fn kept_items(&mut self, items: impl Iterator<Item = Text>) {
        let mut texts = self.memory_of_kept();
        texts.extend(items);
        self.keep_items(&texts);
        self.spare.kept = texts;
    }

    /// A field of structs.
    pub(crate) fn text_items<'t>(&mut self, items: impl Iterator<Item = Option<&'t str>>) {
        let mut texts: Vec<Option<&[u8]>> = self.memory_of_texts();
        texts.extend(items.map(|text| text.map(str::as_bytes)));
        self.keep_items(&texts);
        self.spare.texts = emptied(texts);
    }

    /// Keeps texts as items of lists, none where they are more than the budget allows.
    #[inline(never)]
    fn keep_items<T: Gathered>(&mut self, texts: &[T]) {
        let written = self.blocks.texts(texts, &self.all.store, &self.all.text);
        let written = written.unwrap_or_else(|| self.blocks.no_texts(texts.len()));
        self.blocks.keep_items(written);
    }

    fn kept_part(&mut self, name: &str, part: &str, values: impl Iterator<Item = Text>) {
        let mut texts = self.memory_of_kept();
        texts.extend(values);
        self.push_texts(&self.all.text, name, part, &texts);
        self.spare.kept = texts;
    }

    fn text_part<'t>(
        &mut self,
        budget: &TextBudget,
        name: &str,
        part: &str,
        values: impl Iterator<Item = Option<&'t str>>,
    ) {
        let mut texts: Vec<Option<&[u8]>> = self.memory_of_texts();
        texts.extend(values.map(|text| text.map(str::as_bytes)));
        self.push_texts(budget, name, part, &texts);
        self.spare.texts = emptied(texts);
    }

    /// A column of texts, none where they are more than the budget allows.
    #[inline(never)]
    fn push_texts<T: Gathered>(&mut self, budget: &TextBudget, name: &str, part: &str, texts: &[T]) {
        let written = self.blocks.texts(texts, &self.all.store, budget);
        let column = written.map_or(Column::Nothing, |values| Column::Of(Part::Values(values)));
        self.push(name, part, column);
    }

    /// A column of lists that end as given, of which each may be empty, or all.
    fn push_lists(&mut self, name: &str, part: &str, ends: &[i32], items: impl FnOnce(&mut Self)) {
        if ends.last().is_none_or(|end| *end == 0) {
            return self.push(name, part, Column::Nothing);
        }
        let first_item = self.blocks.count_items();
        items(self);
        let lists = self.blocks.lists(ends, first_item);
        self.push(name, part, Column::Of(lists));
    }

    /// A column of values, of which each may be absent, or all.
    fn push_some<T>(
        &mut self,
        name: &str,
        part: &str,
        values: &[Option<T>],
        write: impl FnOnce(&mut Blocks, &[Option<T>], usize) -> Values,
    ) {
        let column = match present(values) {
            0 => Column::Nothing,
            present => Column::Of(Part::Values(write(&mut self.blocks, values, present))),
        };
        self.push(name, part, column);
    }

    /// Memory to gather kept texts in. Of a table of many rows it is one memory for them or for texts, not both.
    fn memory_of_kept(&mut self) -> Vec<Text> {
        if self.rows > MOST_KEPT_ROWS {
            self.spare.texts = SpareTexts::new();
        }
        let mut memory = take(&mut self.spare.kept);
        memory.clear();
        memory
    }

    /// Memory to gather texts in, as [`Columns::memory_of_kept`].
    fn memory_of_texts(&mut self) -> SpareTexts {
        if self.rows > MOST_KEPT_ROWS {
            self.spare.kept = Vec::new();
        }
        take(&mut self.spare.texts)
    }

    /// Memory for the next column; nothing of a table of many rows, whose texts take enough.
    fn kept_memory<T>(&self, memory: Vec<T>) -> Vec<T> {
        if self.rows <= MOST_KEPT_ROWS { memory } else { Vec::new() }
    }

    fn push(&mut self, name: &str, part: &str, column: Column) {
        debug_assert_eq!(self.schema.field(self.columns.len()).name().strip_prefix(name), Some(part));
        self.columns.push(column);
    }
}

/// What some spans of a pool hold.
fn pooled<'p, T>(spans: &[Span], pool: &'p [T]) -> Vec<&'p T> {
    let mut items = Vec::with_capacity(spans.iter().map(|span| span.length as usize).sum());
    spans.iter().for_each(|span| items.extend(span.of(pool)));
    items
}

fn present<T>(values: &[Option<T>]) -> usize {
    values.iter().flatten().count()
}
