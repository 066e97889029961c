//! The two ways to write connection settings as one text: a URI and `keyword=value` pairs.
//!
//! Only the form is read here; which keywords there are is [`endpoint`](super::endpoint)'s matter.
//! Reasons never quote the text, which may hold a password.

/// Keywords and values in the order of the text.
pub(super) type Pairs = Vec<(String, String)>;

/// Reads either form.
///
/// # Errors
/// What is wrong with the text, to follow "…: ".
pub(super) fn parse(text: &str) -> Result<Pairs, String> {
    let text = text.trim();
    let after_scheme = text
        .strip_prefix("postgresql://")
        .or_else(|| text.strip_prefix("postgres://"));
    if let Some(rest) = after_scheme {
        parse_uri(rest)
    } else if text.contains("://") {
        Err("a URI must begin with `postgresql://` or `postgres://`".to_owned())
    } else if text.contains('=') {
        parse_pairs(text)
    } else {
        Err("neither a URI (`postgresql://…`) nor `keyword=value` pairs".to_owned())
    }
}

/// `[user[:password]@][host[:port],…][/database][?keyword=value&…]`
fn parse_uri(rest: &str) -> Result<Pairs, String> {
    let mut pairs = Pairs::new();
    let (rest, query) = match rest.split_once('?') {
        Some((rest, query)) => (rest, query),
        None => (rest, ""),
    };
    let (authority, database) = match rest.split_once('/') {
        Some((authority, database)) => (authority, database),
        None => (rest, ""),
    };
    // A host cannot hold `@`; a password that was not percent-encoded can.
    let (user_part, hosts) = match authority.rsplit_once('@') {
        Some((user_part, hosts)) => (user_part, hosts),
        None => ("", authority),
    };
    let (user, password) = match user_part.split_once(':') {
        Some((user, password)) => (user, password),
        None => (user_part, ""),
    };
    let mut add = |name: &str, value: String| {
        if !value.is_empty() {
            pairs.push((name.to_owned(), value));
        }
    };
    add("user", decode(user, "user")?);
    add("password", decode(password, "password")?);
    let (names, ports) = parse_hosts(hosts)?;
    add("host", names);
    add("port", ports);
    add("dbname", decode(database, "database")?);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let Some((name, value)) = pair.split_once('=') else {
            return Err("a parameter after `?` has no `=`".to_owned());
        };
        let (name, value) = (decode(name, "parameter")?, decode(value, "parameter")?);
        // The way JDBC spells it; libpq takes it, too.
        if name == "ssl" && value == "true" {
            pairs.push(("sslmode".to_owned(), "require".to_owned()));
        } else {
            pairs.push((name, value));
        }
    }
    Ok(pairs)
}

/// `host[:port]` parts, as one list of hosts and one of ports, separated by commas.
fn parse_hosts(text: &str) -> Result<(String, String), String> {
    let mut names = Vec::new();
    let mut ports = Vec::new();
    for part in text.split(',') {
        let (name, port) = match part.strip_prefix('[') {
            Some(rest) => {
                let Some((address, port)) = rest.split_once(']') else {
                    return Err("an IPv6 address lacks its closing `]`".to_owned());
                };
                if address.parse::<std::net::Ipv6Addr>().is_err() {
                    return Err("what stands between `[` and `]` is no IPv6 address".to_owned());
                }
                match port.strip_prefix(':') {
                    Some(port) => (address.to_owned(), port),
                    None if port.is_empty() => (address.to_owned(), ""),
                    None => {
                        return Err(
                            "after the `]` of an IPv6 address comes `:` and a port".to_owned()
                        );
                    }
                }
            }
            None => {
                let (name, port) = part.split_once(':').unwrap_or((part, ""));
                if port.contains(':') {
                    return Err("an IPv6 address must stand between `[` and `]`".to_owned());
                }
                (decode(name, "host")?, port)
            }
        };
        names.push(name);
        ports.push(decode(port, "port")?);
    }
    if ports.iter().all(String::is_empty) {
        ports.clear();
    }
    Ok((names.join(","), ports.join(",")))
}

fn decode(text: &str, part: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next().unwrap_or(b'%')).to_digit(16);
        let decoded = match (digit(), digit()) {
            (Some(high), Some(low)) => u8::try_from(high * 16 + low).ok(),
            _ => None,
        };
        match decoded {
            Some(byte) if byte != 0 => bytes.push(byte),
            Some(_) => return Err(format!("the {part} holds the character `%00`")),
            None => {
                return Err(format!(
                    "a `%` in the {part} is not followed by two hexadecimal digits; a plain `%` is written `%25`"
                ));
            }
        }
    }
    String::from_utf8(bytes).map_err(|_| format!("the {part} is not UTF-8 once decoded"))
}

