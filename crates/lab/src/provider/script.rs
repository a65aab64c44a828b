use std::time::Duration;

use hyper::body::Bytes;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::server::TlsStream;

/// What goes out over TLS in place of an answer, right or wrong, byte for byte.
#[derive(Debug, Clone)]
pub struct Script {
    /// The bytes: status line, headers and body, or whatever is to be there.
    pub bytes: Bytes,
    /// So many of them at a time, with this long between; without it all at once.
    pub dribble: Option<(usize, Duration)>,
    /// What follows them.
    pub then: Then,
}

/// What follows the bytes of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The connection is closed as TLS and TCP want it.
    Close,
    /// The connection is reset.
    Reset,
    /// Nothing, until the client has had enough.
    Stall,
}

impl Script {
    /// These bytes at once.
    pub fn new(bytes: impl Into<Bytes>, then: Then) -> Self {
        Self { bytes: bytes.into(), dribble: None, then }
    }

    /// Plays it to a client, who may go at any time.
    pub(super) async fn play(self, mut stream: TlsStream<TcpStream>) {
        if self.write(&mut stream).await.is_err() {
            return;
        }
        match self.then {
            Then::Close => drop(stream.shutdown().await),
            Then::Reset => drop(stream.get_ref().0.set_zero_linger()),
            Then::Stall => while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {},
        }
    }

    async fn write(&self, stream: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<()> {
        let (piece, pause) = self.dribble.unwrap_or((self.bytes.len().max(1), Duration::ZERO));
        for (index, piece) in self.bytes.chunks(piece).enumerate() {
            if index > 0 && !pause.is_zero() {
                sleep(pause).await;
            }
            stream.write_all(piece).await?;
            stream.flush().await?;
        }
        Ok(())
    }
}
