//! How many generated cases a run holds, and from which seed: `BEDSIDE_SEED` and `BEDSIDE_CASES` override both.

use super::random::Random;

/// Cases of all property tests together, unless `BEDSIDE_CASES` says otherwise.
const CASES: u64 = 100_000;

/// The seed unless `BEDSIDE_SEED` says otherwise. It is fixed so that a failure comes again; a pipeline that wants
/// new cases in every run gives the run's own number.
const SEED: u64 = 20_260_115;

/// Runs a property on its share, in hundredths, of all cases. The seed and the case are printed with a failure,
/// and by the case alone it is had again.
pub fn run(property: &str, share: u64, check: impl Fn(&mut Random)) {
    let seed = number("BEDSIDE_SEED").unwrap_or(SEED);
    let cases = number("BEDSIDE_CASES").unwrap_or(CASES) * share / 100;
    println!("{property}: BEDSIDE_SEED={seed}, {cases} cases");
    let only = number("BEDSIDE_CASE");
    for case in only.map_or(0..cases, |case| case..case + 1) {
        // A property has its own cases, so that each adds to what the others show.
        let mut random = Random::of_case(seed ^ property.len() as u64, case);
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&mut random)));
        if let Err(panic) = checked {
            eprintln!("{property}: BEDSIDE_SEED={seed} BEDSIDE_CASE={case}");
            std::panic::resume_unwind(panic);
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}
