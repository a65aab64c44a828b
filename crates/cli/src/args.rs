use std::ffi::OsStr;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use bedside_cache::HoldReason;
use bedside_model::schema::Table;
use bedside_model::{EpisodeId, OdsCode};
use bedside_warm::RunId;
use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Parser, Subcommand, ValueEnum, ValueHint};

use crate::config::Override;
use crate::exit;

/// GP records at the bedside: fetched at admission, sealed for one care episode, read under audit.
#[derive(Debug, Parser)]
#[command(
    name = "bedside",
    version,
    after_help = exit::help(),
    max_term_width = 110,
    arg_required_else_help = true
)]
pub(crate) struct Args {
    /// Configuration file; relative paths in it start from its folder. Without it: the one of BEDSIDE_CONFIG, else
    /// bedside/config.toml in $XDG_CONFIG_HOME (or ~/.config), then in /etc.
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = EVERYWHERE)]
    pub(crate) config: Option<PathBuf>,
    /// A setting in place of what environment and file say, such as limits.concurrency=2; may be repeated.
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = Override::parse, help_heading = EVERYWHERE)]
    pub(crate) set: Vec<Override>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Apart from a command's own options, and after them.
const EVERYWHERE: &str = "Options of every command";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fetch, check and seal the record of every admission of a list.
    #[command(after_help = "\
Examples:
  bedside warm --admissions admissions.ndjson
  bedside warm --admissions admissions.ndjson --pipeline pipelines/consultation.toml
  bedside warm --admissions admissions.ndjson --run-id night-1 --report night-1.html
  admissions-of-today | bedside warm --admissions - --json > events.ndjson
  bedside warm --from hl7v2 --admissions adt.hl7 --pipeline pipelines/admission-hl7v2.toml")]
    Warm(WarmArgs),
    /// Look at everything that has to be right before a patient waits: files, keys, certificate, directory, TLS, clock.
    #[command(after_help = "\
Examples:
  bedside check
  bedside check --practice A20047")]
    Check(CheckArgs),
    /// List the episodes of the cache, without what is in them.
    #[command(after_help = "\
Examples:
  bedside list
  bedside list --json")]
    List(ListArgs),
    /// Show the record of one episode, to a reader who says who they are and why. Audited.
    #[command(after_help = "\
Examples:
  bedside show EP-2026-0002 --reader reader.json
  bedside show EP-2026-0002 medicines-reconciliation --reader reader.json
  bedside show EP-2026-0002 consultation 2f0c91 --reader reader.json
  bedside show EP-2026-0002 --html --reader reader.json > record.html
  bedside show EP-2026-0002 --table links --format arrow --reader reader.json > links.arrow")]
    Show(ShowArgs),
    /// Hand tables over from a process that stays, on a Unix socket or loopback TLS, until SIGTERM. Audited.
    #[command(after_help = "\
Examples:
  bedside serve --socket /run/bedside/serve.sock
  bedside serve --listen 127.0.0.1:8443 --certificate serve.pem --tls-key serve.key \\
      --token-key host.pub --audience ward-9
  curl --unix-socket serve.sock --json @reader.json \\
      http://bedside/v1/episodes/EP-2026-0002/tables/allergies")]
    Serve(ServeArgs),
    /// Print the practice's answer of one episode, byte for byte, where the site keeps it. Audited.
    #[command(after_help = "\
Example:
  bedside bundle EP-2026-0002 --reader reader.json | bedside-lab normalise - --out tables")]
    Bundle(PurgeArgs),
    /// Destroy the record of one episode, its key first.
    #[command(after_help = "\
Example:
  bedside purge EP-2026-0002 --reader reader.json")]
    Purge(PurgeArgs),
    /// Report that a stay has ended: its record is kept for the site's time, and then swept away.
    #[command(after_help = "\
Example:
  bedside discharge EP-2026-0002 --reader reader.json")]
    Discharge(PurgeArgs),
    /// Report that a stay goes on: its times count anew, and a discharge is taken back.
    #[command(after_help = "\
Example:
  bedside confirm EP-2026-0002 --reader reader.json")]
    Confirm(PurgeArgs),
    /// Let nobody see the record of an episode, or take the hold off again.
    #[command(after_help = "\
Examples:
  bedside hold EP-2026-0002 --because dissent --reader reader.json
  bedside hold EP-2026-0002 --release --reader reader.json")]
    Hold(HoldArgs),
    /// Mend what crashes left and purge every episode whose time is over. Safe to run from a timer.
    #[command(after_help = "\
