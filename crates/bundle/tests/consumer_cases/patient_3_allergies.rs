//! Section 3 of the sheet: the allergies of patient 3. Ids are written as the sheet shortens them.

use bedside_model::schema::Table;
use serde_json::{Value, json};

use crate::sheet::{
    Answer, SNOMED, allergy, assert_row, assert_verbatim, coding_of, concept, extension, string, texts,
    value_of,
};

const READ: &str = "http://read.info/readv2";

fn patient_3() -> Option<Answer> {
    Answer::official("official-allergies", (2021, 9, 20))
}

/// The one allergy that the sheet calls `<beginning>…<part>…`.
fn named(answer: &Answer, beginning: &str, part: &str) -> Value {
    let mut found = all_named(answer, beginning, part);
    assert_eq!(found.len(), 1, "{beginning}…{part}");
    found.remove(0)
}

fn all_named(answer: &Answer, beginning: &str, part: &str) -> Vec<Value> {
    let rows = answer.rows(Table::Allergies).into_iter();
    let named = |id: &str| id.strip_prefix(beginning).is_some_and(|rest| rest.contains(part));
    rows.filter(|row| string(row, "allergy_id").is_some_and(named)).collect()
}

fn sent<'a>(answer: &'a Answer, row: &Value) -> &'a Value {
    answer.sent("AllergyIntolerance", &row["allergy_id"])
}

#[test]
fn p3_bcabe667_two_resources_under_one_id_are_two_rows() {
    let Some(answer) = patient_3() else { return };
    let rows = all_named(&answer, "BCABE667", "");
    let [first, second] = rows.as_slice() else { panic!("two rows, {} found", rows.len()) };
    assert_row(first, json!({"derived_status": "active", "onset": "2019-03-28", "notes": null}));
    assert_row(
        second,
        json!({"derived_status": "active", "onset": "2019", "onset_from": "2019-01-01", "onset_to": "2019-12-31"}),
    );
    assert_eq!(texts(second, "notes").len(), 1);
    assert_ne!(first["recorder"], second["recorder"]);
    assert_eq!(answer.noticed("conflicting_duplicate"), [string(first, "allergy_id").expect("an id")]);
    let mismatches = answer.notices("patient_mismatch");
    let of_the_second = mismatches.iter().filter(|notice| notice["entry_index"] == second["entry_index"]);
    assert_eq!(of_the_second.count(), 1, "the second names another patient");
    assert!(mismatches.iter().all(|notice| notice["entry_index"] != first["entry_index"]));
    assert_verbatim(first, "allergy_term", &coding_of(&sent(&answer, first)["code"], READ)["display"]);
}

/// In the workbook alone, where a spreadsheet ate the digits.
#[test]
fn p3_f50c_a_long_code_keeps_its_digits() {
    let long = allergy("text", concept("15065911000001107", "Product"), json!({}));
    let mut number = allergy("number", json!({}), json!({}));
    number["code"] = json!({"coding": [{"system": SNOMED, "code": 15_065_911_000_001_107_u64}]});
    let answer = Answer::synthetic(vec![long, number]);
    for id in ["text", "number"] {
        assert_row(&answer.row(Table::Allergies, id), json!({"allergy_code": "15065911000001107"}));
    }
    assert_eq!(answer.noticed("wrong_json_type"), ["number"]);
}

#[test]
fn p3_e50c_asserted_before_its_onset_and_to_the_month() {
    let Some(answer) = patient_3() else { return };
    let row = named(&answer, "b0", "_e50c");
    assert_verbatim(&row, "allergy_text", &sent(&answer, &row)["code"]["text"]);
    assert_eq!(row["allergy_term"], row["allergy_text"], "in upper case, as sent");
    assert_row(
        &row,
        json!({"asserted": "2007-01", "asserted_from": "2007-01-01", "asserted_to": "2007-01-31",
        "onset": "2010-12-09", "onset_from": "2010-12-09"}),
    );
}

