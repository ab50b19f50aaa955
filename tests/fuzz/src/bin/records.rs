//! The two channels between host and guest: the host reads records from a kernel that may have lost its mind, the guest reads control bytes.
#![no_main]
use pith_abi::control::{Control, ControlParser, end_of_input, signal_byte};
use pith_abi::record::Record;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    for line in text.split('\n') {
        let Some(record) = Record::parse(line) else { continue };
        let written = record.to_string();
        assert!(!written.contains(['\n', '\r']), "a record is one line: {written:?}");
        let again = Record::parse(&written).expect("what was written is a record");
        assert_eq!(again.to_string(), written);
    }
    let mut parser = ControlParser::default();
    for byte in data {
        match parser.push(*byte) {
            Some(Control::Signal(number)) => assert_eq!(signal_byte(number), Some(*byte)),
            Some(Control::EndOfInput { total_bytes }) => {
                let mut other = ControlParser::default();
                let last = end_of_input(total_bytes).bytes().filter_map(|byte| other.push(byte)).last();
                assert_eq!(last, Some(Control::EndOfInput { total_bytes }));
            }
            None => {}
        }
    }
});
