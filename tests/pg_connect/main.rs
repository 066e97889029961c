//! Connections to real servers: TLS in all its modes, authentication, and a clear error for each way
//! in which a connection does not come about.
//!
//! Every test starts its own server. Test files may stop at once on what they did not expect.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

mod certificates;
mod cluster;

use std::path::Path;
use std::time::Duration;

use certificates::{Authority, Pair, self_signed, version_1};
use cluster::{Cluster, Setup};
use mapwright::pg::{
    Checked, Connection, Endpoint, Host, HostEntry, Keepalive, Origin, Pem, PgErrorKind, Secret,
    Sourced, SslMode, TargetSession, TlsSettings, connect,
};

const PASSWORD: &str = "correct horse";

fn flag<T>(value: T) -> Sourced<T> {
    Sourced::new(value, Origin::Flag("--test".to_owned()))
}

fn tcp(cluster: &Cluster, host: &str) -> Endpoint {
    let host = Host::Tcp {
        name: host.to_owned(),
        address: Some([127, 0, 0, 1].into()),
    };
    endpoint(host, cluster.port())
}

fn socket(cluster: &Cluster) -> Endpoint {
    endpoint(
        Host::Socket(cluster.socket_dir().to_owned()),
        cluster.port(),
    )
}

fn endpoint(host: Host, port: u16) -> Endpoint {
    Endpoint {
        name: "test".to_owned(),
        hosts: vec![HostEntry {
            host: flag(host),
            port: flag(port),
            password: None,
        }],
        database: flag("postgres".to_owned()),
        user: flag("postgres".to_owned()),
        password: None,
        tls: TlsSettings::new(flag(SslMode::Disable)),
        connect_timeout: flag(Some(Duration::from_secs(30))),
        options: None,
        channel_binding: mapwright::pg::ChannelBinding::Prefer,
        target_session: TargetSession::Any,
        keepalive: Keepalive {
            idle: Some(Duration::from_secs(60)),
            user_timeout: Some(Duration::from_secs(60)),
            ..Keepalive::default()
        },
    }
}

fn mode(mut endpoint: Endpoint, mode: SslMode) -> Endpoint {
    endpoint.tls.mode = flag(mode);
    endpoint
}

fn roots(mut endpoint: Endpoint, path: &Path) -> Endpoint {
    endpoint.tls.roots = Some(flag(Pem::File(path.to_owned())));
    endpoint
}

/// `None` without TLS, else how far the certificate was checked.
async fn tls_of(endpoint: &Endpoint) -> Option<Checked> {
    let connection = connect(endpoint).await.unwrap();
    let checked = connection.facts.tls.as_ref().map(|tls| tls.checked);
    let row = connection
        .client
        .query_one(
            "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(
        row.get::<_, bool>(0),
        checked.is_some(),
        "the server must see the same"
    );
    connection.close().await;
    checked
}

/// Code, message, notes and help of a failure, which must be of the right kind and without secrets.
async fn failure(endpoint: &Endpoint) -> (String, String) {
    let error = match connect(endpoint).await {
        Ok(connection) => panic!("connected: {connection:?}"),
        Err(error) => error,
    };
    let kind = match error.diagnostic.code.to_string().as_str() {
        "E0612" => PgErrorKind::Settings,
        _ => PgErrorKind::CouldNotStart,
    };
    assert_eq!(error.kind, kind);
    let text = format!("{error:?}");
    assert!(
        !text.contains(PASSWORD) && !text.contains("wrong horse"),
        "{text}"
    );
    let diagnostic = error.diagnostic;
    let message = &diagnostic.message;
    let starts_small = !message.starts_with(char::is_uppercase) || message.starts_with("TLS");
    assert!(starts_small && !message.ends_with('.'), "{message}");
    assert!(
        diagnostic
            .notes
            .iter()
            .any(|note| note.starts_with("test database: host "))
    );
    let lines: Vec<&str> = std::iter::once(&diagnostic.message)
        .chain(&diagnostic.notes)
        .chain(&diagnostic.help)
        .map(String::as_str)
        .collect();
    (diagnostic.code.to_string(), lines.join("\n"))
}

