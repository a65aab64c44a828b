//! What is read: generated bundles, which are the same everywhere, and published ones where they are at hand.

#[path = "../minified.rs"]
mod minified;
#[path = "../sharing.rs"]
mod sharing;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use minified::minified;
use sharing::sharing_one_medication;

const SUPPLIERS: [&str; 2] = ["emis", "tpp"];

/// Bytes, and how they are called.
const SIZES: [(&str, &str); 3] = [("25000", "25KB"), ("250000", "250KB"), ("3000000", "3MB")];

/// How many statements share one Medication: ten times as many should take ten times as many instructions.
const SHARING: [usize; 2] = [10_000, 100_000];

/// Published test records, in `../shared/bundles` beside the repository; they are not part of it.
const PUBLISHED: [&str; 4] =
    ["official-meds-part1", "emis-full-problems", "tpp-full-consultations", "demonstrator-large-3mb"];

/// A bundle that is read.
pub struct Input {
    /// Where it is from, its size and its form, in letters, digits and underscores.
    pub name: String,
    /// Where its JSON lies once it is written.
    pub file: PathBuf,
    /// Whether it is generated: only then has everyone the same.
    pub generated: bool,
}

impl Input {
    fn written(name: String, generated: bool) -> Self {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name).with_extension("json");
        Self { name, file, generated }
    }

    /// Whether it is one of the largest, which are read in pieces, too.
    pub fn is_largest(&self) -> bool {
        self.name.contains("_3MB_")
    }

    /// Whether it is one of those that are counted stage by stage.
    pub fn is_staged(&self) -> bool {
        self.name.ends_with("_250KB_pretty")
    }
}

/// Every input.
pub fn all() -> Vec<Input> {
    let sizes =
        SUPPLIERS.iter().flat_map(|supplier| SIZES.iter().map(move |(_, size)| format!("{supplier}_{size}")));
    let generated = sizes.flat_map(|name| forms(&name)).chain(SHARING.map(sharing_name));
    let generated = generated.map(|name| Input::written(name, true));
    let published = PUBLISHED.iter().filter(|name| published(name).exists());
    let published =
        published.flat_map(|name| forms(&name.replace('-', "_"))).map(|name| Input::written(name, false));
    generated.chain(published).collect()
}

/// Writes every input below the build's folder. `BEDSIDE_LAB` names the program that generates them, which is built
/// otherwise.
///
/// # Panics
/// When that fails.
pub fn write() {
    for supplier in SUPPLIERS {
        for (bytes, size) in SIZES {
            write_twins(&format!("{supplier}_{size}"), &generate(supplier, bytes));
        }
    }
    for statements in SHARING {
        let file = Input::written(sharing_name(statements), true).file;
        fs::write(file, sharing_one_medication(statements)).expect("room in the build's folder");
    }
    for name in PUBLISHED {
        match fs::read(published(name)) {
            Ok(bytes) => write_twins(&name.replace('-', "_"), &bytes),
            Err(_) => eprintln!("SKIPPED: no {name}.json in ../shared/bundles beside the repository"),
        }
    }
}

fn forms(name: &str) -> [String; 2] {
    ["pretty", "minified"].map(|form| format!("{name}_{form}"))
}

fn sharing_name(statements: usize) -> String {
    format!("sharing_{statements}")
}

fn published(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/bundles").join(name).with_extension("json")
}

fn write_twins(name: &str, pretty: &[u8]) {
    let [laid_out, twin] = forms(name).map(|name| Input::written(name, false).file);
    fs::write(laid_out, pretty).expect("room in the build's folder");
    fs::write(twin, minified(pretty)).expect("room in the build's folder");
}

fn generate(supplier: &str, bytes: &str) -> Vec<u8> {
    let mut lab = match env::var_os("BEDSIDE_LAB") {
        Some(lab) => Command::new(lab),
        None => {
            let mut cargo = Command::new(env!("CARGO"));
            cargo.args(["run", "--quiet", "--package", "bedside-lab", "--"]);
            cargo
        }
    };
    lab.args(["generate", "--seed", "1", "--supplier", supplier, "--bytes", bytes]).stderr(Stdio::inherit());
    let made = lab.output().unwrap_or_else(|error| panic!("bedside-lab cannot be started: {error}"));
    assert!(made.status.success(), "bedside-lab generate failed");
    made.stdout
}
