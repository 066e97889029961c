"""Follows the guide for operators, command by command, as it stands there: from Synapse's
configuration to the proof that everything came along, and back."""

import json
import pathlib
import re
import shlex
import subprocess
import sys
import time

import yaml

GUIDE = pathlib.Path(__file__).resolve().parents[2] / "docs/guides/migrate.md"

BOTH = ["--synapse-config", "homeserver.yaml", "--config", "mas.yaml"]

# The account of the guide's examples, and one that this server has with what its owner types.
EXAMPLE, ACCOUNT, PASSWORD = "@ada:example.com", "@alice:synapse.test", "wonderland 1"

TABLES = ["users", "user_passwords", "user_emails", "user_unsupported_third_party_ids", "upstream_oauth_links",
          "compat_sessions", "compat_access_tokens", "compat_refresh_tokens"]

# What each command must answer, in the order of the guide. A command that comes or goes there has to
# come or go here.
STEPS = [
    ("config generate", 0),
    ("config lint", 0),
    ("mas-cli database migrate", 0),
    ("mas-cli config sync", 0),
    ("check --report", 11),
    ("check --write-accept-file", 11),
    ("check --accept-file", 0),
    ("account", 0),
    ("verify-password", 0),
    ("migrate --dry-run", 0),
    ("systemctl stop", 0),
    ("migrate --report", 0),
    ("verify --report", 0),
    ("verify --live", 0),
    ("undo --report", 0),
]


def commands(text):
    """The lines of all shell blocks, each split into words, without comments."""
    found = []
    for block in re.findall(r"(?ms)^ *```sh\n(.*?)^ *```", text):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words:
                found.append(words)
    return found


def name(words):
    """What a command is called in `STEPS`: its sub-command and the flag that tells it from others."""
    if words[0] != "mapwright":
        return " ".join(words[: 3 if words[0] == "mas-cli" else 2])
    if words[1] == "config":
        return " ".join(words[1:3])
    given = [word for word in words if word.startswith("--") and word not in BOTH]
    return " ".join([words[1], *given[:1]])


