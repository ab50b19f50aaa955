//! `pith menu`: a kernel's options on the screen, and what kraft does by other names of the same command.

use super::project::{Loaded, load};
use crate::cli::{Frontend, MenuArgs};
use crate::error::{Error, Result};
use crate::report::Report;
use crate::settings::Settings;
use pith_configuration::{Configured, saved};
use pith_kconfig::Config;
use pith_kraftfile::Target;
use pith_menu::{End, Menu};
use std::io::{self, IsTerminal};

/// `pith menu`.
///
/// # Errors
/// No project, no terminal, nothing saved where something has to be.
pub fn menu(settings: &Settings, arguments: &MenuArgs, report: &Report) -> Result<u8> {
    if arguments.frontend == Frontend::Xconfig {
        let error = Error::new("--frontend: Pith has no menu in a window");
        return Err(error.with_help("expected menuconfig, defconfig, olddefconfig or savedefconfig"));
    }
    let loaded = load(&arguments.project, arguments.directory.as_deref(), report)?;
    let targets = loaded.targets(&arguments.project)?;
    let target = loaded.pick(settings, targets, report)?;
    let kept = if arguments.frontend == Frontend::Defconfig { None } else { loaded.saved(&target)? };
    if kept.is_none() && (arguments.no_configure || arguments.frontend == Frontend::Olddefconfig) {
        let path = loaded.saved_path(&target);
        let error = Error::new(format!("nothing is saved for {}: there is no {}", target.shown(), path.display()));
        return Err(error.with_help("`pith menu` and `pith set` save"));
    }
    let mut configured = loaded.configure(&target, kept.as_ref(), &[], &[])?;
    for finding in configured.report.notes.iter().chain(&configured.report.unknown.iter().map(ToString::to_string).collect::<Vec<_>>()) {
        report.warn(finding);
    }
    if arguments.no_configure {
        let path = loaded.saved_path(&target);
        let text = std::fs::read_to_string(&path).map_err(|error| Error::new(format!("{}: {error}", path.display())))?;
        let mut config = Config::new(loaded.core.kconfig());
        // What cannot be read was told above.
        let _ = config.read(&path.display().to_string(), &text);
        configured.config = config;
    }
    match arguments.frontend {
        Frontend::Menuconfig | Frontend::Xconfig => show(&loaded, &target, configured, report),
        Frontend::Defconfig | Frontend::Olddefconfig => {
            let path = loaded.save(&target, &saved::write(&loaded.core, &configured, &target))?;
            report.info(&format!("{}: saved to {}", target.shown(), path.display()));
            Ok(0)
        }
        Frontend::Savedefconfig => {
            let path = loaded.directory.join("defconfig");
            std::fs::write(&path, configured.config.minimal()).map_err(|error| Error::new(format!("{}: {error}", path.display())))?;
            pith_machine::paths::give_to_user(&path);
            report.info(&format!("{}: saved to {}", target.shown(), path.display()));
            Ok(0)
        }
    }
}

fn show<'c>(loaded: &'c Loaded, target: &Target, mut configured: Configured<'c>, report: &Report) -> Result<u8> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(Error::new("the menu needs a terminal").with_help("`pith set CONFIG_NAME=VALUE` sets options without one"));
    }
    let title = format!("{}, {}", loaded.project.name_in(&loaded.directory), target.shown());
    let menu = Menu::new(configured.config.clone(), &title);
    let mut save = |config: &Config<'c>| {
        configured.config = config.clone();
        let text = saved::write(&loaded.core, &configured, target);
        loaded.save(target, &text).map(|path| path.display().to_string()).map_err(|error| error.message().to_owned())
    };
    match pith_menu::run(menu, &mut save) {
        Ok(End::Saved) => Ok(0),
        Ok(End::Discarded) => {
            report.info("nothing more was saved");
            Ok(0)
        }
        Err(error) => Err(Error::new(error.to_string())),
    }
}
