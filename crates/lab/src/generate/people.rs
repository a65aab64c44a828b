use super::calendar::{Moment, RETRIEVAL_DAY, days_before};
use super::ids::Of;
use super::json::Json;
use super::scribe::{STRUCTURE, SYSTEM, Scribe};

const FAMILIES: [&str; 10] = [
    "Mockwell",
    "Exampleton",
    "Fictus",
    "Sampleby",
    "Placeholder",
    "Demoson",
    "Stubbington",
    "Fauxley",
    "Dummett",
    "Testerly",
];
const GIVENS: [&str; 6] = ["Synthia", "Specimen", "Exempla", "Testo", "Pretendra", "Modelle"];

impl Scribe<'_> {
    pub(super) fn clinician_name(&self, clinician: usize) -> String {
        let (given, family) = name(clinician);
        format!("Dr {given} {family}")
    }

    pub(super) fn patient(&self, j: &mut Json) {
        let patient = &self.recipe.patient;
        self.resource(j, "Patient", Some(&self.patient_id()), |j| {
            self.registration(j);
            j.array_of_one("identifier", |j| {
                verification_status(j);
                j.text("system", "https://fhir.nhs.uk/Id/nhs-number");
                j.text("value", patient.nhs_number.expose());
            });
            if !self.emis() {
                j.literal("active", "true");
            }
            j.array_of_one("name", |j| {
                j.text("use", "official");
                j.text("family", &patient.family);
                j.array("given", |j| j.text_element(&patient.given));
            });
            j.text("gender", patient.gender.as_str());
            j.text("birthDate", &patient.birth_date);
            j.array_of_one("address", |j| address(j, "1 Synthetic Street"));
            let usual = format!("Practitioner/{}", self.id(Of::Practitioner, 0));
            j.array_of_one("generalPractitioner", |j| j.text("reference", &usual));
            self.reference(j, "managingOrganization", &self.practice_reference());
        });
    }

    fn registration(&self, j: &mut Json) {
        let since = self.plan.in_transit.unwrap_or(days_before(RETRIEVAL_DAY, 5_000));
        j.array_of_one("extension", |j| {
            j.text("url", &format!("{STRUCTURE}Extension-CareConnect-GPC-RegistrationDetails-1"));
            j.array_of_one("extension", |j| {
                j.text("url", "registrationPeriod");
                j.object("valuePeriod", |j| j.text("start", &Moment::midnight(since).text()));
            });
        });
    }

    pub(super) fn practice_reference(&self) -> String {
        format!("Organization/{}", self.id(Of::Practice, 0))
    }

    /// The registered practice and its sites. TPP names its sites by display, so that only the main one comes.
    pub(super) fn practice(&self, j: &mut Json) {
        self.resource(j, "Organization", Some(&self.id(Of::Practice, 0)), |j| {
            j.array_of_one("identifier", |j| {
                j.text("system", "https://fhir.nhs.uk/Id/ods-organization-code");
                j.text("value", self.recipe.patient.practice_ods.as_str());
            });
            j.array_of_one("type", |j| {
                let system = format!("{SYSTEM}GPConnect-OrganisationType-1");
                j.array_of_one("coding", |j| self.coding(j, &system, "gp-practice", "gp-practice"));
            });
            j.text("name", &self.practice_name());
            j.array_of_one("address", |j| address(j, "2 Synthetic Street"));
        });
        let sites = if self.tpp() { 1 } else { self.plan.sites };
        let sites = if self.plan.sent_consultations().is_empty() { 0 } else { sites };
        (0..sites).for_each(|site| self.site(j, site));
    }

    pub(super) fn practice_name(&self) -> String {
        format!("{} SYNTHETIC SURGERY", self.recipe.patient.practice_ods)
    }

    pub(super) fn site_name(&self, site: usize) -> String {
        format!("Synthetic Surgery, branch {site}")
    }

    fn site(&self, j: &mut Json, site: usize) {
        self.resource(j, "Location", Some(&self.id(Of::Site, site)), |j| {
            j.text("status", "active");
            j.text("name", &self.site_name(site));
            if self.emis() {
                j.text("description", "");
            }
            j.object("address", |j| address(j, "3 Synthetic Street"));
            self.reference(j, "managingOrganization", &self.practice_reference());
        });
    }

    /// Everyone who is named, with a role; TPP sends the usual GP alone.
    pub(super) fn practitioners(&self, j: &mut Json) {
        let sent = if self.tpp() { 1 } else { self.plan.clinicians };
        for clinician in 0..sent {
            let id = self.id(Of::Practitioner, clinician);
            self.resource(j, "Practitioner", Some(&id), |j| {
                let (given, family) = name(clinician);
                j.array_of_one("name", |j| {
                    j.text("use", "official");
                    j.text("family", &family);
                    j.array("given", |j| j.text_element(given));
                    j.array("prefix", |j| j.text_element("Dr"));
                });
            });
            self.role(j, clinician, &id);
        }
    }

    /// EMIS role ids are both ids without dashes, exactly 64 characters.
    fn role(&self, j: &mut Json, clinician: usize, practitioner: &str) {
        let id = if self.emis() {
            format!("{practitioner}{}", self.id(Of::Practice, 0)).replace('-', "")
        } else {
            self.id(Of::Role, clinician)
        };
        self.resource(j, "PractitionerRole", Some(&id), |j| {
            self.reference(j, "practitioner", &format!("Practitioner/{practitioner}"));
            self.reference(j, "organization", &self.practice_reference());
            j.array_of_one("code", |j| {
                let system = format!("{SYSTEM}CareConnect-SDSJobRoleName-1");
                let display = "General Medical Practitioner";
                j.array_of_one("coding", |j| self.coding(j, &system, "R0260", display));
            });
        });
    }
}

fn name(clinician: usize) -> (&'static str, String) {
    let family = FAMILIES[clinician % FAMILIES.len()];
    let round = clinician / FAMILIES.len();
    let family = if round == 0 { family.to_owned() } else { format!("{family}-{round}") };
    (GIVENS[clinician % GIVENS.len()], family)
}

fn verification_status(j: &mut Json) {
    j.array_of_one("extension", |j| {
        j.text("url", &format!("{STRUCTURE}Extension-CareConnect-GPC-NHSNumberVerificationStatus-1"));
        j.object("valueCodeableConcept", |j| {
            j.array_of_one("coding", |j| {
                j.text("system", &format!("{SYSTEM}CareConnect-NHSNumberVerificationStatus-1"));
                j.text("code", "01");
                j.text("display", "Number present and verified");
            });
        });
    });
}

/// An address that does not exist: the postcode area ZZ99 is set aside for such uses.
fn address(j: &mut Json, line: &str) {
    j.text("use", "work");
    j.array("line", |j| j.text_element(line));
    j.text("city", "Nowhere");
    j.text("postalCode", "ZZ99 3VZ");
}
