//! The two uses of AES-256-GCM that are ours, and the derivation of keys. The constructions are published ones:
//! HKDF is RFC 5869; the chunks are STREAM of Hoang, Reyhanitabar, Rogaway and Vizár (2015) with the nonce
//! layout STREAM-BE32: a prefix, a counter and a flag on the last chunk.

use bedside_audit::Secret;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::{digest, hkdf, hmac};
use zeroize::Zeroizing;

/// Plain bytes of a chunk.
pub(crate) const CHUNK: usize = 64 * 1024;
/// Bytes that one seal adds.
pub(crate) const TAG: usize = 16;
/// Bytes of a chunked seal's nonce prefix.
pub(crate) const PREFIX: usize = 7;

/// HKDF-SHA256 of 32 bytes.
pub(crate) fn derive(secret: &Secret, salt: &[u8], info: &[u8]) -> Secret {
    let mut bytes = Zeroizing::new([0; 32]);
    let info = [info];
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret.expose());
    prk.expand(&info, hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut *bytes))
        .expect("32 bytes are the length of one block, and 255 blocks are the limit");
    Secret::from_bytes(&bytes)
}

/// HMAC-SHA256.
pub(crate) fn mac(secret: &Secret, message: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.expose()), message);
    array(tag.as_ref())
}

/// Whether that is the HMAC-SHA256, in constant time.
pub(crate) fn is_mac(secret: &Secret, message: &[u8], mac: &[u8]) -> bool {
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret.expose()), message, mac).is_ok()
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    array(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// One AES-256-GCM seal: the ciphertext with its tag. The nonce must never have been used with the key.
pub(crate) fn seal(key: &Secret, nonce: [u8; NONCE_LEN], aad: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut bytes = plain.to_vec();
    cipher(key)
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut bytes)
        .expect("AES-GCM takes up to 64 GiB, and this is a key or a chunk");
    bytes
}

/// What was sealed; `None` when one bit of key, nonce, AAD or bytes is another.
pub(crate) fn open(key: &Secret, nonce: [u8; NONCE_LEN], aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = sealed.to_vec();
    let length = cipher(key)
        .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut bytes)
        .ok()?
        .len();
    bytes.truncate(length);
    Some(bytes)
}

/// Chunked seal of bytes of any length; the empty text is one empty last chunk. The prefix must never have
/// been used with the key.
pub(crate) fn seal_chunks(key: &Secret, prefix: &[u8; PREFIX], aad: &[u8], plain: &[u8]) -> Vec<u8> {
    let count = plain.len().div_ceil(CHUNK).max(1);
    let mut sealed = Vec::with_capacity(plain.len() + count * TAG);
    for index in 0..count {
        let chunk = &plain[index * CHUNK..plain.len().min((index + 1) * CHUNK)];
        sealed.extend(seal(key, chunk_nonce(prefix, index, index + 1 == count), aad, chunk));
    }
    sealed
}

/// What was sealed in chunks; `None` when a chunk was changed, moved, dropped, added or repeated.
pub(crate) fn open_chunks(key: &Secret, prefix: &[u8; PREFIX], aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let count = sealed.len().div_ceil(CHUNK + TAG).max(1);
    let mut plain = Vec::with_capacity(sealed.len());
    for index in 0..count {
        let end = sealed.len().min((index + 1) * (CHUNK + TAG));
        let chunk = &sealed[index * (CHUNK + TAG)..end];
        plain.extend(open(key, chunk_nonce(prefix, index, index + 1 == count), aad, chunk)?);
    }
    Some(plain)
}

fn chunk_nonce(prefix: &[u8; PREFIX], index: usize, last: bool) -> [u8; NONCE_LEN] {
    let counter = u32::try_from(index).expect("2^32 chunks are 256 TiB, more than memory holds");
    let mut nonce = [0; NONCE_LEN];
    nonce[..PREFIX].copy_from_slice(prefix);
    nonce[PREFIX..PREFIX + 4].copy_from_slice(&counter.to_be_bytes());
    nonce[PREFIX + 4] = u8::from(last);
    nonce
}

fn cipher(key: &Secret) -> LessSafeKey {
    let key =
        UnboundKey::new(&AES_256_GCM, key.expose()).expect("a secret has the 32 bytes of an AES-256 key");
    LessSafeKey::new(key)
}

/// The 32 bytes that a SHA-256 value has.
fn array(bytes: &[u8]) -> [u8; 32] {
    let mut array = [0; 32];
    array.copy_from_slice(bytes);
    array
}

