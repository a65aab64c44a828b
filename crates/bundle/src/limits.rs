/// What a bundle may cost, checked before anything is built of it (`security` sheet, T-03 to T-06).
///
/// What follows from these is capped as well, so that a record cannot grow far beyond its bundle: records may share
/// problems, issues and notes [`values`](Self::values) times, consultations may have four parts for each of
/// [`entries`](Self::entries), and the texts of one column may take twice the body and 1 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Length of the body, in bytes. At most 2 GiB.
    pub body_bytes: usize,
    /// Nesting of arrays and objects.
    pub depth: u32,
    /// JSON values.
    pub values: u32,
    /// Items of `Bundle.entry`.
    pub entries: u32,
    /// Length of one string as written, in bytes.
    pub string_bytes: usize,
    /// Length of one number, in characters.
    pub number_characters: usize,
    /// Keys of one object.
    pub keys: usize,
    /// Notices about one bundle: what is wrong with it may not outgrow it.
    pub notices: usize,
}

impl Default for Limits {
    /// The budgets of the `security` sheet, T-03 to T-05.
    fn default() -> Self {
        Self {
            body_bytes: 32 << 20,
            depth: 64,
            values: 2_000_000,
            entries: 50_000,
            string_bytes: 1 << 20,
            number_characters: 64,
            keys: 512,
            notices: 250_000,
        }
    }
}
