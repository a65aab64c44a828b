//! A key-encryption key behind a command of the site's: a hardware module, a key service, whatever speaks lines.
//! The key itself never enters this process.
//!
//! The command is run as `COMMAND ARGS... id`, `... wrap` or `... unwrap`. To wrap and unwrap it reads two lines of
//! hexadecimal from standard input, the bound text and the bytes, and it prints one line: the id (up to 64 plain
//! characters), the wrapped bytes, or the 32 bytes of the key. Exit status 0 says done, 3 says that the wrapped
//! bytes or the bound text are not what was wrapped; anything else says that it cannot answer now.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use bedside_audit::{Randomness, Secret, hex};
use zeroize::Zeroizing;

use crate::keys::{KeyEncryption, KeyError};

/// The exit status that says that the bytes are not what was wrapped.
const REJECTED: i32 = 3;
/// No answer is longer.
const MAX_ANSWER: u64 = 4 * 1024;

/// A key-encryption key that a command wraps and unwraps with.
pub struct KeyCommand {
    program: Vec<String>,
    timeout: Duration,
    id: String,
}

/// Why there is no key command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyCommandError {
    /// No program is named.
    #[error("the key command is empty: name a program")]
    Empty,
    /// It did not answer, or not in time.
    #[error("the key command did not tell the id of its key")]
    Unavailable,
    /// What it told is no id.
    #[error("the key command's id is not 1 to 64 letters, digits, `-`, `_`, `.`, `:` or `/`")]
    Id,
}

impl KeyCommand {
    /// Asks the command for the id of its key. `timeout` holds for each time that it is run.
    ///
    /// # Errors
    /// [`KeyCommandError`].
    pub fn open(program: Vec<String>, timeout: Duration) -> Result<Self, KeyCommandError> {
        if program.is_empty() {
            return Err(KeyCommandError::Empty);
        }
        let command = Self { program, timeout, id: String::new() };
        let answer = command.run("id", "").map_err(|_| KeyCommandError::Unavailable)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/".contains(c);
        if !(1..=64).contains(&answer.len()) || !answer.chars().all(plain) {
            return Err(KeyCommandError::Id);
        }
        let id = answer.to_string();
        Ok(Self { id, ..command })
    }

    /// Runs the command once; the line that it printed.
    fn run(&self, verb: &str, input: &str) -> Result<Zeroizing<String>, KeyError> {
        let mut child = Command::new(&self.program[0])
            .args(&self.program[1..])
            .arg(verb)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|_| KeyError::Unavailable)?;
        let answer = self.converse(&mut child, input);
        if answer.is_none() {
            // It may be gone already, which is as well.
            let _ = child.kill();
        }
        let status = child.wait().map_err(|_| KeyError::Unavailable)?;
        match (answer, status.code()) {
            (Some(answer), Some(0)) => Ok(answer),
            (Some(_), Some(REJECTED)) => Err(KeyError::Rejected),
            _ => Err(KeyError::Unavailable),
        }
    }

    /// Hands the input over and waits for the end of the output, as long as the time lasts.
    fn converse(&self, child: &mut Child, input: &str) -> Option<Zeroizing<String>> {
        let (mut stdin, stdout) = (child.stdin.take()?, child.stdout.take()?);
        // A command that does not read its input closes it; its answer tells.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut text = Zeroizing::new(String::with_capacity(MAX_ANSWER as usize));
            let read = stdout.take(MAX_ANSWER).read_to_string(&mut text);
            // Nobody listens any more when the time was over.
            let _ = sender.send(read.map(|_| text));
        });
        match receiver.recv_timeout(self.timeout) {
            Ok(Ok(text)) => Some(Zeroizing::new(text.trim_end_matches('\n').to_owned())),
            Ok(Err(_)) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        }
    }
}

impl KeyEncryption for KeyCommand {
    fn id(&self) -> &str {
        &self.id
    }

    fn wrap(&self, key: &Secret, aad: &[u8], _: &dyn Randomness) -> Result<Vec<u8>, KeyError> {
        let digits = Zeroizing::new(hex::encode(key.expose()));
        let input = Zeroizing::new(format!("{}\n{}\n", hex::encode(aad), *digits));
        hex::decode_any(&self.run("wrap", &input)?).ok_or(KeyError::Unavailable)
    }

    fn unwrap(&self, wrapped: &[u8], aad: &[u8]) -> Result<Secret, KeyError> {
        let input = format!("{}\n{}\n", hex::encode(aad), hex::encode(wrapped));
        let answer = self.run("unwrap", &input)?;
        let key = hex::decode::<32>(&answer).map(Zeroizing::new).ok_or(KeyError::Unavailable)?;
        Ok(Secret::from_bytes(&key))
    }
}
