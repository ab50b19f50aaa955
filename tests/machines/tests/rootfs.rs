//! Root file systems from every kind of source and in both formats, as a user gives them.

use machines::archive::{DIRECTORY, PROGRAM, archive, file};
use machines::{Place, Server, finish, fixture, root_directory, run};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn shell(directory: &Path, script: &str) {
    let mut command = Command::new("sh");
    command.args(["-ec", script]).current_dir(directory);
    let outcome = finish(command, Stdio::null());
    assert!(outcome.status.success(), "{script}: {}", outcome.err());
}

/// A directory with one static program in it.
fn small_root(place: &Place) -> std::path::PathBuf {
    let root = place.directory("root");
    fs::create_dir_all(root.join("usr/bin")).expect("a directory");
    fs::copy(fixture("hello-static"), root.join("usr/bin/hello")).expect("a program");
    std::os::unix::fs::symlink("usr/bin", root.join("bin")).expect("a link");
    root
}

#[test]
fn every_source_becomes_either_format() {
    let place = Place::new();
    let root = small_root(&place);
    let beside = root.parent().expect("a parent").to_owned();
    shell(
        &root,
        "tar cf ../a.tar . && gzip -k ../a.tar && zstd -q ../a.tar && xz -k ../a.tar
         find . -print0 | cpio -0 --quiet -o -H newc >../a.cpio && gzip -k ../a.cpio
         mkfs.erofs --quiet ../a.erofs . && mkfs.erofs --quiet --chunksize=4096 ../chunks.erofs . && gzip -k ../a.erofs",
    );
    let hello = "hello from C\n";
    for source in ["root", "a.tar", "a.tar.gz", "a.tar.zst", "a.tar.xz", "a.cpio", "a.cpio.gz", "a.erofs", "chunks.erofs", "a.erofs.gz"] {
        let source = beside.join(source);
        for format in [&[][..], &["--rootfs-type", "cpio"], &["--rootfs-type", "erofs"]] {
            // Both formats for one of each kind; the rest as they come.
            if format.len() == 2 && !["root", "a.cpio", "a.erofs"].iter().any(|name| source.ends_with(name)) {
                continue;
            }
            let outcome = run([format, &["--rootfs", path(&source), "/bin/hello"]].concat());
            assert_eq!((outcome.out().as_str(), outcome.err().as_str(), outcome.code()), (hello, "", 0), "{source:?} {format:?}");
        }
    }
    // A single file is a root file system of its own, or is handed on unseen.
    let program = fixture("hello-static");
    for format in [&[][..], &["--rootfs-type", "erofs"], &["--rootfs-type", "file"]] {
        let outcome = run([format, &["--rootfs", path(&program), "/hello-static"]].concat());
        assert_eq!((outcome.out().as_str(), outcome.code()), (hello, 0), "{format:?} {}", outcome.err());
    }
}

#[test]
fn nginx_from_an_image() {
    let root = root_directory("nginx");
    let server = Server::start(80, ["--rootfs", path(&root), "--rootfs-type", "erofs", "/usr/sbin/nginx"]);
    let page = fs::read_to_string(root.join("var/www/html/index.html")).expect("the page");
    assert_eq!(server.get("/"), page);
    assert_eq!(server.get("/large.txt"), "x".repeat(1 << 20));
    // What browsers go by: the file's own time.
    let headers = server.client("curl", &["-sSI", &format!("http://{}/", server.address)]);
    assert!(headers.contains("Last-Modified: ") && !headers.contains("1970"), "{headers}");
    let outcome = server.stop();
    assert_eq!(outcome.code(), 0, "{}\n{}", outcome.out(), outcome.err());
}

#[test]
fn python_writes_on_top_of_an_image() {
    let script = "\
import os, hashlib, sys
open('/etc/new', 'w').write('fresh')
path = '/usr/bin/python3'
before = hashlib.sha256(open(path, 'rb').read()).hexdigest()
names = sorted(os.listdir('/usr/lib/python3.11'))
os.rename('/srv', '/served')
os.remove('/served/script.py')
os.symlink('served', '/again')
with open('/served/index.html', 'a') as f: f.write('more\\n')
print(open('/again/index.html').read(), open('/etc/new').read(), sorted(os.listdir('/again')))
print(before == hashlib.sha256(open(path, 'rb').read()).hexdigest(), names == sorted(os.listdir('/usr/lib/python3.11')))
";
    let place = Place::new();
    let root = root_directory("python3");
    let version = fs::read_dir(root.join("usr/lib")).expect("libraries").flatten().map(|entry| entry.file_name());
    let version = version.filter_map(|name| name.into_string().ok()).find(|name| name.starts_with("python3.")).expect("Python's library");
    let script = place.file("script", script.replace("python3.11", &version).as_bytes());
    let script = fs::read_to_string(script).expect("the script");
    let outcome = run(["--rootfs", path(&root), "--rootfs-type", "erofs", "/usr/bin/python3", "--", "-c", &script]);
    assert_eq!(outcome.out(), "hello from python\nmore\n fresh ['index.html']\nTrue True\n", "{}", outcome.err());
}

