//! One file a verb. Each reads what was asked for, calls the crates below, prints, and says how it ended.

mod audit;
mod list;
mod purge;
mod reader;
mod show;
mod warm;

pub(crate) use audit::verify;
pub(crate) use list::list;
pub(crate) use purge::purge;
pub(crate) use show::show;
pub(crate) use warm::warm;
