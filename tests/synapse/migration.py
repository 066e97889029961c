"""A real Synapse is lived on, and its database migrated: what was issued has to be in MAS."""

import argparse
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import unicodedata

import bcrypt

import guide
import history as life
from cluster import Cluster
from expect import UTC, Expected, Found
from server import PEPPER, SERVER_NAME, Synapse

ROOT = pathlib.Path(__file__).resolve().parents[2]

# synapse_idp_id → the provider's ID in MAS, as its configuration spells it.
PROVIDERS = {"oidc-dex": "01J8ZJ7T9V5Q2N3X4Y6Z7A8B9C", "oidc": "01J8ZJ7T9W0000000000000001"}

MAS_TABLES = {
    "users": "user_id", "user_passwords": "user_password_id", "user_emails": "user_email_id",
    "upstream_oauth_links": "upstream_oauth_link_id", "compat_sessions": "compat_session_id",
    "compat_access_tokens": "compat_access_token_id", "compat_refresh_tokens": "compat_refresh_token_id",
}


def mas_configuration(uri, homeserver):
    providers = "".join(
        f"    - {{id: {ulid}, synapse_idp_id: {idp}, issuer: 'http://127.0.0.1:9/{idp}', client_id: mas,"
        f" client_secret: unused, token_endpoint_auth_method: client_secret_basic, scope: openid}}\n"
        for idp, ulid in PROVIDERS.items())
    return f"""\
database:
  uri: {json.dumps(uri)}
matrix:
  kind: synapse
  homeserver: {SERVER_NAME}
  endpoint: {homeserver}
  secret: shared-with-synapse
passwords:
  enabled: true
  schemes:
    - {{version: 1, algorithm: bcrypt, unicode_normalization: true, secret: {json.dumps(PEPPER)}}}
    - {{version: 2, algorithm: argon2id}}
upstream_oauth2:
  providers:
{providers}"""


class Report:
    """Counts what held; says at once what did not."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, what, holds, *arguments):
        try:
            holds(*arguments)
        except Exception:  # pylint: disable=broad-except
            # One broken promise must not hide the others.
            self.failed += 1
            print(f"FAILED {what}\n{traceback.format_exc()}")
        else:
            self.passed += 1
            print(f"ok     {what}", flush=True)

    def close(self):
        print(f"synapse: {self.passed} passed, {self.failed} failed")
        return 1 if self.failed or not self.passed else 0


def same(found, expected):
    missing, surplus = expected - found, found - expected
    assert not missing and not surplus, f"\n  missing: {sorted(map(repr, missing))}\n  surplus: {sorted(map(repr, surplus))}"


def step(what):
    print(f"{time.monotonic() - step.since:7.1f} s  {what}", flush=True)


step.since = time.monotonic()


def mapwright():
    """The program to test."""
    named = os.environ.get("MAPWRIGHT_BIN")
    candidates = [named] if named else [str(ROOT / "target" / kind / "mapwright") for kind in ("release", "debug")]
    for candidate in candidates:
        if os.access(candidate, os.X_OK):
            return candidate
    raise SystemExit(f"no program at {' or '.join(candidates)}: run `cargo build` or set MAPWRIGHT_BIN")


def ran(expected_status, *arguments, cwd=None, typed=""):
    """Runs the program on that standard input; gives what it wrote to its standard output."""
    done = subprocess.run([mapwright(), *arguments], capture_output=True, text=True, check=False,
                          input=typed, cwd=cwd)
    assert done.returncode == expected_status, (
        f"{' '.join(arguments)}: exit {done.returncode}, not {expected_status}\n{done.stdout}\n{done.stderr}")
    for secret in ran.secrets:
        assert secret not in done.stdout + done.stderr, f"{arguments[0]} shows a secret that begins with {secret[:5]}"
    return done.stdout


ran.secrets = set()


def secrets_of(record, rows):
    """What no output may show."""
    pairs = [pair for session in record["sessions"] for pair in session["live"] + session["dead"]]
    tokens = {pair["access"] for pair in pairs} | {pair["refresh"] for pair in pairs}
    tokens |= {token["access"] for token in record["lone_tokens"]} | set(record["dead_tokens"])
    hashes = {row["password_hash"] for row in rows("SELECT password_hash FROM users")}
    addresses = {address for facts in record["users"].values() for address in facts["emails"] + facts["phones"]}
    return {PEPPER, *tokens, *hashes, *addresses} - {None, ""}


def source_makes_sense(record, rows):
    """The record against the database it was made on: what the test rests on, checked before it."""
    by_token = {row["token"]: row for row in rows("SELECT token, user_id, device_id, puppets_user_id FROM access_tokens")}
    for session in record["sessions"]:
        for pair in session["live"]:
            row = by_token[pair["access"]]
            assert row["user_id"] == life.mxid(session["localpart"]) and row["device_id"] == session["device"]
        assert session["ended"] is not bool(session["live"])
    kept = {row["token"] for row in rows("SELECT token FROM refresh_tokens")}
    pairs = [pair for session in record["sessions"] for pair in session["live"] if pair["refresh"]]
    assert {pair["refresh"] for pair in pairs} <= kept
    dead = {pair["refresh"] for session in record["sessions"] for pair in session["dead"]} - {None}
    assert dead & kept, "no superseded pair is left in the database: the test has lost its teeth"
    hidden = {(row["user_id"], row["device_id"]) for row in rows("SELECT user_id, device_id FROM devices WHERE hidden")}
    assert hidden == {(life.mxid(name), device) for name, device in record["hidden_devices"]}
    assert any(row["puppets_user_id"] for row in by_token.values())
    assert any(row["appservice_id"] for row in rows("SELECT appservice_id FROM users"))
    seen = rows("SELECT count(*) AS n FROM devices WHERE last_seen IS NOT NULL AND ip = '127.0.0.1'")
    assert seen[0]["n"] > 5, seen


def passwords_verify(record, rows):
    stored = {row["username"]: row["hashed_password"].encode() for row in rows(
        "SELECT u.username, p.hashed_password FROM user_passwords p JOIN users u USING (user_id)")}
    tried = 0
    for name, facts in record["users"].items():
        if facts["password"] is None:
            assert name not in stored
            continue
        typed = unicodedata.normalize("NFKC", facts["password"]) + PEPPER
        assert bcrypt.checkpw(typed.encode(), stored[name]), f"the password of {name} does not verify"
        assert not bcrypt.checkpw(typed[1:].encode(), stored[name])
        tried += 1
    odd = (life.ODD_PASSWORD + PEPPER).encode()
    assert not bcrypt.checkpw(odd, stored["bob"]), "without NFKC it must not verify, or it proves nothing"
    assert tried >= 5


def ids_carry_their_time(rows):
    """MAS reads a row's creation time out of its ID."""
    for table, key in MAS_TABLES.items():
        for row in rows(f"SELECT {key} AS id, created_at FROM {table}"):
            carried = int(str(row["id"]).replace("-", ""), 16) >> 80
            assert carried == round(row["created_at"].timestamp() * 1000), f"{table}: {row}"


