//! Greets from a thread, and says what it was given.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use pith_app::process::ExitCode;
use pith_app::{env, println, thread};

pith_app::main!(hello);

fn hello() -> ExitCode {
    let greeter = thread::spawn(|| println!("Hello from the kernel!"));
    greeter.join();
    for (index, argument) in env::args().skip(1).enumerate() {
        println!("argument {}: {argument}", index + 1);
    }
    ExitCode::SUCCESS
}
