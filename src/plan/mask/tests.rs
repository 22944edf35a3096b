use super::{masked, masked_json, without};
use crate::engine::ALL;

/// What is a secret in the texts below.
const SECRET: &str = "hunter2";

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn no_secret_stays_in_sql_urls_pairs_and_headers() {
    let table = [
        // SQL, as logs repeat it.
        (
            "CREATE USER u IDENTIFIED BY 'hunter2'",
            "CREATE USER u IDENTIFIED BY '***'",
        ),
        (
            "create user u identified by\"hunter2\" x",
            "create user u identified by\"***\" x",
        ),
        (
            "IDENTIFIED BY PASSWORD '*hunter2'",
            "IDENTIFIED BY PASSWORD '***'",
        ),
        (
            "IDENTIFIED WITH mysql_native_password AS 'hunter2';",
            "IDENTIFIED WITH mysql_native_password AS '***';",
        ),
        ("IDENTIFIED BY\n  'hunter2'\nnext", "IDENTIFIED BY\n  '***'\nnext"),
        ("IDENTIFIED BY 'it''s hunter2' x", "IDENTIFIED BY '***' x"),
        ("IDENTIFIED BY 'a\\'hunter2' x", "IDENTIFIED BY '***' x"),
        ("IDENTIFIED BY 'hunter2 cut off\nnext", "IDENTIFIED BY '***\nnext"),
        (
            "IDENTIFIED BY 'cut off\nis 'x' and IDENTIFIED BY 'hunter2'",
            "IDENTIFIED BY '***\nis '***' and IDENTIFIED BY '***'",
        ),
        (
            "SET PASSWORD = PASSWORD('hunter2')",
            "SET PASSWORD = PASSWORD('***')",
        ),
        (
            "SET PASSWORD FOR 'root'@'%' = 'hunter2'",
            "SET PASSWORD FOR '***'@'***' = '***'",
        ),
        // What follows is another record, with names in quotes.
        (
            "SET PASSWORD = 'hunter2'\n2026 INFO (\"user\" = \"u\", \"password\" = \"hunter2\")",
            "SET PASSWORD = '***'\n2026 INFO (\"user\" = \"u\", \"password\" = \"***\")",
        ),
        (
            "IDENTIFIED BY 'hunter2', ('a'='b', 'c'='d', 'password'='hunter2', 'token' = 'hunter2')",
            "IDENTIFIED BY '***', ('***'='***', '***'='***', 'password'='***', 'token' = '***')",
        ),
        ("SELECT PASSWORD ( \"hunter2\" )", "SELECT PASSWORD ( \"***\" )"),
        (
            "PROPERTIES (\"user\" = \"u\", \"password\" = \"hunter2\", \"x\" = \"y\")",
            "PROPERTIES (\"user\" = \"u\", \"password\" = \"***\", \"x\" = \"y\")",
        ),
        (
            "'fs.s3a.access.key'='hunter2','fs.s3a.secret.key'='hunter2'",
            "'fs.s3a.access.key'='***','fs.s3a.secret.key'='***'",
        ),
        ("\"AWS_SECRET_KEY\"=\n\"hunter2\"", "\"AWS_SECRET_KEY\"=\n\"***\""),
        // URLs.
        (
            "get http://root:hunter2@fe:8030/api/x ok",
            "get http://***@fe:8030/api/x ok",
        ),
        ("https://hunter2@git/x", "https://***@git/x"),
        ("http://u:p@hunter2/x@fe", "http://***@fe"),
        (
            "dsn root:hunter2@tcp(10.0.0.1:9030)/db",
            "dsn root:***@tcp(10.0.0.1:9030)/db",
        ),
        (
            "http://fe/api?token=hunter2&user=a b",
            "http://fe/api?token=*** b",
        ),
        (
            "https://b.s3/x?X-Amz-Signature=hunter2 403",
            "https://b.s3/x?X-Amz-Signature=*** 403",
        ),
        // Pairs.
        ("password=hunter2, user=x", "password=*** user=x"),
        ("Password: hunter2", "Password: ***"),
        ("passwd => 'hunter2'", "passwd => '***'"),
        ("{\"pwd\":\"hunter2\",\"n\":1}", "{\"pwd\":\"***\",\"n\":1}"),
        (
            "{\\\"pwd\\\":\\\"hunter2\\\",\\\"n\\\":1}",
            "{\\\"pwd\\\":\\\"***\\\",\\\"n\\\":1}",
        ),
        ("using password 'hunter2'", "using password '***'"),
        ("secret key = hunter2", "secret key = ***"),
        ("ak=hunter2 sk=hunter2", "ak=*** sk=***"),
        ("<password>hunter2</password>", "<password>***</password>"),
        (
            "-Djavax.net.ssl.keyStorePassword=hunter2 -Xmx1g",
            "-Djavax.net.ssl.keyStorePassword=*** -Xmx1g",
        ),
        // Command lines.
        ("mysql -uroot -phunter2! -P9030", "mysql -uroot -p*** -P9030"),
        ("mysql --password hunter2 -e x", "mysql --password *** -e x"),
        ("curl --token=hunter2 x", "curl --token=*** x"),
        // Headers.
        (
            "Authorization: Basic hunter2==\nHost: fe",
            "Authorization: ***\nHost: fe",
        ),
        ("with Bearer hunter2 403", "with Bearer *** 403"),
        ("x eyJhbGciOiJIUzI1NiJ9.hunter2.abc y", "x *** y"),
        (
            "a\n-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----\nb",
            "a\n***\nb",
        ),
        ("-----BEGIN PRIVATE KEY-----\nhunter2\n", "***"),
    ];
    for (text, expected) in table {
        let shown = masked(text);
        assert_eq!(shown, expected, "{text}");
        assert!(!shown.contains(SECRET), "{text}");
    }
}

