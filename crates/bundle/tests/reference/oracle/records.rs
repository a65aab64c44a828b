//! AllergyIntolerance, Condition and Encounter as sent (`allergies`, `problems` and `consultations` sheets).

use super::concepts::preferred;
use super::elements::{Concept, Head, Reference, keep_first};
use super::json::{Json, Members, get};
use super::medicines::Duration;
use super::reader::{Extension, Reader};
use super::text::trimmed;

#[derive(Debug, Clone, Default)]
pub struct Allergy {
    pub head: Head,
    pub clinical_status: Option<String>,
    pub verification_status: Option<String>,
    pub kind: Option<String>,
    pub criticality: Option<String>,
    pub category: Vec<String>,
    pub code: Concept,
    pub onset: Option<String>,
    pub asserted: Option<String>,
    pub last_occurrence: Option<String>,
    pub has_end: bool,
    pub ended: Option<String>,
    pub ended_reason: Option<String>,
    pub asserter: Reference,
    pub recorder: Reference,
    pub reactions: Vec<Reaction>,
    pub encounter: Reference,
}

#[derive(Debug, Clone, Default)]
pub struct Reaction {
    pub manifestations: Vec<Concept>,
    pub severity: Option<String>,
    pub exposure_route: Concept,
    pub description: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub struct Condition {
    pub head: Head,
    pub code: Concept,
    pub clinical_status: Option<String>,
    pub significance: Option<String>,
    pub category: Vec<String>,
    pub onset: Option<String>,
    pub abatement: Option<String>,
    pub asserted: Option<String>,
    pub asserter: Reference,
    pub context: Reference,
    /// What it points at, with the relation; a relation that is not known has none.
    pub links: Vec<(Option<&'static str>, Reference)>,
}

#[derive(Debug, Clone, Default)]
pub struct Encounter {
    pub head: Head,
    pub status: Option<String>,
    pub kind: Concept,
    pub start: Option<String>,
    pub end: Option<String>,
    pub length: Duration,
    pub participants: Vec<Participant>,
    pub locations: Vec<Reference>,
    pub provider: Reference,
}

#[derive(Debug, Clone, Default)]
pub struct Participant {
    pub types: Vec<Concept>,
    pub individual: Reference,
}

impl Participant {
    /// The first code, else text, of its types.
    pub fn role(&self) -> Option<String> {
        let told = |kind: &Concept| preferred(kind).code.or(kind.text.clone());
        self.types.iter().find_map(told)
    }

    /// Whether one of its types has the code.
    pub fn is(&self, code: &str) -> bool {
        let mut codings = self.types.iter().flat_map(|kind| &kind.codings);
        codings.any(|coding| trimmed(&coding.code).eq_ignore_ascii_case(code))
    }
}

impl Reader<'_> {
    pub fn allergy(&mut self, members: Members<'_, '_>) -> Allergy {
        let mut allergy = Allergy {
            head: self.head(members),
            clinical_status: self.text(get(members, "clinicalStatus")),
            verification_status: self.text(get(members, "verificationStatus")),
            kind: self.text(get(members, "type")),
            criticality: self.text(get(members, "criticality")),
            category: self.texts(get(members, "category")),
            code: self.concept(get(members, "code")),
            onset: self.text(get(members, "onsetDateTime")),
            asserted: self.text(get(members, "assertedDate")),
            last_occurrence: self.text(get(members, "lastOccurrence")),
            asserter: self.reference(get(members, "asserter")),
            recorder: self.reference(get(members, "recorder")),
            reactions: self.reactions(get(members, "reaction")),
            ..Allergy::default()
        };
        for extension in self.extensions(members) {
            match extension.name.as_str() {
                "associatedencounter" => {
                    let encounter = self.value_reference(&extension);
                    if allergy.encounter.is_absent() {
                        allergy.encounter = encounter;
                    }
                }
                "allergyintoleranceend" => self.allergy_end(&extension, &mut allergy),
                _ => {}
            }
        }
        allergy
    }

    fn allergy_end(&mut self, extension: &Extension<'_, '_>, allergy: &mut Allergy) {
        allergy.has_end = true;
        for part in self.extensions(extension.members) {
            for (_, value) in part.values() {
                if part.is_named(&["endDate"]) {
                    keep_first(&mut allergy.ended, self.text(Some(value)));
                } else if part.is_named(&["reasonEnded", "endReason"]) {
                    keep_first(&mut allergy.ended_reason, self.text(Some(value)));
                }
            }
        }
    }

    fn reactions(&mut self, value: Option<&Json<'_>>) -> Vec<Reaction> {
        let mut reactions = Vec::new();
        for item in self.each(value) {
            let members = self.object(Some(item));
            reactions.push(Reaction {
                manifestations: self.concepts(get(members, "manifestation")),
                severity: self.text(get(members, "severity")),
                exposure_route: self.concept(get(members, "exposureRoute")),
                description: self.text(get(members, "description")),
            });
        }
        reactions
    }

    pub fn condition(&mut self, members: Members<'_, '_>) -> Condition {
        let categories = self.concepts(get(members, "category"));
        let told = |category: &Concept| preferred(category).code.or(category.text.clone());
        let mut condition = Condition {
            head: self.head(members),
            code: self.concept(get(members, "code")),
            clinical_status: self.text(get(members, "clinicalStatus")),
            category: categories.iter().filter_map(told).collect(),
            onset: self.text(get(members, "onsetDateTime")),
            abatement: self.text(get(members, "abatementDateTime")),
            asserted: self.text(get(members, "assertedDate")),
            asserter: self.reference(get(members, "asserter")),
            context: self.reference(get(members, "context")),
            ..Condition::default()
        };
        for extension in self.extensions(members) {
            self.problem_extension(&extension, &mut condition);
        }
        condition
    }

    fn problem_extension(&mut self, extension: &Extension<'_, '_>, condition: &mut Condition) {
        match extension.name.as_str() {
            "actualproblem" => {
                let target = self.value_reference(extension);
                condition.links.push((Some("actual-problem"), target));
            }
            "relatedclinicalcontent" => {
                let target = self.value_reference(extension);
                condition.links.push((Some("problem-content"), target));
            }
            "relatedproblemheader" => {
                let (kind, target) = self.problem_header(extension);
                let kind = trimmed(&kind).to_ascii_lowercase();
                let relation = ["parent", "child", "sibling"].into_iter().find(|known| *known == kind);
                if relation.is_none() {
                    self.findings.say_of(self.about, "unknown_code");
                }
                condition.links.push((relation, target));
            }
            "problemsignificance" => {
                let significance = self.value_concept(extension);
                let code = preferred(&significance).code.or(significance.text);
                keep_first(&mut condition.significance, code);
            }
            _ => {}
        }
    }

    pub fn encounter(&mut self, members: Members<'_, '_>) -> Encounter {
        let (start, end) = self.period(get(members, "period"));
        let kinds = self.concepts(get(members, "type"));
        Encounter {
            head: self.head(members),
            status: self.text(get(members, "status")),
            kind: kinds.into_iter().next().unwrap_or_default(),
            start,
            end,
            length: self.duration(get(members, "length")),
            participants: self.participants(get(members, "participant")),
            locations: self.locations(get(members, "location")),
            provider: self.reference(get(members, "serviceProvider")),
        }
    }

    fn participants(&mut self, value: Option<&Json<'_>>) -> Vec<Participant> {
        let mut participants = Vec::new();
        for item in self.each(value) {
            let members = self.object(Some(item));
            participants.push(Participant {
                types: self.concepts(get(members, "type")),
                individual: self.reference(get(members, "individual")),
            });
        }
        participants
    }

    fn locations(&mut self, value: Option<&Json<'_>>) -> Vec<Reference> {
        let mut locations = Vec::new();
        for item in self.each(value) {
            let members = self.object(Some(item));
            locations.push(self.reference(get(members, "location")));
        }
        locations
    }
}
