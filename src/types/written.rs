//! Values in the form in which people write them: constants of a mapping, parameters on the command
//! line, texts that a function reads.

use super::Inet;

/// Microseconds from 1970-01-01 to 2000-01-01, where PostgreSQL begins to count.
pub const PG_EPOCH: i64 = 946_684_800_000_000;
/// The first moment that PostgreSQL holds, 4714-11-24 BC, in microseconds since 1970.
pub const FIRST_MOMENT: i64 = -210_866_803_200_000_000;

/// How exact a moment must be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Digits behind the microseconds are an error, unless they are zeros.
    Exact,
    /// Digits behind the microseconds are cut off.
    Cut,
}

/// The microseconds since 1970 of a date and time as in RFC 3339: `2024-05-01T14:00:00.5+02:00`. A
/// blank can stand for the `T`, the seconds can be left out, and a year beyond 9999 or before 0000
/// is written with a sign and six digits. The calendar is the Gregorian one at all times.
///
/// # Errors
/// What is wrong, as the end of "the text …".
pub fn timestamp(text: &str, precision: Precision) -> Result<i64, &'static str> {
    const FORM: &str = "is no RFC 3339 date and time with an offset";
    const RANGE: &str = "is a moment before 4714 BC or after 294246";
    let mut rest = Rest(text);
    let year = if let Some(sign) = rest.one_of(&['+', '-']) {
        let year = rest.digits(6).ok_or(FORM)?;
        if sign == '-' { -year } else { year }
    } else {
        rest.digits(4).ok_or(FORM)?
    };
    rest.one_of(&['-']).ok_or(FORM)?;
    let month = rest.digits(2).ok_or(FORM)?;
    rest.one_of(&['-']).ok_or(FORM)?;
    let day = rest.digits(2).ok_or(FORM)?;
    if !(1..=12).contains(&month) || day < 1 || day > days_of_month(year, month) {
        return Err("is a date that no calendar has");
    }
    rest.one_of(&['T', 't', ' ']).ok_or(FORM)?;
    let hour = rest.digits(2).ok_or(FORM)?;
    rest.one_of(&[':']).ok_or(FORM)?;
    let minute = rest.digits(2).ok_or(FORM)?;
    let second = match rest.one_of(&[':']) {
        Some(_) => rest.digits(2).ok_or(FORM)?,
        None => 0,
    };
    if hour > 23 || minute > 59 || second > 59 {
        return Err("is a time that no clock shows; leap seconds are not known");
    }
    let micros = match rest.one_of(&['.']) {
        Some(_) => fraction(&mut rest, precision)?,
        None => 0,
    };
    let offset = match rest.one_of(&['Z', 'z', '+', '-']).ok_or(FORM)? {
        'Z' | 'z' => 0,
        sign => {
            let hours = rest.digits(2).ok_or(FORM)?;
            let colon = rest.one_of(&[':']);
            let minutes = match rest.digits(2) {
                Some(minutes) => minutes,
                None if colon.is_none() => 0,
                None => return Err(FORM),
            };
            if hours > 23 || minutes > 59 {
                return Err(FORM);
            }
            let seconds = hours * 3600 + minutes * 60;
            if sign == '-' { -seconds } else { seconds }
        }
    };
    if !rest.0.is_empty() {
        return Err(FORM);
    }
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    (seconds - offset)
        .checked_mul(1_000_000)
        .and_then(|whole| whole.checked_add(micros))
        .filter(|moment| *moment >= FIRST_MOMENT)
        .ok_or(RANGE)
}

fn fraction(rest: &mut Rest<'_>, precision: Precision) -> Result<i64, &'static str> {
    let length = rest.0.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, behind) = rest.0.split_at(length);
    rest.0 = behind;
    if digits.is_empty() {
        return Err("is no RFC 3339 date and time with an offset");
    }
    let (micros, finer) = digits.split_at(length.min(6));
    if precision == Precision::Exact && finer.bytes().any(|digit| digit != b'0') {
        return Err("is finer than a microsecond");
    }
    Ok((0..6).fold(0, |value, place| {
        let digit = micros.as_bytes().get(place).map_or(0, |digit| digit - b'0');
        value * 10 + i64::from(digit)
    }))
}

/// What is left to read.
struct Rest<'t>(&'t str);

impl Rest<'_> {
    fn one_of(&mut self, signs: &[char]) -> Option<char> {
        let sign = self.0.chars().next().filter(|c| signs.contains(c))?;
        self.0 = self.0.get(sign.len_utf8()..)?;
        Some(sign)
    }

    fn digits(&mut self, count: usize) -> Option<i64> {
        let digits = self.0.get(..count)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        self.0 = self.0.get(count..)?;
        digits.parse().ok()
    }
}

fn days_of_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01, in years that begin in March, so that the leap day is the last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let months = (month + 9) % 12;
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * months + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The microseconds of a duration, `90m` or `-3h`; digits can be parted by `_`. `None` where it has
/// not the form, or does not fit into 64 bits.
pub fn duration(text: &str) -> Option<i64> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let unit = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (digits, unit) = text.split_at_checked(unit)?;
    let scale: i128 = match unit {
        "us" => 1,
        "ms" => 1_000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        "d" => 86_400_000_000,
        "w" => 604_800_000_000,
        _ => return None,
    };
    let size = i128::from(magnitude(digits)?) * scale;
    i64::try_from(if negative { -size } else { size }).ok()
}

