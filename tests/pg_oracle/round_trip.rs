//! Values of every type through PostgreSQL's binary COPY: read by `decode`, told apart by PostgreSQL,
//! written by `encode`, and equal to what they were.

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{SinkExt, TryStreamExt};
use mapwright::eval::{decode, encode};
use mapwright::types::{PgType, Value};
use tokio_postgres::Client;

use crate::harness;
use crate::random::Random;
use crate::sql_expr::text;
use crate::text::hex;

/// How many values of each type.
const VALUES: usize = 3_000;

/// A type, how PostgreSQL says that a value `v` is the text `t`, and how values are made.
struct Kind {
    name: &'static str,
    same: &'static str,
    make: fn(&mut Random) -> String,
}

const AS_PRINTED: &str = "format('%s', v) = t";
const AS_MICROS: &str = "trunc(extract(epoch FROM v) * 1000000)::text = t";

const KINDS: [Kind; 15] = [
    Kind {
        name: "boolean",
        same: "v::text = t",
        make: |random| (random.chance(50)).to_string(),
    },
    Kind {
        name: "smallint",
        same: AS_PRINTED,
        make: |random| number(random, 16),
    },
    Kind {
        name: "integer",
        same: AS_PRINTED,
        make: |random| number(random, 32),
    },
    Kind {
        name: "bigint",
        same: AS_PRINTED,
        make: |random| number(random, 64),
    },
    Kind {
        name: "text",
        same: AS_PRINTED,
        make: |random| characters(random, 40),
    },
    Kind {
        name: "character varying",
        same: AS_PRINTED,
        make: |random| characters(random, 40),
    },
    Kind {
        name: "character varying(7)",
        same: AS_PRINTED,
        make: |random| characters(random, 7),
    },
    Kind {
        name: "bytea",
        same: "encode(v, 'hex') = t",
        make: |random| {
            let bytes: Vec<u8> = (0..random.below(40))
                .map(|_| u8::try_from(random.below(256)).unwrap())
                .collect();
            format!("\\x{}", hex(&bytes))
        },
    },
    Kind {
        name: "timestamp with time zone",
        same: AS_MICROS,
        make: moment,
    },
    Kind {
        name: "interval",
        same: AS_MICROS,
        make: |random| {
            let days = random.below(200_000);
            let sign = if random.chance(50) { "-" } else { "" };
            format!(
                "{sign}{days} days {}{} microseconds",
                sign,
                random.next() >> 12
            )
        },
    },
    Kind {
        name: "uuid",
        same: "replace(v::text, '-', '') = t",
        make: |random| format!("{:016x}{:016x}", random.next(), random.next()),
    },
    Kind {
        name: "inet",
        same: "t::inet = v AND masklen(t::inet) = masklen(v) AND host(t::inet) = host(v)",
        make: address,
    },
    Kind {
        name: "json",
        same: AS_PRINTED,
        make: document,
    },
    Kind {
        name: "jsonb",
        same: AS_PRINTED,
        make: document,
    },
    // A type that the language only copies.
    Kind {
        name: "numeric",
        same: "t = '' AND v IS NOT NULL",
        make: |random| format!("{}.{}", number(random, 64), random.next() >> 20),
    },
];

fn number(random: &mut Random, bits: u32) -> String {
    let unsigned = random.next() >> (64 - bits);
    let sign_bit = 1u64 << (bits - 1);
    let value = match random.below(10) {
        0 => -i128::from(sign_bit),
        1 => i128::from(sign_bit) - 1,
        2 => 0,
        3 => -1,
        _ => i128::from(unsigned) - i128::from(sign_bit),
    };
    value.to_string()
}

fn characters(random: &mut Random, most: usize) -> String {
    (0..random.below(most + 1))
        .map(|_| match random.below(6) {
            0 => *random.pick(&['\'', '\\', '"', '\n', '\t', '\u{1}', '\u{7f}', ' ']),
            1 => *random.pick(&['ä', '\u{308}', '€', '日', '\u{200d}', '\u{feff}']),
            2 => *random.pick(&['😀', '\u{10ffff}', '\u{10000}']),
            _ => char::from(u8::try_from(0x20 + random.below(0x5f)).unwrap()),
        })
        .collect()
}

fn moment(random: &mut Random) -> String {
    let years = if random.chance(50) { 2_200 } else { 290_000 };
    match random.below(12) {
        0 => "4714-11-24 00:00:00 BC".to_owned(),
        1 => "epoch".to_owned(),
        2 => "2000-01-01 00:00:00".to_owned(),
        3 => "1999-12-31 23:59:59.999999".to_owned(),
        4 => format!("{:04}-06-15 12:00:00.5 BC", 1 + random.below(4_700)),
        _ => format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}",
            1 + random.below(years),
            1 + random.below(12),
            1 + random.below(28),
            random.below(24),
            random.below(60),
            random.below(60),
            random.below(1_000_000)
        ),
    }
}

fn address(random: &mut Random) -> String {
    if random.chance(50) {
        let part = |random: &mut Random| random.below(256);
        let (a, b, c, d) = (part(random), part(random), part(random), part(random));
        format!("{a}.{b}.{c}.{d}/{}", random.below(33))
    } else {
        let words: Vec<String> = (0..8)
            .map(|_| {
                let bound = if random.chance(50) { 2 } else { 65_536 };
                let word = random.below(bound);
                format!("{word:x}")
            })
            .collect();
        let prefix = if random.chance(50) {
            128
        } else {
            random.below(129)
        };
        format!("{}/{prefix}", words.join(":"))
    }
}