def keys_are_valid(rows):
    bad = rows("SELECT conrelid::regclass::text AS t, conname FROM pg_constraint WHERE NOT convalidated")
    assert not bad, bad
    bad = rows("SELECT indexrelid::regclass::text AS i FROM pg_index WHERE NOT indisvalid")
    assert not bad, bad


class Target:
    """An empty MAS database that knows the providers, and the configurations of both sides."""

    def __init__(self, cluster, directory, synapse):
        self.cluster = cluster
        cluster.create_database("mas")
        cluster.script("mas", ran(0, "catalog", "ddl", "mas"))
        # What MAS's own migrations note of themselves.
        cluster.script(
            "mas",
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)"
            " VALUES (20260720000000, 'test', true, '', 0);",
        )
        for idp, ulid in PROVIDERS.items():
            self.rows(
                "INSERT INTO upstream_oauth_providers (upstream_oauth_provider_id, issuer, scope, client_id,"
                " token_endpoint_auth_method, created_at)"
                " VALUES (%s, %s, 'openid', 'mas', 'client_secret_basic', now())",
                guide.uuid_of(ulid), f"http://127.0.0.1:9/{idp}")
        configuration = directory / "mas.yaml"
        configuration.write_text(mas_configuration(cluster.uri("mas"), f"http://127.0.0.1:{synapse.port}"))
        self.both = ["--synapse-config", str(synapse.config), "--synapse-config", str(synapse.conf_d), "--config", str(configuration)]
        self.empty = cluster.dump("mas")

    def rows(self, sql, *parameters):
        return self.cluster.query("mas", sql, *parameters)

    def is_untouched(self):
        assert self.cluster.dump("mas") == self.empty, "the target is not what it was"


def rehearse_beside_it(target, report):
    """What may run while Synapse does. Guests, a phone number, an account without approval: warnings,
    and no errors."""
    report.check("check runs beside a live Synapse", ran, 11, "check", *target.both)
    report.check("so does a dry run", ran, 0, "migrate", "--dry-run", *target.both)
    report.check("neither changes the target", target.is_untouched)


