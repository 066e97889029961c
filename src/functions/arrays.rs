//! Arrays of text: values of the columns' type `text[]`, in PostgreSQL's binary form. The language
//! has no literal of them; `split` makes one.

use bumpalo::Bump;
use bumpalo::collections::Vec as ArenaVec;

use super::{EvalError, Function, Kind, Returns, parameter, text_at};
use crate::types::Value;

/// PostgreSQL's number of the type `text`.
const TEXT_OID: i32 = 25;

/// The elements of an array, of all its dimensions one after the other.
struct Elements<'a> {
    rest: &'a [u8],
    left: u64,
}

impl<'a> Elements<'a> {
    /// Reads the head: dimensions, a flag for nulls, the type of the elements, then size and lower
    /// bound of each dimension.
    fn of(array: &'a [u8]) -> Result<Self, EvalError> {
        let mut rest = array;
        let dimensions = number(&mut rest)?;
        let (_nulls, _element_type) = (number(&mut rest)?, number(&mut rest)?);
        let mut left = u64::from(dimensions > 0);
        for _ in 0..dimensions {
            let size = u64::try_from(number(&mut rest)?).map_err(|_| EvalError::DEFECT)?;
            left = left.checked_mul(size).ok_or(EvalError::DEFECT)?;
            let _lower_bound = number(&mut rest)?;
        }
        Ok(Self { rest, left })
    }

    /// The next element; `Some(None)` for one that is null.
    fn next(&mut self) -> Result<Option<Option<&'a str>>, EvalError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let length = number(&mut self.rest)?;
        let Ok(length) = usize::try_from(length) else {
            return Ok(Some(None));
        };
        let (element, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(EvalError::DEFECT)?;
        self.rest = rest;
        let text = std::str::from_utf8(element).map_err(|_| EvalError::DEFECT)?;
        Ok(Some(Some(text)))
    }

