//! Three flat tables by arrow-json: entries are told apart by their type, and those of each go to a decoder of their own.

use std::sync::Arc;

use arrow_json::ReaderBuilder;
use arrow_json::reader::Decoder;
use arrow_schema::{DataType, Field, Fields, Schema};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Bundle<'b> {
    #[serde(borrow)]
    entry: Vec<Entry<'b>>,
}

#[derive(Deserialize)]
struct Entry<'b> {
    #[serde(borrow)]
    resource: &'b RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Typed<'b> {
    resource_type: &'b str,
}

/// Medications, allergies and problems: as many columns as [`Decoder`]s have fields, nothing resolved.
pub fn three(bytes: &mut [u8]) -> Result<(), String> {
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let bundle: Bundle<'_> = serde_json::from_slice(bytes).map_err(|error| told(&error))?;
    let mut decoders = decoders().map_err(|error| told(&error))?;
    for entry in bundle.entry {
        let text = entry.resource.get();
        let typed: Typed<'_> = serde_json::from_str(text).map_err(|error| told(&error))?;
        if let Some((_, decoder)) = decoders.iter_mut().find(|(kind, _)| *kind == typed.resource_type) {
            decoder.decode(text.as_bytes()).map_err(|error| told(&error))?;
        }
    }
    for (_, decoder) in &mut decoders {
        super::kept(decoder.flush())?;
    }
    Ok(())
}

fn decoders() -> Result<[(&'static str, Decoder); 3], arrow_schema::ArrowError> {
    let decoder = |fields: Vec<Field>| {
        // More rows than any bundle has, so that one batch holds them all.
        ReaderBuilder::new(Arc::new(Schema::new(fields))).with_batch_size(1 << 20).build_decoder()
    };
    let reference = |name: &str| object(name, vec![text("reference"), text("display")]);
    let period = object("effectivePeriod", vec![text("start"), text("end")]);
    let dosage = list("dosage", vec![text("text"), text("patientInstruction")]);
    let statement = vec![
        text("id"),
        text("status"),
        text("dateAsserted"),
        reference("medicationReference"),
        period,
        dosage,
    ];
    let allergy = vec![text("id"), text("clinicalStatus"), text("assertedDate"), concept("code")];
    let problem = vec![text("id"), text("clinicalStatus"), text("onsetDateTime"), concept("code")];
    Ok([
        ("MedicationStatement", decoder(statement)?),
        ("AllergyIntolerance", decoder(allergy)?),
        ("Condition", decoder(problem)?),
    ])
}

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

fn object(name: &str, fields: Vec<Field>) -> Field {
    Field::new(name, DataType::Struct(Fields::from(fields)), true)
}

fn list(name: &str, fields: Vec<Field>) -> Field {
    Field::new(name, DataType::List(Arc::new(object("item", fields))), true)
}

fn concept(name: &str) -> Field {
    object(name, vec![list("coding", vec![text("system"), text("code"), text("display")]), text("text")])
}
