use jiff::Timestamp;
use serde_json::{Value, json};

/// A patient as traced, to become an admission line. The texts are not checked: that is what reading the line does.
pub(super) struct Traced {
    pub(super) nhs_number: String,
    pub(super) family: String,
    pub(super) given: String,
    pub(super) gender: String,
    pub(super) birth_date: String,
    pub(super) practice: String,
}

impl Traced {
    /// The admission of this patient, traced at `now`.
    pub(super) fn admission(&self, episode: &str, now: Timestamp) -> Value {
        let line = json!({
            "episode": episode,
            "nhs_number": self.nhs_number,
            "practice_ods": self.practice,
            "demographics": {
                "family": self.family, "given": self.given, "gender": self.gender, "birth_date": self.birth_date,
            },
            "requester": requester(),
            "reason": "directcare",
            "episode_ends": "2099-12-31T12:00:00Z",
        });
        traced_at(line, now)
    }
}

/// The line with the trace of its patient made at `now`: a trace may be at most 24 hours old.
pub(super) fn traced_at(mut line: Value, now: Timestamp) -> Value {
    // A whole second that has begun, so that it never lies ahead of the clock.
    let second = Timestamp::from_second(now.as_second()).unwrap_or(now);
    line["demographics"]["traced_at"] = json!(second.to_string());
    line
}

/// The reader of the demo, an invented person of the hospital that the admissions of the fixtures are from.
pub(super) fn reader() -> Value {
    let mut reader = requester();
    reader["reason"] = json!("directcare");
    reader["relationship"] = json!("admitting team");
    reader
}

fn requester() -> Value {
    json!({
        "user_id": "u-1001", "sds_user_id": "999900000001", "sds_role_profile_id": "999900000002",
        "family": "Fauxley", "given": "Exempla", "prefix": "Dr", "role": "Admitting doctor",
        "organisation_ods": "TESTH1", "organisation_name": "Synthetic General Hospital",
    })
}
