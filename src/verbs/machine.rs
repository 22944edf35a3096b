//! Looks at the image and the machine before the settings are read: images of some vendors name no host.

use std::ffi::OsString;
use std::path::Path;

use crate::engine::{Component, Engine};
use crate::facts::home::{self, Home};
use crate::facts::machine;
use crate::settings::{Flags, ImageSettings, Machine};

/// The flags with the image and the machine in them.
pub(super) fn look(flags: Flags, vars: &[(OsString, OsString)]) -> Flags {
    let home = image_home(&flags, vars);
    let machine = Machine {
        engine: image_engine(&flags, vars),
        ..machine::look(home.as_ref())
    };
    Flags { machine, ..flags }
}

/// The engine of the image, also where it has the homes of several components and none is chosen.
pub(super) fn image_engine(flags: &Flags, vars: &[(OsString, OsString)]) -> Option<&'static Engine> {
    let of = |component| {
        let flags = Flags {
            component,
            ..flags.clone()
        };
        image_home(&flags, vars).map(|home| home.engine)
    };
    of(flags.component).or_else(|| {
        Component::ALL
            .into_iter()
            .find_map(|component| of(Some(component)))
    })
}

/// The home of the engine, if one can be chosen. What is wrong with it is said once the settings are read.
pub(super) fn image_home(flags: &Flags, vars: &[(OsString, OsString)]) -> Option<Home> {
    let (image, _) = ImageSettings::read(flags, vars).ok()?;
    home::find(&image, Path::new("/")).ok()
}
