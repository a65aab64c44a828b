use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Which repetitions of a field are meant: for the number of a component, the values that it may have.
pub(in crate::feed) type Where = BTreeMap<usize, Vec<String>>;

/// Largest number of a field or of a part of it that is accepted; Z segments are long, and none is longer.
const MOST: usize = 999;

/// A place in a message, as HL7 writes it: `PV1-19`, `PID-3.1`, `PID-5.1.1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::feed) struct Place {
    segment: String,
    pub(super) field: usize,
    pub(super) component: usize,
    pub(super) subcomponent: usize,
}

/// A text is not a place in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a place in a message, such as PV1-19 or PID-3.1")]
pub(in crate::feed) struct NotAPlace;

impl Place {
    pub(super) fn segment(&self) -> &str {
        &self.segment
    }
}

impl FromStr for Place {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let (segment, numbers) = text.split_once('-').ok_or(NotAPlace)?;
        let named = segment.len() == 3
            && segment.starts_with(|first: char| first.is_ascii_uppercase())
            && segment.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        let mut numbers = numbers.split('.').map(number);
        let field = numbers.next().flatten();
        let (component, subcomponent) =
            (numbers.next().unwrap_or(Some(1)), numbers.next().unwrap_or(Some(1)));
        match (field, component, subcomponent, numbers.next()) {
            (Some(field), Some(component), Some(subcomponent), None) if named => {
                Ok(Self { segment: segment.to_owned(), field, component, subcomponent })
            }
            _ => Err(NotAPlace),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.segment, self.field)?;
        match (self.component, self.subcomponent) {
            (1, 1) => Ok(()),
            (component, 1) => write!(f, ".{component}"),
            (component, subcomponent) => write!(f, ".{component}.{subcomponent}"),
        }
    }
}

fn number(text: &str) -> Option<usize> {
    let number = text.parse().ok().filter(|number| (1..=MOST).contains(number))?;
    // A sign or a leading zero is a slip.
    (text == number.to_string()).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_and_written_as_hl7_writes_it() {
        for (text, written) in [
            ("PV1-19", "PV1-19"),
            ("PID-3.1", "PID-3"),
            ("PID-3.4", "PID-3.4"),
            ("PID-5.1.2", "PID-5.1.2"),
            ("ZPI-12.2.1", "ZPI-12.2"),
        ] {
            assert_eq!(text.parse::<Place>().expect("a place").to_string(), written);
        }
        for text in
            ["", "PID", "PID-", "PID-0", "PID-03", "PID-+3", "pid-3", "PIDX-3", "PID-1.2.3.4", "PID-1000"]
        {
            assert_eq!(text.parse::<Place>(), Err(NotAPlace), "{text}");
        }
    }
}