/// In the workbook alone.
#[test]
fn p3_b50c_a_product_of_one_manufacturer_is_kept_as_that_product() {
    let product = concept("999000000000200", "Tablets 5mg (A Maker Ltd)");
    let answer = Answer::synthetic(vec![allergy("product", product, json!({"category": ["medication"]}))]);
    assert_row(
        &answer.row(Table::Allergies, "product"),
        json!({"allergy_code": "999000000000200",
        "allergy_term": "Tablets 5mg (A Maker Ltd)", "derived_status": "active"}),
    );
}

#[test]
fn p3_a50c_950c_one_agent_twice_is_two_rows_that_their_notes_tell_apart() {
    let Some(answer) = patient_3() else { return };
    let (allergy, sensitivity) = (named(&answer, "b0", "_a50c"), named(&answer, "b0", "_950c"));
    assert_eq!(allergy["allergy_codings"], sensitivity["allergy_codings"]);
    for row in [&allergy, &sensitivity] {
        assert_eq!(row["notes"], json!([sent(&answer, row)["note"][0]["text"]]));
    }
    assert_ne!(allergy["notes"], sensitivity["notes"]);
}

/// In the workbook alone.
#[test]
fn p3_850c_no_asserted_date_is_no_date() {
    let answer = Answer::synthetic(vec![allergy("undated", concept("91936005", "Penicillin"), json!({}))]);
    assert_row(
        &answer.row(Table::Allergies, "undated"),
        json!({"asserted": null, "asserted_from": null,
        "asserted_to": null, "derived_status": "active"}),
    );
}

#[test]
fn p3_750c_a_branded_product_is_the_code_and_no_agent_is_derived() {
    let Some(answer) = patient_3() else { return };
    let row = named(&answer, "b0", "_750c");
    let coding = &sent(&answer, &row)["code"]["coding"][0];
    assert_verbatim(&row, "allergy_code", &coding["code"]);
    assert_verbatim(&row, "allergy_term", &coding["display"]);
    assert_eq!(row["allergy_codings"].as_array().map(Vec::len), Some(1));
}

#[test]
fn p3_350c_a_degraded_drug_allergy_is_shown_by_its_text() {
    let Some(answer) = patient_3() else { return };
    assert_degraded(&answer, &named(&answer, "b0", "_350c"));
}

#[test]
fn p3_88_gemscript_products_keep_manifestation_codes_and_the_whole_note() {
    let Some(answer) = patient_3() else { return };
    for id in ["88-16994", "88-16969", "88-16949"] {
        let row = answer.row(Table::Allergies, id);
        let allergy = sent(&answer, &row);
        assert_eq!(row["notes"], json!([allergy["note"][0]["text"]]));
        assert!(texts(&row, "notes")[0].contains("Certainty = Likely"));
        assert_eq!(row["allergy_codings"].as_array().map(Vec::len), Some(2));
        let manifestation = &allergy["reaction"][0]["manifestation"][0];
        assert_verbatim(&row, "reaction_term", &manifestation["text"]);
        assert_eq!(row["reaction_severity"], "moderate");
        let snomed = coding_of(manifestation, SNOMED);
        assert_row(
            &row["reactions"][0],
            json!({"manifestation_code": snomed["code"], "manifestation_system": SNOMED}),
        );
    }
}

#[test]
fn p3_429_a_null_flavour_is_never_a_reaction() {
    let Some(answer) = patient_3() else { return };
    let row = answer.row(Table::Allergies, "429-16968");
    assert_verbatim(&row, "allergy_term", &sent(&answer, &row)["code"]["text"]);
    assert_row(&row, json!({"reaction_term": null, "reaction_severity": "moderate"}));
    assert_row(
        &row["reactions"][0],
        json!({"null_flavor": "NI", "manifestation_term": null,
        "manifestation_code": null, "severity": "moderate"}),
    );
}

#[test]
fn p3_62658072_peanut_is_environment_and_allergy_and_problem_stay_two() {
    let Some(answer) = patient_3() else { return };
    let row = named(&answer, "62658072", "");
    assert_eq!(texts(&row, "category"), ["environment"]);
    assert_eq!(row["allergy_codings"].as_array().map(Vec::len), Some(2));
    assert_also_a_problem(&answer, &row);
}

