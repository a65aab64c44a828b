//! What the disk promises to be durable is: the system calls of the real one, in their order (`reliability` sheet,
//! section 4, W2 to W10). The crash matrix plays the trait and believes it; here is looked at what it believes.

use std::path::Path;
use std::process::Command;

use bedside_audit::disk::{Disk, LocalDisk};

const CHILD: &str = "BEDSIDE_DURABLE_CHILD";

/// Not a test of its own: what the traced child of the next one does.
#[test]
fn child_writes() {
    let Some(root) = std::env::var_os(CHILD) else { return };
    let disk = LocalDisk::open(Path::new(&root)).expect("opened");
    disk.create_dir("d").expect("made");
    disk.write_new("d/new", b"1").expect("written");
    disk.append("d/new", b"2").expect("appended");
    disk.truncate("d/new", 1).expect("cut");
    disk.replace("d/small", b"3").expect("replaced");
    disk.rename("d/small", "d/moved").expect("renamed");
    disk.sync_dir("d").expect("synced");
    disk.shred("d/moved").expect("shredded");
}

/// The calls that change or sync something below the root, each as its name and the file's; `None` where nothing can
/// be traced.
fn traced() -> Option<Vec<String>> {
    let home = tempfile::tempdir().expect("temporary directory");
    let (root, log) = (home.path().join("root"), home.path().join("log"));
    let calls = "trace=write,pwrite64,ftruncate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat";
    let status = Command::new("strace")
        .args(["-f", "-y", "-s", "0", "-qq", "-e", calls, "-o"])
        .arg(&log)
        .arg(std::env::current_exe().expect("this program"))
        .args(["--exact", "child_writes", "--test-threads=1"])
        .env(CHILD, &root)
        .output();
    let output = status.ok()?;
    let text = std::fs::read_to_string(log).ok()?;
    if text.contains("Operation not permitted") || String::from_utf8_lossy(&output.stderr).contains("ptrace")
    {
        return None;
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let root = root.to_string_lossy().into_owned();
    Some(text.lines().filter(|line| line.contains(&root)).filter_map(|line| call(line, &root)).collect())
}

/// `1234 fsync(5</tmp/x/root/d/new>) = 0` as `fsync d/new`; a rename or an unlink with the name that it takes away.
fn call(line: &str, root: &str) -> Option<String> {
    let line = line.split_once(' ')?.1.trim_start();
    let (name, arguments) = line.split_once('(')?;
    let below = arguments.split_once(root)?.1;
    let path = below.split_once('>')?.0.trim_start_matches('/');
    let quoted = arguments.split('"').nth(1).map(|name| format!("/{name}")).unwrap_or_default();
    let named = matches!(name, "renameat" | "renameat2" | "unlinkat" | "rename" | "unlink");
    let name = name.trim_end_matches('2');
    Some(if named { format!("{name} {path}{quoted}") } else { format!("{name} {path}") })
}

#[test]
fn every_write_is_synced_before_it_is_reported_and_every_name_before_it_is_relied_on() {
    let Some(calls) = traced() else {
        println!("SKIPPED: there is no strace, or it may not trace");
        return;
    };
    let expected = [
        "write d/new",
        "fsync d/new",
        "write d/new",
        "fdatasync d/new",
        "ftruncate d/new",
        "fsync d/new",
        "write d/small.tmp",
        "fsync d/small.tmp",
        "renameat d/small.tmp",
        "fsync d",
        "renameat d/small",
        "fsync d",
        "write d/moved",
        "fsync d/moved",
        "unlinkat d/moved",
    ];
    // Opening may sync the root itself, and replacing looks for what an earlier attempt left.
    let told: Vec<_> =
        calls.iter().filter(|call| !call.starts_with("fsync  ") && *call != "fsync ").collect();
    let told: Vec<_> = told.into_iter().filter(|call| *call != "unlinkat d/small.tmp").collect();
    assert_eq!(told, expected.iter().collect::<Vec<_>>(), "{calls:#?}");
}
