//! The resource types that may come, and how each is accounted for.

/// Number of a resource type: an index into [`TYPES`], or beyond it for a type first met in this bundle.
pub(crate) type TypeId = u32;

/// How a resource of a type is accounted for (contract rule 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Normalised,
    Context,
    Unmapped,
}

macro_rules! types {
    ($($id:ident $name:literal $role:ident)*) => {
        #[allow(non_camel_case_types, dead_code, clippy::upper_case_acronyms)]
        enum Order { $($id),* }
        $(#[allow(dead_code)] pub(crate) const $id: TypeId = Order::$id as TypeId;)*
        /// Names and roles of the types that this software knows (`bundle` sheet, section 2).
        pub(crate) const TYPES: &[(&str, Role)] = &[$(($name, Role::$role)),*];

        /// The number of a known type.
        pub(crate) fn known(name: &str) -> Option<TypeId> {
            match name {
                $($name => Some($id),)*
                _ => None,
            }
        }
    };
}

types! {
    MEDICATION_STATEMENT "MedicationStatement" Normalised
    MEDICATION_REQUEST "MedicationRequest" Normalised
    ALLERGY_INTOLERANCE "AllergyIntolerance" Normalised
    CONDITION "Condition" Normalised
    ENCOUNTER "Encounter" Normalised
    LIST "List" Context
    MEDICATION "Medication" Context
    PATIENT "Patient" Context
    PRACTITIONER "Practitioner" Context
    PRACTITIONER_ROLE "PractitionerRole" Context
    ORGANIZATION "Organization" Context
    LOCATION "Location" Context
    HEALTHCARE_SERVICE "HealthcareService" Context
    OPERATION_OUTCOME "OperationOutcome" Context
    RELATED_PERSON "RelatedPerson" Context
    OBSERVATION "Observation" Unmapped
    IMMUNIZATION "Immunization" Unmapped
    DIAGNOSTIC_REPORT "DiagnosticReport" Unmapped
    SPECIMEN "Specimen" Unmapped
    PROCEDURE_REQUEST "ProcedureRequest" Unmapped
    REFERRAL_REQUEST "ReferralRequest" Unmapped
    DOCUMENT_REFERENCE "DocumentReference" Unmapped
    QUESTIONNAIRE_RESPONSE "QuestionnaireResponse" Unmapped
    FLAG "Flag" Unmapped
}

/// Types of FHIR STU3 that GP Connect does not send but a reference may name without being misspelt.
pub(crate) const OTHER_FHIR_TYPES: &[&str] = &[
    "Account",
    "ActivityDefinition",
    "AdverseEvent",
    "Appointment",
    "AppointmentResponse",
    "AuditEvent",
    "Basic",
    "Binary",
    "BodySite",
    "Bundle",
    "CapabilityStatement",
    "CarePlan",
    "CareTeam",
    "ChargeItem",
    "Claim",
    "ClaimResponse",
    "ClinicalImpression",
    "CodeSystem",
    "Communication",
    "CommunicationRequest",
    "CompartmentDefinition",
    "Composition",
    "ConceptMap",
    "Consent",
    "Contract",
    "Coverage",
    "DataElement",
    "DetectedIssue",
    "Device",
    "DeviceComponent",
    "DeviceMetric",
    "DeviceRequest",
    "DeviceUseStatement",
    "DocumentManifest",
    "EligibilityRequest",
    "EligibilityResponse",
    "Endpoint",
    "EnrollmentRequest",
    "EnrollmentResponse",
    "EpisodeOfCare",
    "ExpansionProfile",
    "ExplanationOfBenefit",
    "FamilyMemberHistory",
    "Goal",
    "GraphDefinition",
    "Group",
    "GuidanceResponse",
    "ImagingManifest",
    "ImagingStudy",
    "ImmunizationRecommendation",
    "ImplementationGuide",
    "Library",
    "Linkage",
    "Measure",
    "MeasureReport",
    "Media",
    "MedicationAdministration",
    "MedicationDispense",
    "MessageDefinition",
    "MessageHeader",
    "NamingSystem",
    "NutritionOrder",
    "OperationDefinition",
    "Parameters",
    "PaymentNotice",
    "PaymentReconciliation",
    "Person",
    "PlanDefinition",
    "Procedure",
    "ProcessRequest",
    "ProcessResponse",
    "Provenance",
    "Questionnaire",
    "RequestGroup",
    "ResearchStudy",
    "ResearchSubject",
    "RiskAssessment",
    "Schedule",
    "SearchParameter",
    "Sequence",
    "ServiceDefinition",
    "Slot",
    "StructureDefinition",
    "StructureMap",
    "Subscription",
    "Substance",
    "SupplyDelivery",
    "SupplyRequest",
    "Task",
    "TestReport",
    "TestScript",
    "ValueSet",
    "VisionPrescription",
];

/// Whether a reference may name the type without being misspelt.
pub(crate) fn is_fhir_type(name: &str) -> bool {
    known(name).is_some() || OTHER_FHIR_TYPES.contains(&name)
}
