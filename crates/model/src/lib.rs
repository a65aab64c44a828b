//! The vocabulary of bedside: what an NHS number, a clinical area, a FHIR date and a notice are, and the
//! Arrow schemas of the columnar record.
//!
//! Nothing here reads a clock, a file or a socket, and nothing knows JSON or HTTP. Every other crate of the
//! workspace speaks in these types, so that a swapped argument (an ASID for an ODS code) does not compile.
//!
//! ```
//! use bedside_model::{NhsNumber, day_interval};
//!
//! let number: NhsNumber = "9690937278".parse().expect("a test number with a right check digit");
//! assert_eq!(format!("{number:?}"), "NhsNumber(..)");
//! let (from, to) = day_interval("2010-06").expect("a month is a legal FHIR date");
//! assert_eq!((from.to_string(), to.to_string()), ("2010-06-01".into(), "2010-06-30".into()));
//! ```

mod area;
mod date;
mod identifier;
mod notice;
mod people;
pub mod reading;
pub mod schema;

pub use area::{ClinicalArea, SectionState};
pub use date::{Day, day_interval, warning_dates};
pub use identifier::{Asid, EpisodeId, IdentifierError, NhsNumber, OdsCode};
pub use notice::{NoticeCode, Origin, Severity};
pub use people::{Demographics, Gender, Requester};
