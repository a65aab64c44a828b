use bedside_audit::{AuditError, AuditLog, Detail, Event, EventKind, Outcome};
use bedside_cache::{EpisodeTag, ReaderAssertion};

use crate::admission::DIRECT_CARE;
use crate::person;
use crate::strict::{Fields, Nature, Problem, join, json_object};

/// Why there is nobody to whom a record may be shown.
#[derive(Debug, thiserror::Error)]
pub enum ReaderError {
    /// The file is not an assertion: correct it.
    #[error("the reader file is not usable: {}", join(.0))]
    Malformed(Vec<Problem>),
    /// What it asserts does not allow it. The attempt is in the audit log.
    #[error("the reader is refused: {}", join(.0))]
    Refused(Vec<Problem>),
    /// The attempt could not be put into the audit log; it is refused all the same.
    #[error(transparent)]
    Audit(#[from] AuditError),
}

/// Reads who wants to do `kind` to an episode, and why: a JSON object with the requester's fields, `reason` and
/// `relationship`. What is asserted is checked again where it is used; here it is told with all its problems
/// at once, and a refusal is audited.
///
/// # Errors
/// [`ReaderError`]; a missing reason, relationship or real person is a refusal, other problems are defects of
/// the file.
pub fn read_assertion(
    bytes: &[u8],
    audit: &AuditLog,
    (kind, episode): (EventKind, &EpisodeTag),
) -> Result<ReaderAssertion, ReaderError> {
    let object = json_object(bytes)
        .map_err(|problem| ReaderError::Malformed(vec![Problem::malformed("", problem)]))?;
    let (assertion, problems) = Fields::read(&object, assertion);
    let by_policy = problems.iter().all(|problem| problem.nature == Nature::Policy);
    match assertion {
        Some(assertion) if problems.is_empty() => Ok(assertion),
        Some(assertion) if by_policy => {
            let event = Event {
                kind,
                requester: &assertion.requester,
                purpose: &assertion.reason,
                relationship: Some(&assertion.relationship),
                episode: Some(episode.as_str()),
                patient: None,
                detail: Detail::default(),
            };
            audit.record(&event, &Outcome::blocked("assertion"))?;
            Err(ReaderError::Refused(problems))
        }
        _ => Err(ReaderError::Malformed(problems)),
    }
}

fn assertion(fields: &mut Fields<'_>) -> Option<ReaderAssertion> {
    let requester = person::requester(fields);
    let reason = if fields.has("reason") { fields.text_or_blank("reason") } else { Some("") };
    if reason.is_some_and(|reason| reason != DIRECT_CARE) {
        fields.policy("reason", "must be directcare: there is no other purpose");
    }
    let relationship =
        if fields.has("relationship") { fields.text_or_blank("relationship") } else { Some("") };
    if relationship.is_some_and(|relationship| relationship.trim().is_empty()) {
        fields.policy("relationship", "must say what relationship to the patient there is");
    }
    Some(ReaderAssertion {
        requester: requester?,
        reason: reason?.to_owned(),
        relationship: relationship?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bedside_audit::{Pepper, Secret, SystemClock, SystemRandomness, verify};
    use bedside_cache::{Cache, KeyFile};
    use serde_json::{Value, json};

    use super::*;

    fn good() -> Value {
        json!({"user_id": "user-18", "sds_user_id": "UNK", "sds_role_profile_id": "UNK", "family": "Other",
            "given": "Sam", "role": "Pharmacist", "organisation_ods": "RX999",
            "organisation_name": "Test Hospital", "reason": "directcare", "relationship": "admitting team"})
    }

    /// What reading gives, and how many records the audit log holds afterwards.
    fn read(text: &str) -> (Result<ReaderAssertion, ReaderError>, u64) {
        let folder = tempfile::tempdir().expect("a folder");
        let secret = || Secret::random(&SystemRandomness).expect("randomness");
        let clock = Arc::new(SystemClock);
        let log = folder.path().join("audit");
        let audit = AuditLog::open(&log, Pepper::new(secret()), clock.clone()).expect("a log");
        let audit = Arc::new(audit);
        let key = Box::new(KeyFile::new(secret()));
        let cache = Cache::open(&folder.path().join("cache"), key, audit.clone(), clock).expect("a cache");
        let tag = cache.episode_tag(&"EP-1".parse().expect("an id"));
        let read = read_assertion(text.as_bytes(), &audit, (EventKind::Read, &tag));
        (read, verify(&log, None).expect("the chain holds").records)
    }

    #[test]
    fn a_whole_assertion_is_read() {
        let (read, records) = read(&good().to_string());
        let assertion = read.expect("whole");
        assert_eq!(
            (assertion.reason.as_str(), assertion.relationship.as_str()),
            ("directcare", "admitting team")
        );
        assert_eq!(assertion.requester.family, "Other");
        assert_eq!(records, 0, "whoever uses it records it");
    }

    #[test]
    fn what_is_not_allowed_is_refused_at_once_and_audited() {
        for (field, value, expected) in [
            ("reason", json!("research"), "reason: must be directcare"),
            ("reason", json!(null), "reason: must be directcare"),
            ("relationship", json!(null), "relationship: must say"),
            ("relationship", json!("  "), "relationship: must say"),
            ("family", json!(""), "family: must name the real person"),
            ("user_id", json!("system"), "user_id: must be the id of a person"),
        ] {
            let mut asserted = good();
            asserted[field] = value;
            let (read, records) = read(&asserted.to_string());
            let Err(ReaderError::Refused(problems)) = read else { panic!("{field} passed") };
            assert!(join(&problems).starts_with(expected), "{problems:?}");
            assert_eq!(records, 1, "{field}");
        }
        let mut asserted = good();
        asserted["reason"] = json!("audit");
        asserted["given"] = json!("");
        asserted["relationship"] = json!("");
        let Err(ReaderError::Refused(problems)) = read(&asserted.to_string()).0 else { panic!("passed") };
        assert_eq!(problems.len(), 3);
    }

    #[test]
    fn a_file_that_is_no_assertion_is_a_defect() {
        let mut surplus = good();
        surplus["nickname"] = json!("x");
        let mut without = good();
        without.as_object_mut().expect("an object").remove("role");
        for text in [surplus.to_string(), without.to_string(), "{".to_owned(), "[]".to_owned()] {
            let (read, _) = read(&text);
            assert!(matches!(read, Err(ReaderError::Malformed(_))), "{text}");
        }
    }
}
