//! From what was written down to an [`Endpoint`]: explicit settings, service file, environment
//! variables, password file, defaults — in libpq's order, each value with its origin.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::environment::Environment;
use super::given::{Given, Keyword, Layers};
use super::password_file::PasswordFile;
use super::tls_settings::{self, Hosts};
use crate::diagnostics::{Diagnostic, Diagnostics, codes};
use crate::pg::{
    ChannelBinding, Endpoint, Host, HostEntry, Keepalive, Origin, Sourced, TargetSession,
    socket_path,
};

/// Time limit of an attempt to connect where none is set.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where servers put their sockets: Debian's and Red Hat's place, and PostgreSQL's own.
pub(super) const SOCKET_DIRECTORIES: [&str; 3] = ["/var/run/postgresql", "/run/postgresql", "/tmp"];

/// Finds every value of the endpoint; `None` if something is wrong, which is recorded.
pub(super) fn resolve(
    given: Given,
    environment: &Environment,
    problems: &mut Diagnostics,
) -> Option<Endpoint> {
    let mut found = Diagnostics::new();
    let layers = Layers::new(&given, environment, &mut found);
    let endpoint = build(&given, &layers, environment, &mut found);
    let is_usable = !found.has_errors();
    problems.extend(found);
    endpoint.filter(|_| is_usable)
}

fn build(
    given: &Given,
    layers: &Layers<'_>,
    environment: &Environment,
    problems: &mut Diagnostics,
) -> Option<Endpoint> {
    let user = match (layers.text("user"), environment.user()) {
        (Some(user), _) => Some(user),
        (None, Some(user)) => Some(Sourced::new(
            user.to_owned(),
            Origin::Default("the operating system's user".to_owned()),
        )),
        (None, None) => {
            problems.push(
                Diagnostic::error(
                    codes::E0604,
                    format!("no user is set for the {} database", given.name),
                )
                .note("and the operating system does not tell who runs this")
                .help("set `user` there, or `PGUSER`"),
            );
            None
        }
    };
    let mut hosts = hosts(layers, environment, problems);
    let is_local = hosts
        .iter()
        .all(|entry| matches!(entry.host.value, Host::Socket(_)));
    let kind = if is_local {
        Hosts::Local
    } else {
        Hosts::Remote
    };
    let tls = tls_settings::resolve(given, layers, environment, kind, problems);
    let timeout = layers.number("connect_timeout", problems);
    let user = user?;
    let database = layers.text("dbname").unwrap_or_else(|| {
        Sourced::new(
            user.value.clone(),
            Origin::Default("the user's name".to_owned()),
        )
    });
    let password = layers.get("password");
    if password.is_none() {
        let file = layers
            .text("passfile")
            .map(|file| PathBuf::from(file.value));
        let file = PasswordFile::open(file, environment, problems);
        for entry in &mut hosts {
            entry.password = file.as_ref().and_then(|file| {
                file.find(
                    &entry.host.value,
                    entry.port.value,
                    &database.value,
                    &user.value,
                )
            });
        }
    }
    Some(Endpoint {
        name: given.name.to_owned(),
        hosts,
        database,
        user,
        password,
        tls,
        connect_timeout: match timeout {
            None => Sourced::default_value(Some(CONNECT_TIMEOUT)),
            Some(seconds) => seconds.map(|seconds| {
                u64::try_from(seconds)
                    .ok()
                    .filter(|seconds| *seconds > 0)
                    .map(Duration::from_secs)
            }),
        },
        options: options(layers),
        channel_binding: layers
            .word(
                "channel_binding",
                &[
                    ("disable", ChannelBinding::Disable),
                    ("prefer", ChannelBinding::Prefer),
                    ("require", ChannelBinding::Require),
                ],
                problems,
            )
            .map_or(ChannelBinding::Prefer, |word| word.value),
        target_session: layers
            .word(
                "target_session_attrs",
                &[
                    ("any", TargetSession::Any),
                    ("read-write", TargetSession::ReadWrite),
                    ("read-only", TargetSession::ReadOnly),
                    ("primary", TargetSession::Primary),
                    ("standby", TargetSession::Standby),
                    ("prefer-standby", TargetSession::PreferStandby),
                ],
                problems,
            )
            .map_or(TargetSession::Any, |word| word.value),
        keepalive: keepalive(layers, problems),
    })
}

