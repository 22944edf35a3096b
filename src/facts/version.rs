//! Reads the version of an FE out of its jar: a constant of a class that the vendor's build writes. Nothing else in an image
//! tells it without a start of Java.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use miniz_oxide::inflate::decompress_to_vec_with_limit;

use super::home::Home;
use crate::engine::Version;
use crate::file;

/// The end of a zip file: its record is 22 bytes long, the comment after it at most 65535.
const END: u64 = 22 + 65_535;
/// The directory of the largest jar has 2 MB.
const DIRECTORY: usize = 16 << 20;
/// The class has 2 kB.
const CLASS: usize = 64 << 10;

/// The version of the engine in this home; `None` if it cannot be told.
pub fn find(home: &Home) -> Option<Version> {
    let class = home.layout.version_class?;
    let mut jars = home.layout.marks.iter().map(|jar| home.dir.join(jar));
    let bytes = jars.find_map(|jar| entry(&jar, class))?;
    let texts = constants(&bytes)?;
    texts.iter().find_map(|text| Version::parse(text, home.engine.id))
}

/// One file of a zip file (APPNOTE.TXT 4.3), stored or deflated.
fn entry(path: &Path, name: &str) -> Option<Vec<u8>> {
    let mut jar = file::open(path).ok()?;
    let length = jar.metadata().ok()?.len();
    let tail = read_at(
        &mut jar,
        length.saturating_sub(END),
        usize::try_from(END.min(length)).ok()?,
    )?;
    let end = tail.windows(4).rposition(|part| part == b"PK\x05\x06")?;
    let end = tail.get(end..)?;
    let directory = read_at(
        &mut jar,
        u64::from(u32_at(end, 16)?),
        size(u32_at(end, 12)?, DIRECTORY)?,
    )?;
    let mut rest = directory.as_slice();
    while rest.starts_with(b"PK\x01\x02") {
        let lengths = [u16_at(rest, 28)?, u16_at(rest, 30)?, u16_at(rest, 32)?].map(usize::from);
        if rest.get(46..46 + lengths[0])? == name.as_bytes() {
            let (method, packed) = (u16_at(rest, 10)?, size(u32_at(rest, 20)?, CLASS)?);
            let at = u64::from(u32_at(rest, 42)?);
            let local = read_at(&mut jar, at, 30)?;
            let skipped = u64::from(u16_at(&local, 26)?) + u64::from(u16_at(&local, 28)?);
            let bytes = read_at(&mut jar, at + 30 + skipped, packed)?;
            return match method {
                0 => Some(bytes),
                8 => decompress_to_vec_with_limit(&bytes, CLASS).ok(),
                _ => None,
            };
        }
        rest = rest.get(46 + lengths.iter().sum::<usize>()..)?;
    }
    None
}

/// The texts of a class (Java Virtual Machine Specification 4.4), in the order of its file.
fn constants(class: &[u8]) -> Option<Vec<String>> {
    let mut rest = class.strip_prefix(&[0xca, 0xfe, 0xba, 0xbe])?;
    let count = u16_be(rest, 4)?;
    rest = rest.get(6..)?;
    let mut texts = Vec::new();
    let mut at = 1;
    while at < count {
        let length = match rest.first()? {
            1 => {
                let length = usize::from(u16_be(rest, 1)?);
                texts.extend(String::from_utf8(rest.get(3..3 + length)?.to_vec()));
                2 + length
            }
            // A long or double takes the place of two.
            5 | 6 => {
                at += 1;
                8
            }
            7 | 8 | 16 | 19 | 20 => 2,
            15 => 3,
            3 | 4 | 9..=12 | 17 | 18 => 4,
            _ => return None,
        };
        rest = rest.get(1 + length..)?;
        at += 1;
    }
    Some(texts)
}

