use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::SimulatedSpine;
use crate::console::print;
use crate::demo::{Folder, Site, block_on, fixtures, quoted};
use crate::exit::{Exit, Stopped};

/// Where to listen, and where to leave what a client needs.
#[derive(Debug, Clone, clap::Args)]
pub struct ProviderArgs {
    /// Loopback port [default: any that is free]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub port: u16,
    /// Folder, which is made or is empty, for authority, client identity, directory file, configuration and
    /// admissions [default: one that is removed in the end]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Runs the simulated Spine with the practices and patients of the demo until Ctrl-C.
///
/// # Errors
/// When the port cannot be bound, or the folder is not empty or cannot be written.
pub fn run(args: &ProviderArgs) -> Result<Exit, Stopped> {
    let scene = fixtures(Timestamp::now());
    let folder = Folder::new(args.out.as_deref())?;
    block_on(async {
        let spine = SimulatedSpine::start(scene.config(args.port)).await;
        let spine = spine
            .map_err(|error| Stopped::failed(format!("no simulated Spine on port {}: {error}", args.port)))?;
        Site::create(folder.path(), &spine, &scene.admissions)?;
        print(told(&spine, folder.path()))?;
        tokio::signal::ctrl_c().await.map_err(Stopped::failed)?;
        spine.stop().await;
        Ok(Exit::Done)
    })
}

fn told(spine: &SimulatedSpine, folder: &Path) -> String {
    let path = |name: &str| quoted(&folder.join(name));
    format!(
        "Spine Secure Proxy  {}\n\
         SDS FHIR API        {}\n\
         authority           {}\n\
         client identity     {} {}\n\
         directory file      {}\n\
         configuration       {}\n\
         admissions          {} (traced now, good for a day)\n\n\
         In another terminal:\n\n  cargo run -q -p bedside-cli -- --config {} warm --admissions {}\n\n\
         Ctrl-C ends it.\n",
        spine.ssp_root(),
        spine.directory_base(),
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
