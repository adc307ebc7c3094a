//! The `autogw` binary: nothing but the way into the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    autogw::cli::main()
}