#[track_caller]
fn assert_contains(text: &str, part: &str) {
    assert!(text.contains(part), "expected {part:?} in:\n{text}");
}

fn with_tls<'a>(pair: &'a Pair) -> Setup<'a> {
    Setup {
        tls: Some((&pair.certificate, &pair.key)),
        ..Setup::default()
    }
}

#[tokio::test]
async fn a_socket_connection_knows_its_server_and_ignores_sslmode() {
    let cluster = Cluster::start(&Setup::default());
    let mut endpoint = mode(socket(&cluster), SslMode::VerifyFull);
    endpoint.options = Some(flag(
        "-c search_path=pg_catalog -c default_transaction_read_only=on".to_owned(),
    ));
    let connection = connect(&endpoint).await.unwrap();
    let facts = &connection.facts;
    assert_eq!(facts.tls, None);
    assert_eq!(facts.encoding, "UTF8");
    assert!(facts.version_number >= 130_000);
    assert!(
        facts
            .version
            .starts_with(&(facts.version_number / 10_000).to_string())
    );
    assert!(!facts.in_recovery && facts.read_only);
    let row = connection
        .client
        .query_one(
            "SELECT current_setting('client_encoding'), current_setting('application_name'),
                    current_setting('search_path'), pg_backend_pid()",
            &[],
        )
        .await
        .unwrap();
    let text = |column: usize| row.get::<_, String>(column);
    assert_eq!(
        (text(0).as_str(), text(1).as_str(), text(2).as_str()),
        ("UTF8", "mapwright", "pg_catalog")
    );
    assert_eq!(row.get::<_, i32>(3), facts.backend_pid);
    connection.close().await;
}

#[tokio::test]
async fn every_sslmode_against_a_server_with_tls() {
    let authority = Authority::new("Test CA");
    let pair = authority.sign(&["localhost", "db.test"]);
    let cluster = Cluster::start(&with_tls(&pair));
    let ca = cluster.file("ca.crt", &authority.pem());
    let at = |sslmode| mode(tcp(&cluster, "localhost"), sslmode);

    assert_eq!(tls_of(&at(SslMode::Disable)).await, None);
    assert_eq!(tls_of(&at(SslMode::Allow)).await, None);
    assert_eq!(tls_of(&at(SslMode::Prefer)).await, Some(Checked::Nothing));
    assert_eq!(tls_of(&at(SslMode::Require)).await, Some(Checked::Nothing));
    // Root certificates make `require` check the chain.
    assert_eq!(
        tls_of(&roots(at(SslMode::Require), &ca)).await,
        Some(Checked::Chain)
    );
    assert_eq!(
        tls_of(&roots(at(SslMode::VerifyCa), &ca)).await,
        Some(Checked::Chain)
    );
    assert_eq!(
        tls_of(&roots(at(SslMode::VerifyFull), &ca)).await,
        Some(Checked::ChainAndName)
    );
    let inline = Pem::Inline(Secret::new(authority.pem()));
    let mut endpoint = at(SslMode::VerifyFull);
    endpoint.tls.roots = Some(flag(inline));
    assert_eq!(tls_of(&endpoint).await, Some(Checked::ChainAndName));
    endpoint.tls.only_tls12 = true;
    let connection = connect(&endpoint).await.unwrap();
    assert_eq!(connection.facts.tls.as_ref().unwrap().version, "TLS 1.2");

    // Another name: only the chain holds.
    let other = |sslmode| roots(mode(tcp(&cluster, "other.test"), sslmode), &ca);
    assert_eq!(
        tls_of(&other(SslMode::VerifyCa)).await,
        Some(Checked::Chain)
    );
    let (code, text) = failure(&other(SslMode::VerifyFull)).await;
    assert_eq!(code, "E0637");
    assert_contains(&text, "is for other names than `other.test`");
    let (code, _) = failure(&roots(
        mode(tcp(&cluster, "127.0.0.1"), SslMode::VerifyFull),
        &ca,
    ))
    .await;
    assert_eq!(code, "E0637");

    // Another authority.
    let wrong = cluster.file("wrong.crt", &Authority::new("Other CA").pem());
    for sslmode in [SslMode::Require, SslMode::VerifyCa, SslMode::VerifyFull] {
        let (code, text) = failure(&roots(at(sslmode), &wrong)).await;
        assert_eq!(code, "E0637");
        assert_contains(&text, "is not signed by any of the root certificates");
        assert_contains(&text, &format!("`sslmode` `{sslmode}` is set by: `--test`"));
    }

    // No root certificates, or a file that holds none.
    let (code, _) = failure(&at(SslMode::VerifyCa)).await;
    assert_eq!(code, "E0636");
    let empty = cluster.file("empty.crt", "nothing\n");
    let (code, text) = failure(&roots(at(SslMode::VerifyFull), &empty)).await;
    assert_eq!(code, "E0612");
    assert_contains(&text, "holds no PEM certificate");
}

