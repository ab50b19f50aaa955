//! Directories of the host in machines (`-v`): live both ways, read-only where asked, there again after a restart.

use machines::{DEADLINE, Outcome, Place, Server, finish, root_directory};
use std::fs;
use std::path::Path;
use std::process::Stdio;

fn pith(place: &Place, words: &[&str]) -> Outcome {
    let mut command = place.pith();
    command.args(["--log-level", "warn"]).args(words);
    finish(command, Stdio::null())
}

#[track_caller]
fn done(place: &Place, words: &[&str]) -> String {
    let outcome = pith(place, words);
    assert_eq!((outcome.code(), outcome.err()), (0, String::new()), "{words:?}");
    outcome.out()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn volume(source: &Path, destination: &str) -> String {
    format!("{}:{destination}", text(source))
}

#[test]
fn nginx_serves_what_the_host_has_now() {
    let place = Place::new();
    let pages = place.directory("pages, all");
    fs::write(pages.join("index.html"), "first\n").expect("a page");
    let root = root_directory("nginx");
    let shared = volume(&pages, "/var/www/html:ro");
    let server = Server::start_in(place, 80, ["-v", &shared, "--rootfs", text(&root), "/usr/sbin/nginx"]);
    assert_eq!(server.get("/"), "first\n");
    fs::write(pages.join("index.html"), "second, longer\n").expect("the page");
    assert_eq!(server.get("/"), "second, longer\n");
    // As editors write: another file in its place.
    fs::write(pages.join("new"), "third\n").expect("a page");
    fs::rename(pages.join("new"), pages.join("index.html")).expect("the page");
    assert_eq!(server.get("/"), "third\n");
    fs::write(pages.join("large.bin"), vec![b'x'; 3_000_000]).expect("a page");
    assert_eq!(server.get("/large.bin").len(), 3_000_000);
    fs::remove_file(pages.join("large.bin")).expect("the page");
    assert_eq!(server.status_of("/large.bin"), "404");
    assert_eq!(server.stop().code(), 0);
}

#[test]
fn what_the_machine_writes_is_on_the_host() {
    let place = Place::new();
    let (data, other) = (place.directory("shared"), place.directory("other"));
    fs::write(data.join("in"), "from the host\n").expect("a file");
    let (first, second) = (volume(&data, "/data"), volume(&other, "/data/deep/er"));
    // The one below the other, whichever comes first.
    let run = ["run", "-W", "--rm", "-v", &second, "-v", &first];
    done(&place, &[&run[..], &["/bin/cp", "--", "/data/in", "/data/deep/er/out"]].concat());
    assert_eq!(fs::read_to_string(other.join("out")).expect("the copy"), "from the host\n");
    assert!(data.join("deep/er").is_dir(), "the mount point is made in the volume around it");
    done(&place, &[&run[..], &["/bin/mv", "--", "/data/in", "/data/moved"]].concat());
    assert_eq!((data.join("in").exists(), data.join("moved").exists()), (false, true));
    let missing = place.directory("new").join("below");
    done(&place, &["run", "-W", "--rm", "-v", &volume(&missing, "/data"), "/bin/mkdir", "--", "/data/made"]);
    assert!(missing.join("made").is_dir(), "a directory that was not there is made");
    place.assert_clean();
}

#[test]
fn read_only_is_refused_by_the_kernel() {
    let place = Place::new();
    let data = place.directory("shared");
    let outcome = pith(&place, &["run", "-W", "--rm", "-v", &volume(&data, "/data:ro"), "/bin/mkdir", "--", "/data/no"]);
    assert_ne!(outcome.code(), 0);
    assert!(outcome.err().contains("Read-only file system"), "{}", outcome.err());
    assert_eq!(fs::read_dir(&data).expect("the directory").count(), 0);
    place.assert_clean();
}

#[test]
fn volumes_stay_with_the_machine() {
    let place = Place::new();
    let data = place.directory("shared");
    fs::write(data.join("text"), "one\n").expect("a file");
    let shared = volume(&data, "/data:ro");
    assert_eq!(done(&place, &["create", "-W", "--name", "m", "-v", &shared, "/bin/cat", "--", "/data/text"]), "m\n");
    let format = "{{json .config.volumes}}";
    let shown = done(&place, &["inspect", "--format", format, "m"]);
    let source = fs::canonicalize(&data).expect("the directory");
    assert_eq!(shown, format!("[{{\"destination\":\"/data\",\"is_read_only\":true,\"source\":\"{}\"}}]\n", text(&source)));
    assert_eq!(done(&place, &["start", "-a", "m"]), "m\none\n");
    fs::write(data.join("text"), "two\n").expect("the file");
    assert_eq!(done(&place, &["start", "-a", "m"]), "m\ntwo\n");
    fs::remove_dir_all(&data).expect("the directory");
    let gone = pith(&place, &["start", "-a", "m"]);
    assert!(gone.err().contains("is not there any more"), "{}", gone.err());
    done(&place, &["rm", "m"]);
    place.assert_clean();
}

#[test]
fn a_project_names_its_volumes() {
    let asks = (80, &b"GET / HTTP/1.0\r\n\r\n"[..]);
    let root = root_directory("nginx");
    for (flags, expected) in [(&[][..], "the project's\n"), (&["-v", "./own:/var/www/html"], "the user's\n")] {
        let place = Place::new();
        let project = place.directory("project");
        for (name, content) in [("data", "the project's\n"), ("own", "the user's\n")] {
            fs::create_dir_all(project.join(name)).expect("a directory");
            fs::write(project.join(name).join("index.html"), content).expect("a file");
        }
        let rootfs = text(&root);
        let kraftfile =
            format!("spec: v0.6\nruntime: base:latest\nrootfs: {rootfs}\ncmd: [/usr/sbin/nginx]\nvolumes: [\"./data:/var/www/html\"]\n");
        fs::write(project.join("Kraftfile"), kraftfile).expect("a Kraftfile");
        let server = Server::start_project(&project, place, DEADLINE, asks, flags);
        assert_eq!(server.get("/"), expected);
        assert_eq!(server.stop().code(), 0);
    }
}

#[test]
fn more_volumes_than_a_microvm_has_places_for() {
    let place = Place::new();
    let mut words: Vec<String> = ["run", "-W", "--rm"].map(str::to_owned).to_vec();
    for index in 0..9 {
        let directory = place.directory(&format!("d{index}"));
        fs::write(directory.join("n"), format!("{index}")).expect("a file");
        words.extend(["-v".to_owned(), volume(&directory, &format!("/v/{index}"))]);
    }
    words.extend(["/bin/cat", "--"].map(str::to_owned));
    words.extend((0..9).map(|index| format!("/v/{index}/n")));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    assert_eq!(done(&place, &words), "012345678");
    place.assert_clean();
}
