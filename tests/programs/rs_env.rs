use std::env;

fn main() {
    let args: Vec<_> = env::args().skip(1).collect();
    println!("{args:?}");
    // SAFETY: nobody else reads or writes the environment, there is one thread
    unsafe {
        env::set_var("RS_ENV", "a value");
        println!("{:?}", env::var("RS_ENV"));
        env::remove_var("RS_ENV");
    }
    println!("{:?} {}", env::var("RS_ENV"), env::var_os("RS_NONE").is_none());
    println!("{:?}", env::current_exe().unwrap().file_name());
    env::set_current_dir("/tmp").unwrap();
    println!("{:?} {:?}", env::current_dir().unwrap(), env::set_current_dir("/none").unwrap_err().kind());
    println!("{} {} {}", env::consts::OS, env::consts::ARCH, std::process::id() > 0);
    std::process::exit(args.len() as i32 + 40);
}
