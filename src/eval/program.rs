//! A plan with its parameters: functions found, patterns compiled, severities known.

use std::collections::BTreeMap;

use regex::Regex;

use crate::functions::{self, Function};
use crate::plan::{Node, NodeId, Plan, ReasonSeverity};
use crate::types::{OwnedValue, SeverityValue, Ty};

/// A plan that can be evaluated.
#[derive(Debug)]
pub struct Program {
    /// The plan.
    pub plan: Plan,
    params: Vec<OwnedValue>,
    severities: Vec<SeverityValue>,
    functions: Vec<Option<&'static Function>>,
    patterns: BTreeMap<NodeId, Regex>,
}

/// What is wrong with the values given for parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParamProblem {
    /// The plan has no such parameter.
    Unknown(String),
    /// A parameter without default was not given.
    Missing(String),
    /// The value is not of the parameter's type.
    WrongType {
        /// The parameter.
        name: String,
        /// Its type.
        wanted: String,
    },
    /// The plan names a function or pattern that this program does not know: it was made by another
    /// version.
    Foreign(String),
}

impl Program {
    /// Joins a plan and the values of its parameters.
    ///
    /// # Errors
    /// Every problem with the values, not only the first.
    pub fn new(
        plan: Plan,
        mut given: BTreeMap<String, OwnedValue>,
    ) -> Result<Program, Vec<ParamProblem>> {
        let mut problems = Vec::new();
        let mut params = Vec::new();
        for param in &plan.params {
            let value = given.remove(&param.name).or_else(|| param.default.clone());
            match value {
                Some(value) if is_of(&value, &param.ty.ty, param.ty.is_nullable()) => {
                    params.push(value)
                }
                Some(_) => {
                    problems.push(ParamProblem::WrongType {
                        name: param.name.clone(),
                        wanted: param.ty.to_string(),
                    });
                }
                None => problems.push(ParamProblem::Missing(param.name.clone())),
            }
        }
        problems.extend(given.into_keys().map(ParamProblem::Unknown));
        let mut functions = Vec::with_capacity(plan.nodes.len());
        let mut patterns = BTreeMap::new();
        for (id, node) in (0..).zip(&plan.nodes) {
            let mut function = None;
            match node {
                Node::Call { function: name, .. } => {
                    function = functions::find(name);
                    if function.is_none() {
                        problems.push(ParamProblem::Foreign(name.clone()));
                    }
                }
                Node::Matches { pattern, .. } => match Regex::new(pattern) {
                    Ok(regex) => {
                        patterns.insert(id, regex);
                    }
                    Err(_) => problems.push(ParamProblem::Foreign(pattern.clone())),
                },
                _ => {}
            }
            functions.push(function);
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let severity = |reason: &crate::plan::Reason| match reason.severity {
            ReasonSeverity::Fixed(severity) => severity,
            ReasonSeverity::Param(param) => match params.get(param) {
                Some(OwnedValue::Severity(severity)) => *severity,
                _ => SeverityValue::Error,
            },
        };
        let severities = plan.reasons.iter().map(severity).collect();
        Ok(Program {
            plan,
            params,
            severities,
            functions,
            patterns,
        })
    }

    /// A parameter's value.
    pub fn param(&self, index: usize) -> &OwnedValue {
        self.params.get(index).unwrap_or(&OwnedValue::Null)
    }

    /// How much a reason matters in this run.
    pub fn severity(&self, reason: usize) -> SeverityValue {
        self.severities
            .get(reason)
            .copied()
            .unwrap_or(SeverityValue::Error)
    }

    #[inline]
    pub(super) fn node(&self, id: NodeId) -> Option<&Node> {
        self.plan.nodes.get(id as usize)
    }

    pub(super) fn function(&self, id: NodeId) -> Option<&'static Function> {
        self.functions.get(id as usize).copied().flatten()
    }

    pub(super) fn pattern(&self, id: NodeId) -> Option<&Regex> {
        self.patterns.get(&id)
    }
}

fn is_of(value: &OwnedValue, ty: &Ty, nullable: bool) -> bool {
    match (value, ty) {
        (OwnedValue::Null, _) => nullable,
        (OwnedValue::Bool(_), Ty::Bool)
        | (OwnedValue::Int(_), Ty::Int)
        | (OwnedValue::Text(_), Ty::Text)
        | (OwnedValue::Bytes(_), Ty::Bytes)
        | (OwnedValue::Timestamp(_), Ty::Timestamp)
        | (OwnedValue::Duration(_), Ty::Duration)
        | (OwnedValue::Uuid(_), Ty::Uuid)
        | (OwnedValue::Inet(_), Ty::Inet)
        | (OwnedValue::Json(_), Ty::Json)
        | (OwnedValue::Severity(_), Ty::Severity) => true,
        (OwnedValue::Map(entries), Ty::Map(_, of)) => {
            entries.values().all(|value| is_of(value, of, false))
        }
        _ => false,
    }
}
