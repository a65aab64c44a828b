//! Generic concepts for synthetic records: real names and well-formed codes (SNOMED CT and dm+d with valid check
//! digits, Read-shaped local codes), invented description ids and drug codes. Test data, not a terminology.

/// A clinical concept as a GP system codes it.
pub(super) struct Term {
    /// Five-byte Read code and two characters of term code.
    pub(super) read: &'static str,
    /// SNOMED CT concept id.
    pub(super) snomed: &'static str,
    /// Preferred term.
    pub(super) display: &'static str,
    /// SNOMED CT description id, invented.
    pub(super) description: &'static str,
}

/// Something with a number and a unit.
pub(super) struct Measure {
    /// What is measured.
    pub(super) term: Term,
    /// Unit in words.
    pub(super) unit: &'static str,
    /// Least whole number that occurs.
    pub(super) low: i32,
    /// Greatest whole number that occurs.
    pub(super) high: i32,
}

/// A product and the way it is usually supplied.
pub(super) struct Drug {
    /// dm+d name.
    pub(super) name: &'static str,
    /// dm+d code.
    pub(super) dmd: &'static str,
    /// EMIS drug code, invented.
    pub(super) emis: &'static str,
    /// Unit of a quantity.
    pub(super) unit: &'static str,
    /// Units of one supply.
    pub(super) quantity: u32,
    /// Days of one supply.
    pub(super) days: i32,
    /// Dosage text.
    pub(super) dosage: &'static str,
}

/// Problems.
pub(super) const PROBLEMS: &[Term] = &[
    term("G20..00", "38341003", "Hypertension", "811670013"),
    term("C10F.00", "44054006", "Type 2 diabetes mellitus", "489880010"),
    term("H33..00", "195967001", "Asthma", "491134012"),
    term("H3...00", "13645005", "Chronic obstructive pulmonary disease", "983008018"),
    term("G573000", "49436004", "Atrial fibrillation", "487081016"),
    term("1Z12.00", "433144002", "Chronic kidney disease stage 3", "466714011"),
    term("C04..00", "40930008", "Hypothyroidism", "890419010"),
    term("E2B..00", "35489007", "Depressive disorder", "593337013"),
    term("N05..00", "396275006", "Osteoarthritis", "113854014"),
    term("G3...00", "414545008", "Ischaemic heart disease", "115812014"),
    term("C34..00", "90560007", "Gout", "129912016"),
    term("F26..00", "37796009", "Migraine", "186143016"),
    term("M111.00", "43116000", "Eczema", "913997013"),
    term("J10y400", "235595009", "Gastro-oesophageal reflux disease", "101024015"),
    term("E200.00", "197480006", "Anxiety disorder", "254354012"),
    term("G58..00", "84114007", "Heart failure", "180484018"),
    term("F25..00", "84757009", "Epilepsy", "841168010"),
    term("C324.00", "55822004", "Hyperlipidaemia", "258527018"),
    term("G33..00", "194828000", "Angina pectoris", "213359011"),
    term("N330.00", "64859006", "Osteoporosis", "843125018"),
    term("G66..00", "230690007", "Stroke", "437468019"),
    term("M161.00", "9014002", "Psoriasis", "706193012"),
    term("D00..00", "87522002", "Iron deficiency anaemia", "752044014"),
    term("H06z100", "50417007", "Lower respiratory tract infection", "333723011"),
];

/// What people are allergic to.
pub(super) const AGENTS: &[Term] = &[
    term("14L..00", "91936005", "Allergy to penicillin", "330743016"),
    term("TJ00800", "294505008", "Allergy to amoxicillin", "117019019"),
    term("TJ53.00", "293586001", "Allergy to aspirin", "610462015"),
    term("SN58.00", "300916003", "Allergy to latex", "906957011"),
    term("SN58200", "91935009", "Allergy to peanut", "371986013"),
    term("SN57.00", "300910009", "Allergy to pollen", "561711010"),
    term("TJ03000", "91931000", "Allergy to erythromycin", "879265013"),
    term("1Z3..00", "62014003", "Adverse reaction to drug", "118896010"),
    term("14LK.00", "738069006", "Intolerance to cow milk", "431268010"),
    term("M12z.00", "201551000000109", "Allergy to plasters", "790846013"),
    term("SN5A.00", "232346004", "Allergy to cat dander", "886129018"),
];

