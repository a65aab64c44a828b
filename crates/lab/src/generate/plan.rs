use bedside_model::Day;

use super::Supplier;
use super::calendar::{Moment, RETRIEVAL_DAY, days_before};
use super::random::Random;
use super::terms::{AGENTS, FINDINGS, MEASURES, PROBLEMS};
use super::therapy::{Therapy, therapies};

/// What a synthetic record holds, before it is text. References are positions in these lists.
pub(super) struct Plan {
    pub(super) scope: Scope,
    /// The newest first. Medicines name them even where the answer does not hold them.
    pub(super) consultations: Vec<Consultation>,
    pub(super) therapies: Vec<Therapy>,
    pub(super) allergies: Vec<Allergy>,
    pub(super) problems: Vec<Problem>,
    pub(super) observations: Vec<Observation>,
    pub(super) others: Vec<Other>,
    pub(super) clinicians: usize,
    pub(super) sites: usize,
    /// The record is still on its way from the last practice: when the patient registered.
    pub(super) in_transit: Option<Day>,
    /// Whether something is withheld.
    pub(super) confidential: bool,
}

/// What was asked for, so which primary lists answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Medications alone.
    Medications,
    /// Allergies, medications, problems and consultations.
    Admission,
    /// Everything.
    Whole,
}

pub(super) struct Consultation {
    pub(super) at: Moment,
    pub(super) kind: usize,
    pub(super) clinician: usize,
    pub(super) site: usize,
    pub(super) draft: bool,
    /// A problem that its topic belongs to.
    pub(super) problem: Option<usize>,
    pub(super) items: Vec<Item>,
    /// Which unsupported item stands at its end.
    pub(super) unsupported: Option<usize>,
}

/// Something that a list, a consultation or a problem points at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    Observation(usize),
    Plan(usize),
    Order(usize, usize),
    Allergy(usize),
    Other(usize),
}

impl Item {
    /// Narrative first, then what was prescribed, then the rest.
    fn rank(self) -> u8 {
        match self {
            Self::Observation(_) => 0,
            Self::Allergy(_) => 1,
            Self::Plan(_) | Self::Order(..) => 2,
            Self::Other(_) => 3,
        }
    }
}

pub(super) struct Allergy {
    /// Position in the table of agents; `None` asserts that there is no known allergy.
    pub(super) agent: Option<usize>,
    pub(super) degraded: bool,
    pub(super) onset: Option<Day>,
    pub(super) asserted: Day,
    /// The asserted date is known to the month only.
    pub(super) month_only: bool,
    pub(super) ended: Option<Day>,
    pub(super) consultation: Option<usize>,
}

pub(super) struct Problem {
    pub(super) term: usize,
    pub(super) onset: Day,
    pub(super) abated: Option<Day>,
    pub(super) major: bool,
    pub(super) consultation: usize,
    pub(super) actual: Option<Item>,
    pub(super) content: Vec<Item>,
    /// Another problem and the role it has for this one.
    pub(super) related: Option<(usize, &'static str)>,
}

pub(super) struct Observation {
    pub(super) consultation: usize,
    pub(super) kind: ObservationKind,
    /// Chooses value and text.
    pub(super) draw: usize,
}

#[derive(Clone, Copy)]
pub(super) enum ObservationKind {
    Problem(usize),
    Finding(usize),
    Measure(usize),
    BloodPressure,
    Comment,
}

pub(super) struct Other {
    pub(super) kind: OtherKind,
    pub(super) consultation: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OtherKind {
    Immunisation,
    Diary,
    Document,
    Referral,
    Report,
}

impl OtherKind {
    pub(super) const ALL: [Self; 5] =
        [Self::Immunisation, Self::Diary, Self::Document, Self::Referral, Self::Report];
}

/// Resources of each kind in 100 KB of text without white space. With these the shares of bytes by type are
/// those of the `real-data` sheet, section 12, for whole records; narrower answers lean to the medicines.
struct Rates {
    consultations: f64,
    therapies: f64,
    allergies: f64,
    problems: f64,
    observations: f64,
    others: f64,
}

impl Rates {
    fn of(scope: Scope, supplier: Supplier) -> Self {
        let (consultations, therapies, allergies, problems, observations, others) = match (scope, supplier) {
            (Scope::Medications, _) => (10.0, 20.0, 0.0, 0.0, 0.0, 0.0),
            (Scope::Admission, Supplier::Emis | Supplier::Vision) => (4.0, 9.0, 5.0, 4.0, 12.0, 0.0),
            (Scope::Admission, Supplier::Tpp) => (6.0, 8.0, 5.0, 4.5, 14.0, 0.0),
            (Scope::Admission, Supplier::Medicus) => (4.5, 7.0, 5.0, 4.0, 9.0, 0.0),
            (Scope::Whole, Supplier::Medicus) => (7.0, 4.0, 2.0, 3.0, 16.0, 5.0),
            (Scope::Whole, Supplier::Emis | Supplier::Vision) => (5.7, 5.7, 1.3, 1.7, 25.0, 5.0),
            (Scope::Whole, Supplier::Tpp) => (12.5, 1.6, 1.2, 1.5, 41.0, 3.3),
        };
        Self { consultations, therapies, allergies, problems, observations, others }
    }
}

impl Plan {
    /// A plan for about `size` bytes without white space.
    pub(super) fn new(seed: u64, supplier: Supplier, scope: Scope, size: f64) -> Self {
        let rates = Rates::of(scope, supplier);
        let count =
            |rate: f64| if rate > 0.0 { ((rate * size / 100_000.0).round() as usize).max(1) } else { 0 };
        let mut random = Random::new(seed, 1);
        let consultations = count(rates.consultations);
        let mut plan = Self {
            scope,
            consultations: consultation_days(consultations, &mut Random::new(seed, 2)),
            therapies: therapies(
                count(rates.therapies),
                supplier == Supplier::Emis,
                &mut Random::new(seed, 3),
            ),
            allergies: Vec::new(),
            problems: Vec::new(),
            observations: Vec::new(),
            others: Vec::new(),
            clinicians: if scope == Scope::Medications { 1 } else { clinicians(consultations) },
            sites: sites(consultations),
            in_transit: random.chance(30).then(|| days_before(RETRIEVAL_DAY, random.between(20, 400))),
            confidential: supplier.withholds(&mut random),
        };
        plan.therapies.iter_mut().for_each(|therapy| supplier.settle(therapy));
        if scope == Scope::Medications {
            // The smallest answers have room for few orders.
            let most = (size / 6_000.0) as usize;
            plan.therapies
                .iter_mut()
                .for_each(|t| drop(t.issues.drain(..t.issues.len().saturating_sub(most))));
        }
        plan.place_therapies(supplier, &mut Random::new(seed, 4));
        plan.add_allergies(count(rates.allergies), supplier, &mut Random::new(seed, 5));
        plan.add_problems(count(rates.problems).min(consultations), supplier, &mut Random::new(seed, 6));
        plan.add_observations(count(rates.observations), &mut Random::new(seed, 7));
        plan.add_others(count(rates.others), &mut Random::new(seed, 8));
        plan.finish_consultations(supplier, &mut Random::new(seed, 9));
        plan
    }

