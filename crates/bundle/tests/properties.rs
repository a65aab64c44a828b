//! What holds for every bundle, shown on generated ones: 100,000 of them in a run, all tests together.
//!
//! Seed and number of cases are printed; `BEDSIDE_SEED`, `BEDSIDE_CASES` and, for one case again, `BEDSIDE_CASE`
//! choose others.

#[allow(dead_code, unreachable_pub)]
mod support {
    pub mod cases;
    pub mod compare;
    pub mod generate;
    pub mod json;
    pub mod random;
}
#[path = "../../../fuzz/src/checks.rs"]
mod checks;

use bedside_bundle::{Feed, Record, normalise};
use checks::{assert_accounted, assert_same, options};
use support::cases::run;
use support::compare::{assert_equal_but_for_order_of_notices, assert_held, assert_seen};
use support::generate::{Shapes, generate};
use support::json::Layout;
use support::random::Random;

const ANY: Layout = Layout { shuffled: true, spaced: true, escaped: true };

fn read(body: &str) -> Record {
    match normalise(body.as_bytes(), &options()) {
        Ok(record) => record,
        Err(error) => panic!("{error}\n{body}"),
    }
}

/// Checks, and shows the body of a case that fails.
fn showing(body: &str, check: impl FnOnce()) {
    if let Err(panic) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)) {
        eprintln!("{body}");
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn every_text_code_date_and_number_arrives_byte_for_byte() {
    run("every text arrives", 70, |random| {
        let generated = generate(random, Shapes::ALL);
        let body = generated.bundle().write(ANY, random);
        let record = read(&body);
        showing(&body, || {
            assert_held(&record, &generated);
            assert_seen(&record, &generated);
            assert_accounted(&record);
        });
    });
}

#[test]
fn fed_in_pieces_of_any_sizes_it_is_the_same_record() {
    run("fed in pieces", 10, |random| {
        let body = generate(random, Shapes::ALL).bundle().write(ANY, random);
        let whole = read(&body);
        let fed = in_random_pieces(&body, random);
        showing(&body, || assert_same(&whole, &fed));
    });
}

fn in_random_pieces(body: &str, random: &mut Random) -> Record {
    let mut feed = Feed::new(options());
    let mut rest = body.as_bytes();
    let longest = random.pick(&[2, 16, 300, 5000]);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(random.below(longest.min(rest.len()) + 1));
        feed.push(piece).unwrap_or_else(|error| panic!("{error}\n{body}"));
        rest = after;
    }
    feed.finish().unwrap_or_else(|error| panic!("{error}\n{body}"))
}

#[test]
fn order_of_keys_white_space_and_escapes_change_nothing() {
    run("layout changes nothing", 10, |random| {
        let bundle = generate(random, Shapes::ALL).bundle();
        let (plain, other) = (bundle.write(Layout::default(), random), bundle.write(ANY, random));
        let (one, two) = (read(&plain), read(&other));
        showing(&other, || assert_equal_but_for_order_of_notices(&one, &two));
    });
}

#[test]
fn a_second_reading_is_the_same_record() {
    run("read twice", 5, |random| {
        let body = generate(random, Shapes::ALL).bundle().write(ANY, random);
        assert_same(&read(&body), &read(&body));
    });
}

/// A byte changed, left out or put in: read or refused, alike whole and in pieces, and never a panic.
#[test]
fn a_damaged_bundle_is_read_or_refused_and_never_a_panic() {
    run("damaged", 5, |random| {
        let mut body = generate(random, Shapes::ALL).bundle().write(ANY, random).into_bytes();
        for _ in 0..1 + random.below(3) {
            let at = random.below(body.len());
            match random.below(3) {
                0 => body[at] = random.pick(b"{}[]\",:\\0tn\x00\xFF \n"),
                1 => drop(body.remove(at)),
                _ => body.insert(at, random.pick(b"{}[]\",:\\0tn\x00\xFF \n")),
            }
        }
        checks::bundle_to_rows(&body);
    });
}
