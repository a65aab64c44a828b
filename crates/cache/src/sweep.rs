//! Ending what is over: the site's retention, enforced. Safe to run from a timer, beside warmers and readers.

use bedside_audit::disk;
use jiff::SignedDuration;

use crate::cache::Cache;
use crate::error::CacheError;
use crate::layout;
use crate::purge::PurgeReceipt;
use crate::recover::Recovered;
use crate::retention::Rule;
use crate::standing::Standing;
use crate::state::Located;
use crate::tag::EpisodeTag;

/// What a sweep did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// What was mended first.
    pub recovered: Recovered,
    /// What was purged, and by which rule.
    pub purged: Vec<(PurgeReceipt, Rule)>,
    /// Episodes whose time is not over.
    pub kept: u64,
    /// Events whose end nobody recorded, because a process died meanwhile: the audit log says now that it is unknown.
    pub unknown: u64,
}

/// No call of ours takes as long: a fetch ends after 90 seconds, a grant after a quarter of an hour.
const LONG_OVER: SignedDuration = SignedDuration::from_hours(1);

impl Cache {
    /// Mends what crashes left, and purges every episode whose time is over: so long after its end or discharge,
    /// without a sign of the stay, or at the ceiling. Each purge is in the audit log with its rule. An episode
    /// that does not open is purged by the times that its standing claims; one that claims none stays, and is
    /// told as unreadable. Episodes that somebody is writing at the moment are left to the next sweep. Last, the audit
    /// log is told of what began an hour ago or more and has no end (`reliability` sheet, section 3, case 40).
    ///
    /// # Errors
    /// [`CacheError::Audit`] when a purge could not be recorded, and the errors of disk and key provider. What was
    /// purged stays so, and the next sweep goes on.
    pub fn sweep(&self) -> Result<Swept, CacheError> {
        let mut swept = Swept::default();
        for tag in self.tags()? {
            match self.disk.try_lock(&layout::episode_lock(&tag))? {
                Some(_lock) => self.sweep_locked(&tag, &mut swept)?,
                None => swept.recovered.busy += 1,
            }
        }
        swept.unknown = self.audit.close_unfinished(LONG_OVER)?;
        Ok(swept)
    }

    fn sweep_locked(&self, tag: &EpisodeTag, swept: &mut Swept) -> Result<(), CacheError> {
        self.recover_locked(tag, &mut swept.recovered)?;
        let located = match self.locate(tag, |_| Ok(())) {
            Ok((located, ())) => Some(located),
            Err(CacheError::NotReadable(_)) => None,
            Err(error) => return Err(error),
        };
        let Some(standing) = self.standing_to_end_by(tag, located.as_ref())? else { return Ok(()) };
        let ends = located.as_ref().map(|located| located.current.manifest.expires);
        let (due, rule) = self.policy.retention.purge_due(&standing, ends);
        if self.clock.now() < due {
            swept.kept += 1;
            return Ok(());
        }
        swept.purged.push((self.purge_by_rule(tag, located, rule.as_str())?, rule));
        Ok(())
    }

    /// The standing, authentic where the episode opens, and as claimed where it does not; `None` when nothing is
    /// there to purge.
    fn standing_to_end_by(
        &self,
        tag: &EpisodeTag,
        located: Option<&Located>,
    ) -> Result<Option<Standing>, CacheError> {
        if let Some(located) = located {
            return Ok(Some(located.standing.clone()));
        }
        let bytes = disk::if_there(self.disk.read(&layout::standing(tag), 0))?;
        Ok(bytes.and_then(|bytes| Standing::claimed(&bytes)))
    }
}
