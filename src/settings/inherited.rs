//! The variables that the start script inherits: the engine puts their values into its conf, so muster reads the conf with
//! them. Without those that hold a secret, which muster does not hand on.

use std::collections::BTreeMap;
use std::fmt;

/// Every variable that is UTF-8, and its value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Inherited(BTreeMap<String, String>);

impl Inherited {
    pub fn new(variables: BTreeMap<String, String>, secrets: &[String]) -> Self {
        let mut inherited = Self(variables);
        inherited.0.retain(|name, _| !secrets.contains(name));
        inherited
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// The names alone: other programs' variables may hold secrets too.
impl fmt::Debug for Inherited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}
