//! The engineers' binary, and the simulated Spine that it runs.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The engineers' binary. It is built with all others; where only this crate's tests run, it is built here.
pub(crate) fn lab() -> PathBuf {
    let lab = Path::new(env!("CARGO_BIN_EXE_bedside")).with_file_name("bedside-lab");
    if !lab.is_file() {
        let mut build = Command::new(env!("CARGO"));
        let built = build.args(["build", "-q", "-p", "bedside-lab"]).current_dir(env!("CARGO_MANIFEST_DIR"));
        assert!(built.status().expect("cargo runs").success());
    }
    lab
}

/// A simulated Spine that runs until this is dropped.
pub(crate) struct Spine(Child);

impl Spine {
    /// Starts it; configuration, admissions and keys are in the folder when this returns.
    pub(crate) fn start(folder: &Path) -> Self {
        let mut command = Command::new(lab());
        command.args(["provider", "--out"]).arg(folder).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the lab runs");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let ready = lines.map(|line| line.expect("text")).any(|line| line == "Ctrl-C ends it.");
        assert!(ready, "the simulated Spine did not start");
        Self(child)
    }
}

impl Drop for Spine {
    fn drop(&mut self) {
        // It may have ended by itself, which its clients have told then.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
