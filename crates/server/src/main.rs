#[cfg(test)]
mod io;

fn main() {}
