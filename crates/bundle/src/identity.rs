//! The identity gate: whether the Patient of a bundle is the one that was asked for.

use bedside_model::Demographics;

use crate::PatientFacts;

/// A demographic that is compared (`hazards-and-governance` sheet, section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demographic {
    /// `Patient.name.family`
    Family,
    /// `Patient.name.given`
    Given,
    /// `Patient.gender`
    Gender,
    /// `Patient.birthDate`
    BirthDate,
    /// ODS code of the registered practice
    Practice,
    /// `Patient.deceased[x]`: nobody who was traced as living (GPC-CORE07) may come back as one who has died
    Deceased,
}

impl Demographic {
    /// The name of the field.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Family => "family",
            Self::Given => "given",
            Self::Gender => "gender",
            Self::BirthDate => "birth_date",
            Self::Practice => "practice",
            Self::Deceased => "deceased",
        }
    }
}

/// Why a bundle is refused whatever a person decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentityRefusal {
    /// No Patient.
    #[error("the answer holds no Patient")]
    NoPatient,
    /// More than one Patient.
    #[error("the answer holds more than one Patient")]
    SeveralPatients,
    /// The Patient has no NHS number, or more than one.
    #[error("the Patient of the answer does not have exactly one NHS number")]
    NhsNumberMissing,
    /// The Patient's NHS number is another.
    #[error("the Patient of the answer has another NHS number")]
    NhsNumberDiffers,
    /// The NHS number is not marked as present and verified (`bundle` sheet, section 3).
    #[error("the NHS number of the answer is not verified")]
    NhsNumberUnverified,
}

/// The outcome of the gate. Only a match may be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatientCheck {
    /// The number is the same and so is every demographic.
    Match,
    /// The number is the same; these demographics differ or are missing. A person must decide.
    Hold(Vec<Demographic>),
    /// It is not the patient asked for.
    Refused(IdentityRefusal),
}

/// Compares the patients of a bundle with the traced patient: number, family, given, gender, birth date and
/// practice, and that nobody says the patient has died (`conformance-tests` sheet, GEN-10). Case, spaces, hyphens, apostrophes and accents of names do not count; a missing field does.
pub fn check_identity(patients: &[PatientFacts], traced: &Demographics) -> PatientCheck {
    let patient = match patients {
        [] => return PatientCheck::Refused(IdentityRefusal::NoPatient),
        [patient] => patient,
        _ => return PatientCheck::Refused(IdentityRefusal::SeveralPatients),
    };
    let Some(number) = patient.nhs_number.as_deref() else {
        return PatientCheck::Refused(IdentityRefusal::NhsNumberMissing);
    };
    if number != traced.nhs_number.expose() {
        return PatientCheck::Refused(IdentityRefusal::NhsNumberDiffers);
    }
    if patient.verification.as_deref().is_some_and(|code| code != "01") {
        return PatientCheck::Refused(IdentityRefusal::NhsNumberUnverified);
    }
    let same = [
        (Demographic::Family, names_agree(patient.family.iter(), &traced.family)),
        (Demographic::Given, names_agree(patient.given.iter(), &traced.given)),
        (Demographic::Gender, patient.gender.as_deref() == Some(traced.gender.as_str())),
        (Demographic::BirthDate, patient.birth_date.as_deref() == Some(traced.birth_date.as_str())),
        (Demographic::Practice, patient.practices.iter().any(|code| code == traced.practice.as_str())),
        (Demographic::Deceased, !patient.deceased),
    ];
    let differing: Vec<Demographic> =
        same.into_iter().filter(|(_, same)| !same).map(|(field, _)| field).collect();
    if differing.is_empty() { PatientCheck::Match } else { PatientCheck::Hold(differing) }
}

fn names_agree<'n>(mut sent: impl Iterator<Item = &'n String>, traced: &str) -> bool {
    let traced = folded(traced);
    !traced.is_empty() && sent.any(|name| folded(name) == traced)
}

/// A name as it is compared: lower case, without accents and without what is not a letter.
fn folded(name: &str) -> String {
    name.chars().flat_map(char::to_lowercase).filter_map(unaccented).collect()
}

