//! Whether a password fits a hash: as Synapse tries it, and as MAS does under one of its schemes.
//!
//! Both hash the password with the pepper behind it by bcrypt, which takes 72 bytes and no more.
//! Synapse always normalises the password first (NFKC), MAS where its scheme says so.

use unicode_normalization::UnicodeNormalization;

use crate::config::{PasswordAlgorithm, PasswordScheme, Settings};
use crate::functions::is_bcrypt;
use crate::pg::Secret;

/// How many bytes bcrypt looks at.
pub const BCRYPT_BYTES: usize = 72;

/// The version that hashes of Synapse get.
pub const MIGRATED_VERSION: u16 = 1;

/// Whether a password is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is.
    Accepted,
    /// It is not, and why.
    Refused(String),
    /// It cannot be told, and why.
    Unknown(String),
}

/// What is done to a password before it is hashed. `Debug` does not show the pepper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    pepper: Secret,
    is_normalised: bool,
}

impl Recipe {
    /// As Synapse does.
    pub fn of_synapse(settings: &Settings) -> Self {
        let pepper = settings.synapse.pepper.as_ref();
        Self {
            pepper: pepper.map_or_else(|| Secret::new(""), |pepper| pepper.value.clone()),
            is_normalised: true,
        }
    }

    /// As MAS does under a scheme.
    pub fn of_scheme(scheme: &PasswordScheme) -> Self {
        let pepper = scheme.secret.as_ref();
        Self {
            pepper: pepper.map_or_else(|| Secret::new(""), |pepper| pepper.value.clone()),
            is_normalised: scheme.unicode_normalization.value,
        }
    }

    fn without_pepper(&self) -> Self {
        Self {
            pepper: Secret::new(""),
            ..self.clone()
        }
    }

    fn with_other_normalisation(&self) -> Self {
        Self {
            is_normalised: !self.is_normalised,
            ..self.clone()
        }
    }

    /// What bcrypt is given.
    fn input(&self, password: &Secret) -> Vec<u8> {
        let mut input = if self.is_normalised {
            password.reveal().nfkc().collect::<String>()
        } else {
            password.reveal().to_owned()
        };
        input.push_str(self.pepper.reveal());
        input.into_bytes()
    }

    /// What bcrypt looks at.
    fn looked_at(&self, password: &Secret) -> Vec<u8> {
        let mut input = self.input(password);
        input.truncate(BCRYPT_BYTES);
        input
    }

    /// Whether the password fits the hash, a bcrypt hash. Takes as long as a log-in.
    fn fits(&self, password: &Secret, hash: &str) -> bool {
        bcrypt::verify(self.looked_at(password), hash).unwrap_or(false)
    }

    /// What bcrypt leaves out of the password and its pepper, in words.
    pub fn cut(&self, password: &Secret) -> Option<String> {
        let all = self.input(password).len();
        let pepper = self.pepper.reveal().len();
        let own = all - pepper;
        if all <= BCRYPT_BYTES {
            return None;
        }
        let what = if own > BCRYPT_BYTES {
            "its end is not looked at, by Synapse neither: whoever knows the beginning gets in"
        } else if own == BCRYPT_BYTES {
            "the pepper behind it is not looked at, by Synapse neither"
        } else {
            "the end of the pepper behind it is not looked at, by Synapse neither"
        };
        Some(format!(
            "bcrypt takes {BCRYPT_BYTES} bytes, and the password has {own}: {what}"
        ))
    }
}

/// What is wrong with a hash before a password is tried.
fn unusable(hash: Option<&str>, product: &str) -> Option<Answer> {
    match hash {
        None | Some("") => Some(Answer::Refused(format!(
            "{product} holds no password of the account"
        ))),
        Some(hash) if !is_bcrypt(hash) => Some(Answer::Refused(
            "the hash is no bcrypt hash; a login module may have written it".to_owned(),
        )),
        Some(_) => None,
    }
}

/// Whether Synapse accepts a password for its hash.
pub fn by_synapse(settings: &Settings, hash: Option<&str>, password: &Secret) -> Answer {
    if let Some(answer) = unusable(hash, "Synapse") {
        return answer;
    }
    let hash = hash.unwrap_or_default();
    let recipe = Recipe::of_synapse(settings);
    if recipe.fits(password, hash) {
        return Answer::Accepted;
    }
    let others = [
        (
            recipe.without_pepper(),
            "it fits without the pepper: the hash is older than Synapse's pepper",
        ),
        (
            recipe.with_other_normalisation(),
            "it fits as it was typed, but Synapse normalises passwords (NFKC): another program made the hash",
        ),
    ];
    let mut others = others.into_iter().chain(scheme(settings, MIGRATED_VERSION).map(|scheme| {
        (
            Recipe::of_scheme(scheme),
            "it fits with the secret of MAS's scheme: `password_config.pepper` is not the pepper that the hash was made with",
        )
    }));
    Answer::Refused(explained(&recipe, password, hash, &mut others))
}

