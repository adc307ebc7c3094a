//! How bash asks: bash takes words apart at `:` and `=`, which are parts of models and options here, so the
//! script puts them together again, and gives back only what bash does not have yet.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

use clap::Command;
use clap_complete::engine::complete;
use clap_complete::env::EnvCompleter;

use crate::cli::shell::quoted;

/// The words before the cursor are passed on whole; the answer is a candidate per line. A name that ends with
/// `/`, `=` or `:` goes on.
const SCRIPT: &str = r#"
_BIN() {
    local line=${COMP_LINE:0:COMP_POINT} words=() word trimmed i
    for ((i = 0; i <= COMP_CWORD; i++)); do
        trimmed=${line#"${line%%[![:space:]]*}"}
        word=$trimmed
        ((i < COMP_CWORD)) && word=${COMP_WORDS[i]}
        if ((i == 0)) || [[ $trimmed != "$line" ]]; then
            words+=("$word")
        else
            words[${#words[@]} - 1]+=$word
        fi
        line=${trimmed:${#word}}
    done
    local current=${words[${#words[@]} - 1]} candidate IFS=$'\n'
    local there=${current%"$2"}
    COMPREPLY=()
    for candidate in $(VAR=bash COMPLETER -- "${words[@]}" 2>/dev/null); do
        COMPREPLY+=("${candidate#"$there"}")
    done
    [[ ${COMPREPLY-} == *[=/:] ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -o bashdefault -F _BIN BIN
"#;

/// See the module's head.
#[derive(Debug)]
pub(super) struct Bash;

impl EnvCompleter for Bash {
    fn name(&self) -> &'static str {
        "bash"
    }

    fn is(&self, name: &str) -> bool {
        name == self.name()
    }

    fn write_registration(
        &self,
        var: &str,
        _name: &str,
        bin: &str,
        completer: &str,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let script = SCRIPT.replace("BIN", bin).replace("VAR", var);
        let script = script.replace("COMPLETER", &quoted(completer));
        out.write_all(script.trim_start().as_bytes())
    }

    fn write_complete(
        &self,
        command: &mut Command,
        words: Vec<OsString>,
        directory: Option<&Path>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let last = words.len().saturating_sub(1);
        for candidate in complete(command, words, last, directory)? {
            writeln!(out, "{}", candidate.get_value().to_string_lossy())?;
        }
        Ok(())
    }
}
