//! Fills the columns of one table, in the order of its schema.
//!
//! A column is filled whole before the next begins, from an iterator over the rows. Most columns of most tables hold
//! nothing: of each type, one array of nothing is shared by all of them.

use std::sync::{Arc, LazyLock};

use arrow_array::types::{Date32Type, UInt32Type};
use arrow_array::{ArrayRef, ListArray, RecordBatch, StructArray, new_null_array};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, SchemaRef};
use bedside_model::schema::Table;
use bedside_model::{NoticeCode, day_interval};

use crate::arrays::{booleans, numbers, strings};
use crate::collected::{Collected, TextBudget};
use crate::concepts::Described;
use crate::elements::{Coding, Identifier};
use crate::findings::Findings;
use crate::flags::Flags;
use crate::text::{Interval, Span, Text};

/// The columns of one table, so far.
pub(crate) struct Columns<'g, 's> {
    all: &'g Collected<'s>,
    schema: SchemaRef,
    arrays: Vec<ArrayRef>,
    /// Arrays that hold nothing: nulls, or empty lists.
    nothing: Vec<ArrayRef>,
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
        Self { all, schema, arrays, nothing: Vec::new() }
    }

    /// The table.
    pub(crate) fn finish(self) -> RecordBatch {
        // The schema and the calls that fill it are both of this workspace and every test compares them.
        RecordBatch::try_new(self.schema, self.arrays).expect("columns are filled as their schema declares")
    }

    pub(crate) fn count(&mut self, name: &str, values: impl Iterator<Item = Option<u32>>) {
        let values: Vec<Option<u32>> = values.collect();
        self.push_some(name, "", &values, |values| Arc::new(numbers::<UInt32Type>(values)));
    }

    pub(crate) fn flag(&mut self, name: &str, values: impl Iterator<Item = Option<bool>>) {
        let values: Vec<Option<bool>> = values.collect();
        self.push_some(name, "", &values, |values| Arc::new(booleans(values)));
    }

    pub(crate) fn text<'t>(&mut self, name: &str, values: impl Iterator<Item = Option<&'t str>>) {
        self.text_part(name, "", values);
    }

    /// A column of words of ours. They are few and short, so what they take is bounded by the rows alone.
    pub(crate) fn words<'t>(&mut self, name: &str, values: impl Iterator<Item = Option<&'t str>>) {
        let values: Vec<Option<&str>> = values.collect();
        self.push_some(name, "", &values, |values| Arc::new(strings(&TextBudget::of_words(), values)));
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
        let mut items: Vec<Option<&str>> = Vec::new();
        let ends = lists.map(|list| {
            items.extend(list.into_iter().map(Some));
            items.len() as i32
        });
        let offsets: Vec<i32> = std::iter::once(0).chain(ends).collect();
        let budget = &self.all.text;
        self.push_lists(name, "", offsets, items.is_empty(), |_| Arc::new(strings(budget, &items)));
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
        let values: Vec<Option<(&str, Interval)>> = values.collect();
        self.text(name, values.iter().map(|value| value.map(|(text, _)| text)));
        let interval = |value: &Option<(&str, Interval)>| value.and_then(|(_, interval)| interval);
        let from: Vec<_> = values.iter().map(|value| interval(value).map(|(from, _)| from.0)).collect();
        self.push_some(name, "_from", &from, |days| Arc::new(numbers::<Date32Type>(days)));
        let to: Vec<_> = values.iter().map(|value| interval(value).map(|(_, to)| to.0)).collect();
        self.push_some(name, "_to", &to, |days| Arc::new(numbers::<Date32Type>(days)));
    }

    /// The eight columns of a concept.
    pub(crate) fn concept(&mut self, name: &str, values: &[Described<'_>]) {
        let store = &self.all.store;
        self.text_part(name, "_code", values.iter().map(|value| store.get(value.preferred.code)));
        self.text_part(name, "_system", values.iter().map(|value| store.get(value.preferred.system)));
        self.text_part(name, "_display", values.iter().map(|value| store.get(value.preferred.display)));
        self.text_part(name, "_text", values.iter().map(|value| store.get(value.text)));
        self.text_part(name, "_term", values.iter().map(|value| value.term));
        self.text_part(name, "_term_source", values.iter().map(|value| value.term_source));
        self.text_part(name, "_degraded", values.iter().map(|value| value.degraded));
        self.codings(name, "_codings", values.iter().map(|value| value.codings));
    }

    pub(crate) fn identifiers(&mut self, name: &str, spans: impl Iterator<Item = Span>) {
        let all = self.all;
        let spans: Vec<Span> = spans.collect();
        let items: Vec<&Identifier> = spans.iter().flat_map(|span| span.of(&all.identifiers)).collect();
        let field = |get: fn(&Identifier) -> Text| kept(all, items.iter().map(|item| get(item)));
        self.push_structs(name, "", offsets(&spans), items.is_empty(), || {
            vec![field(|identifier| identifier.system), field(|identifier| identifier.value)]
        });
    }

    /// The last column of a clinical table.
    pub(crate) fn flags(&mut self, values: impl Iterator<Item = Flags>) {
        self.texts("flags", values.map(Flags::names));
    }

    /// A column of lists of structs, given how many each list has and the arrays of their fields.
    pub(crate) fn structs(
        &mut self,
        name: &str,
        lengths: impl Iterator<Item = usize>,
        arrays: impl FnOnce() -> Vec<ArrayRef>,
    ) {
        let mut end = 0;
        let ends = lengths.map(|length| {
            end += length as i32;
            end
        });
        let offsets: Vec<i32> = std::iter::once(0).chain(ends).collect();
        self.push_structs(name, "", offsets, end == 0, arrays);
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
        let items: Vec<&Coding> = spans.iter().flat_map(|span| span.of(&all.codings)).collect();
        let field = |get: fn(&Coding) -> Text| kept(all, items.iter().map(|item| get(item)));
        self.push_structs(name, part, offsets(&spans), items.is_empty(), || {
            let user_selected: Vec<Option<bool>> = items.iter().map(|item| item.user_selected).collect();
            vec![
                field(|coding| coding.system),
                field(|coding| coding.code),
                field(|coding| coding.display),
                Arc::new(booleans(&user_selected)),
                field(|coding| coding.description_id),
                field(|coding| coding.description_display),
            ]
        });
    }

    fn text_part<'t>(&mut self, name: &str, part: &str, values: impl Iterator<Item = Option<&'t str>>) {
        let values: Vec<Option<&str>> = values.collect();
        let budget = &self.all.text;
        self.push_some(name, part, &values, |values| Arc::new(strings(budget, values)));
    }

    fn push_structs(
        &mut self,
        name: &str,
        part: &str,
        offsets: Vec<i32>,
        is_empty: bool,
        arrays: impl FnOnce() -> Vec<ArrayRef>,
    ) {
        self.push_lists(name, part, offsets, is_empty, |item| {
            let DataType::Struct(fields) = item else {
                unreachable!("the schema declares structs where they are filled");
            };
            Arc::new(StructArray::new(fields.clone(), arrays(), None))
        });
    }

    fn push_lists(
        &mut self,
        name: &str,
        part: &str,
        offsets: Vec<i32>,
        is_empty: bool,
        items: impl FnOnce(&DataType) -> ArrayRef,
    ) {
        if is_empty && self.push_nothing(name, part) {
            return;
        }
        let DataType::List(item) = self.schema.field(self.arrays.len()).data_type() else {
            unreachable!("the schema declares a list where one is filled");
        };
        let items = items(item.data_type());
        let list = ListArray::new(Arc::clone(item), OffsetBuffer::new(offsets.into()), items, None);
        let list: ArrayRef = Arc::new(list);
        if is_empty {
            self.nothing.push(Arc::clone(&list));
        }
        self.push(name, part, list);
    }

    /// A column of values, of which some may be absent, or all.
    fn push_some<T>(
        &mut self,
        name: &str,
        part: &str,
        values: &[Option<T>],
        array: impl FnOnce(&[Option<T>]) -> ArrayRef,
    ) {
        if values.iter().any(Option::is_some) {
            return self.push(name, part, array(values));
        }
        if !self.push_nothing(name, part) {
            let nulls = new_null_array(self.schema.field(self.arrays.len()).data_type(), values.len());
            self.nothing.push(Arc::clone(&nulls));
            self.push(name, part, nulls);
        }
    }

    /// Pushes the array of nothing of the column's type, where there is one already.
    fn push_nothing(&mut self, name: &str, part: &str) -> bool {
        let wanted = self.schema.field(self.arrays.len()).data_type();
        let found = self.nothing.iter().find(|array| array.data_type() == wanted).map(Arc::clone);
        found.map(|array| self.push(name, part, array)).is_some()
    }

    fn push(&mut self, name: &str, part: &str, array: ArrayRef) {
        debug_assert_eq!(self.schema.field(self.arrays.len()).name().strip_prefix(name), Some(part));
        self.arrays.push(array);
    }
}

/// An array of texts that were kept as sent.
pub(crate) fn kept(all: &Collected<'_>, texts: impl Iterator<Item = Text>) -> ArrayRef {
    let texts: Vec<Option<&str>> = texts.map(|text| all.store.get(text)).collect();
    Arc::new(strings(&all.text, &texts))
}

/// The offsets of lists that are as long as their spans.
fn offsets(spans: &[Span]) -> Vec<i32> {
    let mut end = 0;
    let ends = spans.iter().map(|span| {
        end += span.length as i32;
        end
    });
    std::iter::once(0).chain(ends).collect()
}
