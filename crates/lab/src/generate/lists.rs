use super::calendar::{RETRIEVAL_DAY, warning_date};
use super::ids::Of;
use super::json::Json;
use super::plan::{Item, OtherKind, Scope};
use super::scribe::{SNOMED, STRUCTURE, SYSTEM, Scribe};

const SECONDARY: &str = "https://fhir.hl7.org.uk/STU3/CodeSystem/GPConnect-SecondaryListValues-1";
const WITHHELD: &str = "Items excluded due to confidentiality and/or patient preferences.";

/// The primary lists: SNOMED CT code, title, display, and what they hold.
const PRIMARY: [(&str, &str, &str, Held); 10] = [
    (
        "886921000000105",
        "Allergies and adverse reactions",
        "Allergies and adverse reactions",
        Held::Allergies,
    ),
    ("1103671000000101", "Ended allergies", "Ended allergies", Held::Ended),
    ("1102181000000102", "Immunisations", "Immunisations", Held::Others(OtherKind::Immunisation)),
    (
        "887191000000108",
        "Investigations and results",
        "Investigations and results",
        Held::Others(OtherKind::Report),
    ),
    ("1149501000000101", "List of consultations", "List of consultations", Held::Consultations),
    (
        "933361000000108",
        "Medications and medical devices",
        "Medications and medical devices",
        Held::Medications,
    ),
    ("826501000000100", "Uncategorised data", "Miscellaneous record", Held::Observations),
    ("792931000000107", "Outbound referral", "Outbound referral", Held::Others(OtherKind::Referral)),
    (
        "714311000000108",
        "Patient recall administration",
        "Patient recall administration",
        Held::Others(OtherKind::Diary),
    ),
    ("717711000000103", "Problems", "Problems", Held::Problems),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    Allergies,
    Ended,
    Medications,
    Problems,
    Consultations,
    Observations,
    Others(OtherKind),
}

impl Held {
    fn asked_for(self, scope: Scope) -> bool {
        match scope {
            Scope::Whole => true,
            Scope::Admission => !matches!(self, Self::Observations | Self::Others(_)),
            Scope::Medications => self == Self::Medications,
        }
    }
}

