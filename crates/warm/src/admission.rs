use std::fmt;

use bedside_cache::HoldReason;
use bedside_model::{Demographics, EpisodeId, Gender, NhsNumber, Requester, day_interval};
use bedside_spine::london_day;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::strict::{Fields, Problem, json_object};
use crate::{hold, person};

/// The only purpose for which a record may be fetched or read (`hazards-and-governance` sheet, section 1).
pub(crate) const DIRECT_CARE: &str = "directcare";

/// How old a trace may be when a record is fetched (GPC-CORE01).
pub(crate) const TRACE_VALID: SignedDuration = SignedDuration::from_hours(24);

/// One care episode whose record is to be fetched, with everything that policy and the request need: who the
/// patient is, who asks, and until when the record may be kept. `Debug` shows the episode alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Admission {
    /// The host system's id of the episode.
    pub episode: EpisodeId,
    /// The patient as traced.
    pub demographics: Demographics,
    /// The person on whose behalf the record is fetched.
    pub requester: Requester,
    /// The consultation that a pipeline may ask for.
    pub consultation: Option<Consultation>,
    /// When the patient was admitted, if the host system says so: who waits longest is served first.
    pub admitted_at: Option<Timestamp>,
    /// When the episode ends and its record must be gone.
    pub episode_ends: Timestamp,
}

/// A consultation that the host system knows of: the period to ask the practice for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consultation {
    /// The host system's reference to it.
    pub reference: String,
    /// First day.
    pub start: Date,
    /// Last day; open without one.
    pub end: Option<Date>,
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission").field("episode", &self.episode).finish_non_exhaustive()
    }
}

/// What one line gave: an admission, the problems, or both when the line is well formed and a rule forbids it.
#[derive(Default)]
pub(crate) struct Parsed {
    pub(crate) episode: Option<EpisodeId>,
    /// The purpose as it was stated; empty without one.
    pub(crate) purpose: String,
    pub(crate) admission: Option<Admission>,
    /// What the line says of the patient that stands against showing what is held already.
    pub(crate) against: Option<HoldReason>,
    pub(crate) problems: Vec<Problem>,
}

/// Reads one line as of `now`. Where patients are traced here, a trace may be absent or old.
pub(crate) fn parse(line: &[u8], now: Timestamp, traces_here: bool) -> Parsed {
    match json_object(line) {
        Ok(object) => parse_object(&object, now, traces_here),
        Err(problem) => Parsed { problems: vec![Problem::malformed("", problem)], ..Parsed::default() },
    }
}

/// Reads what a line says, or what a message was turned into.
pub(crate) fn parse_object(object: &Map<String, Value>, now: Timestamp, traces_here: bool) -> Parsed {
    let purpose = object.get("reason").and_then(|reason| reason.as_str()).unwrap_or_default().to_owned();
    let mut episode = None;
    let (admission, problems) = Fields::read(object, |fields| {
        episode = fields.parsed("episode", str::parse::<EpisodeId>);
        admission(fields, episode.clone(), (now, traces_here))
    });
    Parsed { episode, purpose, admission, against: against(object), problems }
}

/// Why a trace of that age does not allow a fetch at `now`, if it does not. Asked when a line is read and
/// again at the moment of the call, because a long run may outlast the trace.
pub(crate) fn trace_problem(traced_at: Timestamp, now: Timestamp) -> Option<&'static str> {
    if traced_at > now {
        Some("is in the future")
    } else if now.duration_since(traced_at) > TRACE_VALID {
        Some("is more than 24 hours ago: trace the patient again")
    } else {
        None
    }
}

fn admission(
    fields: &mut Fields<'_>,
    episode: Option<EpisodeId>,
    (now, traces_here): (Timestamp, bool),
) -> Option<Admission> {
    let nhs_number = fields.parsed("nhs_number", str::parse::<NhsNumber>);
    if let (Some(episode), Some(number)) = (&episode, &nhs_number)
        && episode.as_str().contains(number.expose())
    {
        fields.malformed("episode", "must not hold the NHS number: episode ids appear in logs");
    }
    let practice = fields.parsed("practice_ods", str::parse);
    let traced = fields.object("demographics", |fields| traced(fields, (now, traces_here)));
    let requester = match fields.has("requester") {
        true => fields.object("requester", person::requester),
        false => {
            fields.policy("requester", "is missing: a record is fetched on behalf of a real person only");
            None
        }
    };
    note_purpose(fields);
    note_permission(fields);
    let consultation = fields.optional_object("consultation", |fields| consultation(fields, now));
    let admitted_at = fields.has("admitted_at").then(|| fields.instant("admitted_at")).flatten();
    let episode_ends = fields.instant("episode_ends");
    if episode_ends.is_some_and(|ends| ends <= now) {
        fields.malformed("episode_ends", "is in the past: there is nothing to keep a record for");
    }
    let (family, given, gender, birth_date, traced_at) = traced?;
    let demographics = Demographics {
        nhs_number: nhs_number?,
        family,
        given,
        gender,
        birth_date,
        practice: practice?,
        traced_at,
    };
    Some(Admission {
        episode: episode?,
        demographics,
        requester: requester?,
        consultation,
        admitted_at,
        episode_ends: episode_ends?,
    })
}

