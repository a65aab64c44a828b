use bedside_model::Day;

use super::calendar::{RETRIEVAL_DAY, days_before};
use super::random::Random;
use super::terms::{COURSES, Drug, ELSEWHERE, MIXTURE, REASONS, REPEATS};

/// One authorisation: a MedicationStatement, its plan and its orders.
#[derive(Clone)]
pub(super) struct Therapy {
    pub(super) drug: &'static Drug,
    pub(super) kind: Kind,
    pub(super) status: Status,
    /// Recorded here, prescribed by another organisation.
    pub(super) elsewhere: bool,
    pub(super) start: Day,
    pub(super) end: Option<Day>,
    pub(super) allowed: Option<usize>,
    pub(super) expiry: Option<Day>,
    /// Why and when it was stopped.
    pub(super) reason: Option<(&'static str, Day)>,
    pub(super) issues: Vec<Issue>,
    /// The therapy whose id stem and Medication it shares: itself, unless it is a part of a split plan.
    pub(super) stem: usize,
    /// The earlier part of a split plan.
    pub(super) prior: Option<usize>,
    /// What EMIS puts behind the stem of an earlier part.
    pub(super) suffix: &'static str,
    pub(super) consultation: Option<usize>,
    pub(super) clinician: usize,
}

/// One issue: a MedicationRequest with the intent `order`.
#[derive(Clone)]
pub(super) struct Issue {
    pub(super) day: Day,
    pub(super) status: Status,
    /// The consultation whose structure holds it.
    pub(super) consultation: Option<usize>,
    /// Whether the order names that consultation as its context.
    pub(super) has_context: bool,
}

/// Prescription type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Acute,
    Delayed,
    Repeat,
    RepeatDispensing,
}

impl Kind {
    /// Code and display of `CareConnect-PrescriptionType-1`.
    pub(super) fn code(self) -> (&'static str, &'static str) {
        match self {
            Self::Acute => ("acute", "Acute"),
            Self::Delayed => ("delayed-prescribing", "Delayed prescribing"),
            Self::Repeat => ("repeat", "Repeat"),
            Self::RepeatDispensing => ("repeat-dispensing", "Repeat dispensing"),
        }
    }
}

/// Status of a statement, a plan or an order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Active,
    Completed,
    Stopped,
}

impl Status {
    /// The FHIR code.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Completed => "completed",
            Self::Stopped => "stopped",
        }
    }
}

impl Therapy {
    /// The last issue that was not cancelled.
    pub(super) fn last_issue(&self) -> Option<Day> {
        self.issues.iter().filter(|issue| issue.status != Status::Stopped).map(|issue| issue.day).max()
    }
}

/// What becomes of an authorisation. One round of these is a small but mixed medication list.
#[derive(Clone, Copy)]
enum Course {
    ActiveRepeat,
    DoneAcute,
    LapsedRepeat,
    StoppedRepeat,
    FutureDispensing,
    Elsewhere,
    Reauthorised,
    UnissuedAcute,
    Mixture,
    PastRepeat,
    CurrentAcute,
    CancelledAcute,
    Delayed,
}

const ROUND: [Course; 19] = [
    Course::ActiveRepeat,
    Course::DoneAcute,
    Course::LapsedRepeat,
    Course::StoppedRepeat,
    Course::FutureDispensing,
    Course::DoneAcute,
    Course::Elsewhere,
    Course::ActiveRepeat,
    Course::Reauthorised,
    Course::StoppedRepeat,
    Course::UnissuedAcute,
    Course::PastRepeat,
    Course::Mixture,
    Course::ActiveRepeat,
    Course::CurrentAcute,
    Course::DoneAcute,
    Course::CancelledAcute,
    Course::PastRepeat,
    Course::Delayed,
];

/// At least `count` authorisations; a split plan counts as two. `chained` says whether the parts of a split plan
/// name each other, which TPP's never do.
pub(super) fn therapies(count: usize, chained: bool, random: &mut Random) -> Vec<Therapy> {
    let mut all: Vec<Therapy> = Vec::with_capacity(count + 1);
    // A record starts somewhere in the round, so that small records of different seeds differ.
    let offset = random.below(ROUND.len());
    for turn in offset.. {
        if all.len() >= count {
            break;
        }
        let course = ROUND[turn % ROUND.len()];
        let mut therapy = course.begin(turn, random);
        therapy.stem = all.len();
        if matches!(course, Course::Reauthorised) {
            let mut earlier = earlier_part(&therapy, random);
            earlier.stem = all.len();
            if chained {
                therapy.prior = Some(all.len());
                earlier.suffix = if random.chance(50) { "-FD-1" } else { "-HD-1" };
            } else {
                therapy.stem = all.len() + 1;
            }
            all.push(earlier);
        }
        all.push(therapy);
    }
    all
}

