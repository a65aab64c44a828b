//! What the host system reports of a stay: that it has ended, that it goes on, that nobody may see its record.

use bedside_audit::disk;
use bedside_audit::{Detail, Event, EventKind, Outcome};
use bedside_model::EpisodeId;
use jiff::Timestamp;

use crate::cache::Cache;
use crate::error::{CacheError, HoldReason, NotReadable};
use crate::layout;
use crate::list::EpisodeSummary;
use crate::policy::ReaderAssertion;
use crate::read::event;
use crate::standing::Standing;
use crate::state::Located;
use crate::tag::EpisodeTag;

/// What the audit log says when a hold is taken off.
const RELEASED: &str = "released";

impl Cache {
    /// The patient was discharged: the record can be read for the site's time after the end, and is then purged
    /// by the next sweep. Reported again, the first time stands.
    ///
    /// # Errors
    /// [`CacheError::Refused`], audited; [`CacheError::NotReadable`] for an episode that is not there, damaged or
    /// purged; [`CacheError::Busy`], and then nothing was changed; [`CacheError::Audit`], and then nothing was changed or
    /// it was; the errors of disk and key provider.
    pub fn discharge(
        &self,
        episode: &EpisodeId,
        assertion: &ReaderAssertion,
    ) -> Result<EpisodeSummary, CacheError> {
        self.report(episode, assertion, (EventKind::Discharge, None), |standing, now| Standing {
            discharged: Some(standing.discharged.unwrap_or(now)),
            ..standing
        })
    }

    /// The stay goes on: its times count from now, and a discharge that was reported is taken back. The end that
    /// was announced at admission stays; a longer stay is fetched for again.
    ///
    /// # Errors
    /// As [`Cache::discharge`].
    pub fn confirm(
        &self,
        episode: &EpisodeId,
        assertion: &ReaderAssertion,
    ) -> Result<EpisodeSummary, CacheError> {
        self.report(episode, assertion, (EventKind::Confirm, None), |standing, now| Standing {
            confirmed: now,
            seen: now,
            discharged: None,
            ..standing
        })
    }

    /// Nobody may see the record, and none is fetched for the episode, until the hold is taken off. Its times go
    /// on: a held episode is purged when they are over.
    ///
    /// # Errors
    /// As [`Cache::discharge`].
    pub fn hold(
        &self,
        episode: &EpisodeId,
        assertion: &ReaderAssertion,
        reason: HoldReason,
    ) -> Result<EpisodeSummary, CacheError> {
        let cause = Some(reason.as_str());
        self.report(episode, assertion, (EventKind::Hold, cause), |standing, _| Standing {
            held: Some(reason),
            ..standing
        })
    }

    /// Takes the hold off: a record is fetched for the episode again. The one that was held stays held until then
    /// ([`HoldReason::Unconfirmed`]), because that the patient agrees by now is not this side's to say; but for one whose
    /// reason was lost ([`HoldReason::Unknown`]), which was fetched since.
    ///
    /// # Errors
    /// As [`Cache::discharge`].
    pub fn release(
        &self,
        episode: &EpisodeId,
        assertion: &ReaderAssertion,
    ) -> Result<EpisodeSummary, CacheError> {
        self.report(episode, assertion, (EventKind::Hold, Some(RELEASED)), |standing, _| Standing {
            held: standing.held.and_then(HoldReason::taken_off),
            ..standing
        })
    }

    /// Policy, lock, intent, the change of the standing, outcome.
    fn report(
        &self,
        episode: &EpisodeId,
        assertion: &ReaderAssertion,
        (kind, cause): (EventKind, Option<&'static str>),
        change: impl Fn(Standing, Timestamp) -> Standing,
    ) -> Result<EpisodeSummary, CacheError> {
        let tag = self.episode_tag(episode);
        let refuse = |error| self.refuse(kind, assertion, &tag, error);
        let allowed = assertion.check().and_then(|()| self.policy.check_role(assertion));
        allowed.map_err(|refused| refuse(refused.into()))?;
        let Some(_lock) = self.lock(&tag).map_err(refuse)? else {
            return Err(refuse(NotReadable::NotWarmed.into()));
        };
        let (located, ()) = self.locate(&tag, |_| Ok(())).map_err(refuse)?;
        let allowed = assertion.check_organisation(&located.current.manifest.organisation);
        allowed.map_err(|refused| refuse(refused.into()))?;
        let (patient, detail) =
            (Some(located.current.manifest.patient.clone()), Detail { cause, ..Detail::default() });
        let intent = self.audit.intent(&Event { patient, detail, ..event(kind, assertion, &tag) })?;
        let changed = self.change(&tag, located, change);
        let outcome = match &changed {
            Ok(()) => Outcome::ok(Detail::default()),
            Err(error) => error.outcome(),
        };
        intent.outcome(outcome)?;
        changed?;
        self.state(episode)
    }

    fn change(
        &self,
        tag: &EpisodeTag,
        located: Located,
        change: impl Fn(Standing, Timestamp) -> Standing,
    ) -> Result<(), CacheError> {
        let Located { key, standing, current } = located;
        // A crash between `CURRENT` and the mark left the mark behind.
        let standing = Standing { mark: standing.mark.max(current.number), ..standing };
        let was_held = standing.held.is_some();
        let standing = change(standing, self.clock.now());
        self.set_standing(tag, &key, &standing)?;
        if was_held && standing.held.is_none() {
            self.take_off_beside(tag)?;
        }
        Ok(())
    }

    /// Removes the hold that lies beside the episode, once none stands in its standing.
    pub(crate) fn take_off_beside(&self, tag: &EpisodeTag) -> Result<(), CacheError> {
        disk::if_there(self.disk.remove_file(&layout::held(tag)))?;
        Ok(self.disk.sync_dir(&layout::episode(tag))?)
    }
}
