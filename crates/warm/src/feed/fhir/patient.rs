use serde_json::Value;

use super::known::Known;
use super::{each, identifier, known, one};
use crate::feed::draft::Draft;
use crate::feed::rules::{Extension, FhirRules, mapped};

const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";
const ODS_CODE: &str = "https://fhir.nhs.uk/Id/ods-organization-code";

/// The extension of the NHS number that says how far it is verified, in CareConnect (STU3) and in UK Core (R4).
const VERIFICATION: [&str; 2] = [
    "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-NHSNumberVerificationStatus-1",
    "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
];

/// The code of a verified number in each of them.
const VERIFIED: [&str; 2] = ["01", "number-present-and-verified"];

/// Confidentiality of a record whose access is restricted.
const RESTRICTED: [&str; 3] = ["R", "V", "REDACTED"];

/// Takes what a Patient says into an admission.
pub(super) fn take(draft: &mut Draft, (patient, others): (&Value, &Known), rules: &FhirRules) {
    draft.take("nhs_number", identifier(patient, NHS_NUMBER));
    let practices =
        each(patient, "generalPractitioner").map(|reference| others.identifier(reference, ODS_CODE));
    draft.take("practice_ods", one(practices.filter_map(Result::transpose)));
    match name(patient) {
        Ok(name) => {
            draft.take("demographics.family", known(text(&name["family"])));
            draft.take("demographics.given", known(each(name, "given").next().and_then(text)));
        }
        Err(problem) => draft.take("demographics.family", Err(problem)),
    }
    draft.take("demographics.gender", known(text(&patient["gender"])));
    draft.take("demographics.birth_date", known(text(&patient["birthDate"])));
    for flag in flags(patient) {
        draft.take("flags", known(Some(flag.to_owned())));
    }
    for (field, rule) in [("demographics.traced_at", &rules.traced_at), ("permission", &rules.permission)] {
        if let Some(rule) = rule {
            draft.take(field, extension(patient, rule));
        }
    }
}

/// Whether the record of the patient was given up for another one's.
pub(super) fn is_merged(patient: &Value) -> bool {
    each(patient, "link").any(|link| link["type"] == "replaced-by")
}

/// The official name, or the only one that is in use.
fn name(patient: &Value) -> Result<&Value, &'static str> {
    const NOT_OWN: [&str; 5] = ["old", "maiden", "nickname", "anonymous", "temp"];
    let official =
        each(patient, "name").filter(|name| name["use"] == "official" && name["period"]["end"].is_null());
    let in_use = each(patient, "name").filter(|name| !NOT_OWN.iter().any(|not| name["use"] == **not));
    let (official, in_use): (Vec<_>, Vec<_>) = (official.collect(), in_use.collect());
    match (official.as_slice(), in_use.as_slice()) {
        ([name], _) | ([], [name]) => Ok(name),
        ([], []) => Err("is missing: the patient has no name in use"),
        _ => Err("holds more than one name in use, and none of them is the official one"),
    }
}

/// What stands against a fetch by the Patient itself.
fn flags(patient: &Value) -> Vec<&'static str> {
    let is_dead = patient["deceasedBoolean"] == true || patient["deceasedDateTime"].is_string();
    let restricted =
        each(&patient["meta"], "security").any(|label| RESTRICTED.iter().any(|code| label["code"] == **code));
    let of_number = each(patient, "identifier").filter(|identifier| identifier["system"] == NHS_NUMBER);
    let statuses = of_number
        .flat_map(|identifier| each(identifier, "extension"))
        .filter(|extension| VERIFICATION.iter().any(|url| extension["url"] == **url));
    let mut codes = statuses.map(|status| each(&status["valueCodeableConcept"], "coding").next());
    let unverified = codes.any(|coding| {
        let code = coding.and_then(|coding| coding["code"].as_str());
        code.is_none_or(|code| !VERIFIED.contains(&code))
    });
    let flags = [(is_dead, "deceased"), (restricted, "sensitive"), (unverified, "unverified")];
    flags.into_iter().filter_map(|(is_so, flag)| is_so.then_some(flag)).collect()
}

/// The value of an extension, whatever its type, as text.
fn extension(patient: &Value, rule: &Extension) -> Result<Option<String>, &'static str> {
    const TYPES: [&str; 4] = ["valueInstant", "valueDateTime", "valueCode", "valueString"];
    let extensions = each(patient, "extension").filter(|extension| extension["url"] == *rule.url);
    let values = extensions.filter_map(|extension| TYPES.iter().find_map(|kind| extension[kind].as_str()));
    one(values.map(|value| mapped(rule.values.as_ref(), value.to_owned())))
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}
