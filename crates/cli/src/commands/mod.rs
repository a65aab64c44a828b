//! One file a verb. Each reads what was asked for, calls the crates below, prints, and says how it ended.

mod audit;
mod bundle;
mod check;
mod completions;
mod config;
mod discharge;
mod keys;
mod list;
mod man;
mod pipeline;
mod purge;
mod reader;
mod serve;
mod show;
mod sweep;
mod warm;

pub(crate) use audit::{anchor, export, verify, who_saw};
pub(crate) use bundle::bundle;
pub(crate) use check::check;
pub(crate) use completions::completions;
pub(crate) use config::{print_example, show as show_config};
pub(crate) use discharge::{confirm, discharge, hold};
pub(crate) use keys::{list as list_keys, rotate as rotate_keys};
pub(crate) use list::list;
pub(crate) use man::man;
pub(crate) use pipeline::check as check_pipelines;
pub(crate) use purge::purge;
pub(crate) use serve::serve;
pub(crate) use show::show;
pub(crate) use sweep::sweep;
pub(crate) use warm::warm;
