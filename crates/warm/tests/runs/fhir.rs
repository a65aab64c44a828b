//! Admissions from FHIR Encounters and Patients, as STU3 and R4 write them.

use bedside_warm::{Form, Line};
use serde_json::{Value, json};

use crate::feeds::{feed, pipeline};
use crate::support::{NUMBERS, Ran, Ward, bundle, list};

const STU3: (&str, &str) = (
    "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-NHSNumberVerificationStatus-1",
    "01",
);
const R4: (&str, &str) = (
    "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
    "number-present-and-verified",
);

fn patient(index: usize, (url, code): (&str, &str)) -> Value {
    json!({
        "resourceType": "Patient", "id": format!("p{index}"),
        "extension": [{"url": "https://hospital.example/StructureDefinition/traced-at",
            "valueDateTime": "2026-01-15T08:00:00Z"}],
        "identifier": [
            {"system": "https://hospital.example/Id/mrn", "value": "H1"},
            {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": NUMBERS[index],
                "extension": [{"url": url, "valueCodeableConcept": {"coding": [{"code": code}]}}]}
        ],
        "name": [{"use": "official", "family": "Sampleton", "given": ["Edith", "Ann"]},
            {"use": "maiden", "family": "Former"}],
        "gender": "female", "birthDate": "1950-02-28",
        "generalPractitioner": [{"identifier":
            {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "A99001"}}]
    })
}

fn encounter(index: usize, status: &str) -> Value {
    json!({
        "resourceType": "Encounter", "id": format!("e{index}"), "status": status, "class": {"code": "IMP"},
        "identifier": [{"system": "https://hospital.example/Id/visit", "value": format!("EP-{index}")}],
        "subject": {"reference": format!("Patient/p{index}")},
        "participant": [
            {"type": [{"coding": [{"code": "ATND"}]}], "individual": {"reference": "Practitioner/other"}},
            {"type": [{"coding": [{"code": "ADM"}]}], "individual": {"identifier":
                {"system": "https://hospital.example/Id/user", "value": "user-17"}}}
        ],
        "period": {"start": "2026-01-15T09:15:00Z"}
    })
}

async fn run(ward: &Ward, resources: impl IntoIterator<Item = Value>) -> Ran {
    let pipeline = pipeline(ward, "admission-fhir", |text| text);
    let input = list(resources);
    ward.run(feed(Form::Fhir, input.as_bytes(), &pipeline), &pipeline).await
}