fn traced(
    fields: &mut Fields<'_>,
    (now, traces_here): (Timestamp, bool),
) -> Option<(String, String, Gender, String, Timestamp)> {
    let family = fields.text("family");
    let given = fields.text("given");
    let gender = fields
        .parsed("gender", |text| Gender::from_code(text).ok_or("must be male, female, other or unknown"));
    let birth_date = fields.parsed("birth_date", |text| {
        let day = whole_day(text)?;
        if day > london_day(now) { Err("is in the future") } else { Ok(text.to_owned()) }
    });
    note_flags(fields);
    let traced_at = match traces_here && !fields.has("traced_at") {
        // Older than any that is good: traced anew at the moment of the call.
        true => Some(Timestamp::MIN),
        false => fields.instant("traced_at"),
    };
    if let Some(traced_at) = traced_at
        && let Some(problem) = trace_problem(traced_at, now)
        && !(traces_here && traced_at <= now)
    {
        fields.policy("traced_at", problem);
    }
    Some((family?.to_owned(), given?.to_owned(), gender?, birth_date?, traced_at?))
}

fn note_purpose(fields: &mut Fields<'_>) {
    let purpose = fields.has("reason").then(|| fields.text_or_blank("reason"));
    match purpose {
        Some(Some(DIRECT_CARE)) => {}
        // Not a text: noted as such already.
        Some(None) => {}
        Some(Some(_)) => fields.policy("reason", "must be directcare: there is no other purpose"),
        None => fields.policy("reason", "is missing: a purpose must be stated, and it must be directcare"),
    }
}

/// What the caller's own trace found (`hazards-and-governance` sheet, section 2): each forbids a call, whoever asks.
fn note_flags(fields: &mut Fields<'_>) {
    for flag in fields.optional_texts("flags").unwrap_or_default() {
        match flag.as_str() {
            "sensitive" => fields.policy("flags", "access to the patient's record is restricted"),
            "deceased" => fields.policy("flags", "the patient is held to be deceased"),
            "invalid" => fields.policy("flags", "the NHS number is held to be invalid"),
            "unverified" => fields.policy("flags", "the NHS number is not verified"),
            // Under review: a call may be made (GPC-CORE09).
            "business" => {}
            _ => fields.malformed("flags", "each is sensitive, deceased, invalid, unverified or business"),
        }
    }
}

/// What stands against showing the patient's record, fetched before or not (`security` sheet, section 5).
fn against(object: &Map<String, Value>) -> Option<HoldReason> {
    let flags = object.get("demographics").and_then(|demographics| demographics.get("flags"));
    let mut flags = flags.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let dissents = object.get("permission").and_then(Value::as_str) == Some("refused");
    flags.find_map(hold::by_flag).or_else(|| dissents.then_some(HoldReason::Dissent))
}

/// Whether the patient lets the record be viewed, where the host system knows (`admission-use-case` sheet, A2).
fn note_permission(fields: &mut Fields<'_>) {
    match fields.optional_text("permission") {
        Some("refused") => fields.policy("permission", "the patient does not want the record to be viewed"),
        None | Some("given" | "not_asked") => {}
        Some(_) => fields.malformed("permission", "must be given, not_asked or refused"),
    }
}

fn consultation(fields: &mut Fields<'_>, now: Timestamp) -> Option<Consultation> {
    let reference = fields.text("reference");
    let period = fields.object("period", |fields| {
        let start = fields.parsed("start", whole_day);
        if start.is_some_and(|start| start > london_day(now)) {
            fields.malformed("start", "is in the future");
        }
        let end = fields.optional_parsed("end", whole_day);
        if let (Some(start), Some(end)) = (start, end)
            && end < start
        {
            fields.malformed("end", "is before the start");
        }
        Some((start?, end))
    });
    let (start, end) = period?;
    Some(Consultation { reference: reference?.to_owned(), start, end })
}

fn whole_day(text: &str) -> Result<Date, &'static str> {
    // The parser of dates reads more forms than FHIR's.
    let is_day = text.len() == 10 && day_interval(text).is_some();
    is_day.then(|| text.parse().ok()).flatten().ok_or("must be a day, such as 2026-01-15")
}
