//! The committed data dictionary is what the declarations give.

#[allow(dead_code, unreachable_pub)]
#[path = "../examples/data_dictionary.rs"]
mod data_dictionary;

use std::path::Path;

use bedside_model::schema::Table;

#[test]
fn the_committed_page_is_what_the_declarations_give() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/data-dictionary.md");
    let committed = std::fs::read_to_string(file).unwrap_or_default();
    assert!(
        committed == data_dictionary::page(),
        "docs/data-dictionary.md is out of date: \
         cargo run -p bedside-model --example data_dictionary > docs/data-dictionary.md"
    );
}

#[test]
fn every_column_of_every_table_has_its_line_and_fits_a_cell() {
    let page = data_dictionary::page();
    for table in Table::ALL {
        let heading = format!("\n## `{}`\n", table.as_str());
        let (_, section) = page.split_once(&heading).expect("a section of the table");
        let section = section.split("\n## ").next().expect("up to the next section");
        for column in table.columns() {
            let line = section.lines().find(|line| line.starts_with(&format!("| `{}` |", column.name)));
            let cells = line.expect("a line of the column").matches(" |").count();
            assert_eq!(cells, 4, "{} of {}", column.name, table.as_str());
        }
    }
}
