//! Whole runs, with a real cache and a real audit log, and a Spine that answers as it is told.

mod control;
mod feeds;
mod fhir;
mod outcomes;
mod support;