fn read_at(file: &mut File, at: u64, length: usize) -> Option<Vec<u8>> {
    file.seek(SeekFrom::Start(at)).ok()?;
    let mut bytes = vec![0; length];
    file.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

fn size(length: u32, most: usize) -> Option<usize> {
    usize::try_from(length).ok().filter(|length| *length <= most)
}

fn u16_be(bytes: &[u8], at: usize) -> Option<u16> {
    u16_at(bytes, at).map(u16::swap_bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let [a, b] = *bytes.get(at..at + 2)? else {
        return None;
    };
    Some(u16::from_le_bytes([a, b]))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let [a, b, c, d] = *bytes.get(at..at + 4)? else {
        return None;
    };
    Some(u32::from_le_bytes([a, b, c, d]))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use miniz_oxide::deflate::compress_to_vec;

    use super::{entry, find};
    use crate::engine::Component;
    use crate::facts::fixture::{home, tree};

    /// A class with these texts, a number and a long among them.
    fn class(texts: &[&str]) -> Vec<u8> {
        let mut bytes = vec![0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 52];
        let count = u16::try_from(texts.len() + 5).unwrap();
        bytes.extend(count.to_be_bytes());
        bytes.extend([3, 0, 0, 0, 1, 5, 0, 0, 0, 0, 0, 0, 0, 2, 8, 0, 4]);
        for text in texts {
            bytes.push(1);
            bytes.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
            bytes.extend(text.as_bytes());
        }
        bytes.extend([7, 0, 5, 0, 33]);
        bytes
    }

    /// A zip file of these files, each deflated or not, with a comment at its end.
    fn zip(files: &[(&str, &[u8], bool)]) -> Vec<u8> {
        let (mut bytes, mut directory) = (Vec::new(), Vec::new());
        for (name, content, deflated) in files {
            let packed = if *deflated {
                compress_to_vec(content, 6)
            } else {
                content.to_vec()
            };
            let short = |number: usize| u16::try_from(number).unwrap().to_le_bytes().to_vec();
            let long = |number: usize| u32::try_from(number).unwrap().to_le_bytes().to_vec();
            let method = short(if *deflated { 8 } else { 0 });
            let at = long(bytes.len());
            let shared = [
                method,
                vec![0; 8],
                long(packed.len()),
                long(content.len()),
                short(name.len()),
            ]
            .concat();
            bytes.extend(
                [
                    b"PK\x03\x04\x14\0\0\0".to_vec(),
                    shared.clone(),
                    short(3),
                    name.as_bytes().to_vec(),
                    b"xyz".to_vec(),
                ]
                .concat(),
            );
            bytes.extend(&packed);
            directory.extend(
                [
                    b"PK\x01\x02\x14\0\x14\0\0\0".to_vec(),
                    shared,
                    short(2),
                    short(1),
                    vec![0; 8],
                    at,
                    name.as_bytes().to_vec(),
                    b"xy!".to_vec(),
                ]
                .concat(),
            );
        }
        let (at, length) = (bytes.len(), directory.len());
        bytes.extend(&directory);
        bytes.extend(b"PK\x05\x06\0\0\0\0");
        bytes.extend([0; 4]);
        bytes.extend(u32::try_from(length).unwrap().to_le_bytes());
        bytes.extend(u32::try_from(at).unwrap().to_le_bytes());
        bytes.extend([7, 0]);
        bytes.extend(b"comment");
        bytes
    }

    #[test]
    fn the_version_is_found_among_the_texts_of_a_class() {
        let layout = home(Path::new("/"), Component::Fe).layout;
        let name = layout.version_class.unwrap();
        let hash = "git://host@996a5002076738c47afe982cdcfc39df38060e2b";
        let java = "openjdk full version \"17.0.2+8\"";
        let table: [(&[&str], Option<&str>); 5] = [
            (&[hash, java, "3.5.0"], Some("3.5.0")),
            (&[java, "4.0.0-rc01", hash], Some("4.0.0-rc01")),
            (&["Sat, 14 Jun 2025 09:00:00 UTC", java], None),
            (&["4"], None),
            (&[], None),
        ];
        for (texts, expected) in table {
            for deflated in [false, true] {
                let root = tree(&[("lib/", "")]);
                let class = class(texts);
                let jar = zip(&[("META-INF/MANIFEST.MF", b"x", true), (name, &class, deflated)]);
                // Only one of the jars is there in each version.
                std::fs::write(root.path().join(layout.marks.last().unwrap()), jar).unwrap();
                let version = find(&home(root.path(), Component::Fe));
                assert_eq!(
                    version.map(|version| version.text).as_deref(),
                    expected,
                    "{texts:?}"
                );
            }
        }
    }

    #[test]
    fn a_file_that_is_no_jar_tells_no_version() {
        let whole = zip(&[("a", b"text", false)]);
        let root = tree(&[]);
        let path = root.path().join("jar");
        // The comment at the end and its length do not count.
        for length in 0..whole.len() - "..comment".len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(entry(&path, "a"), None, "{length} bytes");
        }
        std::fs::write(&path, &whole).unwrap();
        assert_eq!(entry(&path, "a").as_deref(), Some(&b"text"[..]));
        assert_eq!(entry(&path, "b"), None);
    }
}
