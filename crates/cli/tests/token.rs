//! A key-encryption key in a PKCS#11 token, from its making to the end of the key file that it takes the place of.
//! Against SoftHSM; where there is none, the test says SKIPPED.

#[allow(dead_code, reason = "each test program uses a part of it")]
mod support;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use support::{EPISODE, Site};

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// What the operator does with the token's own tool; `false` where there is none.
fn make_key(site: &Site) -> bool {
    let conf = site.path("softhsm2.conf");
    let util = |arguments: &[&str]| {
        Command::new("softhsm2-util")
            .args(arguments)
            .env("SOFTHSM2_CONF", &conf)
            .current_dir(site.path(""))
            .output()
    };
    if !Path::new(MODULE).exists() || util(&["--version"]).is_err() {
        return false;
    }
    fs::create_dir(site.path("tokens")).expect("made");
    site.write("softhsm2.conf", &format!("directories.tokendir = {}\n", site.path("tokens").display()));
    site.write("kek.bin", "0123456789abcdef0123456789abcdef");
    for arguments in [
        "--init-token --free --label bedside --so-pin 5678 --pin 1234",
        "--import kek.bin --aes --token bedside --label kek --id 01 --pin 1234",
    ] {
        let made = util(&arguments.split(' ').collect::<Vec<_>>()).expect("ran");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    fs::remove_file(site.path("kek.bin")).expect("removed");
    true
}

fn run(site: &Site, arguments: &[&str]) -> Output {
    site.command(arguments)
        .env("SOFTHSM2_CONF", site.path("softhsm2.conf"))
        .output()
        .expect("the program runs")
}

fn done(site: &Site, arguments: &[&str]) -> String {
    let ran = run(site, arguments);
    assert_eq!(ran.status.code(), Some(0), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8_lossy(&ran.stdout).into_owned()
}

#[test]
fn a_site_moves_from_a_key_file_to_a_token_and_destroys_the_file() {
    let site = Site::new();
    if !make_key(&site) {
        // Not captured, so that it is seen when the test passes.
        let _ = writeln!(std::io::stderr(), "SKIPPED: there is no softhsm2");
        return;
    }
    site.write_private("token.pin", "1234\n");
    let uri = format!(
        "pkcs11:token=bedside;object=kek?module-path={MODULE}&pin-source=file:{}",
        site.path("token.pin").display()
    );
    let config = fs::read_to_string(site.path("config.toml")).expect("text");
    let with_key = |key: &str| site.write("config.toml", &config.replace("key = \"cache.key\"", key));
    with_key(&format!("key_pkcs11 = \"{uri}\"\nolder_keys = [\"cache.key\"]"));
    assert!(done(&site, &["keys", "rotate"]).starts_with("1 keys wrapped again"));
    with_key(&format!("key_pkcs11 = \"{uri}\""));
    fs::remove_file(site.path("cache.key")).expect("destroyed");
    let used = done(&site, &["keys", "list"]);
    assert!(used.starts_with("pkcs11-") && used.lines().count() == 1, "{used}");
    assert!(done(&site, &["show", EPISODE, "--reader", "reader.json"]).contains("Zanthoxylum"));

    site.write_private("token.pin", "wrong\n");
    let ran = run(&site, &["show", EPISODE, "--reader", "reader.json"]);
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(2));
    assert!(said.contains("refused the PIN") && !said.contains("wrong"), "{said}");
}
