use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bedside_warm::Report;

use crate::generate::Patient;
use crate::provider::{Bytes, CONSUMER_ASID, Config, NationalRecord, Practice, Records};

/// Who is admitted, which practices answer, with what, and how it is meant to end.
pub struct Scene {
    /// What is played, in a sentence.
    pub about: &'static str,
    /// The practices.
    pub practices: Vec<Surgery>,
    /// What they answer with.
    pub records: Records,
    /// The patients whom they know and who are made up; none where the records are somebody else's.
    pub patients: Vec<Patient>,
    /// The admissions, one JSON object a line.
    pub admissions: String,
    /// The episodes of the admissions, in their order.
    pub episodes: Vec<String>,
    /// The episode whose record is best to show; without one, the first that was warmed.
    pub shown: Option<&'static str>,
    /// What a person should know about an episode beforehand.
    pub remarks: BTreeMap<String, String>,
    /// The outcome that is meant for each episode, and why it is not `warmed`; without an entry it is `warmed`.
    /// `None` where every named outcome will do, because nobody knows what the bundles are.
    pub intended: Option<BTreeMap<String, Intention>>,
    /// Episodes in flight at most.
    pub concurrency: NonZeroUsize,
    /// Index of the episode under way, for records that are served in the order of the list.
    pub(super) turn: Arc<AtomicUsize>,
}

/// A practice, and how it behaves in words.
pub struct Surgery {
    /// Its system.
    pub practice: Practice,
    /// Its behaviour in a few words; empty where there is nothing to say.
    pub words: &'static str,
}

/// An outcome that is meant, though nothing is warmed.
pub struct Intention {
    /// Name of the outcome.
    pub outcome: &'static str,
    /// Why, in a few words.
    pub why: &'static str,
}

impl Scene {
    /// The simulated Spine of this scene, on that port.
    pub fn config(&self, port: u16) -> Config {
        Config {
            practices: self.practices.iter().map(|surgery| surgery.practice.clone()).collect(),
            records: Arc::clone(&self.records),
            records_of: None,
            consumer_asid: CONSUMER_ASID.to_owned(),
            port,
            national_record: NationalRecord::default(),
        }
    }

    /// The intention behind an episode that is not meant to be warmed.
    pub fn intention(&self, episode: &str) -> Option<&Intention> {
        self.intended.as_ref()?.get(episode)
    }

    /// Whether every admission ended as it was meant to. Where any outcome will do, a defect still will not.
    pub fn is_as_intended(&self, report: &Report) -> bool {
        let ended = |episode: &str, outcome: &str| match &self.intended {
            Some(intended) => {
                outcome == intended.get(episode).map_or("warmed", |intention| intention.outcome)
            }
            None => !matches!(outcome, "not_audited" | "not_stored" | "failed"),
        };
        let refused_as_intended = self.intended.is_none() || report.lines_refused.is_empty();
        let mut episodes = report.episodes.iter();
        let all = report.episodes.len() + report.lines_refused.len() == self.episodes.len();
        all && refused_as_intended && episodes.all(|report| ended(&report.episode, report.outcome.name()))
    }

    /// Tells the practices whose turn it is.
    pub(super) fn turn_to(&self, episode: &str) {
        if let Some(index) = self.episodes.iter().position(|known| known == episode) {
            self.turn.store(index, Ordering::SeqCst);
        }
    }
}

/// Records served in turn: whoever asks gets the one of the episode under way. Several bundles about one patient
/// of one practice can be told apart in no other way.
pub(super) fn in_turn(bundles: Vec<Bytes>, turn: &Arc<AtomicUsize>) -> Records {
    let turn = Arc::clone(turn);
    Arc::new(move |_| bundles.get(turn.load(Ordering::SeqCst)).cloned())
}
