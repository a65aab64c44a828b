//! A body as it comes off the socket, un-gzipped by us under caps (`security` sheet, T-07).

use std::io::{self, Write};

use flate2::write::GzDecoder;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};

use crate::BodySink;
use crate::fault::Fault;

/// How large a body may grow.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Bytes after decoding; 32 MiB by default.
    pub bytes: usize,
    /// Decoded bytes for each received one, once past the first MiB; 200 by default. DEFLATE itself tops out
    /// near 1,030.
    pub ratio: usize,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self { bytes: 32 << 20, ratio: 200 }
    }
}

/// Where the ratio begins to count: a small, highly regular body is nobody's attack.
const RATIO_FREE: usize = 1 << 20;

/// Takes a body chunk by chunk and hands it on decoded.
pub(crate) enum Decoder<'a> {
    Identity(Capped<'a>),
    Gzip(Box<GzDecoder<Capped<'a>>>),
}

/// The way of the decoded bytes to their sink, which lets no more pass than a limit and remembers which one it was.
pub(crate) struct Capped<'a> {
    sink: &'a mut dyn BodySink,
    decoded: usize,
    received: usize,
    limits: BodyLimits,
    broken: Option<Fault>,
}

impl<'a> Decoder<'a> {
    /// One layer of `gzip`, `identity`, or none; anything else is refused, and an unmarked body is not guessed at.
    pub(crate) fn new(
        headers: &HeaderMap,
        limits: BodyLimits,
        sink: &'a mut dyn BodySink,
    ) -> Result<Self, Fault> {
        let capped = Capped { sink, decoded: 0, received: 0, limits, broken: None };
        let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
        let encoding = encodings.next().map(|value| value.as_bytes().trim_ascii().to_ascii_lowercase());
        match (encoding.as_deref(), encodings.next()) {
            (None | Some(b"identity"), None) => Ok(Self::Identity(capped)),
            (Some(b"gzip"), None) => Ok(Self::Gzip(Box::new(GzDecoder::new(capped)))),
            _ => Err(Fault::Encoding),
        }
    }

    pub(crate) fn take(&mut self, chunk: &[u8]) -> Result<(), Fault> {
        match self {
            Self::Identity(capped) => {
                capped.received += chunk.len();
                capped.write_all(chunk).map_err(|_| Fault::BodySize)
            }
            Self::Gzip(decoder) => {
                decoder.get_mut().received += chunk.len();
                // Trailing bytes and second members make `write_all` stop with nothing written.
                let written = decoder.write_all(chunk);
                written.map_err(|_| decoder.get_ref().broken.unwrap_or(Fault::Encoding))
            }
        }
    }

    /// Ends the body; gives its bytes as received, before decoding.
    pub(crate) fn finish(self) -> Result<usize, Fault> {
        let capped = match self {
            Self::Identity(capped) => capped,
            Self::Gzip(mut decoder) => {
                // A complete member takes no byte more; one that does was cut off, which a new attempt may mend.
                if decoder.write(&[0]).ok() != Some(0) {
                    return Err(decoder.get_ref().broken.unwrap_or(Fault::Cut));
                }
                decoder.finish().map_err(|_| Fault::Encoding)?
            }
        };
        Ok(capped.received)
    }
}