#[tokio::test]
async fn a_server_without_tls() {
    let cluster = Cluster::start(&Setup::default());
    let at = |sslmode| mode(tcp(&cluster, "localhost"), sslmode);
    assert_eq!(tls_of(&at(SslMode::Prefer)).await, None);
    assert_eq!(tls_of(&at(SslMode::Allow)).await, None);
    let ca = cluster.file("ca.crt", &Authority::new("CA").pem());
    for sslmode in [SslMode::Require, SslMode::VerifyCa, SslMode::VerifyFull] {
        let (code, text) = failure(&roots(at(sslmode), &ca)).await;
        assert_eq!(code, "E0636");
        assert_contains(&text, "does not offer TLS");
    }
}

#[tokio::test]
async fn rules_that_ask_for_tls_or_against_it() {
    let pair = self_signed(&["localhost"]);
    let cluster = Cluster::start(&Setup {
        hba: "hostssl all secure 127.0.0.1/32 trust\nhostnossl all plain 127.0.0.1/32 trust\n",
        sql: "CREATE ROLE secure LOGIN; CREATE ROLE plain LOGIN",
        ..with_tls(&pair)
    });
    let at = |user: &str, sslmode| {
        let mut endpoint = mode(tcp(&cluster, "localhost"), sslmode);
        endpoint.user = flag(user.to_owned());
        endpoint
    };
    assert_eq!(
        tls_of(&at("secure", SslMode::Allow)).await,
        Some(Checked::Nothing)
    );
    assert_eq!(tls_of(&at("plain", SslMode::Prefer)).await, None);
    for endpoint in [
        at("secure", SslMode::Disable),
        at("plain", SslMode::Require),
        at("postgres", SslMode::Prefer),
    ] {
        let (code, text) = failure(&endpoint).await;
        assert_eq!(code, "E0635", "{text}");
        assert_contains(&text, "the server says: no pg_hba.conf entry");
    }
}

#[tokio::test]
async fn a_handshake_that_fails_is_tried_without_tls_only_where_that_is_allowed() {
    let authority = Authority::new("CA");
    let pair = authority.sign(&["localhost"]);
    let cluster = Cluster::start(&with_tls(&pair));
    let wrong = cluster.file("wrong.crt", &Authority::new("Other CA").pem());
    let at = |sslmode| roots(mode(tcp(&cluster, "localhost"), sslmode), &wrong);
    assert_eq!(tls_of(&at(SslMode::Prefer)).await, None);
    assert_eq!(failure(&at(SslMode::Require)).await.0, "E0637");
}

