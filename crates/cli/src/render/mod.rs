//! Showing an opened record: to a person, or as data to a program.
//!
//! Every view carries its caveats: where the record is from, how old it is, and what may be concluded of each
//! area. There is no function that gives rows without them: data for a program comes with
//! words for the people beside it. Nothing here opens, reads or decides anything.

mod data;
mod escape;
mod grid;
mod html;
mod page;
mod record;
mod rows;
mod sections;
mod summary;
mod table;
#[cfg(test)]
mod testing;
mod tree;
#[cfg(feature = "frames")]
mod view;
mod views;

pub use data::{DataFormat, data, document};
pub use escape::{escape, escape_lines};
pub use grid::words_table;
pub use html::html;
pub use page::{Page, ward_time};
pub use record::{ForeignManifest, Record};
pub use summary::summary;
pub use table::table;
#[cfg(feature = "frames")]
pub use view::{Subject, consultations, consultations_from, view, view_data};
