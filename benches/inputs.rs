//! What the benchmarks read: generated bundles of both suppliers, and published ones where they are at hand.

mod minified;
mod sharing;

use std::fs;
use std::path::Path;

use bedside_bundle::{Feed, Options, Record, normalise};
use bedside_lab::generate::{Patient, Recipe, Supplier, bundle};
use bedside_lab::normalise::offline_limits;
use bedside_model::Day;
use serde_json::Value;

pub use minified::minified;
pub use sharing::sharing_one_medication;

/// What a socket gives at once, in bytes.
pub const PIECE: usize = 16 * 1024;

/// Sizes of generated bundles, in bytes: a patient's medicines, a record, a long record, the longest.
pub const SIZES: [usize; 4] = [25_000, 250_000, 3_000_000, 35_000_000];

/// Published test records that issue to a reader what real systems sent. They are not part of the repository.
const PUBLISHED: [&str; 4] =
    ["official-meds-part1", "emis-full-problems", "tpp-full-consultations", "demonstrator-large-3mb"];

/// A bundle and what it is called.
pub struct Input {
    /// Where it is from, its size and its form.
    pub name: String,
    /// JSON text.
    pub bytes: Vec<u8>,
}

/// Generated bundles of those sizes: of both suppliers, each as the supplier lays it out and its minified twin.
pub fn generated(sizes: &[usize]) -> Vec<Input> {
    let kinds = [Supplier::Emis, Supplier::Tpp].into_iter();
    let kinds = kinds.flat_map(|supplier| sizes.iter().map(move |bytes| (supplier, *bytes)));
    kinds.flat_map(|(supplier, bytes)| twins(supplier, bytes)).collect()
}

/// A generated bundle and its minified twin: the same record without white space between its tokens.
pub fn twins(supplier: Supplier, bytes: usize) -> [Input; 2] {
    let recipe = Recipe { bytes, seed: 1, supplier, minified: false, patient: Patient::synthetic(1) };
    let pretty = bundle(&recipe);
    let name = |form| format!("{}-{}-{form}", supplier.as_str(), size(bytes));
    let minified = Input { name: name("minified"), bytes: minified(&pretty) };
    [Input { name: name("pretty"), bytes: pretty }, minified]
}

/// The published bundles and their minified twins, from `../shared/bundles` beside the repository; none, and a
/// line that says so, where that folder is absent.
pub fn published() -> Vec<Input> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/bundles");
    let mut inputs = Vec::new();
    for name in PUBLISHED {
        let Ok(bytes) = fs::read(folder.join(name).with_extension("json")) else {
            eprintln!("SKIPPED: no {name}.json in ../shared/bundles beside the repository");
            continue;
        };
        inputs.push(Input { name: format!("{name}-minified"), bytes: minified(&bytes) });
        inputs.push(Input { name: format!("{name}-pretty"), bytes });
    }
    inputs
}

/// The options of every benchmark: a fixed day, and limits that let the longest bundle through.
pub fn options() -> Options {
    // A day of the calendar.
    let day = Day::new(2026, 1, 15).unwrap_or(Day(0));
    Options { limits: offline_limits(), ..Options::new(day) }
}

/// The record of a whole body.
///
/// # Panics
/// When it is no readable bundle.
pub fn whole(bytes: &[u8], options: &Options) -> Record {
    normalise(bytes, options).unwrap_or_else(|error| panic!("the input is readable: {error}"))
}

/// The record of a body that arrives in pieces of [`PIECE`].
///
/// # Panics
/// When it is no readable bundle.
pub fn fed(bytes: &[u8], options: &Options) -> Record {
    let mut feed = Feed::new(options.clone());
    let pushed = bytes.chunks(PIECE).try_for_each(|piece| feed.push(piece));
    let record = pushed.and_then(|()| feed.finish());
    record.unwrap_or_else(|error| panic!("the input is readable: {error}"))
}

/// The same bundle, minified, with the keys of every object in another order: shuffled after a seed, or with
/// `resourceType` last where none is given. Numbers may be written with other digits.
///
/// # Panics
/// When it is no JSON.
pub fn with_keys_in_another_order(text: &[u8], seed: Option<u64>) -> Vec<u8> {
    let tree: Value =
        serde_json::from_slice(text).unwrap_or_else(|error| panic!("the input is JSON: {error}"));
    let mut order = Order { state: seed, text: Vec::with_capacity(text.len()) };
    order.write(&tree);
    order.text
}

/// `25KB`, `3MB`.
fn size(bytes: usize) -> String {
    if bytes < 1_000_000 { format!("{}KB", bytes / 1000) } else { format!("{}MB", bytes / 1_000_000) }
}

/// Writes a tree with its keys in an order of its own.
struct Order {
    state: Option<u64>,
    text: Vec<u8>,
}

impl Order {
    fn write(&mut self, value: &Value) {
        match value {
            Value::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                self.reorder(&mut members);
                self.all(b'{', members.into_iter(), b'}', |order, (key, value)| {
                    order.text.extend_from_slice(format!("{key:?}:").as_bytes());
                    order.write(value);
                });
            }
            Value::Array(items) => self.all(b'[', items.iter(), b']', |order, item| order.write(item)),
            plain => self.text.extend_from_slice(plain.to_string().as_bytes()),
        }
    }

    fn all<T>(&mut self, open: u8, items: impl Iterator<Item = T>, close: u8, write: impl Fn(&mut Self, T)) {
        self.text.push(open);
        for (number, item) in items.enumerate() {
            if number > 0 {
                self.text.push(b',');
            }
            write(self, item);
        }
        self.text.push(close);
    }

    fn reorder(&mut self, members: &mut [(&String, &Value)]) {
        let Some(state) = &mut self.state else {
            return members.sort_by_key(|(key, _)| *key == "resourceType");
        };
        for last in (1..members.len()).rev() {
            // Knuth's constants; the high bits are the random ones.
            *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            members.swap(last, (*state >> 33) as usize % (last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(record: &Record) -> Vec<usize> {
        record.tables().map(|(_, batch)| batch.num_rows()).collect()
    }

    #[test]
    fn a_twin_in_another_form_makes_the_same_rows() {
        for supplier in [Supplier::Emis, Supplier::Tpp] {
            let [pretty, minified] = twins(supplier, 120_000);
            assert!(minified.bytes.len() < pretty.bytes.len() * 4 / 5, "{}", minified.name);
            let expected = rows(&whole(&pretty.bytes, &options()));
            let shuffled = with_keys_in_another_order(&pretty.bytes, Some(7));
            let last = with_keys_in_another_order(&pretty.bytes, None);
            assert!(shuffled != minified.bytes && last != minified.bytes && shuffled != last);
            for twin in [&minified.bytes, &shuffled, &last] {
                assert_eq!(rows(&whole(twin, &options())), expected);
                assert_eq!(rows(&fed(twin, &options())), expected);
            }
        }
    }

    #[test]
    fn statements_share_their_medication() {
        let record = whole(&sharing_one_medication(50), &options());
        assert_eq!(record.accounting["Medication"].seen, 1);
        assert_eq!(record.accounting["MedicationStatement"].normalised, 50);
    }
}
