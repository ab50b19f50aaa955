use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};

fn main() -> io::Result<()> {
    let dir = std::env::temp_dir().join(format!("rs_files-{}", std::process::id()));
    fs::create_dir_all(dir.join("a/b/c"))?;
    std::env::set_current_dir(&dir)?;
    let mut w = BufWriter::new(File::create("lines")?);
    for i in 0..500 {
        writeln!(w, "line {i}")?;
    }
    w.into_inner()?.sync_all()?;
    let lines: Vec<_> = BufReader::new(File::open("lines")?).lines().collect::<Result<_, _>>()?;
    println!("{} {:?} {}", lines.len(), lines.last(), fs::metadata("lines")?.len());
    let mut f = OpenOptions::new().read(true).write(true).open("lines")?;
    println!("{}", f.seek(SeekFrom::End(-9))?);
    let mut s = String::new();
    f.read_to_string(&mut s)?;
    println!("{s:?}");
    f.write_all_at(b"LINE", 0)?;
    let mut b = [0; 6];
    f.read_exact_at(&mut b, 0)?;
    println!("{}", String::from_utf8_lossy(&b));
    f.set_len(10)?;
    println!("{}", f.metadata()?.len());
    fs::copy("lines", "copy")?;
    fs::rename("copy", "a/moved")?;
    fs::hard_link("a/moved", "a/link")?;
    std::os::unix::fs::symlink("moved", "a/soft")?;
    println!("{:?} {}", fs::read_link("a/soft")?, fs::metadata("a/moved")?.nlink());
    fs::set_permissions("a/moved", fs::Permissions::from_mode(0o640))?;
    println!("{:o}", fs::metadata("a/moved")?.permissions().mode());
    let mut names: Vec<_> = fs::read_dir("a")?.map(|e| e.map(|e| (e.file_name(), e.file_type().unwrap().is_dir()))).collect::<Result<_, _>>()?;
    names.sort();
    println!("{names:?}");
    println!("{:?} {:?}", File::open("none").unwrap_err().kind(), fs::create_dir("a").unwrap_err().kind());
    println!("{:?} {:?}", fs::read("a").unwrap_err().kind(), fs::remove_dir("a").unwrap_err().kind());
    println!("{:?}", OpenOptions::new().write(true).create_new(true).open("lines").unwrap_err().kind());
    println!("{}", fs::canonicalize("a/b/../soft")?.ends_with("a/moved"));
    fs::write("bytes", [0u8, 255, 10])?;
    println!("{:?} {:?}", fs::read("bytes")?, fs::read_to_string("bytes").unwrap_err().kind());
    println!("{}", fs::metadata("bytes")?.modified()?.elapsed().is_ok_and(|e| e.as_secs() < 60));
    let lock = File::open("bytes")?;
    lock.lock()?;
    println!("{}", File::open("bytes")?.try_lock().is_err());
    std::env::set_current_dir("/")?;
    fs::remove_dir_all(&dir)?;
    println!("{}", dir.exists());
    Ok(())
}
