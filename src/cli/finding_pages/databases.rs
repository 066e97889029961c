//! The pages of findings about the two databases as they are.

use super::{Group, Page};

const NOT_STARTED: &str = "`migrate` refuses; both databases stay as they are";
const EVERYBODY: &str = "everybody on the server";

pub(super) const PAGES: &[Page] = &[
    Page::error(Group::Databases, "same_database")
        .means(
            "source and target are the same database, or one is a standby of the other",
            "give each product a database of its own, and name both",
        )
        .concerns(EVERYBODY, NOT_STARTED),
    Page::error(Group::Databases, "<side>_database_swapped")
        .means(
            "the database is that of the other product",
            "swap the settings of the two databases",
        )
        .concerns(EVERYBODY, NOT_STARTED),
    Page::error(Group::Databases, "<side>_database_empty")
        .means(
            "the database has none of the product's tables",
            "check the name of the database and the schema; for MAS, let `mas-cli database migrate` make its tables first, then `mas-cli config sync` write its providers",
        )
        .concerns(EVERYBODY, NOT_STARTED),
    Page::error(Group::Databases, "<side>_database_not_recognised")
        .means(
            "the database has some tables of the product, but lacks others by which it would be known",
            "check the name of the database and the schema",
        )
        .concerns(EVERYBODY, NOT_STARTED),
    Page::error(Group::Databases, "<side>_database_version_too_old")
        .means(
            "the product's own note of its schema version is older than what the mapping was written for",
            "upgrade the product that the database belongs to, then try again",
        )
        .concerns(EVERYBODY, NOT_STARTED),
    Page::warning(Group::Databases, "<side>_database_version_not_tested")
        .means(
            "the product's schema version is newer than what mapwright was tested with; its tables are compared in any case",
            "look for a newer mapwright; otherwise rehearse on a copy first",
        )
        .concerns(EVERYBODY, "nothing hangs on the number itself: what matters in the tables is a finding of its own"),
    Page::error(Group::Databases, "<side>_database_version_not_noted")
        .means(
            "the product has not noted its schema version, so that its tables may be half made",
            "let the product that the database belongs to finish creating its tables",
        )
        .concerns(EVERYBODY, NOT_STARTED),
    Page::error(Group::Databases, "<side>_<object>_missing")
        .means(
            "a table or column that the mapping reads or writes is not there",
            "check that this is the right database and schema, in a supported version",
        )
        .concerns(EVERYBODY, NOT_STARTED),
    Page::error(Group::Databases, "<side>_<object>_type")
        .means(
            "a column has a type that the mapping cannot read or write",
            "use a mapping that was compiled for this schema, or a supported version",
        )
        .concerns(EVERYBODY, NOT_STARTED),
    Page::error(Group::Databases, "<side>_<object>_nullness")
        .means(
            "a column can be null where the mapping rests on it not being so, or must not be null where a rule can leave it so",
            "compile the mapping against this database's own catalog (`catalog dump`) to see which rules to change",
        )
        .concerns(EVERYBODY, NOT_STARTED),
    Page::error(Group::Databases, "<side>_<object>_not_unique")
        .means(
            "a key that the mapping's proofs rest on is not there: values that must be unique, such as tokens or user names, might not be",
            "restore the key in the database; if that fails because of duplicates, remove them first",
        )
        .concerns("whoever shares a value with somebody", NOT_STARTED),
    Page::error(Group::Databases, "<side>_<object>_no_reference")
        .means(
            "a foreign key that the mapping's proofs rest on is not there",
            "restore it in the database",
        )
        .concerns(EVERYBODY, NOT_STARTED),
    Page::error(Group::Databases, "target_<object>_generated")
        .means(
            "a column that a rule sets is filled by the database itself",
            "take the rule out of the mapping, or make the column an ordinary one",
        )
        .concerns(EVERYBODY, NOT_STARTED),
    Page::error(Group::Databases, "target_<object>_not_set")
        .means(
            "a column of MAS must have a value, has no default, and no rule sets it: MAS is newer than the mapping",
            "use a mapping for this version of the schema, or add a rule for the column",
        )
        .concerns(EVERYBODY, NOT_STARTED),
    Page::warning(Group::Databases, "target_<object>_unknown")
        .means(
            "a table of MAS has a constraint or unique index that the mapping was not written for; only writing shows whether the rows satisfy it",
            "do a dry run: it writes every row and then rolls back",
        )
        .concerns("nobody, if the dry run succeeds", "rows that violate it end the run, and nothing is changed"),
    Page::error(Group::Databases, "<side>_encoding_not_utf8")
        .means(
            "the database has another encoding than UTF8, and only that can be read and written as it is",
            "copy the database into one with the encoding UTF8",
        )
        .concerns(EVERYBODY, NOT_STARTED),
    Page::error(Group::Databases, "source_is_standby")
        .means(
            "the source server is a standby, which cannot be locked against changes",
            "connect to the primary",
        )
        .concerns(EVERYBODY, NOT_STARTED),
    Page::warning(Group::Databases, "source_lock_not_granted")
        .means(
            "the role may read Synapse's tables but not lock them, which `migrate` does so that nobody writes meanwhile",
            "grant the right that is named, connect as Synapse's own role, or use `--no-source-lock` with everything stopped",
        )
        .concerns("nobody; `check` and a dry run need no such lock", "`migrate` without `--dry-run` ends with exit status 3 and changes nothing"),
    Page::error(Group::Databases, "second_run")
        .means(
            "another run of mapwright is under way on the target",
            "wait for it to end, then try again",
        )
        .concerns(EVERYBODY, NOT_STARTED),
    Page::error(Group::Databases, "mas_running")
        .means(
            "a worker of MAS has reported to its database within the last two minutes and not signed off: MAS is running, and would work with half-filled tables",
            "stop MAS on every machine; one that was killed rather than stopped counts as running for two minutes",
        )
        .sql("SELECT queue_worker_id, last_seen_at FROM queue_workers WHERE shutdown_at IS NULL AND last_seen_at > now() - interval '2 minutes'")
        .concerns(EVERYBODY, NOT_STARTED),
    Page::error(Group::Databases, "target_sessions")
        .means(
            "other sessions that may write are connected to MAS's database: most likely MAS itself",
            "stop MAS, close other programs that are connected as a role that may write, then try again",
        )
        .sql("SELECT pid, usename, application_name, client_addr FROM pg_stat_activity WHERE datname = current_database()")
        .concerns(EVERYBODY, "`migrate` refuses. Sessions of mapwright and of roles that may only read, such as a monitor's, are not counted"),
    Page::error(Group::Databases, "target_in_use")
        .means(
            "somebody holds a lock on MAS's tables with which not even their structure can be looked at",
            "end the session that is named",
        )
        .concerns(EVERYBODY, NOT_STARTED),
    Page::error(Group::Databases, "target_privileges")
        .means(
            "the role does not own MAS's tables, whose keys and indexes are dropped and put back",
            "connect as MAS's own role, or give yours what `check --grants` prints",
        )
        .concerns(EVERYBODY, NOT_STARTED),
    Page::error(Group::Databases, "target_not_empty")
        .means(
            "tables that the migration fills hold rows: MAS was in use, or a migration was done",
            "use a database in which MAS has not been started; what is in these tables would have to go",
        )
        .concerns("accounts that exist in MAS already", NOT_STARTED),
    Page::error(Group::Databases, "target_unsuitable")
        .means(
            "tables of MAS have something with which rows cannot be copied in bulk or put back exactly, such as triggers, rules or row-level security",
            "remove what is named; MAS itself makes nothing of the kind",
        )
        .concerns(EVERYBODY, NOT_STARTED),
    Page::warning(Group::Databases, "target_surprises")
        .means(
            "MAS's database holds things that the catalog does not describe and that may refuse or change rows while they are written, such as event triggers",
            "switch them off for the migration, or try it by `migrate --dry-run --verify`",
        )
        .concerns("nobody, if the dry run with `--verify` succeeds", "rows that are refused end the run; what was changed is noticed by `--verify`"),
    Page::error(Group::Databases, "tables_missing")
        .means(
            "tables or columns that are written are not there",
            "let `mas-cli database migrate` make MAS's tables, and check the schema's name",
        )
        .concerns(EVERYBODY, NOT_STARTED),
    Page::error(Group::Databases, "unique_key_violated")
        .means(
            "rows that were written share a value of a key that `check` cannot foresee, such as one that somebody added to MAS's tables",
            "remove the duplicates in the source, or the key that MAS does not have",
        )
        .concerns("the accounts that share the value", "found by `migrate` and its dry run when keys are put back; everything is rolled back"),
    Page::error(Group::Databases, "foreign_key_violated")
        .means(
            "rows that were written refer to rows that are not there, by a foreign key that `check` cannot foresee",
            "make the rows they refer to, or remove the key that MAS does not have",
        )
        .concerns("the accounts whose rows they are", "found by `migrate` and its dry run when keys are put back; everything is rolled back"),
    Page::error(Group::Databases, "missing_in_<table>")
        .means(
            "rows that would be written refer to rows of a table that the mapping does not write, and these are not there",
            "make those rows first; for MAS's providers, run `mas-cli config sync`",
        )
        .concerns("the accounts whose rows they are", NOT_STARTED),
    Page::error(Group::Databases, "database_unsuitable")
        .means(
            "a database is in a state in which the run cannot be done; the meaning says which",
            "do as the finding says",
        )
        .concerns(EVERYBODY, NOT_STARTED),
];
