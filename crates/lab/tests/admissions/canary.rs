//! What may never be seen: a patient's number and name, a drug and a note, planted in every answer of the fault matrix,
//! in none of the encodings of the `security` sheet, section 7, anywhere that anything is written.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bedside_lab::generate::Patient;
use bedside_lab::provider::{Behaviour, Canned, Fault, NationalRecord, Practice};
use bedside_spine::Tracer;
use bedside_warm::{Admissions, Control, Journal, Stop};
use jiff::Timestamp;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{admission, asid, impatient, ods, patient, pipeline, site, start, warmer};

/// Everything that is logged, at any level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("whole").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// The encodings of a text: plain in any case, base64 at each of its three alignments, hexadecimal, percent-encoded,
/// UTF-16 in both orders, and a number's digits in groups.
fn encodings(text: &str) -> Vec<Vec<u8>> {
    let bytes = text.as_bytes();
    let hex = |upper: bool| -> String {
        bytes.iter().map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") }).collect()
    };
    let percent: String = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
    let mut found = vec![bytes.to_vec(), text.to_lowercase().into(), text.to_uppercase().into()];
    found.extend([
        hex(false).into_bytes(),
        hex(true).into_bytes(),
        percent.to_lowercase().into(),
        percent.into(),
    ]);
    for offset in 0..3 {
        // What stands before and behind changes the first and the last characters; those between are the text's own.
        let encoded = STANDARD.encode([&b"xxx"[..offset], bytes].concat());
        let (from, to) = ((offset * 4).div_ceil(3), (offset + bytes.len()) * 4 / 3);
        found.push(encoded[from..to].into());
    }
    found.push(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
    found.push(text.encode_utf16().flat_map(u16::to_be_bytes).collect());
    if text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        for separator in [" ", "-", "%20", "+"] {
            found.push(format!("{}{separator}{}{separator}{}", &text[..3], &text[3..6], &text[6..]).into());
        }
    }
    found
}

/// Names and contents of all files below a folder, but for those of the site's own identity.
fn written(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        all.extend(path.file_name().expect("a name").as_encoded_bytes());
        all.push(b'\n');
        match path.is_dir() {
            true => all.extend(written(&path)),
            false => all.extend(fs::read(&path).expect("readable")),
        }
    }
    all
}

/// Practices that say in their errors what nobody may hear.
fn gossiping(person: &Patient) -> [Behaviour; 6] {
    let gossip = format!(
        r#"{{"resourceType":"OperationOutcome","issue":[{{"severity":"error","code":"invalid","diagnostics":
            "Canarygossip of {} {}: Canaryxanthin"}}]}}"#,
        person.nhs_number.expose(),
        person.family
    );
    [400, 403, 404, 422, 500, 502].map(|status| {
        let headers =
            vec![("content-type", "application/fhir+json".to_owned()), ("x-note", "Canarygossip".to_owned())];
        Behaviour::Canned(Canned { status, headers, body: gossip.clone().into() })
    })
}

/// An admission for each practice, and a line that is refused: it may not be repeated either.
fn list(count: usize, person: &Patient) -> String {
    let list: String = (0..count)
        .map(|index| {
            let mut line = admission(0, &ods(index));
            line["episode"] = serde_json::json!(format!("EP-{index}"));
            format!("{line}\n")
        })
        .collect();
    list + &format!("{{\"nhs_number\": \"{}\", \"{}\": 1}}\n", person.nhs_number.expose(), person.family)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_patient_is_seen_anywhere_in_any_encoding() {
    let log = Log::default();
    // For the whole process: the work is done on other threads than this one.
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(log.clone())
        .init();
    let person = patient(0);
    let secrets =
        [person.nhs_number.expose(), &person.family, "Canaryxanthin", "canary-yellow spots", "Canarygossip"];
    let faults = Fault::all().into_iter().map(|fault| fault.behaviour);
    let behaviours: Vec<_> = faults.chain(gossiping(&person)).chain([Behaviour::Normal]).collect();
    let practices: Vec<_> = behaviours
        .into_iter()
        .enumerate()
        .map(|(index, behaviour)| Practice::new(&ods(index), &asid(index), behaviour))
        .collect();
    let count = practices.len();
    let spine = start(practices, 1, NationalRecord::default()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let site = site(folder.path(), &spine);
    let list = list(count, &person);
    let run = "canary".parse().expect("a run");
    let journal = Journal::open(&site.path("runs"), &run, "admission", Timestamp::now()).expect("a journal");
    let control = Control { run: run.to_string(), journal: Some(journal), stop: Stop::new() };
    let mut events = String::new();
    // Whatever panics here or in another test at the same time is heard with all its words.
    let panics = Log::default();
    let (heard, usual) = (panics.clone(), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        let _ = writeln!(heard.clone(), "{panic}");
        usual(panic);
    }));
    let warmer = warmer(&site, &spine.ssp_root(), (impatient(), Tracer::Callers, 8));
    let lines = Admissions::new(list.as_bytes(), Timestamp::now());
    let report = warmer
        .run(control, lines, &pipeline(), &mut |event| {
            events.push_str(&format!("{}\n{event:?}\n", serde_json::to_string(event).expect("JSON")));
        })
        .await;
    assert_eq!(report.episodes.len(), count);
    assert!(report.episodes.iter().any(|episode| episode.outcome.is_warmed()));
    let logged = log.0.lock().expect("whole").clone();
    assert!(logged.windows(12).any(|window| window == b"trying again"), "the log is heard");
    let marked = tokio::spawn(async { panic!("the hook hears this") }).await;
    assert!(marked.is_err());
    let panics = panics.0.lock().expect("whole").clone();
    assert!(memchr::memmem::find(&panics, b"the hook hears this").is_some(), "panics are heard");
    let sinks: [(&str, Vec<u8>); 6] = [
        ("the panics", panics),
        ("the log", logged),
        ("the events", events.into_bytes()),
        ("the report", format!("{report:?}{}{}", report.to_json(), report.to_html()).into_bytes()),
        ("the site's files", written(&site.path(""))),
        ("the folder's names", written(folder.path())),
    ];
    let mut looked_for = 0;
    for secret in secrets {
        for encoding in encodings(secret) {
            looked_for += 1;
            for (name, sink) in &sinks {
                let found = memchr::memmem::find(sink, &encoding);
                assert!(found.is_none(), "{name} holds a canary as {:?}", String::from_utf8_lossy(&encoding));
            }
        }
    }
    assert!(looked_for > 50);
}

#[test]
fn a_canary_is_found_in_each_encoding() {
    let text = "so 9990000018 it 999 000 0018 is Canaryxanthin";
    let hidden: [Vec<u8>; 6] = [
        text.into(),
        STANDARD.encode(text).into(),
        STANDARD.encode(format!("y{text}")).into(),
        STANDARD.encode(format!("yz{text}")).into(),
        text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
        text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
    ];
    for secret in ["9990000018", "Canaryxanthin"] {
        for place in &hidden {
            assert!(
                encodings(secret).iter().any(|encoding| memchr::memmem::find(place, encoding).is_some()),
                "{secret} in {}",
                String::from_utf8_lossy(place)
            );
        }
    }
}
