//! The work whose instructions `instructions.py` counts: makes an input, or reads one so many times.
//!
//! `bedside-instructions make SUPPLIER BYTES FORM FILE`, `bedside-instructions whole|fed FILE PASSES`

use std::env;
use std::fs;
use std::hint::black_box;
use std::process::ExitCode;

use bedside_benches::{fed, options, twins, whole};
use bedside_lab::generate::Supplier;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["make", supplier, bytes, form, file] => make(supplier, bytes, form, file),
        [way @ ("whole" | "fed"), file, passes] => read(way, file, passes),
        _ => Err("usage: make emis|tpp BYTES pretty|minified FILE, or whole|fed FILE PASSES".to_owned()),
    };
    done.map_or_else(
        |why| {
            eprintln!("bedside-instructions: {why}");
            ExitCode::from(2)
        },
        |()| ExitCode::SUCCESS,
    )
}

fn make(supplier: &str, bytes: &str, form: &str, file: &str) -> Result<(), String> {
    let suppliers = [Supplier::Emis, Supplier::Tpp];
    let supplier = suppliers.into_iter().find(|known| known.as_str() == supplier);
    let supplier = supplier.ok_or("the suppliers are emis and tpp")?;
    let bytes = bytes.parse().map_err(|_| "BYTES is a number")?;
    let [pretty, minified] = twins(supplier, bytes);
    let made = if form == "minified" { minified } else { pretty };
    fs::write(file, made.bytes).map_err(|error| format!("{file}: {error}"))
}

fn read(way: &str, file: &str, passes: &str) -> Result<(), String> {
    let bytes = fs::read(file).map_err(|error| format!("{file}: {error}"))?;
    let passes: u32 = passes.parse().map_err(|_| "PASSES is a number")?;
    let (options, read) = (options(), if way == "fed" { fed } else { whole });
    for _ in 0..passes {
        drop(black_box(read(black_box(&bytes), &options)));
    }
    Ok(())
}