#[test]
fn p3_f6fb_a_finding_caused_by_a_drug_stays_under_environment() {
    let Some(answer) = patient_3() else { return };
    let row = named(&answer, "50", "_f6fb");
    assert_eq!(texts(&row, "category"), ["environment"]);
    assert_verbatim(&row, "allergy_term", &sent(&answer, &row)["code"]["text"]);
    assert_eq!(row["derived_status"], "active");
}

#[test]
fn p3_98eb_a_degraded_drug_allergy_may_contradict_its_category() {
    let Some(answer) = patient_3() else { return };
    let row = named(&answer, "50", "_98eb");
    assert_degraded(&answer, &row);
    assert_eq!(texts(&row, "category"), ["environment"]);
    assert!(string(&row, "onset").is_some_and(|onset| onset.starts_with("1976")));
}

#[test]
fn p3_bddb_qualifiers_stand_in_the_note() {
    let Some(answer) = patient_3() else { return };
    let row = named(&answer, "50", "_bddb");
    assert_eq!(row["notes"], json!([sent(&answer, &row)["note"][0]["text"]]));
    assert_row(&row, json!({"criticality": null, "reactions": null}));
}

#[test]
fn p3_9ddb_8ddb_7ddb_6ddb_categories_are_as_sent_and_text_is_verbatim() {
    let Some(answer) = patient_3() else { return };
    let categories =
        [("_9ddb", "medication"), ("_8ddb", "environment"), ("_7ddb", "medication"), ("_6ddb", "medication")];
    for (part, category) in categories {
        let row = named(&answer, "50", part);
        let allergy = sent(&answer, &row);
        assert_eq!(texts(&row, "category"), [category]);
        assert_eq!(row["allergy_text"], allergy["code"]["text"]);
        assert_eq!(row["notes"][0], allergy["note"][0]["text"]);
        assert_row(&row, json!({"reaction_severity": null, "criticality": null}));
    }
}

#[test]
fn p3_23eb_onset_and_assertion_to_the_month() {
    let Some(answer) = patient_3() else { return };
    assert_row(
        &named(&answer, "50", "_23eb"),
        json!({"onset": "2007-01", "onset_from": "2007-01-01",
        "onset_to": "2007-01-31", "asserted": "2007-01", "asserted_from": "2007-01-01", "asserted_to": "2007-01-31"}),
    );
}

#[test]
fn p3_4b9b29f2_a_history_of_penicillin_allergy_is_the_statement_and_its_note() {
    let Some(answer) = patient_3() else { return };
    let row = named(&answer, "4B9B29F2", "");
    let allergy = sent(&answer, &row);
    assert_verbatim(&row, "allergy_term", &coding_of(&allergy["code"], READ)["display"]);
    assert_verbatim(&row, "allergy_code", &coding_of(&allergy["code"], SNOMED)["code"]);
    assert_eq!(row["notes"], json!([allergy["note"][0]["text"]]));
}

#[test]
fn p3_42b94fc2_a_local_code_and_a_snomed_code_of_the_supplier_are_both_kept() {
    let Some(answer) = patient_3() else { return };
    let row = named(&answer, "42B94FC2", "");
    let codings = sent(&answer, &row)["code"]["coding"].as_array().expect("two codings");
    let kept: Vec<_> =
        row["allergy_codings"].as_array().into_iter().flatten().map(|coding| &coding["code"]).collect();
    assert_eq!(kept, codings.iter().map(|coding| &coding["code"]).collect::<Vec<_>>());
    assert_verbatim(&row, "allergy_term", &codings[0]["display"]);
}

#[test]
fn p3_3fc884e6_an_adverse_reaction_and_its_problem_are_two_rows() {
    let Some(answer) = patient_3() else { return };
    let row = named(&answer, "3FC884E6", "");
    assert_eq!(row["notes"], json!([sent(&answer, &row)["note"][0]["text"]]), "line feed included");
    assert_also_a_problem(&answer, &row);
}

