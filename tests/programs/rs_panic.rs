//! A panic in main: unwinding runs the destructors, the status is 101.
struct Noisy(&'static str);
impl Drop for Noisy {
    fn drop(&mut self) {
        println!("dropped {}", self.0);
    }
}

fn main() {
    std::panic::set_hook(Box::new(|info| println!("panic in line {}", info.location().map_or(0, |l| l.line()))));
    let caught = std::panic::catch_unwind(|| {
        let _n = Noisy("inside");
        let v: Vec<u32> = Vec::new();
        v[std::hint::black_box(3)]
    });
    println!("caught {}", caught.is_err());
    let _outer = Noisy("outer");
    let number: Result<i32, _> = "not a number".parse::<i32>();
    println!("before");
    number.unwrap();
    println!("never printed");
}
