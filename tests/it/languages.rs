//! README.md and README.zh-CN.md say the same: the same commands, messages and names in the same order, and links that
//! lead somewhere.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const ENGLISH: &str = "README.md";
const CHINESE: &str = "README.zh-CN.md";

#[derive(Debug)]
struct Block {
    info: String,
    lines: Vec<String>,
}

impl Block {
    /// The lines that no translation may change.
    fn untranslated(&self) -> Vec<&str> {
        match self.info.split_whitespace().next() {
            None => Vec::new(),
            Some("text" | "yaml") => self.lines.iter().map(String::as_str).collect(),
            Some(_) => self.lines.iter().map(|line| without_comment(line)).collect(),
        }
    }
}

fn without_comment(line: &str) -> &str {
    let code = if line.starts_with("# ") {
        ""
    } else {
        line.split_once(" # ").map_or(line, |(code, _)| code)
    };
    code.trim_end()
}

#[derive(Debug, Default)]
struct Page {
    blocks: Vec<Block>,
    /// Everything between the blocks.
    prose: String,
}

impl Page {
    fn read(name: &str) -> Page {
        let mut page = Page::default();
        let mut open: Option<Block> = None;
        for line in fs::read_to_string(beside_the_readme(name)).unwrap().lines() {
            match (open.take(), line.strip_prefix("```")) {
                (Some(block), Some("")) => page.blocks.push(block),
                (Some(mut block), _) => {
                    block.lines.push(line.to_owned());
                    open = Some(block);
                }
                (None, Some(info)) => {
                    open = Some(Block {
                        info: info.to_owned(),
                        lines: Vec::new(),
                    });
                }
                (None, None) => {
                    page.prose.push_str(line);
                    page.prose.push('\n');
                }
            }
        }
        assert!(open.is_none(), "{name}: a block has no end: {open:?}");
        page
    }

    fn infos(&self) -> Vec<&str> {
        self.blocks.iter().map(|block| block.info.as_str()).collect()
    }

    /// The level of each heading, and its words.
    fn headings(&self) -> Vec<(usize, &str)> {
        let all = self.prose.lines().map(|line| {
            let words = line.trim_start_matches('#');
            (line.len() - words.len(), words)
        });
        all.filter(|(level, words)| *level > 0 && words.starts_with(' '))
            .map(|(level, words)| (level, words.trim()))
            .collect()
    }

    fn levels(&self) -> Vec<usize> {
        self.headings().into_iter().map(|(level, _)| level).collect()
    }

    fn table_rows(&self) -> usize {
        self.prose.lines().filter(|line| line.starts_with('|')).count()
    }

    /// The texts in backticks.
    fn names(&self) -> BTreeSet<String> {
        let spans = self.prose.split('`').skip(1).step_by(2);
        spans.map(|span| span.replace('\n', " ")).collect()
    }

    /// Where the links go that stay inside the project.
    fn links(&self) -> Vec<&str> {
        let targets = self.prose.split("](").skip(1);
        targets
            .filter_map(|rest| Some(rest.split_once(')')?.0))
            .filter(|target| !target.contains("://"))
            .collect()
    }
}

fn beside_the_readme(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// GitHub's rule: lower case, punctuation removed, spaces to hyphens.
fn anchor(heading: &str) -> String {
    let lower = heading.to_lowercase();
    let kept = lower
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn leads_somewhere(from: &str, target: &str) -> bool {
    let (file, wanted) = target
        .split_once('#')
        .map_or((target, None), |(file, wanted)| (file, Some(wanted)));
    let file = if file.is_empty() { from } else { file };
    beside_the_readme(file).exists()
        && wanted.is_none_or(|wanted| {
            let page = Page::read(file);
            page.headings().iter().any(|(_, words)| anchor(words) == wanted)
        })
}

#[test]
fn each_language_begins_with_a_link_to_the_other() {
    for (name, link) in [
        (ENGLISH, "[简体中文](README.zh-CN.md)"),
        (CHINESE, "[English](README.md)"),
    ] {
        let page = Page::read(name);
        let below_the_title = page.prose.lines().skip(1).find(|line| !line.is_empty());
        assert_eq!(below_the_title, Some(link), "{name}");
    }
}

#[test]
fn both_languages_have_the_same_blocks_in_the_same_order() {
    let (english, chinese) = (Page::read(ENGLISH), Page::read(CHINESE));
    assert_eq!(chinese.infos(), english.infos());
    // Only the diagram has no info string: another block without one would not be compared.
    assert_eq!(english.infos().iter().filter(|info| info.is_empty()).count(), 1);
}

#[test]
fn nothing_in_a_block_is_translated_but_comments() {
    let (english, chinese) = (Page::read(ENGLISH), Page::read(CHINESE));
    for (number, (theirs, ours)) in chinese.blocks.iter().zip(&english.blocks).enumerate() {
        assert_eq!(
            theirs.untranslated(),
            ours.untranslated(),
            "block {} of {CHINESE} is not that of {ENGLISH}",
            number + 1
        );
    }
}

#[test]
fn both_languages_have_the_same_headings_and_as_many_table_rows() {
    let (english, chinese) = (Page::read(ENGLISH), Page::read(CHINESE));
    assert_eq!(chinese.levels(), english.levels());
    assert_eq!(chinese.table_rows(), english.table_rows());
}

#[test]
fn both_languages_name_the_same_things() {
    let (english, chinese) = (Page::read(ENGLISH).names(), Page::read(CHINESE).names());
    let missing: Vec<_> = english.difference(&chinese).collect();
    let surplus: Vec<_> = chinese.difference(&english).collect();
    assert_eq!(
        (missing, surplus),
        (vec![], vec![]),
        "missing, surplus in {CHINESE}"
    );
}

#[test]
fn every_link_leads_somewhere() {
    let mut dead = Vec::new();
    for name in [ENGLISH, CHINESE] {
        let page = Page::read(name);
        assert!(!page.links().is_empty(), "{name} has no links");
        for target in page.links() {
            if !leads_somewhere(name, target) {
                dead.push(format!("{name}: {target}"));
            }
        }
    }
    assert_eq!(dead, [""; 0]);
}
