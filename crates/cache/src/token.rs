//! Grants that the host system signs: who is logged on, and why they may see one episode, in a token that only
//! the host can have made. For host systems that talk to a long-running process instead of starting one.
//!
//! A token is `PAYLOAD.SIGNATURE`, both base64url without padding; the signature is Ed25519 over the characters of
//! `PAYLOAD`, which is one JSON object:
//! `{"aud","episode","iat","exp","reason","relationship","user":{"id","sds_id","role_profile","family","given",
//! "prefix","role","organisation","organisation_name"}}`, times in seconds since 1970.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use bedside_audit::EventKind;
use bedside_model::{EpisodeId, Requester};
use jiff::Timestamp;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::Deserialize;

use crate::cache::Cache;
use crate::error::CacheError;
use crate::policy::{GRANT_LIFE, Grant, ReaderAssertion, Refused, TokenProblem};

/// No token is longer.
const MAX_TOKEN: usize = 8 * 1024;

/// How far host and cache may disagree about the time, in seconds.
const CLOCK_TOLERANCE: i64 = 5;

/// Who may sign tokens, and for whom they must be.
#[derive(Debug, Clone)]
pub struct TokenIssuer {
    /// The host system's Ed25519 public key.
    pub public_key: [u8; 32],
    /// The name of this installation, which a token must carry.
    pub audience: String,
}

/// What a token says once its signature and its times hold.
struct Claims {
    assertion: ReaderAssertion,
    episode: EpisodeId,
    expires: Timestamp,
}

impl Cache {
    /// Mints the permission to read the one episode that the token names, as [`Cache::grant`] does for an
    /// assertion; it ends with the token where that is earlier. A token whose signature does not hold names nobody
    /// who could be put into the audit log, so the host system must tell of it; what a true token may not do is
    /// audited, a token of another episode than the one that is asked for too.
    ///
    /// # Errors
    /// [`CacheError::Refused`] with `Token` or `OtherEpisode`, and as [`Cache::grant`].
    pub fn grant_token(
        &self,
        issuer: &TokenIssuer,
        token: &str,
        episode: &EpisodeId,
    ) -> Result<Grant, CacheError> {
        let claims = issuer.verify(token, self.clock.now()).map_err(Refused::Token)?;
        let tag = self.episode_tag(episode);
        let minted = if claims.episode == *episode {
            self.mint(&claims.assertion, &tag)
        } else {
            Err(Refused::OtherEpisode.into())
        };
        match minted {
            Ok(grant) => Ok(grant.until(claims.expires)),
            Err(error) => Err(self.refuse(EventKind::Grant, &claims.assertion, &tag, error)),
        }
    }
}

impl TokenIssuer {
    fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenProblem> {
        if token.len() > MAX_TOKEN {
            return Err(TokenProblem::Malformed);
        }
        let (payload, signature) = token.split_once('.').ok_or(TokenProblem::Malformed)?;
        let decode = |text| BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenProblem::Malformed);
        let key = UnparsedPublicKey::new(&ED25519, &self.public_key);
        key.verify(payload.as_bytes(), &decode(signature)?).map_err(|_| TokenProblem::Signature)?;
        let wire: Wire = serde_json::from_slice(&decode(payload)?).map_err(|_| TokenProblem::Malformed)?;
        if wire.aud != self.audience {
            return Err(TokenProblem::Audience);
        }
        wire.check_times(now)?;
        wire.claims().ok_or(TokenProblem::Malformed)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    aud: String,
    episode: String,
    iat: i64,
    exp: i64,
    reason: String,
    relationship: String,
    user: WireUser,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireUser {
    id: String,
    sds_id: String,
    role_profile: String,
    family: String,
    given: String,
    prefix: Option<String>,
    role: String,
    organisation: String,
    organisation_name: String,
}

impl Wire {
    fn check_times(&self, now: Timestamp) -> Result<(), TokenProblem> {
        let now = now.as_second();
        let begun = self.iat <= now.saturating_add(CLOCK_TOLERANCE);
        let short = self.exp > self.iat && self.exp.saturating_sub(self.iat) <= GRANT_LIFE.as_secs();
        if begun && short && now < self.exp { Ok(()) } else { Err(TokenProblem::Time) }
    }

    fn claims(self) -> Option<Claims> {
        let user = self.user;
        let requester = Requester {
            user_id: user.id,
            sds_user_id: user.sds_id,
            sds_role_profile_id: user.role_profile,
            family: user.family,
            given: user.given,
            prefix: user.prefix,
            role: user.role,
            organisation: user.organisation.parse().ok()?,
            organisation_name: user.organisation_name,
        };
        let assertion = ReaderAssertion { requester, reason: self.reason, relationship: self.relationship };
        let expires = Timestamp::from_second(self.exp).ok()?;
        Some(Claims { assertion, episode: self.episode.parse().ok()?, expires })
    }
}

#[cfg(test)]
mod tests {
    use bedside_audit::hex;

    use super::*;

    #[test]
    fn ed25519_known_answers() {
        // RFC 8032, section 7.1, TEST 2 and TEST 3: public key, message, signature.
        let vectors = [
            (
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                 085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            ),
            (
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
                "af82",
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
                 18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
            ),
        ];
        for (key, message, signature) in vectors {
            let [key, message, mut signature] =
                [key, message, signature].map(|text| hex::decode_any(text).expect("hexadecimal"));
            let verify =
                |signature: &[u8]| UnparsedPublicKey::new(&ED25519, &key).verify(&message, signature);
            assert!(verify(&signature).is_ok());
            signature[63] ^= 1;
            assert!(verify(&signature).is_err());
        }
    }
}
