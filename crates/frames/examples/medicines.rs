//! Reads one episode of a cache and prints what a pharmacist compares with what the patient takes:
//!
//!     bedside-lab demo --keep /tmp/bedside-demo
//!     cargo run -p bedside-frames --example medicines -- /tmp/bedside-demo EP-2026-0002
//!
//! The reader below is the one of the demo. A care system gives the person who is logged on, and whose
//! relationship to the patient it knows.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use bedside_audit::{AuditLog, Pepper, SystemClock};
use bedside_cache::{Cache, KeyFile, OpenEpisode, ReaderAssertion};
use bedside_frames::medicines_reconciliation;
use bedside_frames::polars::prelude::{col, lit};
use bedside_model::Requester;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(episode)) = (arguments.next(), arguments.next()) else {
        return Err("usage: medicines FOLDER EPISODE".into());
    };
    let parts = medicines_reconciliation(&open(Path::new(&folder), &episode)?)?.into_parts();
    // The caveats come with the rows, and first.
    println!("retrieved {}, practice {:?}", parts.caveats.retrieved_at, parts.caveats.practice);
    for area in &parts.caveats.areas {
        println!("{}: {}, incomplete: {}", area.area.as_str(), area.state, area.incomplete);
    }
    let stopped = col("group").eq(lit("recently_stopped"));
    let columns = [col("group"), col("medication_term"), col("dosage_text"), col("therapy_last_issue")];
    println!("{}", parts.rows.clone().select(columns.clone()).collect()?);
    println!("recently stopped: {}", parts.rows.filter(stopped).select(columns).collect()?);
    Ok(())
}

fn open(folder: &Path, episode: &str) -> Result<OpenEpisode, Box<dyn Error>> {
    let clock = Arc::new(SystemClock);
    let pepper = Pepper::from_file(&folder.join("audit.pepper"))?;
    let audit = Arc::new(AuditLog::open(&folder.join("audit"), pepper, clock.clone())?);
    let key = Box::new(KeyFile::open(&folder.join("cache.key"))?);
    let cache = Cache::open(&folder.join("cache"), key, audit, clock)?;
    let grant = cache.grant(&reader()?, &episode.parse()?)?;
    Ok(cache.read(&grant)?)
}

fn reader() -> Result<ReaderAssertion, Box<dyn Error>> {
    let requester = Requester {
        user_id: "u-1001".into(),
        sds_user_id: "999900000001".into(),
        sds_role_profile_id: "999900000002".into(),
        family: "Fauxley".into(),
        given: "Exempla".into(),
        prefix: Some("Dr".into()),
        role: "Admitting doctor".into(),
        organisation: "TESTH1".parse()?,
        organisation_name: "Synthetic General Hospital".into(),
    };
    Ok(ReaderAssertion { requester, reason: "directcare".into(), relationship: "admitting team".into() })
}