/// A whole number; digits can be parted by `_`. `None` where it has not the form, or does not fit
/// into 64 bits.
pub fn integer(text: &str) -> Option<i64> {
    match text.strip_prefix('-') {
        Some(digits) => i64::try_from(-i128::from(magnitude(digits)?)).ok(),
        None => i64::try_from(magnitude(text)?).ok(),
    }
}

fn magnitude(digits: &str) -> Option<u64> {
    let begins = digits.starts_with(|c: char| c.is_ascii_digit());
    let all = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'_');
    (begins && all).then(|| digits.replace('_', "").parse().ok())?
}

/// Bytes as pairs of hexadecimal digits.
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = text
        .chars()
        .map(|c| c.to_digit(16))
        .collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| {
        pairs
            .iter()
            .filter_map(|[high, low]| u8::try_from(high * 16 + low).ok())
            .collect()
    })
}

/// An address, with or without the length of its prefix: `10.0.0.5`, `10.0.0.5/8`, `2001:db8::/32`.
pub fn inet(text: &str) -> Option<Inet> {
    let Some((address, prefix)) = text.split_once('/') else {
        return Some(Inet::host(text.parse().ok()?));
    };
    let whole = Inet::host(address.parse().ok()?);
    let plain = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
    let prefix = if plain {
        prefix.parse().ok()?
    } else {
        return None;
    };
    (prefix <= whole.prefix).then_some(Inet { prefix, ..whole })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(text: &str) -> Result<i64, &'static str> {
        timestamp(text, Precision::Exact)
    }

    #[test]
    fn moments_of_every_year_are_read() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2024-02-29T12:30:45Z", 1_709_209_845),
            ("2024-05-01 14:00+02", 1_714_564_800),
            ("2024-05-01t14:00:00+0200", 1_714_564_800),
            ("2024-05-01T10:30:00-01:30", 1_714_564_800),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
            ("9999-12-31T23:59:59-10:00", 253_402_336_799),
            ("0000-03-01T00:00:00Z", -62_162_035_200),
            ("+294246-12-31T00:00:00Z", 9_223_371_158_400),
            ("-004713-11-24T00:00:00Z", FIRST_MOMENT / 1_000_000),
        ] {
            assert_eq!(exact(text), Ok(seconds * 1_000_000), "{text}");
        }
        assert_eq!(exact("1970-01-01T00:00:00.000001Z"), Ok(1));
        assert_eq!(exact("1969-12-31T23:59:59.5Z"), Ok(-500_000));
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let mut expected = exact("1899-12-31T00:00:00Z").unwrap();
        for year in 1900..2301 {
            for month in 1..=12 {
                for day in 1..=days_of_month(year, month) {
                    expected += 86_400_000_000;
                    let text = format!("{year}-{month:02}-{day:02}T00:00:00Z");
                    assert_eq!(exact(&text), Ok(expected), "{text}");
                }
            }
        }
    }

    #[test]
    fn nothing_is_rounded_in_silence() {
        assert_eq!(
            exact("2024-01-01T00:00:00.1234567Z"),
            Err("is finer than a microsecond")
        );
        assert_eq!(exact("1970-01-01T00:00:00.123456000Z"), Ok(123_456));
        assert_eq!(
            timestamp("1970-01-01T00:00:00.1234567Z", Precision::Cut),
            Ok(123_456)
        );
        for text in [
            "2024-01-01T23:59:60Z",
            "2024-01-01T24:00:00Z",
            "2024-02-30T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-00-01T00:00:00Z",
            "2024-01-01",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00+2",
            "2024-01-01T00:00:00+02:",
            "2024-01-01T00:00:00Zx",
            "+294248-01-01T00:00:00Z",
            "+294247-01-10T04:00:55Z",
            "-004713-11-23T23:59:59Z",
            "２024-01-01T00:00:00Z",
            "",
        ] {
            assert!(exact(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_and_durations_fill_their_range() {
        assert_eq!(integer("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(integer("9223372036854775807"), Some(i64::MAX));
        assert_eq!(integer("9223372036854775808"), None);
        assert_eq!(integer("1_000"), Some(1000));
        assert_eq!(duration("90m"), Some(5_400_000_000));
        assert_eq!(duration("-3h"), Some(-10_800_000_000));
        assert_eq!(duration("-9223372036854775808us"), Some(i64::MIN));
        for text in [
            "",
            "3",
            "h",
            "3hh",
            "3 h",
            "_3h",
            "--3h",
            "9223372036855s",
            "3h4m",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_have_a_prefix_or_none() {
        for text in ["10.0.0.5", "10.0.0.5/8", "2001:db8::/32", "0.0.0.0/0"] {
            assert_eq!(
                inet(text).map(|inet| inet.to_string()).as_deref(),
                Some(text)
            );
        }
        assert_eq!(inet("10.0.0.5/32"), inet("10.0.0.5"));
        for text in [
            "10.0.0.5/33",
            "10.0.0.5/",
            "10.0.0.5/+8",
            "10.0.0/8",
            "::/129",
        ] {
            assert_eq!(inet(text), None, "{text}");
        }
    }
}
