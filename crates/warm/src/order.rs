use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;

use bedside_model::EpisodeId;
use jiff::Timestamp;

use crate::admissions::{PassedOver, StayEvent, Why};
use crate::{Admission, Line};

/// Puts the admissions of a list in the order in which the patients were admitted, the longest waiting first, those
/// without a time last, as far as it can look ahead. What a later message says of an admission that still waits, or
/// that its stay is over, is taken into account: nothing is sent for what is known to be so no longer.
///
/// What is not an admission is told at once. Use it for a list that is there as a whole: on a list that is still
/// being written it would wait for lines to come.
pub struct AdmittedFirst<I> {
    lines: I,
    ahead: usize,
    waiting: BTreeMap<Place, Box<Admission>>,
    places: HashMap<EpisodeId, Place>,
    read: u64,
    due: VecDeque<Line>,
}

/// When the patient was admitted, and which line says so.
type Place = (Timestamp, u64);

impl<I: Iterator<Item = io::Result<Line>>> AdmittedFirst<I> {
    /// Looks so many admissions ahead.
    pub fn new(lines: I, ahead: usize) -> Self {
        Self {
            lines,
            ahead: ahead.max(1),
            waiting: BTreeMap::new(),
            places: HashMap::new(),
            read: 0,
            due: VecDeque::new(),
        }
    }

    /// Lets an admission wait, or tells at once what is none.
    fn take(&mut self, line: Line) {
        match line {
            Line::Admission(admission) => {
                self.take_back(&admission.episode, Why::Replaced);
                self.wait(admission);
            }
            Line::Update(admission) if self.take_back(&admission.episode, Why::Replaced) => {
                self.wait(admission)
            }
            Line::Stay(stay) => {
                if stay.says != StayEvent::Continues {
                    self.take_back(&stay.episode, Why::Withdrawn);
                }
                self.due.push_back(Line::Stay(stay));
            }
            other => self.due.push_back(other),
        }
    }

    fn wait(&mut self, admission: Box<Admission>) {
        self.read += 1;
        let place = (admission.admitted_at.unwrap_or(Timestamp::MAX), self.read);
        self.places.insert(admission.episode.clone(), place);
        self.waiting.insert(place, admission);
    }

    /// Whether an admission of the episode waited and waits no more.
    fn take_back(&mut self, episode: &EpisodeId, why: Why) -> bool {
        let taken = self.places.remove(episode).and_then(|place| self.waiting.remove(&place));
        if taken.is_some() {
            let episode = Some(episode.to_string());
            self.due.push_back(Line::PassedOver(PassedOver { line: None, episode, event: None, why }));
        }
        taken.is_some()
    }
}

impl<I: Iterator<Item = io::Result<Line>>> Iterator for AdmittedFirst<I> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.due.is_empty() && self.waiting.len() < self.ahead {
            match self.lines.next() {
                Some(Ok(line)) => self.take(line),
                Some(Err(error)) => return Some(Err(error)),
                None => break,
            }
        }
        if let Some(line) = self.due.pop_front() {
            return Some(Ok(line));
        }
        let (_, admission) = self.waiting.pop_first()?;
        self.places.remove(&admission.episode);
        Some(Ok(Line::Admission(admission)))
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
                _ => "-".to_owned(),
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
