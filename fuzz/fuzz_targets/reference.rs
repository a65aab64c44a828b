#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../src/checks.rs"]
mod checks;
#[path = "../../crates/bundle/tests/reference/oracle/mod.rs"]
mod oracle;

fuzz_target!(|bytes: &[u8]| {
    if let Err(differences) = oracle::compare::check(bytes, &checks::options()) {
        panic!("{}", differences[0]);
    }
});