/// Whether MAS accepts a password for a hash of that version.
pub fn by_mas(settings: &Settings, hash: Option<&str>, version: u16, password: &Secret) -> Answer {
    if !settings.mas.passwords_enabled.value {
        return Answer::Refused("MAS has passwords switched off (`passwords.enabled`)".to_owned());
    }
    let Some(hash) = hash.filter(|hash| !hash.is_empty()) else {
        return Answer::Refused("MAS holds no password of the account".to_owned());
    };
    let Some(scheme) = scheme(settings, version) else {
        return Answer::Refused(format!(
            "MAS's configuration has no password scheme of version {version}, which the hash has"
        ));
    };
    if scheme.algorithm != PasswordAlgorithm::Bcrypt {
        if version == MIGRATED_VERSION {
            return Answer::Refused(format!(
                "MAS's scheme of version {version} is not bcrypt, but all migrated hashes are"
            ));
        }
        return Answer::Unknown(format!(
            "the hash has version {version}, which is not bcrypt: MAS has made it anew since the migration, so that it has accepted a password then"
        ));
    }
    if let Some(answer) = unusable(Some(hash), "MAS") {
        return answer;
    }
    let recipe = Recipe::of_scheme(scheme);
    if recipe.fits(password, hash) {
        return Answer::Accepted;
    }
    let synapse = Recipe::of_synapse(settings);
    let normalised = recipe.with_other_normalisation();
    let mut others: Vec<(Recipe, &'static str)> = Vec::new();
    if !recipe.is_normalised {
        others.push((
            normalised,
            "it fits once it is normalised: set `unicode_normalization: true` on version 1 of `passwords.schemes`",
        ));
    }
    if recipe.pepper != synapse.pepper {
        let pepper = Recipe {
            pepper: synapse.pepper.clone(),
            ..recipe.clone()
        };
        let text = "it fits with Synapse's pepper: make `secret` of version 1 of `passwords.schemes` equal to `password_config.pepper`";
        others.push((pepper, text));
        others.push((
            synapse,
            "it fits with Synapse's pepper and normalised: set both `secret` and `unicode_normalization: true` on version 1 of `passwords.schemes`",
        ));
        others.push((
            recipe.without_pepper(),
            "it fits without the secret: the hash was made without a pepper",
        ));
    }
    Answer::Refused(explained(&recipe, password, hash, &mut others.into_iter()))
}

/// Why a password does not fit: which other way of hashing it would have, as far as can be found out.
fn explained(
    recipe: &Recipe,
    password: &Secret,
    hash: &str,
    others: &mut dyn Iterator<Item = (Recipe, &'static str)>,
) -> String {
    let mut tried = vec![recipe.looked_at(password)];
    for (other, why) in others {
        let input = other.looked_at(password);
        if tried.contains(&input) {
            continue;
        }
        if bcrypt::verify(&input, hash).unwrap_or(false) {
            return why.to_owned();
        }
        tried.push(input);
    }
    let trimmed = Secret::new(password.reveal().trim());
    if trimmed != *password && recipe.fits(&trimmed, hash) {
        return "it fits without the blanks at its ends".to_owned();
    }
    "it does not fit the hash under any pepper that is configured: most likely it is another password".to_owned()
}

fn scheme(settings: &Settings, version: u16) -> Option<&PasswordScheme> {
    let mut schemes = settings.mas.password_schemes.iter();
    schemes.find(|scheme| scheme.version.value == version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(pepper: &str, is_normalised: bool) -> Recipe {
        Recipe {
            pepper: Secret::new(pepper),
            is_normalised,
        }
    }

    /// A hash that is made fast.
    fn hash(input: impl AsRef<[u8]>) -> String {
        bcrypt::hash(input, 4).unwrap()
    }

    #[test]
    fn a_password_is_hashed_normalised_and_with_the_pepper_behind_it() {
        // A ligature and a letter with its accent apart.
        let password = Secret::new("\u{fb01}sch e\u{301}");
        let made = hash("fisch \u{e9}pepper");
        assert!(recipe("pepper", true).fits(&password, &made));
        assert!(!recipe("pepper", false).fits(&password, &made));
        assert!(!recipe("", true).fits(&password, &made));
    }

    #[test]
    fn what_is_beyond_72_bytes_does_not_count() {
        let long = "x".repeat(72);
        let made = hash(&long);
        assert!(recipe("pepper", true).fits(&Secret::new(format!("{long}y")), &made));
        assert!(recipe("another", true).fits(&Secret::new(long.clone()), &made));
        let shorter = Secret::new("x".repeat(71));
        assert!(!recipe("pepper", true).fits(&shorter, &made));
        // Of a pepper one byte is looked at: the same for both.
        assert!(recipe("xy", true).fits(&shorter, &made));
    }

    #[test]
    fn what_bcrypt_cuts_off_is_told() {
        let cut = |length: usize| recipe("pepper", true).cut(&Secret::new("x".repeat(length)));
        assert_eq!(cut(66), None);
        for (length, words) in [
            (67, "the end of the pepper behind it"),
            (72, "the pepper behind it"),
            (73, "its end is not looked at"),
        ] {
            let told = cut(length).unwrap();
            assert!(told.contains(&format!("has {length}: {words}")), "{told}");
        }
        assert_eq!(recipe("", true).cut(&Secret::new("x".repeat(72))), None);
    }

    #[test]
    fn why_a_password_does_not_fit_is_found_by_trying() {
        let password = Secret::new(" pass ");
        let recipe = recipe("pepper", true);
        let why = |made: &str| {
            let others = [(recipe.without_pepper(), "without")];
            explained(&recipe, &password, made, &mut others.into_iter())
        };
        assert_eq!(why(&hash(" pass ")), "without");
        assert_eq!(
            why(&hash("passpepper")),
            "it fits without the blanks at its ends"
        );
        assert!(why(&hash("other")).contains("another password"));
    }

    #[test]
    fn a_hash_that_is_none_is_told_apart_from_a_foreign_one() {
        for none in [None, Some("")] {
            let answer = unusable(none, "Synapse").unwrap();
            assert_eq!(
                answer,
                Answer::Refused("Synapse holds no password of the account".to_owned())
            );
        }
        assert!(matches!(
            unusable(Some("{SSHA}abc"), "Synapse"),
            Some(Answer::Refused(why)) if why.contains("no bcrypt hash")
        ));
        assert_eq!(unusable(Some(&hash("x")), "Synapse"), None);
    }
}
