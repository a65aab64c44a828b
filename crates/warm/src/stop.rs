use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A wish that a run should come to its end: no admission is begun any more, those in flight are finished. Clones
/// are the same wish.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Nobody wishes it yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Wishes it, for good.
    pub fn request(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether somebody does.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
