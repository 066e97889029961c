//! The ID of an upstream provider in MAS: 128 bits, written as a ULID or as a UUID.

use std::fmt;

use serde::{Serialize, Serializer};

/// The primary key of a row of MAS's upstream providers. Shown as a ULID, as MAS's configuration
/// has it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderId(pub u128);

impl ProviderId {
    /// Reads a ULID, of 26 characters.
    pub fn from_ulid(text: &str) -> Option<Self> {
        ulid::Ulid::from_string(text).ok().map(|id| Self(id.0))
    }

    /// Reads a ULID or a UUID with its four dashes.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('-').collect();
        let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
        if lengths == [8, 4, 4, 4, 12] {
            let digits = parts.concat();
            if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return None;
            }
            return u128::from_str_radix(&digits, 16).ok().map(Self);
        }
        Self::from_ulid(text)
    }

    /// The bytes of the UUID.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&ulid::Ulid(self.0), f)
    }
}

impl fmt::Debug for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ProviderId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ulid_and_its_uuid_are_the_same_id() {
        let ulid = ProviderId::parse("01H8PKNWKKRPCBW4YGH1RWV279").unwrap();
        let uuid = ProviderId::parse("018a2d3a-f273-c598-be13-d0887 1cd88e9");
        assert_eq!(uuid, None);
        let bytes = ulid.to_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let dashed = format!(
            "{}-{}-{}-{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..]
        );
        assert_eq!(ProviderId::parse(&dashed), Some(ulid));
        assert_eq!(ProviderId::parse(&dashed.to_uppercase()), Some(ulid));
        assert_eq!(ulid.to_string(), "01H8PKNWKKRPCBW4YGH1RWV279");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "keycloak",
            "01H8PKNWKKRPCBW4YGH1RWV27",
            "01H8PKNWKKRPCBW4YGH1RWV27U",
            "+18a2d3a-f273-c598-be13-d08871cd88e9",
        ] {
            assert_eq!(ProviderId::parse(text), None, "{text}");
        }
    }
}
