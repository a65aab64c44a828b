//! The counts that others are held against: `baseline.json`.

use std::collections::BTreeMap;
use std::env;
use std::fs;

use crate::inputs::Input;
use crate::ways;

/// What a count may rise by, in per cent.
const RISE: u64 = 5;

/// What the count of `rest` may, in which memory is given back: what that takes the C library depends on where things lie, which
/// the length of the build's path moves. The same program took 80,353 and 86,398 in two folders.
const RISE_OF_REST: u64 = 15;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/baseline.json");

/// Instructions by way and input.
pub struct Baseline(Option<BTreeMap<String, u64>>);

impl Baseline {
    /// The committed counts; none where they are to be written, or where another kernel than theirs runs, which a line
    /// says.
    ///
    /// # Panics
    /// When the file cannot be read.
    pub fn read() -> Self {
        if is_asked_for() {
            return Self(None);
        }
        if !has_the_kernel() {
            eprintln!(
                "NOT COMPARED: the baseline counts the kernel of x86-64 with AVX2, which is not this processor's"
            );
            return Self(None);
        }
        let text = fs::read_to_string(FILE).unwrap_or_else(|error| panic!("{FILE}: {error}"));
        Self(Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{FILE}: {error}"))))
    }

    /// The most instructions that a way through an input may take.
    ///
    /// # Panics
    /// When it is held against nothing yet.
    pub fn most(&self, way: &str, input: &Input) -> Option<u64> {
        let counts = self.0.as_ref().filter(|_| input.generated)?;
        let name = name(way, &input.name);
        let counted = counts.get(&name).unwrap_or_else(|| panic!("{FILE} has no {name}: write it anew"));
        let rise = if way == "rest" { RISE_OF_REST } else { RISE };
        Some(counted + counted * rise / 100)
    }
}

/// Makes the counts of this run the baseline, where `BASELINE=write` asks for it.
///
/// # Panics
/// When one of them is missing, or counts another kernel.
pub fn write_if_asked() {
    if !is_asked_for() {
        return;
    }
    assert!(has_the_kernel(), "the baseline is of x86-64 with AVX2");
    let counted = ways().into_iter().flat_map(|(way, inputs)| {
        let generated = inputs.into_iter().filter(|input| input.generated);
        generated.map(move |input| (name(way, &input.name), counted(way, &input.name)))
    });
    let counts: BTreeMap<String, u64> = counted.collect();
    let text = serde_json::to_string_pretty(&counts).expect("texts and numbers");
    fs::write(FILE, text + "\n").unwrap_or_else(|error| panic!("{FILE}: {error}"));
}

/// What callgrind has just counted, from where gungraun keeps it.
fn counted(way: &str, input: &str) -> u64 {
    let runs = concat!(env!("CARGO_TARGET_TMPDIR"), "/../gungraun/bedside-instructions/instructions/reading");
    let profile = format!("{runs}/{way}.{input}/callgrind.{way}.{input}.out");
    let text = fs::read_to_string(&profile).unwrap_or_else(|error| panic!("{profile}: {error}"));
    let total = text.lines().rev().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    total.unwrap_or_else(|| panic!("{profile}: no total"))
}

fn is_asked_for() -> bool {
    env::var("BASELINE").is_ok_and(|asked| asked == "write")
}

fn name(way: &str, input: &str) -> String {
    format!("{way}/{input}")
}

#[cfg(target_arch = "x86_64")]
fn has_the_kernel() -> bool {
    is_x86_feature_detected!("avx2")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_the_kernel() -> bool {
    false
}