#[test]
fn p3_d50c_250c_contained_ended_allergies_are_ended_and_never_active() {
    let Some(answer) = patient_3() else { return };
    for (part, ended) in [("_d50c", "2007-01-01"), ("_250c", "2011-09-02")] {
        let row = named(&answer, "b0", part);
        let end = extension(sent(&answer, &row), "AllergyIntoleranceEnd");
        assert_row(
            &row,
            json!({"derived_status": "ended", "membership": "ended", "source_container": "ended_list",
            "clinical_status": "resolved", "ended_from": ended, "ended_to": ended}),
        );
        assert_verbatim(&row, "ended", value_of(extension(end, "endDate")));
        assert_verbatim(&row, "ended_reason", value_of(extension(end, "reasonEnded")));
    }
    assert_eq!(named(&answer, "b0", "_d50c")["allergy_code"], "39709411000001106");
    assert_degraded(&answer, &named(&answer, "b0", "_250c"));
    let rows = answer.rows(Table::Allergies);
    assert!(
        rows.iter().all(|row| (row["clinical_status"] == "resolved") == (row["derived_status"] == "ended"))
    );
}

#[test]
fn p3_e6fb_dddb_d2fb_what_the_workbook_alone_has_is_not_invented() {
    let Some(answer) = patient_3() else { return };
    for part in ["_e6fb", "_dddb", "_d2fb"] {
        assert!(all_named(&answer, "50", part).is_empty(), "{part}");
    }
}

#[test]
fn p3_88eb_dcdb_addb_are_counted_from_the_bundle() {
    let Some(answer) = patient_3() else { return };
    for part in ["_88eb", "_dcdb", "_addb"] {
        assert_row(&named(&answer, "50", part), json!({"derived_status": "active", "membership": "primary"}));
    }
    let rows = answer.rows(Table::Allergies);
    let of = |membership: &str| rows.iter().filter(|row| row["membership"] == membership).count();
    assert_eq!((rows.len(), of("primary"), of("ended")), (30, 28, 2));
    assert_eq!(answer.section("allergies")["entries"], 28);
}

#[test]
fn p3_172ef8a1_8542b59a_allergies_of_an_unknown_patient_are_kept_and_noticed() {
    let Some(answer) = patient_3() else { return };
    let (aspirin, milk) = (named(&answer, "172EF8A1", ""), named(&answer, "8542B59A", ""));
    assert_row(&aspirin, json!({"derived_status": "active", "membership": "primary", "onset": null}));
    assert_row(&milk, json!({"derived_status": "active", "membership": "primary"}));
    let mismatched = answer.noticed("patient_mismatch");
    let unresolved = answer.notices("unresolved_reference");
    for row in [&aspirin, &milk] {
        assert!(mismatched.iter().any(|id| row["allergy_id"] == id.as_str()));
        assert!(
            unresolved
                .iter()
                .any(|notice| notice["resource_id"] == row["allergy_id"] && notice["element"] == "recorder")
        );
    }
    assert_eq!(mismatched.len(), 3, "the third is the second BCABE667");
}

fn assert_degraded(answer: &Answer, row: &Value) {
    assert_verbatim(row, "allergy_term", &sent(answer, row)["code"]["text"]);
    assert_row(row, json!({"allergy_degraded": "drug_allergy", "allergy_term_source": "text"}));
    assert!(answer.noticed("degraded_code").iter().any(|id| row["allergy_id"] == id.as_str()));
}

fn assert_also_a_problem(answer: &Answer, row: &Value) {
    let problems = answer.rows(Table::Problems);
    let mut headers = problems.iter().filter(|problem| problem["actual_problem_id"] == row["allergy_id"]);
    let header = headers.next().expect("a problem header");
    assert_row(
        header,
        json!({"actual_problem_type": "AllergyIntolerance", "actual_problem_resolved": true, "membership": "linked"}),
    );
    assert_eq!(row["problem_ids"], json!([header["problem_id"]]));
}
