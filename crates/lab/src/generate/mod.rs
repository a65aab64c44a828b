//! Synthetic GP Connect bundles of any size, shaped like the answers of four GP systems (`real-data` sheet).
//!
//! A recipe gives the same bytes always and everywhere: numbers come from its seed, dates are counted from
//! 2026-01-15. Names are plainly invented and NHS numbers lie in the range set aside for tests. How much is asked
//! for follows from the size: the smallest answers hold medications alone, larger ones allergies, medications,
//! problems and consultations, and from about 90 KB without white space the whole record with all its lists.
//!
//! Every reference resolves within the bundle, save one kind that does not in real answers either: the
//! consultations that medicines name in an answer of medications alone. TPP names people by display alone.

mod calendar;
mod clinical;
mod command;
mod consultations;
mod ids;
mod journal;
mod json;
mod lists;
mod manner;
mod medicines;
mod people;
mod plan;
mod random;
mod scribe;
mod terms;
mod therapy;

use bedside_model::{Gender, NhsNumber, OdsCode};

use json::{Json, Layout};
use plan::{Plan, Scope};
use random::Random;
use scribe::Scribe;

pub use command::{GenerateArgs, run};

/// Free text added to reach a size never makes a string longer than the longest seen (`real-data` sheet,
/// section 12: 17,931 characters).
const LONGEST_FILLER: usize = 16_000;

/// How many plans are tried before the closest is taken.
const TRIES: usize = 14;

/// What to generate.
#[derive(Clone)]
pub struct Recipe {
    /// Size of the bundle in bytes. It is met within 5 %; below about 18 KB of text with white space it is the
    /// smallest bundle there is.
    pub bytes: usize,
    /// Chooses everything that the other members leave open.
    pub seed: u64,
    /// Whose answers it is like.
    pub supplier: Supplier,
    /// No white space outside strings; otherwise the supplier's own layout.
    pub minified: bool,
    /// Whose record it is.
    pub patient: Patient,
}

/// A GP system whose answers can be imitated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Supplier {
    /// Lists first, four spaces, UUIDs, local codes before SNOMED CT, four-level consultations.
    Emis,
    /// Patient first, tabs, ids with underscores, SNOMED CT alone, people by display, three-level consultations.
    Tpp,
    /// Patient first, two numbers joined by a dash as ids, Read v2 or Gemscript before SNOMED CT, three-level
    /// consultations. No whole answer of it is published: what is not known is as the specification has it.
    Vision,
    /// Patient first, lower-case UUIDs, SNOMED CT alone, some numbers as strings, problems without an actual one.
    Medicus,
}

impl Supplier {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Emis, Self::Tpp, Self::Vision, Self::Medicus];

    /// The name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Emis => "emis",
            Self::Tpp => "tpp",
            Self::Vision => "vision",
            Self::Medicus => "medicus",
        }
    }

    /// The supplier of that name, `None` for any other text.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|supplier| supplier.as_str() == name)
    }

    /// White space, and the share of the text that is left without it.
    fn layout(self) -> (Layout, f64) {
        match self {
            Self::Emis => (Layout { indent: "    ", line_end: "\n" }, 0.43),
            Self::Tpp => (Layout { indent: "\t", line_end: "\r\n" }, 0.65),
            Self::Vision | Self::Medicus => (Layout { indent: "    ", line_end: "\n" }, 0.46),
        }
    }
}

/// Whose record a bundle is.
#[derive(Clone)]
pub struct Patient {
    /// NHS number; [`Patient::synthetic`] takes it from the test range.
    pub nhs_number: NhsNumber,
    /// Family name.
    pub family: String,
    /// Given name.
    pub given: String,
    /// Administrative gender.
    pub gender: Gender,
    /// Date of birth, `YYYY-MM-DD`.
    pub birth_date: String,
    /// ODS code of the registered practice.
    pub practice_ods: OdsCode,
}

