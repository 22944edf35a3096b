//! The files of the init directory: their order, and how each is read.

/// One file that is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitFile {
    pub name: String,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sql(Packing),
    /// A program, or a script of a shell.
    Script,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    Plain,
    Gzip,
    Zstandard,
}

/// Sorts the names of the directory into those that are run, in that order, and those that are not. Hidden ones are neither: a
/// mounted folder may have some of its own.
pub fn sort(mut names: Vec<String>) -> (Vec<InitFile>, Vec<String>) {
    const KINDS: [(&str, Kind); 4] = [
        (".sql", Kind::Sql(Packing::Plain)),
        (".sql.gz", Kind::Sql(Packing::Gzip)),
        (".sql.zst", Kind::Sql(Packing::Zstandard)),
        (".sh", Kind::Script),
    ];
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    let (mut run, mut others) = (Vec::new(), Vec::new());
    for name in names {
        match KINDS.iter().find(|(end, _)| name.ends_with(end)) {
            Some((_, kind)) => run.push(InitFile { name, kind: *kind }),
            None => others.push(name),
        }
    }
    (run, others)
}

#[cfg(test)]
mod tests {
    use super::{Kind, Packing, sort};

    #[test]
    fn the_files_are_run_in_the_order_of_their_names_and_the_others_are_named() {
        let names = [
            "9.sql",
            "10-tables.sql.gz",
            "10-data.sql.zst",
            "b.sh",
            "B.SQL",
            "old.sql.bz2",
            "old.sql.xz",
            "readme.txt",
            ".sql",
            "..data",
            ".gitkeep",
        ];
        let (run, others) = sort(names.map(str::to_owned).to_vec());
        let run: Vec<(&str, Kind)> = run.iter().map(|file| (&*file.name, file.kind)).collect();
        assert_eq!(
            run,
            [
                ("10-data.sql.zst", Kind::Sql(Packing::Zstandard)),
                ("10-tables.sql.gz", Kind::Sql(Packing::Gzip)),
                ("9.sql", Kind::Sql(Packing::Plain)),
                ("b.sh", Kind::Script),
            ]
        );
        assert_eq!(others, ["B.SQL", "old.sql.bz2", "old.sql.xz", "readme.txt"]);
    }
}
