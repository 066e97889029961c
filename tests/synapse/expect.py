"""The rows that MAS has to hold, from the record of what happened and the rules of the migration.

What there is (accounts, log-ins, live tokens, addresses, links) comes from the record. Synapse's
tables are asked only for what no client is told: the times, the hashes, the addresses last seen.
IDs are left out: every row is named by what it belongs to.
"""

import datetime

UTC = datetime.timezone.utc


def milliseconds(value):
    """A MAS time as Unix milliseconds."""
    return None if value is None else round(value.timestamp() * 1000)


class Expected:
    """Sets of rows by table, comparable with `Found`."""

    def __init__(self, record, rows, migrated_at):
        """`rows(sql, *parameters)` asks Synapse's database; `migrated_at` is in milliseconds."""
        self.record, self.rows, self.migrated_at = record, rows, migrated_at
        self.people = {name: facts for name, facts in record["users"].items() if not facts["bridge"]}
        found = rows("SELECT name, creation_ts FROM users")
        self.created = {row["name"][1:].split(":")[0]: row["creation_ts"] * 1000 for row in found}
        tokens = rows("SELECT token, last_validated, valid_until_ms FROM access_tokens")
        self.token_times = {row["token"]: row for row in tokens}

    def _mxid(self, localpart):
        return f"@{localpart}:{self.record['server_name']}"

    def users(self):
        result = set()
        for name, facts in self.people.items():
            created = self.created[name]
            locked = created if facts["locked"] or facts["unapproved"] else None
            deactivated = created if facts["deactivated"] else None
            result.add((name, created, locked, deactivated, facts["admin"], facts["guest"]))
        return result

    def passwords(self):
        """Only that there is one, and since when; whether it is the right one is for bcrypt to say."""
        hashes = {row["name"]: row["password_hash"] for row in self.rows("SELECT name, password_hash FROM users")}
        return {(name, hashes[self._mxid(name)], 1, self.created[name], None)
                for name, facts in self.people.items() if facts["password"] is not None}

    def addresses(self, kind, medium):
        added = {row["address"]: row["added_at"] for row in self.rows(
            "SELECT address, added_at FROM user_threepids WHERE medium = %s", medium)}
        # Synapse keeps e-mail addresses in lower case.
        spelled = str.lower if medium == "email" else str
        return {(name, spelled(address), added[spelled(address)])
                for name, facts in self.people.items() for address in facts[kind]}

    def links(self, providers):
        return {(name, providers[provider], subject, self.created[name], None)
                for name, facts in self.people.items() for provider, subject in facts["links"]}

    def _signs_in(self, name):
        facts = self.people.get(name)
        return facts is not None and not facts["deactivated"] and not facts["guest"]

    def _issued(self, token):
        return self.token_times[token]["last_validated"]

    def _sessions(self):
        return [s for s in self.record["sessions"] if not s["ended"] and self._signs_in(s["localpart"])]

    def sessions(self):
        devices = {(row["user_id"], row["device_id"]): row for row in self.rows(
            "SELECT user_id, device_id, last_seen, ip, user_agent FROM devices")}
        result = set()
        for session in self._sessions():
            device = devices[self._mxid(session["localpart"]), session["device"]]
            issued = [self._issued(pair["access"]) for pair in session["live"]]
            created = min((time for time in issued if time is not None), default=self.migrated_at)
            result.add((session["localpart"], session["device"], session["name"], created,
                        self.people[session["localpart"]]["admin"], device["last_seen"],
                        device["ip"], device["user_agent"], None, None))
        for token in self.record["lone_tokens"]:
            if self._signs_in(token["localpart"]):
                result.add((token["localpart"], None, None, token["issued"], False, None, None, None, None, None))
        return result

    def access_tokens(self):
        result = set()
        for session in self._sessions():
            for pair in session["live"]:
                times = self.token_times[pair["access"]]
                issued = self.migrated_at if times["last_validated"] is None else times["last_validated"]
                result.add((session["localpart"], session["device"], pair["access"], issued, times["valid_until_ms"]))
        for token in self.record["lone_tokens"]:
            if self._signs_in(token["localpart"]):
                result.add((token["localpart"], None, token["access"], token["issued"], None))
        return result

    def refresh_tokens(self):
        result = set()
        for session in self._sessions():
            for pair in session["live"]:
                if pair["refresh"]:
                    issued = self._issued(pair["access"])
                    result.add((session["localpart"], session["device"], pair["refresh"], pair["access"],
                                self.migrated_at if issued is None else issued, None))
        return result


class Found:
    """The same sets, read from MAS."""

    def __init__(self, rows):
        self.rows = rows

    def _set(self, sql, *times):
        """Rows as tuples, the columns `times` as milliseconds."""
        return {tuple(milliseconds(value) if name in times else value for name, value in row.items())
                for row in self.rows(sql)}

    def users(self):
        return self._set("SELECT username, created_at, locked_at, deactivated_at, can_request_admin, is_guest"
                         " FROM users", "created_at", "locked_at", "deactivated_at")

    def passwords(self):
        return self._set("SELECT u.username, p.hashed_password, p.version, p.created_at, p.upgraded_from_id"
                         " FROM user_passwords p JOIN users u USING (user_id)", "created_at")

    def addresses(self, kind):
        if kind == "emails":
            return self._set("SELECT u.username, e.email, e.created_at FROM user_emails e"
                             " JOIN users u USING (user_id)", "created_at")
        return self._set("SELECT u.username, t.address, t.created_at FROM user_unsupported_third_party_ids t"
                         " JOIN users u USING (user_id) WHERE t.medium = 'msisdn'", "created_at")

    def links(self):
        return self._set("SELECT u.username, l.upstream_oauth_provider_id::text AS provider, l.subject,"
                         " l.created_at, l.human_account_name"
                         " FROM upstream_oauth_links l JOIN users u USING (user_id)", "created_at")

    def sessions(self):
        return self._set("SELECT u.username, s.device_id, s.human_name, s.created_at, s.is_synapse_admin,"
                         " s.last_active_at, host(s.last_active_ip) AS ip, s.user_agent, s.finished_at,"
                         " s.user_session_id FROM compat_sessions s JOIN users u USING (user_id)",
                         "created_at", "last_active_at")

    def access_tokens(self):
        return self._set("SELECT u.username, s.device_id, a.access_token, a.created_at, a.expires_at"
                         " FROM compat_access_tokens a JOIN compat_sessions s USING (compat_session_id)"
                         " JOIN users u USING (user_id)", "created_at", "expires_at")

    def refresh_tokens(self):
        return self._set("SELECT u.username, s.device_id, r.refresh_token, a.access_token, r.created_at,"
                         " r.consumed_at FROM compat_refresh_tokens r"
                         " JOIN compat_access_tokens a USING (compat_access_token_id, compat_session_id)"
                         " JOIN compat_sessions s USING (compat_session_id) JOIN users u USING (user_id)",
                         "created_at")
