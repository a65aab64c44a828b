//! The named contradictions and gaps of a row.

/// A set of flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Flags(u16);

macro_rules! flags {
    ($($constant:ident $name:literal)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Order { $($constant),* }
        impl Flags {
            $(pub(crate) const $constant: Self = Self(1 << Order::$constant as u16);)*
        }
        const NAMES: &[&str] = &[$($name),*];
    };
}

// In the order in which a row lists them.
flags! {
    AUTHORISATION_LAPSED "authorisation_lapsed"
    UNISSUED "unissued"
    FUTURE_ISSUE "future_issue"
    LAST_ISSUE_CANCELLED "last_issue_cancelled"
    COUNTER_CONFLICT "counter_conflict"
    ACTIVE_WITH_END "active_with_end"
    LONG_OPEN_ACUTE "long_open_acute"
    ENDED_NO_END_DATE "ended_no_end_date"
    STATUS_CONFLICT "status_conflict"
    NO_STATEMENT "no_statement"
    DRAFT "draft"
    NKA_CONFLICT "nka_conflict"
    MALFORMED "malformed"
}

impl Flags {
    /// Raises a flag where a rule holds.
    pub(crate) fn raise(&mut self, flag: Self, holds: bool) {
        if holds {
            self.0 |= flag.0;
        }
    }

    /// The names of the flags raised.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> + Clone {
        let mut raised = self.0;
        std::iter::from_fn(move || {
            let lowest = raised.trailing_zeros() as usize;
            raised &= raised.wrapping_sub(1);
            NAMES.get(lowest).copied()
        })
    }
}
