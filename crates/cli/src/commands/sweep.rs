use bedside_audit::Head;
use bedside_cache::{NotReadable, Swept};
use bedside_warm::{JournalsSwept, sweep_journals};
use serde_json::{Value, json};

use crate::args::SweepArgs;
use crate::config::Config;
use crate::exit::{Exit, Stopped};
use crate::installation::Installation;
use crate::metrics;
use crate::output::{Output, tell};

/// `bedside sweep`. Episodes that do not open are told, and are no failure of the sweep: a timer that reported
/// each of them for ever would be switched off. Those whose files the disk refuses are one, because their time may be over.
/// Whatever ends it early, what was done until then is told first.
pub(crate) fn sweep(config: &Config, args: &SweepArgs) -> Result<Exit, Stopped> {
    let installation = Installation::open(config)?;
    let mut swept = Swept::default();
    let ended = installation.cache.sweep_into(&mut swept).map_err(Stopped::failed);
    let (runs, retention) = (super::warm::runs(config), &installation.cache.policy().retention);
    let journals = sweep_journals(&runs, retention, installation.clock.now()).map_err(Stopped::failed);
    // Whoever keeps what the timer prints elsewhere keeps an anchor of the audit log with it.
    let head = installation.audit.head().map_err(Stopped::failed);
    let anchored = installation.audit.anchor().map_err(Stopped::failed);
    let metrics = args
        .metrics_file
        .as_ref()
        .map_or(Ok(()), |path| metrics::write(path, &metrics::sweep(&swept, installation.clock.now())));
    let removed = journals.as_ref().copied().unwrap_or_default();
    let (json, lines) =
        (as_json(&swept, removed, head.as_ref().ok()), in_words(&swept, removed, head.as_ref().ok()));
    let told = Output::new().text(&if args.json { format!("{json}\n") } else { lines });
    if !args.json {
        warn(&swept, removed);
    }
    told.and(ended).and(journals.map(drop)).and(head.map(drop)).and(anchored).and(metrics)?;
    let unusable = |(_, state): &(_, NotReadable)| *state == NotReadable::Unusable;
    Ok(if swept.recovered.unreadable.iter().any(unusable) { Exit::Failed } else { Exit::Done })
}

/// What was done.
fn in_words(swept: &Swept, journals: JournalsSwept, head: Option<&Head>) -> String {
    let recovered = &swept.recovered;
    let purged = swept.purged.iter().map(|(receipt, rule)| {
        format!("purged {} ({}), receipt {}\n", receipt.episode, rule.as_str(), receipt.id)
    });
    let completed = recovered
        .purges
        .iter()
        .map(|receipt| format!("completed the purge of {}, receipt {}\n", receipt.episode, receipt.id));
    let mended = recovered.strays + recovered.marks + recovered.unused_keys;
    let counts = format!(
        "{} purged, {} kept, {} in use, {mended} things mended, {} journals removed",
        swept.purged.len(),
        swept.kept,
        recovered.busy,
        journals.removed
    );
    let head = head.map(|head| format!("; audit head {head}")).unwrap_or_default();
    purged.chain(completed).chain([format!("{counts}{head}\n")]).collect()
}

/// What somebody has to look at.
fn warn(swept: &Swept, journals: JournalsSwept) {
    for (episode, state) in &swept.recovered.unreadable {
        tell(&format!("bedside: {episode}: {state}"));
    }
    if swept.unknown > 0 {
        tell(&format!(
            "bedside: {} events have no end, and are on record as of unknown outcome",
            swept.unknown
        ));
    }
    if journals.unreadable > 0 {
        tell(&format!("bedside: {} journals of runs are damaged: remove them by hand", journals.unreadable));
    }
}

fn as_json(swept: &Swept, journals: JournalsSwept, head: Option<&Head>) -> Value {
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
        "journals_damaged": journals.unreadable, "audit_head": head.map(Head::to_string), "marks_mended": recovered.marks, "unused_keys_destroyed": recovered.unused_keys,
    })
}
