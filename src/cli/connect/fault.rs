//! Why it did not come to it.

use serde_json::{Value, json};

use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::table::plain;
use crate::clients::ledger::LedgerError;
use crate::clients::plan::ClientError;
use crate::config::ConfigError;

/// See the module's head.
#[derive(Debug)]
pub(super) enum Fault {
    /// The configuration cannot be used.
    Config(ConfigError),
    /// Something else, and what to do about it.
    Said {
        message: String,
        hint: Option<String>,
        exit: Exit,
    },
}

impl Fault {
    /// It failed.
    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self::Said {
            message: message.into(),
            hint: None,
            exit: Exit::Failed,
        }
    }

    /// It was asked for in a wrong way.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::Said {
            message: message.into(),
            hint: None,
            exit: Exit::Usage,
        }
    }

    /// What to do about it.
    pub(super) fn hint(mut self, text: impl Into<String>) -> Self {
        if let Self::Said { hint, .. } = &mut self {
            *hint = Some(text.into());
        }
        self
    }

    /// The same of the client that is called so, where its hint speaks of any.
    pub(super) fn of(mut self, client: Option<&str>) -> Self {
        if let (
            Self::Said {
                hint: Some(hint), ..
            },
            Some(client),
        ) = (&mut self, client)
        {
            *hint = hint.replace("CLIENT", client);
        }
        self
    }

    /// The same for a program.
    pub(super) fn data(&self) -> Value {
        match self {
            Fault::Config(error) => json!({ "diagnostics": error.diagnostics }),
            Fault::Said { message, hint, .. } => json!({ "message": message, "hint": hint }),
        }
    }

    /// Says so.
    pub(super) fn tell(&self, as_json: bool, console: &mut Console<'_>) -> Exit {
        match self {
            Fault::Config(error) if as_json => {
                console.json(&json!({ "ok": false, "diagnostics": error.diagnostics }));
                Exit::Usage
            }
            Fault::Config(error) => {
                console.config_error(error);
                Exit::Usage
            }
            Fault::Said {
                message,
                hint,
                exit,
            } => {
                if as_json {
                    console.json(&json!({ "ok": false, "error": self.data() }));
                } else {
                    console.error(plain(message), hint.as_deref().map(plain).as_deref());
                }
                *exit
            }
        }
    }
}

impl From<ConfigError> for Fault {
    fn from(error: ConfigError) -> Self {
        Fault::Config(error)
    }
}

impl From<ClientError> for Fault {
    fn from(error: ClientError) -> Self {
        let fault = Fault::failed(error.to_string());
        match error.hint() {
            Some(hint) => fault.hint(hint),
            None => fault,
        }
    }
}

impl From<LedgerError> for Fault {
    fn from(error: LedgerError) -> Self {
        ClientError::from(error).into()
    }
}