Examples:
  bedside sweep
  bedside sweep --json
  bedside sweep --metrics-file /run/bedside-metrics/sweep.prom")]
    Sweep(SweepArgs),
    /// Work with the key-encryption keys.
    #[command(subcommand, arg_required_else_help = true)]
    Keys(KeysCommand),
    /// Work with the audit log.
    #[command(subcommand, arg_required_else_help = true)]
    Audit(AuditCommand),
    /// Work with pipelines, which say what a run asks the practices for.
    #[command(subcommand, arg_required_else_help = true)]
    Pipeline(PipelineCommand),
    /// See the configuration, and where each setting comes from.
    #[command(subcommand, arg_required_else_help = true)]
    Config(ConfigCommand),
    /// Print the completions of a shell.
    #[command(after_help = "\
Examples:
  bedside completions bash > /usr/share/bash-completion/completions/bedside
  bedside completions zsh > \"${fpath[1]}/_bedside\"
  bedside completions fish > ~/.config/fish/completions/bedside.fish")]
    Completions(CompletionsArgs),
    /// Write the manual, a page for each command, into a folder.
    #[command(after_help = "\
Example:
  bedside man /usr/local/share/man/man1")]
    Man(ManArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct WarmArgs {
    /// Admissions; - is standard input.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) admissions: PathBuf,
    /// How they are written. Messages need a pipeline whose section feed says where they hold what.
    #[arg(long, value_enum, default_value_t = From::Ndjson)]
    pub(crate) from: From,
    /// What to ask the practices for. Without it: medication, allergies, problems and consultations.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) pipeline: Option<PathBuf>,
    /// Print each event as one JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
    /// The name of the run; with that of a run that was stopped or killed, go on where it was.
    #[arg(long, value_name = "ID")]
    pub(crate) run_id: Option<RunId>,
    /// Write what became of every admission, and why, to FILE.html or FILE.json; may be repeated.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = report_file)]
    pub(crate) report: Vec<PathBuf>,
    /// Write counts of the run for the textfile collector of Prometheus's node exporter.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) metrics_file: Option<PathBuf>,
}

/// A report is written as its file's ending says.
fn report_file(path: &str) -> Result<PathBuf, &'static str> {
    let path = PathBuf::from(path);
    match path.extension().and_then(OsStr::to_str) {
        Some("html" | "json") => Ok(path),
        _ => Err("a report is .html or .json"),
    }
}

/// How admissions are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum From {
    /// One admission a line, a JSON object.
    Ndjson,
    /// ADT messages of HL7 version 2.
    Hl7v2,
    /// FHIR Encounters and Patients (STU3 or R4), one resource or Bundle a line.
    Fhir,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// Look this practice up in the directory, too.
    #[arg(long, value_name = "ODS")]
    pub(crate) practice: Option<OdsCode>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// Print each episode as one JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// The host system's id of the episode.
    pub(crate) episode: EpisodeId,
    /// Show a record that is older than the site's limit, knowing that; recorded in the audit log.
    #[arg(long)]
    pub(crate) accept_stale: bool,
    /// A view of the record; without it a summary of one screen.
    #[arg(value_parser = ViewParser, hide_possible_values = true, long_help = VIEWS,
        conflicts_with_all = ["table", "html"])]
    pub(crate) view: Option<ViewName>,
    /// The consultation to view, as much of its id as names it; without it all are listed.
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
    /// A table of the record as it is, in place of a view.
    #[arg(long, value_name = "TABLE", value_parser = tables(), conflicts_with = "html")]
    pub(crate) table: Option<Table>,
    /// One page for a browser on standard output: nothing else is needed to look at it or print it.
    #[arg(long, conflicts_with = "format")]
    pub(crate) html: bool,
    #[command(flatten)]
    pub(crate) reader: ReaderArgs,
    /// How to print a view or a table.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// Each may be a setting of the section `serve`, too.
#[derive(Debug, clap::Args)]
pub(crate) struct ServeArgs {
    /// A Unix socket to make; its owner alone can open it, and that owner's word for who reads is taken.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, conflicts_with = "listen")]
    pub(crate) socket: Option<PathBuf>,
    /// A group, by name or number, whose members may open the socket, too; tokens alone are taken from them.
    #[arg(long, value_name = "GROUP", conflicts_with = "listen")]
    pub(crate) group: Option<String>,
    /// A loopback address and port for TLS in place of the socket; tokens alone are taken there.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// The server's certificate with its chain, PEM.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) certificate: Option<PathBuf>,
    /// Its private key, PEM. Refused when anybody but the owner may read it.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) tls_key: Option<PathBuf>,
    /// The Ed25519 public key, PEM, of the host system whose tokens count.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) token_key: Option<PathBuf>,
    /// The name of this installation, which a token must carry.
    #[arg(long, value_name = "NAME")]
    pub(crate) audience: Option<String>,
    /// Connections at once, 32 without it; further ones wait.
    #[arg(long, value_name = "COUNT")]
    pub(crate) connections: Option<NonZeroUsize>,
    /// Seconds that a connection may take, from its first byte to its last; 30 without it.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub(crate) seconds: Option<u16>,
}

