//! `bedside serve`, asked with curl.

#[path = "support/served.rs"]
mod served;
#[allow(dead_code, reason = "each test program uses a part of it")]
mod support;

use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use served::{Served, ask, bearer, curl, make_host};
use support::{EPISODE, Site, exists, reader, with};

const ALLERGIES: &str = "/v1/episodes/EP-1/tables/allergies";
const ASSERTED: [&str; 2] = ["--json", "@reader.json"];
const TOKENS: [&str; 4] = ["--token-key", "host.pub", "--audience", "ward-9"];

/// The events of the audit log: kind, verdict and reason.
fn audited(site: &Site) -> Vec<(String, String, String)> {
    let exported = site.run(&["audit", "export"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let lines = String::from_utf8(exported.stdout).expect("text");
    let events = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    events
        .map(|event| {
            (text(&event["subtype"][0]["code"]), text(&event["outcome"]), text(&event["outcomeDesc"]))
        })
        .collect()
}

fn batch(stream: &[u8]) -> (Vec<(String, String)>, RecordBatch) {
    let mut reader = StreamReader::try_new(stream, None).expect("a stream");
    let mut metadata: Vec<_> = reader.schema().metadata().clone().into_iter().collect();
    metadata.sort();
    (metadata, reader.next().expect("a batch").expect("whole"))
}

#[test]
fn a_table_comes_with_its_caveats_and_is_on_record() {
    let site = Site::new();
    let _served = Served::on_socket(&site, &[]);
    let before = audited(&site).len();
    let answer = ask(&site, ALLERGIES, &ASSERTED);
    assert_eq!(answer.status, 200);
    assert!(answer.headers.contains("content-type: application/json") && answer.headers.contains("no-store"));
    let object: Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(object["rows"][0]["allergy_term"], "Zanthoxylum");
    assert_eq!(object["caveats"]["bedside.section.allergies"], "1 entry");
    let events = audited(&site);
    assert!(events[before..].iter().any(|(kind, outcome, _)| kind == "read" && outcome == "0"), "{events:?}");
}

#[test]
fn a_stream_is_the_one_that_show_prints() {
    let site = Site::new();
    let _served = Served::on_socket(&site, &[]);
    let accept = ["-H", "Accept: application/vnd.apache.arrow.stream", "-d", "@reader.json"];
    let answer = ask(&site, ALLERGIES, &accept);
    assert_eq!(answer.status, 200);
    assert!(answer.headers.contains("content-type: application/vnd.apache.arrow.stream"));
    let show = ["show", EPISODE, "--table", "allergies", "--format", "arrow", "--reader", "reader.json"];
    assert_eq!(batch(&answer.body), batch(&site.run(&show).stdout));
}

#[test]
fn a_token_opens_its_episode_and_a_second_episodes_is_refused_and_on_record() {
    let site = Site::new();
    make_host(&site);
    let _served = Served::on_socket(&site, &TOKENS);
    let status = |header: &str| ask(&site, ALLERGIES, &["-H", header]).status;
    let ours = bearer(&site, "ward-9", EPISODE);
    assert_eq!(status(&ours), 200);
    let before = audited(&site).len();
    let refused = ask(&site, ALLERGIES, &["-H", &bearer(&site, "ward-9", "EP-2")]);
    assert_eq!(refused.status, 403);
    let told: Value = serde_json::from_slice(&refused.body).expect("JSON");
    assert_eq!(told, json!({"error": "refused", "message": "the grant is for another episode"}));
    let events = audited(&site);
    assert_eq!(events.len(), before + 1);
    assert!(events[before].0 == "grant" && events[before].2.contains("other_episode"), "{events:?}");
    assert_eq!(status(&bearer(&site, "ward-8", EPISODE)), 401, "another audience");
    assert_eq!(status(&ours.replace("Bearer ", "Bearer x")), 401, "a changed token");
    assert_eq!(status("Authorization: Basic YTpi"), 401);
    let nobody = ask(&site, ALLERGIES, &[]);
    assert_eq!(nobody.status, 401);
    assert!(nobody.headers.contains("www-authenticate: bearer"));
}

#[test]
fn without_the_key_of_a_host_no_token_counts() {
    let site = Site::new();
    make_host(&site);
    let _served = Served::on_socket(&site, &[]);
    assert_eq!(ask(&site, ALLERGIES, &["-H", &bearer(&site, "ward-9", EPISODE)]).status, 401);
}

#[test]
fn what_policy_forbids_is_refused_as_on_the_command_line() {
    let site = Site::new();
    let _served = Served::on_socket(&site, &[]);
    let asked = |field: &str, value: Value| {
        site.write("other.json", &with(reader(), field, value).to_string());
        let answer = ask(&site, ALLERGIES, &["--json", "@other.json"]);
        let told: Value = serde_json::from_slice(&answer.body).expect("JSON");
        (answer.status, told["message"].as_str().unwrap_or_default().to_owned())
    };
    let before = audited(&site).len();
    for (field, value, expected) in [
        ("reason", json!("research"), "reason: must be directcare"),
        ("relationship", json!(null), "relationship: must say"),
        ("family", json!(""), "family: must name the real person"),
        ("organisation_ods", json!("RX998"), "another organisation"),
    ] {
        let (status, message) = asked(field, value);
        assert!(status == 403 && message.contains(expected), "{field}: {status} {message}");
    }
    assert_eq!(audited(&site).len(), before + 4, "each refusal is on record");
    assert_eq!(asked("role", json!(null)).0, 400);
    let long = json!("x".repeat(20_000));
    assert_eq!(asked("relationship", long).0, 400, "longer than an assertion can be");
}

#[test]
fn an_episode_that_is_not_to_be_shown_says_why() {
    let site = Site::new();
    let _served = Served::on_socket(&site, &[]);
    let status = |path: &str| ask(&site, path, &ASSERTED).status;
    assert_eq!(status("/v1/episodes/EP-9/tables/allergies"), 404);
    assert_eq!(status("/v1/episodes/EP-1/tables/socks"), 404);
    let by = ["--reader", "reader.json"];
    site.run(&[&["hold", EPISODE, "--because", "dissent"][..], &by].concat());
    assert_eq!(status(ALLERGIES), 423);
    site.run(&[&["hold", EPISODE, "--release"][..], &by].concat());
    assert_eq!(status(ALLERGIES), 423, "not before it is fetched again");
    site.run(&[&["purge", EPISODE][..], &by].concat());
    assert_eq!(status(ALLERGIES), 410);
}

#[test]
fn over_tls_a_token_is_needed_and_an_assertion_is_nobodys_word() {
    let site = Site::new();
    make_host(&site);
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    site.write("serve.pem", &params.self_signed(&key).expect("a certificate").pem());
    site.write_private("serve.key", &key.serialize_pem());
    let listen = ["serve", "--listen", "127.0.0.1:0", "--certificate", "serve.pem", "--tls-key", "serve.key"];
    let served = Served::start(&site, &[&listen[..], &TOKENS].concat());
    let place = served.place().replace("127.0.0.1", "localhost");
    let url = format!("{place}{ALLERGIES}");
    let trusted = ["--cacert", "serve.pem", &url];
    let with = |more: &[&str]| curl(&site, &[&trusted[..], more].concat()).status;
    assert_eq!(with(&["-H", &bearer(&site, "ward-9", EPISODE)]), 200);
    assert_eq!(with(&ASSERTED), 401);
    assert_eq!(curl(&site, &[&url.replace("https", "http")]).status, 0, "nothing is said in the clear");
    assert_eq!(
        site.run(&["serve", "--listen", "127.0.0.1:0"]).status.code(),
        Some(2),
        "and no TLS without a key"
    );
    let open = listen.map(|argument| argument.replace("127.0.0.1", "0.0.0.0"));
    let open: Vec<&str> = open.iter().map(String::as_str).chain(TOKENS).collect();
    let refused = site.run(&open);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("not an address of this machine alone"));
}

#[test]
fn health_and_metrics_name_nobody() {
    let site = Site::new();
    make_host(&site);
    let _served = Served::on_socket(&site, &TOKENS);
    assert_eq!((ask(&site, "/health", &[]).status, ask(&site, "/health", &[]).body), (200, b"ok\n".to_vec()));
    ask(&site, ALLERGIES, &ASSERTED);
    ask(&site, ALLERGIES, &["-H", &bearer(&site, "ward-9", "EP-2")]);
    let text = String::from_utf8(ask(&site, "/metrics", &[]).body).expect("text");
    for sample in [
        "bedside_serve_answers_total{status=\"200\"} 1",
        "bedside_serve_answers_total{status=\"403\"} 1",
        "bedside_serve_answer_seconds_count 2",
        // This one, and those before it that are just being closed.
        "bedside_serve_connections ",
    ] {
        assert!(text.lines().any(|line| line.starts_with(sample)), "{sample}:\n{text}");
    }
    let tag = serde_json::from_slice::<Value>(&site.run(&["list", "--json"]).stdout).expect("JSON");
    let tag = tag["episode_tag"].as_str().expect("a tag");
    // A time may well hold three nines; what stands here is longer than chance.
    for word in
        ["EP-1", "EP-2", tag, "Other", "Sampleton", "user-18", "RX999", "A99001", "Zanthoxylum", "999000"]
    {
        assert!(!text.contains(word), "{word}:\n{text}");
    }
}

#[test]
fn health_is_whether_the_log_on_the_disk_can_be_written() {
    let site = Site::new();
    let _served = Served::on_socket(&site, &[]);
    let health = || ask(&site, "/health", &[]).status;
    assert_eq!(health(), 200);
    let log = site.path("audit/audit.ndjson");
    std::fs::set_permissions(&log, PermissionsExt::from_mode(0o644)).expect("allowed");
    let told = (health(), ask(&site, ALLERGIES, &ASSERTED).status);
    assert_eq!(told, (503, 503), "what others may read takes no record, and health says so");
    std::fs::set_permissions(&log, PermissionsExt::from_mode(0o600)).expect("allowed");
    assert_eq!(health(), 200);
}

#[test]
fn a_caller_that_hangs_is_let_go_and_whoever_waits_comes_in() {
    let site = Site::new();
    let _served = Served::on_socket(&site, &["--connections", "1", "--seconds", "1"]);
    let mut hangs = UnixStream::connect(site.path("serve.sock")).expect("comes in");
    hangs.write_all(b"GET /health HTTP/1.1\r\n").expect("sent");
    let metrics = ask(&site, "/metrics", &[]);
    assert_eq!(metrics.status, 200);
    let text = String::from_utf8(metrics.body).expect("text");
    assert!(text.contains("bedside_serve_timeouts_total 1\n"), "{text}");
    assert_eq!(hangs.read(&mut [0; 1]).expect("closed"), 0);
}

#[test]
fn at_the_end_what_was_begun_is_finished_and_nobody_else_comes_in() {
    let site = Site::new();
    let mut served = Served::on_socket(&site, &[]);
    let _idle = UnixStream::connect(site.path("serve.sock")).expect("comes in");
    let mut begun = UnixStream::connect(site.path("serve.sock")).expect("comes in");
    let assertion = reader().to_string();
    let head = format!(
        "POST {ALLERGIES} HTTP/1.1\r\nHost: bedside\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        assertion.len()
    );
    begun.write_all(head.as_bytes()).expect("sent");
    let mut go_on = [0; 25];
    begun.read_exact(&mut go_on).expect("it waits for the rest");
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    served.ask_to_end();
    begun.write_all(assertion.as_bytes()).expect("sent");
    let mut answer = String::new();
    begun.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("Zanthoxylum"), "{answer}");
    assert!(served.wait().success());
    assert!(!exists(&site.path("serve.sock")));
}

