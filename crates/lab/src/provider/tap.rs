use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that keeps the first line it reads, so that a request line is on record as it left the socket and
/// not as a parser gives it back.
pub(super) struct Tap<S> {
    stream: S,
    line: FirstLine,
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
    pub(super) fn new(stream: S) -> (Self, FirstLine) {
        let line = FirstLine::default();
        (Self { stream, line: line.clone() }, line)
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
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
