//! Linux reads what we pack: Debian's kernel boots from an archive that `pith run` made and finds the tree that was put in.

use machines::{Place, finish, fixture, linux};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

/// Names, kinds, permissions, sizes and link targets of everything below; directories' sizes are the file system's own matter. To a file, because find(1)
/// hides what is no ASCII from terminals.
fn list<'a>(from: &'a str, to: &'a str) -> Vec<&'a str> {
    vec![from, "-xdev", "(", "-type", "d", "-fprintf", to, "%P|%y|%m\\n", ")", "-o", "-fprintf", to, "%P|%y|%m|%s|%l\\n"]
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn linux_boots_from_our_archive_and_sees_the_same_tree() {
    let place = Place::new();
    let root = place.directory("root");
    linux::install(&root, &fixture("hello-static"), "/hello");
    for program in ["/usr/bin/find", "/usr/bin/sha256sum", "/usr/bin/cat"] {
        linux::install(&root, Path::new(program), program);
    }
    let work = root.join("work");
    fs::create_dir_all(work.join("deep/er")).expect("directories");
    for (name, len, mode) in
        [("empty", 0, 0o644), ("page", 4096, 0o600), ("large", 300_001, 0o755), ("deep/er/name with blanks ä", 7, 0o4711)]
    {
        let path = work.join(name);
        fs::write(&path, (0..len).map(|i: u32| ((i * 31) >> 3) as u8).collect::<Vec<_>>()).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
    }
    symlink("deep/er", work.join("link")).expect("a link");
    symlink("/nowhere", work.join("dangling")).expect("a link");
    fs::hard_link(work.join("page"), work.join("deep/second name")).expect("a hard link");
    fs::set_permissions(work.join("deep"), fs::Permissions::from_mode(0o1777)).expect("its mode");
    fs::create_dir(work.join("hollow")).expect("a directory");
    let find = format!("/usr/bin/find {}", list("/work", "/tmp/list").join(" "));
    linux::prepare(&root, &["/hello 4", &find, "cat /tmp/list", "find /work -xdev -type f -exec sha256sum {} +"]);

    let mut pith = place.pith();
    pith.args(["run", "-W", "--name", "packed", "--rootfs"]).arg(&root).args(["/hello", "--", "5"]);
    assert_eq!(finish(pith, Stdio::null()).code(), 5);
    let machines = fs::read_dir(place.data().join("machines")).expect("state").flatten();
    let archive = machines.map(|machine| machine.path().join("initrd.cpio")).find(|path| path.exists()).expect("its archive");
    let ran = linux::boot(&archive, 512);

    let work = work.to_str().expect("UTF-8");
    let to = place.file("list", b"");
    let mut native = Command::new("find");
    native.args(list(work, to.to_str().expect("UTF-8")));
    assert_eq!(finish(native, Stdio::null()).code(), 0);
    let expected = place.read("list");
    let mut native = Command::new("find");
    native.args([work, "-xdev", "-type", "f", "-exec", "sha256sum", "{}", "+"]);
    let sums = finish(native, Stdio::null()).out().replace(work, "/work");

    assert_eq!((ran[0].output.as_str(), ran[0].status), ("hello from C\nargument 1: 4", 4));
    assert_eq!((ran[1].output.as_str(), ran[1].status), ("", 0));
    assert_eq!(sorted(&ran[2].output), sorted(&expected));
    assert_eq!(sorted(&ran[3].output), sorted(&sums));
    // And so does the machine itself, from the same archive.
    let archive = fs::read(archive).expect("the archive");
    let quoted: String = list("/work", "/dev/stdout").iter().map(|word| format!(" '{word}'")).collect();
    let guest = machines::guest::boot(&archive, 64, &format!("-- /usr/bin/find{quoted}"));
    assert_eq!((sorted(&guest.console), guest.ending.as_str()), (sorted(&expected), "@exit 0"));
}
