use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::{Config, Fault, Latency, NationalRecord, Practice, SimulatedSpine, practices};
use crate::console::print;
use crate::demo::{Folder, Site, block_on, fixtures, quoted};
use crate::exit::{Exit, Stopped};

/// Where to listen, how to behave, and where to leave what a client needs.
#[derive(Debug, Clone, clap::Args)]
pub struct ProviderArgs {
    /// Loopback port [default: any that is free]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub port: u16,
    /// Folder, which is made or is empty, for authority, client identity, directory file, configuration and
    /// admissions [default: one that is removed in the end]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Let every practice answer with this fault
    #[arg(long, value_name = "NAME")]
    pub fault: Option<String>,
    /// How long answers take: 300ms, 200ms..3s (all alike) or 300ms~3s (median and slowest in a hundred)
    #[arg(long, value_name = "TIME")]
    pub latency: Option<Latency>,
    /// Practices from a TOML file, each with faults and latency of its own, in place of the demo's
    #[arg(long, value_name = "FILE")]
    pub practices: Option<PathBuf>,
    /// List the faults and end
    #[arg(long)]
    pub faults: bool,
}

/// Runs the simulated Spine with the patients of the demo until Ctrl-C.
///
/// # Errors
/// When the port cannot be bound, the folder is not empty or cannot be written, or a fault is not known.
pub fn run(args: &ProviderArgs) -> Result<Exit, Stopped> {
    if args.faults {
        print(
            Fault::all().iter().map(|fault| format!("{}  {}\n", fault.row, fault.name)).collect::<String>(),
        )?;
        return Ok(Exit::Done);
    }
    let scene = fixtures(Timestamp::now());
    let config = Config {
        practices: surgeries(args, scene.practices.iter().map(|surgery| surgery.practice.clone()).collect())?,
        records: Arc::clone(&scene.records),
        national_record: NationalRecord::default(),
        ..scene.config(args.port)
    };
    let folder = Folder::new(args.out.as_deref())?;
    block_on(async {
        let spine = SimulatedSpine::start(config).await;
        let spine = spine
            .map_err(|error| Stopped::failed(format!("no simulated Spine on port {}: {error}", args.port)))?;
        Site::create(folder.path(), &spine, &scene.admissions)?;
        print(told(&spine, folder.path()))?;
        tokio::signal::ctrl_c().await.map_err(Stopped::failed)?;
        spine.stop().await;
        Ok(Exit::Done)
    })
}

/// The practices that were asked for, the demo's otherwise.
fn surgeries(args: &ProviderArgs, demo: Vec<Practice>) -> Result<Vec<Practice>, Stopped> {
    let mut surgeries = match &args.practices {
        None => demo,
        Some(file) => {
            let text = fs::read_to_string(file)
                .map_err(|error| Stopped::usage(format!("cannot read {}: {error}", file.display())))?;
            practices::parse(file, &text).map_err(Stopped::usage)?
        }
    };
    for practice in &mut surgeries {
        if let Some(name) = &args.fault {
            practice.behaviour = practices::behaviour(name).map_err(Stopped::usage)?;
        }
        practice.latency = args.latency.unwrap_or(practice.latency);
    }
    Ok(surgeries)
}

fn told(spine: &SimulatedSpine, folder: &Path) -> String {
    let path = |name: &str| quoted(&folder.join(name));
    format!(
        "Spine Secure Proxy  {}\n\
         SDS FHIR API        {}\n\
         PDS FHIR API        {}\n\
         authority           {}\n\
         client identity     {} {}\n\
         directory file      {}\n\
         configuration       {}\n\
         admissions          {} (traced now, good for a day)\n\n\
         In another terminal:\n\n  cargo run -q -p bedside-cli -- --config {} warm --admissions {}\n\n\
         Ctrl-C ends it.\n",
        spine.ssp_root(),
        spine.directory_base(),
        spine.pds_base(),
        path("tls/ca.pem"),
        path("tls/client.pem"),
        path("tls/client.key"),
        path("practices.toml"),
        path("config.toml"),
        path("admissions.ndjson"),
        path("config.toml"),
        path("admissions.ndjson"),
    )
}
