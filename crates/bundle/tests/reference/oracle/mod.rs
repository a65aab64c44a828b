//! The reference path: a bundle by `serde_json`, and every row of every table in the plainest way, from the record
//! contract and the sheets alone. Nothing of it is shared with the product; where both read the same sentence
//! differently one of them is wrong.
//!
//! The contract leaves some things open: of notices the words, the element and, of the normaliser's own, the severity;
//! the order of flags and, within an entry, that of links and notices. These are not compared.
#![allow(dead_code, unreachable_pub)]

pub mod allergies;
pub mod bundle;
pub mod compare;
pub mod concepts;
pub mod consultations;
pub mod elements;
pub mod findings;
pub mod graph;
pub mod json;
pub mod links;
pub mod lists;
pub mod medication_issues;
pub mod medications;
pub mod medicines;
pub mod nodes;
pub mod notices;
pub mod problems;
pub mod reader;
pub mod records;
pub mod relations;
pub mod rows;
pub mod sections;
pub mod standing;
pub mod support;
pub mod text;

use std::collections::BTreeMap;

use bundle::{Resource, account};
use findings::Findings;
use graph::Graph;
use json::Refusal;
use relations::{Key, Place, Relations};
use rows::{Row, identifiers, put, put_flags};

/// Everything that a record holds.
pub struct Record {
    /// By the name of the table.
    pub tables: BTreeMap<&'static str, Vec<Row>>,
    /// By type: seen, normalised, context and unmapped.
    pub accounting: BTreeMap<String, [u32; 4]>,
}

/// Where everything is looked up.
pub struct Context<'a> {
    pub graph: &'a Graph<'a>,
    pub relations: &'a Relations,
    /// The day of retrieval.
    pub today: i32,
}

/// Reads a bundle as of a day, with the areas that were asked for where that is known.
pub fn read(bytes: &[u8], today: i32, requested: Option<&[&str]>) -> Result<Record, Refusal> {
    let document = json::parse(bytes)?;
    let mut bundle = bundle::read(&document)?;
    let mut findings = std::mem::take(&mut bundle.findings);
    let graph = Graph::new(&bundle);
    let relations = Relations::new(&graph, &mut findings);
    let context = Context { graph: &graph, relations: &relations, today };
    notices::notice_patients(&graph, &mut findings);
    // Issues first: what of them cannot be read is known before the statements that join them are judged.
    let issues = medication_issues::table(&context, &mut findings);
    let medications = medications::table(&context, &mut findings);
    let allergies = allergies::table(&context, &mut findings);
    let problems = problems::table(&context, &mut findings);
    let recorded =
        [("medication", &medications), ("issue", &issues), ("allergy", &allergies), ("problem", &problems)];
    let recorded = recorded.map(|(name, table)| (name, places(table)));
    let consultations = consultations::table(&context, &recorded, &mut findings);
    let sections = sections::table(&context, requested, bundle.more_pages, &mut findings);
    let tables = BTreeMap::from([
        ("medications", medications.rows),
        ("medication_issues", issues.rows),
        ("allergies", allergies.rows),
        ("problems", problems.rows),
        ("consultations", consultations),
        ("consultation_nodes", nodes::table(&context)),
        ("links", links::table(&context)),
        ("sections", sections),
        ("notices", notices::table(&context, &findings)),
    ]);
    Ok(Record { tables, accounting: accounting(&bundle.resources) })
}

/// The rows of a table of records, and the consultation of each.
#[derive(Default)]
pub struct Placed {
    pub rows: Vec<Row>,
    pub places: Vec<Option<Place>>,
}

/// The Encounters in which rows were recorded.
fn places(table: &Placed) -> Vec<usize> {
    table.places.iter().flatten().filter_map(|place| place.encounter).collect()
}

/// Contract rule 1: every resource seen is counted once; a repeat counts where its first counts.
fn accounting(resources: &[Resource]) -> BTreeMap<String, [u32; 4]> {
    let mut accounts: BTreeMap<String, [u32; 4]> = BTreeMap::new();
    for resource in resources {
        let name = if resource.kind.is_empty() { "unknown" } else { &resource.kind };
        let counts = accounts.entry(name.to_owned()).or_default();
        counts[0] += 1;
        let place = match account(&resource.kind) {
            "normalised" => 1,
            "context" => 2,
            _ => 3,
        };
        counts[place] += 1;
    }
    accounts
}

impl Context<'_> {
    /// Begins the row of a record.
    pub fn begin(&self, number: usize, id: &str) -> Row {
        let resource = self.graph.resource(number);
        let mut row = Row::new();
        put(&mut row, "entry_index", Some(resource.entry));
        put(&mut row, id, &resource.id);
        if let Some(head) = resource.head() {
            row.insert("identifiers".to_owned(), identifiers(&head.identifiers));
            put(&mut row, "notes", head.notes.clone());
            put(&mut row, "security", head.security.clone());
        }
        row
    }

    /// Where a record was recorded: its context first, else the first structure list that holds it.
    pub fn put_place(&self, row: &mut Row, place: &Option<Place>) {
        put(row, "consultation_id", place.as_ref().map(|place| place.id.clone()));
        put(row, "consultation_link", place.as_ref().map(|place| place.link));
    }

    /// Ends the row of a record that is known by one key alone.
    pub fn finish(&self, row: &mut Row, number: usize, flags: &[(&str, bool)], findings: &Findings) {
        let key = Relations::key(self.graph, number);
        put(row, "membership", self.relations.membership(&[key]));
        let malformed = ("malformed", findings.malformed.contains(&number));
        put_flags(row, &[flags, &[malformed]].concat());
    }

    pub fn key(&self, number: usize) -> Key {
        Relations::key(self.graph, number)
    }
}