/// All explicit `options` together (a connection string may bring several), else the default's.
fn options(layers: &Layers<'_>) -> Option<Sourced<String>> {
    let several: Vec<&Keyword> = layers
        .explicit
        .iter()
        .filter(|keyword| keyword.name == "options")
        .collect();
    match several.as_slice() {
        [first, _, ..] => {
            let all: Vec<&str> = several
                .iter()
                .map(|keyword| keyword.value.value.reveal())
                .collect();
            Some(Sourced::new(all.join(" "), first.value.origin.clone()))
        }
        _ => layers.text("options"),
    }
}

fn keepalive(layers: &Layers<'_>, problems: &mut Diagnostics) -> Keepalive {
    let second = Duration::from_secs(1);
    Keepalive {
        enabled: layers.switch("keepalives", problems).unwrap_or(true),
        idle: layers.duration("keepalives_idle", second, problems),
        interval: layers.duration("keepalives_interval", second, problems),
        retries: layers
            .number("keepalives_count", problems)
            .and_then(|count| u32::try_from(count.value).ok())
            .filter(|count| *count > 0),
        user_timeout: layers.duration("tcp_user_timeout", Duration::from_millis(1), problems),
    }
}

/// Splits a list at its commas; a list of one value serves for any number of hosts.
fn list(text: Option<&Sourced<String>>) -> Vec<String> {
    text.map(|text| {
        text.value
            .split(',')
            .map(|part| part.trim().to_owned())
            .collect()
    })
    .unwrap_or_default()
}

fn hosts(
    layers: &Layers<'_>,
    environment: &Environment,
    problems: &mut Diagnostics,
) -> Vec<HostEntry> {
    let (host, address, port) = (
        layers.text("host"),
        layers.text("hostaddr"),
        layers.text("port"),
    );
    let (names, addresses, ports) = (
        list(host.as_ref()),
        list(address.as_ref()),
        list(port.as_ref()),
    );
    let count = names.len().max(addresses.len()).max(1);
    let fits = |length: usize| length == count || length == 0;
    if !fits(names.len()) || !fits(addresses.len()) || (!fits(ports.len()) && ports.len() != 1) {
        problems.push(
            Diagnostic::error(
                codes::E0605,
                format!(
                    "the {} database has {} hosts, {} host addresses and {} ports",
                    layers.side,
                    names.len(),
                    addresses.len(),
                    ports.len()
                ),
            )
            .help("give as many of each, or one port for all hosts"),
        );
        return Vec::new();
    }
    let part = |parts: &[String], index: usize| {
        let part = if parts.len() == 1 {
            parts.first()
        } else {
            parts.get(index)
        };
        part.filter(|part| !part.is_empty()).cloned()
    };
    let mut entries = Vec::new();
    for index in 0..count {
        let port = match (part(&ports, index), &port) {
            (Some(text), Some(setting)) => match text.parse() {
                Ok(number) if number > 0 => Sourced::new(number, setting.origin.clone()),
                Ok(_) | Err(_) => {
                    let expected = "a number between 1 and 65535";
                    problems.push(layers.bad_value("port", &setting.origin, expected));
                    Sourced::default_value(5432)
                }
            },
            _ => Sourced::default_value(5432),
        };
        let address = match (part(&addresses, index), &address) {
            (Some(text), Some(setting)) => match text.parse::<IpAddr>() {
                Ok(number) => Some(Sourced::new(number, setting.origin.clone())),
                Err(_) => {
                    problems.push(layers.bad_value("hostaddr", &setting.origin, "an IP address"));
                    None
                }
            },
            _ => None,
        };
        let name = match (part(&names, index), &host) {
            (Some(name), Some(setting)) => Some(Sourced::new(name, setting.origin.clone())),
            _ => None,
        };
        let host = match (name, address) {
            (Some(name), None) if name.value.starts_with(['/', '@']) => {
                name.map(|directory| Host::Socket(directory.into()))
            }
            (Some(name), address) => name.map(|name| Host::Tcp {
                name,
                address: address.map(|address| address.value),
            }),
            (None, Some(address)) => address.map(|address| Host::Tcp {
                name: address.to_string(),
                address: Some(address),
            }),
            (None, None) => default_host(port.value, environment),
        };
        entries.push(HostEntry {
            host,
            port,
            password: None,
        });
    }
    entries
}

