//! `autogw explain`: which target a request would go to, and why; or how a past one went.
//!
//! The running gateway is asked, as only it knows how its targets are. Where none runs, the configuration
//! answers, with what the last run has kept, in this process and without a connection to anybody.

mod asking;
mod past;
mod told;

use std::io::{self, Read as _};

use bytes::Bytes;
use clap::Args;
use clap::builder::PossibleValuesParser;
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter};
use http::HeaderMap;
use serde_json::{Value, json};

use super::console::Console;
use super::exit::Exit;
use super::names;
use super::setup::{self, Setup};
use super::source::SourceArgs;
use super::table;
use crate::app::recall;
use crate::chat::Dialect;
use crate::config::{ConfigError, Environment, Home, Name, Source};
use crate::json::raw::RawObject;
use crate::provider::Secret;
use crate::proxy::decide::decide;
use crate::proxy::gateway::Gateway;
use crate::proxy::question::Question;
use asking::{Answer, Place};

/// Largest request that is read from stdin.
const MAX_REQUEST: u64 = 64 << 20;

/// Say which target a request would go to, and why
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = "\
Examples:
  autogw explain --model auto               the target that the next request would go to
  autogw explain -m smart --exclude openai  the same without that provider
  autogw explain -m smart --strategy bandit as if that were the strategy
  autogw explain '{\"model\": \"m\", \"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]}'
  autogw explain - <request.json            a request in any dialect, told by its shape
  autogw explain - --endpoint /v1/embeddings <request.json
  autogw explain --request-id 0a1b2c        what was tried for a past request
  autogw explain -m auto --json | jq .chosen

It asks the gateway that the configuration describes, or the one at --url. Nothing is sent to any
provider and nothing changes. Where no gateway runs, the configuration answers, with what the last
run has kept of its keys and targets.

Exit status: 0 explained, 1 no target or no answer, 2 wrong usage, request or configuration.")]
pub struct ExplainArgs {
    /// The request as JSON; - reads it from stdin
    #[arg(value_name = "REQUEST", required_unless_present_any = ["model", "request_id"])]
    pub request: Option<String>,

    /// A request for this model or route, as small as can be
    #[arg(long, short, value_name = "MODEL", conflicts_with_all = ["request", "request_id"], add = ArgValueCompleter::new(names::models))]
    pub model: Option<String>,

    /// The past request of this id: the x-request-id of its answer
    #[arg(long, value_name = "ID", conflicts_with_all = ["request", "strategy", "region", "exclude", "endpoint"])]
    pub request_id: Option<String>,

    /// As if the candidates were put in order by this strategy
    #[arg(long, value_name = "STRATEGY", value_parser = PossibleValuesParser::new(["sequential", "adaptive", "bandit", "weighted"]))]
    pub strategy: Option<String>,

    /// As if it should run in this region
    #[arg(long, value_name = "REGION", add = ArgValueCandidates::new(names::regions))]
    pub region: Option<String>,

    /// Without this provider; may be given again
    #[arg(long, value_name = "PROVIDER", value_delimiter = ',', add = ArgValueCandidates::new(names::providers))]
    pub exclude: Vec<String>,

    /// Where the request would be sent, if its shape does not tell
    #[arg(long, value_name = "PATH")]
    pub endpoint: Option<String>,

    /// Ask the gateway at this address
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,

    /// The client key to ask with; better in `AUTOGW_API_KEY`, where other users cannot see it
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,

    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a doc comment here would replace the help of the verb"
    )]
    pub source: SourceArgs,

    /// Print the answer as JSON
    #[arg(long)]
    pub json: bool,
}

/// What is to be explained.
enum Subject {
    /// A request, with what is supposed beside it.
    Request(Bytes),
    /// The request of this id.
    Past(String),
}

/// Runs the verb.
pub async fn run(args: &ExplainArgs, env: Environment, console: &mut Console<'_>) -> Exit {
    let subject = match args.subject() {
        Ok(subject) => subject,
        Err(message) => {
            console.error(
                message,
                Some("it has to be one JSON object, as a client would send it"),
            );
            return Exit::Usage;
        }
    };
    let key = args.own_key(&env);
    if let Some(url) = &args.url {
        return match Place::at(url, key) {
            Ok(place) => ask(args, &place, &subject, console).await,
            Err(message) => {
                console.error(message, None);
                Exit::Usage
            }
        };
    }
    let setup = args.setup(env).await;
    let place = match &setup {
        Ok(setup) => Place::of(setup, args.source.name.as_ref(), key),
        // Nothing is configured, but a demo may run.
        Err((_, Source::Environment)) => Place::usual(key),
        Err((error, Source::File(_))) => {
            console.config_error(error);
            return Exit::Usage;
        }
    };
    match (place.ask(&subject).await, setup) {
        (Ok(answer), _) => print(args, &subject, &answer, console),
        (Err(nobody), Ok(setup)) if nobody.is_absent => {
            alone(args, &subject, &nobody.message, setup, console).await
        }
        (Err(nobody), Err((error, _))) if nobody.is_absent => {
            console.error(nobody.message, Some("--url says where another one is"));
            console.config_error(&error);
            Exit::Usage
        }
        (Err(failed), _) => {
            console.error(failed.message, Some("--url says where it is"));
            Exit::Failed
        }
    }
}

/// Asks the gateway that was named.
async fn ask(
    args: &ExplainArgs,
    place: &Place,
    subject: &Subject,
    console: &mut Console<'_>,
) -> Exit {
    match place.ask(subject).await {
        Ok(answer) => print(args, subject, &answer, console),
        Err(failed) => {
            let hint = failed.is_absent.then_some("`autogw start` starts one");
            console.error(failed.message, hint);
            Exit::Failed
        }
    }
}

