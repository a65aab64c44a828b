use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;

/// What DER says before the 32 bytes of an Ed25519 public key (RFC 8410, section 4).
const ED25519_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The file does not hold the public key of a host system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not an Ed25519 public key in PEM; make one with `openssl pkey -in host.key -pubout`")]
pub struct TokenKeyError;

/// The key that verifies a host system's tokens, from its PEM file as OpenSSL writes it.
///
/// # Errors
/// [`TokenKeyError`] for anything else, a private key included.
pub fn token_key(pem: &[u8]) -> Result<[u8; 32], TokenKeyError> {
    let der = SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|_| TokenKeyError)?;
    let key = der.strip_prefix(&ED25519_PREFIX).ok_or(TokenKeyError)?;
    key.try_into().map_err(|_| TokenKeyError)
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 8410, section 10.1, and the private key of its section 10.3.
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";

    #[test]
    fn the_key_of_the_rfc_is_read_and_nothing_else_is() {
        let key = token_key(PUBLIC.as_bytes()).expect("a key");
        assert_eq!((key[0], key[1], key[31]), (0x19, 0xbf, 0xe1));
        let cut = PUBLIC.replace("ZuE=", "");
        for wrong in ["", "19bf", PRIVATE, &cut] {
            assert_eq!(token_key(wrong.as_bytes()), Err(TokenKeyError), "{wrong}");
        }
    }
}
