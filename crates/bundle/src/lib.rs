//! GP Connect Access Record Structured bundles (FHIR STU3 JSON) to columnar records.
//!
//! Bytes go in, nine Arrow tables come out, with an account of every resource seen: nothing is lost, merged or
//! invented, and what is in doubt is said in the tables themselves. Parsing never fails because of one entry;
//! only bytes that are no JSON bundle at all, or that break a stated limit, are an error.
//!
//! ```
//! use bedside_bundle::{Options, normalise};
//! use bedside_model::Day;
//! use bedside_model::schema::Table;
//!
//! let body = br#"{"resourceType":"Bundle","type":"collection","entry":[{"resource":{
//!     "resourceType":"AllergyIntolerance","id":"a1","clinicalStatus":"active","code":{"text":"Peanut"}}}]}"#;
//! let today = Day::new(2026, 1, 15).expect("a day of the calendar");
//! let record = normalise(body, &Options::new(today))?;
//! assert_eq!(record.table(Table::Allergies).num_rows(), 1);
//! assert_eq!(record.accounting["AllergyIntolerance"].normalised, 1);
//! # Ok::<(), bedside_bundle::BundleError>(())
//! ```

mod addresses;
mod arrays;
mod collected;
mod columns;
mod concepts;
mod date;
mod drug;
mod elements;
mod envelope;
mod error;
mod feed;
mod findings;
mod flags;
mod graph;
mod identity;
mod index;
mod issues;
mod items;
mod json;
mod kinds;
mod limits;
mod lists;
mod names;
mod no_known_allergy;
mod normalise;
mod nothing;
mod notices;
mod order;
mod outcome;
mod people;
mod places;
mod reader;
mod record;
mod relations;
mod repeated;
mod sharing;
#[cfg(not(feature = "stages"))]
mod stages;
#[cfg(feature = "stages")]
pub mod stages;
mod standing;
mod tables;
mod text;
mod therapy;
mod words;

pub use error::{BundleError, InEntry};
pub use feed::Feed;
pub use identity::{Demographic, IdentityRefusal, PatientCheck, check_identity};
pub use limits::Limits;
pub use normalise::{Options, normalise};
pub use record::{Account, Envelope, PatientFacts, Record};
