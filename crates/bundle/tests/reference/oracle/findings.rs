//! Notices, and the resources of which something could not be read.

use std::collections::BTreeSet;

/// What a notice is about: a resource by its number, an entry, or the whole bundle.
#[derive(Debug, Clone, Copy, Default)]
pub struct About {
    pub resource: Option<usize>,
    pub entry: Option<u32>,
}

/// Something that a reader must know.
#[derive(Debug, Clone)]
pub struct Notice {
    pub about: About,
    /// Where it is not that of the resource.
    pub area: Option<&'static str>,
    pub code: Option<String>,
    /// What the provider says and how severe it finds it; none for a notice of the normaliser.
    pub provider: Option<(&'static str, Option<String>)>,
}

/// What reading finds out.
#[derive(Debug, Default)]
pub struct Findings {
    pub notices: Vec<Notice>,
    pub malformed: BTreeSet<usize>,
}

impl Findings {
    /// Says something about a resource.
    pub fn say(&mut self, resource: usize, code: &str) {
        self.say_of(About { resource: Some(resource), entry: None }, code);
    }

    /// Says something about a resource, an entry or the bundle.
    pub fn say_of(&mut self, about: About, code: &str) {
        self.notices.push(Notice { about, area: None, code: Some(code.to_owned()), provider: None });
    }

    /// Something of a resource cannot be read.
    pub fn mark(&mut self, about: About) {
        self.malformed.extend(about.resource);
    }
}
