//! Who may read what: the only place that makes a [`Grant`].
//!
//! A record is read whole or not at all. A part of it without the rest, such as medications without allergies,
//! would be read as if the rest were empty; so a role is permitted the record, and not single tables of it.

use std::collections::BTreeSet;
use std::fmt;

use bedside_audit::Pseudonym;
use bedside_model::{OdsCode, Requester};
use jiff::{SignedDuration, Timestamp};

use crate::retention::Retention;
use crate::tag::EpisodeTag;

/// How long a grant lasts: a quarter of an hour (`security` sheet, section 5).
pub const GRANT_LIFE: SignedDuration = SignedDuration::from_mins(15);

/// The one purpose for which a GP record may be read.
pub(crate) const DIRECT_CARE: &str = "directcare";

/// The rules of a site.
#[derive(Debug, Clone)]
pub struct SitePolicy {
    /// How long episodes are kept and when their records are stale.
    pub retention: Retention,
    /// The roles that may act on an episode, as the host system names them, letter for letter; `None` for every
    /// role that the host system lets through.
    pub roles: Option<BTreeSet<String>>,
    /// Organisations that share the care of this site's episodes: their staff read an episode as its own do, by the same
    /// rule and under their own name. Ending or holding it stays with its own organisation. None.
    pub partners: BTreeSet<OdsCode>,
    /// Whether the raw bundle is sealed beside the tables.
    pub keep_bundle: bool,
    /// How many generations stay readable beside the current one, for what changed since then: one, at most
    /// [`MOST_EARLIER_GENERATIONS`](crate::MOST_EARLIER_GENERATIONS), or none. A shorter history holds at once.
    pub earlier_generations: u8,
}

impl Default for SitePolicy {
    fn default() -> Self {
        Self {
            retention: Retention::default(),
            roles: None,
            partners: BTreeSet::new(),
            keep_bundle: false,
            earlier_generations: 1,
        }
    }
}

impl SitePolicy {
    /// Whether that role may act on an episode.
    pub(crate) fn check_role(&self, assertion: &ReaderAssertion) -> Result<(), Refused> {
        let permitted = self.roles.as_ref().is_none_or(|roles| roles.contains(&assertion.requester.role));
        if permitted { Ok(()) } else { Err(Refused::Role) }
    }
}

/// Whose staff may read an episode.
pub(crate) struct Readers<'a> {
    pub(crate) organisation: &'a OdsCode,
    pub(crate) partners: &'a BTreeSet<OdsCode>,
}

impl Readers<'_> {
    fn check(&self, assertion: &ReaderAssertion) -> Result<(), Refused> {
        let partner = self.partners.contains(&assertion.requester.organisation);
        if partner { Ok(()) } else { assertion.check_organisation(self.organisation) }
    }
}

/// What a person who wants to read an episode asserts, to be taken from the host system that knows who is
/// logged on.
#[derive(Clone)]
pub struct ReaderAssertion {
    /// The real, logged-on person.
    pub requester: Requester,
    /// The purpose; anything but `directcare` is refused.
    pub reason: String,
    /// The relationship to the patient: a code or a few words, not empty. Goes into the audit log.
    pub relationship: String,
}

/// Permission to read one episode, for one person, for a quarter of an hour.
///
/// Only [`Cache::grant`](crate::Cache::grant) makes one; it cannot be built, copied or turned to another
/// episode.
pub struct Grant {
    tag: EpisodeTag,
    assertion: ReaderAssertion,
    patient: Pseudonym,
    issued: Timestamp,
    expires: Timestamp,
}

impl Grant {
    /// The episode that may be read, as its opaque tag.
    pub fn episode(&self) -> &EpisodeTag {
        &self.tag
    }

    /// When the grant ends.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// The same grant, ended at that time when it is earlier.
    pub(crate) fn until(self, end: Timestamp) -> Self {
        Self { expires: self.expires.min(end), ..self }
    }

    pub(crate) fn assertion(&self) -> &ReaderAssertion {
        &self.assertion
    }

    pub(crate) fn patient(&self) -> &Pseudonym {
        &self.patient
    }

