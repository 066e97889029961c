//! libpq's connection keywords: which there are, the environment variable of each, and what becomes
//! of it here.

/// What becomes of a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// It has its effect.
    Honoured,
    /// It concerns what we do not do, or set ourselves; leaving it out changes nothing that matters.
    NoEffect,
    /// Leaving it out could weaken what was asked for, so unless its value is one of these, it is
    /// an error.
    OnlyWith(&'static [&'static str]),
}

/// One keyword.
#[derive(Debug)]
pub(super) struct KeywordInfo {
    /// Its name.
    pub(super) name: &'static str,
    /// The variable that holds its default.
    pub(super) variable: Option<&'static str>,
    /// What becomes of it.
    pub(super) usage: Use,
}

const fn keyword(name: &'static str, variable: &'static str, usage: Use) -> KeywordInfo {
    KeywordInfo {
        name,
        variable: Some(variable),
        usage,
    }
}

const fn bare(name: &'static str, usage: Use) -> KeywordInfo {
    KeywordInfo {
        name,
        variable: None,
        usage,
    }
}

use Use::{Honoured, NoEffect, OnlyWith};

/// All of them, of PostgreSQL up to 18.
pub(super) const KEYWORDS: &[KeywordInfo] = &[
    keyword("host", "PGHOST", Honoured),
    keyword("hostaddr", "PGHOSTADDR", Honoured),
    keyword("port", "PGPORT", Honoured),
    keyword("dbname", "PGDATABASE", Honoured),
    keyword("user", "PGUSER", Honoured),
    keyword("password", "PGPASSWORD", Honoured),
    keyword("passfile", "PGPASSFILE", Honoured),
    keyword("service", "PGSERVICE", Honoured),
    bare("servicefile", Honoured),
    keyword("connect_timeout", "PGCONNECT_TIMEOUT", Honoured),
    keyword("options", "PGOPTIONS", Honoured),
    keyword("sslmode", "PGSSLMODE", Honoured),
    keyword("sslrootcert", "PGSSLROOTCERT", Honoured),
    keyword("sslcert", "PGSSLCERT", Honoured),
    keyword("sslkey", "PGSSLKEY", Honoured),
    keyword("sslsni", "PGSSLSNI", Honoured),
    keyword("sslnegotiation", "PGSSLNEGOTIATION", Honoured),
    keyword(
        "ssl_min_protocol_version",
        "PGSSLMINPROTOCOLVERSION",
        Honoured,
    ),
    keyword(
        "ssl_max_protocol_version",
        "PGSSLMAXPROTOCOLVERSION",
        Honoured,
    ),
    keyword("channel_binding", "PGCHANNELBINDING", Honoured),
    keyword("target_session_attrs", "PGTARGETSESSIONATTRS", Honoured),
    bare("keepalives", Honoured),
    bare("keepalives_idle", Honoured),
    bare("keepalives_interval", Honoured),
    bare("keepalives_count", Honoured),
    bare("tcp_user_timeout", Honoured),
    keyword("application_name", "PGAPPNAME", NoEffect),
    bare("fallback_application_name", NoEffect),
    keyword("client_encoding", "PGCLIENTENCODING", NoEffect),
    keyword("sslcompression", "PGSSLCOMPRESSION", NoEffect),
    keyword("load_balance_hosts", "PGLOADBALANCEHOSTS", NoEffect),
    keyword("krbsrvname", "PGKRBSRVNAME", NoEffect),
    keyword("gsslib", "PGGSSLIB", NoEffect),
    keyword("gssdelegation", "PGGSSDELEGATION", NoEffect),
    keyword("min_protocol_version", "PGMINPROTOCOLVERSION", NoEffect),
    keyword("max_protocol_version", "PGMAXPROTOCOLVERSION", NoEffect),
    keyword(
        "gssencmode",
        "PGGSSENCMODE",
        OnlyWith(&["disable", "prefer"]),
    ),
    keyword(
        "sslcertmode",
        "PGSSLCERTMODE",
        OnlyWith(&["allow", "disable"]),
    ),
    keyword("require_auth", "PGREQUIREAUTH", OnlyWith(&[])),
    keyword("requirepeer", "PGREQUIREPEER", OnlyWith(&[])),
    keyword("sslcrl", "PGSSLCRL", OnlyWith(&[])),
    keyword("sslcrldir", "PGSSLCRLDIR", OnlyWith(&[])),
    bare("sslpassword", OnlyWith(&[])),
    bare("replication", OnlyWith(&["false", "off", "no", "0"])),
    bare("scram_client_key", OnlyWith(&[])),
    bare("scram_server_key", OnlyWith(&[])),
    bare("oauth_issuer", OnlyWith(&[])),
    bare("oauth_client_id", OnlyWith(&[])),
    bare("oauth_client_secret", OnlyWith(&[])),
    bare("oauth_scope", OnlyWith(&[])),
];

/// The keyword of that name.
pub(super) fn find(name: &str) -> Option<&'static KeywordInfo> {
    KEYWORDS.iter().find(|keyword| keyword.name == name)
}

/// What MAS's database driver calls some keywords besides; `None` for a word of its own that has no
/// meaning here.
pub(super) fn mas_alias(name: &str) -> Option<&'static str> {
    match name {
        "ssl-mode" => Some("sslmode"),
        "ssl-root-cert" | "ssl-ca" => Some("sslrootcert"),
        "ssl-cert" => Some("sslcert"),
        "ssl-key" => Some("sslkey"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_keyword_and_variable_is_there_once() {
        let names: BTreeSet<&str> = KEYWORDS.iter().map(|keyword| keyword.name).collect();
        assert_eq!(names.len(), KEYWORDS.len());
        let variables: Vec<&str> = KEYWORDS
            .iter()
            .filter_map(|keyword| keyword.variable)
            .collect();
        let distinct: BTreeSet<&str> = variables.iter().copied().collect();
        assert_eq!(distinct.len(), variables.len());
    }
}
