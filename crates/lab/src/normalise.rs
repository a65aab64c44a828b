//! `bedside-lab normalise`: bundles from files to tables in the clear (record contract, "Offline surface").

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bedside_bundle::{Limits, Options, normalise};
use bedside_model::{ClinicalArea, Day};
use bedside_warm::{Manifest, Provenance};
use jiff::{Timestamp, Zoned};

use crate::exit::Exit;
use crate::output::{Format, write_table};

/// What to normalise, and where to.
#[derive(Debug, Clone, clap::Args)]
pub struct NormaliseArgs {
    /// Bundles; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Folder that gets one folder of tables for each bundle
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// The day for which the class of each medication is computed [default: today in London]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_day)]
    pub retrieved_on: Option<Day>,
    /// Areas that were asked for [default: those whose primary list is present]
    #[arg(long, value_name = "AREA", value_delimiter = ',', value_parser = parse_area)]
    pub requested: Option<Vec<ClinicalArea>>,
    /// Format of the table files
    #[arg(long, value_enum, default_value_t = Format::Parquet)]
    pub format: Format,
}

/// Offline bundles are the engineer's own, and may be the generator's largest; everything else stays as in the
/// product.
const LIMITS: Limits = Limits {
    body_bytes: 1 << 30,
    depth: 64,
    values: 100_000_000,
    entries: 5_000_000,
    string_bytes: 1 << 20,
    number_characters: 64,
    keys: 512,
    notices: 25_000_000,
};

/// The limits of every offline reading.
pub fn offline_limits() -> Limits {
    LIMITS
}

/// Normalises each file. `report` gets one line for each failure; the worst of them is how it ended.
pub fn run(args: &NormaliseArgs, mut report: impl FnMut(String)) -> Exit {
    let mut stems = HashSet::new();
    for file in &args.files {
        if !stems.insert(stem(file)) {
            let told = told(file);
            report(format!("{told}: another input has the same name without its ending; rename one"));
            return Exit::Usage;
        }
    }
    let options = Options {
        retrieved_on: args.retrieved_on.unwrap_or_else(today_in_london),
        requested: args.requested.clone(),
        limits: LIMITS,
    };
    let mut worst = Exit::Done;
    for file in &args.files {
        if let Err((outcome, line)) = normalise_file(file, args, &options) {
            report(line);
            worst = worst.max(outcome);
        }
    }
    worst
}

fn normalise_file(file: &Path, args: &NormaliseArgs, options: &Options) -> Result<(), (Exit, String)> {
    let unreadable = |why: String| (Exit::Unreadable, format!("{}: {why}", told(file)));
    let bytes = read(file).map_err(|error| unreadable(format!("cannot be read: {error}")))?;
    let record = normalise(&bytes, options).map_err(|error| unreadable(error.to_string()))?;
    let manifest = Manifest::new(&record, &bytes, Provenance::default(), Timestamp::now()).to_json();
    let folder = args.out.join(stem(file));
    let unwritable = |path: &Path, error: io::Error| {
        (Exit::Unwritable, format!("{}: cannot be written: {error}", path.display()))
    };
    fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, error))?;
    for (table, batch) in record.tables() {
        let path = folder.join(table.as_str()).with_extension(args.format.ending());
        write_table(&path, batch, &manifest, args.format).map_err(|error| unwritable(&path, error))?;
    }
    let path = folder.join("manifest.json");
    fs::write(&path, manifest).map_err(|error| unwritable(&path, error))
}

fn is_standard_input(file: &Path) -> bool {
    file == Path::new("-")
}

/// What an input is called in a message.
fn told(file: &Path) -> String {
    let name = if is_standard_input(file) { Path::new("stdin") } else { file };
    name.display().to_string()
}

/// The bytes of a file, or of standard input for `-`.
pub(crate) fn read(file: &Path) -> io::Result<Vec<u8>> {
    if !is_standard_input(file) {
        return fs::read(file);
    }
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The name of a bundle's folder: its file's, without the last ending.
fn stem(file: &Path) -> OsString {
    if is_standard_input(file) {
        return "stdin".into();
    }
    file.file_stem().unwrap_or(file.as_os_str()).to_owned()
}

fn parse_day(text: &str) -> Result<Day, String> {
    match bedside_model::day_interval(text) {
        Some((from, to)) if from == to && text.len() == 10 => Ok(from),
        _ => Err("a day is written YYYY-MM-DD".into()),
    }
}

fn parse_area(text: &str) -> Result<ClinicalArea, String> {
    ClinicalArea::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = ClinicalArea::ALL.iter().map(|area| area.as_str()).collect();
        format!("the areas are {}", names.join(", "))
    })
}

/// Today, where the record is.
pub fn today_in_london() -> Day {
    let london = Zoned::now().in_tz("Europe/London");
    let date = london.map_or_else(|_| Zoned::now().date(), |now| now.date());
    Day::new(date.year().into(), date.month() as u32, date.day() as u32).unwrap_or(Day(0))
}
