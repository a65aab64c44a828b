//! Grants that the host system signs: who is logged on, and why they may see one episode, in a token that only
//! the host can have made. For host systems that talk to a long-running process instead of starting one.
//!
//! A token is `PAYLOAD.SIGNATURE`, both base64url without padding; the signature is Ed25519 over the characters of
//! `PAYLOAD`, which is one JSON object:
//! `{"aud","episode","iat","exp","reason","relationship","user":{"id","sds_id","role_profile","family","given",
//! "prefix","role","organisation","organisation_name"}}`, times in seconds since 1970.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use bedside_audit::{EventKind, PublicKey};
use bedside_model::{EpisodeId, Requester};
use jiff::Timestamp;
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
    /// The host system's key.
    pub public_key: PublicKey,
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
    /// audited, a token of another time, audience or episode than the one that is asked for too.
    ///
    /// # Errors
    /// [`CacheError::Refused`] with `Token` or `OtherEpisode`, and as [`Cache::grant`].
    pub fn grant_token(
        &self,
        issuer: &TokenIssuer,
        token: &str,
        episode: &EpisodeId,
    ) -> Result<Grant, CacheError> {
        let wire = issuer.open(token).map_err(Refused::Token)?;
        let valid = issuer.check(&wire, self.clock.now());
        let claims = wire.claims().ok_or(Refused::Token(TokenProblem::Malformed))?;
        let tag = self.episode_tag(episode);
        let minted = match valid {
            Err(problem) => Err(Refused::Token(problem).into()),
            Ok(()) if claims.episode != *episode => Err(Refused::OtherEpisode.into()),
            Ok(()) => self.mint(&claims.assertion, &tag),
        };
        match minted {
            Ok(grant) => Ok(grant.until(claims.expires)),
            Err(error) => Err(self.refuse(EventKind::Grant, &claims.assertion, &tag, error)),
        }
    }
}

impl TokenIssuer {
    /// What a token says that the host system signed.
    fn open(&self, token: &str) -> Result<Wire, TokenProblem> {
        if token.len() > MAX_TOKEN {
            return Err(TokenProblem::Malformed);
        }
        let (payload, signature) = token.split_once('.').ok_or(TokenProblem::Malformed)?;
        let decode = |text| BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenProblem::Malformed);
        if !self.public_key.verifies(payload.as_bytes(), &decode(signature)?) {
            return Err(TokenProblem::Signature);
        }
        serde_json::from_slice(&decode(payload)?).map_err(|_| TokenProblem::Malformed)
    }

    /// Whether it is for this installation and this time.
    fn check(&self, wire: &Wire, now: Timestamp) -> Result<(), TokenProblem> {
        if wire.aud == self.audience { wire.check_times(now) } else { Err(TokenProblem::Audience) }
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
        let expires = Timestamp::from_second(self.exp).unwrap_or(Timestamp::MAX);
        Some(Claims { assertion, episode: self.episode.parse().ok()?, expires })
    }
}
