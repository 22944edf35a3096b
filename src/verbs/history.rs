//! `muster history`: what happened to the node of this container, across its restarts. It reads one file.

use std::ffi::OsString;

use crate::cli::HistoryArgs;
use crate::effects::history::History;
use crate::plan::history::{json, table};
use crate::settings::{Flags, ImageSettings};
use crate::verbs::{Outcome, bad_settings, fe_endpoints, find_home, machine};

/// The history of this image's node, if it is known which node that is.
pub(super) fn find(flags: &Flags, vars: &[(OsString, OsString)]) -> Option<History> {
    let (image, _) = ImageSettings::read(flags, vars).ok()?;
    let home = machine::image_home(flags, vars)?;
    let dir = fe_endpoints::state_dir(&home, &image);
    Some(History::of(&dir, home.component))
}

/// Prints the events, the newest last.
pub fn history(args: &HistoryArgs, flags: &Flags, vars: &[(OsString, OsString)]) -> Outcome {
    let (image, home) = match ImageSettings::read(flags, vars) {
        Ok((image, _)) => match find_home(&image) {
            Ok(home) => (image, home),
            Err(outcome) => return outcome,
        },
        Err(problems) => return bad_settings(&problems),
    };
    let dir = fe_endpoints::state_dir(&home, &image);
    let all = History::of(&dir, home.component).events();
    let events = all
        .get(all.len().saturating_sub(args.number)..)
        .unwrap_or_default();
    if args.json {
        return Outcome::printed(json(home.component, events));
    }
    let mut outcome = Outcome::printed(table(events));
    if all.is_empty() {
        outcome.report = format!(
            "no event of this {} is written down in {}; it may be in the STATE_DIR of another container\n",
            home.component.name(),
            dir.display()
        );
    }
    outcome
}
