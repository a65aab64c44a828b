use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

/// Whether a problem is a defect of the data or a rule that forbids the access: a caller repairs the one and
/// must respect the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Nature {
    /// A field is missing, unknown or not what it should be.
    Malformed,
    /// The access is not allowed: purpose, age of the trace, or no real person who asks.
    Policy,
}

/// One thing that is wrong with a text that was handed over. It names the field, never the value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Path of the field, such as `requester.family`; empty when it is about the whole.
    pub field: String,
    /// What is wrong and what is expected.
    pub problem: Cow<'static, str>,
    /// Defect or policy.
    pub nature: Nature,
}

impl Problem {
    /// A defect of the data.
    pub fn malformed(field: impl Into<String>, problem: impl Into<Cow<'static, str>>) -> Self {
        Self { field: field.into(), problem: problem.into(), nature: Nature::Malformed }
    }

    /// A rule that forbids the access.
    pub fn policy(field: impl Into<String>, problem: impl Into<Cow<'static, str>>) -> Self {
        Self { field: field.into(), problem: problem.into(), nature: Nature::Policy }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            f.write_str(&self.problem)
        } else {
            write!(f, "{}: {}", self.field, self.problem)
        }
    }
}

/// Problems on one line, in their order.
pub fn join(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