/// The usual directory that has a server's socket, else this machine over TCP.
fn default_host(port: u16, environment: &Environment) -> Sourced<Host> {
    let directory = SOCKET_DIRECTORIES
        .iter()
        .map(Path::new)
        .find(|directory| environment.exists(&socket_path(directory, port)));
    match directory {
        Some(directory) => Sourced::new(
            Host::Socket(directory.to_owned()),
            Origin::Default("a server's socket is there".to_owned()),
        ),
        None => Sourced::new(
            Host::Tcp {
                name: "localhost".to_owned(),
                address: None,
            },
            Origin::Default("no server's socket was found".to_owned()),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::environment::testing::{environment, environment_with_modes};
    use super::*;
    use crate::pg::{Pem, Secret, SslMode};

    fn given(text: &str) -> Given {
        let mut given = Given::new("Synapse");
        let mut problems = Diagnostics::new();
        if !text.is_empty() {
            let text = Sourced::new(Secret::new(text), Origin::Flag("--uri".to_owned()));
            given.add_string(&text, &mut problems);
        }
        assert!(problems.is_empty(), "{problems:?}");
        given
    }

    fn found(text: &str, environment: &Environment) -> Endpoint {
        let mut problems = Diagnostics::new();
        let endpoint = resolve(given(text), environment, &mut problems);
        endpoint.unwrap_or_else(|| panic!("{problems:?}"))
    }

    /// The messages of what is wrong, with their help.
    fn wrong(text: &str, environment: &Environment) -> Vec<String> {
        let mut problems = Diagnostics::new();
        assert!(
            resolve(given(text), environment, &mut problems).is_none(),
            "{text}"
        );
        problems
            .into_sorted()
            .into_iter()
            .map(|problem| {
                format!(
                    "{} {} ({})",
                    problem.code,
                    problem.message,
                    problem.help.join("; ")
                )
            })
            .collect()
    }

    fn empty() -> Environment {
        environment(&[], &[])
    }

    #[test]
    fn explicit_goes_before_service_before_environment_before_default() {
        let file = "[s]\nhost=service\nport=2\nuser=service\n";
        let environment = environment(
            &[
                ("PGSERVICE", "s"),
                ("PGHOST", "variable"),
                ("PGPORT", "3"),
                ("PGUSER", "variable"),
                ("PGDATABASE", "variable"),
                ("PGPASSWORD", "secret"),
            ],
            &[("/home/tester/.pg_service.conf", file)],
        );
        insta::assert_snapshot!(found("host=explicit", &environment).describe(), @r"
        Synapse database
          host      explicit  (`--uri`)
          port      2         (service `s` in /home/tester/.pg_service.conf)
          database  variable  (environment variable `PGDATABASE`)
          user      service   (service `s` in /home/tester/.pg_service.conf)
          password  set       (environment variable `PGPASSWORD`)
          sslmode   prefer    (default)
        ");
    }

    #[test]
    fn defaults_are_the_user_and_the_socket() {
        let environment = environment(&[], &[("/tmp/.s.PGSQL.5432", "")]);
        insta::assert_snapshot!(found("", &environment).describe(), @r"
        Synapse database
          host      /tmp      (default: a server's socket is there)
          port      5432      (default)
          database  tester    (default: the user's name)
          user      tester    (default: the operating system's user)
          password  not set   (default)
          tls       not used  (default: a UNIX socket)
        ");
        assert_eq!(
            found("", &empty()).hosts[0].host.value.to_string(),
            "localhost"
        );
        // The socket's name has the port.
        assert!(!found("port=5433", &environment).is_local());
    }

    #[test]
    fn an_empty_value_stands_for_the_default_and_hides_the_environment() {
        let environment = environment(&[("PGUSER", "variable"), ("PGHOST", "")], &[]);
        let endpoint = found("user='' host=h", &environment);
        assert_eq!(endpoint.user.value, "tester");
        assert_eq!(
            found("", &environment).hosts[0].host.value.to_string(),
            "localhost"
        );
    }

    #[test]
    fn hosts_ports_and_addresses_go_together() {
        let lines = |text: &str| {
            found(text, &empty())
                .hosts
                .iter()
                .map(|entry| format!("{}:{}", entry.host.value, entry.port.value))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            lines("postgresql://a:1,b,[::1]:3/db"),
            ["a:1", "b:5432", "::1:3"]
        );
        assert_eq!(lines("host=a,b port=7"), ["a:7", "b:7"]);
        assert_eq!(lines("host=a hostaddr=10.0.0.1"), ["a (10.0.0.1):5432"]);
        assert_eq!(lines("hostaddr=::1"), ["::1:5432"]);
        assert_eq!(lines("host=/run/x,@y"), ["/run/x:5432", "@y:5432"]);
        assert_eq!(
            wrong("host=a,b port=1,2,3", &empty()),
            [
                "E0605 the Synapse database has 2 hosts, 0 host addresses and 3 ports (give as many of each, or one port for all hosts)"
            ]
        );
        assert!(
            wrong("port=0", &empty())[0].starts_with("E0607 the connection setting `port` must be")
        );
        assert!(wrong("port=65536", &empty())[0].starts_with("E0607"));
        assert!(wrong("hostaddr=localhost", &empty())[0].starts_with("E0607"));
    }

    #[test]
    fn unknown_settings_are_errors_with_a_guess() {
        assert_eq!(
            wrong("sslmod=require usr=x", &empty()),
            [
                "E0606 `sslmod` is no connection setting of PostgreSQL (Synapse database) (did you mean `sslmode`?)",
                "E0606 `usr` is no connection setting of PostgreSQL (Synapse database) (did you mean `user`?)",
            ]
        );
    }

    #[test]
    fn database_is_the_old_name_of_dbname() {
        assert_eq!(found("database=db", &empty()).database.value, "db");
        assert!(wrong("database=db dbname=db", &empty())[0].starts_with("E0605"));
    }

    #[test]
    fn what_would_weaken_the_connection_is_not_left_out() {
        for text in [
            "sslcrl=/x",
            "requirepeer=postgres",
            "gssencmode=require",
            "require_auth=gss",
        ] {
            assert!(wrong(text, &empty())[0].starts_with("E0611"), "{text}");
        }
        for text in [
            "gssencmode=prefer",
            "application_name=x",
            "krbsrvname=x",
            "sslcertmode=allow",
        ] {
            found(text, &empty());
        }
        assert!(wrong("", &environment(&[("PGREQUIREPEER", "x")], &[]))[0].starts_with("E0611"));
    }

    #[test]
    fn sslmode_is_one_of_six_words() {
        for mode in SslMode::ALL {
            let text = format!("sslmode={mode} sslrootcert=/ca");
            let environment = environment(&[], &[("/ca", "")]);
            assert_eq!(found(&text, &environment).tls.mode.value, mode);
        }
        let wrong = wrong("sslmode=verify_full", &empty());
        assert!(
            wrong[0].starts_with("E0607 the connection setting `sslmode` must be one of `disable`")
        );
        assert!(wrong[0].ends_with("(did you mean `verify-full`?)"));
        let environment = environment(&[("PGSSLMODE", "require")], &[]);
        assert_eq!(found("", &environment).tls.mode.value, SslMode::Require);
    }

    #[test]
    fn verification_needs_roots() {
        assert!(wrong("host=h sslmode=verify-ca", &empty())[0].starts_with("E0604"));
        assert!(wrong("host=h sslmode=verify-full", &empty())[0].starts_with("E0604"));
        // On a UNIX socket it does not come to that.
        found("host=/run sslmode=verify-full", &empty());
        let files = environment(&[], &[("/home/tester/.postgresql/root.crt", "")]);
        let tls = found("host=h sslmode=verify-ca", &files).tls;
        let default = PathBuf::from("/home/tester/.postgresql/root.crt");
        assert_eq!(tls.roots.unwrap().value, Pem::File(default));
    }

    #[test]
    fn a_named_file_must_be_there_unless_it_is_not_needed() {
        let text = "host=h sslmode=require sslrootcert=/ca";
        assert!(wrong(text, &empty())[0].starts_with("E0612"));
        assert_eq!(
            found("host=h sslmode=disable sslrootcert=/ca", &empty())
                .tls
                .roots,
            None
        );
        let variable = environment(&[("PGSSLROOTCERT", "/ca")], &[]);
        assert!(wrong("host=h", &variable)[0].starts_with("E0612"));
    }

    #[test]
    fn the_operating_systems_roots_demand_verify_full() {
        let tls = found("host=h sslrootcert=system", &empty()).tls;
        assert_eq!(tls.mode.value, SslMode::VerifyFull);
        assert_eq!(tls.roots.unwrap().value, Pem::System);
        assert!(
            wrong("host=h sslrootcert=system sslmode=require", &empty())[0].starts_with("E0605")
        );
    }

    #[test]
    fn client_certificates() {
        let files = environment(
            &[],
            &[
                ("/home/tester/.postgresql/postgresql.crt", ""),
                ("/home/tester/.postgresql/postgresql.key", ""),
                ("/c", ""),
                ("/k", ""),
            ],
        );
        let pems = |text: &str| {
            let tls = found(text, &files).tls;
            let show = |pem: Option<Sourced<Pem>>| pem.map(|pem| pem.value.to_string());
            (show(tls.certificate), show(tls.key))
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            pems("host=h sslcert=/c sslkey=/k"),
            (text("`/c`"), text("`/k`"))
        );
        assert_eq!(
            pems("host=h"),
            (
                text("`/home/tester/.postgresql/postgresql.crt`"),
                text("`/home/tester/.postgresql/postgresql.key`")
            )
        );
        assert_eq!(pems("host=h sslcertmode=disable"), (None, None));
        assert_eq!(found("host=h", &empty()).tls.key, None);
    }

    #[test]
    fn protocol_versions() {
        assert!(
            found("ssl_min_protocol_version=TLSv1.3", &empty())
                .tls
                .only_tls13
        );
        assert!(
            found("ssl_max_protocol_version=TLSv1.2", &empty())
                .tls
                .only_tls12
        );
        found("ssl_min_protocol_version=TLSv1", &empty());
        for text in [
            "ssl_max_protocol_version=TLSv1.1",
            "ssl_max_protocol_version=TLSv1.2 ssl_min_protocol_version=TLSv1.3",
            "ssl_min_protocol_version=SSLv3",
        ] {
            assert!(wrong(text, &empty())[0].starts_with("E0607"), "{text}");
        }
        assert!(wrong("sslnegotiation=direct", &empty())[0].starts_with("E0605"));
        assert!(
            found("sslnegotiation=direct sslmode=require", &empty())
                .tls
                .direct
        );
    }

    #[test]
    fn time_limits() {
        let limit = |text: &str| found(text, &empty()).connect_timeout.value;
        assert_eq!(limit(""), Some(Duration::from_secs(10)));
        assert_eq!(limit("connect_timeout=3"), Some(Duration::from_secs(3)));
        assert_eq!(limit("connect_timeout=0"), None);
        assert_eq!(limit("connect_timeout=-1"), None);
        assert!(wrong("connect_timeout=soon", &empty())[0].starts_with("E0607"));
        let keepalive = found(
            "keepalives=0 keepalives_idle=5 tcp_user_timeout=1500",
            &empty(),
        )
        .keepalive;
        assert!(!keepalive.enabled);
        assert_eq!(keepalive.idle, Some(Duration::from_secs(5)));
        assert_eq!(keepalive.user_timeout, Some(Duration::from_millis(1500)));
    }

    #[test]
    fn the_words_of_mas_s_driver_are_understood() {
        let files = environment(&[], &[("/ca", "")]);
        let uri = "postgresql://h/db?ssl-mode=verify-ca&ssl-ca=/ca&statement-cache-capacity=5\
                   &options[search_path]=x&options[jit]=off";
        let endpoint = found(uri, &files);
        assert_eq!(endpoint.tls.mode.value, SslMode::VerifyCa);
        assert_eq!(endpoint.tls.roots.unwrap().value, Pem::File("/ca".into()));
        assert_eq!(
            endpoint.options.unwrap().value,
            "-c search_path=x -c jit=off"
        );
    }

    #[test]
    fn the_password_file_is_asked_for_every_host() {
        let files = environment(
            &[],
            &[("/home/tester/.pgpass", "a:*:*:*:one\nb:*:db:u:two\n")],
        );
        let endpoint = found("host=a,b,c user=u dbname=db", &files);
        let passwords: Vec<Option<&str>> = endpoint
            .hosts
            .iter()
            .map(|entry| {
                endpoint
                    .password_for(entry)
                    .map(|password| password.value.reveal())
            })
            .collect();
        assert_eq!(passwords, [Some("one"), Some("two"), None]);
        let explicit = found("host=a password=own", &files);
        assert_eq!(
            explicit
                .password_for(&explicit.hosts[0])
                .unwrap()
                .value
                .reveal(),
            "own"
        );
    }

    #[test]
    fn an_ignored_password_file_is_a_warning_and_not_an_error() {
        let files = [("/pass", "*:*:*:*:hunter2", 0o644)];
        let environment = environment_with_modes(&[("PGPASSFILE", "/pass")], &files);
        let mut problems = Diagnostics::new();
        let endpoint = resolve(given("host=h"), &environment, &mut problems).unwrap();
        assert_eq!(endpoint.hosts[0].password, None);
        assert!(!problems.is_empty() && !problems.has_errors());
    }

    #[test]
    fn a_missing_service_is_an_error() {
        assert!(wrong("service=x", &empty())[0].starts_with("E0609"));
    }

    #[test]
    fn a_malformed_string_is_an_error_without_the_string() {
        let mut given = Given::new("MAS");
        let mut problems = Diagnostics::new();
        let text = Sourced::new(
            Secret::new("postgresql://u:hunter2%@h"),
            Origin::Flag("--x".to_owned()),
        );
        given.add_string(&text, &mut problems);
        let problems = problems.into_sorted();
        assert_eq!(problems[0].code, codes::E0608);
        assert!(!format!("{problems:?}").contains("hunter2"));
    }
}