impl Scribe<'_> {
    /// One list for each area asked for, empty ones with their reason and note.
    pub(super) fn primary_lists(&self, j: &mut Json) {
        for (code, title, display, held) in PRIMARY {
            let investigations = held == Held::Others(OtherKind::Report);
            if !held.asked_for(self.plan.scope) || (investigations && self.tpp()) {
                continue;
            }
            let targets = self.targets(held);
            let confidential = self.plan.confidential && held == Held::Consultations;
            self.query_list(j, title, &targets, confidential, held == Held::Ended, |j| {
                // Medicus alone writes the display in the plural.
                let plural = self.medicus() && held == Held::Observations;
                let display = if plural { "Miscellaneous records" } else { display };
                self.plain_concept(j, "code", SNOMED, code, display);
            });
        }
    }

    fn targets(&self, held: Held) -> Vec<String> {
        let plan = self.plan;
        let allergies = |ended: bool| {
            plan.allergies.iter().enumerate().filter(move |(_, allergy)| allergy.ended.is_some() == ended)
        };
        match held {
            Held::Allergies => allergies(false).map(|(index, _)| self.target(Item::Allergy(index))).collect(),
            Held::Ended => {
                allergies(true).map(|(index, _)| format!("#{}", self.id(Of::Allergy, index))).collect()
            }
            Held::Medications => {
                let statement = |index| format!("MedicationStatement/{}", self.statement_id(index));
                (0..plan.therapies.len()).map(statement).collect()
            }
            Held::Problems => (0..plan.problems.len())
                .map(|index| format!("Condition/{}", self.problem_id(index)))
                .collect(),
            Held::Consultations => {
                (0..plan.sent_consultations().len()).map(|index| self.encounter(index)).collect()
            }
            Held::Observations => {
                (0..plan.observations.len()).map(|index| self.target(Item::Observation(index))).collect()
            }
            Held::Others(kind) => self.others_of(kind),
        }
    }

    fn others_of(&self, kind: OtherKind) -> Vec<String> {
        let all = self.plan.others.iter().enumerate();
        all.filter(|(_, other)| other.kind == kind)
            .map(|(index, _)| self.target(Item::Other(index)))
            .collect()
    }

    /// A list that answers a query: no id; warnings and their texts; what is contained; entries or a reason.
    fn query_list(
        &self,
        j: &mut Json,
        title: &str,
        targets: &[String],
        confidential: bool,
        ended: bool,
        code: impl FnOnce(&mut Json),
    ) {
        let mut warnings = Vec::new();
        if let Some(day) = self.plan.in_transit.filter(|_| self.emis()) {
            warnings.push(("data-in-transit", in_transit_text(&warning_date(day))));
        }
        if confidential {
            warnings.push(("confidential-items", WITHHELD.to_owned()));
        }
        self.resource(j, "List", None, |j| {
            if ended && !targets.is_empty() {
                self.contained_allergies(j);
            }
            j.array("extension", |j| {
                self.clinical_setting(j);
                warnings.iter().for_each(|(code, _)| warning_code(j, code));
            });
            j.text("status", "current");
            j.text("mode", "snapshot");
            j.text("title", title);
            code(j);
            self.subject(j, "subject");
            if self.emis() {
                j.text("date", &self.recorded(RETRIEVAL_DAY, 842));
                self.ordered_by(j, "event-date", "Sorted by Event Date");
            }
            note(j, &warnings, targets.is_empty().then(|| self.recipe.supplier.empty_note()));
            if targets.is_empty() {
                let system = format!("{SYSTEM}CareConnect-ListEmptyReasonCode-1");
                self.plain_concept(j, "emptyReason", &system, "no-content-recorded", "No Content Recorded");
            } else {
                j.array("entry", |j| targets.iter().for_each(|target| self.list_item(j, target)));
            }
        });
    }

    fn contained_allergies(&self, j: &mut Json) {
        j.array("contained", |j| {
            for (index, allergy) in self.plan.allergies.iter().enumerate() {
                if allergy.ended.is_some() {
                    let id = self.id(Of::Allergy, index);
                    j.element(|j| {
                        self.resource_members(j, "AllergyIntolerance", Some(&id), |j| {
                            self.allergy(j, &id, allergy, index);
                        });
                    });
                }
            }
        });
    }

    /// Context lists of consultations and problems; there only when they hold something.
    pub(super) fn secondary_lists(&self, j: &mut Json) {
        let consultations = self.plan.sent_consultations();
        let in_consultations: Vec<Item> =
            consultations.iter().flat_map(|c| c.items.iter().copied()).collect();
        let of_problems: Vec<Item> =
            self.plan.problems.iter().flat_map(|p| p.content.iter().copied()).collect();
        // TPP's code of this list carries a trailing space.
        let allergies = if self.tpp() {
            "allergies-contained-in-consultations "
        } else {
            "allergies-contained-in-consultations"
        };
        let contained = |kind: &str| format!("consultations-{kind}-contained-in-consultations");
        let related = |kind: &str| format!("problems-{kind}-related-to-problems");
        self.item_list(j, &format!("consultations-{allergies}"), &in_consultations, |i| {
            matches!(i, Item::Allergy(_))
        });
        for (name, items) in
            [(&contained as &dyn Fn(&str) -> String, &in_consultations), (&related, &of_problems)]
        {
            self.medication_list(j, &name("medications"), items);
            self.item_list(j, &name("uncategorised-data"), items, |i| matches!(i, Item::Observation(_)));
            for (kind, area) in [
                (OtherKind::Immunisation, "immunisations"),
                (OtherKind::Diary, "diary-entries"),
                (OtherKind::Document, "documents"),
                (OtherKind::Report, "investigations"),
            ] {
                self.item_list(j, &name(area), items, |item| self.is_other(item, kind));
            }
        }
        let referrals = "consultations-outbound-referrals-in-consultations";
        self.item_list(j, referrals, &in_consultations, |item| self.is_other(item, OtherKind::Referral));
        let allergies = "problems-allergies-related-to-problems";
        self.item_list(j, allergies, &of_problems, |item| matches!(item, Item::Allergy(_)));
        self.consultations_of_problems(j);
    }

    fn is_other(&self, item: Item, kind: OtherKind) -> bool {
        matches!(item, Item::Other(index) if self.plan.others[index].kind == kind)
    }

    fn item_list(&self, j: &mut Json, code: &str, items: &[Item], belongs: impl Fn(Item) -> bool) {
        let targets = items.iter().filter(|item| belongs(**item)).map(|item| self.target(*item)).collect();
        self.secondary_list(j, code, targets);
    }

    /// Medicines stand in lists as statements, though consultations and problems name plans and orders.
    fn medication_list(&self, j: &mut Json, code: &str, items: &[Item]) {
        let statement = |item: &Item| match *item {
            Item::Plan(index) | Item::Order(index, _) => {
                Some(format!("MedicationStatement/{}", self.statement_id(index)))
            }
            _ => None,
        };
        self.secondary_list(j, code, items.iter().filter_map(statement).collect());
    }

    fn consultations_of_problems(&self, j: &mut Json) {
        let targets = self.plan.problems.iter().map(|problem| self.encounter(problem.consultation)).collect();
        self.secondary_list(j, "problems-consultations-related-to-problems", targets);
        let targets = (0..self.plan.problems.len())
            .filter(|index| self.plan.sent_consultations().iter().any(|c| c.problem == Some(*index)))
            .map(|index| format!("Condition/{}", self.problem_id(index)))
            .collect();
        self.secondary_list(j, "consultations-problems-contained-in-consultations", targets);
    }

    fn secondary_list(&self, j: &mut Json, code: &str, mut targets: Vec<String>) {
        if targets.is_empty() {
            return;
        }
        let mut seen = std::collections::HashSet::new();
        targets.retain(|target| seen.insert(target.clone()));
        let title = secondary_title(code);
        self.query_list(j, &title, &targets, false, false, |j| {
            self.plain_concept(j, "code", SECONDARY, code, &title);
        });
    }
}

/// The title of a secondary list, of which the code is the lower-case form with hyphens.
fn secondary_title(code: &str) -> String {
    let (area, rest) = code.trim_end().split_once('-').unwrap_or((code, ""));
    let area = if area == "problems" { "Problems" } else { "Consultations" };
    format!("{area} - {}", rest.replace('-', " "))
}

fn in_transit_text(date: &str) -> String {
    format!(
        "Patient record transfer from previous GP practice not yet complete; information recorded before {date} may be missing."
    )
}

fn warning_code(j: &mut Json, code: &str) {
    j.element(|j| {
        j.text("url", &format!("{STRUCTURE}Extension-CareConnect-GPC-ListWarningCode-1"));
        j.text("valueCode", code);
    });
}

/// The texts of all warnings, then what an empty list says, joined by spaces in one note.
fn note(j: &mut Json, warnings: &[(&str, String)], empty: Option<&str>) {
    let texts: Vec<&str> = warnings.iter().map(|(_, text)| text.as_str()).chain(empty).collect();
    if !texts.is_empty() {
        j.array_of_one("note", |j| j.text("text", &texts.join(" ")));
    }
}
