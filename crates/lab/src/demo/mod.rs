//! `bedside-lab demo`: the whole way in one process, from a list of admissions to one patient's record on the
//! screen. The Spine and the practices are simulated; everything else is the product: TLS with client
//! certificates, the look-up in the directory, the request, the identity gate, the sealed cache, the audit log,
//! and a reading through a grant.

mod admission;
mod bundles;
mod crowd;
mod fixtures;
mod layout;
mod report;
mod scene;
mod site;

use std::path::{Path, PathBuf};
use std::time::Instant;

use bedside_cli::render::{Page, summary};
use bedside_model::EpisodeId;
use bedside_spine::{Settings, london_day};
use bedside_warm::{Event, Pipeline, Report, What};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::runtime;

use crate::console::{print, width};
use crate::exit::{Exit, Stopped};
use crate::provider::SimulatedSpine;

pub(crate) use crowd::crowd;
pub use fixtures::fixtures;
pub(crate) use report::quoted;
pub use scene::{Intention, Scene, Surgery};
pub use site::Site;

/// What to show, and whether to keep it.
#[derive(Debug, Clone, clap::Args)]
pub struct DemoArgs {
    /// Keep everything in this folder, which is made or is empty, and print the commands to go on with
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// Serve these bundles as the practices' answers, one admission each, in place of the fixtures
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub bundles: Vec<PathBuf>,
}

/// Plays the demo. It ends well when every admission ended as it was meant to.
///
/// # Errors
/// When a bundle cannot be read, the folder is not empty, or something does not work at all.
pub fn run(args: &DemoArgs) -> Result<Exit, Stopped> {
    let now = Timestamp::now();
    let scene = if args.bundles.is_empty() { fixtures(now) } else { bundles::scene(&args.bundles, now)? };
    let folder = Folder::new(args.keep.as_deref())?;
    block_on(async {
        tokio::select! {
            ended = play(&scene, &folder) => ended,
            _ = tokio::signal::ctrl_c() => Err(Stopped::failed("stopped")),
        }
    })
}

/// Where everything lies: a folder of the user's, or one that goes when this is dropped.
pub(crate) enum Folder {
    Kept(PathBuf),
    Temporary(TempDir),
}

impl Folder {
    pub(crate) fn new(keep: Option<&Path>) -> Result<Self, Stopped> {
        match keep {
            Some(path) => Ok(Self::Kept(path.to_owned())),
            None => tempfile::Builder::new()
                .prefix("bedside-")
                .tempdir()
                .map(Self::Temporary)
                .map_err(|error| Stopped::failed(format!("no temporary folder can be made: {error}"))),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }

    pub(crate) fn is_kept(&self) -> bool {
        matches!(self, Self::Kept(_))
    }
}

/// Runs a command's work on Tokio's multi-threaded runtime, which warming needs.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Stopped>>) -> Result<T, Stopped> {
    let runtime = runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Stopped::failed(format!("no threads to run on: {error}")))?.block_on(work)
}

async fn play(scene: &Scene, folder: &Folder) -> Result<Exit, Stopped> {
    let (page, width) = (width(), usize::from(width()));
    let spine = SimulatedSpine::start(scene.config(0)).await.map_err(Stopped::failed)?;
    let site = Site::create(folder.path(), &spine, &scene.admissions)?;
    print(report::opening(scene, &spine.ssp_root(), width))?;
    let pipeline = Pipeline::admission(london_day(Timestamp::now())).map_err(Stopped::failed)?;
    let started = Instant::now();
    let report = warm(scene, &site, &spine, &pipeline).await?;
    print(
        report::Ran { scene, report: &report, asked: pipeline.areas(), took: started.elapsed() }.page(width),
    )?;
    print(report::places(folder, width))?;
    let shown = to_show(scene, &report);
    if let Some(episode) = &shown {
        print(report::before_record(episode, width))?;
        print(summary(&site.read(episode)?, Page { width: page, now: Timestamp::now() }))?;
    }
    let verified = bedside_audit::verify(&site.path("audit"), None).map_err(Stopped::failed)?;
    print(report::closing(folder, shown.as_ref(), &verified, width))?;
    spine.stop().await;
    let as_intended =
        report.input_problem.is_none() && verified.unfinished == 0 && scene.is_as_intended(&report);
    Ok(if as_intended { Exit::Done } else { Exit::Failed })
}

async fn warm(
    scene: &Scene,
    site: &Site,
    spine: &SimulatedSpine,
    pipeline: &Pipeline,
) -> Result<Report, Stopped> {
    let warmer = site.warmer(spine, Settings::default(), scene.concurrency)?;
    let lines = site.admissions()?;
    let mut follow = |event: &Event| {
        if let What::EpisodeStarted { episode, .. } = &event.what {
            scene.turn_to(episode);
        }
    };
    Ok(warmer.run("demo", lines, pipeline, &mut follow).await)
}

/// The episode to show, if its record was sealed; else the first of the list that was.
fn to_show(scene: &Scene, report: &Report) -> Option<EpisodeId> {
    let warmed = |episode: &&str| {
        let mut reports = report.episodes.iter();
        reports.any(|report| report.episode == **episode && report.outcome.name() == "warmed")
    };
    scene.shown.into_iter().chain(scene.episodes.iter().map(String::as_str)).find(warmed)?.parse().ok()
}
