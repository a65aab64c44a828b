//! Rows of a table, cell by cell.

use std::collections::BTreeMap;

use super::concepts::{Term, degraded, preferred, term};
use super::elements::{Coding, Concept, Identifier};
use super::findings::Findings;
use super::text::days;

/// What a column holds in a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    Null,
    Text(String),
    Flag(bool),
    Count(u32),
    /// Days since 1970.
    Day(i32),
    List(Vec<Cell>),
    Struct(BTreeMap<String, Cell>),
}

/// A row, by column.
pub type Row = BTreeMap<String, Cell>;

impl From<Option<String>> for Cell {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

impl From<&Option<String>> for Cell {
    fn from(text: &Option<String>) -> Self {
        text.clone().into()
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Option<&str>> for Cell {
    fn from(text: Option<&str>) -> Self {
        text.map_or(Self::Null, Self::from)
    }
}

impl From<bool> for Cell {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<Option<bool>> for Cell {
    fn from(flag: Option<bool>) -> Self {
        flag.map_or(Self::Null, Self::Flag)
    }
}

impl From<Option<u32>> for Cell {
    fn from(count: Option<u32>) -> Self {
        count.map_or(Self::Null, Self::Count)
    }
}

impl From<usize> for Cell {
    fn from(count: usize) -> Self {
        Self::Count(count as u32)
    }
}

impl From<Option<i32>> for Cell {
    fn from(day: Option<i32>) -> Self {
        day.map_or(Self::Null, Self::Day)
    }
}

impl From<Vec<String>> for Cell {
    fn from(texts: Vec<String>) -> Self {
        Self::List(texts.into_iter().map(Self::Text).collect())
    }
}

/// Puts a cell into a row.
pub fn put(row: &mut Row, column: &str, cell: impl Into<Cell>) {
    row.insert(column.to_owned(), cell.into());
}

/// A cell of named fields.
pub fn fields<const N: usize>(fields: [(&str, Cell); N]) -> Cell {
    Cell::Struct(fields.into_iter().map(|(name, cell)| (name.to_owned(), cell)).collect())
}

/// The three cells of a date (contract rule 3). One that cannot be read is noticed of the resource that it stands in.
pub fn put_date(row: &mut Row, column: &str, text: &Option<String>, of: usize, findings: &mut Findings) {
    let read = text.as_deref().and_then(days);
    if text.is_some() && read.is_none() {
        findings.say(of, "unreadable_date");
        findings.malformed.insert(of);
    }
    put_known_date(row, column, text.clone(), read);
}

/// The three cells of a date of which the days are known.
pub fn put_known_date(row: &mut Row, column: &str, text: Option<String>, days: Option<(i32, i32)>) {
    put(row, column, text);
    put(row, &format!("{column}_from"), days.map(|(from, _)| from));
    put(row, &format!("{column}_to"), days.map(|(_, to)| to));
}

/// The eight cells of a concept (contract rule 4).
pub fn put_concept(row: &mut Row, column: &str, concept: &Concept) {
    put_concept_as(row, column, concept, term(concept));
}

/// As [`put_concept`], with another term than its own.
pub fn put_concept_as(row: &mut Row, column: &str, concept: &Concept, term: Term) {
    let coding = preferred(concept);
    put(row, &format!("{column}_code"), coding.code);
    put(row, &format!("{column}_system"), coding.system);
    put(row, &format!("{column}_display"), coding.display);
    put(row, &format!("{column}_text"), &concept.text);
    put(row, &format!("{column}_term_source"), term.as_ref().map(|(_, source)| *source));
    put(row, &format!("{column}_term"), term.map(|(term, _)| term));
    put(row, &format!("{column}_degraded"), degraded(concept));
    row.insert(format!("{column}_codings"), codings(concept));
}

/// Every coding in order.
pub fn codings(concept: &Concept) -> Cell {
    let coding = |coding: &Coding| {
        fields([
            ("system", (&coding.system).into()),
            ("code", (&coding.code).into()),
            ("display", (&coding.display).into()),
            ("user_selected", coding.user_selected.into()),
            ("description_id", (&coding.description_id).into()),
            ("description_display", (&coding.description_display).into()),
        ])
    };
    Cell::List(concept.codings.iter().map(coding).collect())
}

/// Business identifiers.
pub fn identifiers(identifiers: &[Identifier]) -> Cell {
    let identifier =
        |it: &Identifier| fields([("system", (&it.system).into()), ("value", (&it.value).into())]);
    Cell::List(identifiers.iter().map(identifier).collect())
}

/// Flags, which have no order of their own.
pub fn put_flags(row: &mut Row, flags: &[(&str, bool)]) {
    let raised = flags.iter().filter(|(_, holds)| *holds);
    let raised: std::collections::BTreeSet<Cell> = raised.map(|(flag, _)| Cell::from(*flag)).collect();
    row.insert("flags".to_owned(), Cell::List(raised.into_iter().collect()));
}
