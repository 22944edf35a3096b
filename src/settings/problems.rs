//! Goes through the environment and keeps what is wrong, so that everything is said at once.

use super::env_file::EnvFile;
use super::environment::Environment;
use super::problem::{Problem, Warning, shown};
use super::secret::{is_secret_name, is_secret_value};
use super::{Source, Sourced};

/// The environment and what was found wrong in it so far.
pub(super) struct Reader<'a> {
    pub environment: &'a Environment,
    pub problems: Vec<Problem>,
    pub warnings: Vec<Warning>,
    /// Where the variables were written down for somebody else; `None`: they are our own.
    pub file: Option<&'a EnvFile>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(environment: &'a Environment, file: Option<&'a EnvFile>) -> Self {
        let broken = file.map(|file| file.broken.clone()).unwrap_or_default();
        Self {
            environment,
            problems: [environment.problems.clone(), broken].concat(),
            warnings: environment.warnings.clone(),
            file,
        }
    }

    /// Who set a variable, as the end of a sentence.
    pub(super) fn set_in(&self, name: &str) -> String {
        match self.file {
            Some(file) => format!("set in {}", file.place(name)),
            None => "set in the environment".to_owned(),
        }
    }

    /// The text of a variable.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.environment.get(name)
    }

    /// A variable's value, if it is set and can be used.
    pub(super) fn parse<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Sourced<T>> {
        let text = self.text(name)?;
        match parse(text) {
            Ok(value) => Some(from_environment(name, value)),
            Err(why) => {
                self.refuse(name, text, &why);
                None
            }
        }
    }

    /// A value that cannot be used: shown, unless it may be a secret.
    pub(super) fn refuse(&mut self, name: &str, value: &str, why: &str) {
        let value = if is_secret_name(name) || is_secret_value(value) {
            "its value".to_owned()
        } else {
            format!("`{}`", shown(value))
        };
        self.problem(name, format!("{value} {why}, {}", self.set_in(name)));
    }

    pub(super) fn problem(&mut self, name: &str, text: String) {
        self.problems.push(Problem {
            variable: name.to_owned(),
            text,
        });
    }

    pub(super) fn warn(&mut self, name: &str, text: String) {
        self.warnings.push(Warning {
            variable: name.to_owned(),
            text,
        });
    }
}

pub(super) fn from_environment<T>(name: &str, value: T) -> Sourced<T> {
    Sourced {
        value,
        source: Source::Environment(name.to_owned()),
    }
}

/// A text without a line break or anything else a terminal or a conf file would act on.
pub(super) fn one_line(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_control) {
        return Err("holds a control character".to_owned());
    }
    Ok(text.to_owned())
}

pub(super) fn absolute_path(text: &str) -> Result<std::path::PathBuf, String> {
    let path = std::path::PathBuf::from(one_line(text)?);
    if !path.is_absolute() {
        return Err("is not an absolute path".to_owned());
    }
    Ok(path)
}
