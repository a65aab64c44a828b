//! Many references to one resource.

/// A bundle of that many statements that all name one Medication.
pub fn sharing_one_medication(statements: usize) -> Vec<u8> {
    let mut text = String::from(r#"{"resourceType":"Bundle","type":"collection","entry":["#);
    for number in 0..statements {
        text += &format!(
            r#"{{"resource":{{"resourceType":"MedicationStatement","id":"s{number}","status":"active","#
        );
        text += r#""medicationReference":{"reference":"Medication/m"},"dateAsserted":"2025-01-15"}},"#;
    }
    text +=
        r#"{"resource":{"resourceType":"Medication","id":"m","code":{"text":"Synthetic 5 mg tablets"}}}]}"#;
    text.into_bytes()
}