impl Patient {
    /// An invented patient: a number of the test range, a plainly invented name, an adult of 20 to 95, at one of
    /// five invented practices.
    pub fn synthetic(seed: u64) -> Self {
        const FAMILIES: [&str; 8] = [
            "Testcase",
            "Samplewood",
            "Fixtureford",
            "Mockridge",
            "Placeholder",
            "Exampleby",
            "Dummyfield",
            "Notreal",
        ];
        const GIVENS: [&str; 6] = ["Synthia", "Testa", "Fauxanne", "Demotrius", "Specimen", "Exemplar"];
        let mut random = Random::new(seed, 0xFEED);
        Self {
            nhs_number: test_number(&mut random),
            family: FAMILIES[random.below(FAMILIES.len())].to_owned(),
            given: GIVENS[random.below(GIVENS.len())].to_owned(),
            gender: if random.chance(50) { Gender::Female } else { Gender::Male },
            birth_date: format!(
                "{}-{:02}-{:02}",
                random.between(1930, 2005),
                random.between(1, 12),
                random.between(1, 28)
            ),
            practice_ods: practice(seed),
        }
    }
}

impl Patient {
    /// The invented patient of that place in a crowd, whose number no other of the first 500,000 has.
    pub fn numbered(place: usize) -> Self {
        let stem = 999_000_000 + 2 * place;
        // Of two stems that follow each other one at least has a check digit.
        let number = check_digits(stem).or_else(|| check_digits(stem + 1));
        let mut patient = Self::synthetic(place as u64 + 1_000);
        patient.nhs_number = number.unwrap_or(patient.nhs_number);
        patient
    }
}

/// A bundle after a recipe: JSON text in UTF-8.
pub fn bundle(recipe: &Recipe) -> Vec<u8> {
    let (layout, content) = if recipe.minified { (Layout::MINIFIED, 1.0) } else { recipe.supplier.layout() };
    let scope = scope(recipe.bytes as f64 * content);
    let draft = |size: f64| Draft::new(recipe, layout, scope, size);
    let mut size = recipe.bytes as f64 * content;
    // A large text is tried at an eighth first: it grows in proportion, and one full pass is then enough.
    if size > 1e6 {
        size *= recipe.bytes as f64 / 8.0 / draft(size / 8.0).text.len() as f64;
    }
    // Less than this is left to free text.
    let slack = (recipe.bytes / 40).max(2_000);
    let mut best: Option<Draft> = None;
    for _ in 0..TRIES {
        let draft = draft(size);
        let off = recipe.bytes as f64 - draft.text.len() as f64;
        let closer = best.as_ref().is_none_or(|best| draft.is_closer(best, recipe.bytes));
        if closer {
            best = Some(draft);
        }
        if (0.0..=slack as f64).contains(&off) {
            break;
        }
        size = (size + (off - slack as f64 / 4.0) * content * 0.7).max(1.0);
    }
    best.map(|draft| draft.filled_to(recipe.bytes)).unwrap_or_default()
}

/// How much an answer of so many bytes without white space was asked for.
fn scope(content: f64) -> Scope {
    match content {
        ..36_000.0 => Scope::Medications,
        ..90_000.0 => Scope::Admission,
        _ => Scope::Whole,
    }
}

/// A bundle that is not quite as long as it shall be.
struct Draft {
    text: Vec<u8>,
    /// Where free text may be put in: inside a string.
    filler: usize,
}

impl Draft {
    fn new(recipe: &Recipe, layout: Layout, scope: Scope, size: f64) -> Self {
        let plan = Plan::new(recipe.seed, recipe.supplier, scope, size);
        let mut json = Json::new(layout, recipe.bytes + recipe.bytes / 8);
        let filler = Scribe::new(recipe, &plan).bundle(&mut json);
        Self { text: json.into_bytes(), filler }
    }

    /// Too short is better than too long, because text can be put in.
    fn is_closer(&self, other: &Self, bytes: usize) -> bool {
        let badness = |draft: &Self| {
            let length = draft.text.len();
            if length > bytes { (length - bytes) * 4 } else { bytes - length }
        };
        badness(self) < badness(other)
    }

    fn filled_to(mut self, bytes: usize) -> Vec<u8> {
        const SENTENCE: &[u8] = b"Synthetic free text that stands for a long narrative. ";
        let missing = bytes.saturating_sub(self.text.len()).min(LONGEST_FILLER);
        let filler = SENTENCE.iter().copied().cycle().take(missing);
        self.text.splice(self.filler..self.filler, filler);
        self.text
    }
}

/// `TEST001` to `TEST005`.
fn practice(seed: u64) -> OdsCode {
    // Seven capitals and digits are an ODS code.
    format!("TEST{:03}", 1 + seed % 5).parse().expect("the shape is fixed")
}