#[cfg(test)]
mod tests {
    use bedside_audit::hex;
    use proptest::prelude::*;

    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
    }

    fn secret(text: &str) -> Secret {
        Secret::from_bytes(&hex::decode(text).expect("32 bytes"))
    }

    #[test]
    fn hkdf_sha256_known_answers() {
        // RFC 5869, appendix A.1 to A.3: the first 32 bytes of each OKM, which are the whole of a 32-byte one.
        // Their input keys are 22 or 80 bytes, ours always 32, so the extract step is ring's own call here.
        let cases = [
            (
                "0b".repeat(22),
                "000102030405060708090a0b0c".to_owned(),
                "f0f1f2f3f4f5f6f7f8f9".to_owned(),
                "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf",
            ),
            (
                (0x00..=0x4f).map(|byte| format!("{byte:02x}")).collect(),
                (0x60..=0xaf).map(|byte| format!("{byte:02x}")).collect(),
                (0xb0..=0xff).map(|byte| format!("{byte:02x}")).collect(),
                "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c",
            ),
            (
                "0b".repeat(22),
                String::new(),
                String::new(),
                "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d",
            ),
        ];
        for (key, salt, info, expected) in cases {
            let info = [&bytes(&info)[..]];
            let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, &bytes(&salt)).extract(&bytes(&key));
            let mut okm = [0; 32];
            prk.expand(&info, hkdf::HKDF_SHA256).and_then(|out| out.fill(&mut okm)).expect("short");
            assert_eq!(hex::encode(&okm), expected);
        }
    }

    #[test]
    fn derived_keys_are_what_another_implementation_derives() {
        let key = derive(&Secret::from_bytes(&[1; 32]), &[2; 16], b"bedside1|tag|1|allergies|1");
        assert_eq!(
            hex::encode(key.expose()),
            "7f79ce44dc37e3df461f1d3b1c7d0151ac8389c20095c3b71d1d6111344f6af1"
        );
        assert_eq!(
            hex::encode(&mac(&Secret::from_bytes(&[1; 32]), b"episode")),
            "32860d97eb2eaa92b68ed35f405fba32f5db1741fecf632a8dedd8e9f6be5a95"
        );
        assert!(is_mac(
            &Secret::from_bytes(&[1; 32]),
            b"episode",
            &bytes("32860d97eb2eaa92b68ed35f405fba32f5db1741fecf632a8dedd8e9f6be5a95")
        ));
        assert!(!is_mac(
            &Secret::from_bytes(&[1; 32]),
            b"episodf",
            &bytes("32860d97eb2eaa92b68ed35f405fba32f5db1741fecf632a8dedd8e9f6be5a95")
        ));
        let sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex::encode(&sha256(b"abc")), sha);
    }

    #[test]
    fn aes_256_gcm_known_answer() {
        // McGrew and Viega, The Galois/Counter Mode of Operation, test case 16.
        let key = secret("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
        let nonce = bytes("cafebabefacedbaddecaf888").try_into().expect("12 bytes");
        let plain = bytes(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72\
             1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        );
        let aad = bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let expected = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa\
                        8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662\
                        76fc6ece0f4e1768cddf8853bb2d551b";
        let sealed = seal(&key, nonce, &aad, &plain);
        assert_eq!(hex::encode(&sealed), expected);
        assert_eq!(open(&key, nonce, &aad, &sealed), Some(plain));
    }

    #[test]
    fn chunks_are_what_another_implementation_of_stream_makes() {
        // Python `cryptography`: AESGCM(key).encrypt(prefix + counter + last, chunk, aad) for each chunk.
        let key = Secret::from_bytes(&[7; 32]);
        let plain: Vec<u8> = (0..CHUNK + 10).map(|index| (index % 251) as u8).collect();
        for (length, expected) in [
            (0, "5bdd569c4b4864503c9ec3ed3d3716eeb6d0475326cf0418f8767ed41bf0bb24"),
            (5, "41b1a1d393f2e9eeea708f00c99e4937a52b0ac529fed5e2bd037c1519adb0b1"),
            (CHUNK, "85dca914dbc6bd4d83f4acec3920cbe1be4fe628d251f081600c484b5f37f6c9"),
            (CHUNK + 10, "54db82facfedfcc0b6244a0461081c8d7488883823ef10761500f5d73ad7c77d"),
        ] {
            let sealed = seal_chunks(&key, b"prefix!", b"binding", &plain[..length]);
            assert_eq!(hex::encode(&sha256(&sealed)), expected, "{length}");
            let opened = open_chunks(&key, b"prefix!", b"binding", &sealed);
            assert_eq!(opened.as_deref(), Some(&plain[..length]));
        }
    }

    #[test]
    fn chunks_cannot_be_moved_dropped_repeated_or_cut_off() {
        let key = Secret::from_bytes(&[7; 32]);
        let sealed = seal_chunks(&key, b"prefix!", b"binding", &vec![5; 3 * CHUNK]);
        let chunks: Vec<&[u8]> = sealed.chunks(CHUNK + TAG).collect();
        let opens = |order: &[usize]| {
            let bytes = order.iter().map(|index| chunks[*index]).collect::<Vec<_>>().concat();
            open_chunks(&key, b"prefix!", b"binding", &bytes).is_some()
        };
        assert!(opens(&[0, 1, 2]));
        for order in
            [&[0, 2][..], &[1, 2], &[0, 1], &[1, 0, 2], &[0, 1, 1, 2], &[0, 1, 2, 2], &[2], &[0], &[]]
        {
            assert!(!opens(order), "{order:?}");
        }
    }

    proptest! {
        #[test]
        fn no_other_key_prefix_binding_bit_or_length_opens(
            plain in prop::collection::vec(any::<u8>(), 0..200),
            at in any::<prop::sample::Index>(),
            bit in 0u8..8,
        ) {
            let key = Secret::from_bytes(&[7; 32]);
            let sealed = seal_chunks(&key, b"prefix!", b"binding", &plain);
            prop_assert!(open_chunks(&Secret::from_bytes(&[8; 32]), b"prefix!", b"binding", &sealed).is_none());
            prop_assert!(open_chunks(&key, b"prefix?", b"binding", &sealed).is_none());
            prop_assert!(open_chunks(&key, b"prefix!", b"bindinG", &sealed).is_none());
            let at = at.index(sealed.len());
            prop_assert!(open_chunks(&key, b"prefix!", b"binding", &sealed[..at]).is_none());
            let mut flipped = sealed;
            flipped[at] ^= 1 << bit;
            prop_assert!(open_chunks(&key, b"prefix!", b"binding", &flipped).is_none());
        }
    }
}
