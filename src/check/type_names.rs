//! The types that a mapping names.

use crate::diagnostics::{Diagnostic, codes, suggest};
use crate::syntax::ast;
use crate::types::{Ty, Type};

use super::items::Checker;

impl Checker<'_, '_> {
    /// The type a type name stands for.
    pub(super) fn type_of(&mut self, name: &ast::TypeName) -> Type {
        let ty = match name.word.node.as_str() {
            "bool" => Ty::Bool,
            "int" => Ty::Int,
            "text" => Ty::Text,
            "bytes" => Ty::Bytes,
            "timestamp" => Ty::Timestamp,
            "duration" => Ty::Duration,
            "uuid" => Ty::Uuid,
            "inet" => Ty::Inet,
            "json" => Ty::Json,
            "severity" => Ty::Severity,
            "map" if name.arguments.len() == 2 => return self.map_type(name),
            other => {
                const NAMES: [&str; 11] = [
                    "bool",
                    "bytes",
                    "duration",
                    "inet",
                    "int",
                    "json",
                    "map",
                    "severity",
                    "text",
                    "timestamp",
                    "uuid",
                ];
                let mut diagnostic = Diagnostic::error(codes::E0107, format!("no type `{other}`"))
                    .primary(name.span, "unknown type");
                if other == "map" {
                    diagnostic = diagnostic.help("a look-up table is written `map<text, uuid>`");
                } else if let Some(meant) = elsewhere(other) {
                    diagnostic = diagnostic.help(format!("did you mean `{meant}`?"));
                } else if let Some(help) = suggest::help(other, NAMES) {
                    diagnostic = diagnostic.help(help);
                } else {
                    diagnostic = diagnostic.note(format!(
                        "types are {}",
                        NAMES.map(|name| format!("`{name}`")).join(", ")
                    ));
                }
                self.diagnostics.push(diagnostic);
                return Type::error();
            }
        };
        if name.nullable {
            Type::nullable(ty)
        } else {
            Type::required(ty)
        }
    }

    fn map_type(&mut self, name: &ast::TypeName) -> Type {
        let arguments: Vec<Type> = name
            .arguments
            .iter()
            .map(|argument| self.type_of(argument))
            .collect();
        let [key, value] = arguments.as_slice() else {
            return Type::error();
        };
        if key.is_error() || value.is_error() {
            return Type::error();
        }
        let simple = !matches!(value.ty, Ty::Map(..) | Ty::Severity);
        if key.ty != Ty::Text || key.is_nullable() || value.is_nullable() || !simple {
            let diagnostic =
                Diagnostic::error(codes::E0107, format!("no type `map<{key}, {value}>`")).primary(
                    name.span,
                    "keys are `text`, values a simple type without `?`",
                );
            self.diagnostics.push(diagnostic);
            return Type::error();
        }
        Type::required(Ty::Map(
            Box::new(key.ty.clone()),
            Box::new(value.ty.clone()),
        ))
    }
}

/// The language's type for what other languages and PostgreSQL call by another name.
fn elsewhere(word: &str) -> Option<&'static str> {
    Some(match word {
        "boolean" => "bool",
        "integer" | "bigint" | "smallint" | "number" => "int",
        "string" | "varchar" | "str" => "text",
        "bytea" | "blob" => "bytes",
        "datetime" | "timestamptz" | "date" | "time" => "timestamp",
        "interval" => "duration",
        "ip" | "cidr" => "inet",
        "jsonb" => "json",
        _ => return None,
    })
}
