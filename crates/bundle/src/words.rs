//! Words that are compared: those of enumerations that rules depend on, and a few that every bundle repeats.

macro_rules! words {
    ($($word:ident $text:literal)* ; $($other:literal)*) => {
        /// A word that rules depend on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Word {
            $($word,)*
            /// There is none.
            Absent,
            /// One that no rule depends on.
            Other,
        }

        const WORDS: &[Word] = &[$(Word::$word),*];

        /// The texts of the words, then those that are repeated and no word of a rule.
        const TEXTS: &[&str] = &[$($text,)* $($other,)*];

        /// Which of [`TEXTS`] a text is, to the letter.
        #[inline]
        fn place_of(text: &[u8]) -> Option<usize> {
            $(if text == $text.as_bytes() {
                return Some(Word::$word as usize);
            })*
            let others = &TEXTS[WORDS.len()..];
            others.iter().position(|other| other.as_bytes() == text).map(|place| WORDS.len() + place)
        }
    };
}

words! {
    Active "active"
    Completed "completed"
    Plan "plan"
    Order "order"
    Stopped "stopped"
    Inactive "inactive"
    Resolved "resolved"
    Finished "finished"
    Unknown "unknown"
    Acute "acute"
    DelayedPrescribing "delayed-prescribing"
    Repeat "repeat"
    RepeatDispensing "repeat-dispensing"
    AtGpPractice "prescribed-at-gp-practice"
    ByAnotherOrganisation "prescribed-by-another-organisation"
    ByPreviousPractice "prescribed-by-previous-practice"
    Major "major"
    Minor "minor"
    Fatal "fatal"
    Error "error"
    Information "information"
    ;
    "http://snomed.info/sct"
}

impl Word {
    /// The word that a text without white space around it is, whatever its case.
    pub(crate) fn of(text: &str) -> Self {
        if text.is_empty() {
            return Self::Absent;
        }
        let place = place_of(text.as_bytes())
            .or_else(|| TEXTS.iter().position(|known| known.eq_ignore_ascii_case(text)));
        place.and_then(Self::at).unwrap_or(Self::Other)
    }

    /// The word at a place of the known texts.
    #[inline]
    pub(crate) fn at(place: usize) -> Option<Self> {
        WORDS.get(place).copied()
    }
}

/// The place of the system of SNOMED CT, dm+d included.
pub(crate) const SNOMED_PLACE: usize = WORDS.len();

/// The place of a text among those known here, where it is one of them to the letter.
#[inline]
pub(crate) fn known(text: &[u8]) -> Option<usize> {
    place_of(text)
}

/// The known text at a place.
#[inline]
pub(crate) fn text_at(place: usize) -> &'static str {
    TEXTS.get(place).copied().unwrap_or_default()
}