fn document(random: &mut Random) -> String {
    let key: String = characters(random, 6)
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '"' | '\\'))
        .collect();
    format!(
        "{{\"{key}\" : [{}, null, \"\\u00e4\\n\"]}}",
        random.below(1_000)
    )
}

/// What the program reads, as a text that PostgreSQL can compare.
fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Null => unreachable!("nulls are told apart before"),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) | Value::Timestamp(value) | Value::Duration(value) => value.to_string(),
        Value::Text(value) | Value::Json(value) => (*value).to_owned(),
        Value::Bytes(bytes) => hex(bytes),
        Value::Uuid(bytes) => hex(bytes),
        Value::Inet(inet) => inet.to_string(),
        Value::Raw(_) => String::new(),
    }
}

/// The cells of a binary COPY of one column.
async fn copied_out(client: &Client, query: &str) -> Vec<Option<Vec<u8>>> {
    let stream = client
        .copy_out(&format!("COPY ({query}) TO STDOUT (FORMAT binary)"))
        .await
        .unwrap();
    let parts: Vec<Bytes> = stream.try_collect().await.unwrap();
    let all = parts.concat();
    let mut rest = &all[19..];
    let mut cells = Vec::new();
    loop {
        let (fields, after) = rest.split_at(2);
        if fields == (-1i16).to_be_bytes() {
            return cells;
        }
        assert_eq!(fields, 1i16.to_be_bytes());
        let (length, after) = after.split_at(4);
        let length = i32::from_be_bytes(length.try_into().unwrap());
        let bytes = usize::try_from(length.max(0)).unwrap();
        cells.push((length >= 0).then(|| after[..bytes].to_vec()));
        rest = &after[bytes..];
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_of_every_type_survive_copy_in_binary_form() {
    let seed = crate::seed();
    eprintln!("seed {seed}");
    let mut random = Random::new(seed);
    let database = harness::fresh_database("round_trip").await;
    let client = database.connect().await;
    client.batch_execute("SET timezone = 'UTC'").await.unwrap();
    for kind in KINDS {
        let Kind { name, same, make } = kind;
        let ty = PgType::parse(name);
        client
            .batch_execute(&format!(
                "DROP TABLE IF EXISTS source, target, shown;
                 CREATE TABLE source (id int, v {name});
                 CREATE TABLE target (id serial, v {name});
                 CREATE TABLE shown (id int, t text)"
            ))
            .await
            .unwrap();
        let values: Vec<String> = (0..VALUES)
            .map(|id| {
                if random.chance(5) {
                    format!("({id}, NULL)")
                } else {
                    format!("({id}, {})", text(&make(&mut random)))
                }
            })
            .collect();
        let insert = format!("INSERT INTO source VALUES {}", values.join(", "));
        client.batch_execute(&insert).await.unwrap();

        let cells = copied_out(&client, "SELECT v FROM source ORDER BY id").await;
        assert_eq!(cells.len(), VALUES, "{name}");
        let (mut out, mut texts) = (BytesMut::new(), Vec::new());
        out.put_slice(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0");
        for (id, cell) in cells.iter().enumerate() {
            let value = decode(&ty, cell.as_deref())
                .unwrap_or_else(|why| panic!("seed {seed}: {name}: {} {}", values[id], why.0));
            texts.push(if value.is_null() {
                format!("({id}, NULL)")
            } else {
                format!("({id}, {})", text(&shown(&value)))
            });
            out.put_i16(1);
            encode(&ty, value, &mut out).unwrap();
        }
        out.put_i16(-1);
        let insert = format!("INSERT INTO shown VALUES {}", texts.join(", "));
        client.batch_execute(&insert).await.unwrap();
        let sink = client
            .copy_in::<_, Bytes>("COPY target (v) FROM STDIN (FORMAT binary)")
            .await
            .unwrap();
        let mut sink = std::pin::pin!(sink);
        sink.send(out.freeze()).await.unwrap();
        assert_eq!(sink.finish().await.unwrap(), VALUES as u64, "{name}");

        let wrong = client
            .query(
                &format!(
                    "SELECT id, v::text, t FROM source JOIN shown USING (id)
                     WHERE ({same}) IS NOT TRUE AND NOT (v IS NULL AND t IS NULL)"
                ),
                &[],
            )
            .await
            .unwrap();
        assert!(
            wrong.is_empty(),
            "seed {seed}: {name} is misread: {wrong:?}"
        );
        // Compared as text where the type has no equality.
        let form = if name == "json" { "v::text" } else { "v" };
        let changed: i64 = client
            .query_one(
                &format!(
                    "SELECT count(*) FROM (SELECT id, {form} AS v FROM source) AS a
                     JOIN (SELECT id - 1 AS id, {form} AS v FROM target) AS b USING (id)
                     WHERE a.v IS DISTINCT FROM b.v"
                ),
                &[],
            )
            .await
            .unwrap()
            .get(0);
        assert_eq!(changed, 0, "seed {seed}: {name} is changed on its way");
    }
}

#[tokio::test]
async fn what_the_language_has_no_value_for_is_refused() {
    let database = harness::fresh_database("refused").await;
    let client = database.connect().await;
    for (ty, value) in [
        ("timestamp with time zone", "infinity"),
        ("timestamp with time zone", "-infinity"),
        // Later than 64 bits of microseconds since 1970 can say.
        (
            "timestamp with time zone",
            "294276-12-31 23:59:59.999999+00",
        ),
        ("interval", "1 month"),
        ("interval", "178000000 years"),
    ] {
        let cells = copied_out(&client, &format!("SELECT '{value}'::{ty}")).await;
        let decoded = decode(&PgType::parse(ty), cells[0].as_deref());
        assert!(decoded.is_err(), "{ty} {value}");
    }
}
