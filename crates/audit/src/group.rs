//! Group commit: who comes while another thread writes waits, and one write and one sync then serve all who
//! wait. Nobody waits for more to come.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Values of type `T` that are written together, each with its own answer.
pub(crate) struct Group<T, A> {
    line: Mutex<Line<T, A>>,
    turned: Condvar,
}

struct Line<T, A> {
    next: u64,
    waiting: VecDeque<(u64, T)>,
    answers: HashMap<u64, A>,
    writing: bool,
}

impl<T, A> Group<T, A> {
    pub(crate) fn new() -> Self {
        let line = Line { next: 0, waiting: VecDeque::new(), answers: HashMap::new(), writing: false };
        Self { line: Mutex::new(line), turned: Condvar::new() }
    }

    /// Has a value written, by this thread or by the one that writes already; its answer, or `None` when the thread
    /// that wrote it panicked. `take` says how many of those who wait, the first ones, are written at once; `write`
    /// gives one answer for each of them.
    pub(crate) fn submit(
        &self,
        value: T,
        take: impl Fn(&VecDeque<(u64, T)>) -> usize,
        write: impl Fn(&[T]) -> Vec<A>,
    ) -> Option<A> {
        let mut line = self.line();
        let ticket = line.next;
        line.next += 1;
        line.waiting.push_back((ticket, value));
        loop {
            if let Some(answer) = line.answers.remove(&ticket) {
                return Some(answer);
            }
            if line.writing {
                line = self.turned.wait(line).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            if !line.waiting.iter().any(|(waiting, _)| *waiting == ticket) {
                return None;
            }
            line.writing = true;
            let turn = Turn(self);
            let count = take(&line.waiting).clamp(1, line.waiting.len());
            let (tickets, batch): (Vec<u64>, Vec<T>) = line.waiting.drain(..count).unzip();
            drop(line);
            let answers = write(&batch);
            self.line().answers.extend(tickets.into_iter().zip(answers));
            drop(turn);
            line = self.line();
        }
    }

    /// A thread that panicked did so outside of this lock or between two whole steps.
    fn line(&self) -> MutexGuard<'_, Line<T, A>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread's turn to write; over when it is dropped, by a panic too.
struct Turn<'a, T, A>(&'a Group<T, A>);

impl<T, A> Drop for Turn<'_, T, A> {
    fn drop(&mut self) {
        self.0.line().writing = false;
        self.0.turned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn those_who_come_during_a_write_are_written_together_and_each_hears_its_own_answer() {
        let group = Group::new();
        let (writes, begun, gate) = (AtomicUsize::new(0), Barrier::new(2), Barrier::new(2));
        let write = |batch: &[u32]| {
            if writes.fetch_add(1, Ordering::SeqCst) == 0 {
                begun.wait();
                gate.wait();
            }
            batch.iter().map(|value| value * 2).collect()
        };
        std::thread::scope(|scope| {
            let first = scope.spawn(|| group.submit(1, VecDeque::len, write));
            begun.wait();
            let others: Vec<_> = (2..=9)
                .map(|value| {
                    let (group, write) = (&group, &write);
                    (value, scope.spawn(move || group.submit(value, VecDeque::len, write)))
                })
                .collect();
            while group.line().waiting.len() < others.len() {
                std::thread::yield_now();
            }
            gate.wait();
            assert_eq!(first.join().expect("no panic"), Some(2));
            for (value, other) in others {
                assert_eq!(other.join().expect("no panic"), Some(value * 2));
            }
        });
        assert_eq!(writes.load(Ordering::SeqCst), 2, "one for the first, one for the eight who waited");
    }

    #[test]
    fn a_panic_of_the_writer_leaves_nobody_waiting() {
        let group = Group::<u32, u32>::new();
        let (begun, gate) = (Barrier::new(2), Barrier::new(2));
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                group.submit(1, VecDeque::len, |_| {
                    begun.wait();
                    gate.wait();
                    panic!("a defect, played");
                })
            });
            begun.wait();
            let other = scope.spawn(|| group.submit(2, VecDeque::len, <[u32]>::to_vec));
            while group.line().waiting.is_empty() {
                std::thread::yield_now();
            }
            gate.wait();
            assert!(writer.join().is_err());
            assert_eq!(other.join().expect("no panic"), Some(2));
        });
        assert_eq!(group.submit(3, VecDeque::len, <[u32]>::to_vec), Some(3));
    }
}
