//! The engineers' side of bedside: a simulated Spine, synthetic bundles, offline normalisation, benchmarks and
//! the demonstration. None of it is linked into the `bedside` binary.

pub mod bench;
pub mod console;
pub mod demo;
pub mod exit;
pub mod generate;
pub mod manual;
pub mod normalise;
pub mod output;
pub mod provider;
