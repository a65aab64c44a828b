//! What the tests of this crate share.

use crate::{Admission, Admissions, Line};

/// When the tests happen.
pub(crate) const NOW: &str = "2026-01-15T09:30:00Z";

/// A whole admission line of that episode.
pub(crate) fn line(episode: &str) -> serde_json::Value {
    serde_json::json!({
        "episode": episode,
        "nhs_number": "9990000018",
        "practice_ods": "A99001",
        "demographics": {
            "family": "Sampleton", "given": "Edith", "gender": "female", "birth_date": "1950-02-28",
            "traced_at": "2026-01-15T08:00:00Z"
        },
        "requester": {
            "user_id": "user-17", "sds_user_id": "UNK", "sds_role_profile_id": "UNK",
            "family": "Example", "given": "Robin", "prefix": "Dr", "role": "Clinical Practitioner",
            "organisation_ods": "RX999", "organisation_name": "Test Hospital"
        },
        "reason": "directcare",
        "episode_ends": "2026-01-25T00:00:00Z"
    })
}

/// The admission of such a line.
pub(crate) fn admission(episode: &str) -> Admission {
    let text = line(episode).to_string();
    match Admissions::new(text.as_bytes(), NOW.parse().expect("a time")).next() {
        Some(Ok(Line::Admission(admission))) => *admission,
        other => panic!("not an admission: {other:?}"),
    }
}
