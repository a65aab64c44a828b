//! What the answers of a supplier have of their own, one method a difference, each from the place that it names. What
//! is a matter of how a resource is written stands with the resource.

use super::Supplier;
use super::random::Random;
use super::therapy::{Status, Therapy};

/// What a reaction of an allergy says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reaction {
    /// What happened.
    Coded,
    /// That there is no information, and a severity.
    NoInformation,
}

impl Supplier {
    /// What the note of an empty list says (`real-data` sheet, section 8). For Vision the specification's words.
    pub(crate) fn empty_note(self) -> &'static str {
        if self == Self::Medicus { "Information not available." } else { "Information not available" }
    }

    /// Whether a list says that something is withheld: always TPP's list of consultations, often EMIS' lists
    /// (`real-data` sheet, section 8).
    pub(super) fn withholds(self, random: &mut Random) -> bool {
        match self {
            Self::Tpp => true,
            Self::Emis => random.chance(30),
            Self::Vision | Self::Medicus => false,
        }
    }

    /// Whether a medicine's statement and plan name their consultation: all TPP's, half of Medicus', none of EMIS'
    /// (`real-data` sheet, section 5).
    pub(super) fn ties_statement(self, index: usize) -> bool {
        match self {
            Self::Tpp => true,
            Self::Medicus => index.is_multiple_of(2),
            Self::Emis | Self::Vision => false,
        }
    }

    /// Whether an observation names its consultation: 99 % of TPP's, 48 % of EMIS', 31 % of Medicus' (`real-data`
    /// sheet, section 8).
    pub(super) fn ties_observation(self, index: usize) -> bool {
        match self {
            Self::Emis => index.is_multiple_of(2),
            Self::Medicus => index.is_multiple_of(3),
            Self::Tpp | Self::Vision => true,
        }
    }

    /// Whether a problem names its consultation: all TPP's, a third of EMIS', none of Medicus' (`real-data` sheet,
    /// section 7).
    pub(super) fn ties_problem(self, index: usize) -> bool {
        match self {
            Self::Tpp => true,
            Self::Emis => index.is_multiple_of(3),
            Self::Vision | Self::Medicus => false,
        }
    }

    /// Whether an allergy names the consultation where it was first recorded: all TPP's, 19 of 94 of EMIS', 3 of 10 of
    /// Medicus' (`real-data` sheet, section 6).
    pub(super) fn ties_allergy(self, random: &mut Random) -> bool {
        match self {
            Self::Tpp => true,
            Self::Emis => random.chance(20),
            Self::Medicus => random.chance(30),
            Self::Vision => false,
        }
    }

    /// What stands in the note of an allergy, in the supplier's way of writing it (`allergies` sheet, section 2).
    /// Medicus has none of several lines (`real-data` sheet, section 6), so here it has none.
    pub(super) fn allergy_note(self, index: usize) -> Option<&'static str> {
        const LINES: &str = "Significance : Major\nEpisodicity : First\nSynthetic: severity only in words";
        const PAIRS: &str =
            "Certainty = Likely, Severity = Moderate, Reaction Type = Allergy, User Notes = Synthetic";
        match self {
            Self::Emis => index.is_multiple_of(2).then_some(LINES),
            Self::Tpp => Some(LINES),
            Self::Vision => Some(PAIRS),
            Self::Medicus => None,
        }
    }

    /// Which reaction an allergy has: none of EMIS' and TPP's, 11 of 14 of Medicus' (`real-data` sheet, section 6),
    /// Vision's some coded and some without information (`consumer-test-cases` sheet, section 3).
    pub(super) fn reaction(self, index: usize) -> Option<Reaction> {
        match self {
            Self::Emis | Self::Tpp => None,
            Self::Medicus => (index % 4 != 3).then_some(Reaction::Coded),
            Self::Vision if index % 4 == 3 => Some(Reaction::NoInformation),
            Self::Vision => Some(Reaction::Coded),
        }
    }

    /// What becomes of a medicine: none of Medicus' is stopped (`real-data` sheet, section 5), none of Vision's that
    /// has ended says when (`medications` sheet, section 9).
    pub(super) fn settle(self, therapy: &mut Therapy) {
        match self {
            Self::Medicus => {
                therapy.reason = None;
                let statuses = therapy.issues.iter_mut().map(|issue| &mut issue.status);
                for status in
                    statuses.chain([&mut therapy.status]).filter(|status| **status == Status::Stopped)
                {
                    *status = Status::Completed;
                }
            }
            Self::Vision => therapy.end = None,
            Self::Emis | Self::Tpp => {}
        }
    }
}
