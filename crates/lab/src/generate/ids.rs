use super::Supplier;
use super::random::Random;

/// What an id is for; it decides TPP's first block.
#[derive(Clone, Copy)]
pub(super) enum Of {
    Patient,
    Practice,
    Practitioner,
    Role,
    Site,
    Medication,
    Therapy,
    Order,
    Allergy,
    Problem,
    Encounter,
    Observation,
    Other,
    Plan,
}

/// Ids in the supplier's form, a function of the seed, the kind and the position.
pub(super) struct Ids {
    seed: u64,
    supplier: Supplier,
}

impl Ids {
    pub(super) fn new(seed: u64, supplier: Supplier) -> Self {
        Self { seed, supplier }
    }

    /// An upper-case UUID for EMIS, a lower-case one for Medicus, two numbers joined by a dash for Vision; for TPP two blocks of 16 hexadecimal digits joined by an underscore, or one
    /// for people. TPP's underscore breaks the FHIR id pattern, as it does in real answers.
    pub(super) fn id(&self, of: Of, index: usize) -> String {
        let mut random = Random::new(self.seed ^ 0x1D5, ((of as u64) << 40) | index as u64);
        let (high, low) = (random.next(), random.next());
        let uuid = || {
            format!(
                "{:08X}-{:04X}-4{:03X}-A{:03X}-{:012X}",
                high >> 32,
                high >> 16 & 0xFFFF,
                high & 0xFFF,
                low >> 48 & 0xFFF,
                low & 0xFFFF_FFFF_FFFF
            )
        };
        match self.supplier {
            Supplier::Emis => return uuid(),
            Supplier::Medicus => return uuid().to_lowercase(),
            Supplier::Vision => return format!("{}-{}", 39 + of as usize, 1_000 + index),
            Supplier::Tpp => {}
        }
        let block = format!("{:08x}00000000", high >> 32);
        match of {
            Of::Patient | Of::Practitioner | Of::Role => block,
            Of::Medication => format!("{}_0", 1_000_000 + index),
            _ => format!("{}_{block}", first_block(of)),
        }
    }
}

fn first_block(of: Of) -> &'static str {
    match of {
        Of::Order => "1000000000000000",
        Of::Therapy => "9000000000000000",
        Of::Encounter => "4000000000000000",
        Of::Observation => "5000000000000000",
        Of::Problem => "f200000000000000",
        Of::Allergy => "b000000000000000",
        Of::Other => "6100000000000000",
        _ => "0100000000000000",
    }
}