#[test]
fn what_is_no_secret_stays_as_it_is() {
    for text in [
        "",
        "\n\n",
        "2026-11-30 21:00:00,123 INFO (main|1) [Env.initialize():101] ready",
        "\tat com.example.Auth.checkPassword(Auth.java:12)",
        "set CLUSTER_PASSWORD_FILE=/run/secrets/root",
        "heartbeat to 10.0.0.1:9050 failed: it doesn't answer 'ok'",
        "http://10.0.0.1:8030/api/bootstrap?cluster_id=77",
        "java.lang.Object@1f2e3d",
        "grün € 'x'",
        "JAVA_OPTS=-Xmx8192m",
        "replicas of tablet 7 on [10001, 10002]",
    ] {
        assert_eq!(masked(text), text);
    }
}

/// A literal is never taken for the text between two others.
#[test]
fn a_word_with_an_apostrophe_opens_no_literal() {
    assert_eq!(
        masked("identified, it doesn't matter: 'hunter2' and 'x'"),
        "identified, it doesn't matter: '***' and '***'"
    );
}

#[test]
fn json_stays_json_and_loses_its_secrets() {
    let text = "{\"say\": \"login with password=hunter2 failed\", \"token\": \"hunter2\", \"list\": [\"http://u:hunter2@h/\"], \"n\": 1}";
    let shown = masked_json(text);
    assert!(!shown.contains(SECRET), "{shown}");
    let json: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(json["say"], "login with password=*** failed");
    assert_eq!(
        (json["token"].as_str(), json["n"].as_u64()),
        (Some("***"), Some(1))
    );
    assert_eq!(masked_json("{ password: hunter2"), "{ password: ***");
}

#[test]
fn a_secret_that_is_known_is_hidden_wherever_it_stands() {
    let hide = |text: &str, secrets: &[&str]| {
        let secrets: Vec<String> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        without(text.to_owned(), &secrets)
    };
    assert_eq!(hide("a hunter2 in xhunter2y", &["hunter2"]), "a *** in x***y");
    assert_eq!(
        hide("{\"say\": \"of hun\\\"ter2\"}", &["hun\"ter2"]),
        "{\"say\": \"of ***\"}"
    );
    // It would hide half of the text, or nothing that is not known.
    assert_eq!(hide("root at root", &["root"]), "root at root");
    let name = ALL[0].id;
    assert_eq!(hide(name, &[name]), name);
}

/// Whatever a log holds: it ends, and loses nothing but what is hidden.
#[test]
fn a_text_of_many_lines_is_read_once() {
    let line = "2026-11-30 INFO user u IDENTIFIED BY 'hunter2' at 10.0.0.1:9030\n";
    let text = line.repeat(2_000);
    let shown = masked(&text);
    assert!(!shown.contains(SECRET));
    assert_eq!(shown.lines().count(), 2_000);
}
