//! Greets from a thread, and says what it was given.

fn main() {
    let greeter = std::thread::spawn(|| println!("Hello from Rust!"));
    greeter.join().expect("a thread that only prints");
    for (index, argument) in std::env::args().skip(1).enumerate() {
        println!("argument {}: {argument}", index + 1);
    }
}