/// Findings without a value.
pub(super) const FINDINGS: &[Term] = &[
    term("171..00", "49727002", "Cough", "852295017"),
    term("182..00", "29857009", "Chest pain", "870477010"),
    term("1M10.00", "30989003", "Knee pain", "448857013"),
    term("1B1G.00", "25064002", "Headache", "965442010"),
    term("H05z.00", "54150009", "Upper respiratory infection", "422117012"),
    term("1C9..00", "162397003", "Pain in throat", "505191015"),
    term("168..00", "267032009", "Tired all the time", "540230012"),
    term("137L.00", "266919005", "Never smoked tobacco", "865968014"),
    term("137S.00", "160617001", "Stopped smoking", "679792018"),
    term("16C..00", "161891005", "Backache", "438480012"),
    term("M244.00", "271807003", "Eruption of skin", "511155010"),
    term("173..00", "267036007", "Dyspnoea", "212374019"),
];

/// Findings with a value.
pub(super) const MEASURES: &[Measure] = &[
    Measure { term: term("22A..00", "27113001", "Body weight", "385597015"), unit: "kg", low: 45, high: 130 },
    Measure {
        term: term("229..00", "248333004", "Standing height", "244868017"),
        unit: "cm",
        low: 145,
        high: 198,
    },
    Measure {
        term: term("242..00", "364075005", "Heart rate", "489258018"),
        unit: "beats/min",
        low: 52,
        high: 110,
    },
    Measure {
        term: term("235..00", "86290005", "Respiratory rate", "551481016"),
        unit: "breaths/min",
        low: 11,
        high: 24,
    },
    Measure {
        term: term("2E3..00", "703421000", "Temperature", "857841010"),
        unit: "degrees C",
        low: 36,
        high: 39,
    },
    Measure {
        term: term("423..00", "1022431000000105", "Haemoglobin estimation", "381419012"),
        unit: "g/L",
        low: 95,
        high: 170,
    },
    Measure {
        term: term("42P..00", "1022651000000100", "Platelet count", "815096015"),
        unit: "10*9/L",
        low: 130,
        high: 420,
    },
    Measure {
        term: term("136..00", "1082641000000106", "Alcohol units consumed per week", "585110017"),
        unit: "units/week",
        low: 0,
        high: 30,
    },
];

/// The observation that holds the two pressures.
pub(super) const BLOOD_PRESSURE: Term =
    term("246..00", "163020007", "O/E - blood pressure reading", "775660019");
/// Component of a blood pressure.
pub(super) const SYSTOLIC: Term = term("2469.00", "72313002", "Systolic arterial pressure", "808399014");
/// Component of a blood pressure.
pub(super) const DIASTOLIC: Term =
    term("246A.00", "1091811000000102", "Diastolic arterial pressure", "672459014");
/// What an allergy did.
pub(super) const ERUPTION: Term = term("M244.00", "271807003", "Eruption of skin", "511155010");
/// The assertion that there is no known allergy.
pub(super) const NO_KNOWN_ALLERGY: Term = term("1151.00", "716186003", "No known allergy", "545209017");
/// A vaccination, also as recall.
pub(super) const INFLUENZA_VACCINATION: Term =
    term("65E..00", "86198006", "Administration of influenza vaccine", "911074016");
/// A referral.
pub(super) const REFERRAL: Term = term("8H...00", "183444007", "Referral for further care", "603583017");
/// A recall.
pub(super) const MEDICATION_REVIEW: Term = term("8B3V.00", "182836005", "Review of medication", "623079016");

