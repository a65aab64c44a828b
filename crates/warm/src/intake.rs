use bedside_bundle::{BundleError, Feed, Options, Record};
use bedside_spine::BodySink;
use ring::digest::{Context, SHA256};

use crate::manifest::BundleFacts;

/// A body that is read while it arrives: what stays in memory is the record that it becomes, and the body itself only
/// where the site keeps it.
pub(crate) struct Intake {
    options: Options,
    keeps: bool,
    attempt: Attempt,
}

/// What one attempt has brought so far.
struct Attempt {
    feed: Result<Feed, BundleError>,
    hash: Context,
    bytes: usize,
    kept: Vec<u8>,
}

/// A body that has arrived whole.
pub(crate) struct Body {
    pub(crate) record: Record,
    pub(crate) facts: BundleFacts,
    /// As it arrived, where the site keeps it.
    pub(crate) kept: Option<Vec<u8>>,
}

impl Intake {
    /// Reads with these options, and keeps the body beside, or not.
    pub(crate) fn new(options: Options, keeps: bool) -> Self {
        let attempt = Attempt::new(options.clone());
        Self { options, keeps, attempt }
    }

    /// The record, once the body has ended.
    ///
    /// # Errors
    /// The first defect of the body, however early it was found.
    pub(crate) fn finish(self) -> Result<Body, BundleError> {
        let Attempt { feed, hash, bytes, kept } = self.attempt;
        let record = feed?.finish()?;
        let facts = BundleFacts::new(hash.finish().as_ref(), bytes, &record);
        Ok(Body { record, facts, kept: self.keeps.then_some(kept) })
    }
}

impl Attempt {
    fn new(options: Options) -> Self {
        Self { feed: Ok(Feed::new(options)), hash: Context::new(&SHA256), bytes: 0, kept: Vec::new() }
    }
}

impl BodySink for Intake {
    fn begin(&mut self) {
        self.attempt = Attempt::new(self.options.clone());
    }

    fn take(&mut self, piece: &[u8]) {
        let attempt = &mut self.attempt;
        attempt.bytes += piece.len();
        attempt.hash.update(piece);
        if self.keeps {
            attempt.kept.extend_from_slice(piece);
        }
        // A fault of the transport still counts for more than a defect of what it brought, so the pieces go on coming.
        if let Ok(feed) = &mut attempt.feed
            && let Err(error) = feed.push(piece)
        {
            attempt.feed = Err(error);
        }
    }
}
