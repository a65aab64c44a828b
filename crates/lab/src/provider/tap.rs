use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Script;

/// A stream that keeps the first line it reads, so that a request line is on record as it left the socket and
/// not as a parser gives it back. Once a script is to be played in place of an answer, it lets nothing out.
pub(super) struct Tap<S> {
    stream: S,
    line: FirstLine,
    mute: Mute,
}

/// The script that is played in place of an answer, if one is.
#[derive(Clone, Default)]
pub(super) struct Mute(Arc<Mutex<Option<Script>>>);

impl Mute {
    pub(super) fn play(&self, script: Script) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(script);
    }

    pub(super) fn script(&self) -> Option<Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_on(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

/// The line so far, and whether it has ended.
#[derive(Clone, Default)]
pub(super) struct FirstLine(Arc<Mutex<(Vec<u8>, bool)>>);

impl FirstLine {
    /// The line without its end.
    pub(super) fn text(&self) -> String {
        let line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&line.0).into_owned()
    }

    fn feed(&self, bytes: &[u8]) {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if line.1 {
            return;
        }
        let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        line.0.extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
        line.1 = end.is_some();
    }
}

impl<S> Tap<S> {
    pub(super) fn new(stream: S) -> (Self, FirstLine, Mute) {
        let (line, mute) = (FirstLine::default(), Mute::default());
        (Self { stream, line: line.clone(), mute: mute.clone() }, line, mute)
    }

    pub(super) fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.line.feed(&buffer.filled()[before..]);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.mute.is_on() {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
