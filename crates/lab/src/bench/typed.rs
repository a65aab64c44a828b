//! The same resources as owned structs, as a user of `serde_json` would write them: one enum tagged by
//! `resourceType`, every field optional, everything else passed over.

use serde::Deserialize;
use serde_json::Number;

macro_rules! structs {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty),* $(,)? })*) => {
        $($(#[$doc])*
        #[derive(Deserialize, Default)]
        #[serde(rename_all = "camelCase", default)]
        #[allow(dead_code)]
        pub(super) struct $name { $($field: $kind),* })*
    };
}

structs! {
    /// A bundle.
    Bundle { entry: Vec<Entry>, id: Option<String> }
    Entry { resource: Option<Resource> }
    MedicationStatement {
        id: Option<String>, meta: Option<Meta>, extension: Vec<Extension>, identifier: Vec<Identifier>,
        based_on: Vec<Reference>, context: Option<Reference>, status: Option<String>,
        medication_reference: Option<Reference>, medication_codeable_concept: Option<CodeableConcept>,
        effective_period: Option<Period>, effective_date_time: Option<String>, date_asserted: Option<String>,
        subject: Option<Reference>, note: Vec<Annotation>, dosage: Vec<Dosage>,
    }
    MedicationRequest {
        id: Option<String>, meta: Option<Meta>, extension: Vec<Extension>, identifier: Vec<Identifier>,
        based_on: Vec<Reference>, prior_prescription: Option<Reference>, group_identifier: Option<Identifier>,
        status: Option<String>, intent: Option<String>, medication_reference: Option<Reference>,
        medication_codeable_concept: Option<CodeableConcept>, subject: Option<Reference>,
        context: Option<Reference>, authored_on: Option<String>, requester: Option<Requester>,
        recorder: Option<Reference>, note: Vec<Annotation>, dosage_instruction: Vec<Dosage>,
        dispense_request: Option<DispenseRequest>,
    }
    Medication { id: Option<String>, code: Option<CodeableConcept> }
    AllergyIntolerance {
        id: Option<String>, meta: Option<Meta>, extension: Vec<Extension>, identifier: Vec<Identifier>,
        clinical_status: Option<String>, verification_status: Option<String>, r#type: Option<String>,
        category: Vec<String>, criticality: Option<String>, code: Option<CodeableConcept>,
        patient: Option<Reference>, onset_date_time: Option<String>, asserted_date: Option<String>,
        recorder: Option<Reference>, asserter: Option<Reference>, last_occurrence: Option<String>,
        note: Vec<Annotation>, reaction: Vec<Reaction>,
    }
    Condition {
        id: Option<String>, meta: Option<Meta>, extension: Vec<Extension>, identifier: Vec<Identifier>,
        clinical_status: Option<String>, category: Vec<CodeableConcept>, code: Option<CodeableConcept>,
        subject: Option<Reference>, context: Option<Reference>, onset_date_time: Option<String>,
        abatement_date_time: Option<String>, asserted_date: Option<String>, asserter: Option<Reference>,
        note: Vec<Annotation>,
    }
    Encounter {
        id: Option<String>, meta: Option<Meta>, identifier: Vec<Identifier>, status: Option<String>,
        r#type: Vec<CodeableConcept>, subject: Option<Reference>, participant: Vec<Participant>,
        period: Option<Period>, length: Option<Quantity>, location: Vec<Place>,
        service_provider: Option<Reference>,
    }
    List {
        id: Option<String>, meta: Option<Meta>, contained: Vec<Resource>, extension: Vec<Extension>,
        title: Option<String>, code: Option<CodeableConcept>, encounter: Option<Reference>,
        date: Option<String>, note: Vec<Annotation>, entry: Vec<Item>, empty_reason: Option<CodeableConcept>,
    }
    Patient {
        id: Option<String>, identifier: Vec<Identifier>, name: Vec<HumanName>, gender: Option<String>,
        birth_date: Option<String>,
    }
    Practitioner { id: Option<String>, identifier: Vec<Identifier>, name: Vec<HumanName> }
    PractitionerRole { id: Option<String>, practitioner: Option<Reference>, organization: Option<Reference> }
    Organization { id: Option<String>, identifier: Vec<Identifier>, name: Option<String> }
    Location { id: Option<String>, identifier: Vec<Identifier>, name: Option<String> }
    Meta { security: Vec<Coding> }
    Extension {
        url: Option<String>, extension: Vec<Extension>, value_string: Option<String>, value_code: Option<String>,
        value_id: Option<String>, value_date_time: Option<String>, value_boolean: Option<bool>,
        value_unsigned_int: Option<u32>, value_positive_int: Option<u32>,
        value_codeable_concept: Option<CodeableConcept>, value_reference: Option<Reference>,
    }
    Identifier { extension: Vec<Extension>, system: Option<String>, value: Option<String> }
    CodeableConcept { coding: Vec<Coding>, text: Option<String> }
    Coding {
        extension: Vec<Extension>, system: Option<String>, code: Option<String>, display: Option<String>,
        user_selected: Option<bool>,
    }
    Reference { reference: Option<String>, display: Option<String>, identifier: Option<Box<Identifier>> }
    Period { start: Option<String>, end: Option<String> }
    Annotation { text: Option<String> }
    Dosage { text: Option<String>, patient_instruction: Option<String> }
    Requester { agent: Option<Reference>, on_behalf_of: Option<Reference> }
    DispenseRequest {
        validity_period: Option<Period>, quantity: Option<Quantity>, expected_supply_duration: Option<Quantity>,
        performer: Option<Reference>,
    }
    Quantity { extension: Vec<Extension>, value: Option<Number>, unit: Option<String>, code: Option<String> }
    Reaction {
        manifestation: Vec<CodeableConcept>, severity: Option<String>, exposure_route: Option<CodeableConcept>,
        description: Option<String>,
    }
    Participant { r#type: Vec<CodeableConcept>, individual: Option<Reference> }
    Place { location: Option<Reference> }
    Item { item: Option<Reference> }
    HumanName {
        family: Option<String>, given: Vec<String>, prefix: Vec<String>, text: Option<String>,
    }
    OperationOutcome { issue: Vec<Issue> }
    Issue {
        severity: Option<String>, code: Option<String>, details: Option<CodeableConcept>,
        diagnostics: Option<String>,
    }
}

/// A resource, by its type.
#[derive(Deserialize)]
#[serde(tag = "resourceType")]
#[allow(dead_code)]
pub(super) enum Resource {
    MedicationStatement(Box<MedicationStatement>),
    MedicationRequest(Box<MedicationRequest>),
    Medication(Box<Medication>),
    AllergyIntolerance(Box<AllergyIntolerance>),
    Condition(Box<Condition>),
    Encounter(Box<Encounter>),
    List(Box<List>),
    Patient(Box<Patient>),
    Practitioner(Box<Practitioner>),
    PractitionerRole(Box<PractitionerRole>),
    Organization(Box<Organization>),
    Location(Box<Location>),
    OperationOutcome(Box<OperationOutcome>),
    #[serde(other)]
    Other,
}
