//! `bedside-lab`: the engineers' binary.

use std::process::ExitCode;

use bedside_lab::bench::{self, BenchArgs};
use bedside_lab::console::tell;
use bedside_lab::demo::{self, DemoArgs};
use bedside_lab::generate::{self, GenerateArgs};
use bedside_lab::manual::{self, CompletionsArgs, ManArgs};
use bedside_lab::normalise::{self, NormaliseArgs};
use bedside_lab::provider::{self, ProviderArgs};
use clap::{CommandFactory, Parser, Subcommand};
use peak_alloc::PeakAlloc;

/// Counts what is allocated, for `bench`.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Exit statuses, as `exit.rs` gives them.
const STATUSES: &str = "\
Exit status:
   0  done
   2  usage
   3  something did not end as it should
  65  an input is not a readable bundle; the others were worked on
  74  an output could not be written

Data and reports go to standard output, words for people to standard error.";

/// Tools for engineers: the demo, offline normalisation, benchmarks, synthetic bundles, the simulated Spine
#[derive(Parser)]
#[command(name = "bedside-lab", version, after_help = STATUSES, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// See the whole way, from admissions to a sealed record at the bedside, against a simulated Spine
    #[command(after_help = "\
Examples:
  bedside-lab demo
  bedside-lab demo --keep /tmp/bedside-demo
  bedside-lab demo --bundles answer-1.json answer-2.json")]
    Demo(DemoArgs),
    /// Turn bundles from files into tables, in the clear
    #[command(after_help = "\
Examples:
  bedside-lab normalise answer.json --out tables
  bedside-lab normalise - --out tables --format ndjson --retrieved-on 2026-01-15 < answer.json")]
    Normalise(NormaliseArgs),
    /// Time bytes to record batches beside what people use today
    #[command(after_help = "\
Example:
  bedside-lab bench answer.json --seconds 10 --threads 2 --json")]
    Bench(BenchArgs),
    /// Make a synthetic bundle of any size, the same for the same arguments
    #[command(after_help = "\
Examples:
  bedside-lab generate --bytes 500000 --seed 7 --out answer.json
  bedside-lab generate --bytes 90000 --seed 8 --supplier tpp --minified |
      bedside-lab normalise - --out tables")]
    Generate(GenerateArgs),
    /// Run the simulated Spine of the demo, to go on by hand, until Ctrl-C
    #[command(after_help = "\
Examples:
  bedside-lab provider --out /tmp/bedside-spine
  bedside-lab provider --supplier tpp --latency 200ms~3s
  bedside-lab provider --patients 1000 --sds-fault status-503")]
    Provider(ProviderArgs),
    /// Print the completions of a shell
    #[command(after_help = "\
Examples:
  bedside-lab completions bash > /usr/share/bash-completion/completions/bedside-lab
  bedside-lab completions fish > ~/.config/fish/completions/bedside-lab.fish")]
    Completions(CompletionsArgs),
    /// Write the manual, a page for each command, into a folder
    #[command(after_help = "\
Example:
  bedside-lab man /usr/local/share/man/man1")]
    Man(ManArgs),
}

fn main() -> ExitCode {
    let ended = match Arguments::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Normalise(args) => Ok(normalise::run(&args, |line| tell(&line))),
        Command::Bench(args) => bench::run(&args, &MEMORY),
        Command::Generate(args) => generate::run(&args),
        Command::Provider(args) => provider::run(&args),
        Command::Completions(args) => manual::completions(&args, &mut Arguments::command()),
        Command::Man(args) => manual::man(&args, Arguments::command()),
    };
    let exit = ended.unwrap_or_else(|stopped| {
        tell(&format!("bedside-lab: {}", stopped.message));
        stopped.exit
    });
    exit.into()
}
