//! Traces of a run, as a collector on this machine receives them: a span for the run, each admission and each of its steps,
//! and in none of them a person, an episode, a practice or a word of a record (`security` sheet, section 7).

#[path = "support/lab.rs"]
mod lab;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::Value;

/// Everything that a span may carry. Whoever adds to it looks at the sheet first.
const MAY_BE_TOLD: [&str; 10] = [
    "bundle_bytes",
    "level",
    "outcome",
    "pipeline",
    "rows",
    "sealed_bytes",
    "ssp_trace_id",
    "target",
    "trace_id",
    "wait_ms",
];

struct Site {
    folder: PathBuf,
    _spine: lab::Spine,
    _outer: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let outer = tempfile::tempdir().expect("a folder");
        let folder = outer.path().join("spine");
        let spine = lab::Spine::start(&folder);
        Self { folder, _spine: spine, _outer: outer }
    }

    fn run(&self, endpoint: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bedside"));
        command.current_dir(&self.folder).env("BEDSIDE_CONFIG", "config.toml");
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint).env("HTTP_PROXY", "http://127.0.0.1:1");
        command.args(arguments).output().expect("the program runs")
    }

    fn warm(&self, endpoint: &str) -> Output {
        self.run(endpoint, &["warm", "--admissions", "admissions.ndjson"])
    }

    /// Every text of the admissions, and of the medication of the records that came of them.
    fn secrets(&self) -> BTreeSet<String> {
        let mut texts = BTreeSet::new();
        let list = fs::read_to_string(self.folder.join("admissions.ndjson")).expect("a list");
        for line in list.lines() {
            gather(&serde_json::from_str(line).expect("JSON"), &mut texts);
        }
        let show = ["show", "EP-2026-0002", "--table", "medications", "--format", "ndjson"];
        let shown = self.run("", &[&show[..], &["--reader", "reader.json"]].concat());
        assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
        for line in String::from_utf8(shown.stdout).expect("text").lines() {
            let row: Value = serde_json::from_str(line).expect("JSON");
            gather(&row["medication_term"], &mut texts);
            gather(&row["dosage_text"], &mut texts);
        }
        // Too short to be told from a number, and what is no secret.
        texts.retain(|text| text.len() > 3 && text != "directcare");
        texts
    }
}

#[test]
fn a_run_is_traced_step_by_step_and_nobody_is_named() {
    let site = Site::new();
    let (endpoint, received) = collect();
    let warmed = site.warm(&endpoint);
    assert_eq!(warmed.status.code(), Some(3), "{}", String::from_utf8_lossy(&warmed.stderr));
    // The program ends when the collector has answered.
    let requests: Vec<(String, Value)> = received.try_iter().collect();
    assert!(requests.iter().all(|(line, _)| line == "POST /v1/traces HTTP/1.1"), "{requests:?}");
    let bodies: Vec<Value> = requests.into_iter().map(|(_, body)| body).collect();

    let spans = spans(&bodies);
    let by_id: BTreeMap<&str, &Value> = spans.iter().map(|span| (text(span, "spanId"), *span)).collect();
    let name = |span: &Value| text(span, "name").to_owned();
    let path = |span: &Value| {
        let (mut path, mut at) = (name(span), by_id.get(text(span, "parentSpanId")));
        while let Some(parent) = at {
            path = format!("{}/{path}", name(parent));
            at = by_id.get(text(parent, "parentSpanId"));
        }
        path
    };
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    spans.iter().for_each(|span| *seen.entry(path(span)).or_default() += 1);
    let list = fs::read_to_string(site.folder.join("admissions.ndjson")).expect("a list");
    assert_eq!((seen["run"], seen["run/episode"]), (1, list.lines().count()));
    for step in ["look_up", "fetch", "fetch/attempt", "seal"] {
        assert!(seen.contains_key(&format!("run/episode/{step}")), "{seen:?}");
    }
    let outcomes: Vec<_> =
        spans.iter().filter(|span| name(span) == "episode").map(|span| attribute(span, "outcome")).collect();
    assert!(
        outcomes.contains(&"warmed".to_owned()) && outcomes.contains(&"not_fetched".to_owned()),
        "{outcomes:?}"
    );
    let told: BTreeSet<&str> = spans.iter().flat_map(|span| keys(span)).collect();
    assert!(told.iter().all(|key| MAY_BE_TOLD.contains(key)), "{told:?}");
    let sent = bodies.iter().map(Value::to_string).collect::<String>();
    let named: Vec<_> = site.secrets().into_iter().filter(|secret| sent.contains(secret.as_str())).collect();
    assert_eq!(named, [""; 0]);
}

#[test]
fn a_collector_that_is_not_there_or_elsewhere_stops_no_run() {
    let site = Site::new();
    let gone = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    for (endpoint, told) in [
        (format!("http://{gone}"), "traces are missing"),
        ("https://collector.example".to_owned(), "must be http to this machine"),
    ] {
        let warmed = site.warm(&endpoint);
        let words = String::from_utf8_lossy(&warmed.stderr).into_owned();
        assert_eq!(warmed.status.code(), Some(3), "{words}");
        assert!(words.contains(told), "{words}");
        assert!(site.folder.join("cache").is_dir());
    }
}

/// A collector: where it listens, and what it is sent.
fn collect() -> (String, Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = sender.send(receive(stream.expect("a connection")));
        }
    });
    (endpoint, receiver)
}

fn receive(stream: TcpStream) -> (String, Value) {
    let mut reader = BufReader::new(&stream);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).expect("a request");
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a head");
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a number");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    (&stream)
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        .expect("answered");
    (first.trim().to_owned(), serde_json::from_slice(&body).expect("JSON"))
}

fn spans(bodies: &[Value]) -> Vec<&Value> {
    bodies
        .iter()
        .flat_map(|body| array(body, "resourceSpans"))
        .flat_map(|resource| array(resource, "scopeSpans"))
        .flat_map(|scope| array(scope, "spans"))
        .collect()
}

fn array<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of[name].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of[name].as_str().unwrap_or_default()
}

/// The names of what a span and its events carry.
fn keys(span: &Value) -> impl Iterator<Item = &str> {
    let events = array(span, "events").iter().flat_map(|event| array(event, "attributes"));
    array(span, "attributes").iter().chain(events).map(|attribute| text(attribute, "key"))
}

fn attribute(span: &Value, name: &str) -> String {
    let found = array(span, "attributes").iter().find(|attribute| text(attribute, "key") == name);
    found.map(|attribute| text(&attribute["value"], "stringValue").to_owned()).unwrap_or_default()
}

fn gather(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => drop(texts.insert(text.clone())),
        Value::Array(items) => items.iter().for_each(|item| gather(item, texts)),
        Value::Object(fields) => fields.values().for_each(|field| gather(field, texts)),
        _ => {}
    }
}