/// The views, told in one place for help and manual.
const VIEWS: &str = "\
A view of the record; without it a summary of one screen.

  current-medication        what to reckon with now, with indication and last issue
  medicines-reconciliation  current, recently stopped, recently completed acute, apart
  allergies                 active ones, assertions of no known allergy, ended ones
  problems                  active ones, major first
  consultation [ID]         the consultations; with an id, one as it was recorded
  changes                   what differs from the record that this one replaced
  completeness              the ten areas and every notice, in words";

/// The views of `bedside show`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ViewName {
    CurrentMedication,
    MedicinesReconciliation,
    Allergies,
    Problems,
    Consultation,
    Changes,
    Completeness,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PurgeArgs {
    /// The host system's id of the episode.
    pub(crate) episode: EpisodeId,
    #[command(flatten)]
    pub(crate) reader: ReaderArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct HoldArgs {
    /// The host system's id of the episode.
    pub(crate) episode: EpisodeId,
    /// Why nobody may see it.
    #[arg(long, value_name = "REASON", value_parser = hold_reasons(), required_unless_present = "release")]
    pub(crate) because: Option<HoldReason>,
    /// Take the hold off; the record is shown when it was fetched again.
    #[arg(long, conflicts_with = "because")]
    pub(crate) release: bool,
    #[command(flatten)]
    pub(crate) reader: ReaderArgs,
}

/// The reasons by their names.
fn hold_reasons() -> impl TypedValueParser<Value = HoldReason> {
    let names = HoldReason::ALL.map(HoldReason::as_str);
    clap::builder::PossibleValuesParser::new(names)
        .map(|name| HoldReason::from_name(&name).unwrap_or(HoldReason::Identity))
}

#[derive(Debug, clap::Args)]
pub(crate) struct SweepArgs {
    /// Print what was done as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    /// Write counts of the sweep for the textfile collector of Prometheus's node exporter.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) metrics_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Wrap every episode's key with the key in use, where an older one did.
    #[command(after_help = "\
Example, once cache.key names the new key and cache.older_keys the one before:
  bedside keys rotate")]
    Rotate,
    /// Say how many episodes each key-encryption key still wraps; one that wraps none can be destroyed.
    #[command(after_help = "\
Example:
  bedside keys list")]
    List,
}

/// Who acts. Optional to the parser, because its absence is not a slip of the keyboard: it is refused.
#[derive(Debug, clap::Args)]
pub(crate) struct ReaderArgs {
    /// Who acts and why: a JSON file of the person, the reason and the relationship to the patient.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) reader: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Check the whole chain of the log.
    #[command(after_help = "\
Examples:
  bedside audit verify
  bedside audit verify --anchor HEAD
  bedside audit verify --anchor anchors.txt --anchor-key anchor.pub --log /mnt/copy/audit")]
    Verify(VerifyArgs),
    /// Check the whole chain, and sign its head for whoever keeps it elsewhere.
    #[command(after_help = "\
Examples:
  bedside audit anchor --key anchor.key >> /mnt/elsewhere/anchors.txt
  bedside audit anchor --key anchor.key --public-key > anchor.pub")]
    Anchor(AnchorArgs),
    /// Say who saw, or was refused, the record of a patient whose NHS number is read from standard input.
    #[command(after_help = "\
Example:
  bedside audit who-saw < number.txt")]
    WhoSaw(VerifyArgs),
    /// Print every event as a FHIR STU3 AuditEvent, one JSON object a line.
    #[command(after_help = "\
Example:
  bedside audit export > audit-events.ndjson")]
    Export(VerifyArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// A head or an anchor that was kept elsewhere, or a file of them, every line of which counts: shows whether the
    /// log's end was cut off since. The anchors of the configuration count without being named.
    #[arg(long, value_name = "HEAD|FILE")]
    pub(crate) anchor: Option<String>,
    /// The public key, PEM, that a signed anchor must be signed with.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "anchor")]
    pub(crate) anchor_key: Option<PathBuf>,
    /// The folder of the log, such as a copy, in place of the configured one.
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) log: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct AnchorArgs {
    /// The Ed25519 key that signs: 32 bytes in hexadecimal, a file that its owner alone may read.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: PathBuf,
    /// Print the public key, PEM, and sign nothing.
    #[arg(long)]
    pub(crate) public_key: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PipelineCommand {
    /// Check pipeline files against the rules of GP Connect, and say what each asks for.
    #[command(after_help = "\
Example:
  bedside pipeline check pipelines/*.toml")]
    Check(PipelineCheckArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct PipelineCheckArgs {
    /// The files.
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the settings in force, after flags, environment, file and defaults.
    #[command(after_help = "\
Examples:
  bedside config show
  bedside config show --origin --set limits.concurrency=2")]
    Show(ConfigShowArgs),
    /// Print a configuration to start from, every setting with what it means.
    #[command(after_help = "\
Example:
  bedside config example > config.toml")]
    Example,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ConfigShowArgs {
    /// Say of each setting where it comes from.
    #[arg(long)]
    pub(crate) origin: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// The folder, which must be there.
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
}

/// How a view or a table is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people: what fits a page, below its caveats.
    Text,
    /// One JSON object a line.
    Ndjson,
    /// CSV with a header; lists are JSON in their cell.
    Csv,
    /// One JSON object: `caveats` and `rows`.
    Json,
    /// An Arrow IPC stream.
    Arrow,
}

/// Reads the name of a view. A table that is named in its place is a slip that is easy to mend.
#[derive(Clone)]
struct ViewParser;

impl TypedValueParser for ViewParser {
    type Value = ViewName;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<ViewName, clap::Error> {
        let name = value.to_string_lossy();
        let parsed = clap::builder::EnumValueParser::<ViewName>::new().parse_ref(command, argument, value);
        match Table::from_name(&name) {
            Some(table) if parsed.is_err() => {
                let name = table.as_str();
                let told = format!("{name} is a table, not a view: name it with --table {name}\n");
                Err(clap::Error::raw(clap::error::ErrorKind::InvalidValue, told).with_cmd(command))
            }
            _ => parsed,
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(ViewName::value_variants().iter().filter_map(ValueEnum::to_possible_value)))
    }
}

fn tables() -> impl TypedValueParser<Value = Table> {
    let names = Table::ALL.map(Table::as_str);
    // Whatever the parser lets through is a name of the list.
    clap::builder::PossibleValuesParser::new(names)
        .map(|name| Table::from_name(&name).unwrap_or(Table::Notices))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_declaration_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_command_has_help_with_an_example() {
        fn check(command: &clap::Command, path: &str) {
            let name = format!("{path}{}", command.get_name());
            assert!(command.get_about().is_some(), "{name} says what it does");
            for inner in command.get_subcommands() {
                check(inner, &format!("{name} "));
            }
            if command.has_subcommands() {
                return;
            }
            let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(
                examples.contains(&format!("{name} "))
                    || examples.contains(&format!("{name}\n"))
                    || examples.ends_with(&name),
                "{name}: {examples}"
            );
        }
        check(&Args::command(), "");
    }

    #[test]
    fn the_command_lines_of_units_and_manifest_are_taken() {
        const UNITS: [&str; 3] = [
            include_str!("../../../docs/operating/bedside-warm.service"),
            include_str!("../../../docs/operating/bedside-sweep.service"),
            include_str!("../../../docs/operating/bedside-serve.service"),
        ];
        let line =
            |unit: &str| unit.lines().find_map(|line| line.strip_prefix("ExecStart=").map(str::to_owned));
        let mut lines: Vec<Vec<String>> = UNITS
            .iter()
            .map(|unit| line(unit).expect("a command line").split(' ').map(str::to_owned).collect())
            .collect();
        let manifest = include_str!("../../../docs/operating/cronjob.yaml");
        let (_, arguments) = manifest.split_once(" args: ").expect("arguments");
        let arguments = arguments.lines().next().unwrap_or_default();
        let arguments: Vec<String> = serde_json::from_str(arguments).expect("a list as JSON has it, too");
        lines.push(["bedside".to_owned()].into_iter().chain(arguments).collect());
        for line in lines {
            assert!(Args::try_parse_from(&line).is_ok(), "{line:?}");
        }
    }

    #[test]
    fn the_help_of_show_names_every_view() {
        for view in ViewName::value_variants() {
            let name = view.to_possible_value().expect("shown").get_name().to_owned();
            assert!(VIEWS.contains(&format!("\n  {name} ")), "{name}");
        }
    }
}
