//! The log: byte for byte, with streams and times, however it was interrupted.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{record, store};
use pith_machine::logs::{DATA, INDEX, Selection};
use pith_machine::{LogReader, LogWriter, Machine, Stream};
use std::fs;

fn machine() -> (tempfile::TempDir, Machine) {
    let (directory, store) = store();
    let machine = store.create(Some("m"), record()).unwrap();
    (directory, machine)
}

type Line = (Stream, u64, bool, Vec<u8>);

fn drain(reader: &mut LogReader) -> Vec<Line> {
    let mut lines = Vec::new();
    reader
        .each(&mut |piece| {
            lines.push((piece.stream, piece.micros, piece.starts_line, piece.bytes.to_vec()));
            Ok(())
        })
        .unwrap();
    lines
}

fn read(machine: &Machine, selection: Selection) -> Vec<Line> {
    drain(&mut LogReader::open(machine, selection).unwrap())
}

#[test]
fn lines_come_back_with_stream_and_time() {
    use Stream::{Error, Output};
    let (_directory, machine) = machine();
    let mut log = LogWriter::open(&machine).unwrap();
    log.write_at(Output, b"one\ntw", 1_000_000);
    log.write_at(Output, b"o\nthr", 1_000_999);
    log.write_at(Error, b"oops\n", 2_000_000);
    log.write_at(Output, b"", 2_500_000);
    log.write_at(Output, b"ee\n\xff\0", 3_000_000);
    let expected: Vec<Line> = vec![
        (Output, 1_000_000, true, b"one\n".to_vec()),
        (Output, 1_000_000, true, b"two\n".to_vec()),
        (Output, 1_000_000, true, b"thr".to_vec()),
        (Error, 2_000_000, true, b"oops\n".to_vec()),
        (Output, 3_000_000, false, b"ee\n".to_vec()),
        (Output, 3_000_000, true, b"\xff\0".to_vec()),
    ];
    assert_eq!(read(&machine, Selection::default()), expected);
    assert_eq!(fs::read(machine.path(DATA)).unwrap(), b"one\ntwo\nthroops\nee\n\xff\0");

    let tail = |count| read(&machine, Selection { tail: Some(count), since_micros: None });
    assert_eq!(tail(0), []);
    assert_eq!(tail(1), expected[5..]);
    assert_eq!(tail(2), [expected[3].clone(), expected[5].clone()]);
    assert_eq!(tail(3), expected[2..]);
    assert_eq!(tail(9), expected);
    let since = |micros| read(&machine, Selection { tail: None, since_micros: Some(micros) });
    assert_eq!(since(2_000_000), [expected[3].clone(), expected[5].clone()]);
    assert_eq!(since(3_000_001), []);
}

#[test]
fn a_growing_log_is_followed() {
    let (_directory, machine) = machine();
    assert_eq!(read(&machine, Selection::default()), []);
    let mut log = LogWriter::open(&machine).unwrap();
    let mut reader = LogReader::open(&machine, Selection { tail: Some(0), since_micros: None }).unwrap();
    let mut all = Vec::new();
    for round in 0..3000_u64 {
        let stream = if round % 3 == 0 { Stream::Error } else { Stream::Output };
        log.write_at(stream, format!("line {round}\n").as_bytes(), round * 500);
        if round % 700 == 0 {
            all.extend(drain(&mut reader));
        }
    }
    all.extend(drain(&mut reader));
    assert_eq!(all.len(), 3000);
    for (round, (stream, _, starts_line, bytes)) in all.iter().enumerate() {
        assert_eq!(*stream == Stream::Error, round % 3 == 0);
        assert!(*starts_line);
        assert_eq!(*bytes, format!("line {round}\n").as_bytes());
    }
    assert_eq!(drain(&mut reader), []);
}

#[test]
fn a_writer_killed_anywhere_leaves_a_log_that_reads() {
    let (_directory, machine) = machine();
    let mut log = LogWriter::open(&machine).unwrap();
    for round in 0..20_u64 {
        let stream = if round % 2 == 0 { Stream::Error } else { Stream::Output };
        log.write_at(stream, &[b'a'; 5], round * 2000);
    }
    drop(log);
    let (data, index) = (fs::read(machine.path(DATA)).unwrap(), fs::read(machine.path(INDEX)).unwrap());
    for cut in 0..=data.len() {
        // What is written of the data had its entry before it; what comes behind may be there, or in part.
        let needed = cut.div_ceil(5) * 16;
        for extra in [0, 7, 16].into_iter().filter(|extra| needed + extra <= index.len()) {
            fs::write(machine.path(DATA), &data[..cut]).unwrap();
            fs::write(machine.path(INDEX), &index[..needed + extra]).unwrap();
            let got: usize = read(&machine, Selection::default()).iter().map(|line| line.3.len()).sum();
            assert_eq!(got, cut, "index of {} bytes", needed + extra);
        }
    }
}

#[test]
fn a_damaged_index_is_an_error() {
    let (_directory, machine) = machine();
    fs::write(machine.path(DATA), b"text").unwrap();
    for index in [vec![], vec![0; 16], vec![0xff; 16], [vec![1; 8], 1_u64.to_le_bytes().to_vec()].concat()] {
        fs::write(machine.path(INDEX), &index).unwrap();
        let mut reader = LogReader::open(&machine, Selection::default()).unwrap();
        assert!(reader.next().is_err(), "{index:?}");
    }
}
