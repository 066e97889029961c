//! Rows that ended, or are no rows of their view, are looked at by others: that must count nothing and
//! end nothing, in a small partition and in one that is searched through an index.
//!
//! Test files may stop at once on what they did not expect.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

#[path = "harness/mappings.rs"]
mod mappings;

use mappings::row;
use mapwright::run::RunReport;
use mapwright::types::OwnedValue;

const REASONS: &str = r#"
    reason lonely warn "" help ""
    reason no_owner warn "" help ""
    reason left_out warn "" help ""
    reason bad error "" help ""
"#;

fn report(blocks: &str, pets: &[(i64, &str, Option<&str>)], visits: &[(i64, i64)]) -> RunReport {
    let catalogs = [
        include_str!("catalogs/tiny_source.yaml"),
        include_str!("catalogs/tiny_target.yaml"),
    ];
    let text = format!("mapping m\nsource tiny_source\ntarget tiny_target\n{REASONS}{blocks}");
    let plan = mappings::compiled(catalogs, &text).unwrap_or_else(|found| panic!("{found:#?}"));
    let int = OwnedValue::Int;
    let text = |text: &str| OwnedValue::Text(text.to_owned());
    let pets = (1..).zip(pets).map(|(id, (owner, name, kind))| {
        row([
            ("id", int(id)),
            ("owner", int(*owner)),
            ("name", text(name)),
            ("kind", kind.map_or(OwnedValue::Null, text)),
        ])
    });
    let visits = visits
        .iter()
        .map(|(person, pet)| row([("person", int(*person)), ("pet", int(*pet)), ("at", int(0))]));
    let tables = [("pets", pets.collect()), ("visits", visits.collect())];
    mappings::report(plan, tables)
}

fn ended(report: &RunReport) -> Vec<(&str, u64)> {
    report.maps[0]
        .skipped
        .iter()
        .chain(&report.maps[0].rejected)
        .map(|count| (count.reason.as_str(), count.rows))
        .collect()
}

#[test]
fn a_row_that_ended_is_not_asked_for_what_it_lacks() {
    let blocks = "
        view kept from pets as p
            join people as o on o.id == p.owner else skip no_owner
        {
            owner = p.owner
            active = o.active
        }
        map m from visits as w
            join many kept as v on v.owner == w.person and not v.active else skip lonely
        {
            into log_lines { line = \"{v.active}\" }
        }";
    let report = report(blocks, &[(1, "Rex", None)], &[(1, 1)]);
    assert_eq!(ended(&report), [("lonely", 1)]);
    assert_eq!(report.rejected, 0, "{:?}", report.rejects);
}

/// Pets whose names are numbers; and one that is left out and one that is no row of the view, whose
/// names are not.
fn pets(count: usize) -> Vec<(i64, &'static str, Option<&'static str>)> {
    let mut pets = vec![(1, "Rex", Some("left out")), (1, "Mia", None)];
    pets.extend((0..count).map(|number| (1, ["7", "8", "9"][number % 3], Some("kept"))));
    pets
}

const NUMBERED: &str = "
    view numbered from pets as p
        where p.kind is not null
    {
        skip left_out when p.kind == \"left out\"
        owner = p.owner
        number = parse_int(p.name) else fail bad
    }";

#[test]
fn values_of_rows_that_ended_or_are_none_do_not_fail() {
    for count in [3, 30] {
        for condition in [
            "into log_lines when exists (numbered as n on n.owner == w.person and n.number == w.pet)",
            "into log_lines when w.pet == 9",
        ] {
            let join = "join many numbered as v on v.owner == w.person and v.number == w.pet else skip lonely";
            let blocks = format!(
                "{NUMBERED}
                map m from visits as w
                    {join}
                {{
                    {condition} {{ line = \"{{v.number}}\" }}
                    otherwise skip lonely
                }}"
            );
            let report = report(&blocks, &pets(count), &[(1, 9), (1, 1)]);
            assert_eq!(ended(&report), [("lonely", 1)], "{count} {condition}");
            assert_eq!(
                report.rejected, 0,
                "{count} {condition}: {:?}",
                report.rejects
            );
            assert_eq!(report.written, [count as u64 / 3]);
        }
    }
}

#[test]
fn what_fails_does_not_depend_on_how_many_rows_there_are() {
    // `left_out` may be any row with that kind; its number is computed for nobody.
    for count in [3, 30] {
        let blocks = format!(
            "{NUMBERED}
            map m from visits as w {{
                into log_lines when exists (numbered as n on n.owner == w.person and n.number == w.pet) {{ line = \"\" }}
                otherwise skip lonely
            }}"
        );
        let mut rows = pets(count);
        rows.push((1, "none", Some("kept")));
        let report = report(&blocks, &rows, &[(1, 1)]);
        assert_eq!(ended(&report), [("lonely", 1)]);
        assert_eq!(report.rejected, 1, "the one whose number is asked for");
    }
}

#[test]
fn a_value_that_fails_is_counted_once_however_many_rows_ask_for_it() {
    let blocks = format!(
        "{NUMBERED}
        map m from visits as w
            join many numbered as v on v.owner == w.person else skip lonely
        {{ into log_lines {{ line = \"{{v.number}}\" }} }}"
    );
    let pets = [(1, "Rex", Some("kept"))];
    let report = report(&blocks, &pets, &[(1, 1), (1, 2), (1, 3)]);
    assert_eq!(ended(&report), [("owner_not_migrated", 3)]);
    let bad = report.reasons.iter().find(|reason| reason.reason == "bad");
    let bad = bad.map(|bad| (bad.rows, bad.dependents));
    assert_eq!((report.rejected, bad), (1, Some((1, 3))));
}

#[test]
fn whether_a_row_that_ended_was_meant_is_seen_by_what_the_asking_row_computes() {
    let blocks = "
        view kept from pets as p {
            fail bad when p.kind is null
            owner = p.owner
            pet = p.id
        }
        view asking from visits as w {
            person = w.person
            least = w.pet + 1
        }
        map m from asking as a
            join many kept as k on k.owner == a.person and k.pet < a.least else skip lonely
        { into log_lines { line = \"\" } }";
    let pets = [(1, "Rex", None)];
    let report = report(blocks, &pets, &[(1, 1), (1, 0)]);
    assert_eq!(ended(&report), [("lonely", 1), ("owner_not_migrated", 1)]);
    let bad = report.reasons.iter().find(|reason| reason.reason == "bad");
    let bad = bad.map(|bad| (bad.rows, bad.dependents));
    assert_eq!(bad, Some((1, 1)));
}