    /// The consultations that the answer holds: none in an answer of medications alone.
    pub(super) fn sent_consultations(&self) -> &[Consultation] {
        if self.scope == Scope::Medications { &[] } else { &self.consultations }
    }

    /// The consultation at or before a day, or the oldest.
    fn consultation_near(&self, day: Day) -> Option<usize> {
        let later = self.consultations.partition_point(|consultation| consultation.at.day > day);
        (!self.consultations.is_empty()).then(|| later.min(self.consultations.len() - 1))
    }

    fn place_therapies(&mut self, supplier: Supplier, random: &mut Random) {
        for index in 0..self.therapies.len() {
            let consultation = self.consultation_near(self.therapies[index].start);
            self.therapies[index].consultation = consultation;
            self.therapies[index].clinician = random.below(self.clinicians);
            let tpp = supplier == Supplier::Tpp;
            let plans = tpp || supplier == Supplier::Medicus;
            if let Some(consultation) = consultation.filter(|_| plans && random.chance(35)) {
                self.consultations[consultation].items.push(Item::Plan(index));
            }
            for issue in 0..self.therapies[index].issues.len() {
                let consultation = self.consultation_near(self.therapies[index].issues[issue].day);
                let issued_in = consultation.filter(|_| tpp || (!plans && random.chance(15)));
                let Some(consultation) = issued_in else { continue };
                let order = &mut self.therapies[index].issues[issue];
                order.consultation = Some(consultation);
                order.has_context = tpp || random.chance(50);
                self.consultations[consultation].items.push(Item::Order(index, issue));
            }
        }
    }

    fn add_allergies(&mut self, count: usize, supplier: Supplier, random: &mut Random) {
        let none_known = (1..=3).contains(&count) && random.chance(15);
        let count = if none_known { 1 } else { count };
        for index in 0..count {
            let asserted = days_before(RETRIEVAL_DAY, random.between(100, 6_000));
            let consultation = self.consultation_near(asserted);
            let ended = !none_known && index % 3 == 1;
            self.allergies.push(Allergy {
                agent: (!none_known).then(|| (index * 4 + random.below(4)) % AGENTS.len()),
                degraded: index % 7 == 5,
                onset: random.chance(70).then(|| days_before(asserted, random.between(0, 4_000))),
                asserted,
                month_only: supplier == Supplier::Tpp && random.chance(20),
                ended: ended.then(|| days_before(RETRIEVAL_DAY, random.between(0, 99))),
                consultation: consultation.filter(|_| supplier.ties_allergy(random)),
            });
            if let Some(consultation) = consultation.filter(|_| !ended) {
                self.consultations[consultation].items.push(Item::Allergy(index));
            }
        }
    }