/// An image with 100,000 files, all of them empty, and one program.
fn crowd(place: &Place) -> std::path::PathBuf {
    let mut entries = vec![file("hello", PROGRAM, &fs::read(fixture("hello-static")).expect("a program"))];
    for directory in 0..100 {
        entries.push(file(&format!("d{directory}"), DIRECTORY, b""));
        entries.extend((0..1000).map(|number| file(&format!("d{directory}/f{number}"), 0o100_644, b"")));
    }
    place.file("crowd.cpio", &archive(&entries))
}

#[test]
fn a_hundred_thousand_files_cost_nothing_until_they_are_asked_for() {
    let place = Place::new();
    let crowd = crowd(&place);
    // As an image: about 6 MiB. As an archive it would take the guest 17 MiB to know their names.
    let outcome = run(["-M", "10Mi", "--rootfs", path(&crowd), "--rootfs-type", "erofs", "/hello"]);
    assert_eq!((outcome.out().as_str(), outcome.code()), ("hello from C\n", 0), "{}", outcome.err());
}

#[test]
fn memory_for_an_image_is_its_size_and_what_is_touched() {
    let place = Place::new();
    let root = small_root(&place);
    // 64 MiB that are in the root file system and that nobody reads.
    fs::write(root.join("ballast"), vec![7; 64 << 20]).expect("a large file");
    for format in ["cpio", "erofs"] {
        let outcome = run(["-M", "67Mi", "--rootfs", path(&root), "--rootfs-type", format, "/bin/hello"]);
        assert_eq!((outcome.out().as_str(), outcome.code()), ("hello from C\n", 0), "{format}: {}", outcome.err());
        let outcome = run(["-M", "64Mi", "--rootfs", path(&root), "--rootfs-type", format, "/bin/hello"]);
        assert_eq!(outcome.code(), 125);
        assert!(outcome.err().contains("64 MiB of memory cannot hold") && outcome.err().contains("-M 67Mi"), "{}", outcome.err());
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let place = Place::new();
    let root = small_root(&place);
    let beside = root.parent().expect("a parent").to_owned();
    let refused = |arguments: &[&str], words: &str| {
        let outcome = run(arguments);
        assert_eq!((outcome.code(), outcome.out().as_str()), (125, ""), "{arguments:?}");
        assert!(outcome.err().contains(words), "{arguments:?}: {}", outcome.err());
    };
    refused(&["--compress", "--rootfs", path(&root), "/bin/hello"], "--compress: ");
    let large = fs::File::create(root.join("large")).expect("a file");
    large.set_len(5 << 30).expect("a hole");
    refused(&["-M", "256Mi", "--rootfs", path(&root), "/bin/hello"], "EROFS has no such limit: use `--rootfs-type erofs`");
    refused(&["-M", "256Mi", "--rootfs", path(&root), "--rootfs-type", "erofs", "/bin/hello"], "256 MiB of memory cannot hold");
    shell(
        &beside,
        "printf 'xxxx' >not.tar; mkdir z; head -c 100000 /dev/zero >z/f; mkfs.erofs --quiet -zlz4hc z.erofs z; head -c 3000 z.erofs >cut.erofs",
    );
    refused(&["--rootfs", path(&beside.join("z.erofs")), "/f"], "the EROFS image uses ");
    let outcome = run(["--rootfs", path(&beside.join("not.tar")), "/f"]);
    assert_eq!(outcome.code(), 127, "a file of no kind is a file: {}", outcome.err());
}

#[test]
fn a_dockerfile_becomes_a_machine() {
    let place = Place::new();
    let project = place.directory("project");
    fs::copy(fixture("probe"), project.join("probe")).expect("a program");
    let dockerfile = "FROM scratch AS files\nCOPY probe /bin/\nFROM scratch\nARG WORD=unset\nENV FROM_IMAGE=$WORD\nWORKDIR /srv\n\
                      COPY --from=files /bin/probe /bin/probe\nENTRYPOINT [\"/bin/probe\"]\nCMD [\"print\", \"from the image\"]\n";
    fs::write(project.join("Dockerfile"), dockerfile).expect("a file");
    let image = run(["--build-arg", "WORD=given", path(&project)]);
    assert!(image.out().contains("[FROM_IMAGE=given]"), "ENV: {}", image.out());
    assert_eq!(image.code(), 0, "{}", image.err());
    assert!(image.out().contains("from the image"), "CMD: {}", image.out());
    let words = run([path(&project), "print", "from the user"]);
    assert!(words.out().contains("from the user") && !words.out().contains("from the image"), "words instead of CMD: {}", words.out());
    // The project's command stands for both.
    fs::write(
        project.join("Kraftfile"),
        "spec: v0.6\nruntime: base:latest\nrootfs: ./Dockerfile\ncmd: [/bin/probe, print, from the project]\n",
    )
    .expect("a file");
    let own = run([path(&project)]);
    assert!(own.out().contains("from the project"), "cmd: {}{}", own.out(), own.err());
    fs::write(project.join("Dockerfile"), "FROM scratch\nCOPY nothing /\n").expect("a file");
    let broken = run([path(&project)]);
    assert_eq!(broken.code(), 125);
    assert!(broken.err().contains("COPY nothing /"), "{}", broken.err());
}
