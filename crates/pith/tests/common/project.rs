//! A project whose kernel stand-ins for cargo and rustc build.

#![allow(dead_code, reason = "not every test file uses every helper")]

use super::common::{Done, Home};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// A home with a project and something that compiles.
pub struct Project {
    pub home: Home,
}

impl Project {
    pub fn new(kraftfile: &str) -> Self {
        let home = Home::new();
        fs::create_dir_all(home.path("tools")).unwrap();
        let fakes = [
            ("cargo", include_str!("../../../builder/tests/fake/cargo.sh")),
            ("rustc", include_str!("../../../builder/tests/fake/rustc.sh")),
        ];
        for (name, text) in fakes {
            let path = home.path(&format!("tools/{name}"));
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        for (name, text) in [("release", "1.95.0"), ("libdir", "/"), ("kernel.s", include_str!("../../../builder/tests/fake/kernel.s"))] {
            fs::write(home.path(&format!("tools/{name}")), text).unwrap();
        }
        let mut linker = Command::new("cc");
        linker.args(["-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none", "-o"]);
        assert!(linker.arg(home.path("tools/linked")).arg(home.path("tools/kernel.s")).status().unwrap().success());
        fs::create_dir_all(home.path("app")).unwrap();
        fs::rename(home.path("root"), home.path("app/root")).unwrap();
        fs::write(home.path("app/Kraftfile"), format!("spec: v0.6\nname: app\n{kraftfile}")).unwrap();
        Self { home }
    }

    /// `pith build` with these tools and what else is given.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let tools = |name: &str| format!("{name}={}", self.home.path(&format!("tools/{}", name.to_lowercase())).display());
        let (cargo, rustc) = (tools("CARGO"), tools("RUSTC"));
        self.home.command(&[&["build", "app", "-T", &cargo, "-T", &rustc], arguments].concat())
    }

    pub fn build(&self, arguments: &[&str]) -> Done {
        self.home.finish(self.command(arguments).output().unwrap())
    }

    /// Every result with its content.
    pub fn results(&self) -> BTreeMap<String, Vec<u8>> {
        let read = |name: &String| fs::read(self.home.path(&format!("app/.unikraft/build/{name}"))).unwrap();
        self.built().into_iter().map(|name| (name.clone(), read(&name))).collect()
    }

    /// Names of what was built.
    pub fn built(&self) -> Vec<String> {
        let files = fs::read_dir(self.home.path("app/.unikraft/build")).into_iter().flatten().flatten();
        let mut names: Vec<String> = files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    pub fn compiled(&self) -> usize {
        fs::read_to_string(self.home.path("tools/calls")).map_or(0, |text| text.lines().count())
    }
}