/// `keyword = value`, values in single quotes where they hold blanks, `\` before a quote or itself.
fn parse_pairs(text: &str) -> Result<Pairs, String> {
    let mut pairs = Pairs::new();
    let mut characters = text.chars().peekable();
    let skip_blanks = |characters: &mut std::iter::Peekable<std::str::Chars<'_>>| {
        while characters.next_if(|next| next.is_whitespace()).is_some() {}
    };
    loop {
        skip_blanks(&mut characters);
        if characters.peek().is_none() {
            return Ok(pairs);
        }
        let mut name = String::new();
        while let Some(next) = characters.next_if(|next| *next != '=' && !next.is_whitespace()) {
            name.push(next);
        }
        skip_blanks(&mut characters);
        if name.is_empty() || characters.next() != Some('=') {
            return Err(
                "a keyword is not followed by `=`; a value with blanks must stand in single quotes"
                    .to_owned(),
            );
        }
        skip_blanks(&mut characters);
        let quoted = characters.next_if_eq(&'\'').is_some();
        let mut value = String::new();
        let mut closed = !quoted;
        while let Some(next) = characters.next_if(|next| quoted || !next.is_whitespace()) {
            match next {
                '\'' if quoted => {
                    closed = true;
                    break;
                }
                '\\' => value.extend(characters.next()),
                _ => value.push(next),
            }
        }
        if !closed {
            return Err("a value lacks its closing single quote".to_owned());
        }
        pairs.push((name, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> String {
        match parse(text) {
            Ok(pairs) => pairs
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join(" "),
            Err(reason) => format!("! {reason}"),
        }
    }

    #[test]
    fn uris() {
        for (text, expected) in [
            ("postgresql://", ""),
            ("postgres:///db", "dbname=db"),
            ("postgresql://host", "host=host"),
            (
                "postgresql://u@host:5433/db",
                "user=u host=host port=5433 dbname=db",
            ),
            (
                "postgresql://u:p%40%3A%2f@host/d%20b",
                "user=u password=p@:/ host=host dbname=d b",
            ),
            (
                "postgresql://u:p@ss@host/db",
                "user=u password=p@ss host=host dbname=db",
            ),
            ("postgresql://u:a:b@host", "user=u password=a:b host=host"),
            ("postgresql://[::1]:5433/db", "host=::1 port=5433 dbname=db"),
            ("postgresql://[fe80::1]", "host=fe80::1"),
            (
                "postgresql://%2Frun%2Fpostgresql/db",
                "host=/run/postgresql dbname=db",
            ),
            (
                "postgresql:///db?host=/run/pg&port=5433",
                "dbname=db host=/run/pg port=5433",
            ),
            (
                "postgresql://a:1,b:2,c/db",
                "host=a,b,c port=1,2, dbname=db",
            ),
            ("postgresql://a,b/db", "host=a,b dbname=db"),
            (
                "postgresql://h/db?sslmode=require&ssl=true",
                "host=h dbname=db sslmode=require sslmode=require",
            ),
            (
                "postgresql://h?options=-c%20search_path%3Dx",
                "host=h options=-c search_path=x",
            ),
        ] {
            assert_eq!(show(text), expected, "{text}");
        }
    }

    #[test]
    fn malformed_uris_say_what_is_wrong_and_show_nothing() {
        for text in [
            "mysql://u:hunter2@host/db",
            "hunter2",
            "postgresql://u:hunter2%@host",
            "postgresql://u:hunter2%zz@host",
            "postgresql://u:hunter2%00@host",
            "postgresql://u:hunter2%ff@host",
            "postgresql://u:hunter2@[::1",
            "postgresql://u:hunter2@[hunter2]",
            "postgresql://u:hunter2@[::1]hunter2",
            "postgresql://u:hunter2@::1:5432",
            "postgresql://u@h?hunter2",
        ] {
            let shown = show(text);
            assert!(shown.starts_with("! "), "{text}: {shown}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn keyword_pairs() {
        for (text, expected) in [
            ("host=h dbname=db", "host=h dbname=db"),
            ("  host = h   user='a b' ", "host=h user=a b"),
            (
                r"password='it\'s \\ so' x=a\ b",
                r"password=it's \ so x=a b",
            ),
            ("password='' host=h", "password= host=h"),
            ("password=a=b", "password=a=b"),
            ("password=", "password="),
        ] {
            assert_eq!(show(text), expected, "{text}");
        }
        for text in [
            "host=h hunter2",
            "password='hunter2",
            "=hunter2",
            "password hunter2 =",
        ] {
            let shown = show(text);
            assert!(
                shown.starts_with("! ") && !shown.contains("hunter2"),
                "{text}: {shown}"
            );
        }
    }
}
