//! Texts that are never printed, and the names of variables that may hold one.

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for the one call that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

const SECRET_WORDS: [&str; 9] = [
    "password",
    "passwd",
    "pwd",
    "secret",
    "token",
    "credential",
    "access_key",
    "private_key",
    "shared_key",
];

/// Tells if a variable or conf key of that name may hold a secret. The name of a secret's file is not a secret.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !name.ends_with("_file") && SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// Tells if a value contains a secret, as `-Djavax.net.ssl.keyStorePassword=…` does among other options.
pub fn is_secret_value(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    SECRET_WORDS
        .iter()
        .any(|word| value.contains(&format!("{word}=")) || value.contains(&format!("{word}:")))
}

/// Tells if a statement may hold a secret: what an engine answers to it may repeat it.
pub fn may_hold_secret(statement: &str) -> bool {
    let statement = statement.to_ascii_lowercase();
    SECRET_WORDS
        .iter()
        .chain(&["identified", "accesskey", "secretkey"])
        .any(|word| statement.contains(word))
}

#[cfg(test)]
mod tests {
    use super::{Secret, is_secret_name, is_secret_value, may_hold_secret};

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".to_owned())), "Secret(…)");
    }

    #[test]
    fn names_and_values_that_may_hold_a_secret() {
        let table = [
            ("CLUSTER_PASSWORD", true),
            ("CLUSTER_PASSWORD_FILE", false),
            ("MYSQL_PWD", true),
            ("FE_CONF__aws_s3_secret_key", true),
            ("FE_CONF__aws_s3_access_key", true),
            ("FE_CONF__azure_blob_shared_key", true),
            ("FE_CONF__query_port", false),
            ("MASTER_HOST", false),
        ];
        for (name, secret) in table {
            assert_eq!(is_secret_name(name), secret, "{name}");
        }
        assert!(is_secret_value("-Xmx4g -Djavax.net.ssl.keyStorePassword=x"));
        assert!(!is_secret_value("-Xmx4g"));
        for statement in [
            "create user u identified by 'x'",
            "SET PASSWORD = 'x'",
            "CREATE REPOSITORY r WITH S3 ON LOCATION 's3://b' PROPERTIES ('AWS_SECRET_KEY' = 'x')",
            "CREATE RESOURCE r PROPERTIES ('fs.s3a.access.key' = 'x', 's3.access_key' = 'y')",
        ] {
            assert!(may_hold_secret(statement), "{statement}");
        }
        assert!(!may_hold_secret(
            "CREATE TABLE t (a INT) PROPERTIES ('replication_num' = '1')"
        ));
    }
}
