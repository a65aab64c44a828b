use std::path::PathBuf;

use bedside_model::EpisodeId;
use bedside_model::schema::Table;
use clap::{Parser, Subcommand, ValueEnum};

/// Exit statuses, as `--help` prints them and as `exit.rs` gives them.
const STATUSES: &str = "\
Exit status:
  0  done: every admission warmed, or the record shown
  2  usage or configuration
  3  some episodes failed; or there is no readable record, or the log is broken
  4  refused by policy: purpose, relationship, age of the trace, or no real person who asks

Data goes to standard output, words for people to standard error. An NHS number is never an argument.";

/// GP records at the bedside: fetched at admission, sealed for one care episode, read under audit.
#[derive(Debug, Parser)]
#[command(name = "bedside", version, after_help = STATUSES, max_term_width = 110)]
pub(crate) struct Args {
    /// Configuration file; relative paths in it start from its folder.
    #[arg(long, global = true, env = "BEDSIDE_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fetch, check and seal the record of every admission of a list.
    Warm(WarmArgs),
    /// List the episodes of the cache, without what is in them.
    List(ListArgs),
    /// Show the record of one episode, to a reader who says who they are and why. Audited.
    Show(ShowArgs),
    /// Destroy the record of one episode, its key first.
    Purge(PurgeArgs),
    /// Work with the audit log.
    #[command(subcommand)]
    Audit(AuditCommand),
}

#[derive(Debug, clap::Args)]
pub(crate) struct WarmArgs {
    /// Admissions, one JSON object a line; - is standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) admissions: PathBuf,
    /// What to ask the practices for. Without it: medication, allergies, problems and consultations.
    #[arg(long, value_name = "FILE")]
    pub(crate) pipeline: Option<PathBuf>,
    /// Print each event as one JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
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
    /// The table; without it a summary of one screen.
    #[arg(value_parser = table)]
    pub(crate) table: Option<Table>,
    #[command(flatten)]
    pub(crate) reader: ReaderArgs,
    /// How to print the table.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PurgeArgs {
    /// The host system's id of the episode.
    pub(crate) episode: EpisodeId,
    #[command(flatten)]
    pub(crate) reader: ReaderArgs,
}

/// Who acts. Optional to the parser, because its absence is not a slip of the keyboard: it is refused.
#[derive(Debug, clap::Args)]
pub(crate) struct ReaderArgs {
    /// Who acts and why: a JSON file of the person, the reason and the relationship to the patient.
    #[arg(long, value_name = "FILE")]
    pub(crate) reader: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Check the whole chain of the log.
    Verify(VerifyArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// A head that an earlier verify printed: shows whether the log's tail was cut since.
    #[arg(long, value_name = "HEAD")]
    pub(crate) anchor: Option<bedside_audit::Head>,
}

/// How a table is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// The columns that fit a page, for people.
    Table,
    /// One JSON object a line.
    Ndjson,
    /// CSV with a header; lists are JSON in their cell.
    Csv,
    /// An Arrow IPC stream.
    Arrow,
}

fn table(name: &str) -> Result<Table, String> {
    Table::from_name(name).ok_or_else(|| {
        let names: Vec<_> = Table::ALL.iter().map(|table| table.as_str()).collect();
        format!("the tables are {}", names.join(", "))
    })
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
    fn help_documents_every_exit_status() {
        let help = Args::command().render_long_help().to_string();
        for status in ["  0  ", "  2  ", "  3  ", "  4  "] {
            assert!(help.contains(status), "{status}");
        }
    }
}