/// Lets the configuration answer, as no gateway does.
async fn alone(
    args: &ExplainArgs,
    subject: &Subject,
    nobody: &str,
    setup: Setup,
    console: &mut Console<'_>,
) -> Exit {
    let Subject::Request(question) = subject else {
        console.error(
            nobody,
            Some("past requests are remembered by the gateway that runs"),
        );
        return Exit::Failed;
    };
    let (home, name) = (setup.home, args.source.name.as_ref());
    let redactor = std::sync::Arc::new(setup.config.redactor());
    let gateway = match Gateway::new(setup.config, redactor, "explain".to_owned()) {
        Ok(gateway) => gateway,
        Err(error) => {
            console.error(error.to_string(), None);
            return Exit::Usage;
        }
    };
    console.say(format_args!("{nobody}; {}", basis(&gateway, &home, name)));
    let answer = rehearsed(&gateway, question.clone()).await;
    print(args, subject, &answer, console)
}

/// Takes in what the last run has kept; says what the answer rests on then.
fn basis(gateway: &Gateway, home: &Home, name: Option<&Name>) -> String {
    match recall(gateway, home, name) {
        Ok(Some(path)) => format!(
            "this is by the configuration, and by what the last one knew of its keys and targets ({})",
            path.display()
        ),
        Ok(None) => {
            "this is by the configuration alone, as if nothing had been tried yet".to_owned()
        }
        Err(reason) => format!("this is by the configuration alone, as {reason}"),
    }
}

async fn rehearsed(gateway: &Gateway, question: Bytes) -> Answer {
    let question = Question::read(question, HeaderMap::new(), "open".into(), None);
    let decided = match question {
        Ok(question) => decide(gateway, question)
            .await
            .map_err(|hopeless| *hopeless),
        Err(problem) => Err(problem.into()),
    };
    match decided {
        Ok(body) => Answer { status: 200, body },
        Err(hopeless) => {
            let mut body = hopeless.problem.write(Dialect::OpenAiChat, "");
            if let Some(decision) = hopeless.decision {
                body["decision"] = decision;
            }
            let status = hopeless.problem.status.as_u16();
            Answer { status, body }
        }
    }
}

fn print(
    args: &ExplainArgs,
    subject: &Subject,
    answer: &Answer,
    console: &mut Console<'_>,
) -> Exit {
    let is_good = answer.status == 200;
    if args.json {
        console.json(&answer.body);
    } else {
        let width = table::width();
        match (subject, is_good) {
            (Subject::Request(_), true) => console.page(&told::decision(&answer.body, width)),
            (Subject::Past(_), true) => console.page(&past::request(&answer.body, width)),
            (_, false) => {
                let decision = &answer.body["decision"];
                if !decision.is_null() {
                    console.page(&told::decision(decision, width));
                }
                let hint = answer.hint(matches!(subject, Subject::Past(_)));
                console.error(table::plain(&answer.message()), hint);
            }
        }
    }
    if is_good { Exit::Done } else { Exit::Failed }
}

impl ExplainArgs {
    fn subject(&self) -> Result<Subject, String> {
        if let Some(id) = &self.request_id {
            return Ok(Subject::Past(id.clone()));
        }
        let text = match (&self.model, self.request.as_deref()) {
            (Some(model), _) => json!({ "model": model }).to_string(),
            (None, Some("-")) => {
                read_stdin().map_err(|error| format!("cannot read stdin: {error}"))?
            }
            (None, request) => request.unwrap_or_default().to_owned(),
        };
        Ok(Subject::Request(self.question(&text)?))
    }

    /// The request, and beside it what the flags suppose.
    fn question(&self, text: &str) -> Result<Bytes, String> {
        // It says the line and the column; what counts is what the request path says.
        if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
            return Err(format!("the request is not JSON: {error}"));
        }
        let object = RawObject::parse(Bytes::from(text.to_owned()));
        let object = object.map_err(|_| "the request is no JSON object".to_owned())?;
        let mut edit = object.edit();
        let mut set = |field, value: Option<Value>| {
            if let Some(value) = value {
                edit.set(field, value.to_string());
            }
        };
        set("strategy", self.strategy.clone().map(Value::from));
        set("preferred_region", self.region.clone().map(Value::from));
        let excluded = (!self.exclude.is_empty()).then(|| json!(self.exclude));
        set("exclude_providers", excluded);
        set("endpoint", self.endpoint.clone().map(Value::from));
        Ok(edit.finish().concat().into())
    }

    /// The key that was given for this.
    fn own_key(&self, env: &Environment) -> Option<Secret> {
        let key = self.key.as_deref().or_else(|| env.filled("AUTOGW_API_KEY"));
        key.map(Secret::new)
    }

    /// The configuration, or where there is none and why.
    async fn setup(&self, env: Environment) -> Result<Setup, (ConfigError, Source)> {
        let source = self
            .source
            .environment(env.clone())
            .and_then(|env| self.source.locate(&env));
        // What cannot be located was named.
        let source = source.map_err(|error| (error, Source::File("".into())))?;
        let setup = setup::resolve(&self.source, env).await;
        setup.map_err(|error| (error, source))
    }
}

fn read_stdin() -> io::Result<String> {
    let mut text = String::new();
    io::stdin().take(MAX_REQUEST).read_to_string(&mut text)?;
    Ok(text)
}
