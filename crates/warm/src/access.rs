//! An admission's fetch in the audit log: an intent before anything is sent and an outcome after, and such a pair
//! for each further attempt, because each is an access of its own at the practice (GPC-IG10; `reliability` sheet,
//! section 3).

use std::sync::{Mutex, PoisonError};

use bedside_audit::{AuditError, AuditLog, Detail, Event, Intent, Outcome};
use bedside_spine::{FetchError, Witness};
use tokio::task::block_in_place;

use crate::trail;

/// The pair that is open.
pub(crate) struct Access<'a> {
    audit: &'a AuditLog,
    event: Event<'a>,
    pair: Mutex<Result<Option<Intent<'a>>, AuditError>>,
}

impl<'a> Access<'a> {
    /// Puts the intent on record.
    ///
    /// # Errors
    /// [`AuditError`]; nothing may be sent then.
    pub(crate) fn begin(audit: &'a AuditLog, event: Event<'a>) -> Result<Self, AuditError> {
        let intent = block_in_place(|| audit.intent(&event))?;
        Ok(Self { audit, event, pair: Mutex::new(Ok(Some(intent))) })
    }

    /// Puts the outcome of the last attempt on record.
    ///
    /// # Errors
    /// [`AuditError`] now, or in between: what was fetched may not be released then.
    pub(crate) fn end(self, outcome: Outcome) -> Result<(), AuditError> {
        match self.pair.into_inner().unwrap_or_else(PoisonError::into_inner)? {
            Some(intent) => block_in_place(|| intent.outcome(outcome)),
            None => Err(AuditError::Stopped),
        }
    }

    /// The pair of the next attempt in place of the one that failed.
    fn renew(&self, open: Option<Intent<'a>>, failed: &FetchError) -> Result<Intent<'a>, AuditError> {
        let mut detail = Detail::default();
        trail::note_evidence(&mut detail, failed);
        if let Some(open) = open {
            open.outcome(Outcome::failed(failed.name()).with(detail))?;
        }
        self.audit.intent(&self.event)
    }
}

impl Witness for Access<'_> {
    fn may_try_again(&self, failed: &FetchError) -> bool {
        let mut pair = self.pair.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(open) = pair.as_mut().map(Option::take) else { return false };
        *pair = block_in_place(|| self.renew(open, failed)).map(Some);
        pair.is_ok()
    }
}