/// The letter under an accent of the Latin-1 and Latin Extended-A blocks; nothing for a space, hyphen,
/// apostrophe or combining mark. Any other character stands for itself.
fn unaccented(character: char) -> Option<char> {
    Some(match character {
        ' ' | '-' | '\'' | '\u{2019}' | '.' | '\u{a0}' | '\u{300}'..='\u{36f}' => return None,
        'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => 'c',
        'ď' | 'đ' => 'd',
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => 'e',
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => 'g',
        'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' => 'i',
        'ĺ' | 'ļ' | 'ľ' | 'ł' => 'l',
        'ñ' | 'ń' | 'ņ' | 'ň' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => 'o',
        'ŕ' | 'ŗ' | 'ř' => 'r',
        'ś' | 'ŝ' | 'ş' | 'š' => 's',
        'ţ' | 'ť' | 'ŧ' => 't',
        'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => 'u',
        'ý' | 'ÿ' | 'ŷ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bedside_model::Gender;

    fn traced() -> Demographics {
        Demographics {
            nhs_number: "9990000018".parse().or("9990000026".parse()).expect("a test number"),
            family: "Ó Súilleabháin".into(),
            given: "Anne-Marie".into(),
            gender: Gender::Female,
            birth_date: "1950-02-03".into(),
            practice: "A99999".parse().expect("a code"),
            traced_at: Default::default(),
        }
    }

    fn returned() -> PatientFacts {
        PatientFacts {
            nhs_number: Some(traced().nhs_number.expose().into()),
            verification: Some("01".into()),
            family: vec!["O SUILLEABHAIN".into()],
            given: vec!["Anne Marie".into()],
            gender: Some("female".into()),
            birth_date: Some("1950-02-03".into()),
            practices: vec!["A99999".into()],
            deceased: false,
        }
    }

    #[test]
    fn the_same_patient_matches_whatever_the_spelling() {
        assert_eq!(check_identity(&[returned()], &traced()), PatientCheck::Match);
    }

    #[test]
    fn each_demographic_that_differs_or_is_missing_is_named() {
        type Change = fn(&mut PatientFacts);
        let changes: [(Demographic, Change); 9] = [
            (Demographic::Family, |patient| patient.family = vec!["Smith".into()]),
            (Demographic::Family, |patient| patient.family.clear()),
            (Demographic::Given, |patient| patient.given = vec!["Marie".into()]),
            (Demographic::Gender, |patient| patient.gender = Some("male".into())),
            (Demographic::Gender, |patient| patient.gender = None),
            (Demographic::BirthDate, |patient| patient.birth_date = Some("1950-02-04".into())),
            (Demographic::BirthDate, |patient| patient.birth_date = Some("1950-02".into())),
            (Demographic::Practice, |patient| patient.practices.clear()),
            (Demographic::Deceased, |patient| patient.deceased = true),
        ];
        for (field, change) in changes {
            let mut patient = returned();
            change(&mut patient);
            assert_eq!(check_identity(&[patient], &traced()), PatientCheck::Hold(vec![field]));
        }
    }

    #[test]
    fn another_number_no_patient_and_two_patients_are_refused() {
        let refused = |patients: &[PatientFacts]| check_identity(patients, &traced());
        assert_eq!(refused(&[]), PatientCheck::Refused(IdentityRefusal::NoPatient));
        assert_eq!(
            refused(&[returned(), returned()]),
            PatientCheck::Refused(IdentityRefusal::SeveralPatients)
        );
        let mut other = returned();
        other.nhs_number = Some("9990000034".into());
        assert_eq!(refused(&[other]), PatientCheck::Refused(IdentityRefusal::NhsNumberDiffers));
        let mut unverified = returned();
        unverified.verification = Some("02".into());
        assert_eq!(refused(&[unverified]), PatientCheck::Refused(IdentityRefusal::NhsNumberUnverified));
        let mut without = returned();
        without.nhs_number = None;
        assert_eq!(refused(&[without]), PatientCheck::Refused(IdentityRefusal::NhsNumberMissing));
    }
}
