//! `bedside serve`, running until it is dropped, and `curl` to ask it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus};

use crate::support::Site;

pub(crate) struct Served {
    child: Child,
    told: BufReader<ChildStderr>,
    place: String,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// As they came, names in lower case.
    pub(crate) headers: String,
}

impl Served {
    /// Serves on the socket `serve.sock` of the site.
    pub(crate) fn on_socket(site: &Site, more: &[&str]) -> Self {
        Self::start(site, &[&["serve", "--socket", "serve.sock"], more].concat())
    }

    /// Starts it and waits until it says where it listens.
    pub(crate) fn start(site: &Site, arguments: &[&str]) -> Self {
        let mut child = site.command(arguments).spawn().expect("the program runs");
        let mut told = BufReader::new(child.stderr.take().expect("piped"));
        let mut line = String::new();
        told.read_line(&mut line).expect("text");
        let place =
            line.strip_prefix("serving on ").and_then(|line| line.split_once("; ")).map(|(place, _)| place);
        let place = place.unwrap_or_else(|| panic!("it does not serve: {line}")).to_owned();
        Self { child, told, place }
    }

    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Asks it to end, and comes back when it has begun to.
    pub(crate) fn ask_to_end(&mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg(id).status().expect("kill runs").success());
        let mut line = String::new();
        self.told.read_line(&mut line).expect("text");
        assert!(line.starts_with("finishing"), "{line}");
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself, which its clients have told then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks with curl, in the folder of the site.
pub(crate) fn curl(site: &Site, arguments: &[&str]) -> Answer {
    let (body, headers) = (site.path("curl.body"), site.path("curl.headers"));
    fs::write(&body, "").expect("written");
    let mut command = Command::new("curl");
    command.current_dir(site.path("")).args(["-s", "-w", "%{http_code}", "--max-time", "60"]);
    command.arg("-o").arg(&body).arg("-D").arg(&headers).args(arguments);
    let ran = command.output().expect("curl runs");
    Answer {
        status: String::from_utf8_lossy(&ran.stdout).parse().expect("a status"),
        body: fs::read(&body).expect("a body"),
        headers: fs::read_to_string(&headers).unwrap_or_default().to_lowercase(),
    }
}

/// Asks the socket `serve.sock`.
pub(crate) fn ask(site: &Site, path: &str, more: &[&str]) -> Answer {
    let url = format!("http://bedside{path}");
    curl(site, &[&["--unix-socket", "serve.sock", &url], more].concat())
}

/// A key pair of a host system in the folder of the site: `host.key` and `host.pub`.
pub(crate) fn make_host(site: &Site) {
    for arguments in [
        &["genpkey", "-algorithm", "ed25519", "-out", "host.key"][..],
        &["pkey", "-in", "host.key", "-pubout", "-out", "host.pub"],
    ] {
        let ran = Command::new("openssl").current_dir(site.path("")).args(arguments).output();
        assert!(ran.expect("openssl runs").status.success());
    }
}

/// The header with a token that the host signed for the site's reader, made as the example makes it.
pub(crate) fn bearer(site: &Site, audience: &str, episode: &str) -> String {
    let mut command = Command::new("python3");
    command.current_dir(site.path("")).arg(example("sign_token.py")).args(["host.key", audience, episode]);
    let reader = fs::File::open(site.path("reader.json")).expect("a reader");
    let ran = command.stdin(reader).output().expect("python3 runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    format!("Authorization: Bearer {}", String::from_utf8(ran.stdout).expect("text").trim_end())
}

pub(crate) fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)
}
