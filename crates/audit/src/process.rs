use std::io;

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// Whether the process keeps its memory to itself; see [`harden_process`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hardened {
    /// Memory is never written to swap.
    pub locked: bool,
}

/// Keeps keys and records out of what the system writes of a process: no core dump, no reading of its memory by
/// other processes of the same user (`security` sheet, T-16), and no swap where the limit on locked memory is
/// lifted (`LimitMEMLOCK=infinity`); below that, locking would fail some later allocation.
///
/// # Errors
/// The system's.
pub fn harden_process() -> io::Result<Hardened> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let unlimited = getrlimit(Resource::Memlock).current.is_none();
    let locked = unlimited
        && mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT).is_ok();
    Ok(Hardened { locked })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHILD: &str = "BEDSIDE_HARDENED_CHILD";

    /// Not a test of its own: what the child of the next test does.
    #[test]
    fn child_process_hardens_itself() {
        if std::env::var_os(CHILD).is_some() {
            harden_process().expect("hardened");
            assert_eq!(getrlimit(Resource::Core).current, Some(0));
            let limits = std::fs::read_to_string("/proc/self/limits").expect("readable");
            let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a line");
            assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
            std::process::abort();
        }
    }

    #[test]
    fn a_hardened_process_leaves_no_core_when_it_dies() {
        use std::os::unix::process::ExitStatusExt;
        let dir = tempfile::tempdir().expect("temporary directory");
        let status = std::process::Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "process::tests::child_process_hardens_itself"])
            .env(CHILD, "1")
            .current_dir(dir.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status()
            .expect("ran");
        assert_eq!((status.code(), status.core_dumped()), (None, false), "it aborted and left no core");
        assert_eq!(std::fs::read_dir(dir.path()).expect("readable").count(), 0);
    }
}
