//! Comparison and checked arithmetic of values.

use std::cmp::Ordering;

use crate::functions::EvalError;
use crate::plan::{ArithmeticOp, CompareOp};
use crate::types::Value;

/// Whether two values are there and equal; null equals nothing.
pub fn equal(left: &Value<'_>, right: &Value<'_>) -> bool {
    !left.is_null() && left == right
}

/// The order of two values of one type; null is after all others. Text is in the order of its
/// UTF-8 bytes.
pub fn order(left: &Value<'_>, right: &Value<'_>) -> Ordering {
    match (left, right) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Greater,
        (_, Value::Null) => Ordering::Less,
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Int(left), Value::Int(right))
        | (Value::Timestamp(left), Value::Timestamp(right))
        | (Value::Duration(left), Value::Duration(right)) => left.cmp(right),
        (Value::Text(left), Value::Text(right)) => left.cmp(right),
        (Value::Bytes(left), Value::Bytes(right)) | (Value::Raw(left), Value::Raw(right)) => {
            left.cmp(right)
        }
        (Value::Uuid(left), Value::Uuid(right)) => left.cmp(right),
        (Value::Inet(left), Value::Inet(right)) => {
            // As PostgreSQL: family, then the network's bits, then the prefix, then the address.
            let family = |inet: &crate::types::Inet| u8::from(inet.address.is_ipv6());
            family(left)
                .cmp(&family(right))
                .then_with(|| network_order(left, right))
        }
        // Types of one comparison are equal; the compiler has seen to it.
        _ => Ordering::Equal,
    }
}

fn network_order(left: &crate::types::Inet, right: &crate::types::Inet) -> Ordering {
    let bits = |inet: &crate::types::Inet| match inet.address {
        std::net::IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        std::net::IpAddr::V6(address) => address.to_bits(),
    };
    let common = left.prefix.min(right.prefix);
    let mask = if common == 0 {
        0
    } else {
        u128::MAX << (128 - u32::from(common.min(128)))
    };
    (bits(left) & mask)
        .cmp(&(bits(right) & mask))
        .then(left.prefix.cmp(&right.prefix))
        .then(bits(left).cmp(&bits(right)))
}

/// A comparison of two values; false where either is null.
pub fn compare(op: CompareOp, left: &Value<'_>, right: &Value<'_>) -> bool {
    if left.is_null() || right.is_null() {
        return false;
    }
    match op {
        CompareOp::Equal => left == right,
        CompareOp::NotEqual => left != right,
        CompareOp::Less => order(left, right).is_lt(),
        CompareOp::AtMost => order(left, right).is_le(),
        CompareOp::Greater => order(left, right).is_gt(),
        CompareOp::AtLeast => order(left, right).is_ge(),
    }
}

/// Arithmetic that never wraps.
///
/// # Errors
/// When the result leaves 64 bits, or the divisor is zero.
pub(super) fn arithmetic<'a>(
    op: ArithmeticOp,
    left: Value<'a>,
    right: Value<'a>,
) -> Result<Value<'a>, EvalError> {
    let checked = |a: i64, b: i64| match op {
        ArithmeticOp::Add => a.checked_add(b),
        ArithmeticOp::Subtract => a.checked_sub(b),
        ArithmeticOp::Times => a.checked_mul(b),
        ArithmeticOp::Divide => a.checked_div(b),
        ArithmeticOp::Remainder => a.checked_rem(b),
    };
    let by_zero =
        matches!(op, ArithmeticOp::Divide | ArithmeticOp::Remainder) && right == Value::Int(0);
    let overflow = EvalError::new(if by_zero {
        "is divided by zero"
    } else {
        "leaves the range of 64 bits"
    });
    let result = match (left, right) {
        (Value::Int(a), Value::Int(b)) => checked(a, b).map(Value::Int),
        (Value::Timestamp(a), Value::Timestamp(b)) => checked(a, b).map(Value::Duration),
        (Value::Timestamp(a), Value::Duration(b)) | (Value::Duration(a), Value::Timestamp(b)) => {
            checked(a, b).map(Value::Timestamp)
        }
        (Value::Duration(a), Value::Duration(b) | Value::Int(b)) => {
            checked(a, b).map(Value::Duration)
        }
        _ => return Err(EvalError::DEFECT),
    };
    result.ok_or(overflow)
}

/// A number or duration with the other sign.
///
/// # Errors
/// When the result leaves 64 bits.
pub(super) fn negate(operand: Value<'_>) -> Result<Value<'_>, EvalError> {
    let result = match operand {
        Value::Int(number) => number.checked_neg().map(Value::Int),
        Value::Duration(micros) => micros.checked_neg().map(Value::Duration),
        _ => return Err(EvalError::DEFECT),
    };
    result.ok_or(EvalError::new("leaves the range of 64 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_equal_to_nothing_and_last() {
        assert!(!equal(&Value::Null, &Value::Null));
        assert!(!compare(CompareOp::NotEqual, &Value::Null, &Value::Int(1)));
        assert_eq!(
            order(&Value::Null, &Value::Int(i64::MAX)),
            Ordering::Greater
        );
    }

    #[test]
    fn arithmetic_never_wraps() {
        let fails = |op, a, b| arithmetic(op, Value::Int(a), Value::Int(b)).is_err();
        assert!(fails(ArithmeticOp::Add, i64::MAX, 1));
        assert!(fails(ArithmeticOp::Subtract, i64::MIN, 1));
        assert!(fails(ArithmeticOp::Times, i64::MAX, 2));
        assert!(fails(ArithmeticOp::Divide, i64::MIN, -1));
        assert!(fails(ArithmeticOp::Remainder, i64::MIN, -1));
        assert!(fails(ArithmeticOp::Divide, 1, 0));
        assert!(
            arithmetic(ArithmeticOp::Divide, Value::Int(-7), Value::Int(2)).unwrap()
                == Value::Int(-3)
        );
    }

    #[test]
    fn text_is_in_the_order_of_its_bytes() {
        assert!(compare(
            CompareOp::Less,
            &Value::Text("Z"),
            &Value::Text("a")
        ));
        assert!(compare(
            CompareOp::Less,
            &Value::Text("z"),
            &Value::Text("ä")
        ));
    }
}