#[test]
fn where_to_serve_may_be_configured_and_flags_go_before_it() {
    let site = Site::new();
    make_host(&site);
    let config = std::fs::read_to_string(site.path("config.toml")).expect("there");
    let section =
        "[serve]\nsocket = 'serve.sock'\ntoken_key = 'host.pub'\naudience = 'ward-9'\nseconds = 5\n";
    site.write("config.toml", &format!("{config}\n{section}"));
    let configured = Served::start(&site, &["serve"]);
    assert_eq!(configured.place(), site.path("serve.sock").display().to_string());
    assert_eq!(ask(&site, ALLERGIES, &["-H", &bearer(&site, "ward-9", EPISODE)]).status, 200);
    let flagged = Served::start(&site, &["serve", "--socket", "other.sock", "--audience", "ward-8"]);
    assert_eq!(flagged.place(), "other.sock");
    let with_token =
        ["--unix-socket", "other.sock", "http://bedside/v1/episodes/EP-1/tables/allergies", "-H"];
    let asked =
        |audience| curl(&site, &[&with_token[..], &[&bearer(&site, audience, EPISODE)]].concat()).status;
    assert_eq!((asked("ward-8"), asked("ward-9")), (200, 401));
    for (arguments, told) in [
        (&["serve", "--listen", "127.0.0.1:0"][..], "--listen needs"),
        (&["serve", "--socket", "group.sock", "--group", "0"], "a group needs --token-key"),
        (&["serve", "--socket", "token.sock", "--audience", "ward-9"], "tokens need both"),
        (
            &["serve", "--socket", "token.sock", "--token-key", "host.pub", "--audience", ""],
            "tokens need both",
        ),
        (&["serve", "--set", "serve.seconds=86400"], "flag --set: serve.seconds: must be at most 3600"),
        (&["serve", "--set", "serve.listen=127.0.0.1:8443"], "serve.listen: name either it or socket"),
    ] {
        let alone = arguments.contains(&"--socket");
        site.write("config.toml", &if alone { config.clone() } else { format!("{config}\n{section}") });
        let refused = site.run(arguments);
        let words = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(2) && words.contains(told), "{arguments:?}: {words}");
    }
}