#[tokio::test]
async fn a_certificate_that_is_its_own_authority_is_trusted_byte_for_byte() {
    let pair = self_signed(&["localhost"]);
    let cluster = Cluster::start(&with_tls(&pair));
    let same = cluster.file("same.crt", &pair.certificate);
    for only_tls12 in [false, true] {
        let mut endpoint = roots(mode(tcp(&cluster, "localhost"), SslMode::VerifyFull), &same);
        endpoint.tls.only_tls12 = only_tls12;
        assert_eq!(tls_of(&endpoint).await, Some(Checked::ChainAndName));
        endpoint.hosts[0].host = tcp(&cluster, "other.test").hosts[0].host.clone();
        assert_eq!(failure(&endpoint).await.0, "E0637");
    }
    // Another one with the same names is another one.
    let other = cluster.file("other.crt", &self_signed(&["localhost"]).certificate);
    let endpoint = roots(mode(tcp(&cluster, "localhost"), SslMode::VerifyCa), &other);
    assert_eq!(failure(&endpoint).await.0, "E0637");
}

#[tokio::test]
async fn a_certificate_with_a_common_name_only() {
    let authority = Authority::new("CA");
    let pair = authority.sign(&[]);
    let cluster = Cluster::start(&with_tls(&pair));
    let ca = cluster.file("ca.crt", &authority.pem());
    let at = |sslmode| roots(mode(tcp(&cluster, "localhost"), sslmode), &ca);
    assert_eq!(tls_of(&at(SslMode::VerifyCa)).await, Some(Checked::Chain));
    let (code, text) = failure(&at(SslMode::VerifyFull)).await;
    assert_eq!(code, "E0637");
    assert_contains(&text, "it has no subject alternative name");
    assert_contains(
        &text,
        "issue it again as X.509 version 3 with a subject alternative name for `localhost`",
    );
}

#[tokio::test]
async fn a_certificate_of_version_1() {
    let scratch = Cluster::start(&Setup::default());
    let pair = version_1(scratch.socket_dir());
    let cluster = Cluster::start(&with_tls(&pair));
    let at = |sslmode| mode(tcp(&cluster, "localhost"), sslmode);
    assert_eq!(tls_of(&at(SslMode::Require)).await, Some(Checked::Nothing));
    let same = cluster.file("same.crt", &pair.certificate);
    for only_tls12 in [false, true] {
        let mut endpoint = roots(at(SslMode::VerifyCa), &same);
        endpoint.tls.only_tls12 = only_tls12;
        assert_eq!(tls_of(&endpoint).await, Some(Checked::Chain));
    }
    let (code, text) = failure(&roots(at(SslMode::VerifyFull), &same)).await;
    assert_eq!(code, "E0637");
    assert_contains(&text, "no subject alternative name");
    let other = cluster.file("other.crt", &Authority::new("CA").pem());
    let (code, text) = failure(&roots(at(SslMode::VerifyCa), &other)).await;
    assert_eq!(code, "E0637");
    assert_contains(&text, "is of X.509 version 1");
    assert_contains(&text, "give the server a certificate of X.509 version 3");
}

#[tokio::test]
async fn certificates_out_of_their_time() {
    let authority = Authority::new("CA");
    for (from, to, what) in [
        (2001, 2002, "has expired"),
        (2101, 2102, "is not valid yet"),
    ] {
        let times = |params: &mut rcgen::CertificateParams| {
            params.not_before = rcgen::date_time_ymd(from, 1, 1);
            params.not_after = rcgen::date_time_ymd(to, 1, 1);
        };
        let pair = authority.sign_changed(&["localhost"], times);
        let cluster = Cluster::start(&with_tls(&pair));
        for pem in [authority.pem(), pair.certificate.clone()] {
            let ca = cluster.file("ca.crt", &pem);
            let (code, text) = failure(&roots(
                mode(tcp(&cluster, "localhost"), SslMode::VerifyCa),
                &ca,
            ))
            .await;
            assert_eq!(code, "E0637");
            assert_contains(&text, what);
        }
    }
}

