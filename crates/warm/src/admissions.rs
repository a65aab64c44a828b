use std::collections::HashSet;
use std::io::{self, BufRead, Read};
use std::sync::Arc;

use bedside_audit::Clock;
use bedside_cache::{HoldReason, ReaderAssertion};
use bedside_model::EpisodeId;
use jiff::Timestamp;
use serde::Serialize;

use crate::admission::{self, Admission, Parsed};
use crate::strict::{Nature, Problem};

/// Longest admission line read, in bytes. A whole one has about 1 KiB.
const LINE_BYTES: usize = 64 * 1024;

/// One line of an admissions list, or one message of a feed.
#[derive(Debug)]
pub enum Line {
    /// An admission that may be warmed.
    Admission(Box<Admission>),
    /// What is known by now of an admission that was announced before.
    Update(Box<Admission>),
    /// What became of a stay.
    Stay(Box<Stay>),
    /// Nothing that is acted on.
    PassedOver(PassedOver),
    /// A line that is not acceptable; the others go on.
    Refused(Refused),
}

/// What a message reports of a stay, and who reports it. `Debug` shows the episode alone.
pub struct Stay {
    /// Number of the message, from 1.
    pub line: u64,
    /// The episode.
    pub episode: EpisodeId,
    /// What has become of it.
    pub says: StayEvent,
    pub(crate) assertion: ReaderAssertion,
}

/// What became of a stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StayEvent {
    /// It has ended: the record is kept for the site's time, and then swept away.
    Discharged,
    /// It never was: the record is purged.
    Cancelled,
    /// It goes on: a discharge that was reported is taken back.
    Continues,
}

/// A message that asks for nothing that is done here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PassedOver {
    /// Number of the message, from 1, where the episode is not told.
    pub line: Option<u64>,
    /// The episode, where the message is an admission.
    pub episode: Option<String>,
    /// The event or the type of resource, such as `A02`.
    pub event: Option<String>,
    /// Why nothing is done.
    pub why: Why,
}

/// Why nothing is done for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The event is none of those that are acted on.
    OtherEvent,
    /// The patient's class is none of those that the pipeline names.
    OtherClass,
    /// A later message says anew what this one said, before anything was sent for it.
    Replaced,
    /// The stay was over before anything was sent for it.
    Withdrawn,
    /// An update of an episode of which no admission is known here.
    NotAdmitted,
    /// The record was asked for already, and the pipeline does not want it again for this.
    NotRefreshed,
}

impl std::fmt::Debug for Stay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stay")
            .field("episode", &self.episode)
            .field("says", &self.says)
            .finish_non_exhaustive()
    }
}

/// Why a line was not accepted, with all its problems.
#[derive(Debug)]
pub struct Refused {
    /// Number of the line, from 1.
    pub line: u64,
    /// The episode, where it could be read.
    pub episode: Option<EpisodeId>,
    /// Everything that is wrong with it; never empty.
    pub problems: Vec<Problem>,
    /// The attempt that a well formed but forbidden line is.
    pub(crate) attempt: Option<Box<Attempt>>,
}

/// An access that was asked for and is not allowed; the audit must know of it (GPC-IG10).
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) admission: Admission,
    pub(crate) purpose: String,
    pub(crate) against: Option<HoldReason>,
}

impl Refused {
    /// Whether policy alone stands against it: nothing is wrong with the line itself.
    pub fn by_policy(&self) -> bool {
        self.problems.iter().all(|problem| problem.nature == Nature::Policy)
    }
}

/// Reads an admissions list, one JSON object a line, as a stream: a list may be longer than memory. Blank
/// lines count and are skipped.
///
/// A second line of one episode is refused whatever became of the first: a list that contradicts itself must
/// not decide by order which patient's record an episode gets.
pub struct Admissions<R> {
    input: R,
    clock: Arc<dyn Clock>,
    traces_here: bool,
    line: u64,
    seen: HashSet<EpisodeId>,
}

impl<R: BufRead> Admissions<R> {
    /// Reads from `input`; ages and ends are judged as of `now`.
    pub fn new(input: R, now: Timestamp) -> Self {
        Self::by_clock(input, Arc::new(At(now)))
    }

    /// Reads from `input`, on which lines may come all day; ages and ends are judged when a line is read.
    pub fn by_clock(input: R, clock: Arc<dyn Clock>) -> Self {
        Self { input, clock, traces_here: false, line: 0, seen: HashSet::new() }
    }

