//! Reads what a report for others is made of, each part bounded, and packs it: the ends of logs, conf files, what the kernel says
//! of this container.

#![expect(clippy::format_push_string, reason = "a short report, built once")]

use std::fs;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use crate::facts::disk::Room;
use crate::file;

/// The most lines of a log.
const LINES: usize = 2_000;
/// The most processes that are listed.
const PROCESSES: usize = 300;
/// The most bytes of one file of the kernel.
const KERNEL: usize = 64 << 10;

/// The last lines of a log, at most `bytes` of them, beginning with a whole one. `None` for a file that is not there.
pub fn tail(path: &Path, bytes: u64) -> io::Result<Option<String>> {
    let mut file = match file::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let length = file.metadata()?.len();
    let from = length.saturating_sub(bytes);
    file.seek(SeekFrom::Start(from))?;
    let mut read = Vec::new();
    file.take(bytes).read_to_end(&mut read)?;
    let text = String::from_utf8_lossy(&read);
    // The rest of a statement does not say what it is.
    let text = match text.split_once('\n') {
        _ if from == 0 => text.as_ref(),
        Some((_, whole)) => whole,
        None => "",
    };
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default();
    Ok(Some(last.iter().flat_map(|line| [*line, "\n"]).collect()))
}

/// Files of the kernel, one after the other.
pub fn kernel(paths: &[&str]) -> String {
    let mut text = String::new();
    for path in paths {
        let said = file::text_of_kernel(Path::new(path)).unwrap_or_else(|error| format!("{error}\n"));
        let cut: String = said.chars().take(KERNEL).collect();
        text.push_str(&format!("== {path}\n{}\n", cut.trim_end()));
    }
    text
}

/// The processes of this container, without their command lines: those hold secrets.
pub fn processes() -> String {
    let mut pids: Vec<u32> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    let mut text = String::new();
    for pid in pids.iter().take(PROCESSES) {
        let read =
            |name: &str| file::text_of_kernel(Path::new(&format!("/proc/{pid}/{name}"))).unwrap_or_default();
        let (status, limits) = (read("status"), read("limits"));
        let field = |text: &str, name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let words: Vec<&str> = line.unwrap_or_default().split_whitespace().collect();
            words.join(" ")
        };
        let memory = field(&status, "VmRSS:");
        if memory.is_empty() {
            // Of the kernel, where the container sees the host's processes, or ended by now.
            continue;
        }
        text.push_str(&format!(
            "{pid} parent {} {} state {} threads {} memory {} open files {} processes {}\n",
            field(&status, "PPid:"),
            field(&status, "Name:"),
            field(&status, "State:"),
            field(&status, "Threads:"),
            memory,
            field(&limits, "Max open files"),
            field(&limits, "Max processes"),
        ));
    }
    text
}

/// The room of the file systems that hold these directories.
pub fn room(dirs: &[PathBuf]) -> String {
    let line = |dir: &PathBuf| match Room::of(dir) {
        Ok(room) => format!(
            "{}: {} GiB, {} GiB free, {} of {} inodes free\n",
            dir.display(),
            room.size >> 30,
            room.free >> 30,
            room.free_files,
            room.files
        ),
        Err(error) => format!("{}: {error}\n", dir.display()),
    };
    dirs.iter().map(line).collect()
}

/// A tar of these files, below one directory. `at`: seconds since 1970.
pub fn tar(directory: &str, files: &[(String, String)], at: u64) -> io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, text) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(at);
        tar.append_data(&mut header, format!("{directory}/{name}"), text.as_bytes())?;
    }
    tar.into_inner()
}

#[cfg(test)]
mod tests {
    use super::{room, tail, tar};

    #[test]
    fn of_a_log_the_last_whole_lines_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("fe.log");
        assert_eq!(tail(&log, 100).unwrap(), None);
        std::fs::write(&log, "IDENTIFIED BY 'hunter2'\nsecond\nthird\n").unwrap();
        assert_eq!(tail(&log, 24).unwrap().unwrap(), "second\nthird\n");
        assert_eq!(tail(&log, 5).unwrap().unwrap(), "");
        let all = tail(&log, 1_000).unwrap().unwrap();
        assert_eq!(all.lines().count(), 3);
        std::fs::write(&log, "line\n".repeat(5_000)).unwrap();
        assert_eq!(tail(&log, 1 << 20).unwrap().unwrap().lines().count(), 2_000);
        assert!(tail(dir.path(), 10).is_err());
    }

    #[test]
    fn a_tar_has_its_files_as_they_are() {
        let files = [
            ("a.txt".to_owned(), "one\n".to_owned()),
            ("logs/b".to_owned(), String::new()),
        ];
        let bytes = tar("report", &files, 1_795_245_687).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let found: Vec<(String, u64)> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                (entry.path().unwrap().display().to_string(), entry.size())
            })
            .collect();
        assert_eq!(
            found,
            [("report/a.txt".to_owned(), 4), ("report/logs/b".to_owned(), 0)]
        );
    }

    #[test]
    fn the_room_of_a_dir_that_is_not_there_is_an_error_in_words() {
        let said = room(&["/".into(), "/nowhere/at/all".into()]);
        assert_eq!(said.lines().count(), 2);
        assert!(said.contains("/nowhere/at/all: "), "{said}");
    }
}
