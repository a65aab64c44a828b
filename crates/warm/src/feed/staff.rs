use std::collections::HashMap;
use std::fs;
use std::path::Path;

use bedside_model::Requester;
use serde_json::{Map, Value};

use super::FeedError;
use crate::person;
use crate::strict::{Fields, Problem, json_object};

/// The people on whose behalf records may be fetched, by their user id: the site's own list, because a message names
/// a person and does not say the rest of what a practice has to be told (`retrieve` sheet, section 4).
pub(super) struct Staff(HashMap<String, (Requester, Map<String, Value>)>);

impl Staff {
    /// Reads one JSON object a line, each with the fields of the requester of an admission.
    pub(super) fn read(path: &Path) -> Result<Self, FeedError> {
        let text = fs::read_to_string(path)
            .map_err(|source| FeedError::StaffUnread { path: path.to_owned(), source })?;
        let mut people = HashMap::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let unusable = |problems| FeedError::Staff { path: path.to_owned(), line: index + 1, problems };
            let object = json_object(line.as_bytes())
                .map_err(|problem| unusable(vec![Problem::malformed("", problem)]))?;
            let (person, problems) = Fields::read(&object, person::requester);
            let Some(person) = person.filter(|_| problems.is_empty()) else { return Err(unusable(problems)) };
            if people.insert(person.user_id.clone(), (person, object)).is_some() {
                let twice = Problem::malformed("user_id", "is the id of an earlier line");
                return Err(unusable(vec![twice]));
            }
        }
        Ok(Self(people))
    }

    /// The person with that user id.
    pub(super) fn person(&self, user_id: &str) -> Option<&Requester> {
        self.0.get(user_id).map(|(person, _)| person)
    }

    /// The same person as a line of the list says it.
    pub(super) fn fields(&self, user_id: &str) -> Option<&Map<String, Value>> {
        self.0.get(user_id).map(|(_, fields)| fields)
    }
}