class Operator:
    """Somebody who has only the guide. `ran` runs the program; `target` makes what MAS would."""

    def __init__(self, directory, cluster, synapse, ran):
        self.directory = directory
        self.cluster = cluster
        self.synapse = synapse
        self.ran = ran
        directory.mkdir()
        # The same files that the server was run with, under the names of the guide.
        (directory / "homeserver.yaml").write_text(synapse.config.read_text())
        (directory / "conf.d").mkdir()
        for file in sorted(synapse.conf_d.iterdir()):
            (directory / "conf.d" / file.name).write_text(file.read_text())

    def several_files(self, words):
        """The guide names one file; this server has a directory beside it."""
        both = [word for part in words for word in (BOTH if part == "…" else [part])]
        said = []
        for word in both:
            said.append(ACCOUNT if word == EXAMPLE else word)
            if word == "homeserver.yaml":
                said += ["--synapse-config", "conf.d"]
        return said

    def follow(self, words, expected):
        if words[0] == "mapwright":
            typed = f"{PASSWORD}\n" if words[1] == "verify-password" else ""
            return self.ran(expected, *self.several_files(words[1:]), cwd=self.directory, typed=typed)
        return {"mas-cli database": self.migrate_schema, "mas-cli config": self.sync_providers,
                "systemctl stop": self.is_stopped}[" ".join(words[:2])]()

    def fill_in(self):
        """What the file marks, an operator fills in."""
        path = self.directory / "mas.yaml"
        text = path.read_text()
        assert text.count("FILL IN") > 5, text.count("FILL IN")
        text = re.sub(r"(?m)^database:\n(?:  .*\n)+",
                      lambda _: f"database:\n  uri: {json.dumps(self.cluster.uri('mas_of_the_guide'))}\n", text)
        made = yaml.safe_load(text)
        self.ran.secrets |= {made["matrix"]["secret"], made["secrets"]["encryption"]}
        path.write_text(text.replace("https://auth.synapse.test/", "https://account.synapse.test/"))

    def migrate_schema(self):
        self.cluster.create_database("mas_of_the_guide")
        self.cluster.script("mas_of_the_guide", self.ran(0, "catalog", "ddl", "mas"))
        self.cluster.script(
            "mas_of_the_guide",
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)"
            " VALUES (20260720000000, 'test', true, '', 0);")

    def sync_providers(self):
        configuration = yaml.safe_load((self.directory / "mas.yaml").read_text())
        providers = configuration["upstream_oauth2"]["providers"]
        assert {provider["synapse_idp_id"] for provider in providers} == {"oidc-dex", "oidc"}
        for provider in providers:
            self.cluster.query(
                "mas_of_the_guide",
                "INSERT INTO upstream_oauth_providers (upstream_oauth_provider_id, issuer, scope, client_id,"
                " token_endpoint_auth_method, created_at) VALUES (%s, %s, %s, %s, %s, now())",
                uuid_of(provider["id"]), provider["issuer"], provider["scope"], provider["client_id"],
                provider["token_endpoint_auth_method"])

    def is_stopped(self):
        # A session goes on for a moment after the program at its other end has ended.
        until = time.monotonic() + 60
        while others := self.cluster.query(
                "synapse", "SELECT application_name FROM pg_stat_activity"
                " WHERE datname = 'synapse' AND pid <> pg_backend_pid() AND backend_type = 'client backend'"):
            assert time.monotonic() < until, others
            time.sleep(0.1)

    def switch_over(self):
        """Does with Synapse's configuration what the next steps say, and asks Synapse whether it starts
        with it; and whether it would without taking anything out."""
        steps = {step["id"]: step for step in json.loads((self.directory / "migrate.json").read_text())["next_steps"]}
        step = steps["synapse_config"]
        added = yaml.safe_load(step["snippets"][0]["text"])
        assert added["matrix_authentication_service"]["secret"] == "FILL IN", added
        secret = yaml.safe_load((self.directory / "mas.yaml").read_text())["matrix"]["secret"]
        added["matrix_authentication_service"]["secret"] = secret
        assert accepted_by_synapse(self.files() | {"mas": added}) is False
        files = self.files()
        assert step["remove"], step
        for removal in step["remove"]:
            *sections, key = removal["key"].split(".")
            section = files[removal["place"].rsplit(":", 1)[0]]
            for name in sections:
                section = section[name]
            del section[key]
        assert accepted_by_synapse(files | {"mas": added}) is True

    def files(self):
        """Synapse's configuration files, in the order in which they are read."""
        names = ["homeserver.yaml", *(f"conf.d/{file.name}" for file in sorted((self.directory / "conf.d").iterdir()))]
        return {name: yaml.safe_load((self.directory / name).read_text()) for name in names}

    def rows(self):
        """How many rows each table has that a migration fills."""
        return {table: self.cluster.query("mas_of_the_guide", f"SELECT count(*) AS n FROM {table}")[0]["n"]
                for table in TABLES}


def uuid_of(ulid):
    """An ID as MAS's database spells it."""
    number = 0
    for character in ulid:
        number = number * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(character)
    digits = f"{number:032x}"
    return "-".join([digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]])


def accepted_by_synapse(files):
    """Whether the real Synapse takes such a configuration; a later file replaces top-level keys."""
    merged = {key: value for file in files.values() for key, value in file.items()}
    load = ("import sys, json; from synapse.config.homeserver import HomeServerConfig;"
            " HomeServerConfig().parse_config_dict(json.load(sys.stdin), '', '')")
    done = subprocess.run([sys.executable, "-c", load], input=json.dumps(merged), text=True, capture_output=True)
    if done.returncode:
        assert "when OAuth delegation is enabled" in done.stderr, done.stderr
    return done.returncode == 0


def follow(operator, report, wanted):
    """Every command of the guide; `wanted` is how many rows of each table there have to be."""
    found = commands(GUIDE.read_text())
    report.check("the guide has the commands that are expected of it",
                 lambda: same_steps([name(words) for words in found]))
    for words, (step, status) in zip(found, STEPS):
        report.check(f"guide: {' '.join(words)}", operator.follow, words, status)
        if step == "config generate":
            report.check("guide: what is marked can be filled in", operator.fill_in)
        if step == "migrate --report":
            report.check("guide: Synapse takes the configuration of the next steps", operator.switch_over)
        if step == "verify --report":
            report.check("guide: every row is there", lambda: same_rows(operator.rows(), wanted))
        if step == "undo --report":
            report.check("guide: everything is gone again",
                         lambda: same_rows(operator.rows(), dict.fromkeys(wanted, 0)))


def same_steps(found):
    assert found == [step for step, _ in STEPS], found


def same_rows(found, wanted):
    assert found == wanted, f"{found} in place of {wanted}"
