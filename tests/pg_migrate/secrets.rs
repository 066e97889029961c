//! The texts that no output may hold, and whether one of them is in a text.
//!
//! They are as many as the tokens, addresses and password hashes of all accounts together, and every
//! output of every run is searched for each of them: one after the other, that took most of the tests'
//! time.

/// Texts in order, none of which begins another.
#[derive(Debug)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn extend(&mut self, more: impl IntoIterator<Item = String>) {
        self.0.extend(more);
        self.0.sort_unstable();
        // In this order a text stands before all that begin with it. Whoever holds one of those holds
        // the text too.
        self.0
            .dedup_by(|later, earlier| later.starts_with(earlier.as_str()));
    }

    /// A secret that is somewhere in this text.
    pub(crate) fn found_in(&self, text: &str) -> Option<&str> {
        text.char_indices().find_map(|(at, _)| {
            let rest = &text[at..];
            // What lies between a secret and a text that begins with it begins with it too, and no
            // other secret does: so it can only be the last one that is not greater than the text.
            let greater = self.0.partition_point(|secret| secret.as_str() <= rest);
            let last = self.0[..greater].last()?;
            rest.starts_with(last.as_str()).then_some(last.as_str())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Secrets;

    /// Short texts of few letters begin and hold each other in all ways.
    fn words(letters: &[char], longest: usize) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut begun = 0;
        for _ in 0..longest {
            let end = words.len();
            for at in begun..end {
                let longer = letters
                    .iter()
                    .map(|letter| format!("{}{letter}", words[at]));
                words.extend(longer.collect::<Vec<_>>());
            }
            begun = end;
        }
        words.remove(0);
        words
    }

    #[test]
    fn a_secret_is_found_exactly_where_there_is_one() {
        let texts = words(&['a', 'b', 'é'], 5);
        for one in words(&['a', 'b', 'é'], 2) {
            for other in words(&['a', 'é'], 3) {
                let mut secrets = Secrets::new();
                secrets.extend([other.clone()]);
                secrets.extend([one.clone()]);
                for text in &texts {
                    let found = secrets.found_in(text);
                    let there = text.contains(&one) || text.contains(&other);
                    assert_eq!(found.is_some(), there, "{one} {other} {text}");
                    assert!(found.is_none_or(|found| text.contains(found)));
                }
            }
        }
        assert_eq!(Secrets::new().found_in("anything"), None);
    }
}