/// Drugs taken for long.
pub(super) const REPEATS: &[Drug] = &[
    drug("Amlodipine 10mg tablets", "319284000", "AMTA5201", "tablet", 28, 28, "One To Be Taken Each Day"),
    drug("Atorvastatin 20mg tablets", "320030001", "ATTA5318", "tablet", 28, 28, "One To Be Taken At Night"),
    drug("Ramipril 10mg tablets", "408052000", "RATA8442", "tablet", 28, 28, "One To Be Taken Each Day"),
    drug("Metformin 500mg tablets", "325278007", "META5117", "tablet", 56, 28, "One To Be Taken Twice A Day"),
    drug(
        "Omeprazole 20mg gastro-resistant capsules",
        "317291008",
        "OMCA6077",
        "capsule",
        28,
        28,
        "One To Be Taken Each Day",
    ),
    drug(
        "Salbutamol 100micrograms/dose inhaler CFC free",
        "320139002",
        "SAIN9210",
        "dose",
        200,
        28,
        "Two Puffs Up To Four Times A Day",
    ),
    drug("Simvastatin 40mg tablets", "320000009", "SITA4410", "tablet", 28, 28, "One To Be Taken At Night"),
    drug(
        "Furosemide 40mg tablets",
        "317972000",
        "FUTA3021",
        "tablet",
        28,
        28,
        "One To Be Taken In The Morning",
    ),
    drug("Bisoprolol 10mg tablets", "318591005", "BITA7702", "tablet", 28, 28, "One To Be Taken Each Day"),
    drug(
        "Aspirin 75mg dispersible tablets",
        "319773006",
        "ASTA1149",
        "tablet",
        28,
        28,
        "One To Be Taken Each Day",
    ),
    drug(
        "Sertraline 100mg tablets",
        "9751511000001104",
        "SETA6650",
        "tablet",
        28,
        28,
        "One To Be Taken In The Morning",
    ),
    drug("Citalopram 20mg tablets", "321987003", "CITA5583", "tablet", 28, 28, "One To Be Taken Each Day"),
    drug("Gliclazide 80mg tablets", "325242002", "GLTA2290", "tablet", 56, 28, "One To Be Taken Twice A Day"),
    drug("Doxazosin 4mg tablets", "318783003", "DOTA9013", "tablet", 28, 28, "One To Be Taken Each Day"),
    drug(
        "Bendroflumethiazide 2.5mg tablets",
        "317919004",
        "BETA3370",
        "tablet",
        28,
        28,
        "One To Be Taken In The Morning",
    ),
    drug(
        "Insulin glargine 100units/ml solution for injection 3ml pre-filled disposable devices",
        "38897011000001107",
        "INDE1107",
        "pre-filled disposable injection",
        5,
        30,
        "According To Requirements",
    ),
    drug(
        "Beclometasone 50micrograms/dose nasal spray",
        "39111911000001107",
        "BENA4481",
        "spray",
        200,
        50,
        "Two Sprays Into Each Nostril Twice A Day",
    ),
];

/// Drugs taken for days.
pub(super) const COURSES: &[Drug] = &[
    drug(
        "Amoxicillin 500mg capsules",
        "39732411000001106",
        "AMCA2216",
        "capsule",
        21,
        7,
        "One To Be Taken Three Times A Day",
    ),
    drug(
        "Clarithromycin 250mg tablets",
        "324238009",
        "CLTA7134",
        "tablet",
        14,
        7,
        "One To Be Taken Twice A Day",
    ),
    drug(
        "Prednisolone 5mg gastro-resistant tablets",
        "325443009",
        "PRTA6096",
        "tablet",
        40,
        5,
        "Eight To Be Taken As A Single Dose Each Morning",
    ),
    drug(
        "Ibuprofen 200mg tablets",
        "329652003",
        "IBTA1930",
        "tablet",
        84,
        14,
        "One Or Two To Be Taken Three Times A Day",
    ),
    drug(
        "Paracetamol 500mg tablets",
        "322236009",
        "PATA1048",
        "tablet",
        100,
        14,
        "Two To Be Taken Up To Four Times A Day",
    ),
    drug("Tramadol 50mg capsules", "322623000", "TRCA3374", "capsule", 30, 14, "As Directed"),
    drug(
        "Co-codamol 15mg/500mg tablets",
        "3805611000001109",
        "COTA5529",
        "tablet",
        100,
        14,
        "One Or Two To Be Taken When Required",
    ),
];

