//! Programs whose sources a Makefile.uk has fetched, unpacked and patched: from a server on the loopback. They run here, since they are Linux programs.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../sources/tests/common/server.rs"]
mod server;

use pith_native::project::{Building, Built, Kind, NativeError, build, fetch};
use pith_sources::Network;
use server::Server;
use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Project {
    place: tempfile::TempDir,
    server: Server,
    address: String,
    libraries: Vec<PathBuf>,
}

impl Project {
    fn new() -> Self {
        let server = Server::default();
        let address = server.start();
        Self { place: tempfile::tempdir().unwrap(), server, address, libraries: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text.replace("SERVER", &self.address)).unwrap();
    }

    /// Puts an archive with these files on the server; its SHA-256.
    fn archive(&self, name: &str, files: &[(&str, &str)]) -> String {
        let tree = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = tree.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let packed = self.path(name);
        // Older than anything here, as archives are.
        let done = Command::new("tar").args(["--mtime=@0", "-czf"]).arg(&packed).arg("-C").arg(tree.path()).arg(".").status();
        assert!(done.unwrap().success());
        let sum = Command::new("sha256sum").arg(&packed).output().unwrap();
        self.server.serve(name, fs::read(&packed).unwrap());
        fs::remove_file(packed).unwrap();
        String::from_utf8(sum.stdout).unwrap().split(' ').next().unwrap().to_owned()
    }

    fn ordered<T>(&self, network: Network, act: impl FnOnce(&Building<'_>) -> T) -> (T, Vec<String>) {
        let told = RefCell::new(Vec::new());
        let order = Building {
            project: &self.path("app"),
            libraries: &self.libraries,
            name: "app",
            output: &self.path("app/build"),
            config: None,
            toolchain: &[],
            network,
            jobs: 2,
            fetching: &|library, address| told.borrow_mut().push(format!("{library} {address}")),
            told: &|_| {},
        };
        let result = act(&order);
        (result, told.into_inner())
    }

    fn build(&self, network: Network) -> Result<Built, NativeError> {
        self.ordered(network, |order| build(order, Kind::Make)).0
    }

    /// Builds it, runs it; what it says, and in how many steps it was built.
    fn run(&self, network: Network) -> (String, usize) {
        let built = self.build(network).unwrap_or_else(|error| panic!("{error}"));
        let output = Command::new(&built.program).output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), built.steps)
    }

    fn fails(&self) -> String {
        self.build(Network::Missing).unwrap_err().to_string()
    }

    /// Everything in the build directory of a library that is not the compiler's.
    fn left(&self, library: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path("app/build/native").join(library)).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| ![".lock", ".origin", ".patched"].contains(&name.as_str())).collect();
        names.retain(|name| ![".o", ".d", ".cmd"].iter().any(|end| name.ends_with(end)));
        names.sort();
        names
    }
}

const MAIN: &str = "#include <stdio.h>\nint main(void)\n{\n\tputs(\"as it was\");\n\treturn 0;\n}\n";

fn patch(from: &str, to: &str) -> String {
    format!(
        "--- a/main.c\n+++ b/main.c\n@@ -1,6 +1,6 @@\n #include <stdio.h>\n int main(void)\n {{\n-\tputs(\"{from}\");\n+\tputs(\"{to}\");\n \treturn 0;\n }}\n"
    )
}