    /// What `found` makes of the first element that it makes something of.
    fn find<T>(&mut self, found: impl Fn(&'a str) -> Option<T>) -> Result<Option<T>, EvalError> {
        while let Some(element) = self.next()? {
            if let Some(value) = element.and_then(&found) {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}

fn number(bytes: &mut &[u8]) -> Result<i32, EvalError> {
    let (number, rest) = bytes.split_first_chunk::<4>().ok_or(EvalError::DEFECT)?;
    *bytes = rest;
    Ok(i32::from_be_bytes(*number))
}

/// The array argument at `index`.
fn array_at<'a>(arguments: &[Value<'a>], index: usize) -> Result<Elements<'a>, EvalError> {
    match arguments.get(index) {
        Some(Value::Raw(array)) => Elements::of(array),
        _ => Err(EvalError::DEFECT),
    }
}

/// An array of one dimension.
fn array<'a>(
    elements: impl Iterator<Item = &'a str> + Clone,
    arena: &'a Bump,
) -> Result<Value<'a>, EvalError> {
    // PostgreSQL's texts have a gigabyte at most, so that both numbers fit.
    let size = i32::try_from(elements.clone().count()).map_err(|_| EvalError::DEFECT)?;
    let mut bytes = ArenaVec::new_in(arena);
    for number in [1, 0, TEXT_OID, size, 1] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    for element in elements {
        let length = i32::try_from(element.len()).map_err(|_| EvalError::DEFECT)?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(element.as_bytes());
    }
    Ok(Value::Raw(bytes.into_bump_slice()))
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "split",
        parameters: &[parameter("text", Kind::Text), parameter("mark", Kind::Text)],
        returns: Returns::Required(Kind::TextArray),
        fails: None,
        injective_in: None,
        doc: "The parts of the text between the occurrences of the mark, the empty ones too. An empty mark splits nothing.",
        examples: &[
            ("has_element(split(\"a b c\", \" \"), \"b\")", "true"),
            ("has_element(split(\"abc\", \"\"), \"abc\")", "true"),
        ],
        body: |arguments, arena| {
            let (text, mark) = (text_at(arguments, 0)?, text_at(arguments, 1)?);
            if mark.is_empty() {
                return array(std::iter::once(text), arena);
            }
            array(text.split(mark), arena)
        },
    },
    Function {
        name: "has_element",
        parameters: &[
            parameter("array", Kind::TextArray),
            parameter("text", Kind::Text),
        ],
        returns: Returns::Required(Kind::Bool),
        fails: None,
        injective_in: None,
        doc: "Whether the text is an element of the array.",
        examples: &[
            ("has_element(split(\"a b\", \" \"), \"b\")", "true"),
            ("has_element(split(\"ab b\", \" \"), \"a\")", "false"),
        ],
        body: |arguments, _| {
            let wanted = text_at(arguments, 1)?;
            let found = array_at(arguments, 0)?.find(|element| (element == wanted).then_some(()));
            Ok(Value::Bool(found?.is_some()))
        },
    },
    Function {
        name: "element_after",
        parameters: &[
            parameter("array", Kind::TextArray),
            parameter("prefix", Kind::Text),
        ],
        returns: Returns::Nullable(Kind::Text),
        fails: None,
        injective_in: None,
        doc: "What follows the prefix in the first element of the array that begins with it; null where none does.",
        examples: &[
            (
                "element_after(split(\"openid device:AB device:C\", \" \"), \"device:\")",
                "\"AB\"",
            ),
            (
                "element_after(split(\"openid\", \" \"), \"device:\")",
                "null",
            ),
        ],
        body: |arguments, _| {
            let prefix = text_at(arguments, 1)?;
            let found = array_at(arguments, 0)?.find(|element| element.strip_prefix(prefix));
            Ok(found?.map_or(Value::Null, Value::Text))
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(bytes: &[u8]) -> Vec<Option<String>> {
        let mut elements = Elements::of(bytes).unwrap();
        let mut all = Vec::new();
        while let Some(element) = elements.next().unwrap() {
            all.push(element.map(str::to_owned));
        }
        all
    }

    /// A head of so many dimensions, and elements.
    fn bytes(dimensions: &[i32], elements: &[Option<&str>]) -> Vec<u8> {
        let count = i32::try_from(dimensions.len()).unwrap();
        let mut bytes: Vec<u8> = [count, 1, TEXT_OID]
            .iter()
            .flat_map(|number| number.to_be_bytes())
            .collect();
        for size in dimensions {
            bytes.extend([size.to_be_bytes(), 1i32.to_be_bytes()].concat());
        }
        for element in elements {
            let length = element.map_or(-1, |text| i32::try_from(text.len()).unwrap());
            bytes.extend(length.to_be_bytes());
            bytes.extend(element.unwrap_or_default().as_bytes());
        }
        bytes
    }

    #[test]
    fn arrays_of_any_shape_are_read() {
        assert!(elements(&bytes(&[], &[])).is_empty());
        assert!(elements(&bytes(&[0], &[])).is_empty());
        let some = [Some("a"), None, Some(""), Some("ä")];
        let owned = some.map(|element| element.map(str::to_owned));
        assert_eq!(elements(&bytes(&[4], &some)), owned);
        assert_eq!(elements(&bytes(&[2, 2], &some)), owned);
    }

    #[test]
    fn what_is_made_is_what_is_read() {
        let arena = Bump::new();
        let Value::Raw(made) = array("a,,b".split(','), &arena).unwrap() else {
            panic!("no array");
        };
        let read: Vec<_> = elements(made).into_iter().flatten().collect();
        assert_eq!(read, ["a", "", "b"]);
    }

    #[test]
    fn bytes_that_are_no_array_are_a_defect() {
        for odd in [
            &b""[..],
            &bytes(&[2], &[Some("a")]),
            &bytes(&[-1], &[]),
            &bytes(&[1], &[Some("abc")])[..26],
        ] {
            let read = Elements::of(odd).and_then(|mut elements| {
                while elements.next()?.is_some() {}
                Ok(())
            });
            assert!(read.is_err(), "{odd:?}");
        }
    }
}
