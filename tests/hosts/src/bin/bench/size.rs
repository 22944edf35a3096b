//! What has to be in the image.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use hosts::binary;

use crate::bench::{Bench, tool};
use crate::row::{Line, Row};

pub(crate) const ROW: Row = Row {
    name: "size",
    about: "bytes in the image",
    per_engine: false,
    measure,
};

const BUDGET: u64 = 10_000_000;

fn measure(_: &Bench) -> anyhow::Result<Vec<Line>> {
    let muster = bytes(&binary("muster")?)?;
    let mut others = Vec::new();
    for name in ["tini-static", "tini", "dumb-init", "catatonit"] {
        if let Some(program) = tool(name) {
            others.push((name.to_owned(), megabytes(bytes(&program)?)));
        }
    }
    let scripts: Vec<PathBuf> = ["bash", "curl", "mariadb"].into_iter().filter_map(tool).collect();
    let names: Vec<_> = scripts
        .iter()
        .filter_map(|path| path.file_name()?.to_str())
        .collect();
    let name = format!("{} and libraries", names.join(" + "));
    others.push((name, megabytes(with_libraries(&scripts)?)));
    Ok(vec![Line {
        what: "bytes in the image".to_owned(),
        muster: megabytes(muster),
        others,
        budget: "≤ 10 MB".to_owned(),
        met: muster <= BUDGET,
    }])
}

/// The programs and everything the loader takes for them, each file once.
fn with_libraries(programs: &[PathBuf]) -> anyhow::Result<u64> {
    let mut files = BTreeSet::new();
    for program in programs {
        files.insert(program.canonicalize()?);
        let done = Command::new("ldd")
            .arg(program)
            .output()
            .context("cannot run `ldd`")?;
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        for word in text.split_whitespace().filter(|word| word.starts_with('/')) {
            files.insert(Path::new(word).canonicalize()?);
        }
    }
    files.iter().map(|file| bytes(file)).sum()
}

fn bytes(file: &Path) -> anyhow::Result<u64> {
    let data = fs::metadata(file).with_context(|| file.display().to_string())?;
    Ok(data.len())
}

fn megabytes(bytes: u64) -> String {
    format!("{}.{:02} MB", bytes / 1_000_000, bytes / 10_000 % 100)
}