    /// Mints a grant, when the assertion holds and comes from one of those who may read the episode.
    pub(crate) fn mint(
        assertion: &ReaderAssertion,
        tag: &EpisodeTag,
        (readers, patient): (&Readers<'_>, &Pseudonym),
        now: Timestamp,
    ) -> Result<Self, Refused> {
        assertion.check()?;
        readers.check(assertion)?;
        let expires = now.saturating_add(GRANT_LIFE).unwrap_or(now);
        let (tag, assertion, patient) = (tag.clone(), assertion.clone(), patient.clone());
        Ok(Self { tag, assertion, patient, issued: now, expires })
    }

    /// Whether the grant still holds for those who may read the episode. A clock that was set back ends it too.
    pub(crate) fn check(&self, readers: &Readers<'_>, now: Timestamp) -> Result<(), Refused> {
        if now < self.issued || now >= self.expires() {
            return Err(Refused::GrantExpired);
        }
        readers.check(&self.assertion)
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant")
            .field("episode", &self.tag)
            .field("expires", &self.expires())
            .finish_non_exhaustive()
    }
}

impl ReaderAssertion {
    /// Whether it is complete and for direct care.
    pub(crate) fn check(&self) -> Result<(), Refused> {
        let blank = |text: &str| text.trim().is_empty();
        let requester = &self.requester;
        let nobody = !requester.family.chars().any(char::is_alphabetic)
            || Requester::is_function_name(&requester.family, &requester.given);
        let shared = Requester::is_shared_user_id(&requester.user_id);
        let problems: Vec<Problem> = [
            (self.reason != DIRECT_CARE, Problem::Purpose),
            (blank(&self.relationship), Problem::Relationship),
            (blank(&requester.user_id) || shared, Problem::UserId),
            (nobody, Problem::Name),
            (blank(&requester.role), Problem::Role),
            (!self.texts().all(is_line), Problem::Text),
        ]
        .into_iter()
        .filter_map(|(wrong, problem)| wrong.then_some(problem))
        .collect();
        if problems.is_empty() { Ok(()) } else { Err(Refused::Assertion(problems)) }
    }

    /// What a person's words are shown to others by.
    fn texts(&self) -> impl Iterator<Item = &str> {
        let Requester { user_id, sds_user_id, sds_role_profile_id, family, given, prefix, role, .. } =
            &self.requester;
        let given = [user_id, sds_user_id, sds_role_profile_id, family, given, role];
        let others = [&self.requester.organisation_name, &self.relationship, &self.reason];
        given.into_iter().chain(others).chain(prefix).map(String::as_str)
    }

    pub(crate) fn check_organisation(&self, organisation: &OdsCode) -> Result<(), Refused> {
        if self.requester.organisation == *organisation { Ok(()) } else { Err(Refused::Organisation) }
    }
}

/// Whether a text is as short as the audit log keeps it, and steers no terminal and no direction of writing.
fn is_line(text: &str) -> bool {
    const LONGEST: usize = 256;
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.len() <= LONGEST && !text.contains(steers)
}

/// Why policy does not permit it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The assertion is not complete or not for direct care; all its problems.
    #[error("the reader was refused: {}", join(.0))]
    Assertion(Vec<Problem>),
    /// The reader's organisation is not the one that the record was fetched for.
    #[error("the reader was refused: the episode belongs to another organisation")]
    Organisation,
    /// The site does not let that role act on an episode.
    #[error("the reader was refused: the site's policy does not permit this role")]
    Role,
    /// The token is for another episode than the one that was asked for.
    #[error("the grant is for another episode")]
    OtherEpisode,
    /// The grant's time is over; ask for a new one.
    #[error("the grant's 15 minutes are over; ask for a new one")]
    GrantExpired,
    /// The token is not one of the host system's, is changed, or is for somebody else.
    #[error("the token was refused: {}", .0.as_str())]
    Token(TokenProblem),
}

/// What is wrong with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenProblem {
    /// It is not shaped as one, or longer than one can be.
    Malformed,
    /// The signature is not the host system's.
    Signature,
    /// It is for another audience.
    Audience,
    /// It is not valid yet, its time is over, or it would last longer than a grant does.
    Time,
}

impl TokenProblem {
    /// The problem in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "it is not shaped as a token",
            Self::Signature => "its signature is not the host system's",
            Self::Audience => "it is for another system",
            Self::Time => "it is not valid at this time",
        }
    }
}

impl Refused {
    /// The reason as the audit log says it.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Assertion(problems) if problems.contains(&Problem::Purpose) => "purpose",
            Self::Assertion(_) => "assertion",
            Self::Organisation => "organisation",
            Self::Role => "role",
            Self::OtherEpisode => "other_episode",
            Self::GrantExpired => "grant_expired",
            Self::Token(_) => "token",
        }
    }
}

