use std::io::{self, BufRead, IsTerminal, Read, Write};

fn main() -> io::Result<()> {
    let stdin = io::stdin();
    let mut first = String::new();
    stdin.lock().read_line(&mut first)?;
    println!("{first:?}");
    let rest = stdin.lock().lines().take(10).collect::<Result<Vec<_>, _>>()?;
    println!("{} {:?}", rest.len(), rest.last());
    let mut tail = Vec::new();
    stdin.lock().read_to_end(&mut tail)?;
    println!("{} {}", tail.len(), io::stdin().is_terminal());
    io::stdout().lock().write_all(&tail)?;
    io::stdout().flush()
}
