use bedside_audit::Head;
use bedside_cache::Swept;
use bedside_warm::{JournalsSwept, sweep_journals};
use serde_json::{Value, json};

use crate::args::SweepArgs;
use crate::config::Config;
use crate::exit::{Exit, Stopped};
use crate::installation::Installation;
use crate::metrics;
use crate::output::{Output, tell};

/// `bedside sweep`. Episodes that do not open are told, and are no failure of the sweep: a timer that reported
/// each of them for ever would be switched off.
pub(crate) fn sweep(config: &Config, args: &SweepArgs) -> Result<Exit, Stopped> {
    let installation = Installation::open(config)?;
    let swept = installation.cache.sweep().map_err(Stopped::failed)?;
    let (runs, retention) = (super::warm::runs(config), &installation.cache.policy().retention);
    let journals = sweep_journals(&runs, retention, installation.clock.now()).map_err(Stopped::failed)?;
    // Whoever keeps what the timer prints elsewhere keeps an anchor of the audit log with it.
    let head = installation.audit.head().map_err(Stopped::failed)?;
    let metrics = args
        .metrics_file
        .as_ref()
        .map_or(Ok(()), |path| metrics::write(path, &metrics::sweep(&swept, installation.clock.now())));
    let mut output = Output::new();
    if args.json {
        output.text(&format!("{}\n", as_json(&swept, journals, head)))?;
        return metrics.map(|()| Exit::Done);
    }
    for (receipt, rule) in &swept.purged {
        output.text(&format!("purged {} ({}), receipt {}\n", receipt.episode, rule.as_str(), receipt.id))?;
    }
    for receipt in &swept.recovered.purges {
        output.text(&format!("completed the purge of {}, receipt {}\n", receipt.episode, receipt.id))?;
    }
    for (episode, state) in &swept.recovered.unreadable {
        tell(&format!("bedside: {episode}: {state}"));
    }
    if swept.unknown > 0 {
        tell(&format!(
            "bedside: {} events have no end, and are on record as of unknown outcome",
            swept.unknown
        ));
    }
    let recovered = &swept.recovered;
    let mended = recovered.strays + recovered.marks + recovered.unused_keys;
    if journals.unreadable > 0 {
        tell(&format!("bedside: {} journals of runs are damaged: remove them by hand", journals.unreadable));
    }
    output.text(&format!(
        "{} purged, {} kept, {} in use, {mended} things mended, {} journals removed; audit head {head}\n",
        swept.purged.len(),
        swept.kept,
        recovered.busy,
        journals.removed
    ))?;
    metrics.map(|()| Exit::Done)
}

fn as_json(swept: &Swept, journals: JournalsSwept, head: Head) -> Value {
    let recovered = &swept.recovered;
    let purged = swept.purged.iter().map(|(receipt, rule)| {
        json!({"episode_tag": receipt.episode.as_str(), "rule": rule.as_str(), "receipt": receipt.id,
            "files": receipt.files, "bytes": receipt.bytes})
    });
    let completed = recovered
        .purges
        .iter()
        .map(|receipt| json!({"episode_tag": receipt.episode.as_str(), "receipt": receipt.id}));
    let unreadable = recovered
        .unreadable
        .iter()
        .map(|(episode, state)| json!({"episode_tag": episode.as_str(), "state": state.as_str()}));
    json!({
        "purged": purged.collect::<Value>(),
        "purges_completed": completed.collect::<Value>(),
        "unreadable": unreadable.collect::<Value>(),
        "outcomes_unknown": swept.unknown, "kept": swept.kept, "in_use": recovered.busy, "strays_removed": recovered.strays,
        "journals_removed": journals.removed, "journals_kept": journals.kept, "journals_in_use": journals.in_use,
        "journals_damaged": journals.unreadable, "audit_head": head.to_string(), "marks_mended": recovered.marks, "unused_keys_destroyed": recovered.unused_keys,
    })
}
