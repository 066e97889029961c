//! Why an evaluation gave no value.

/// A failure of a call or of checked arithmetic, without the values that caused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EvalError {
    /// What was wrong, as the end of "the value …": `is no IP address`.
    pub why: &'static str,
}

impl EvalError {
    /// A failure that the compiler should have made impossible.
    pub const DEFECT: EvalError = EvalError {
        why: "has a type that the compiler did not foresee",
    };

    /// A failure for the given reason.
    pub const fn new(why: &'static str) -> Self {
        Self { why }
    }
}
