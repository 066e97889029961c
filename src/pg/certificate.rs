//! The few facts of an X.509 certificate that rustls does not tell: its version, whether it names
//! hosts, how long it is valid, its key, and the hash that ties a SCRAM log-in to it.
//!
//! It reads structure only; what it returns is used for messages, for channel binding, and for a
//! certificate that somebody chose to trust byte for byte. Chains are rustls's own work.

use sha2::{Digest, Sha256, Sha384, Sha512};

/// Facts of one certificate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Certificate<'a> {
    /// 1, 2 or 3.
    pub(super) version: u8,
    /// Start of validity, Unix seconds.
    pub(super) not_before: i64,
    /// End of validity, Unix seconds.
    pub(super) not_after: i64,
    /// Whether it has the extension that lists host names and addresses.
    pub(super) has_alternative_names: bool,
    /// Identifier of the key's algorithm, without its outer sequence.
    pub(super) key_algorithm: &'a [u8],
    /// The public key itself.
    pub(super) key_bits: &'a [u8],
    /// The whole public key structure.
    pub(super) key_info: &'a [u8],
    signature_oid: &'a [u8],
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

impl<'a> Certificate<'a> {
    /// Reads the DER form; `None` if it is not a certificate.
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let mut outer = Reader(Reader(der).expect(SEQUENCE)?.content);
        let mut body = Reader(outer.expect(SEQUENCE)?.content);
        let signature_oid = Reader(outer.expect(SEQUENCE)?.content)
            .expect(OBJECT_IDENTIFIER)?
            .content;

        let version = match body.optional(VERSION) {
            Some(version) => Reader(version.content)
                .expect(INTEGER)?
                .content
                .first()?
                .checked_add(1)?,
            None => 1,
        };
        body.expect(INTEGER)?; // serial number
        body.expect(SEQUENCE)?; // signature algorithm, once more
        body.expect(SEQUENCE)?; // issuer
        let mut validity = Reader(body.expect(SEQUENCE)?.content);
        let not_before = validity.time()?;
        let not_after = validity.time()?;
        body.expect(SEQUENCE)?; // subject
        let key_info = body.expect(SEQUENCE)?;
        let mut key = Reader(key_info.content);
        let key_algorithm = key.expect(SEQUENCE)?.content;
        // The first byte of a bit string counts its unused bits, 0 for keys.
        let key_bits = key.expect(BIT_STRING)?.content.get(1..)?;

        let mut has_alternative_names = false;
        while let Some(field) = body.next() {
            if field.tag != EXTENSIONS {
                continue;
            }
            let mut extensions = Reader(Reader(field.content).expect(SEQUENCE)?.content);
            while let Some(extension) = extensions.next() {
                let oid = Reader(extension.content).expect(OBJECT_IDENTIFIER)?;
                has_alternative_names |= oid.content == SUBJECT_ALT_NAME;
            }
        }
        Some(Self {
            version,
            not_before,
            not_after,
            has_alternative_names,
            key_algorithm,
            key_bits,
            key_info: key_info.whole,
            signature_oid,
        })
    }

    /// RFC 5929's `tls-server-end-point`: the certificate's hash by the algorithm it is signed
    /// with, SHA-256 in place of MD5 and SHA-1. `None` for algorithms without one hash of their own.
    pub(super) fn end_point_hash(&self, der: &[u8]) -> Option<Vec<u8>> {
        // 1.2.840.113549.1.1.x and 1.2.840.10045.4.x
        const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
        const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04];
        let bits = if let Some(rest) = self.signature_oid.strip_prefix(RSA) {
            match rest {
                [4 | 5 | 11] => 256,
                [12] => 384,
                [13] => 512,
                _ => return None,
            }
        } else if let Some(rest) = self.signature_oid.strip_prefix(ECDSA) {
            match rest {
                [1] | [3, 2] => 256,
                [3, 3] => 384,
                [3, 4] => 512,
                _ => return None,
            }
        } else {
            return None;
        };
        Some(match bits {
            384 => Sha384::digest(der).to_vec(),
            512 => Sha512::digest(der).to_vec(),
            _ => Sha256::digest(der).to_vec(),
        })
    }
}

/// One tag-length-value of DER.
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    whole: &'a [u8],
}