#[tokio::test]
async fn passwords() {
    let pair = self_signed(&["localhost"]);
    let cluster = Cluster::start(&Setup {
        hba: "host all scram 127.0.0.1/32 scram-sha-256\nhost all md5 127.0.0.1/32 md5\n\
              host all clear 127.0.0.1/32 password\nhost all postgres 127.0.0.1/32 reject\nlocal all peer peer\n",
        sql: "CREATE ROLE scram LOGIN PASSWORD 'correct horse'; CREATE ROLE clear LOGIN PASSWORD 'correct horse'; \
              SET password_encryption = 'md5'; CREATE ROLE peer LOGIN; CREATE DATABASE closed; \
              REVOKE CONNECT ON DATABASE closed FROM PUBLIC",
        ..with_tls(&pair)
    });
    let at = |user: &str, password: Option<&str>, sslmode| {
        let mut endpoint = mode(tcp(&cluster, "localhost"), sslmode);
        endpoint.user = flag(user.to_owned());
        endpoint.password = password.map(|password| flag(Secret::new(password)));
        endpoint
    };
    for user in ["scram", "clear"] {
        for sslmode in [SslMode::Disable, SslMode::Require] {
            tls_of(&at(user, Some(PASSWORD), sslmode)).await;
            let (code, text) = failure(&at(user, Some("wrong horse"), sslmode)).await;
            assert_eq!(code, "E0632");
            assert_contains(&text, &format!("does not accept the password of `{user}`"));
            assert_contains(&text, "the password is set by: `--test`");
            let (code, text) = failure(&at(user, None, sslmode)).await;
            assert_eq!(code, "E0632");
            assert_contains(&text, "and none is set");
        }
    }
    // The password of the host's own, as the password file gives it.
    let mut endpoint = at("scram", None, SslMode::Prefer);
    endpoint.hosts[0].password = Some(flag(Secret::new(PASSWORD)));
    tls_of(&endpoint).await;

    // Channel binding ties the log-in to TLS, and needs it.
    for (sslmode, binds) in [(SslMode::Require, true), (SslMode::Disable, false)] {
        let mut endpoint = at("scram", Some(PASSWORD), sslmode);
        endpoint.channel_binding = mapwright::pg::ChannelBinding::Require;
        if binds {
            tls_of(&endpoint).await;
        } else {
            assert_eq!(failure(&endpoint).await.0, "E0639");
        }
    }

    let (code, text) = failure(&at("nobody_at_all", Some(PASSWORD), SslMode::Disable)).await;
    assert_eq!(code, "E0635", "{text}");
    let (code, _) = failure(&at("postgres", Some(PASSWORD), SslMode::Prefer)).await;
    assert_eq!(code, "E0635");
    let mut peer = socket(&cluster);
    peer.user = flag("peer".to_owned());
    let (code, text) = failure(&peer).await;
    assert_eq!(code, "E0632");
    assert_contains(&text, "does not believe that this is `peer`");
    let mut closed = at("scram", Some(PASSWORD), SslMode::Disable);
    closed.database = flag("closed".to_owned());
    let (code, text) = failure(&closed).await;
    assert_eq!(code, "E0639");
    assert_contains(&text, "GRANT CONNECT ON DATABASE");
}

#[tokio::test]
async fn what_is_not_there() {
    let cluster = Cluster::start(&Setup::default());
    let at = || tcp(&cluster, "localhost");

    let mut endpoint = at();
    endpoint.database = flag("no_such".to_owned());
    let (code, text) = failure(&endpoint).await;
    assert_eq!(code, "E0633");
    assert_contains(&text, "has no database `no_such`");

    let mut endpoint = at();
    endpoint.user = flag("no_such".to_owned());
    let (code, text) = failure(&endpoint).await;
    assert_eq!(code, "E0634");
    assert_contains(&text, "has no role `no_such`");

    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let mut endpoint = at();
    endpoint.hosts[0].port = flag(port);
    let (code, text) = failure(&endpoint).await;
    assert_eq!(code, "E0630");
    assert_contains(
        &text,
        &format!(
            "the test database server at `localhost (127.0.0.1)`, port {port} cannot be reached"
        ),
    );
    assert_contains(&text, "the port is set by: `--test`");

    let mut endpoint = socket(&cluster);
    endpoint.hosts[0].port = flag(1);
    let (code, text) = failure(&endpoint).await;
    assert_eq!(code, "E0630");
    assert_contains(&text, ".s.PGSQL.1` cannot be reached");

    let mut endpoint = at();
    endpoint.hosts[0].host = flag(Host::Tcp {
        name: "not a host name".to_owned(),
        address: None,
    });
    let (code, text) = failure(&endpoint).await;
    assert_eq!(code, "E0631");
    assert_contains(
        &text,
        "the host of the test database, `not a host name`, is unknown",
    );
}

