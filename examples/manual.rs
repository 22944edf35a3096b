//! Writes the man pages and the shell completions of muster, for scripts/release: `manual DIR`.

use std::fs;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::{Shell, generate_to};
use muster::cli::Cli;

fn main() -> std::io::Result<()> {
    let dir = std::env::args_os().nth(1).unwrap_or_else(|| ".".into());
    let (man, completions) = (Path::new(&dir).join("man1"), Path::new(&dir).join("completions"));
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&completions)?;
    // Without the commit: the pages are the same for every build of a version.
    clap_mangen::generate_to(Cli::command().version(env!("CARGO_PKG_VERSION")), &man)?;
    for page in fs::read_dir(&man)? {
        // The text below the options has tables: its lines are kept as they are, and begin at the left edge.
        let page = page?.path();
        let text = fs::read_to_string(&page)?;
        fs::write(&page, text.replace(".SH EXTRA", ".SH DETAILS\n.in 0\n.nf"))?;
    }
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        generate_to(shell, &mut Cli::command(), "muster", &completions)?;
    }
    Ok(())
}
