//! The end of an episode, keys and the audit log, as an operator meets them.

#[allow(dead_code, reason = "each test program uses a part of it")]
mod support;

use std::process::Output;

use serde_json::Value;
use support::{EPISODE, Site};

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

const WHO: [&str; 2] = ["--reader", "reader.json"];

fn run(site: &Site, command: &[&str]) -> Output {
    site.run(&[command, &WHO].concat())
}

#[test]
fn a_discharge_is_reported_and_taken_back() {
    let site = Site::new();
    assert_eq!(site.run(&["discharge", EPISODE]).status.code(), Some(4), "nobody reports it");
    let output = run(&site, &["discharge", EPISODE]);
    assert!(printed(&output).starts_with("discharged: shown until "), "{}", told(&output));
    assert!(printed(&site.run(&["list"])).contains("discharged"));
    let swept = printed(&site.run(&["sweep"]));
    let (told_first, head) = swept.split_once("; audit head ").expect("an anchor");
    assert_eq!(told_first, "0 purged, 1 kept, 0 in use, 0 things mended, 0 journals removed");
    assert_eq!(site.run(&["audit", "verify", "--anchor", head.trim_end()]).status.code(), Some(0));
    assert!(printed(&run(&site, &["confirm", EPISODE])).starts_with("ready: "));
    let unknown = run(&site, &["discharge", "EP-unknown"]);
    assert_eq!(unknown.status.code(), Some(3));
}

#[test]
fn a_held_episode_is_shown_to_nobody() {
    let site = Site::new();
    assert!(printed(&run(&site, &["hold", EPISODE, "--because", "dissent"])).starts_with("held: "));
    let shown = run(&site, &["show", EPISODE]);
    assert_eq!((shown.status.code(), printed(&shown).as_str()), (Some(3), ""));
    assert!(told(&shown).contains("held (dissent)"), "{}", told(&shown));
    let released = printed(&run(&site, &["hold", EPISODE, "--release"]));
    assert!(released.starts_with("held: shown to nobody until it is fetched again, purged by"), "{released}");
    assert!(told(&run(&site, &["show", EPISODE])).contains("fetched again: warm it"));
    assert_eq!(run(&site, &["hold", EPISODE]).status.code(), Some(2), "a reason, or the release");
    assert_eq!(run(&site, &["hold", EPISODE, "--because", "curiosity"]).status.code(), Some(2));
}

#[test]
fn a_new_key_takes_the_place_of_the_old_one() {
    let site = Site::new();
    let secret = bedside_audit::Secret::random(&bedside_audit::SystemRandomness).expect("randomness");
    secret.to_new_file(&site.path("new.key")).expect("written");
    let new = ["--set", "cache.key=new.key"];
    let both = ["--set", "cache.key=new.key", "--set", "cache.older_keys=cache.key"];
    let show = ["show", EPISODE, "--reader", "reader.json"];
    assert_eq!(site.run(&[&show[..], &new].concat()).status.code(), Some(3), "not before the rotation");
    assert_eq!(site.run(&[&show[..], &both].concat()).status.code(), Some(0));
    let rotated = printed(&site.run(&[&["keys", "rotate"][..], &both].concat()));
    assert_eq!(rotated, "1 keys wrapped again, 0 were wrapped by the key in use already\n");
    assert_eq!(site.run(&[&show[..], &new].concat()).status.code(), Some(0));
    let listed = printed(&site.run(&[&["keys", "list"][..], &new].concat()));
    assert!(listed.ends_with(" wraps 1\n") && listed.lines().count() == 1, "{listed}");
}

#[test]
fn a_credential_is_a_key_and_two_places_of_a_key_are_none() {
    let site = Site::new();
    let config = std::fs::read_to_string(site.path("config.toml")).expect("read");
    let config = config.replace("key = \"cache.key\"", "key_credential = \"cache.key\"");
    site.write("credential.toml", &config);
    let mut command = site.command(&["--config", "credential.toml", "list"]);
    assert_eq!(command.output().expect("runs").status.code(), Some(2), "no service manager");
    command.env("CREDENTIALS_DIRECTORY", site.path(""));
    let output = command.output().expect("runs");
    assert!(printed(&output).contains("ready"), "{}", told(&output));
    let both = site.run(&["list", "--set", "cache.key_credential=x"]);
    assert_eq!(both.status.code(), Some(2));
    assert!(told(&both).contains("name one of key"), "{}", told(&both));
}

#[test]
fn a_policy_file_shortens_and_names_the_roles() {
    let site = Site::new();
    let policy = ["--set", "cache.policy=policy.toml"];
    site.write("policy.toml", "roles = ['Porter']");
    let refused = site.run(&[&["show", EPISODE, "--reader", "reader.json"][..], &policy].concat());
    assert_eq!(refused.status.code(), Some(4));
    assert!(told(&refused).contains("does not permit this role"), "{}", told(&refused));
    site.write("policy.toml", "ceiling_hours = 100000");
    let output = site.run(&[&["list"][..], &policy].concat());
    assert_eq!(output.status.code(), Some(2));
    assert!(told(&output).contains("ceiling: hours must be at most 2160"), "{}", told(&output));
}

#[test]
fn a_bundle_that_was_not_kept_is_not_there() {
    let site = Site::new();
    let output = run(&site, &["bundle", EPISODE]);
    assert_eq!((output.status.code(), printed(&output).as_str()), (Some(3), ""));
    assert!(told(&output).contains("the bundle was not kept"), "{}", told(&output));
}

#[test]
fn a_patient_hears_who_saw_their_record() {
    let site = Site::new();
    run(&site, &["show", EPISODE]);
    let output = site.run_with_input(&["audit", "who-saw"], "999 000 0018\n");
    let rows = printed(&output);
    assert!(rows.contains("commit") && rows.contains("read"), "{rows}");
    assert!(told(&output).contains("the chain holds"), "{}", told(&output));
    assert!(!rows.contains("9990000018"));
    for wrong in ["", "9990000019", "two words"] {
        assert_eq!(site.run_with_input(&["audit", "who-saw"], wrong).status.code(), Some(2), "{wrong}");
    }
}

#[test]
fn the_log_is_exported_as_fhir() {
    let site = Site::new();
    run(&site, &["show", EPISODE]);
    let exported = printed(&site.run(&["audit", "export"]));
    let events: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(events.iter().all(|event| event["resourceType"] == "AuditEvent"));
    assert_eq!(events.last().expect("events")["action"], "R");
}
