//! The section `feed` of a pipeline: where a message holds what an admission needs, and which named source gives
//! what no message holds.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::Deserialize;

use super::hl7v2::{Place, Where};

/// The section `feed`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FeedRules {
    /// The purpose; that it can only be one makes the site state it all the same.
    #[serde(rename = "reason")]
    _reason: Purpose,
    /// The relationship to the patient of whoever reports the end of a stay.
    pub(super) relationship: String,
    /// The list of staff, from the folder of the pipeline.
    pub(super) staff: PathBuf,
    /// How long a record is kept from the message on, if no end is reported before.
    pub(super) stay_hours: NonZeroU32,
    /// What an update of an admission does once the record was asked for.
    #[serde(default)]
    pub(crate) update: Update,
    pub(super) hl7v2: Option<Hl7v2Rules>,
    pub(super) fhir: Option<FhirRules>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Purpose {
    DirectCare,
}

/// What an update of an admission does once the record was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Update {
    /// Nothing is fetched for it: hospital systems send updates by the hour, and each fetch is an access at the
    /// practice (`security` sheet, section 1).
    #[default]
    Pass,
    /// The record is fetched again.
    Refresh,
}

/// The section `feed.hl7v2`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hl7v2Rules {
    /// The zone of times that come without their offset.
    #[serde(deserialize_with = "zone")]
    pub(super) zone: TimeZone,
    /// The patient classes (PV1-2) of which admissions count; all of them without.
    pub(super) patient_classes: Option<Vec<String>>,
    pub(super) episode: Source,
    pub(super) nhs_number: Source,
    pub(super) practice_ods: Source,
    pub(super) family: Source,
    pub(super) given: Source,
    pub(super) gender: Source,
    pub(super) birth_date: Source,
    pub(super) traced_at: Option<Source>,
    pub(super) admitted_at: Option<Source>,
    pub(super) permission: Option<Source>,
    /// The id of the person on whose behalf the record is fetched.
    pub(super) requester: Source,
    /// Places that say something of the patient's number or state; each value is mapped to a flag or to nothing.
    #[serde(default)]
    pub(super) flags: Vec<Source>,
}

/// Where a message holds something.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    #[serde(deserialize_with = "place")]
    pub(super) at: Place,
    #[serde(default, rename = "where", deserialize_with = "only")]
    pub(super) only: Where,
    /// What each value stands for; without it a value stands for itself.
    pub(super) values: Option<BTreeMap<String, String>>,
}

/// The section `feed.fhir`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FhirRules {
    /// The codes of `Encounter.class` whose encounters count.
    pub(super) classes: Vec<String>,
    /// The identifier of the Encounter that is the episode.
    pub(super) episode: System,
    /// The participant on whose behalf the record is fetched.
    pub(super) requester: Participant,
    /// The extension of the Patient that says when the patient was traced.
    pub(super) traced_at: Option<Extension>,
    /// The extension of the Patient that says whether the record may be viewed.
    pub(super) permission: Option<Extension>,
}

/// An identifier by its system.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct System {
    pub(super) system: String,
}

/// A participant of an Encounter by the code of its type, and the system of the identifier that names the person.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Participant {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) system: String,
}

/// An extension by its URL.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Extension {
    pub(super) url: String,
    /// What each value stands for; without it a value stands for itself.
    pub(super) values: Option<BTreeMap<String, String>>,
}

/// What a value stands for.
pub(super) fn mapped(
    values: Option<&BTreeMap<String, String>>,
    value: String,
) -> Result<String, &'static str> {
    match values {
        None => Ok(value),
        Some(values) => values.get(&value).cloned().ok_or("holds a value that the pipeline does not map"),
    }
}

fn zone<'de, D: serde::Deserializer<'de>>(from: D) -> Result<TimeZone, D::Error> {
    let name = String::deserialize(from)?;
    let zone = TimeZoneDatabase::bundled().get(&name);
    zone.map_err(|_| serde::de::Error::custom("zone must be the name of a time zone, such as Europe/London"))
}

fn place<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Place, D::Error> {
    String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
}

fn only<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Where, D::Error> {
    let numbered =
        BTreeMap::<String, Vec<String>>::deserialize(from)?.into_iter().map(|(number, allowed)| {
            let number = number.parse().ok().filter(|number| *number > 0);
            Some((number?, allowed))
        });
    let problem = "where must name components by their numbers, such as where = { 4 = [\"NHS\"] }";
    numbered.collect::<Option<_>>().ok_or_else(|| serde::de::Error::custom(problem))
}
