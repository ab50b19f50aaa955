fn main() {
    println!("hello from Rust's std");
    print!("{}", (1..=10).map(|i| format!("{i} ")).collect::<String>());
    println!("{:?} {:>8.3} {:#x} {:08b}", Some("x"), 3.14159, 255, 37);
}
