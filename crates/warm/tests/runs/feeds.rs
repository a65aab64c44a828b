//! Admissions from HL7 v2 messages: what each event does, and what is refused.

use std::fs;
use std::sync::Arc;

use bedside_cache::NotReadable;
use bedside_warm::{AdmittedFirst, Feed, FeedError, Form, Line, Pipeline};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{FixedClock, NOW, NUMBERS, Ran, Ward, bundle, line, list};

/// The pipeline of the repository in a folder with a list of staff of one person; `with` edits its text.
pub(crate) fn pipeline(ward: &Ward, name: &str, with: impl Fn(String) -> String) -> Pipeline {
    let folder = ward.folder.path();
    let path = format!("{}/../../pipelines/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(path).expect("a pipeline");
    let text = with(text.replace("../fixtures/feeds/staff.ndjson", "staff.ndjson"));
    fs::write(folder.join("staff.ndjson"), list([line(0)["requester"].clone()])).expect("written");
    fs::write(folder.join("pipeline.toml"), text).expect("written");
    Pipeline::read(&folder.join("pipeline.toml"), jiff::civil::date(2026, 1, 15)).expect("keeps the rules")
}

pub(crate) fn feed<'a>(form: Form, input: &'a [u8], pipeline: &Pipeline) -> Feed<&'a [u8]> {
    let clock = Arc::new(FixedClock(NOW.parse().expect("a time")));
    Feed::open(form, input, (pipeline, clock)).expect("a feed")
}

/// A message of that event about a patient, whose episode is `EP-` and the patient's index. `edit` changes a segment.
fn message(event: &str, patient: usize) -> String {
    let number = NUMBERS[patient];
    [
        format!("MSH|^~\\&|PAS|RX999|BEDSIDE|RX999|20260115093000||ADT^{event}|M1|P|2.4"),
        format!("EVN|{event}|20260115092900|||user-17"),
        format!(
            "PID|1||H1^^^RX999^PI~{number}^^^NHS^NH||Sampleton^Edith^^^^^L||19500228|F{}N||01",
            "|".repeat(22)
        ),
        "PD1|||Test Surgery^^A99001".to_owned(),
        format!("PV1|1|I|WARD{}EP-{patient}^^^RX999{}202601150915", "|".repeat(16), "|".repeat(25)),
        "ZTR|20260115080000|Y\r".to_owned(),
    ]
    .join("\r")
}

fn lines(ward: &Ward, input: &str) -> Vec<Line> {
    let pipeline = pipeline(ward, "admission-hl7v2", |text| text);
    feed(Form::Hl7v2, input.as_bytes(), &pipeline).map(|line| line.expect("memory can be read")).collect()
}

fn problems(ward: &Ward, input: &str) -> Vec<String> {
    match &lines(ward, input)[..] {
        [Line::Refused(refused)] => refused.problems.iter().map(ToString::to_string).collect(),
        other => panic!("not refused: {other:?}"),
    }
}

async fn run(ward: &Ward, messages: &[String], with: impl Fn(String) -> String) -> Ran {
    let pipeline = pipeline(ward, "admission-hl7v2", with);
    let input = messages.concat();
    ward.run(feed(Form::Hl7v2, input.as_bytes(), &pipeline), &pipeline).await
}

async fn run_ordered(ward: &Ward, messages: &[String]) -> Ran {
    let pipeline = pipeline(ward, "admission-hl7v2", |text| text);
    let input = messages.concat();
    let lines = AdmittedFirst::new(feed(Form::Hl7v2, input.as_bytes(), &pipeline), 100);
    ward.run(lines, &pipeline).await
}

fn state(ward: &Ward, episode: &str) -> &'static str {
    ward.cache.state(&episode.parse().expect("an id")).expect("told").state()
}

fn told<'r>(ran: &'r Ran, kind: &str) -> Vec<&'r Value> {
    ran.events.iter().filter(|event| event["type"] == kind).collect()
}