    /// The same list where patients are traced here: a trace of the caller's may be absent or old.
    #[must_use]
    pub fn traced_here(self) -> Self {
        Self { traces_here: true, ..self }
    }

    fn read(&mut self) -> io::Result<Option<Line>> {
        loop {
            let Some(line) = read_line(&mut self.input, LINE_BYTES)? else { return Ok(None) };
            self.line += 1;
            match line {
                Ok(text) if text.is_empty() => {}
                Ok(text) => return Ok(Some(self.line(&text))),
                Err(problem) => {
                    let problems = vec![Problem::malformed("", problem)];
                    return Ok(Some(line_of(self.line, Parsed { problems, ..Parsed::default() })));
                }
            }
        }
    }

    fn line(&mut self, text: &[u8]) -> Line {
        let mut parsed = admission::parse(text, self.clock.now(), self.traces_here);
        if let Some(episode) = &parsed.episode
            && !self.seen.insert(episode.clone())
        {
            parsed.problems.push(Problem::malformed("episode", "is the episode of an earlier line"));
        }
        line_of(self.line, parsed)
    }
}

impl<R: BufRead> Iterator for Admissions<R> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// A clock that stands.
struct At(Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// What a line came to.
pub(crate) fn line_of(line: u64, parsed: Parsed) -> Line {
    match parsed.admission {
        Some(admission) if parsed.problems.is_empty() => Line::Admission(Box::new(admission)),
        admission => {
            let Parsed { purpose, against, .. } = parsed;
            let attempt = admission.map(|admission| Box::new(Attempt { admission, purpose, against }));
            Line::Refused(Refused { line, episode: parsed.episode, problems: parsed.problems, attempt })
        }
    }
}

/// The next line without the white space around it, or why it is not read: then it is skipped whole. Nothing at the
/// end of the input.
pub(crate) fn read_line(
    input: &mut impl BufRead,
    most: usize,
) -> io::Result<Option<Result<Vec<u8>, String>>> {
    let mut bytes = Vec::new();
    if input.by_ref().take(most as u64 + 1).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    if bytes.len() > most && !bytes.ends_with(b"\n") {
        skip_line(input)?;
        return Ok(Some(Err(format!("a line has at most {most} bytes"))));
    }
    Ok(Some(Ok(without_mark(&bytes).trim_ascii().to_vec())))
}

/// A line without the byte order mark with which some programs begin a file in UTF-8.
pub(crate) fn without_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
}

fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let available = input.fill_buf()?;
        let end = available.iter().position(|byte| *byte == b'\n');
        let (used, done) = match end {
            Some(position) => (position + 1, true),
            None => (available.len(), available.is_empty()),
        };
        input.consume(used);
        if done {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{self, NOW};

    fn good() -> Value {
        let mut line = testing::line("EP-1");
        line["consultation"] =
            json!({"reference": "visit-3", "period": {"start": "2025-12-01", "end": "2025-12-02"}});
        line
    }

    /// The good line with the value at a path of `/` separated names replaced, or removed for null.
    fn with(path: &str, value: Value) -> Value {
        let mut line = good();
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let pointer = if parent.is_empty() { String::new() } else { format!("/{parent}") };
        let object = line.pointer_mut(&pointer).and_then(Value::as_object_mut).expect("an object");
        match value {
            Value::Null => object.remove(name),
            value => object.insert(name.to_owned(), value),
        };
        line
    }

    fn read(input: &str) -> Vec<Line> {
        let now = NOW.parse().expect("a time");
        Admissions::new(input.as_bytes(), now).collect::<io::Result<_>>().expect("memory can be read")
    }

    fn refused(line: &Value) -> Refused {
        match read(&line.to_string()).pop() {
            Some(Line::Refused(refused)) => refused,
            _ => panic!("accepted"),
        }
    }

    #[test]
    fn a_whole_line_is_an_admission() {
        let lines = read(&good().to_string());
        let [Line::Admission(admission)] = lines.as_slice() else { panic!("refused") };
        assert_eq!(admission.episode.as_str(), "EP-1");
        assert_eq!(admission.demographics.practice.as_str(), "A99001");
        assert_eq!(admission.requester.prefix.as_deref(), Some("Dr"));
        let consultation = admission.consultation.as_ref().expect("given");
        assert_eq!(consultation.start.to_string(), "2025-12-01");
        assert_eq!(format!("{admission:?}"), r#"Admission { episode: EpisodeId("EP-1"), .. }"#);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_line() {
        assert!(matches!(read(&format!("\u{feff}{}", good()))[..], [Line::Admission(_)]));
    }

    #[test]
    fn optional_fields_may_be_absent_or_null() {
        for path in ["consultation", "requester/prefix", "consultation/period/end"] {
            assert!(matches!(read(&with(path, Value::Null).to_string())[..], [Line::Admission(_)]), "{path}");
        }
        let mut line = good();
        line["consultation"] = Value::Null;
        assert!(matches!(read(&line.to_string())[..], [Line::Admission(_)]));
    }

    #[test]
    fn each_defect_is_named_by_its_field() {
        let long = "x".repeat(300);
        for (path, value, expected) in [
            ("episode", json!(null), "episode: is missing"),
            ("episode", json!("for 9990000018"), "episode: must not hold the NHS number"),
            ("nhs_number", json!("9990000019"), "nhs_number: the check digit of the NHS number is wrong"),
            ("nhs_number", json!("999 000 0018"), "nhs_number: an NHS number is exactly 10 digits"),
            ("nhs_number", json!(9_990_000_018_u64), "nhs_number: must be a text"),
            ("practice_ods", json!("a1"), "practice_ods: an ODS code is"),
            ("demographics", json!("x"), "demographics: must be an object"),
            ("demographics/family", json!(" "), "demographics.family: must not be empty"),
            ("demographics/given", json!("A\u{1b}[2J"), "demographics.given: must not hold a control"),
            ("demographics/given", json!(long), "demographics.given: must have at most 256 bytes"),
            ("demographics/gender", json!("F"), "demographics.gender: must be male, female"),
            ("demographics/birth_date", json!("1950-02"), "demographics.birth_date: must be a day"),
            ("demographics/birth_date", json!("2026-01-16"), "demographics.birth_date: is in the future"),
            ("demographics/traced_at", json!("2026-01-15"), "demographics.traced_at: must be a time"),
            ("demographics/postcode", json!("XX1 1XX"), "demographics.postcode: is not a known field"),
            ("requester/sds_user_id", json!(null), "requester.sds_user_id: is missing"),
            ("requester/organisation_ods", json!("?"), "requester.organisation_ods: an ODS code is"),
            ("reason", json!(7), "reason: must be a text"),
            ("consultation/period", json!(null), "consultation.period: is missing"),
            ("consultation/period/end", json!("2025-11-30"), "consultation.period.end: is before"),
            ("consultation/period/start", json!("2026-02-01"), "consultation.period.start: is in the future"),
            ("episode_ends", json!("2026-01-15T09:30:00Z"), "episode_ends: is in the past"),
            ("Sampleton 9990000018", json!(1), "holds a field of an unknown name"),
        ] {
            let refused = refused(&with(path, value));
            let told = refused.problems.iter().map(ToString::to_string).collect::<Vec<_>>();
            assert!(told.iter().any(|problem| problem.starts_with(expected)), "{path}: {told:?}");
            assert!(!refused.by_policy(), "{path}");
        }
    }

    #[test]
    fn what_policy_forbids_is_told_apart_from_what_is_malformed() {
        for (path, value) in [
            ("reason", json!("research")),
            ("reason", json!("Directcare")),
            ("reason", json!("")),
            ("reason", json!(null)),
            ("requester", json!(null)),
            ("requester/family", json!("")),
            ("requester/given", json!("-")),
            ("requester/user_id", json!("System")),
            ("demographics/traced_at", json!("2026-01-14T09:29:59Z")),
            ("demographics/traced_at", json!("2026-01-15T09:30:01Z")),
        ] {
            let refused = refused(&with(path, value));
            assert!(refused.by_policy(), "{path}: {:?}", refused.problems);
        }
        let mut line = with("requester/family", json!("Admin"));
        assert!(matches!(read(&line.to_string())[..], [Line::Admission(_)]), "a family may be called so");
        line["requester"]["given"] = json!("System");
        assert!(refused(&line).by_policy());
    }

    #[test]
    fn what_the_trace_or_the_patient_forbids_is_policy() {
        for (path, value) in [
            ("demographics/flags", json!(["sensitive"])),
            ("demographics/flags", json!(["business", "deceased"])),
            ("demographics/flags", json!(["invalid"])),
            ("demographics/flags", json!(["unverified"])),
            ("permission", json!("refused")),
        ] {
            assert!(refused(&with(path, value.clone())).by_policy(), "{path} {value}");
        }
        for (path, value) in [("demographics/flags", json!(["x"])), ("permission", json!("maybe"))] {
            assert!(!refused(&with(path, value)).by_policy(), "{path}");
        }
        for (path, value) in [
            ("demographics/flags", json!(["business"])),
            ("demographics/flags", json!([])),
            ("permission", json!("given")),
            ("permission", json!("not_asked")),
        ] {
            assert!(matches!(read(&with(path, value).to_string())[..], [Line::Admission(_)]), "{path}");
        }
    }

    #[test]
    fn where_patients_are_traced_here_only_a_trace_of_the_future_is_refused() {
        let traced_at = "demographics/traced_at";
        for (value, accepted) in [
            (Value::Null, true),
            (json!("2020-01-01T00:00:00Z"), true),
            (json!("2026-01-15T09:30:00Z"), true),
            (json!("2026-01-15T09:30:01Z"), false),
            (json!("lately"), false),
        ] {
            let text = with(traced_at, value.clone()).to_string();
            let mut lines = Admissions::new(text.as_bytes(), NOW.parse().expect("a time")).traced_here();
            let line = lines.next().expect("a line").expect("read");
            assert_eq!(matches!(line, Line::Admission(_)), accepted, "{value}");
        }
    }

    #[test]
    fn a_trace_of_exactly_24_hours_is_still_good() {
        let line = with("demographics/traced_at", json!("2026-01-14T09:30:00Z"));
        assert!(matches!(read(&line.to_string())[..], [Line::Admission(_)]));
    }

    #[test]
    fn all_problems_of_a_line_come_at_once() {
        let mut line = with("reason", json!("research"));
        line["nhs_number"] = json!("9990000019");
        line["demographics"]["gender"] = json!("F");
        line["surplus"] = json!(true);
        let fields: Vec<_> = refused(&line).problems.into_iter().map(|problem| problem.field).collect();
        assert_eq!(fields, ["nhs_number", "demographics.gender", "reason", "surplus"]);
    }

    #[test]
    fn no_problem_repeats_a_value() {
        let line = json!({
            "episode": "Zq\u{7}", "nhs_number": "Zq", "practice_ods": "Zq", "reason": "Zq",
            "demographics": {"family": 5, "given": "Zq\u{1}", "gender": "Zq", "birth_date": "Zq",
                "traced_at": "Zq"},
            "requester": "Zq", "consultation": {"reference": [], "period": {"start": "Zq", "end": "Zq"}},
            "episode_ends": "Zq", "Zq": "Zq"
        });
        let refused = refused(&line);
        assert_eq!(refused.problems.len(), 15);
        assert!(!refused.problems.iter().any(|problem| problem.to_string().contains("Zq")));
    }

    #[test]
    fn a_bad_line_has_its_number_and_the_others_go_on() {
        let third = with("episode", json!("EP-2"));
        let lines = read(&format!("{}\n\n{{oops\n{third}\r\n{}", good(), good()));
        let numbers: Vec<_> = lines
            .iter()
            .map(|line| match line {
                Line::Admission(admission) => Err(admission.episode.to_string()),
                Line::Refused(refused) => Ok(refused.line),
                other => panic!("no line of a list: {other:?}"),
            })
            .collect();
        assert_eq!(numbers, [Err("EP-1".to_owned()), Ok(3), Err("EP-2".to_owned()), Ok(5)]);
    }

    #[test]
    fn a_second_line_of_an_episode_is_refused_even_when_the_first_was() {
        let lines = read(&format!("{}\n{}\n", with("reason", json!("audit")), good()));
        let [Line::Refused(_), Line::Refused(second)] = lines.as_slice() else { panic!("accepted") };
        assert_eq!(second.problems[0].to_string(), "episode: is the episode of an earlier line");
    }

    #[test]
    fn an_overlong_line_is_skipped_whole() {
        let limit = LINE_BYTES;
        for (length, lines_refused) in
            [(limit, "not JSON"), (limit + 1, "a line has"), (3 * limit, "a line has")]
        {
            let lines = read(&format!("{}\n{}\n", "x".repeat(length), good()));
            let [Line::Refused(refused), Line::Admission(_)] = lines.as_slice() else { panic!("{length}") };
            assert!(refused.problems[0].to_string().starts_with(lines_refused), "{length}");
        }
    }
}
