//! Hazards that our own product creates.

use bedside_bundle::{IdentityRefusal, PatientCheck, check_identity, normalise};
use bedside_model::schema::Table;
use bedside_model::{ClinicalArea, Demographics, Gender};
use serde_json::{Value, json};

use crate::sheet::*;
use crate::{fixtures, state_of, support, tablets};

#[test]
fn n01_another_patient_is_refused_and_a_difference_is_named() {
    let check = |patients: &[Value]| {
        let record = normalise(bundle(patients).as_bytes(), &support::options()).expect("readable");
        check_identity(&record.patients, &traced())
    };
    let refused = |patients: &[Value], why| assert_eq!(check(patients), PatientCheck::Refused(why));
    assert_eq!(check(&practice_and(patient(json!({})))), PatientCheck::Match);
    refused(&[], IdentityRefusal::NoPatient);
    refused(&[patient(json!({})), patient(json!({"id": "other"}))], IdentityRefusal::SeveralPatients);
    refused(&[patient(json!({"identifier": []}))], IdentityRefusal::NhsNumberMissing);
    let other =
        json!({"identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000360"}]});
    refused(&[patient(other)], IdentityRefusal::NhsNumberDiffers);
    let url = format!("{GPC}NHSNumberVerificationStatus-1");
    let untraced = json!([{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000638",
        "extension": [{"url": url, "valueCodeableConcept": {"coding": [{"code": "02"}]}}]}]);
    refused(&[patient(json!({"identifier": untraced}))], IdentityRefusal::NhsNumberUnverified);
    let PatientCheck::Hold(fields) = check(&practice_and(patient(json!({"birthDate": "1961-04-03"})))) else {
        panic!("a person must decide")
    };
    assert_eq!(fields.iter().map(|field| field.as_str()).collect::<Vec<_>>(), ["birth_date"]);
}

fn patient(members: Value) -> Value {
    with(
        json!({"resourceType": "Patient", "id": "pat", "gender": "female", "birthDate": "1961-04-30",
            "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000638"}],
            "name": [{"use": "official", "family": "Samplewood", "given": ["Synthia"]}],
            "managingOrganization": {"reference": "Organization/org"}}),
        members,
    )
}

fn practice_and(patient: Value) -> [Value; 2] {
    let identifier = json!([{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "A99999"}]);
    [patient, json!({"resourceType": "Organization", "id": "org", "identifier": identifier})]
}

fn traced() -> Demographics {
    Demographics {
        nhs_number: "9990000638".parse().expect("a test number"),
        family: "Samplewood".into(),
        given: "Synthia".into(),
        gender: Gender::Female,
        birth_date: "1961-04-30".into(),
        practice: "A99999".parse().expect("a code"),
        traced_at: Default::default(),
    }
}

#[test]
fn n02_a_record_of_another_patient_is_kept_and_noticed_as_an_error() {
    let of = |who: &str| json!({"patient": {"reference": format!("Patient/{who}")}});
    let answer = Answer::synthetic(vec![
        patient(json!({})),
        allergy("ours", json!({"text": "Latex"}), of("pat")),
        allergy("theirs", json!({"text": "Peanut"}), of("another")),
        list(ALLERGIES, &["AllergyIntolerance/ours", "AllergyIntolerance/theirs"]),
    ]);
    assert_eq!(answer.rows(Table::Allergies).len(), 2);
    let notices = answer.notices("patient_mismatch");
    assert_eq!(notices.len(), 1);
    assert_row(&notices[0], json!({"resource_id": "theirs", "severity": "error", "area": "allergies"}));
}

#[test]
fn n02_whether_a_list_of_ours_names_it_is_told_by_its_membership() {
    let foreign = |id: &str| {
        allergy(id, json!({"text": "Serum"}), json!({"patient": {"reference": "Patient/another"}}))
    };
    let mut sent = vec![
        patient(json!({})),
        foreign("listed"),
        foreign("unlisted"),
        list(ALLERGIES, &["AllergyIntolerance/listed"]),
    ];
    let answer = Answer::synthetic(sent.clone());
    assert_eq!(answer.noticed("patient_mismatch"), ["listed", "unlisted"]);
    assert_eq!(answer.row(Table::Allergies, "listed")["membership"], "primary");
    assert_eq!(answer.row(Table::Allergies, "unlisted")["membership"], "none");
    sent.push(json!({"resourceType": "Patient", "id": "another"}));
    let record = Answer::synthetic(sent).record;
    let refused = PatientCheck::Refused(IdentityRefusal::SeveralPatients);
    assert_eq!(check_identity(&record.patients, &traced()), refused);
}

