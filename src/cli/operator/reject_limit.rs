//! How many rejected rows a run may leave out: `--max-rejects N`, or `N%` of the rows that are read.

use std::fmt;
use std::str::FromStr;

use super::table::{counted, rows_that};

/// Steps of a percentage: it may have three decimals.
const STEPS: u64 = 1000;

/// How many rejected rows a run may leave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectLimit {
    /// So many.
    Rows(u64),
    /// So many thousandths of a percent of the rows that were read from all source tables.
    Share(u64),
}

impl Default for RejectLimit {
    /// None.
    fn default() -> Self {
        RejectLimit::Rows(0)
    }
}

impl RejectLimit {
    /// Whether so many of the rows that were read may be left out.
    pub fn allows(self, rejected: u64, read: u64) -> bool {
        match self {
            RejectLimit::Rows(most) => rejected <= most,
            RejectLimit::Share(share) => {
                let whole = u128::from(100 * STEPS);
                u128::from(rejected) * whole <= u128::from(read) * u128::from(share)
            }
        }
    }

    /// So many rows may be rejected before it is certain, while rows are still read, that there are
    /// too many.
    pub fn certain_after(self) -> u64 {
        match self {
            RejectLimit::Rows(most) => most,
            // What it is a share of is known at the end.
            RejectLimit::Share(0) => 0,
            RejectLimit::Share(_) => u64::MAX,
        }
    }

    /// Whether rows may be left out at all.
    pub fn is_none(self) -> bool {
        matches!(self, RejectLimit::Rows(0) | RejectLimit::Share(0))
    }

    /// The limit in words: `5 rows`, `0.1% of the rows read`.
    pub fn words(self) -> String {
        match self {
            RejectLimit::Rows(rows) => counted(rows, "row"),
            RejectLimit::Share(_) => format!("{self} of the rows read"),
        }
    }

    /// Why so many are too many: `12 rows were rejected, --max-rejects allows 5 rows`.
    pub fn exceeded(self, rejected: u64) -> String {
        let were = rows_that(rejected, "was", "were");
        format!("{were} rejected, --max-rejects allows {}", self.words())
    }
}

impl fmt::Display for RejectLimit {
    /// As it is written on the command line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RejectLimit::Rows(rows) => write!(f, "{rows}"),
            RejectLimit::Share(share) => {
                let (whole, part) = (share / STEPS, share % STEPS);
                let part = format!("{part:03}");
                let part = part.trim_end_matches('0');
                let point = if part.is_empty() { "" } else { "." };
                write!(f, "{whole}{point}{part}%")
            }
        }
    }
}

impl FromStr for RejectLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            "expected a number of rows such as `25`, or a share of the rows read such as `0.1%`"
                .to_owned()
        };
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let Some(share) = text.strip_suffix('%') else {
            if !digits(text) {
                return Err(wrong());
            }
            return text.parse().map(RejectLimit::Rows).map_err(|_| wrong());
        };
        let (whole, part) = share.split_once('.').unwrap_or((share, "0"));
        if !digits(whole) || !digits(part) {
            return Err(wrong());
        }
        if part.len() > 3 {
            return Err("a percentage has three decimals at most".to_owned());
        }
        let whole: u64 = whole.parse().map_err(|_| wrong())?;
        let part: u64 = format!("{part:0<3}").parse().map_err(|_| wrong())?;
        let share = whole.saturating_mul(STEPS).saturating_add(part);
        if share > 100 * STEPS {
            return Err("there are no more than 100% of the rows".to_owned());
        }
        Ok(RejectLimit::Share(share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(text: &str) -> RejectLimit {
        text.parse().unwrap()
    }

    #[test]
    fn limits_are_read_and_written() {
        for (text, limit, written) in [
            ("0", RejectLimit::Rows(0), "0"),
            ("25", RejectLimit::Rows(25), "25"),
            ("1%", RejectLimit::Share(1000), "1%"),
            ("0.1%", RejectLimit::Share(100), "0.1%"),
            ("2.50%", RejectLimit::Share(2500), "2.5%"),
            ("0.001%", RejectLimit::Share(1), "0.001%"),
            ("100%", RejectLimit::Share(100_000), "100%"),
        ] {
            assert_eq!(text.parse(), Ok(limit), "{text}");
            assert_eq!(limit.to_string(), written);
        }
        for text in [
            "",
            "-1",
            "+1",
            "1.5",
            "%",
            ".5%",
            "5.%",
            "1e3",
            "0.0001%",
            "100.001%",
            "101%",
            "ten",
            "99999999999999999999",
            " 1",
        ] {
            assert!(text.parse::<RejectLimit>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_number_is_of_rows_and_a_share_of_those_read() {
        for (text, rejected, read, allowed) in [
            ("0", 0, 10, true),
            ("0", 1, 10, false),
            ("5", 5, 0, true),
            ("5", 6, 1_000_000, false),
            ("10%", 1, 10, true),
            ("10%", 1, 9, false),
            ("0.001%", 1, 100_000, true),
            ("0.001%", 1, 99_999, false),
            ("100%", u64::MAX, u64::MAX, true),
            ("0%", 1, u64::MAX, false),
        ] {
            let limit = limit(text);
            assert_eq!(
                limit.allows(rejected, read),
                allowed,
                "{rejected} of {read} by {text}"
            );
            // A run that stops giving rows to the target too early would lose some.
            assert!(!allowed || limit.certain_after() >= rejected, "{text}");
        }
        assert!(limit("0%").is_none() && limit("0").is_none() && !limit("0.001%").is_none());
    }

    #[test]
    fn too_many_are_told_with_the_limit() {
        assert_eq!(
            limit("1").exceeded(1200),
            "1,200 rows were rejected, --max-rejects allows 1 row"
        );
        assert_eq!(
            limit("0.5%").exceeded(1),
            "1 row was rejected, --max-rejects allows 0.5% of the rows read"
        );
    }
}
