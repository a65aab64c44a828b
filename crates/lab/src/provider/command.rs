use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Behaviour, Config, DIFFERENCES, Fault, Latency, Manner, NationalRecord, Practice, Service,
    SimulatedSpine, practices, synthetic,
};
use crate::console::print;
use crate::demo::{Folder, Site, block_on, crowd, fixtures, quoted};
use crate::exit::{Exit, Stopped};
use crate::generate::Supplier;

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
    /// Let every practice answer as the systems of this supplier do, with a synthetic record in its manner, and only
    /// what it is asked
    #[arg(long, value_enum, value_name = "NAME")]
    pub supplier: Option<Supplier>,
    /// Let every look-up in the directory meet this fault
    #[arg(long, value_name = "NAME")]
    pub sds_fault: Option<String>,
    /// Let every trace in the national record meet this fault
    #[arg(long, value_name = "NAME")]
    pub pds_fault: Option<String>,
    /// Admit so many invented patients of these practices in place of the demo's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub patients: Option<u32>,
    /// List the faults and end
    #[arg(long)]
    pub faults: bool,
    /// List what the suppliers do of their own, with the sheet that says so, and end
    #[arg(long)]
    pub suppliers: bool,
}

/// Runs the simulated Spine with the patients of the demo until Ctrl-C.
///
/// # Errors
/// When the port cannot be bound, the folder is not empty or cannot be written, or a fault is not known.
pub fn run(args: &ProviderArgs) -> Result<Exit, Stopped> {
    if args.faults {
        print(faults())?;
        return Ok(Exit::Done);
    }
    if args.suppliers {
        let line =
            |one: &super::Difference| format!("{:8} {} [{}]\n", one.supplier.as_str(), one.what, one.source);
        print(DIFFERENCES.iter().map(line).collect::<String>())?;
        return Ok(Exit::Done);
    }
    let now = Timestamp::now();
    let scene = fixtures(now);
    let practices =
        surgeries(args, scene.practices.iter().map(|surgery| surgery.practice.clone()).collect())?;
    let (patients, admissions) = match args.patients {
        Some(count) => crowd(&practices, count as usize, now),
        None => (scene.patients.clone(), scene.admissions.clone()),
    };
    let config = Config {
        records_of: Some(synthetic(&practices, patients, scene.records.clone())),
        national_record: national_record(&admissions, args.pds_fault.as_deref())?,
        practices,
        ..scene.config(args.port)
    };
    let folder = Folder::new(args.out.as_deref())?;
    block_on(async {
        let spine = SimulatedSpine::start(config).await;
        let spine = spine
            .map_err(|error| Stopped::failed(format!("no simulated Spine on port {}: {error}", args.port)))?;
        Site::create(folder.path(), &spine, &admissions)?;
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
            practice.behaviour = behaviour(Service::Practice, name)?;
        }
        if let Some(name) = &args.sds_fault {
            practice.directory = behaviour(Service::Directory, name)?;
        }
        if let Some(supplier) = args.supplier {
            practice.manner = Some(Manner::of(supplier));
        }
        practice.latency = args.latency.unwrap_or(practice.latency);
    }
    Ok(surgeries)
}

fn behaviour(service: Service, name: &str) -> Result<Behaviour, Stopped> {
    practices::behaviour(service, name).map_err(Stopped::usage)
}

/// Everybody on the list of admissions, as the list says they were traced.
fn national_record(admissions: &str, fault: Option<&str>) -> Result<NationalRecord, Stopped> {
    let fault = fault.map_or(Ok(Behaviour::Normal), |name| behaviour(Service::NationalRecord, name))?;
    let lines = admissions.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    Ok(lines.fold(NationalRecord::default(), |record, line| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (who, number, practice) =
            (&line["demographics"], text(&line["nhs_number"]), text(&line["practice_ods"]));
        let names = (&*text(&who["family"]), &*text(&who["given"]), &*text(&who["gender"]));
        record.with(
            NationalRecord::patient(&number, names, &text(&who["birth_date"]), &practice),
            fault.clone(),
        )
    }))
}

/// The faults of each service, with their rows of the matrix.
fn faults() -> String {
    let services = [
        (Service::Practice, "--fault"),
        (Service::Directory, "--sds-fault"),
        (Service::NationalRecord, "--pds-fault"),
    ];
    let line = |fault: &Fault, flag: &str| format!("{:6}  {flag:11}  {}\n", fault.row, fault.name);
    let of = |(service, flag): (Service, &str)| -> String {
        Fault::of(service).iter().map(|fault| line(fault, flag)).collect()
    };
    services.map(of).concat()
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
