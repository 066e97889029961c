//! Tuples of the binary COPY format, made and read by hand.

use bytes::{BufMut, Bytes, BytesMut};
use mapwright::run::RowBatch;

/// A field, NULL or bytes.
pub type Field = Option<Vec<u8>>;

pub fn int(value: i32) -> Field {
    Some(value.to_be_bytes().to_vec())
}

pub fn text(value: &str) -> Field {
    Some(value.as_bytes().to_vec())
}

/// A batch of whole rows.
pub fn batch(rows: &[Vec<Field>]) -> RowBatch {
    let mut data = BytesMut::new();
    for row in rows {
        data.put_i16(i16::try_from(row.len()).unwrap());
        for field in row {
            match field {
                None => data.put_i32(-1),
                Some(bytes) => {
                    data.put_i32(i32::try_from(bytes.len()).unwrap());
                    data.put_slice(bytes);
                }
            }
        }
    }
    RowBatch {
        rows: u64::try_from(rows.len()).unwrap(),
        data: data.freeze(),
    }
}

/// The fields of a tuple; panics if it is not exactly one.
pub fn fields(mut tuple: Bytes) -> Vec<Field> {
    use bytes::Buf;
    let count = tuple.get_i16();
    let fields = (0..count)
        .map(|_| {
            let length = tuple.get_i32();
            (length >= 0).then(|| tuple.split_to(usize::try_from(length).unwrap()).to_vec())
        })
        .collect();
    assert!(tuple.is_empty(), "bytes after the last field");
    fields
}
