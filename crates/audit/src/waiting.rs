//! Waiting for a lock, so long and no longer: who waits is told who has it (`hazards` sheet, C-32).

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock, major, minor};

/// How long a lock is waited for. Whoever works under one is done within seconds: who has it for longer hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks. Short, because whoever writes many records one after the other lets the lock go for moments.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// Takes the exclusive lock on a file, and waits for it so long.
///
/// # Errors
/// As [`lock_as`].
pub(crate) fn lock(file: &File, patience: Duration) -> io::Result<()> {
    lock_as(FlockOperation::NonBlockingLockExclusive, file, patience)
}

/// Takes a lock on a file, exclusive or shared, and waits for it so long.
///
/// # Errors
/// [`io::ErrorKind::WouldBlock`] when somebody else had it all the while, with words for the one who waited, and every
/// other error of the system.
pub(crate) fn lock_as(operation: FlockOperation, file: &File, patience: Duration) -> io::Result<()> {
    let mut begun = None;
    while !try_lock_as(operation, file)? {
        if begun.get_or_insert_with(Instant::now).elapsed() >= patience {
            return Err(not_given_back(file, patience));
        }
        thread::sleep(LOOK_AGAIN);
    }
    Ok(())
}

/// Takes the exclusive lock on a file unless somebody else has it.
pub(crate) fn try_lock(file: &File) -> io::Result<bool> {
    try_lock_as(FlockOperation::NonBlockingLockExclusive, file)
}

fn try_lock_as(operation: FlockOperation, file: &File) -> io::Result<bool> {
    use rustix::io::Errno;
    match flock(file, operation) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn not_given_back(file: &File, patience: Duration) -> io::Error {
    // Another container's processes are not told of here, and neither is anybody to a service whose `/proc` shows
    // processes alone.
    let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    let who = match file.metadata().ok().and_then(|file| holder(&locks, file.dev(), file.ino())) {
        Some(process) => format!("process {process} has its lock (ps -fp {process})"),
        None => "another process has its lock (lslocks lists them)".to_owned(),
    };
    let problem = format!(
        "{who} and did not give it back in {} s: end it if it hangs, and try again",
        patience.as_secs()
    );
    io::Error::new(io::ErrorKind::WouldBlock, problem)
}

/// Who has the lock on a file, by the kernel's list of locks (`proc_locks(5)`). On Btrfs the list counts devices in
/// another way than files do, and nobody is found.
fn holder(locks: &str, device: u64, inode: u64) -> Option<u32> {
    let file = format!("{:02x}:{:02x}:{inode}", major(device), minor(device));
    let held = locks.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    // One that waits has an arrow before its kind.
    let mut of_file = held.filter(|words| words.get(1) == Some(&"FLOCK") && words.get(5) == Some(&&*file));
    of_file.find_map(|words| words[4].parse().ok().filter(|process| *process > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCKS: &str = "1: POSIX  ADVISORY  WRITE 11 fe:00:77 0 EOF\n\
                         2: FLOCK  ADVISORY  WRITE 4711 fe:00:77 0 EOF\n\
                         2: -> FLOCK  ADVISORY  WRITE 12 fe:00:77 0 EOF\n\
                         3: FLOCK  ADVISORY  WRITE 0 fe:00:78 0 EOF\n\
                         4: FLOCK  ADVISORY  WRITE 13 fd:01:79\n";

    #[test]
    fn who_has_a_lock_is_found_and_not_who_waits_or_is_elsewhere() {
        let on = |minor, inode| holder(LOCKS, rustix::fs::makedev(0xfe, minor), inode);
        assert_eq!((on(0, 77), on(0, 78), on(0, 79), on(1, 77)), (Some(4711), None, None, None));
    }

    #[test]
    fn a_lock_that_is_not_given_back_was_waited_for_without_an_end_and_without_a_word() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || File::create(folder.path().join("lock")).expect("opened");
        let held = open();
        lock(&held, Duration::ZERO).expect("free");
        let error = lock(&open(), Duration::ZERO).expect_err("held");
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        let told = error.to_string();
        assert!(told.contains("has its lock") && told.contains("end it if it hangs"), "{told}");
        let shared = lock_as(FlockOperation::NonBlockingLockShared, &open(), Duration::ZERO);
        assert_eq!(shared.expect_err("held").kind(), io::ErrorKind::WouldBlock, "whoever verifies a log");
        drop(held);
        lock(&open(), Duration::ZERO).expect("free again");
    }
}
