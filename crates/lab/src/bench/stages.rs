//! What each stage of the way to a record costs, told by that way itself as it goes.

use std::cell::RefCell;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bedside_bundle::stages::{Stage, observed, tokens};
use bedside_bundle::{BundleError, Options};

use super::median;

/// What comes after the last stage that tells its end: accounting, and giving back all that was made.
const REST: &str = "rest";

/// One stage of the way and how long it took.
#[derive(Debug, Clone, Copy)]
pub struct Lap {
    /// `entries`, `index`, `relations`, the name of a table, or `rest`.
    pub stage: &'static str,
    /// From the end of the stage before to its own.
    pub took: Duration,
}

/// What the stages of one file cost on one thread, medians.
#[derive(Debug, Clone)]
pub struct Stages {
    /// Every stage, in the order of the way; together they are the whole of it.
    pub laps: Vec<Lap>,
    /// Finding every token, which is a part of reading the entries, measured by itself.
    pub tokens: Duration,
}

thread_local! {
    static ENDS: RefCell<Vec<(Stage, Instant)>> = const { RefCell::new(Vec::new()) };
}

/// Normalises a bundle once, and says what each stage of that took; the record is given back within the last.
///
/// # Errors
/// Where the bundle cannot be read.
pub fn laps(bytes: &[u8], options: &Options) -> Result<Vec<Lap>, BundleError> {
    // Room for all of them, so that noting one is nothing but reading the clock.
    ENDS.set(Vec::with_capacity(32));
    let mut from = Instant::now();
    drop(black_box(observed(black_box(bytes), options, note)?));
    let end = Instant::now();
    let mut laps = Vec::new();
    let ends = ENDS.take().into_iter().map(|(stage, at)| (stage.as_str(), at));
    for (stage, at) in ends.chain([(REST, end)]) {
        laps.push(Lap { stage, took: at - from });
        from = at;
    }
    Ok(laps)
}

/// The stages of a file while it is measured, turn after turn.
#[derive(Default)]
pub(super) struct Rounds {
    laps: Vec<Vec<Lap>>,
    tokens: Vec<Duration>,
}

impl Rounds {
    /// Takes one turn of so many readings, and keeps the mean of each stage. A body that cannot be read has been
    /// refused before.
    pub(super) fn turn(&mut self, bytes: &[u8], options: &Options, readings: u32) {
        let mut sums: Vec<Lap> = Vec::new();
        for laps in (0..readings).filter_map(|_| laps(bytes, options).ok()) {
            match sums.as_slice() {
                [] => sums = laps,
                _ => sums.iter_mut().zip(laps).for_each(|(sum, lap)| sum.took += lap.took),
            }
        }
        sums.iter_mut().for_each(|sum| sum.took /= readings);
        self.laps.push(sums);
        if let Ok(text) = str::from_utf8(bytes) {
            let begun = Instant::now();
            (0..readings).for_each(|_| {
                black_box(tokens(black_box(text)));
            });
            self.tokens.push(begun.elapsed() / readings);
        }
    }

    /// The median of each stage over the turns.
    pub(super) fn medians(self) -> Stages {
        let names = self.laps.first().into_iter().flatten().map(|lap| lap.stage);
        let lap = |(number, stage): (usize, &'static str)| {
            let times = self.laps.iter().map(|turn| turn[number].took).collect();
            Lap { stage, took: median(times) }
        };
        Stages { laps: names.enumerate().map(lap).collect(), tokens: median(self.tokens) }
    }
}

fn note(stage: Stage) {
    ENDS.with_borrow_mut(|ends| ends.push((stage, Instant::now())));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{Patient, Recipe, Supplier, bundle};
    use bedside_model::Day;
    use bedside_model::schema::Table;

    #[test]
    fn every_stage_of_the_way_is_told_once_and_each_table_is_one() {
        let patient = Patient::synthetic(1);
        let recipe = Recipe { bytes: 30_000, seed: 1, supplier: Supplier::Emis, minified: true, patient };
        let options = Options::new(Day::new(2026, 1, 15).expect("a day"));
        let mut told: Vec<_> =
            laps(&bundle(&recipe), &options).expect("a bundle").iter().map(|lap| lap.stage).collect();
        assert_eq!(told[..3], ["entries", "index", "relations"]);
        assert_eq!(told.pop(), Some(REST));
        let mut tables = told.split_off(3);
        tables.sort_unstable();
        let mut expected = Table::ALL.map(Table::as_str);
        expected.sort_unstable();
        assert_eq!(tables, expected);
    }

    #[test]
    fn a_bundle_that_is_refused_leaves_nothing_for_the_next() {
        let options = Options::new(Day::new(2026, 1, 15).expect("a day"));
        assert!(laps(b"[1, 2]", &options).is_err());
        let bundle = br#"{"resourceType":"Bundle","type":"collection"}"#;
        assert_eq!(laps(bundle, &options).expect("a bundle").len(), 3 + Table::ALL.len() + 1);
    }

    #[test]
    fn a_turn_of_many_readings_counts_as_one_and_tells_what_one_reading_takes() {
        let bundle = br#"{"resourceType":"Bundle","type":"collection"}"#;
        let options = Options::new(Day::new(2026, 1, 15).expect("a day"));
        let begun = Instant::now();
        let mut rounds = Rounds::default();
        rounds.turn(bundle, &options, 100);
        rounds.turn(bundle, &options, 100);
        let all = begun.elapsed();
        assert_eq!((rounds.laps.len(), rounds.tokens.len()), (2, 2));
        let told: Duration = rounds.medians().laps.iter().map(|lap| lap.took).sum();
        assert!(told > Duration::ZERO && told * 100 <= all, "{told:?} a reading, {all:?} for two hundred");
    }

    #[test]
    fn the_stages_of_a_file_are_the_medians_of_its_rounds() {
        let lap = |took| vec![Lap { stage: "index", took: Duration::from_secs(took) }];
        let rounds = Rounds { laps: vec![lap(9), lap(1), lap(2)], tokens: vec![Duration::from_secs(3)] };
        let stages = rounds.medians();
        assert_eq!((stages.laps[0].took, stages.tokens), (Duration::from_secs(2), Duration::from_secs(3)));
    }
}
