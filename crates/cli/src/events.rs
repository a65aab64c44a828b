//! The wire format of `bedside warm --json`, which `docs/events.md` describes. The types of the events are in
//! `bedside-warm`; here is what the program adds to them.

use bedside_warm::Event;
use serde::Serialize;

/// Version of the format. It rises when a field goes, or changes its name, type or meaning; not when one comes.
const SCHEMA: u32 = 1;

/// An event as one line, without its end.
pub(crate) fn line(event: &Event) -> String {
    // Maps with text keys and plain values always have a JSON form.
    serde_json::to_string(&Line { schema: SCHEMA, event }).unwrap_or_default()
}

#[derive(Serialize)]
struct Line<'a> {
    schema: u32,
    #[serde(flatten)]
    event: &'a Event,
}