impl Write for Capped<'_> {
    fn write(&mut self, decoded: &[u8]) -> io::Result<usize> {
        let grown = self.decoded + decoded.len();
        let fault = if grown > self.limits.bytes {
            Some(Fault::BodySize)
        } else if grown > RATIO_FREE && grown > self.received.saturating_mul(self.limits.ratio) {
            Some(Fault::CompressionRatio)
        } else {
            None
        };
        if fault.is_some() {
            self.broken = fault;
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        self.decoded = grown;
        self.sink.take(decoded);
        Ok(decoded.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use reqwest::header::HeaderValue;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).expect("in memory");
        encoder.finish().expect("in memory")
    }

    fn collect(encoding: &'static str, chunks: &[&[u8]]) -> Result<Vec<u8>, Fault> {
        let mut headers = HeaderMap::new();
        if !encoding.is_empty() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        let mut body = Vec::new();
        let mut decoder = Decoder::new(&headers, BodyLimits::default(), &mut body)?;
        for chunk in chunks {
            decoder.take(chunk)?;
        }
        let received = decoder.finish()?;
        assert_eq!(received, chunks.iter().map(|chunk| chunk.len()).sum::<usize>());
        Ok(body)
    }

    #[test]
    fn gzip_is_decoded_however_it_is_cut_into_chunks() {
        let text = b"{\"resourceType\":\"Bundle\"}".repeat(100);
        let packed = gzip(&text);
        for size in [1, 2, 7, 11, packed.len()] {
            let chunks: Vec<&[u8]> = packed.chunks(size).collect();
            assert_eq!(collect("gzip", &chunks).as_deref(), Ok(text.as_slice()), "{size}");
        }
        assert_eq!(collect("GZIP", &[&packed]).as_deref(), Ok(text.as_slice()));
        assert_eq!(collect("identity", &[&text]).as_deref(), Ok(text.as_slice()));
        assert_eq!(collect("", &[&text]).as_deref(), Ok(text.as_slice()));
    }

    #[test]
    fn other_encodings_are_refused_and_none_is_guessed() {
        let packed = gzip(b"{}");
        for encoding in ["deflate", "br", "gzip, gzip", "x-gzip", "zstd"] {
            assert_eq!(collect(encoding, &[&packed]), Err(Fault::Encoding), "{encoding}");
        }
        assert_eq!(collect("", &[&packed]).as_deref(), Ok(packed.as_slice()));
    }

    #[test]
    fn two_content_encoding_headers_are_refused() {
        let mut headers = HeaderMap::new();
        headers.append(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        headers.append(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert!(matches!(
            Decoder::new(&headers, BodyLimits::default(), &mut Vec::new()),
            Err(Fault::Encoding)
        ));
    }

    #[test]
    fn gzip_cut_off_anywhere_is_cut_and_not_corrupt() {
        let packed = gzip(b"{\"resourceType\":\"Bundle\",\"entry\":[]}");
        for length in 0..packed.len() {
            assert_eq!(collect("gzip", &[&packed[..length]]), Err(Fault::Cut), "{length}");
        }
    }

    #[test]
    fn broken_gzip_is_refused() {
        let packed = gzip(&b"{\"resourceType\":\"Bundle\"}".repeat(10));
        let altered = |position: usize| {
            let mut packed = packed.clone();
            packed[position] ^= 0x55;
            packed
        };
        let (magic, crc, length) = (altered(0), altered(packed.len() - 8), altered(packed.len() - 1));
        let doubled = [packed.clone(), packed.clone()].concat();
        let trailed = [packed.as_slice(), b"x"].concat();
        for bytes in [magic, crc, length, doubled, trailed] {
            assert_eq!(collect("gzip", &[&bytes]), Err(Fault::Encoding));
        }
        let apart: Vec<&[u8]> = vec![&packed, b"x"];
        assert_eq!(collect("gzip", &apart), Err(Fault::Encoding));
    }

    #[test]
    fn a_body_of_bodies_is_not_decoded_twice() {
        let inner = gzip(b"{}");
        assert_eq!(collect("gzip", &[&gzip(&inner)]).as_deref(), Ok(inner.as_slice()));
    }

    #[test]
    fn a_gzip_bomb_is_stopped_by_its_ratio_and_a_large_body_by_its_size() {
        let bomb = gzip(&vec![0; 10 << 20]);
        assert!(bomb.len() < 12_000);
        assert_eq!(collect("gzip", &[&bomb]), Err(Fault::CompressionRatio));
        let large = vec![b' '; (32 << 20) + 1];
        assert_eq!(collect("", &[&large]), Err(Fault::BodySize));
        assert_eq!(collect("", &[&large[1..]]).map(|body| body.len()), Ok(32 << 20));
    }

    #[test]
    fn the_ratio_does_not_count_in_the_first_mebibyte() {
        let regular = vec![b' '; 1 << 20];
        assert_eq!(collect("gzip", &[&gzip(&regular)]).map(|body| body.len()), Ok(1 << 20));
    }
}
