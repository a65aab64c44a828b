use std::collections::BTreeMap;
use std::io;

use jiff::Timestamp;

use crate::{Admission, Line};

/// Puts the admissions of a list in the order in which the patients were admitted, the longest waiting first, those
/// without a time last, as far as it can look ahead.
///
/// What is not an admission is told at once. Use it for a list that is there as a whole: on a list that is still
/// being written it would wait for lines to come.
pub struct AdmittedFirst<I> {
    lines: I,
    ahead: usize,
    waiting: BTreeMap<(Timestamp, u64), Box<Admission>>,
    read: u64,
}

impl<I: Iterator<Item = io::Result<Line>>> AdmittedFirst<I> {
    /// Looks so many admissions ahead.
    pub fn new(lines: I, ahead: usize) -> Self {
        Self { lines, ahead: ahead.max(1), waiting: BTreeMap::new(), read: 0 }
    }
}

impl<I: Iterator<Item = io::Result<Line>>> Iterator for AdmittedFirst<I> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.waiting.len() < self.ahead {
            match self.lines.next() {
                Some(Ok(Line::Admission(admission))) => {
                    self.read += 1;
                    let admitted = admission.admitted_at.unwrap_or(Timestamp::MAX);
                    self.waiting.insert((admitted, self.read), admission);
                }
                Some(other) => return Some(other),
                None => break,
            }
        }
        self.waiting.pop_first().map(|(_, admission)| Ok(Line::Admission(admission)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Admissions;
    use crate::testing::{NOW, line};

    /// The episodes of a list in order; `-` for a line that is refused.
    fn ordered(list: &str, ahead: usize) -> Vec<String> {
        let lines = Admissions::new(list.as_bytes(), NOW.parse().expect("a time"));
        AdmittedFirst::new(lines, ahead)
            .map(|line| match line.expect("read") {
                Line::Admission(admission) => admission.episode.to_string(),
                Line::Refused(_) => "-".to_owned(),
            })
            .collect()
    }

    fn list() -> String {
        let mut lines = String::new();
        for (episode, admitted) in [
            ("D", None),
            ("C", Some("2026-01-15T09:00:00Z")),
            ("A", Some("2026-01-14T22:00:00Z")),
            ("E", None),
            ("B", Some("2026-01-15T00:30:00+01:00")),
        ] {
            let mut line = line(episode);
            if let Some(admitted) = admitted {
                line["admitted_at"] = json!(admitted);
            }
            lines.push_str(&format!("{line}\n"));
        }
        lines
    }

    #[test]
    fn the_longest_waiting_are_first_and_those_without_a_time_in_the_lists_order() {
        assert_eq!(ordered(&list(), 100), ["A", "B", "C", "D", "E"]);
        assert_eq!(ordered(&list(), 5), ["A", "B", "C", "D", "E"]);
    }

    #[test]
    fn a_list_is_not_held_in_memory_beyond_what_is_looked_ahead() {
        assert_eq!(ordered(&list(), 1), ["D", "C", "A", "E", "B"]);
        assert_eq!(ordered(&list(), 2), ["C", "A", "D", "B", "E"]);
    }

    #[test]
    fn a_refused_line_is_told_at_once_and_none_is_lost() {
        let list = format!("{}{{oops\n{}", list(), line("F"));
        assert_eq!(ordered(&list, 100), ["-", "A", "B", "C", "D", "E", "F"]);
    }
}
