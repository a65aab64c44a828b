use bedside_model::Demographics;

/// Whether the hospital's demographics verify the number (GPC-CORE02): the date of birth is the same; or two of its
/// three parts are, with the first three characters of the surname and the first initial of the forename.
pub(super) fn is_verified(hospital: &Demographics, national: &Demographics) -> bool {
    if hospital.birth_date == national.birth_date {
        return true;
    }
    let parts = hospital.birth_date.split('-').zip(national.birth_date.split('-'));
    let same = parts.filter(|(one, other)| one == other).count();
    same >= 2
        && begin_alike(&hospital.family, &national.family, 3)
        && begin_alike(&hospital.given, &national.given, 1)
}

fn begin_alike(one: &str, other: &str, letters: usize) -> bool {
    let beginning = |name: &str| -> String {
        name.chars()
            .filter(|letter| letter.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .take(letters)
            .collect()
    };
    let (one, other) = (beginning(one), beginning(other));
    !one.is_empty() && one == other
}

#[cfg(test)]
mod tests {
    use bedside_model::Gender;
    use jiff::Timestamp;

    use super::*;

    fn person(birth_date: &str, family: &str, given: &str) -> Demographics {
        Demographics {
            nhs_number: "9990000018".parse().expect("a test number"),
            family: family.into(),
            given: given.into(),
            gender: Gender::Female,
            birth_date: birth_date.into(),
            practice: "A20001".parse().expect("an ODS code"),
            traced_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn the_date_of_birth_verifies_or_two_parts_of_it_with_the_names() {
        let national = person("1950-02-28", "O'Sampleton", "Edith");
        for (birth_date, family, given, expected) in [
            ("1950-02-28", "Other", "Zoe", true),
            ("1950-02-27", "o'sampler", "E", true),
            ("1951-02-28", "OSAM", "Eve", true),
            ("1950-02-27", "Sampleton", "Edith", false),
            ("1950-02-27", "O'Sampleton", "Mary", false),
            ("1951-02-27", "O'Sampleton", "Edith", false),
            ("", "O'Sampleton", "Edith", false),
            ("1950-02-27", "", "Edith", false),
        ] {
            let hospital = person(birth_date, family, given);
            assert_eq!(is_verified(&hospital, &national), expected, "{birth_date} {family} {given}");
        }
    }
}
