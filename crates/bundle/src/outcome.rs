//! OperationOutcome inside a bundle: what the provider says it does not supply (`retrieve` sheet, section 8).

use bedside_model::ClinicalArea;

use crate::reader::{Name, Read, Reader};
use crate::text::Text;

/// One issue as sent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OutcomeIssue {
    pub(crate) resource: u32,
    pub(crate) severity: Text,
    pub(crate) kind: Text,
    pub(crate) code: Text,
    pub(crate) text: Text,
    pub(crate) diagnostics: Text,
}

/// What an issue says of an area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denial {
    /// The area is switched off.
    Disabled,
    /// The area is not known to the provider.
    Unsupported,
    /// The area is supplied; one of its filters is not.
    Part,
}

pub(crate) fn read(reader: &mut Reader<'_, '_, '_>) -> Read<()> {
    let head = reader.begin(reader.out.issues.len());
    reader.members(|reader, key| match key {
        Name::Issue => reader.each("issue", |reader| {
            let issue = OutcomeIssue { resource: head.resource, ..OutcomeIssue::default() };
            read_issue(reader, issue)
        }),
        _ => reader.base(key),
    })
}

fn read_issue(reader: &mut Reader<'_, '_, '_>, mut this: OutcomeIssue) -> Read<()> {
    reader.object("issue", |reader, key| {
        match key {
            Name::Severity => this.severity = reader.text("issue.severity")?,
            Name::Code => this.kind = reader.text("issue.code")?,
            Name::Details => {
                let details = reader.concept("issue.details")?;
                let codings = details.codings.of(&reader.out.codings);
                this.code = codings.first().map_or(Text::NONE, |coding| coding.code);
                this.text = details.text;
            }
            Name::Diagnostics => this.diagnostics = reader.text("issue.diagnostics")?,
            _ => reader.cursor.skip()?,
        }
        Ok(())
    })?;
    reader.out.issues.push(this);
    Ok(())
}

/// The area that an issue names, by its diagnostics or by the first word of its text, and what it says of it.
pub(crate) fn denial(text: &str, diagnostics: &str) -> Option<(ClinicalArea, Denial)> {
    let (parameter, area) = [diagnostics, text].into_iter().find_map(|said| {
        let parameter = said.split_whitespace().next()?.trim_end_matches([',', ';', ':']);
        Some((parameter, area_of_parameter(parameter.split('.').next()?)?))
    })?;
    let said = text.to_ascii_lowercase();
    let denial = if parameter.contains('.') {
        Denial::Part
    } else if said.contains("disabled") {
        Denial::Disabled
    } else {
        Denial::Unsupported
    };
    Some((area, denial))
}

fn area_of_parameter(parameter: &str) -> Option<ClinicalArea> {
    if parameter == "DocumentReferences" || parameter == "DocumentReference" {
        return Some(ClinicalArea::Documents);
    }
    ClinicalArea::ALL.into_iter().find(|area| area.request_parameter() == Some(parameter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issues_of_the_specification_name_their_area() {
        let said = |text, diagnostics| denial(text, diagnostics);
        assert_eq!(
            said("includeInvestigations is an unrecognised parameter", "includeInvestigations"),
            Some((ClinicalArea::Investigations, Denial::Unsupported))
        );
        assert_eq!(
            said("includeMedication has been disabled", ""),
            Some((ClinicalArea::Medications, Denial::Disabled))
        );
        assert_eq!(
            said("includeProblems.filterStatus is an unrecognised parameter", "includeProblems.filterStatus"),
            Some((ClinicalArea::Problems, Denial::Part))
        );
        assert_eq!(
            said("has been disabled", "DocumentReferences"),
            Some((ClinicalArea::Documents, Denial::Disabled))
        );
        assert_eq!(said("something else", "unrelated"), None);
    }
}
