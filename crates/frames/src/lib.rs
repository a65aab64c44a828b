//! An opened episode as Polars frames, and the views that people ask for.
//!
//! A frame is made in memory, from the record batch of a table through an Arrow IPC stream: no record touches
//! a disk, and no `unsafe` is needed, which the C data interface would want. The copy is of one episode's
//! table, tens of kilobytes in the common case.
//!
//! A [`View`] is a lazy query that answers one question. It carries its caveats, and cannot be had without
//! them: what may be concluded of its areas and how old the record is stands in every row and, because a view
//! may have no row, is handed over with the rows. An empty list of allergies is never just empty. What the
//! table holds and the view does not show is counted.
//!
//! The only crate that links Polars. Nothing here opens an episode: whoever has an [`OpenEpisode`] was granted
//! it, and no function takes two: [`changes`] takes two generations of one.
//!
//! [`OpenEpisode`]: bedside_cache::OpenEpisode

mod caveats;
mod changes;
mod completeness;
mod consultation;
mod frames;
mod lists;
mod medication;
#[cfg(test)]
mod testing;
mod view;

/// The version of Polars whose frames these are.
pub use polars;

pub use caveats::{AreaCaveats, Caveats};
pub use changes::changes;
pub use completeness::completeness;
pub use consultation::consultation;
pub use frames::{FrameError, table};
pub use lists::{allergies, problems};
pub use medication::{current_medication, medicines_reconciliation};
pub use view::{Collected, Parts, View};
