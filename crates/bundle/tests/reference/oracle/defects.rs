//! Where the product is known to differ from the contract, reported and not mended yet. A bundle that differs and meets
//! one of them is held back under its name; a test sees to it that each leaves this file once the product agrees.

use super::bundle::Bundle;

/// A defect.
pub struct Defect {
    pub name: &'static str,
    /// The entries of a small bundle that shows it.
    pub entries: &'static str,
    /// Whether a bundle may show it.
    meets: fn(&Bundle, &str) -> bool,
}

/// Each with the rule that is broken.
pub const KNOWN: &[Defect] = &[];

/// The defects that a bundle may show.
pub fn met(bytes: &[u8]) -> Vec<&'static str> {
    let Ok(document) = super::json::parse(bytes) else { return Vec::new() };
    let Ok(bundle) = super::bundle::read(&document) else { return Vec::new() };
    let meets = KNOWN.iter().filter(|defect| (defect.meets)(&bundle, document.raw));
    meets.map(|defect| defect.name).collect()
}