/// A project whose program comes from `x-1.tar.gz` and is patched twice.
fn patched() -> Project {
    let project = Project::new();
    let digest = project.archive("x-1.tar.gz", &[("x-1/main.c", MAIN)]);
    project.write(
        "app/Makefile.uk",
        &format!(
            "$(eval $(call addlib,appx))
APPX_VERSION = 1
APPX_ORIGIN_SHA256 = {digest}
$(eval $(call fetch,appx,SERVER/x-$(APPX_VERSION).tar.gz))
$(eval $(call patch,appx,$(APPX_BASE)/patches,x-$(APPX_VERSION)))
APPX_SRCS-y += $(wildcard $(APPX_ORIGIN)/x-$(APPX_VERSION)/*.c)
"
        ),
    );
    project.write("app/patches/0002-again.patch", &patch("once", "twice"));
    project.write("app/patches/0001-first.patch", &patch("as it was", "once"));
    project
}

#[test]
fn an_archive_is_fetched_once_patched_in_order_and_compiled() {
    let project = patched();
    let (fetched, told) = project.ordered(Network::Missing, |order| fetch(order, Kind::Make));
    assert_eq!(fetched.unwrap(), ["appx"]);
    assert_eq!(told, [format!("appx {}/x-1.tar.gz", project.address)]);
    assert_eq!(project.server.asked(), ["x-1.tar.gz"]);
    // From here on nobody is asked.
    assert_eq!(project.run(Network::Never), ("twice\n".to_owned(), 2));
    assert_eq!(project.run(Network::Missing), ("twice\n".to_owned(), 0));
    // Patches that change are applied to what was unpacked anew, from the archive that is there.
    project.write("app/patches/0002-again.patch", &patch("once", "thrice"));
    assert_eq!(project.run(Network::Never), ("thrice\n".to_owned(), 2));
    fs::remove_dir_all(project.path("app/build/native/appx/origin")).unwrap();
    assert_eq!(project.run(Network::Never), ("thrice\n".to_owned(), 2));
    // The tree will do without the archive.
    fs::remove_file(project.path("app/build/native/appx/x-1.tar.gz")).unwrap();
    assert_eq!(project.run(Network::Never), ("thrice\n".to_owned(), 0));
    assert!(project.server.asked().is_empty());
    // Another archive, which is no newer: everything is compiled again.
    let digest = project.archive("x-1.tar.gz", &[("x-1/main.c", &MAIN.replace("as it was", "another"))]);
    let listed = fs::read_to_string(project.path("app/Makefile.uk")).unwrap();
    let line = listed.lines().find(|line| line.contains("SHA256")).unwrap();
    project.write("app/Makefile.uk", &listed.replace(line, &format!("APPX_ORIGIN_SHA256 = {digest}")));
    fs::remove_dir_all(project.path("app/patches")).unwrap();
    assert_eq!(project.run(Network::Missing), ("another\n".to_owned(), 2));
    assert_eq!(project.server.asked(), ["x-1.tar.gz"]);
    // All anew, where that is asked for.
    assert!(project.ordered(Network::Again, |order| fetch(order, Kind::Make)).0.is_ok());
    assert_eq!(project.server.asked(), ["x-1.tar.gz"]);
    assert_eq!(project.left("appx"), [".pith-archives.json", "origin", "x-1.tar.gz"]);
}

#[test]
fn libraries_archives_of_ones_own_second_addresses_and_preparation() {
    let mut project = Project::new();
    project.archive(
        "on-2.tgz",
        &[("on-2/greet.c.in", "const char *greet(void) { return WORD; }\n"), ("on-2/greet.h", "const char *greet(void);\n")],
    );
    project.write(
        "lib-on/Makefile.uk",
        "$(eval $(call addlib,libon))
$(eval $(call fetchas2,libon,SERVER/nowhere/on.tgz,SERVER/on-2.tgz,second.tgz))
CINCLUDES-y += -I$(LIBON_ORIGIN)/on-2
$(LIBON_BUILD)/.prepared: $(LIBON_BUILD)/.origin
\t$(call verbose_cmd,SED,libon,$(SED) 's/WORD/\"prepared\"/' <$(LIBON_ORIGIN)/on-2/greet.c.in >$(LIBON_BUILD)/greet.c && $(TOUCH) $@)
UK_PREPARE += $(LIBON_BUILD)/.prepared
LIBON_SRCS-y += $(LIBON_BUILD)/greet.c
",
    );
    project.write("lib-off/Makefile.uk", "$(eval $(call addlib_s,liboff,n))\n$(eval $(call fetch,liboff,SERVER/off.tar.gz))\n");
    project.libraries = vec![project.path("lib-on"), project.path("lib-off")];
    project.archive("own.tar.gz", &[("main.c", "#include <greet.h>\n#include <stdio.h>\nint main(void) { puts(greet()); return 0; }\n")]);
    let own = project.server.files.lock().unwrap().remove("own.tar.gz").unwrap();
    fs::create_dir_all(project.path("app")).unwrap();
    fs::write(project.path("app/own.tar.gz"), own).unwrap();
    project.write(
        "app/Makefile.uk",
        "$(eval $(call addlib,appx))\n$(eval $(call unarchive,appx,$(APPX_BASE)/own.tar.gz))\nAPPX_SRCS-y += $(APPX_ORIGIN)/main.c\n",
    );
    assert_eq!(project.run(Network::Missing), ("prepared\n".to_owned(), 3));
    // The library that is switched off is not among them.
    assert_eq!(project.server.asked(), ["nowhere/on.tgz", "on-2.tgz"]);
    assert_eq!(project.run(Network::Never), ("prepared\n".to_owned(), 0));
}

#[test]
fn what_cannot_be_had_is_said_and_leaves_nothing() {
    let project = patched();
    let address = project.address.clone();
    let forbidden = project.build(Network::Never).unwrap_err();
    assert_eq!(forbidden.to_string(), format!("Makefile.uk: sources of appx: {address}/x-1.tar.gz was not fetched yet"));
    assert!(forbidden.help().unwrap().contains("`pith fetch` fetches it"));
    let listed = fs::read_to_string(project.path("app/Makefile.uk")).unwrap();
    let good = |server: &Server| server.files.lock().unwrap().get("x-1.tar.gz").cloned().unwrap();
    let archive = good(&project.server);
    let without_digest: String = listed.lines().filter(|line| !line.contains("SHA256")).map(|line| format!("{line}\n")).collect();

    project.server.files.lock().unwrap().clear();
    let said = project.fails();
    assert!(said.starts_with(&format!("Makefile.uk: sources of appx: {address}/x-1.tar.gz: ")) && said.contains("404"), "{said}");
    project.server.serve("x-1.tar.gz", b"something else".to_vec());
    let said = project.fails();
    assert!(said.contains("x-1.tar.gz: the archive's SHA-256 is ") && said.contains(", expected "), "{said}");
    assert!(project.left("appx").is_empty(), "{:?}", project.left("appx"));
    // Without a digest nobody knows better than the archive itself.
    project.write("app/Makefile.uk", &without_digest);
    project.server.serve("x-1.tar.gz", archive[..archive.len() / 2].to_vec());
    let said = project.fails();
    assert!(said.contains(&format!("{address}/x-1.tar.gz: not unpacked: ")), "{said}");
    assert!(project.left("appx").is_empty(), "{:?}", project.left("appx"));
    project.write("app/Makefile.uk", &listed);
    project.server.serve("x-1.tar.gz", archive);
    let before = project.run(Network::Missing);
    assert_eq!(before, ("twice\n".to_owned(), 2));

    // What was there stays as it was: unpacked and patched by the patches that fitted.
    let kept = project.left("appx");
    project.write("app/patches/0003-broken.patch", &patch("never was", "four"));
    let said = project.fails();
    assert!(said.contains("0003-broken.patch: the patch does not apply:\n") && said.contains("1 out of 1 hunk FAILED"), "{said}");
    project.write("app/patches/0003-broken.patch", "no patch\n");
    assert!(project.fails().contains("0003-broken.patch: the patch does not apply:\n"));
    project.write("app/Makefile.uk", &listed.replace(",x-$(APPX_VERSION)))", ",y))"));
    let said = project.fails();
    assert!(said.contains("0001-first.patch: there is no directory y in the archive; it has x-1"), "{said}");
    assert_eq!(project.left("appx"), kept);
    let main = fs::read_to_string(project.path("app/build/native/appx/origin/x-1/main.c")).unwrap();
    assert!(main.contains("twice"), "{main}");
    project.write("app/Makefile.uk", "$(eval $(call addlib,appx))\n$(eval $(call fetchas,appx,SERVER/x,../x))\n");
    assert!(project.fails().contains("\"../x\": this is no name for an archive"));
    project.write("app/Makefile.uk", "$(eval $(call addlib,appx))\n$(eval $(call unarchive,appx,$(APPX_BASE)/none.zip))\n");
    assert!(project.fails().contains("app/none.zip: No such file"));
}

#[test]
fn links_in_archives_lead_nowhere() {
    let project = patched();
    let outside = project.path("outside");
    fs::create_dir_all(&outside).unwrap();
    fs::write(outside.join("main.c"), MAIN).unwrap();
    let tree = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(&outside, tree.path().join("x-1")).unwrap();
    std::os::unix::fs::symlink(outside.join("note"), tree.path().join(".pith-origin.json")).unwrap();
    let packed = project.path("x-1.tar.gz");
    let done = Command::new("tar").arg("-czf").arg(&packed).arg("-C").arg(tree.path()).arg(".").status();
    assert!(done.unwrap().success());
    project.server.serve("x-1.tar.gz", fs::read(&packed).unwrap());
    let listed = fs::read_to_string(project.path("app/Makefile.uk")).unwrap();
    let without: String = listed.lines().filter(|line| !line.contains("SHA256")).map(|line| format!("{line}\n")).collect();
    project.write("app/Makefile.uk", &without);
    let said = project.fails();
    assert!(said.contains("there is no directory x-1 in the archive"), "{said}");
    fs::remove_dir_all(project.path("app/patches")).unwrap();
    let (fetched, _) = project.ordered(Network::Missing, |order| fetch(order, Kind::Make));
    assert!(fetched.is_ok());
    assert_eq!(fs::read_to_string(outside.join("main.c")).unwrap(), MAIN);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert!(Path::new(&project.path("app/build/native/appx/origin/.pith-origin.json")).metadata().unwrap().is_file());
}
