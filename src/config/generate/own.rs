//! Sections of MAS's own, which Synapse's configuration cannot tell: for the operator to fill in.

use super::PLACEHOLDER;
use super::yaml::{Entry, Yaml, bare, text};

/// Where MAS is reached.
pub(super) fn http(server_name: &str) -> Entry {
    let host = server_name.split(':').next().unwrap_or_default();
    let host = if host.contains('.') && host.chars().any(|c| c.is_ascii_alphabetic()) {
        host
    } else {
        "example.com"
    };
    let resources = |names: &[&str]| {
        let names = names
            .iter()
            .map(|name| {
                let name = Entry::new("name", text(name));
                (Vec::new(), Yaml::Map(vec![name]))
            })
            .collect();
        Entry::new("resources", Yaml::List(names))
    };
    let binds =
        |bind: Vec<Entry>| Entry::new("binds", Yaml::List(vec![(Vec::new(), Yaml::Map(bind))]));
    let listeners = Yaml::List(vec![
        (
            vec!["For people and clients, behind a reverse proxy.".to_owned()],
            Yaml::Map(vec![
                Entry::new("name", text("web")),
                resources(&["discovery", "human", "oauth", "compat", "graphql", "assets"]),
                binds(vec![Entry::new("address", text("[::]:8080"))]),
            ]),
        ),
        (
            vec!["For health checks on this machine.".to_owned()],
            Yaml::Map(vec![
                Entry::new("name", text("internal")),
                resources(&["health"]),
                binds(vec![
                    Entry::new("host", text("localhost")),
                    Entry::new("port", bare(8081)),
                ]),
            ]),
        ),
    ]);
    let public_base = Entry::new("public_base", text(&format!("https://auth.{host}/")))
        .beside("FILL IN: a guess");
    Entry::new(
        "http",
        Yaml::Map(vec![public_base, Entry::new("listeners", listeners)]),
    )
    .above(&[
        "Where people and clients reach MAS: an address of its own, not Synapse's. Do not change it",
        "later: log-ins and the addresses that providers know hang on it.",
    ])
}

/// MAS's database.
pub(super) fn database() -> Entry {
    let fill_in = |key: &str, value: Yaml| Entry::new(key, value).beside("FILL IN");
    Entry::new(
        "database",
        Yaml::Map(vec![
            fill_in("host", text("localhost")),
            fill_in("port", bare(5432)),
            fill_in("username", text("mas")),
            fill_in("password", text(PLACEHOLDER)),
            fill_in("database", text("mas")),
        ]),
    )
    .above(&[
        "A PostgreSQL database of MAS's own, not Synapse's: empty, in UTF8, owned by this user. A UNIX",
        "socket: `socket: /run/postgresql` in place of `host`. A password in a file: `password_file`.",
    ])
}

/// MAS's e-mail.
pub(super) fn email() -> Entry {
    Entry::new(
        "email",
        Yaml::Map(vec![
            Entry::new("transport", text("blackhole")).beside("FILL IN: sends nothing"),
        ]),
    )
    .above(&[
        "Needed to confirm e-mail addresses and to recover passwords: `transport: smtp` with `hostname`,",
        "`port`, `mode` (plain, starttls or tls), `username`, `password`, `from` and `reply_to`.",
        "Passwords are recovered if `account.password_recovery_enabled` is true as well.",
    ])
}
