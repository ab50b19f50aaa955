//! A project whose kernel stand-ins for cargo and rustc build.

#![allow(dead_code, reason = "not every test file uses every helper")]

use super::common::{Done, Home};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// Stand-ins for cargo and rustc, which make a kernel that does nothing, with these sections besides; flags that name them.
pub fn tools(home: &Home, sections: &str) -> [String; 4] {
    let tools = home.path("tools");
    fs::create_dir(&tools).unwrap();
    let cargo = include_str!("../../../builder/tests/fake/cargo.sh");
    for (name, text) in [("cargo", cargo), ("rustc", include_str!("../../../builder/tests/fake/rustc.sh"))] {
        fs::write(tools.join(name), text).unwrap();
        fs::set_permissions(tools.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let kernel = [include_str!("../../../builder/tests/fake/kernel.s"), sections].concat();
    for (name, text) in [("release", "1.95.0"), ("libdir", "/"), ("kernel.s", &kernel)] {
        fs::write(tools.join(name), text).unwrap();
    }
    let mut linker = Command::new("cc");
    linker.args(["-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none", "-o"]).arg(tools.join("linked")).arg(tools.join("kernel.s"));
    assert!(linker.status().unwrap().success());
    let tool = |variable: &str, name: &str| format!("{variable}={}", tools.join(name).display());
    ["-T".to_owned(), tool("CARGO", "cargo"), "-T".to_owned(), tool("RUSTC", "rustc")]
}

/// A home with a project and something that compiles.
pub struct Project {
    pub home: Home,
    tools: [String; 4],
}

impl Project {
    pub fn new(kraftfile: &str) -> Self {
        let home = Home::new();
        let tools = tools(&home, "");
        fs::create_dir_all(home.path("app")).unwrap();
        fs::rename(home.path("root"), home.path("app/root")).unwrap();
        fs::write(home.path("app/Kraftfile"), format!("spec: v0.6\nname: app\n{kraftfile}")).unwrap();
        Self { home, tools }
    }

    /// `pith build` with these tools and what else is given.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let tools: Vec<&str> = self.tools.iter().map(String::as_str).collect();
        self.home.command(&[&["build", "app"], &tools[..], arguments].concat())
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