#[test]
fn members_of_the_group_bring_a_token_and_their_word_is_not_taken() {
    let site = Site::new();
    if std::fs::metadata(site.path("config.toml")).expect("there").uid() != 0 {
        // Past the capture of tests that pass, so that it is seen.
        let _ = writeln!(std::io::stderr(), "SKIPPED: only root can be somebody else");
        return;
    }
    make_host(&site);
    // 65534 is nobody, who may come as far as the socket.
    std::fs::set_permissions(site.path(""), PermissionsExt::from_mode(0o711)).expect("allowed");
    let _served = Served::on_socket(&site, &[&TOKENS[..], &["--group", "65534"]].concat());
    let token = bearer(&site, "ward-9", EPISODE);
    let url = format!("http://bedside{ALLERGIES}");
    let assertion = reader().to_string();
    let ask_as = |group: &str, more: &[&str]| {
        let mut command = std::process::Command::new("setpriv");
        command.args(["--reuid=65534", "--clear-groups", &format!("--regid={group}"), "curl", "-s", "-o"]);
        command.args(["/dev/null", "-w", "%{http_code}", "--unix-socket"]).arg(site.path("serve.sock"));
        let ran = command.arg(&url).args(more).output().expect("setpriv runs");
        String::from_utf8_lossy(&ran.stdout).into_owned()
    };
    assert_eq!(ask_as("65534", &["-H", &token]), "200");
    assert_eq!(ask_as("65534", &["--json", &assertion]), "401");
    assert_eq!(ask_as("65533", &["-H", &token]), "000", "not a member");
    assert_eq!(ask(&site, ALLERGIES, &ASSERTED).status, 200, "the owner's word counts on");
}

#[test]
fn two_do_not_serve_on_one_socket() {
    let site = Site::new();
    let _served = Served::on_socket(&site, &[]);
    let second = site.run(&["serve", "--socket", "serve.sock"]);
    assert_eq!(second.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&second.stderr).contains("another process listens on serve.sock"));
}

#[test]
fn a_refusal_reaches_who_is_still_sending_the_body() {
    let site = Site::new();
    let _served = Served::on_socket(&site, &[]);
    let body = reader().to_string();
    let head =
        format!("POST {ALLERGIES}x HTTP/1.1\r\nHost: bedside\r\nContent-Length: {}\r\n\r\n", body.len());
    for _ in 0..20 {
        let mut stream = UnixStream::connect(site.path("serve.sock")).expect("somebody listens");
        stream.write_all(head.as_bytes()).expect("the head is taken");
        // What came later has its answer: time enough for a refusal that does not wait for the body.
        assert_eq!(ask(&site, "/health", &[]).status, 200);
        stream.write_all(body.as_bytes()).expect("the body is taken");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    }
}
