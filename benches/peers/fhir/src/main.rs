//! Times fhir-sdk's STU3 model: `bedside-peers-fhir FILE SECONDS`. One JSON line: {"peer": NAME, "seconds": [...], "error": null}.

use std::hint::black_box;
use std::time::{Duration, Instant};

use fhir_sdk::stu3::resources::Bundle;

/// The least turns.
const TURNS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, file, seconds] = arguments.as_slice() else { panic!("usage: bedside-peers-fhir FILE SECONDS") };
    let bytes = std::fs::read(file).expect("the file can be read");
    let seconds: f64 = seconds.parse().expect("SECONDS is a number");
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let (mut times, mut error) = (Vec::new(), None);
    while error.is_none() && (times.len() < TURNS || Instant::now() < end) {
        let begun = Instant::now();
        match serde_json::from_slice::<Bundle>(black_box(&bytes)) {
            // Dropping what was made is part of its price.
            Ok(bundle) => drop(black_box(bundle)),
            Err(refused) => error = Some(refused.to_string()),
        }
        times.push(begun.elapsed().as_secs_f64());
    }
    println!("{}", serde_json::json!({"peer": "fhir-sdk STU3 model", "seconds": times, "error": error}));
}
