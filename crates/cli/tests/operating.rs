//! The units of `docs/operating/`, looked at by systemd itself where it is there.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

#[test]
fn the_units_are_ones_that_systemd_takes() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        // Past the capture of tests that pass, so that it is seen.
        let _ = writeln!(std::io::stderr(), "SKIPPED: no systemd-analyze");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operating");
    let mut paths = Vec::new();
    for entry in fs::read_dir(units).expect("a folder") {
        let unit = entry.expect("an entry").path();
        if unit.extension().is_some_and(|ending| ending == "service" || ending == "timer") {
            let text = fs::read_to_string(&unit).expect("text");
            let copy = folder.path().join(unit.file_name().expect("a name"));
            // It is not installed here.
            fs::write(&copy, text.replace("/usr/bin/bedside", env!("CARGO_BIN_EXE_bedside")))
                .expect("written");
            paths.push(copy);
        }
    }
    assert_eq!(paths.len(), 5);
    let ran =
        Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&paths).output().expect("it runs");
    let told = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && told.is_empty(), "{told}");
}