fn told(resources: impl IntoIterator<Item = Value>) -> Vec<String> {
    let ward = Ward::new([]);
    let pipeline = pipeline(&ward, "admission-fhir", |text| text);
    let input = list(resources);
    let lines = feed(Form::Fhir, input.as_bytes(), &pipeline).map(|line| line.expect("memory can be read"));
    lines
        .flat_map(|line| match line {
            Line::Refused(refused) => refused.problems.iter().map(ToString::to_string).collect(),
            Line::PassedOver(passed_over) => vec![format!("{:?}", passed_over.why)],
            Line::Admission(admission) => vec![format!("{} admitted", admission.episode)],
            other => panic!("{other:?}"),
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn encounters_of_both_releases_are_admissions() {
    let ward = Ward::new((0..3).map(|index| (index, bundle(index, "Edith"))));
    let in_a_bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": [
        {"resource": encounter(2, "planned")}, {"resource": patient(2, R4)}]});
    let resources =
        [patient(0, STU3), encounter(0, "in-progress"), patient(1, R4), encounter(1, "arrived"), in_a_bundle];
    let ran = run(&ward, resources).await;
    assert!(ran.report.all_warmed(), "{}", ran.report.to_json());
    assert_eq!((ran.report.totals().warmed, ward.calls()), (3, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_an_encounter_ends_its_record() {
    let ward = Ward::new((0..2).map(|index| (index, bundle(index, "Edith"))));
    let both = [patient(0, R4), encounter(0, "in-progress"), patient(1, R4), encounter(1, "in-progress")];
    run(&ward, both).await;
    // Without the patient: that the stay is over needs none.
    let ran = run(&ward, [encounter(0, "finished"), encounter(1, "entered-in-error")]).await;
    assert_eq!(ran.report.totals().stays, 2);
    let state = |episode: &str| ward.cache.state(&episode.parse().expect("an id")).expect("told").state();
    assert_eq!((state("EP-0"), state("EP-1")), ("discharged", "purged"));
}

#[test]
fn others_are_named_by_identifier_or_by_a_resource_before() {
    let mut by_resource = encounter(0, "in-progress");
    by_resource["participant"][1]["individual"] = json!({"reference": "urn:uuid:7"});
    by_resource["subject"] = json!({"reference": "https://hospital.example/fhir/Patient/p0"});
    let mut patient = patient(0, R4);
    patient["generalPractitioner"] = json!([{"reference": "Organization/gp"}]);
    let bundle = json!({"resourceType": "Bundle", "entry": [
        {"resource": by_resource},
        {"fullUrl": "https://hospital.example/fhir/Patient/p0", "resource": patient},
        {"fullUrl": "urn:uuid:7", "resource": {"resourceType": "Practitioner", "id": "d",
            "identifier": [{"system": "https://hospital.example/Id/user", "value": "user-17"}]}},
        {"resource": {"resourceType": "Organization", "id": "gp", "identifier":
            [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "A99001"}]}},
    ]});
    assert_eq!(told([bundle]), ["EP-0 admitted"]);
}

#[test]
fn what_is_not_said_or_said_twice_is_refused_in_words() {
    let whole = || (patient(0, R4), encounter(0, "in-progress"));
    for (pointer, value, expected) in [
        ("/participant", json!([]), "requester: the message names nobody"),
        (
            "/participant/1/individual/identifier/value",
            json!("user-9"),
            "requester: the person whom the message",
        ),
        (
            "/subject",
            json!({"reference": "Patient/other"}),
            "Encounter.subject: is a patient who is not among",
        ),
        ("/identifier", json!([]), "episode: is missing"),
        ("/status", json!("unknown"), "Encounter.status: must be a status"),
        ("/class/code", json!("AMB"), "OtherClass"),
        ("/class", json!(null), "Encounter.class: is missing or not one coding"),
        ("/class", json!([{"coding": [{"code": "IMP"}]}]), "Encounter.class: is missing or not one coding"),
        ("/status", json!("onleave"), "OtherEvent"),
    ] {
        let (patient, mut encounter) = whole();
        *encounter.pointer_mut(pointer).expect(pointer) = value;
        let told = told([patient, encounter]);
        assert!(told.iter().any(|told| told.starts_with(expected)), "{pointer}: {told:?}");
    }
    for (name, value, expected) in [
        ("deceasedBoolean", json!(true), "demographics.flags: the patient is held to be deceased"),
        ("deceasedDateTime", json!("2026-01-14"), "demographics.flags: the patient is held to be deceased"),
        ("meta", json!({"security": [{"code": "R"}]}), "demographics.flags: access to the patient's record"),
        ("link", json!([{"type": "replaced-by"}]), "Patient.link: the patient was merged"),
        ("name", json!([{"family": "A"}, {"family": "B"}]), "demographics.family: holds more than one name"),
        ("extension", json!([]), "demographics.traced_at: is missing"),
        ("generalPractitioner", json!([{"reference": "Organization/none"}]), "practice_ods: is missing"),
        ("birthDate", json!("1950"), "demographics.birth_date: must be a day"),
    ] {
        let (mut patient, encounter) = whole();
        patient[name] = value;
        let told = told([patient, encounter]);
        assert!(told.iter().any(|told| told.starts_with(expected)), "{name}: {told:?}");
        assert!(!told.concat().contains("Sampleton") && !told.concat().contains("999000"), "{told:?}");
    }
    let (mut patient, encounter) = whole();
    patient["identifier"][1]["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] = json!("02");
    assert_eq!(told([patient, encounter]), ["demographics.flags: the NHS number is not verified"]);
}

#[test]
fn lines_that_are_no_resource_are_refused_and_the_others_go_on() {
    let text = told([
        json!({"resourceType": "Observation"}),
        json!({"x": 1}),
        json!([1]),
        patient(0, R4),
        encounter(0, "in-progress"),
    ]);
    assert_eq!(text[0], "OtherEvent");
    assert!(text[1].starts_with("resourceType: is missing") && text[2].starts_with("must be a JSON object"));
    assert_eq!(text[3], "EP-0 admitted");
}
