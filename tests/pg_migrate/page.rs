//! The report as a page: the numbers of the run are on it, nothing of the databases becomes part of it.
//!
//! With `MAPWRIGHT_PAGES=DIRECTORY` the pages are left there, each with its JSON, for
//! `tests/browser`.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::fixture::{Pair, Run};
use crate::next_steps::configure;

/// User IDs that a page must not take at their word, in the order of their bytes.
const HOSTILE: [&str; 3] = [
    "\"><img src=\"https://evil.example/x\" onerror=\"document.title='owned'\">",
    "</code></main><h1>owned</h1>",
    "<script>document.title='owned'</script>",
];

/// Rows of nobody with such keys.
fn hostile_rows(pair: &Pair) {
    for name in HOSTILE {
        let name = name.replace('\'', "''");
        pair.source.psql(&format!(
            "INSERT INTO devices (user_id, device_id, hidden) VALUES ('{name}', 'D&<i>', false)"
        ));
    }
}

/// Runs it with a page beside the JSON, and gives both.
fn with_page(pair: &Pair, name: &str, arguments: &[&str]) -> (Run, String) {
    let path = pair.path("page.html");
    let _ = std::fs::remove_file(&path);
    let mut all = arguments.to_vec();
    all.extend(["--report", &path]);
    let run = pair.run(&all);
    let page = std::fs::read_to_string(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "user IDs are in it");
    crate::fixture::judged(None, page.clone(), String::new(), String::new());
    if let Some(directory) = std::env::var_os("MAPWRIGHT_PAGES") {
        let directory = std::path::PathBuf::from(directory);
        std::fs::write(directory.join(format!("{name}.html")), &page).unwrap();
        std::fs::write(directory.join(format!("{name}.json")), &run.report).unwrap();
    }
    (run, page)
}

fn thousands(number: &Value) -> String {
    mapwright::cli::operator::table::thousands(number.as_u64().unwrap())
}

/// What any page has to have, and what none may.
fn sound(run: &Run, page: &str) {
    let report = run.json();
    assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"));
    for word in [
        "<script",
        "<img",
        "<link",
        "@import",
        "url(",
        " onerror=\"",
        " onload=",
    ] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("default-src 'none'") || page.contains("default-src &#39;none&#39;"));
    for part in ["<header", "<nav", "<main", "<footer", "<h1", "<title>"] {
        assert_eq!(
            page.matches(part).count() - usize::from(part == "<title>") * titles(page),
            1,
            "{part}"
        );
    }
    let text = report["verdict"]["text"].as_str().unwrap();
    assert!(page.contains(&text[1..]), "{text}");
    for finding in report["findings"].as_array().unwrap() {
        assert!(page.contains(finding["id"].as_str().unwrap()), "{finding}");
    }
    for map in report["maps"].as_array().unwrap() {
        assert!(page.contains(map["map"].as_str().unwrap()), "{map}");
        assert!(page.contains(&thousands(&map["read"])), "{map}");
        assert!(!map["targets"].as_array().unwrap().is_empty(), "{map}");
    }
    for table in report["written"].as_array().unwrap() {
        assert!(page.contains(&thousands(&table["rows"])), "{table}");
        if let Some(digest) = table["digest"].as_str() {
            assert!(page.contains(digest), "{table}");
        }
    }
}

/// The titles in the picture.
fn titles(page: &str) -> usize {
    page.split_once("<body>")
        .unwrap()
        .1
        .matches("<title>")
        .count()
}

#[tokio::test]
async fn a_check_has_a_page() {
    let pair = Pair::new("page_check").await;
    configure(&pair);
    hostile_rows(&pair);
    let (run, page) = with_page(
        &pair,
        "check",
        &["check", "--accept", "phone_number_kept_apart"],
    );
    run.answered(11, &[]);
    sound(&run, &page);
    // They are shown, as text.
    assert!(
        page.contains("&lt;script&gt;document.title=&#39;owned&#39;&lt;/script&gt;"),
        "{page}"
    );
    assert!(page.contains("&lt;/code&gt;&lt;/main&gt;&lt;h1&gt;owned&lt;/h1&gt;"));
    assert!(page.contains("&lt;img src=\\&quot;https://evil.example/x\\&quot;"));
    assert!(!page.contains("<h1>owned"));
}

#[tokio::test]
async fn a_migration_has_a_page() {
    let pair = Pair::new("page_migrate").await;
    configure(&pair);
    let (run, page) = with_page(&pair, "migrated", &["migrate"]);
    run.answered(0, &["committed"]);
    sound(&run, &page);
    for words in [
        "proxy_pass http://localhost:8090;",
        "reverse_proxy http://localhost:8090",
        "PathRegexp(`^/_matrix/client/",
        "ProxyPassMatch",
        "mapwright verify",
        "mapwright undo",
        "org.matrix.msc2965.authentication",
    ] {
        assert!(page.contains(words), "{words}");
    }
    // Only the JSON can be read by programs.
    for command in ["verify", "undo"] {
        let mut tool = crate::fixture::tool(&[command, "--report", &pair.path("page.html")]);
        tool.args(["--synapse-config", &pair.path("homeserver.yaml")]);
        tool.args(["--config", &pair.path("mas.yaml")]);
        crate::fixture::run(&mut tool).answered(2, &["E0616", "a page for people", "JSON file"]);
    }
}

#[tokio::test]
async fn a_refusal_and_a_failure_have_pages() {
    let pair = Pair::new("page_refused").await;
    pair.source
        .psql("UPDATE users SET name = '@nobody:elsewhere.example' WHERE name = (SELECT min(name) FROM users)");
    let (run, page) = with_page(&pair, "refused", &["check"]);
    run.answered(10, &[]);
    sound(&run, &page);
    let nowhere = "postgresql://nobody@127.0.0.1:1/mas";
    let (run, page) = with_page(&pair, "failed", &["migrate", "--mas-database-uri", nowhere]);
    run.answered(3, &[]);
    assert_eq!(run.json()["verdict"]["exit"], 3);
    sound(&run, &page);
    assert!(page.contains("What failed"));
}