#[tokio::test]
async fn somebody_who_never_answers_and_somebody_who_is_not_postgresql() {
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let host = Host::Tcp {
        name: "127.0.0.1".to_owned(),
        address: None,
    };
    let mut endpoint = endpoint(host.clone(), silent.local_addr().unwrap().port());
    endpoint.connect_timeout = flag(Some(Duration::from_millis(300)));
    for sslmode in [SslMode::Disable, SslMode::Prefer, SslMode::Require] {
        endpoint.tls.mode = flag(sslmode);
        let (code, text) = failure(&endpoint).await;
        assert_eq!(code, "E0638");
        assert_contains(&text, "did not answer within 0.3 seconds");
    }

    let other = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    endpoint.hosts[0].port = flag(other.local_addr().unwrap().port());
    endpoint.connect_timeout = flag(Some(Duration::from_secs(30)));
    let answering = std::thread::spawn(move || {
        use std::io::Write;
        for _ in 0..2 {
            let (mut stream, _) = other.accept().unwrap();
            stream
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .unwrap();
        }
    });
    for sslmode in [SslMode::Disable, SslMode::Require] {
        endpoint.tls.mode = flag(sslmode);
        let (code, text) = failure(&endpoint).await;
        let expected = if sslmode == SslMode::Require {
            "E0636"
        } else {
            "E0639"
        };
        assert_eq!(code, expected, "{text}");
    }
    answering.join().unwrap();
}

#[tokio::test]
async fn client_certificates() {
    let authority = Authority::new("CA");
    let pair = authority.sign(&["localhost"]);
    let roots_pem = authority.pem();
    let cluster = Cluster::start(&Setup {
        hba: "hostssl all localhost 127.0.0.1/32 cert\n",
        tls: Some((&pair.certificate, &pair.key)),
        client_roots: Some(&roots_pem),
        sql: "CREATE ROLE localhost LOGIN",
    });
    // The certificate's common name is the role.
    let client = authority.sign(&[]);
    let certificate = cluster.file("client.crt", &client.certificate);
    let key = cluster.file("client.key", &client.key);
    let at = |certificate: Option<Pem>, key: Option<Pem>| {
        let mut endpoint = mode(tcp(&cluster, "localhost"), SslMode::Require);
        endpoint.user = flag("localhost".to_owned());
        endpoint.tls.certificate = certificate.map(flag);
        endpoint.tls.key = key.map(flag);
        endpoint
    };
    let files = || {
        (
            Some(Pem::File(certificate.clone())),
            Some(Pem::File(key.clone())),
        )
    };
    let (the_certificate, the_key) = files();
    tls_of(&at(the_certificate, the_key)).await;
    let inline = |text: &str| Some(Pem::Inline(Secret::new(text)));
    tls_of(&at(inline(&client.certificate), inline(&client.key))).await;

    let (code, text) = failure(&at(None, None)).await;
    assert_eq!(code, "E0635", "{text}");
    let (the_certificate, _) = files();
    let (code, text) = failure(&at(the_certificate, None)).await;
    assert_eq!(code, "E0612");
    assert_contains(&text, "has no key");
    let (the_certificate, _) = files();
    let (code, _) = failure(&at(the_certificate, inline(&authority.sign(&[]).key))).await;
    assert_eq!(code, "E0612");
    let (_, the_key) = files();
    let (code, text) = failure(&at(Some(Pem::File("/no/such.crt".into())), the_key)).await;
    assert_eq!(code, "E0612");
    assert_contains(&text, "`/no/such.crt` cannot be read");

    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (the_certificate, the_key) = files();
    let (code, text) = failure(&at(the_certificate, the_key)).await;
    assert_eq!(code, "E0612");
    assert_contains(&text, "can be read or changed by others");
    assert_contains(&text, "chmod 600");
}

