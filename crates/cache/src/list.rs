use bedside_audit::disk;
use jiff::Timestamp;

use crate::cache::Cache;
use crate::error::{CacheError, NotReadable};
use crate::layout;
use crate::tag::EpisodeTag;

/// What may be told about an episode without reading it: nothing that says whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpisodeSummary {
    /// Opaque name.
    pub episode: EpisodeTag,
    /// Why it cannot be read; `None` when it can.
    pub not_readable: Option<NotReadable>,
    /// Number of the generation.
    pub generation: Option<u64>,
    /// When the generation was written.
    pub created: Option<Timestamp>,
    /// From when on it is not shown any more.
    pub expires: Option<Timestamp>,
    /// Bytes of its files on disk.
    pub bytes: u64,
}

impl EpisodeSummary {
    /// `ready`, or the name of the state in which it cannot be read.
    pub fn state(&self) -> &'static str {
        self.not_readable.map_or("ready", |state| state.as_str())
    }
}

impl Cache {
    /// All episodes, in the order of their opaque names. Their tables are not opened; an episode's own defects
    /// are its state and not an error.
    ///
    /// # Errors
    /// [`CacheError::Disk`] and [`CacheError::Key`].
    pub fn list(&self) -> Result<Vec<EpisodeSummary>, CacheError> {
        let names = self.disk.names(layout::EPISODES)?;
        names.iter().filter_map(|name| EpisodeTag::from_name(name)).map(|tag| self.summary(tag)).collect()
    }

    fn summary(&self, tag: EpisodeTag) -> Result<EpisodeSummary, CacheError> {
        let bytes = self.bytes_of(&tag)?;
        let summary = |not_readable| EpisodeSummary {
            episode: tag.clone(),
            not_readable,
            generation: None,
            created: None,
            expires: None,
            bytes,
        };
        match self.locate(&tag, |_| Ok(())) {
            Ok((located, ())) => Ok(EpisodeSummary {
                generation: Some(located.generation),
                created: Some(located.manifest.created),
                expires: Some(located.manifest.expires),
                ..summary(self.expired(&located))
            }),
            Err(CacheError::NotReadable(state)) => {
                Ok(EpisodeSummary { generation: self.current(&tag)?.generation(), ..summary(Some(state)) })
            }
            Err(error) => Err(error),
        }
    }

    /// What is removed meanwhile counts nothing.
    fn bytes_of(&self, tag: &EpisodeTag) -> Result<u64, CacheError> {
        let episode = layout::episode(tag);
        let mut bytes = 0;
        for name in self.disk.names(&episode)? {
            let path = format!("{episode}/{name}");
            if layout::is_generation(&name) {
                for file in disk::if_there(self.disk.names(&path))?.unwrap_or_default() {
                    bytes += disk::if_there(self.disk.length(&format!("{path}/{file}")))?.unwrap_or(0);
                }
            } else {
                bytes += disk::if_there(self.disk.length(&path))?.unwrap_or(0);
            }
        }
        Ok(bytes)
    }
}