/// A drug that is prescribed elsewhere more often than at the practice.
pub(super) const ELSEWHERE: Drug = Drug {
    name: "Warfarin 3mg tablets",
    dmd: "319735007",
    emis: "WATA3107",
    unit: "tablet",
    quantity: 28,
    days: 28,
    dosage: "Not recorded",
};

/// A mixture that has no dm+d code, so that it travels degraded with its name in the text.
pub(super) const MIXTURE: Drug = Drug {
    name: "Example Soothing Cream with Synthetic Extract 1 in 4",
    dmd: "196421000000109",
    emis: "EXCR0001",
    unit: "gram",
    quantity: 50,
    days: 30,
    dosage: "Apply thinly twice a day",
};

/// Consultation types, EMIS first words then TPP's.
pub(super) const EMIS_CONSULTATIONS: &[&str] =
    &["GP Surgery", "Telephone consultation", "Administration note", "Nurse clinic", "Externally entered"];

/// Consultation types of TPP.
pub(super) const TPP_CONSULTATIONS: &[&str] = &[
    "Clinical - Surgery Consultation Note",
    "Clinical - Telephone Consultation",
    "Admin - Administration note",
    "Clinical - Administration note",
];

/// Headings of an EMIS consultation.
pub(super) const HEADINGS: &[&str] = &["History", "Examination", "Comment", "Plan", "Additional"];

/// What TPP says of an item that it does not supply.
pub(super) const UNSUPPORTED: &[&str] = &[
    "Communication items are not supported by the provider system",
    "Patient Flag items are not supported by the provider system",
    "Prescription items are not supported by the provider system",
    "Pathology Request items are not supported by the provider system",
];

/// Why a plan was stopped.
pub(super) const REASONS: &[&str] = &[
    "Expired",
    "No information available",
    "Unknown",
    "Patient no longer requires this medication",
    "Side effect",
];

/// Sentences of free text.
pub(super) const SENTENCES: &[&str] = &[
    "Synthetic narrative: seen for review, feels well in himself or herself. ",
    "No red flags today; safety-net advice given and understood. ",
    "Bloods to be repeated in three months, \"sooner\" if worse. ",
    "Discussed diet, exercise and medicines; happy to go on as before. ",
    "Examination normal.\nNo new findings. ",
    "Follow-up arranged with the practice nurse - cost of £0 to the patient. ",
];

const fn term(
    read: &'static str,
    snomed: &'static str,
    display: &'static str,
    description: &'static str,
) -> Term {
    Term { read, snomed, display, description }
}

const fn drug(
    name: &'static str,
    dmd: &'static str,
    emis: &'static str,
    unit: &'static str,
    quantity: u32,
    days: i32,
    dosage: &'static str,
) -> Drug {
    Drug { name, dmd, emis, unit, quantity, days, dosage }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check digit of SNOMED CT ids (Verhoeff), by the dihedral group of ten elements.
    fn has_valid_check_digit(id: &str) -> bool {
        const SHIFT: [usize; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
        let times = |a: usize, b: usize| match (a < 5, b < 5) {
            (true, true) => (a + b) % 5,
            (true, false) => 5 + (a + b) % 5,
            (false, true) => 5 + (a - 5 + 5 - b) % 5,
            (false, false) => (a + 5 - b) % 5,
        };
        let sum = id.bytes().rev().enumerate().fold(0, |sum, (position, byte)| {
            let digit = (0..position % 8).fold(usize::from(byte - b'0'), |digit, _| SHIFT[digit]);
            times(sum, digit)
        });
        sum == 0
    }

    #[test]
    fn every_snomed_code_has_a_valid_check_digit() {
        let terms = PROBLEMS.iter().chain(AGENTS).chain(FINDINGS).chain(MEASURES.iter().map(|m| &m.term));
        let drugs = REPEATS.iter().chain(COURSES).chain([&ELSEWHERE, &MIXTURE]);
        let codes = terms.flat_map(|term| [term.snomed, term.description]).chain(drugs.map(|drug| drug.dmd));
        for code in codes {
            assert!(has_valid_check_digit(code), "{code}");
        }
        assert!(!has_valid_check_digit("38341004"));
    }
}
