//! Writes the man pages and the shell completions of muster, for scripts/release: `manual DIR [DATE]`.

use std::fs;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::{Shell, generate_to};
use muster::cli::Cli;

fn main() -> std::io::Result<()> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().unwrap_or_else(|| ".".to_owned());
    let date = args.next().unwrap_or_default();
    let (man, completions) = (Path::new(&dir).join("man1"), Path::new(&dir).join("completions"));
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&completions)?;
    // Without the commit: the pages are the same for every build of a version.
    clap_mangen::generate_to(Cli::command().version(env!("CARGO_PKG_VERSION")), &man)?;
    for page in fs::read_dir(&man)? {
        // The text below the options has tables: its lines are kept as they are, and begin at the left edge.
        let page = page?.path();
        let name = page.file_stem().unwrap_or_default().display().to_string();
        let text = fs::read_to_string(&page)?;
        let title = format!(".TH {name} 1 \"{date}\" \"muster {}\"", env!("CARGO_PKG_VERSION"));
        let lines = text.lines().map(|line| match line {
            // Without a date, and with the name of the verb alone.
            _ if line.starts_with(".TH ") => title.as_str(),
            ".SH EXTRA" => ".SH DETAILS\n.in 0\n.nf",
            other => other,
        });
        fs::write(&page, lines.collect::<Vec<_>>().join("\n") + "\n")?;
    }
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        generate_to(shell, &mut Cli::command(), "muster", &completions)?;
    }
    Ok(())
}