/// A number of the range 9990000000 to 9999999999 with a right check digit (`coding` sheet, section 7).
fn test_number(random: &mut Random) -> NhsNumber {
    loop {
        let stem = 999_000_000 + random.below(1_000_000);
        // One stem in eleven has no valid check digit.
        if let Some(number) = check_digits(stem) {
            return number;
        }
    }
}

/// The number of nine digits with the check digit that makes it one, if there is one.
fn check_digits(stem: usize) -> Option<NhsNumber> {
    (0..10).find_map(|check| format!("{stem}{check}").parse().ok())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};

    use serde_json::Value;

    use super::*;

    const SUPPLIERS: [Supplier; 4] = Supplier::ALL;

    fn recipe(bytes: usize, seed: u64, supplier: Supplier, minified: bool) -> Recipe {
        Recipe { bytes, seed, supplier, minified, patient: Patient::synthetic(seed) }
    }

    fn parsed(recipe: &Recipe) -> Value {
        serde_json::from_slice(&bundle(recipe)).expect("JSON")
    }

    fn resources(bundle: &Value) -> impl Iterator<Item = &Value> {
        bundle["entry"].as_array().expect("entries").iter().map(|entry| &entry["resource"])
    }

    /// Every `reference` below a value.
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    match member {
                        Value::String(text) if name == "reference" => found.push(text),
                        member => references(member, found),
                    }
                }
            }
            Value::Array(elements) => elements.iter().for_each(|element| references(element, found)),
            _ => {}
        }
    }

    #[test]
    fn a_recipe_gives_the_same_bytes_and_another_seed_others() {
        for supplier in SUPPLIERS {
            let once = bundle(&recipe(90_000, 7, supplier, false));
            assert!(once == bundle(&recipe(90_000, 7, supplier, false)));
            assert!(once != bundle(&recipe(90_000, 8, supplier, false)));
        }
    }

    #[test]
    fn the_size_asked_for_is_met_within_five_percent() {
        for supplier in SUPPLIERS {
            for bytes in [20_000, 45_000, 80_000, 120_000, 250_000, 700_000, 5_000_000] {
                for (seed, minified) in [(1, false), (2, false), (3, true)] {
                    let length = bundle(&recipe(bytes, seed, supplier, minified)).len();
                    let off = length.abs_diff(bytes) as f64 / bytes as f64;
                    assert!(off <= 0.05, "{bytes} asked, {length} made, {} seed {seed}", supplier.as_str());
                }
            }
        }
    }

    #[test]
    fn every_reference_resolves_but_the_consultations_of_a_medications_answer() {
        for supplier in SUPPLIERS {
            for bytes in [20_000, 100_000, 1_000_000] {
                let bundle = parsed(&recipe(bytes, 5, supplier, false));
                let id = |resource: &Value| resource["id"].as_str().map(str::to_owned);
                let targets: HashSet<String> = resources(&bundle)
                    .filter_map(|r| Some(format!("{}/{}", r["resourceType"].as_str()?, id(r)?)))
                    .collect();
                for resource in resources(&bundle) {
                    let contained = resource["contained"].as_array().into_iter().flatten().filter_map(id);
                    let contained: HashSet<String> = contained.map(|id| format!("#{id}")).collect();
                    let mut found = Vec::new();
                    references(resource, &mut found);
                    for reference in found {
                        let narrow = bytes == 20_000 && reference.starts_with("Encounter/");
                        assert!(
                            narrow || targets.contains(reference) || contained.contains(reference),
                            "{reference}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn no_resource_is_repeated_and_each_statement_has_one_plan() {
        for supplier in SUPPLIERS {
            let bundle = parsed(&recipe(600_000, 11, supplier, true));
            let mut seen = HashSet::new();
            let mut plans: BTreeMap<String, usize> = BTreeMap::new();
            for resource in resources(&bundle) {
                let kind = resource["resourceType"].as_str().expect("a type");
                if let Some(id) = resource["id"].as_str() {
                    assert!(seen.insert(format!("{kind}/{id}")), "{kind}/{id} twice");
                }
                if kind == "MedicationRequest" && resource["intent"] == "plan" {
                    plans.entry(format!("{kind}/{}", resource["id"].as_str().expect("an id"))).or_default();
                }
            }
            for statement in resources(&bundle).filter(|r| r["resourceType"] == "MedicationStatement") {
                let plan = statement["basedOn"][0]["reference"].as_str().expect("a plan");
                *plans.get_mut(plan).expect("the plan is there") += 1;
            }
            assert!(plans.values().all(|statements| *statements == 1));
        }
    }

    #[test]
    fn whole_records_have_the_shares_of_bytes_of_real_ones() {
        let expected = [
            (Supplier::Emis, [("relevant", 38.0), ("Observation", 25.0), ("List", 22.0), ("Encounter", 6.0)]),
            (Supplier::Tpp, [("relevant", 15.0), ("Observation", 36.0), ("List", 32.0), ("Encounter", 11.0)]),
        ];
        for (supplier, shares) in expected {
            let bundle = parsed(&recipe(3_000_000, 3, supplier, true));
            let mut bytes: BTreeMap<&str, usize> = BTreeMap::new();
            let mut all = 0;
            for resource in resources(&bundle) {
                let length = resource.to_string().len();
                let group = match resource["resourceType"].as_str().expect("a type") {
                    "MedicationStatement"
                    | "MedicationRequest"
                    | "Medication"
                    | "AllergyIntolerance"
                    | "Condition" => "relevant",
                    "List" if resource["code"]["coding"][0]["code"] == "933361000000108" => "relevant",
                    other => other,
                };
                *bytes.entry(group).or_default() += length;
                all += length;
            }
            for (group, share) in shares {
                let made = bytes[group] as f64 * 100.0 / all as f64;
                assert!((made - share).abs() <= 5.0, "{} {group}: {made:.1} for {share}", supplier.as_str());
            }
        }
    }

    #[test]
    fn layout_is_the_suppliers_own_unless_minified() {
        let white = |recipe: &Recipe| {
            let text = bundle(recipe);
            let compact = serde_json::from_slice::<Value>(&text).expect("JSON").to_string();
            1.0 - compact.len() as f64 / text.len() as f64
        };
        assert!((white(&recipe(1_000_000, 1, Supplier::Emis, false)) - 0.57).abs() < 0.03);
        assert!((white(&recipe(1_000_000, 1, Supplier::Tpp, false)) - 0.33).abs() < 0.03);
        // The compact text differs from the minified one only where numbers are written otherwise.
        assert!(white(&recipe(1_000_000, 1, Supplier::Tpp, true)).abs() < 0.001);
        assert!(bundle(&recipe(30_000, 1, Supplier::Tpp, false)).starts_with(b"{\r\n\t\"resourceType\""));
        assert!(bundle(&recipe(30_000, 1, Supplier::Emis, false)).starts_with(b"{\n    \"resourceType\""));
    }

    #[test]
    fn the_patient_is_the_recipes_and_of_the_test_range() {
        for seed in 0..200 {
            let recipe = recipe(20_000, seed, SUPPLIERS[seed as usize % 4], true);
            assert!(recipe.patient.nhs_number.is_test_range());
            if seed > 10 {
                continue;
            }
            let bundle = parsed(&recipe);
            let patients: Vec<&Value> =
                resources(&bundle).filter(|r| r["resourceType"] == "Patient").collect();
            assert_eq!(patients.len(), 1);
            assert_eq!(patients[0]["identifier"][0]["value"], recipe.patient.nhs_number.expose());
            assert_eq!(patients[0]["name"][0]["family"], recipe.patient.family.as_str());
            assert_eq!(patients[0]["birthDate"], recipe.patient.birth_date.as_str());
        }
    }

    #[test]
    fn no_object_has_a_key_twice() {
        for supplier in SUPPLIERS {
            let text = bundle(&recipe(250_000, 4, supplier, false));
            let once: Value = serde_json::from_slice(&text).expect("JSON");
            // A repeated key would be swallowed by the tree, and the two texts would then differ in length.
            let keys = |text: &str| text.matches("\":").count();
            let text = String::from_utf8(text).expect("text");
            assert_eq!(keys(&text), keys(&once.to_string()), "{}", supplier.as_str());
        }
    }

    #[test]
    fn a_record_of_thirty_five_megabytes_is_written_whole() {
        let text = bundle(&recipe(35_000_000, 1, Supplier::Tpp, true));
        assert!(text.len().abs_diff(35_000_000) < 1_750_000);
        assert!(text.starts_with(b"{\"resourceType\":\"Bundle\"") && text.ends_with(b"]}"));
    }
}
