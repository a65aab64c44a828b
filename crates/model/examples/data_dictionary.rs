//! Prints `docs/data-dictionary.md`: every column of the record, from its one declaration.
//!
//!     cargo run -p bedside-model --example data_dictionary > docs/data-dictionary.md

use bedside_model::schema::{
    Column, Kind, SCHEMA_VERSION, Table, coding_fields, identifier_fields, participant_fields,
    reaction_fields,
};

fn main() {
    print!("{}", page());
}

/// The whole page.
pub fn page() -> String {
    let mut page = INTRODUCTION.replace("{version}", SCHEMA_VERSION);
    page.push_str(&kinds());
    for table in Table::ALL {
        page.push_str(&section(table));
    }
    page
}

const INTRODUCTION: &str = "# Data dictionary

The columns of the record, schema version {version}. This page is generated from the declarations in
`crates/model/src/schema.rs`; after a change there, write it anew:

    cargo run -p bedside-model --example data_dictionary > docs/data-dictionary.md

Any scalar may be null: nothing was sent, it could not be read, which is noticed, or nothing follows from what was
sent. A list is never null. Codes, ids, texts, numbers and dates are exactly what was sent; what is derived has a column
of its own. Rows stand in the order of `Bundle.entry`.

";

/// The kinds of column, those that are spread over several explained once.
fn kinds() -> String {
    let mut text = String::from("## Kinds of column\n\n| type | what it is |\n| --- | --- |\n");
    for (kind, meaning) in KINDS {
        text.push_str(&format!("| {} | {meaning} |\n", type_of(kind)));
    }
    text.push_str("\nA **date** `x` is three columns:\n\n");
    text.push_str(&parts(Table::Consultations, "start"));
    text.push_str("\nA **concept** `x` is eight columns:\n\n");
    text.push_str(&parts(Table::Consultations, "type"));
    text.push_str("\nThe members of the structs:\n\n| struct | members |\n| --- | --- |\n");
    let structs = [
        ("coding", coding_fields()),
        ("identifier", identifier_fields()),
        ("reaction", reaction_fields()),
        ("participant", participant_fields()),
    ];
    for (name, fields) in structs {
        let members: Vec<String> = fields.iter().map(|field| format!("`{}`", field.name())).collect();
        text.push_str(&format!("| {name} | {} |\n", members.join(", ")));
    }
    text
}

const KINDS: [(Kind, &str); 10] = [
    (Kind::Text, "a text"),
    (Kind::Flag, "true or false"),
    (Kind::Count, "a whole number"),
    (Kind::Texts, "any number of texts"),
    (Kind::Date, "three columns, below"),
    (Kind::Concept, "eight columns, below"),
    (Kind::Codings, "any number of codings, as in a concept"),
    (
        Kind::Identifiers,
        "business identifiers; the keys that the specification promises to keep between retrievals",
    ),
    (Kind::Reactions, "one struct for each reaction and manifestation of an allergy"),
    (Kind::Participants, "everyone who took part, with the code of the role"),
];

/// The columns over which one declared column is spread, as the table's schema has them.
fn parts(table: Table, name: &str) -> String {
    let mut text = String::from("| column | type | meaning |\n| --- | --- | --- |\n");
    let schema = table.schema();
    for field in schema.fields() {
        let Some(suffix) = field.name().strip_prefix(name) else { continue };
        let kind = match field.data_type() {
            arrow_schema::DataType::List(_) => "List of coding".to_owned(),
            other => other.to_string(),
        };
        text.push_str(&format!("| `x{suffix}` | {kind} | {} |\n", meaning_of_part(suffix)));
    }
    text
}

fn meaning_of_part(suffix: &str) -> &'static str {
    match suffix {
        "" => "the date as sent",
        "_from" => "first calendar day that it may mean; null where it cannot be read",
        "_to" => "last calendar day that it may mean; the same day unless only a month or a year was sent",
        "_code" => {
            "code of the preferred coding: SNOMED CT, the user-selected one first; else the user-selected one; else the first"
        }
        "_system" => "code system of the preferred coding",
        "_display" => "display of the preferred coding",
        "_text" => "the text beside the codings",
        "_term" => "what a clinician reads: text, else description, else display, else what there is",
        "_term_source" => "where the term is from: `text`, `description`, `display` or `fallback`",
        "_degraded" => {
            "null, or what a transfer-degraded code stands for: `drug_allergy`, `non_drug_allergy`, `medication`, `record_entry`, `other`; the term alone tells what it is"
        }
        "_codings" => "every coding, in order",
        other => unreachable!("a column x{other} that this page does not explain"),
    }
}

fn section(table: Table) -> String {
    let mut text = format!("\n## `{}`\n\n{}\n\n", table.as_str(), doc_of(table));
    text.push_str("| column | type | meaning | source |\n| --- | --- | --- | --- |\n");
    for Column { name, kind, meaning, source } in table.columns() {
        text.push_str(&format!("| `{name}` | {} | {meaning} | {source} |\n", type_of(*kind)));
    }
    text
}

fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "Utf8",
        Kind::Flag => "Boolean",
        Kind::Count => "UInt32",
        Kind::Texts => "List of Utf8",
        Kind::Date => "**date**",
        Kind::Concept => "**concept**",
        Kind::Codings => "List of coding",
        Kind::Identifiers => "List of identifier",
        Kind::Reactions => "List of reaction",
        Kind::Participants => "List of participant",
    }
}

/// What a table holds: the comment above its declaration, so that it is written once.
fn doc_of(table: Table) -> &'static str {
    let variant = format!("{table:?},");
    let lines: Vec<&str> = include_str!("../src/schema.rs").lines().map(str::trim).collect();
    let declared = lines.iter().position(|line| *line == variant);
    let comment = declared.and_then(|line| lines[line - 1].strip_prefix("/// "));
    comment.unwrap_or_else(|| unreachable!("{variant} is declared under a comment of one line"))
}
