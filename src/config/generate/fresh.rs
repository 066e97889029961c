//! What must be new in each configuration: secrets, keys, identifiers. The only randomness there is.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P256K1_SHA256_FIXED_SIGNING,
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::pg::Secret;

/// A key that MAS signs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA of 2048 bits, which every client can verify.
    Rsa,
    /// On the curve P-256.
    P256,
    /// On the curve P-384.
    P384,
    /// On the curve secp256k1.
    Secp256k1,
}

impl KeyKind {
    /// All kinds, in the order in which they are written.
    pub const ALL: [KeyKind; 4] = [
        KeyKind::Rsa,
        KeyKind::P256,
        KeyKind::P384,
        KeyKind::Secp256k1,
    ];
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeyKind::Rsa => "RSA, 2048 bits",
            KeyKind::P256 => "EC P-256",
            KeyKind::P384 => "EC P-384",
            KeyKind::Secp256k1 => "EC secp256k1",
        })
    }
}

/// The system has no randomness to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRandomness;

/// Where secrets, keys and the time of identifiers come from.
pub trait Randomness {
    /// Fills `bytes` with bytes that nobody can guess.
    ///
    /// # Errors
    /// If there are none.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoRandomness>;

    /// A new private key: PKCS#8 as PEM, ending with a line break.
    ///
    /// # Errors
    /// If none can be made.
    fn key(&mut self, kind: KeyKind) -> Result<Secret, NoRandomness>;

    /// The present moment, in milliseconds since 1970.
    fn now_millis(&self) -> u64;
}

/// The operating system's randomness and clock.
#[derive(Debug, Default)]
pub struct SystemSource {
    random: SystemRandom,
}

impl Randomness for SystemSource {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        self.random.fill(bytes).map_err(|_| NoRandomness)
    }

    fn key(&mut self, kind: KeyKind) -> Result<Secret, NoRandomness> {
        let curve = |algorithm: &'static EcdsaSigningAlgorithm| {
            let pair = EcdsaKeyPair::generate(algorithm).map_err(|_| NoRandomness)?;
            let document = pair.to_pkcs8v1().map_err(|_| NoRandomness)?;
            Ok(pem(document.as_ref()))
        };
        match kind {
            KeyKind::Rsa => {
                let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| NoRandomness)?;
                let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(|_| NoRandomness)?;
                Ok(pem(der.as_ref()))
            }
            KeyKind::P256 => curve(&ECDSA_P256_SHA256_FIXED_SIGNING),
            KeyKind::P384 => curve(&ECDSA_P384_SHA384_FIXED_SIGNING),
            KeyKind::Secp256k1 => curve(&ECDSA_P256K1_SHA256_FIXED_SIGNING),
        }
    }

    fn now_millis(&self) -> u64 {
        u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0)
    }
}

fn pem(der: &[u8]) -> Secret {
    let mut text = String::from("-----BEGIN PRIVATE KEY-----\n");
    let encoded = STANDARD.encode(der);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END PRIVATE KEY-----\n");
    Secret::new(text)
}

/// `count` random bytes as digits of base 16.
pub(super) fn hex(source: &mut dyn Randomness, count: usize) -> Result<Secret, NoRandomness> {
    let mut bytes = vec![0; count];
    source.fill(&mut bytes)?;
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Secret::new(digits.concat()))
}

/// A new ULID.
pub(super) fn ulid(source: &mut dyn Randomness) -> Result<String, NoRandomness> {
    let mut bytes = [0; 16];
    source.fill(&mut bytes)?;
    Ok(ulid::Ulid::from_parts(source.now_millis(), u128::from_be_bytes(bytes)).to_string())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::KeyPair as _;
    use rustls::pki_types::PrivateKeyDer;
    use rustls::pki_types::pem::PemObject;

    use super::*;

    fn der(secret: &Secret) -> Vec<u8> {
        let key = PrivateKeyDer::from_pem_slice(secret.reveal().as_bytes()).unwrap();
        let PrivateKeyDer::Pkcs8(key) = key else {
            panic!("no PKCS#8");
        };
        key.secret_pkcs8_der().to_vec()
    }

    #[test]
    fn keys_are_of_their_kind_and_new_each_time() {
        let mut source = SystemSource::default();
        for kind in KeyKind::ALL {
            let key = source.key(kind).unwrap();
            let text = key.reveal();
            assert!(text.starts_with("-----BEGIN PRIVATE KEY-----\n"));
            assert!(text.ends_with("-----END PRIVATE KEY-----\n"));
            assert!(text.lines().all(|line| line.len() <= 64));
            let der = der(&key);
            match kind {
                KeyKind::Rsa => {
                    let pair = KeyPair::from_pkcs8(&der).unwrap();
                    assert_eq!(pair.public_modulus_len(), 256);
                }
                KeyKind::P256 | KeyKind::P384 | KeyKind::Secp256k1 => {
                    let (algorithm, length) = match kind {
                        KeyKind::P256 => (&ECDSA_P256_SHA256_FIXED_SIGNING, 65),
                        KeyKind::P384 => (&ECDSA_P384_SHA384_FIXED_SIGNING, 97),
                        _ => (&ECDSA_P256K1_SHA256_FIXED_SIGNING, 65),
                    };
                    let pair = EcdsaKeyPair::from_pkcs8(algorithm, &der).unwrap();
                    assert_eq!(pair.public_key().as_ref().len(), length);
                }
            }
            assert!(source.key(kind).unwrap().reveal() != text);
        }
    }

    #[test]
    fn secrets_are_of_their_length_and_new_each_time() {
        let mut source = SystemSource::default();
        let one = hex(&mut source, 32).unwrap();
        assert_eq!(one.reveal().len(), 64);
        assert!(one.reveal().bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert!(hex(&mut source, 32).unwrap().reveal() != one.reveal());
        let id = ulid(&mut source).unwrap();
        assert_eq!(id.len(), 26);
        let read = ulid::Ulid::from_string(&id).unwrap();
        assert!(read.timestamp_ms().abs_diff(source.now_millis()) < 60_000);
    }
}