def migrate(cluster, directory, target, record, report):
    def source(sql, *parameters):
        return cluster.query("synapse", sql, *parameters)

    source_before = cluster.dump("synapse")

    def nothing_changed():
        target.is_untouched()
        assert cluster.dump("synapse") == source_before, "the source is not what it was"

    moment = datetime.datetime.now(UTC).replace(microsecond=123000)
    clock = ["--migrated-at", moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")]
    ran.secrets = secrets_of(record, source)

    report.check("check finds warnings only", ran, 11, "check", *target.both)
    report.check("a dry run ends well", ran, 0, "migrate", "--dry-run", *target.both, *clock)
    report.check("they change nothing", nothing_changed)
    started = time.monotonic()
    report.check("the migration ends well", ran, 0, "migrate", *target.both, *clock,
                 "--report", str(directory / "report.json"))
    step(f"migrated in {time.monotonic() - started:.2f} s")

    expected, found = Expected(record, source, round(moment.timestamp() * 1000)), Found(target.rows)
    report.check("every account is there", lambda: same(found.users(), expected.users()))
    report.check("every hash is there", lambda: same(found.passwords(), expected.passwords()))
    report.check("every password verifies", passwords_verify, record, target.rows)
    report.check("every e-mail address is there",
                 lambda: same(found.addresses("emails"), expected.addresses("emails", "email")))
    report.check("every phone number is there",
                 lambda: same(found.addresses("phones"), expected.addresses("phones", "msisdn")))
    in_mas = {idp: guide.uuid_of(ulid) for idp, ulid in PROVIDERS.items()}
    report.check("every link is there", lambda: same(found.links(), expected.links(in_mas)))
    report.check("every session is there", lambda: same(found.sessions(), expected.sessions()))
    report.check("every live access token is there, and no other",
                 lambda: same(found.access_tokens(), expected.access_tokens()))
    report.check("every live refresh token is there, and no other",
                 lambda: same(found.refresh_tokens(), expected.refresh_tokens()))
    report.check("IDs carry their rows' times", ids_carry_their_time, target.rows)
    report.check("keys and indexes are valid", keys_are_valid, target.rows)
    report.check("the source was not changed", lambda: same({cluster.dump("synapse")}, {source_before}))
    migrated = cluster.dump("mas")
    report.check("the report is JSON", lambda: json.loads((directory / "report.json").read_text()))
    report.check("a second migration is refused", ran, 10, "migrate", *target.both, *clock)
    report.check("and changes nothing", lambda: same({cluster.dump("mas")}, {migrated}))


def run(cluster, directory, report, to_the_end):
    """Runs the server, lives on it, stops it, and migrates unless only the record is wanted."""
    cluster.create_database("synapse")
    synapse = Synapse(directory, cluster.directory)
    target = None
    try:
        synapse.start()
        step("Synapse answers")
        history = life.History(synapse, cluster)
        life.live(history)
        step("people have lived on it")
        if to_the_end:
            target = Target(cluster, directory, synapse)
            rehearse_beside_it(target, report)
    finally:
        synapse.stop()
    step("Synapse is stopped")
    (directory / "history.json").write_text(json.dumps(history.record(), indent=1, ensure_ascii=False))
    (directory / "synapse.sql").write_text(cluster.dump("synapse"))
    # Through JSON, so that a record read back is the same.
    record = json.loads((directory / "history.json").read_text())
    report.check("the record fits Synapse's own tables", source_makes_sense, record,
                 lambda sql, *parameters: cluster.query("synapse", sql, *parameters))
    if target:
        migrate(cluster, directory, target, record, report)
        step("now by the guide")
        operator = guide.Operator(directory / "operator", cluster, synapse, ran)
        guide.follow(operator, report, {
            table: target.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"] for table in guide.TABLES})
    step("done")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", metavar="DIRECTORY", type=pathlib.Path,
                        help="stop before the migration; leave dump, configuration and record there")
    arguments = parser.parse_args()
    if not arguments.record:
        mapwright()
    directory = arguments.record.resolve() if arguments.record else pathlib.Path(tempfile.mkdtemp(prefix="mapwright-synapse-files-"))
    cluster = Cluster()
    try:
        step("PostgreSQL answers")
        report = Report()
        run(cluster, directory, report, to_the_end=not arguments.record)
        return report.close()
    finally:
        cluster.close()
        if not arguments.record:
            shutil.rmtree(directory)


if __name__ == "__main__":
    sys.exit(main())