/// One thing that is wrong with an assertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The reason is not `directcare`.
    #[error("the reason must be `directcare`")]
    Purpose,
    /// No relationship is asserted.
    #[error("the relationship to the patient is missing")]
    Relationship,
    /// There is no user id, or a system's or shared user's.
    #[error("the user id is missing, or is a system's or a shared user's")]
    UserId,
    /// There is no name of a person.
    #[error("the family name is missing, or names no person")]
    Name,
    /// There is no role.
    #[error("the role is missing")]
    Role,
    /// A text is longer than 256 bytes or holds characters that steer a terminal or the direction of writing.
    #[error("a text is longer than 256 bytes, or holds control characters")]
    Text,
}

fn join(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assertion() -> ReaderAssertion {
        ReaderAssertion {
            requester: Requester {
                user_id: "u-17".into(),
                sds_user_id: "UNK".into(),
                sds_role_profile_id: "UNK".into(),
                family: "Example".into(),
                given: "Ann".into(),
                prefix: None,
                role: "Pharmacist".into(),
                organisation: "RXX01".parse().expect("ODS code"),
                organisation_name: "Example Hospital".into(),
            },
            reason: "directcare".into(),
            relationship: "admitting team".into(),
        }
    }

    /// Whose staff may read an episode of RXX01, of which RXX03 is a partner.
    fn check<T>(organisation: &str, ask: impl Fn(&Readers<'_>) -> T) -> T {
        let code = |text: &str| text.parse().expect("ODS code");
        ask(&Readers { organisation: &code(organisation), partners: &BTreeSet::from([code("RXX03")]) })
    }

    fn mint(assertion: &ReaderAssertion, organisation: &str) -> Result<Grant, Refused> {
        let tag = EpisodeTag::from_name(&"a".repeat(26)).expect("shaped");
        let patient = Pseudonym::from_text(&"ab".repeat(32)).expect("pseudonym");
        check(organisation, |readers| {
            Grant::mint(assertion, &tag, (readers, &patient), Timestamp::UNIX_EPOCH)
        })
    }

    #[test]
    fn the_whole_truth_table_of_what_is_asserted_and_the_organisation() {
        type Spoil = (Problem, fn(&mut ReaderAssertion));
        let spoils: [Spoil; 6] = [
            (Problem::Purpose, |assertion| assertion.reason = "research".into()),
            (Problem::Relationship, |assertion| assertion.relationship = " ".into()),
            (Problem::UserId, |assertion| assertion.requester.user_id.clear()),
            (Problem::Name, |assertion| assertion.requester.family.clear()),
            (Problem::Role, |assertion| assertion.requester.role = "  ".into()),
            (Problem::Text, |assertion| assertion.requester.given = "Ann\u{202e}".into()),
        ];
        for chosen in 0..1u32 << spoils.len() {
            let mut assertion = assertion();
            let mut expected = Vec::new();
            for (index, (problem, spoil)) in spoils.iter().enumerate() {
                if chosen >> index & 1 == 1 {
                    spoil(&mut assertion);
                    expected.push(*problem);
                }
            }
            for organisation in ["RXX01", "RXX02", "RXX03"] {
                assertion.requester.organisation = organisation.parse().expect("ODS code");
                let minted = mint(&assertion, "RXX01").map(|_| ());
                let expected = match (expected.is_empty(), organisation) {
                    (true, "RXX01" | "RXX03") => Ok(()),
                    (true, _) => Err(Refused::Organisation),
                    (false, _) => Err(Refused::Assertion(expected.clone())),
                };
                assert_eq!(minted, expected);
            }
        }
    }

    #[test]
    fn no_other_spelling_of_the_purpose_passes() {
        for reason in ["", "Directcare", "direct care", "directcare ", "directcare,research", "emergency"] {
            let assertion = ReaderAssertion { reason: reason.into(), ..assertion() };
            assert_eq!(mint(&assertion, "RXX01").err(), Some(Refused::Assertion(vec![Problem::Purpose])));
        }
    }

    #[test]
    fn a_grant_holds_for_its_quarter_of_an_hour_and_its_organisation() {
        let grant = mint(&assertion(), "RXX01").expect("permitted");
        let holds = |organisation, now| check(organisation, |readers| grant.check(readers, now));
        let after = |seconds| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
        assert_eq!(holds("RXX01", after(0)), Ok(()));
        assert_eq!(holds("RXX01", after(899)), Ok(()));
        assert_eq!(holds("RXX01", after(900)), Err(Refused::GrantExpired));
        assert_eq!(holds("RXX01", after(-1)), Err(Refused::GrantExpired));
        assert_eq!(holds("RXX02", after(0)), Err(Refused::Organisation));
        let shown = format!("{grant:?}");
        assert!(!shown.contains("Ann") && !shown.contains("admitting") && !shown.contains("abab"));
    }
}