#[tokio::test]
async fn hosts_are_tried_in_order() {
    let cluster = Cluster::start(&Setup::default());
    let closed = HostEntry {
        host: flag(Host::Socket("/no/such/directory".into())),
        port: flag(5432),
        password: None,
    };
    let mut endpoint = tcp(&cluster, "localhost");
    endpoint.hosts.insert(0, closed.clone());
    let connection = connect(&endpoint).await.unwrap();
    assert_eq!(connection.facts.port, cluster.port());

    // A server that is there and says no ends the search.
    endpoint.hosts.push(closed.clone());
    endpoint.database = flag("no_such".to_owned());
    let (code, text) = failure(&endpoint).await;
    assert_eq!(code, "E0633");
    assert_contains(
        &text,
        "tried before: the test database server at the socket `/no/such/directory",
    );

    endpoint.hosts = vec![closed.clone(), closed];
    assert_eq!(failure(&endpoint).await.0, "E0630");
}

#[tokio::test]
async fn the_kind_of_server_that_is_asked_for() {
    let cluster = Cluster::start(&Setup::default());
    let mut endpoint = tcp(&cluster, "localhost");
    for (wanted, there) in [
        (TargetSession::Any, true),
        (TargetSession::ReadWrite, true),
        (TargetSession::Primary, true),
        (TargetSession::PreferStandby, true),
        (TargetSession::Standby, false),
        (TargetSession::ReadOnly, false),
    ] {
        endpoint.target_session = wanted;
        if there {
            connect(&endpoint).await.unwrap();
        } else {
            let (code, text) = failure(&endpoint).await;
            assert_eq!(code, "E0639");
            assert_contains(&text, "is not the kind of server that was asked for");
        }
    }
}

async fn assert_cancels(connection: Connection) {
    let canceller = connection.canceller.clone();
    let sleep = connection.client.batch_execute("SELECT pg_sleep(600)");
    let cancel = async {
        // A request that comes before the query starts is lost, so it is repeated.
        loop {
            canceller.cancel().await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let result = tokio::select! {
        result = sleep => result,
        () = cancel => unreachable!(),
    };
    let error = result.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "57014");
}

#[tokio::test]
async fn a_query_can_be_cancelled_over_every_kind_of_connection() {
    let pair = self_signed(&["localhost"]);
    let cluster = Cluster::start(&with_tls(&pair));
    assert_cancels(connect(&socket(&cluster)).await.unwrap()).await;
    for sslmode in [SslMode::Disable, SslMode::Prefer, SslMode::Require] {
        let endpoint = mode(tcp(&cluster, "localhost"), sslmode);
        assert_cancels(connect(&endpoint).await.unwrap()).await;
    }
}

#[tokio::test]
async fn a_lost_connection_is_an_error_of_the_next_call() {
    let cluster = Cluster::start(&Setup::default());
    let connection = connect(&socket(&cluster)).await.unwrap();
    cluster.sql(&format!(
        "SELECT pg_terminate_backend({})",
        connection.facts.backend_pid
    ));
    let error = connection
        .client
        .batch_execute("SELECT pg_sleep(600)")
        .await
        .unwrap_err();
    let was_told = error.code().is_some_and(|code| code.code() == "57P01");
    assert!(was_told || error.is_closed(), "{error:?}");
}

#[tokio::test]
async fn direct_tls_is_refused_by_servers_that_do_not_know_it() {
    let pair = self_signed(&["localhost"]);
    let cluster = Cluster::start(&with_tls(&pair));
    let mut endpoint = mode(tcp(&cluster, "localhost"), SslMode::Require);
    let version = connect(&endpoint).await.unwrap().facts.version_number;
    endpoint.tls.direct = true;
    if version >= 170_000 {
        assert_eq!(tls_of(&endpoint).await, Some(Checked::Nothing));
    } else {
        assert_eq!(failure(&endpoint).await.0, "E0636");
    }
}
