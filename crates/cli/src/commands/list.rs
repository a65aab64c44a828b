use serde_json::json;

use crate::args::ListArgs;
use crate::config::Config;
use crate::exit::{Exit, Stopped};
use crate::installation::Installation;
use crate::output::Output;
use crate::render::{ward_time, words_table};

/// `bedside list`
pub(crate) fn list(config: &Config, args: &ListArgs) -> Result<Exit, Stopped> {
    let episodes = Installation::open(config)?.cache.list().map_err(Stopped::failed)?;
    let mut output = Output::new();
    if args.json {
        for episode in episodes {
            let line = json!({
                "episode_tag": episode.episode.as_str(),
                "state": episode.state(),
                "generation": episode.generation,
                "created": episode.created.map(|at| at.to_string()),
                "freshness": episode.freshness.map(|freshness| freshness.as_str()),
                "discharged": episode.discharged.map(|at| at.to_string()),
                "purge_due": episode.purge_due.map(|at| at.to_string()),
                "expires": episode.expires.map(|at| at.to_string()),
                "bytes": episode.bytes,
            });
            output.text(&format!("{line}\n"))?;
        }
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = episodes
        .iter()
        .map(|episode| {
            vec![
                episode.episode.to_string(),
                episode.state().to_owned(),
                episode.generation.map(|number| number.to_string()).unwrap_or_default(),
                episode.created.map(ward_time).unwrap_or_default(),
                episode.freshness.map(|freshness| freshness.as_str().to_owned()).unwrap_or_default(),
                episode.expires.map(ward_time).unwrap_or_default(),
                episode.bytes.to_string(),
            ]
        })
        .collect();
    let header = ["Episode (opaque)", "State", "Generation", "Written", "Age", "Expires", "Bytes"];
    output.text(&words_table(&header, &rows, output.width()))?;
    Ok(Exit::Done)
}