impl Course {
    fn begin(self, turn: usize, random: &mut Random) -> Therapy {
        let repeat = &REPEATS[(turn * 7 + random.below(3)) % REPEATS.len()];
        let acute = &COURSES[(turn * 3 + random.below(3)) % COURSES.len()];
        match self {
            Self::ActiveRepeat | Self::Reauthorised => active_repeat(repeat, random),
            Self::Mixture => active_repeat(&MIXTURE, random),
            Self::LapsedRepeat => lapsed_repeat(repeat, random),
            Self::PastRepeat => past_repeat(repeat, Status::Completed, random),
            Self::StoppedRepeat => past_repeat(repeat, Status::Stopped, random),
            Self::FutureDispensing => future_dispensing(repeat, random),
            Self::Elsewhere => {
                let start = ago(random.between(200, 2_000));
                Therapy { elsewhere: true, ..plain(&ELSEWHERE, Kind::Repeat, start) }
            }
            Self::DoneAcute => acute_issued(acute, ago(random.between(40, 2_500)), Status::Completed),
            Self::CurrentAcute => acute_issued(acute, ago(random.between(0, 3)), Status::Active),
            Self::CancelledAcute => {
                let start = ago(random.between(20, 900));
                let reason = Some(("Cancelled before issue", start));
                Therapy { reason, ..acute_issued(acute, start, Status::Stopped) }
            }
            Self::UnissuedAcute => plain(acute, Kind::Acute, ago(random.between(5, 200))),
            Self::Delayed => {
                let start = ago(-random.between(1, 9));
                Therapy { kind: Kind::Delayed, ..acute_issued(acute, start, Status::Active) }
            }
        }
    }
}

fn active_repeat(drug: &'static Drug, random: &mut Random) -> Therapy {
    let issued = 1 + random.below(5) as i32;
    let last = random.between(1, drug.days);
    let start = ago(last + drug.days * (issued - 1) + random.between(0, 20));
    Therapy {
        allowed: random.chance(80).then_some(issued as usize + 1 + random.below(6)),
        expiry: random.chance(40).then_some(ago(-random.between(20, 300))),
        issues: monthly(ago(last), drug.days, issued, Status::Completed),
        ..plain(drug, Kind::Repeat, start)
    }
}

fn lapsed_repeat(drug: &'static Drug, random: &mut Random) -> Therapy {
    let issued = 3 + random.below(3) as i32;
    let last = random.between(20, 60);
    Therapy {
        allowed: Some(issued as usize),
        expiry: Some(ago(random.between(5, 19))),
        issues: monthly(ago(last), drug.days, issued, Status::Completed),
        ..plain(drug, Kind::Repeat, ago(last + drug.days * issued))
    }
}

fn past_repeat(drug: &'static Drug, status: Status, random: &mut Random) -> Therapy {
    let issued = 1 + random.below(3) as i32;
    let end = random.between(30, 3_000);
    let reason = REASONS[random.below(REASONS.len())];
    Therapy {
        status,
        end: Some(ago(end)),
        allowed: Some(6),
        reason: (status == Status::Stopped).then_some((reason, ago(end))),
        issues: monthly(ago(end + drug.days), drug.days, issued, Status::Completed),
        ..plain(drug, Kind::Repeat, ago(end + drug.days * issued))
    }
}

/// Six issues made at once, four weeks apart; those still to come are `active`.
fn future_dispensing(drug: &'static Drug, random: &mut Random) -> Therapy {
    let start = random.between(20, 60);
    let mut issues = monthly(ago(start - drug.days * 5), drug.days, 6, Status::Completed);
    for issue in issues.iter_mut().filter(|issue| issue.day > RETRIEVAL_DAY) {
        issue.status = Status::Active;
    }
    let kind = Kind::RepeatDispensing;
    Therapy { allowed: Some(6), issues, ..plain(drug, kind, ago(start)) }
}

fn acute_issued(drug: &'static Drug, start: Day, status: Status) -> Therapy {
    let end = (status != Status::Active).then_some(days_before(start, -drug.days));
    Therapy { status, end, issues: monthly(start, drug.days, 1, status), ..plain(drug, Kind::Acute, start) }
}

fn plain(drug: &'static Drug, kind: Kind, start: Day) -> Therapy {
    Therapy {
        drug,
        kind,
        status: Status::Active,
        elsewhere: false,
        start,
        end: None,
        allowed: None,
        expiry: None,
        reason: None,
        issues: Vec::new(),
        stem: 0,
        prior: None,
        suffix: "",
        consultation: None,
        clinician: 0,
    }
}

/// The part of a split plan before the dosage changed: ended where the new part starts.
fn earlier_part(therapy: &Therapy, random: &mut Random) -> Therapy {
    let issued = 1 + random.below(2) as i32;
    let days = therapy.drug.days;
    Therapy {
        status: Status::Completed,
        start: days_before(therapy.start, days * issued),
        end: Some(therapy.start),
        allowed: Some(6),
        issues: monthly(days_before(therapy.start, days), days, issued, Status::Completed),
        ..plain(therapy.drug, Kind::Repeat, therapy.start)
    }
}

/// `count` issues, the last on `last`, in the order they were made.
fn monthly(last: Day, days: i32, count: i32, status: Status) -> Vec<Issue> {
    (0..count)
        .rev()
        .map(|back| Issue {
            day: days_before(last, back * days),
            status,
            consultation: None,
            has_context: false,
        })
        .collect()
}

fn ago(days: i32) -> Day {
    days_before(RETRIEVAL_DAY, days)
}
