//! What stands around the clinical records: lists, people and places, outcomes (`bundle` sheet, sections 3 and 6;
//! `retrieve` sheet, section 8).

use super::elements::{Concept, Identifier, Reference};
use super::json::{Json, Members, get};
use super::reader::Reader;

#[derive(Debug, Clone, Default)]
pub struct List {
    pub code: Concept,
    pub title: Option<String>,
    pub date: Option<String>,
    pub encounter: Reference,
    pub warnings: Vec<String>,
    pub notes: Vec<String>,
    pub headers: Vec<Reference>,
    pub items: Vec<Reference>,
    pub empty_reason: Concept,
}

/// A person, a place or an organisation.
#[derive(Debug, Clone, Default)]
pub struct Named {
    pub name: Option<String>,
    pub identifiers: Vec<Identifier>,
}

/// One issue of an OperationOutcome.
#[derive(Debug, Clone, Default)]
pub struct Issue {
    pub severity: Option<String>,
    pub kind: Option<String>,
    pub code: Option<String>,
    pub text: Option<String>,
    pub diagnostics: Option<String>,
}

impl Reader<'_> {
    pub fn list(&mut self, members: Members<'_, '_>) -> List {
        let mut list = List {
            code: self.concept(get(members, "code")),
            title: self.text(get(members, "title")),
            date: self.text(get(members, "date")),
            encounter: self.reference(get(members, "encounter")),
            notes: self.notes(get(members, "note")),
            empty_reason: self.concept(get(members, "emptyReason")),
            ..List::default()
        };
        for item in self.each(get(members, "entry")) {
            let entry = self.object(Some(item));
            list.items.push(self.reference(get(entry, "item")));
        }
        for extension in self.extensions(members) {
            match extension.name.as_str() {
                "listwarningcode" => list.warnings.extend(self.value_text(&extension)),
                "relatedproblemheader" => list.headers.push(self.problem_header(&extension).1),
                _ => {}
            }
        }
        list
    }

    /// A Patient: name and NHS numbers.
    pub fn patient(&mut self, members: Members<'_, '_>) -> Named {
        let name = self.human_name(get(members, "name"));
        self.text(get(members, "gender"));
        self.text(get(members, "birthDate"));
        self.references(get(members, "generalPractitioner"));
        self.reference(get(members, "managingOrganization"));
        let mut identifiers = Vec::new();
        for item in self.each(get(members, "identifier")) {
            let item = self.object(Some(item));
            let system = self.text(get(item, "system"));
            identifiers.push(Identifier { system, value: self.text(get(item, "value")) });
            for extension in self.extensions(item) {
                if extension.name == "nhsnumberverificationstatus" {
                    self.value_concept(&extension);
                }
            }
        }
        Named { name, identifiers }
    }

    pub fn person(&mut self, members: Members<'_, '_>) -> Named {
        Named {
            name: self.human_name(get(members, "name")),
            identifiers: self.identifiers(get(members, "identifier")),
        }
    }

    pub fn place(&mut self, members: Members<'_, '_>) -> Named {
        Named {
            name: self.text(get(members, "name")),
            identifiers: self.identifiers(get(members, "identifier")),
        }
    }

    /// The first name that says anything: prefix, given and family names, else its text (contract, settled cases).
    fn human_name(&mut self, value: Option<&Json<'_>>) -> Option<String> {
        let mut names = Vec::new();
        for item in self.each(value) {
            let members = self.object(Some(item));
            let mut parts = self.texts(get(members, "prefix"));
            parts.extend(self.texts(get(members, "given")));
            parts.extend(self.text(get(members, "family")));
            parts.retain(|part| !part.is_empty());
            let text = self.text(get(members, "text")).filter(|text| !text.is_empty());
            names.extend(if parts.is_empty() { text } else { Some(parts.join(" ")) });
        }
        names.into_iter().next()
    }

    pub fn outcome(&mut self, members: Members<'_, '_>) -> Vec<Issue> {
        let mut issues = Vec::new();
        for item in self.each(get(members, "issue")) {
            let members = self.object(Some(item));
            let details = self.concept(get(members, "details"));
            issues.push(Issue {
                severity: self.text(get(members, "severity")),
                kind: self.text(get(members, "code")),
                code: details.codings.first().and_then(|coding| coding.code.clone()),
                text: details.text,
                diagnostics: self.text(get(members, "diagnostics")),
            });
        }
        issues
    }
}