#[test]
fn n03_one_id_with_two_contents_is_two_rows_and_a_notice() {
    let one = || allergy("a", json!({"text": "Serum"}), json!({"onsetDateTime": "2019-03-28"}));
    let other = allergy("a", json!({"text": "Serum"}), json!({"onsetDateTime": "2019"}));
    let answer = Answer::synthetic(vec![one(), other, one()]);
    let onsets: Vec<Value> = answer.rows(Table::Allergies).iter().map(|row| row["onset"].clone()).collect();
    assert_eq!(onsets, ["2019-03-28", "2019"]);
    assert_eq!(answer.noticed("conflicting_duplicate"), ["a"]);
    assert_eq!(answer.noticed("duplicate_resource"), ["a"]);
}

#[test]
fn n04_lists_without_an_id_are_all_read() {
    let mut resources = tablets("m", json!({}));
    resources.extend([
        allergy("a", json!({"text": "Latex"}), json!({})),
        problem("p", json!({})),
        list(MEDICATIONS, &["MedicationStatement/m"]),
        list(ALLERGIES, &["AllergyIntolerance/a"]),
        list(PROBLEMS, &["Condition/p"]),
    ]);
    let answer = Answer::synthetic(resources);
    for (area, table, id) in [
        ("medications", Table::Medications, "m"),
        ("allergies", Table::Allergies, "a"),
        ("problems", Table::Problems, "p"),
    ] {
        assert_row(&answer.section(area), json!({"state": "returned", "entries": 1}));
        assert_eq!(answer.row(table, id)["membership"], "primary");
    }
}

#[test]
fn n05_each_reference_to_what_is_not_there_is_kept_and_noticed() {
    let absent = |kind: &str| json!({"reference": format!("{kind}/absent")});
    let answer = Answer::synthetic(vec![
        problem(
            "p",
            json!({"context": absent("Encounter"), "asserter": absent("Practitioner"), "extension": content(&[absent("Observation")])}),
        ),
        json!({"resourceType": "MedicationStatement", "id": "m", "basedOn": [absent("MedicationRequest")], "medicationReference": absent("Medication")}),
    ]);
    assert_row(&answer.row(Table::Problems, "p"), json!({"consultation_id": "absent", "asserter": null}));
    assert_row(&answer.row(Table::Medications, "m"), json!({"plan_id": "absent", "medication_term": null}));
    let mut noticed = answer.noticed("unresolved_reference");
    noticed.sort();
    assert_eq!(noticed, ["m", "m", "p", "p", "p"]);
    for relation in ["recorded-in", "problem-content", "authorised-by"] {
        assert_row(&answer.links(relation)[0], json!({"to_id": "absent", "resolved": false}));
    }
}

#[test]
fn n06_a_partial_date_is_never_widened_to_a_day() {
    let cases = [
        ("2007", "2007-01-01", "2007-12-31"),
        ("2007-02", "2007-02-01", "2007-02-28"),
        ("2008-02", "2008-02-01", "2008-02-29"),
        ("2007-01-31", "2007-01-31", "2007-01-31"),
        ("2010-05-25T23:30:00+01:00", "2010-05-25", "2010-05-25"),
        ("2010-05-25T00:30:00.1234567+01:00", "2010-05-25", "2010-05-25"),
    ];
    for (sent, from, to) in cases {
        let answer =
            Answer::synthetic(vec![allergy("a", json!({"text": "Latex"}), json!({"onsetDateTime": sent}))]);
        assert_row(
            &answer.row(Table::Allergies, "a"),
            json!({"onset": sent, "onset_from": from, "onset_to": to}),
        );
    }
    let junk =
        Answer::synthetic(vec![allergy("a", json!({"text": "Latex"}), json!({"onsetDateTime": "19"}))]);
    assert_row(
        &junk.row(Table::Allergies, "a"),
        json!({"onset": "19", "onset_from": null, "onset_to": null}),
    );
    assert_eq!(junk.noticed("unreadable_date"), ["a"]);
}

#[test]
fn n07_h62_every_text_is_byte_for_byte_what_was_sent() {
    let long = format!("{}END", "x".repeat(252));
    let special = "!\"%&*()+-=;',./:<>?";
    let dose_strings = [
        &long,
        special,
        "  outer spaces  ",
        "one\r\ntwo\n\tthree",
        "\u{0}\u{1}\u{7f}",
        "é e\u{301} 💊 \u{202e}rtl",
        "£Â£ &amp;gt; _x000D_",
        "",
    ];
    for text in dose_strings {
        let mut resources = tablets("m", json!({"note": [{"text": text}]}));
        resources[2]["dosageInstruction"] = json!([{"text": text, "patientInstruction": text}]);
        let row = Answer::synthetic(resources).row(Table::Medications, "m");
        assert_row(&row, json!({"dosage_text": text, "patient_instruction": text, "notes": [text]}));
    }
}

