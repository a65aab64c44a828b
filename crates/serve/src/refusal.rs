use bedside_cache::{CacheError, NotReadable, Refused};
use bedside_warm::ReaderError;
use hyper::StatusCode;
use serde_json::json;

use crate::table::NotWritten;

/// Why nothing is handed over, as the asker is told it. Neither word says anything of a record or a patient.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// A word for programs.
    pub(crate) error: &'static str,
    /// A sentence for people.
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, error: &'static str, message: impl ToString) -> Self {
        Self { status, error, message: message.to_string() }
    }

    pub(crate) fn malformed(message: impl ToString) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", message)
    }

    /// Nobody asks, or nobody whose word counts here.
    pub(crate) fn unauthorised(message: impl ToString) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorised", message)
    }

    pub(crate) fn not_found(message: impl ToString) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// The body of the answer.
    pub(crate) fn body(&self) -> String {
        format!("{}\n", json!({"error": self.error, "message": self.message}))
    }
}

impl From<CacheError> for Refusal {
    fn from(error: CacheError) -> Self {
        let (status, name) = match &error {
            CacheError::Refused(Refused::Token(_)) => (StatusCode::UNAUTHORIZED, "unauthorised"),
            CacheError::Refused(_) => (StatusCode::FORBIDDEN, "refused"),
            CacheError::NotReadable(state) => (status_of(*state), state.as_str()),
            CacheError::Audit(_) => (StatusCode::SERVICE_UNAVAILABLE, "audit"),
            CacheError::Key(_) => (StatusCode::SERVICE_UNAVAILABLE, "key_provider"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "failed"),
        };
        Self::new(status, name, error)
    }
}

fn status_of(state: NotReadable) -> StatusCode {
    match state {
        NotReadable::NotWarmed => StatusCode::NOT_FOUND,
        NotReadable::Purged { .. } | NotReadable::Expired { .. } => StatusCode::GONE,
        NotReadable::Held { .. } => StatusCode::LOCKED,
        NotReadable::Stale { .. } | NotReadable::OtherVersion => StatusCode::CONFLICT,
        NotReadable::Damaged { .. } | NotReadable::KeyUnavailable | NotReadable::Unusable => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

impl From<ReaderError> for Refusal {
    fn from(error: ReaderError) -> Self {
        let (status, name) = match &error {
            ReaderError::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed"),
            ReaderError::Refused(_) => (StatusCode::FORBIDDEN, "refused"),
            ReaderError::Audit(_) => (StatusCode::SERVICE_UNAVAILABLE, "audit"),
        };
        Self::new(status, name, error)
    }
}

impl From<NotWritten> for Refusal {
    fn from(error: NotWritten) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", error)
    }
}

#[cfg(test)]
mod tests {
    use bedside_cache::{Damage, HoldReason, TokenProblem};

    use super::*;

    #[test]
    fn every_reason_has_the_status_that_its_remedy_asks_for() {
        let at = "2026-05-01T10:00:00Z".parse().expect("a time");
        let expired = NotReadable::Expired { since: at, rule: bedside_cache::Rule::Ceiling };
        let cases: [(CacheError, u16, &str); 11] = [
            (Refused::Token(TokenProblem::Signature).into(), 401, "unauthorised"),
            (Refused::Organisation.into(), 403, "refused"),
            (Refused::GrantExpired.into(), 403, "refused"),
            (NotReadable::NotWarmed.into(), 404, "not_warmed"),
            (NotReadable::Stale { fetched: at }.into(), 409, "stale"),
            (NotReadable::Purged { at }.into(), 410, "purged"),
            (expired.into(), 410, "expired"),
            (NotReadable::Held { reason: HoldReason::Dissent }.into(), 423, "held"),
            (Damage::Manifest.into(), 500, "damaged"),
            (NotReadable::OtherVersion.into(), 409, "other_version"),
            (bedside_audit::AuditError::Stopped.into(), 503, "audit"),
        ];
        for (error, status, name) in cases {
            let refusal = Refusal::from(error);
            assert_eq!((refusal.status.as_u16(), refusal.error), (status, name));
        }
    }
}
