//! What a process keeps of its secrets: no copy in memory once they are dropped, no core dump, nothing that other
//! processes of the same user may read, nothing in swap where it may lock its memory (`security` sheet, section 4.2
//! and T-16). Each is looked at in a child of its own, from what the kernel says.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::process::Command;

use bedside_audit::{Randomness, RandomnessFailed, Secret, harden_process};
use rustix::process::{DumpableBehavior, Resource, Rlimit, dumpable_behavior, getrlimit, setrlimit};

const CHILD: &str = "BEDSIDE_MEMORY_CHILD";

/// Runs one of the tests below as a child, which does what is said in it.
fn in_child(name: &str) {
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(CHILD, name)
        .output()
        .expect("ran");
    let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    print!("{told}");
}

fn is_child(name: &str) -> bool {
    std::env::var(CHILD).is_ok_and(|child| child == name)
}

/// A secret whose bytes stand nowhere in this program: each is worked out where it is put.
struct Pattern;

impl Randomness for Pattern {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomnessFailed> {
        bytes.iter_mut().enumerate().for_each(|(index, byte)| *byte = nth(index));
        Ok(())
    }
}

fn nth(index: usize) -> u8 {
    (index as u8).wrapping_mul(151).wrapping_add(73) ^ 0x5a
}

/// How often eight bytes of the secret's second half stand in the writable memory of this process. The allocator writes
/// into the first bytes of what is freed, so these say more. What is read is wiped again: the search leaves no copy.
fn copies() -> usize {
    let maps = fs::read_to_string("/proc/self/maps").expect("readable");
    let memory = File::open("/proc/self/mem").expect("readable");
    let mut bytes = vec![0; 64 * 1024];
    let mut found = 0;
    for line in maps.lines().filter(|line| line.contains(" rw-p ")) {
        let (from, to) = line.split(' ').next().and_then(|range| range.split_once('-')).expect("a range");
        let [from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).expect("an address"));
        for at in (from..to).step_by(bytes.len()) {
            let read = memory.read_at(&mut bytes, at).unwrap_or(0);
            let here =
                |window: &[u8]| window.iter().enumerate().all(|(index, byte)| *byte == nth(16 + index));
            found += bytes[..read].windows(8).filter(|window| here(window)).count();
            bytes.fill(0);
        }
    }
    found
}

#[test]
fn a_secret_that_was_dropped_is_nowhere_in_memory() {
    const NAME: &str = "a_secret_that_was_dropped_is_nowhere_in_memory";
    if !is_child(NAME) {
        return in_child(NAME);
    }
    // Many, because the allocator gives the first places that become free to the search.
    let kept: Vec<Secret> = (0..1_000).map(|_| Secret::random(&Pattern).expect("made")).collect();
    assert!(copies() >= 1_000, "the search finds them while they are there");
    drop(kept);
    assert_eq!(copies(), 0, "copies that nothing wiped");
}

#[test]
fn a_hardened_process_is_not_dumpable_and_may_write_no_core() {
    const NAME: &str = "a_hardened_process_is_not_dumpable_and_may_write_no_core";
    if !is_child(NAME) {
        return in_child(NAME);
    }
    // Where the limit is zero already, nothing would show.
    let before = getrlimit(Resource::Core);
    let _ = setrlimit(Resource::Core, Rlimit { current: before.maximum, ..before });
    assert_eq!(dumpable_behavior().expect("told"), DumpableBehavior::Dumpable, "so that the change shows");
    harden_process().expect("hardened");
    assert_eq!(dumpable_behavior().expect("told"), DumpableBehavior::NotDumpable);
    assert_eq!(getrlimit(Resource::Core), Rlimit { current: Some(0), maximum: Some(0) });
}

#[test]
fn memory_is_locked_where_the_limit_is_lifted() {
    const NAME: &str = "memory_is_locked_where_the_limit_is_lifted";
    if !is_child(NAME) {
        return in_child(NAME);
    }
    let lifted = setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None }).is_ok();
    let hardened = harden_process().expect("hardened");
    if !lifted {
        println!("SKIPPED: the limit on locked memory cannot be lifted here");
        return;
    }
    let status = fs::read_to_string("/proc/self/status").expect("readable");
    let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:")).expect("a line");
    let kilobytes: u64 = locked.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(hardened.locked && kilobytes > 0, "{locked}");
}