#[test]
fn n08_numbers_keep_the_digits_that_were_sent() {
    let digits = [
        "36.700",
        "0.500",
        "1750.000",
        "28",
        "-0.0",
        "1E+2",
        "0.1234567890123456789012345678901234567890123456789012345",
    ];
    for number in digits {
        let mut resources = tablets("m", json!({}));
        resources[2]["dispenseRequest"] = json!({"quantity": {"value": "NUMBER"}});
        let text = bundle(&resources).replace("\"NUMBER\"", number);
        let record = normalise(text.as_bytes(), &support::options()).expect("readable");
        let sent = support::column(record.table(Table::Medications), "quantity_value").next().flatten();
        assert_eq!(sent.as_deref(), Some(number));
    }
}

#[test]
fn n09_every_kind_of_absence_has_its_own_state() {
    let asked = [ClinicalArea::Allergies];
    let outcome = |text: &str| {
        json!({"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "not-supported",
        "details": {"coding": [{"code": "NOT_IMPLEMENTED"}], "text": text}, "diagnostics": "includeAllergies"}]})
    };
    let withheld = with(list(ALLERGIES, &[]), json!({"extension": [warning("confidential-items")]}));
    let states = [
        state_of(&Answer::requested(&[], vec![]), "allergies"),
        state_of(&Answer::requested(&asked, vec![]), "allergies"),
        state_of(&Answer::requested(&asked, vec![list(ALLERGIES, &[])]), "allergies"),
        state_of(&Answer::requested(&asked, vec![withheld]), "allergies"),
        state_of(
            &Answer::requested(&asked, vec![outcome("includeAllergies is an unrecognised parameter")]),
            "allergies",
        ),
        state_of(&Answer::fixture("allergies-disabled"), "allergies"),
    ];
    assert_eq!(
        states,
        [
            "not_requested",
            "missing_list",
            "empty_no_content",
            "empty_confidential",
            "unsupported",
            "disabled"
        ]
    );
    for (stem, answer) in fixtures() {
        assert_eq!(answer.rows(Table::Sections).len(), 10, "{stem}");
    }
}

#[test]
fn n10_no_known_allergy_is_an_assertion_an_empty_list_is_none_and_both_is_a_contradiction() {
    let none = || allergy("nka", concept("716186003", "No known allergy"), json!({}));
    let real = || allergy("real", concept("91936005", "Allergy to penicillin"), json!({}));
    let asserted = Answer::synthetic(vec![none()]).row(Table::Allergies, "nka");
    assert_row(&asserted, json!({"derived_status": "no_known_allergy", "flags": null}));
    let answer = Answer::synthetic(vec![
        none(),
        real(),
        list(ALLERGIES, &["AllergyIntolerance/nka", "AllergyIntolerance/real"]),
    ]);
    for (id, status) in [("nka", "no_known_allergy"), ("real", "active")] {
        let row = answer.row(Table::Allergies, id);
        assert_eq!(row["derived_status"], status);
        assert_flags(&row, &["nka_conflict"]);
    }
    assert_eq!(answer.noticed("no_known_allergy_conflict"), ["nka"]);
}

#[test]
fn n17_a_degraded_drug_allergy_is_marked_on_its_row_and_noticed() {
    let degraded =
        with(concept("196461000000101", "Transfer-degraded drug allergy"), json!({"text": "Eye drops"}));
    let answer = Answer::synthetic(vec![allergy("a", degraded, json!({"category": ["environment"]}))]);
    assert_row(
        &answer.row(Table::Allergies, "a"),
        json!({"allergy_degraded": "drug_allergy", "allergy_term": "Eye drops"}),
    );
    let notices = answer.notices("degraded_code");
    assert_eq!(notices.len(), 1);
    assert_row(&notices[0], json!({"resource_id": "a", "severity": "warning"}));
}

#[test]
fn n18_the_verification_status_decides_nothing() {
    let with_status = |status: &str| {
        let one = allergy("a", json!({"text": "Latex"}), json!({"verificationStatus": status}));
        let mut rows =
            Answer::synthetic(vec![one, list(ALLERGIES, &["AllergyIntolerance/a"])]).rows(Table::Allergies);
        assert_eq!(rows[0]["verification_status"], status);
        rows[0]["verification_status"] = Value::Null;
        rows
    };
    for status in ["confirmed", "refuted", "entered-in-error"] {
        assert_eq!(with_status(status), with_status("unconfirmed"), "{status}");
    }
}

#[test]
fn n22_no_two_resources_ever_become_one_row() {
    let rows = [
        (Table::Medications, "MedicationStatement", "medication_id"),
        (Table::Allergies, "AllergyIntolerance", "allergy_id"),
        (Table::Problems, "Condition", "problem_id"),
        (Table::Consultations, "Encounter", "consultation_id"),
    ];
    for (stem, answer) in fixtures() {
        for (table, kind, column) in rows {
            let mut ids: Vec<&str> =
                answer.all_sent(kind).into_iter().filter_map(|one| string(one, "id")).collect();
            ids.sort_unstable();
            ids.dedup();
            let found = answer.rows(table);
            assert!(ids.iter().all(|id| found.iter().any(|row| row[column] == *id)), "{stem} {kind}");
        }
    }
}