fn refresh(text: String) -> String {
    text.replace("update = \"pass\"", "update = \"refresh\"")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_of_an_admission_fetches_and_seals() {
    let ward = Ward::new((0..3).map(|patient| (patient, bundle(patient, "Edith"))));
    let messages = [message("A01", 0), message("A04", 1), message("A05", 2)];
    let ran = run(&ward, &messages, |text| text).await;
    assert!(ran.report.all_warmed(), "{}", ran.report.to_json());
    assert_eq!(ran.report.totals().warmed, 3);
    assert_eq!(ward.calls(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outpatient_who_became_an_inpatient_was_passed_over() {
    let ward = Ward::new([(0, bundle(0, "Edith"))]);
    let outpatient = |event| message(event, 0).replace("PV1|1|I|", "PV1|1|O|");
    let ran = run(&ward, &[outpatient("A04"), message("A06", 0), outpatient("A07")], |text| text).await;
    assert_eq!((ran.outcome("EP-0"), ward.calls()), ("warmed", 1));
    let why: Vec<_> = told(&ran, "message_passed_over").iter().map(|event| event["why"].clone()).collect();
    assert_eq!(why, ["other_class", "other_event"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_says_the_same_as_a_line() {
    let ward = Ward::new([]);
    let Line::Admission(from_message) = &lines(&ward, &message("A01", 0))[0] else { panic!("refused") };
    let mut same = line(0);
    same["admitted_at"] = json!("2026-01-15T09:15:00Z");
    same["permission"] = json!("given");
    same["episode_ends"] = json!("2026-01-29T09:30:00Z");
    let text = same.to_string();
    let listed = bedside_warm::Admissions::new(text.as_bytes(), NOW.parse().expect("a time")).next();
    let Some(Ok(Line::Admission(from_list))) = listed else { panic!("refused") };
    assert!(*from_message == from_list);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_stay_ends_its_record_and_is_audited() {
    let ward = Ward::new((0..2).map(|patient| (patient, bundle(patient, "Edith"))));
    run(&ward, &[message("A01", 0), message("A01", 1)], |text| text).await;
    let ran = run(&ward, &[message("A03", 0), message("A11", 1), message("A03", 2)], |text| text).await;
    assert_eq!((state(&ward, "EP-0"), state(&ward, "EP-1")), ("discharged", "purged"));
    let outcomes: Vec<_> = told(&ran, "stay_reported").iter().map(|event| event["outcome"].clone()).collect();
    assert_eq!(outcomes, ["done", "done", "nothing_held"]);
    assert!(ran.report.all_warmed() && ran.report.totals().stays == 3);
    for event in ["discharge", "purge"] {
        let log = ward.log();
        let recorded = log.lines().filter(|line| line.contains(&format!(r#""event":"{event}""#)));
        assert!(recorded.filter(|line| line.contains("admitting team")).count() >= 1, "{event}: {log}");
    }
    run(&ward, &[message("A13", 0)], |text| text).await;
    assert_eq!(state(&ward, "EP-0"), "ready", "a discharge that was a mistake is taken back");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_for_a_stay_that_is_known_to_be_over() {
    let ward = Ward::new((0..3).map(|patient| (patient, bundle(patient, "Edith"))));
    let messages =
        [message("A01", 0), message("A01", 1), message("A01", 2), message("A11", 0), message("A03", 1)];
    let ran = run_ordered(&ward, &messages).await;
    assert_eq!(ward.calls(), 1);
    assert_eq!(ran.outcome("EP-2"), "warmed");
    let why: Vec<_> = told(&ran, "message_passed_over").iter().map(|event| event["why"].clone()).collect();
    assert_eq!(why, ["withdrawn", "withdrawn"]);
    let totals = ran.report.totals();
    assert_eq!((totals.lines, totals.warmed, totals.stays, totals.passed_over), (5, 1, 2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_waits_for_the_fetch_that_is_under_way() {
    let ward = Ward::new([(0, bundle(0, "Edith"))]);
    let ran = run(&ward, &[message("A01", 0), message("A11", 0)], |text| text).await;
    assert_eq!((ran.outcome("EP-0"), state(&ward, "EP-0")), ("warmed", "purged"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_says_anew_what_waits_and_fetches_again_only_where_the_site_wants_it() {
    let ward = Ward::new([(0, bundle(0, "Edith"))]);
    let (admit, update) = (message("A01", 0), message("A08", 0));
    let mistaken = admit.replace("Sampleton^Edith", "Sampleton^Edna");
    let ran = run_ordered(&ward, &[mistaken, update.clone()]).await;
    assert_eq!((ran.outcome("EP-0"), ward.calls()), ("warmed", 1), "asked for as it is known by now");
    let ran = run(&ward, &[update.clone(), message("A08", 1)], |text| text).await;
    let why: Vec<_> = told(&ran, "message_passed_over").iter().map(|event| event["why"].clone()).collect();
    assert_eq!(why, ["not_refreshed", "not_admitted"]);
    let ran = run(&ward, &[update], refresh).await;
    assert_eq!((ran.outcome("EP-0"), ward.calls()), ("warmed", 2));
    let ran = run(&ward, &[admit.clone(), admit], |text| text).await;
    assert_eq!((ward.calls(), ran.report.totals().passed_over), (3, 1), "sent twice, fetched once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_another_patient_is_held_back_and_nothing_is_fetched() {
    let ward = Ward::new([(0, bundle(0, "Edith")), (1, bundle(1, "Edith"))]);
    run(&ward, &[message("A01", 0)], |text| text).await;
    let calls = ward.calls();
    for event in ["A08", "A01"] {
        let other = message(event, 0).replace(NUMBERS[0], NUMBERS[1]);
        let ran = run(&ward, &[other], |text| text).await;
        assert!(!ran.report.all_warmed());
        assert_eq!(ward.calls(), calls, "{event}");
    }
    let summary = ward.cache.state(&"EP-0".parse().expect("an id")).expect("told");
    assert!(matches!(summary.not_readable, Some(NotReadable::Held { .. })), "{:?}", summary.not_readable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_is_refused_and_told() {
    let ward = Ward::new([(0, bundle(0, "Edith"))]);
    let merge = format!("{}MRG|H2^^^RX999^PI\r", message("A40", 0));
    let renamed = format!("{}MRG|H2^^^RX999^PI\r", message("A08", 0));
    let ran = run(&ward, &[merge, renamed], refresh).await;
    assert_eq!(ran.report.lines_refused.len(), 2);
    assert!(ran.report.lines_refused[0].problems[0].to_string().contains("a person has to look"));
    assert_eq!(ward.calls(), 0);
    assert!(!ran.report.all_warmed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_said_or_said_twice_is_refused_in_words() {
    let ward = Ward::new([]);
    let whole = message("A01", 0);
    for (from, to, expected) in [
        ("|||user-17", "|||", "requester: the message names nobody"),
        ("user-17", "user-99", "requester: the person whom the message names is not in the list of staff"),
        ("^^^NHS^NH", "^^^RX999^MR", "nhs_number: is missing"),
        ("^^^NHS^NH", "^^^NHS^NH~9990000026^^^NHS^NH", "nhs_number: PID-3 holds more than one value"),
        ("EP-0^^^", "^^^", "episode: is missing"),
        ("EP-0^^^", "9990000018^^^", "episode: must not hold the NHS number"),
        ("|F|", "|9|", "demographics.gender: PID-8 holds a value that the pipeline does not map"),
        ("19500228", "1950", "demographics.birth_date: PID-7 does not hold a time of HL7"),
        ("Sampleton", "Sample\\ton", "demographics.family: PID-5 holds an escape sequence"),
        ("Sampleton", "\"\"", "demographics.family: is missing"),
        ("Sampleton", "Sample\\X0D\\ton", "demographics.family: must not hold a control character"),
        ("^^A99001", "", "practice_ods: is missing"),
        ("ZTR|20260115080000", "ZTR|", "demographics.traced_at: is missing"),
        ("ZTR|20260115080000", "ZTR|20260113080000", "demographics.traced_at: is more than 24 hours ago"),
        ("|Y\r", "|N\r", "permission: the patient does not want the record to be viewed"),
        ("|N||01", "|Y||01", "demographics.flags: the patient is held to be deceased"),
        ("|N||01", "|N||02", "demographics.flags: the NHS number is not verified"),
        ("|N||01", "|N||17", "flags: PID-32 holds a value that the pipeline does not map"),
        ("|P|2.4", "|T|2.4", "MSH-11: must be P"),
        ("EVN|A01", "EVN|A03", "EVN-1: names another event than MSH-9"),
        ("|P|2.4", "|P|2.4||||||KLINGON", "MSH-18 names a character set that is not read"),
        ("MSH|^~\\&", "MSH|^^\\&", "MSH-1 and MSH-2 do not name"),
        ("MSH|", "XSH|", "does not begin with MSH"),
        ("PV1|1|I|", "PV1|1||", "PV1-2: is missing: the class decides"),
    ] {
        assert!(whole.contains(from), "{from}");
        let told = problems(&ward, &whole.replacen(from, to, 1));
        assert!(told.iter().any(|problem| problem.starts_with(expected)), "{expected}: {told:?}");
        for secret in ["999000", "Sampleton", "Edith", "1950", "user-17", "A99001"] {
            assert!(!told.concat().contains(secret), "{secret} in {told:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn patients_of_another_class_and_other_events_are_told_and_passed_over() {
    let ward = Ward::new([]);
    let outpatient = message("A04", 0).replace("PV1|1|I|", "PV1|1|O|");
    let result = message("A01", 0).replace("ADT^A01", "ORU^R01");
    let read = lines(&ward, &[outpatient, message("A02", 0), result].concat());
    let told: Vec<_> = read
        .iter()
        .map(|line| match line {
            Line::PassedOver(passed_over) => serde_json::to_value(passed_over).expect("plain"),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told[0], json!({"line": 1, "episode": null, "event": "A04", "why": "other_class"}));
    assert_eq!((&told[1]["event"], &told[2]["event"]), (&json!("A02"), &json!("ORU")));
}

#[tokio::test(flavor = "multi_thread")]
async fn separators_escapes_and_character_sets_are_the_messages_own() {
    let ward = Ward::new([]);
    let family = |input: &[u8]| {
        let pipeline = pipeline(&ward, "admission-hl7v2", |text| text);
        match feed(Form::Hl7v2, input, &pipeline).next() {
            Some(Ok(Line::Admission(admission))) => admission.demographics.family.clone(),
            other => panic!("{other:?}"),
        }
    };
    let whole = message("A01", 0);
    let other = whole.replace('|', "!").replace('^', "|").replace("\\&", "/%");
    assert_eq!(family(other.as_bytes()), "Sampleton");
    let escaped = whole.replace("Sampleton", "O\\T\\Hara\\S\\\\F\\\\R\\\\E\\\\XC3A9\\\\H\\x\\N\\");
    assert_eq!(family(escaped.as_bytes()), "O&Hara^|~\\\u{e9}x");
    let latin = whole.replace("|P|2.4", "|P|2.4||||||8859/1").replace("Sampleton", "Bj#rk");
    let latin: Vec<u8> = latin.bytes().map(|byte| if byte == b'#' { 0xf6 } else { byte }).collect();
    assert_eq!(family(&latin), "Bj\u{f6}rk");
    assert_eq!(family(format!("\u{feff}{whole}").as_bytes()), "Sampleton", "a byte order mark says nothing");
    assert_eq!(family(whole.replace("Sampleton^", "Sampleton&van^").as_bytes()), "Sampleton");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_needs_a_mapping_and_a_list_of_staff() {
    let ward = Ward::new([]);
    let open = |pipeline: &Pipeline, form| {
        let clock = Arc::new(FixedClock(NOW.parse().expect("a time")));
        Feed::open(form, &b""[..], (pipeline, clock)).err()
    };
    let mapped = pipeline(&ward, "admission-hl7v2", |text| text);
    assert!(matches!(open(&mapped, Form::Fhir), Some(FeedError::NotMapped { form: "fhir", .. })));
    let unmapped = pipeline(&ward, "admission", |text| text);
    assert!(matches!(open(&unmapped, Form::Hl7v2), Some(FeedError::NotMapped { .. })));
    let staff = ward.folder.path().join("staff.ndjson");
    let mut system = line(0)["requester"].clone();
    system["user_id"] = json!("system");
    for (text, number) in
        [(list([system]), 1), (list([line(0)["requester"].clone(), line(0)["requester"].clone()]), 2)]
    {
        fs::write(&staff, text).expect("written");
        assert!(matches!(open(&mapped, Form::Hl7v2), Some(FeedError::Staff { line, .. }) if line == number));
    }
    fs::remove_file(&staff).expect("removed");
    assert!(matches!(open(&mapped, Form::Hl7v2), Some(FeedError::StaffUnread { .. })));
}

/// A text that HL7 can carry in a name: what cannot is refused elsewhere.
fn name() -> impl Strategy<Value = String> {
    "[!-~\u{a1}-\u{17f}]{1,20}"
}

fn escaped(name: &str) -> String {
    name.chars()
        .map(|character| match character {
            '|' => "\\F\\".to_owned(),
            '^' => "\\S\\".to_owned(),
            '&' => "\\T\\".to_owned(),
            '~' => "\\R\\".to_owned(),
            '\\' => "\\E\\".to_owned(),
            other => other.to_string(),
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_name_that_is_escaped_is_read_back_however_segments_end(
        family in name(),
        end in prop_oneof![Just("\r"), Just("\n"), Just("\r\n")],
        block in any::<bool>(),
    ) {
        prop_assume!(family != "\"\"");
        let ward = Shelf::get();
        let mut text = message("A01", 0).replace("Sampleton", &escaped(&family)).replace('\r', end);
        if block {
            text = format!("\u{b}{text}\u{1c}{end}");
        }
        let read: Vec<_> = feed(Form::Hl7v2, text.as_bytes(), &ward.0).collect();
        prop_assert_eq!(read.len(), 1);
        match &read[0] {
            Ok(Line::Admission(admission)) => prop_assert_eq!(&admission.demographics.family, &family),
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn no_bytes_bring_a_feed_down_and_none_are_repeated(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for form in [Form::Hl7v2, Form::Fhir] {
            for line in feed(form, &bytes, &Shelf::get().0).flatten() {
                prop_assert!(!matches!(line, Line::Admission(_)));
            }
        }
    }

    #[test]
    fn a_message_that_is_damaged_anywhere_is_refused_or_means_what_it_says(
        at in 0usize..300, byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let mut bytes = message("A01", 0).into_bytes();
        let at = at.min(bytes.len() - 1);
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        for line in feed(Form::Hl7v2, &bytes, &Shelf::get().0).flatten() {
            match line {
                Line::Admission(admission) => {
                    prop_assert_eq!(admission.demographics.nhs_number.expose(), NUMBERS[0]);
                    prop_assert_eq!(admission.requester.user_id.as_str(), "user-17");
                }
                Line::Refused(refused) => for problem in refused.problems {
                    let told = problem.to_string();
                    prop_assert!(!told.contains("Sampleton") && !told.contains("999000"), "{}", told);
                },
                _ => {}
            }
        }
    }
}

/// The pipeline that the properties share, and the folder it lies in.
struct Shelf(Pipeline, #[allow(dead_code, reason = "the folder lives as long as the pipeline")] Ward);

impl Shelf {
    fn get() -> &'static Self {
        static SHELF: std::sync::OnceLock<Shelf> = std::sync::OnceLock::new();
        SHELF.get_or_init(|| {
            let ward = Ward::new([]);
            let text = pipeline(&ward, "admission-fhir", |text| text);
            drop(text);
            let both = |text: String| {
                let fhir = include_str!("../../../../pipelines/admission-fhir.toml");
                let (_, fhir) = fhir.split_once("[feed.fhir]").expect("mapped");
                let (fhir, _) = fhir.split_once("[request").expect("asked");
                text.replace(
                    "[request.includeMedication]",
                    &format!("[feed.fhir]{fhir}[request.includeMedication]"),
                )
            };
            Self(pipeline(&ward, "admission-hl7v2", both), ward)
        })
    }
}