    /// Problems are spread over the consultations, at most one in each, so that the observation that opens the
    /// consultation can be the one that was promoted.
    fn add_problems(&mut self, count: usize, supplier: Supplier, random: &mut Random) {
        let active_allergy = self.allergies.iter().position(|a| a.agent.is_some() && a.ended.is_none());
        for index in 0..count {
            let consultation = index * self.consultations.len() / count;
            let onset = days_before(self.consultations[consultation].at.day, random.between(0, 400));
            let active = random.chance(66) || supplier == Supplier::Medicus;
            let allergy = active_allergy.filter(|_| supplier == Supplier::Emis && index == 2);
            let promoted = match allergy {
                Some(allergy) => Some(Item::Allergy(allergy)),
                // 20 of 52 TPP problems have no actual problem, and no EMIS problem lacks one.
                None if supplier == Supplier::Tpp && random.chance(38) => None,
                None if supplier == Supplier::Medicus => None,
                None => Some(Item::Observation(consultation)),
            };
            self.consultations[consultation].problem = Some(index);
            self.problems.push(Problem {
                term: (index * 5 + random.below(5)) % PROBLEMS.len(),
                onset,
                abated: (!active).then(|| self.consultations[consultation].at.day),
                major: random.chance(if supplier == Supplier::Emis { 60 } else { 15 }),
                consultation,
                actual: promoted,
                content: Vec::new(),
                related: relation(index, count)
                    .filter(|_| matches!(supplier, Supplier::Emis | Supplier::Medicus)),
            });
        }
    }

    /// The first observations open one consultation each, the others fall where they fall.
    fn add_observations(&mut self, count: usize, random: &mut Random) {
        let consultations = self.consultations.len();
        // None were asked for; otherwise each consultation has one at least.
        let count = if count == 0 { 0 } else { count.max(consultations) };
        for index in 0..count {
            let consultation = if index < consultations { index } else { random.below(consultations) };
            let opening =
                (index < consultations).then_some(self.consultations[consultation].problem).flatten();
            let promoted =
                opening.filter(|&problem| self.problems[problem].actual == Some(Item::Observation(index)));
            let kind = match promoted {
                Some(problem) => ObservationKind::Problem(self.problems[problem].term),
                None => observation_kind(random),
            };
            self.observations.push(Observation { consultation, kind, draw: random.next() as usize });
            self.consultations[consultation].items.push(Item::Observation(index));
        }
    }

    fn add_others(&mut self, count: usize, random: &mut Random) {
        for index in 0..count {
            let consultation = random.below(self.consultations.len());
            self.others.push(Other { kind: OtherKind::ALL[index % OtherKind::ALL.len()], consultation });
            self.consultations[consultation].items.push(Item::Other(index));
        }
    }

    /// What depends on all items: their order, contents of problems, unsupported items.
    fn finish_consultations(&mut self, supplier: Supplier, random: &mut Random) {
        for consultation in &mut self.consultations {
            consultation.items.sort_by_key(|item| item.rank());
        }
        for problem in &mut self.problems {
            let items = &self.consultations[problem.consultation].items;
            problem.content = items.iter().copied().take(8).collect();
            // The reason for a medicine is known through its problem alone.
            let reason_of = Item::Plan(random.below(self.therapies.len()));
            if !problem.content.contains(&reason_of) {
                problem.content.push(reason_of);
            }
        }
        for consultation in self.consultations.iter_mut().filter(|_| supplier == Supplier::Tpp) {
            consultation.unsupported = random.chance(14).then(|| random.next() as usize);
        }
    }
}

/// Consultations from the retrieval day back, three weeks apart or as densely as half a century asks for.
fn consultation_days(count: usize, random: &mut Random) -> Vec<Consultation> {
    let gap = (18_000 / count.max(1) as i32).clamp(1, 21);
    (0..count)
        .map(|index| {
            let day = days_before(RETRIEVAL_DAY, 2 + index as i32 * gap + random.between(0, gap - 1));
            Consultation {
                at: Moment { day, second: random.between(8 * 60, 18 * 60) as u32 * 60 },
                kind: random.below(100),
                clinician: random.below(clinicians(count)),
                site: random.below(sites(count)),
                draft: random.chance(1),
                problem: None,
                items: Vec::new(),
                unsupported: None,
            }
        })
        .collect()
}

fn clinicians(consultations: usize) -> usize {
    (2 + consultations / 8).min(40)
}

fn sites(consultations: usize) -> usize {
    (1 + consultations / 4).min(60)
}

/// Every fifth pair of problems belongs together, and each says so of the other.
fn relation(index: usize, count: usize) -> Option<(usize, &'static str)> {
    match index % 5 {
        3 if index + 1 < count => Some((index + 1, "child")),
        4 => Some((index - 1, "parent")),
        _ => None,
    }
}

fn observation_kind(random: &mut Random) -> ObservationKind {
    match random.below(10) {
        0..=2 => ObservationKind::Comment,
        3..=5 => ObservationKind::Finding(random.below(FINDINGS.len())),
        6 => ObservationKind::BloodPressure,
        _ => ObservationKind::Measure(random.below(MEASURES.len())),
    }
}
