#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../src/checks.rs"]
mod checks;

fuzz_target!(|bytes: &[u8]| checks::bundle_to_rows(bytes));
