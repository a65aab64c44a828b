//! An opened episode as Polars frames, and the views that people ask for.
//!
//! A frame is made in memory, from the record batch of a table through an Arrow IPC stream: no record touches
//! a disk, and no `unsafe` is needed, which the C data interface would want. The copy is of one episode's
//! table, tens of kilobytes in the common case.
//!
//! A view carries its caveats: what may be concluded of its area stands in every row and, because a view may
//! have no row, in [`View::caveats`] too. An empty list of allergies is never just empty.
//!
//! The only crate that links Polars. Nothing here opens an episode: whoever has an [`OpenEpisode`] was granted
//! it.
//!
//! [`OpenEpisode`]: bedside_cache::OpenEpisode

mod caveats;
mod frames;
mod views;

pub use caveats::Caveats;
pub use frames::{FrameError, table};
pub use views::{View, allergies, current_medication, problems};