/// The elements of a DER text, one after another.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<Element<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let count = usize::from(first & 0x7f);
            if count == 0 || count > 4 {
                return None;
            }
            let (bytes, rest) = rest.split_at_checked(count)?;
            let length = bytes
                .iter()
                .fold(0usize, |length, byte| length << 8 | usize::from(*byte));
            (length, rest)
        };
        let (content, after) = rest.split_at_checked(length)?;
        let whole = self.0.get(..self.0.len() - after.len())?;
        self.0 = after;
        Some(Element {
            tag,
            content,
            whole,
        })
    }

    fn expect(&mut self, tag: u8) -> Option<Element<'a>> {
        self.next().filter(|element| element.tag == tag)
    }

    fn optional(&mut self, tag: u8) -> Option<Element<'a>> {
        if self.0.first() == Some(&tag) {
            self.next()
        } else {
            None
        }
    }

    fn time(&mut self) -> Option<i64> {
        let element = self.next()?;
        let text = std::str::from_utf8(element.content).ok()?;
        let (year, rest) = match element.tag {
            UTC_TIME => {
                let (year, rest) = text.split_at_checked(2)?;
                let year: i16 = year.parse().ok()?;
                (if year < 50 { 2000 + year } else { 1900 + year }, rest)
            }
            GENERALIZED_TIME => {
                let (year, rest) = text.split_at_checked(4)?;
                (year.parse().ok()?, rest)
            }
            _ => return None,
        };
        let digits = rest.strip_suffix('Z')?;
        let part = |at: usize| digits.get(at..at + 2)?.parse::<i8>().ok();
        let moment =
            jiff::civil::DateTime::new(year, part(0)?, part(2)?, part(4)?, part(6)?, part(8)?, 0)
                .ok()?;
        let zoned = moment.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(zoned.timestamp().as_second())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(names: &[&str], algorithm: &'static rcgen::SignatureAlgorithm) -> Vec<u8> {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        params.not_before = rcgen::date_time_ymd(1999, 12, 31);
        // From 2050 on, certificates write years with four digits.
        params.not_after = rcgen::date_time_ymd(2050, 1, 1);
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn facts_of_a_certificate() {
        let der = der(&["db.test"], &rcgen::PKCS_ECDSA_P256_SHA256);
        let facts = Certificate::read(&der).unwrap();
        assert_eq!(facts.version, 3);
        assert!(facts.has_alternative_names);
        assert_eq!(facts.not_before, 946_598_400);
        assert_eq!(facts.not_after, 2_524_608_000);
        // An uncompressed point of P-256.
        assert_eq!((facts.key_bits.len(), facts.key_bits[0]), (65, 4));
        assert!(facts.key_info.len() > facts.key_algorithm.len() + facts.key_bits.len());
    }

    #[test]
    fn a_certificate_without_alternative_names() {
        let der = der(&[], &rcgen::PKCS_ECDSA_P256_SHA256);
        assert!(!Certificate::read(&der).unwrap().has_alternative_names);
    }

    #[test]
    fn the_hash_follows_the_signature() {
        let hash = |algorithm| {
            let der = der(&["db.test"], algorithm);
            let hash = Certificate::read(&der).unwrap().end_point_hash(&der);
            (der, hash)
        };
        let (der, found) = hash(&rcgen::PKCS_ECDSA_P256_SHA256);
        assert_eq!(found, Some(Sha256::digest(&der).to_vec()));
        let (der, found) = hash(&rcgen::PKCS_ECDSA_P384_SHA384);
        assert_eq!(found, Some(Sha384::digest(&der).to_vec()));
        // Ed25519 has no hash of its own.
        assert_eq!(hash(&rcgen::PKCS_ED25519).1, None);
    }

    #[test]
    fn what_is_no_certificate_is_none_and_no_panic() {
        let whole = der(&["db.test"], &rcgen::PKCS_ECDSA_P256_SHA256);
        for length in 0..whole.len() {
            assert_eq!(Certificate::read(&whole[..length]), None, "{length}");
        }
        for index in 0..whole.len() {
            for byte in [0, 0x30, 0x7f, 0x80, 0x84, 0xff] {
                let mut broken = whole.clone();
                broken[index] = byte;
                // Whatever it gives, it must give it without a panic.
                if let Some(facts) = Certificate::read(&broken) {
                    let _ = facts.end_point_hash(&broken);
                }
            }
        }
    }
}
