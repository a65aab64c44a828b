use hyper::HeaderMap;
use hyper::body::{Body, Bytes};
use hyper::header::AUTHORIZATION;

use http_body_util::{BodyExt, Limited};

use crate::refusal::Refusal;

/// No assertion is longer; a real one is a few hundred bytes.
const MAX_ASSERTION: usize = 16 * 1024;

/// On whose word a table is asked for. Has no `Debug`: it names the reader, and a token could be used again.
pub(crate) enum Credentials {
    /// A token that the host system signed.
    Token(String),
    /// The reader's assertion, not read yet.
    Assertion(Bytes),
}

/// The token of the header.
pub(crate) fn token(headers: &HeaderMap) -> Result<Credentials, Refusal> {
    let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            Ok(Credentials::Token(token.trim().to_owned()))
        }
        _ => Err(Refusal::unauthorised(
            "say who asks: with Authorization: Bearer TOKEN, a token of the host system",
        )),
    }
}

/// The body, which is an assertion or nothing.
pub(crate) async fn body<B>(body: B) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match Limited::new(body, MAX_ASSERTION).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(_) => Err(Refusal::malformed("the body was cut, or is longer than an assertion can be")),
    }
}
