//! Search: asks other targets to go on, until one has said its first new word.
//!
//! What it says until then is read by a translator that writes for nobody, and once more by the one that
//! writes for the client: who gives up has left no mark.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, header};
use tokio::time::{Instant, timeout, timeout_at};

use super::ear::Told;
use super::steps::{Step, Steps};
use super::{Splice, fit};
use crate::chat::{Blame, Dialect, ErrorBody, Failure, FailureClass, Next, Stage, Usage};
use crate::codec::dispatch::Encoder;
use crate::codec::openai_chat::error;
use crate::codec::target::Exchange;
use crate::codec::tokens::estimate_text;
use crate::provider::Features;
use crate::provider::classify::{self, Asked};
use crate::proxy::call::Call;
use crate::proxy::gateway::Gateway;
use crate::proxy::prepared::Prepared;
use crate::proxy::receive::read_error;
use crate::proxy::relay::{Broken, Relay};
use crate::proxy::seat::Seat;
use crate::proxy::tongue;
use crate::proxy::translate::{self, Crossing, Outgoing, Translator};
use crate::proxy::upstream::{self, Answer, AnswerBody, describe};
use crate::proxy::written::{Reader, Written};
use crate::route::Target;
use crate::route::plan::missing;

/// Most of the new answer that is read before it says a new word.
const MAX_HELD: usize = 1024 * 1024;

/// A request whose answer may be gone on with.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) call: Call,
    pub(super) prepared: Prepared,
    /// What it needs, as far as routing asked.
    pub(super) needs: Features,
    /// Who may be asked, in this order.
    pub(super) targets: Vec<Target>,
    /// When the stream has lasted as long as it may.
    pub(super) by: Instant,
}

/// Somebody who goes on.
#[derive(Debug)]
pub struct Found {
    /// Who.
    pub target: Target,
    /// The place that it takes.
    pub seat: Seat,
    /// Longest silence between bytes.
    pub idle: Duration,
    /// What it has said so far, as it came.
    pub said: Vec<Bytes>,
    /// The rest; `None` if that was all.
    pub rest: Option<AnswerBody>,
    crossing: Arc<Crossing>,
    told: Arc<Behind>,
}

/// What stands before the new words.
#[derive(Debug)]
struct Behind {
    told: Told,
    text: Arc<str>,
    input: Option<u64>,
    output: u64,
}

/// One request, ready to be sent.
struct Letter {
    outgoing: Outgoing,
    written: Written,
    first_token: Duration,
    idle: Duration,
    connect: Duration,
}

impl Behind {
    fn new(mut told: Told, dialect: Dialect) -> Self {
        let text: Arc<str> = std::mem::take(&mut told.text).into();
        let counted = |usage: &Usage| usage.output;
        // Only Gemini counts while it speaks.
        let output = told.usage.as_ref().filter(|_| dialect == Dialect::Gemini);
        Self {
            input: told.usage.map(|usage| usage.input),
            output: output.map_or_else(|| estimate_text(&text), counted),
            told,
            text,
        }
    }

    fn splice(&self) -> Splice {
        Splice::new(self.text.clone(), self.input, self.output)
    }
}

impl Found {
    /// What tells its words to the client, by whatever `encoder` has told the old ones; `None` if there
    /// is none and none can be made.
    pub fn relay(&self, encoder: Option<Encoder>) -> Option<Relay> {
        let encoder = encoder.or_else(|| resumed(&self.crossing, &self.told))?;
        Some(relay(&self.crossing, encoder, self.told.splice()))
    }

    /// The output tokens of what stands before its words.
    pub fn behind(&self) -> u64 {
        self.told.output
    }

    /// What tells the client who goes on; nothing for those whose SDKs survive no comment.
    pub fn comment(&self) -> Option<Bytes> {
        let plain = |c: char| if c.is_ascii_graphic() { c } else { '_' };
        let name = |name: &str| name.chars().take(128).map(plain).collect::<String>();
        let provider = name(&self.target.id.provider);
        let model = name(&self.target.offer.name);
        let comment = format!(": autogw continued by {provider}/{model}\n\n");
        (self.crossing.client != Dialect::Gemini).then(|| comment.into())
    }
}

/// An encoder in the state of whoever wrote what was told.
fn resumed(crossing: &Crossing, behind: &Behind) -> Option<Encoder> {
    let own = &crossing.exchange;
    let exchange = Exchange {
        model: behind.told.model.clone().unwrap_or(own.model.clone()),
        created: behind.told.created.unwrap_or(own.created),
        ..Exchange::clone(own)
    };
    let id = behind.told.id.as_deref();
    Encoder::resumed(crossing.client, exchange.into(), id, &behind.text)
}

fn relay(crossing: &Arc<Crossing>, encoder: Encoder, splice: Splice) -> Relay {
    let translator = Translator::continuing(crossing.clone(), encoder, splice);
    Relay::new(crossing.upstream, false, true).translated(translator)
}

impl Request {
    /// Asks until somebody goes on from what was `told`, `most` of them, and tells each of its steps.
    ///
    /// # Cancel safety
    /// Dropping the future ends the attempt under way.
    pub(super) async fn search(
        mut self: Box<Self>,
        gateway: Arc<Gateway>,
        told: Told,
        (id, steps): (String, Steps),
        most: u32,
    ) -> Option<Box<Found>> {
        let behind = Arc::new(Behind::new(told, self.call.endpoint.dialect));
        let mut asked = 0;
        let weight = self.call.body.len();
        let gate = gateway.heavy();
        if !gate.pass(weight, || self.extend(&gateway, &behind)).await {
            return None;
        }
        for target in &self.targets {
            if asked >= most || Instant::now() >= self.by {
                break;
            }
            if gateway.steering().is_drained(&target.id) {
                continue;
            }
            let Some(letter) = gate.pass(weight, || self.write(&gateway, target)).await else {
                continue;
            };
            let now = std::time::Instant::now();
            let seat = match gateway.health().admit(&target.id, now) {
                Ok(permit) => Seat::new(permit, gateway.vacancies(), target.offer.provider),
                Err(shut) => {
                    steps.tell(Step::Shut(target.clone(), shut));
                    continue;
                }
            };
            asked += 1;
            steps.tell(Step::Asked(target.clone()));
            match self.ask(&gateway, target, letter, &behind).await {
                Ok((letter, said, rest)) => {
                    return Some(Box::new(Found {
                        target: target.clone(),
                        seat,
                        idle: letter.idle,
                        said,
                        rest,
                        crossing: letter.outgoing.crossing,
                        told: behind,
                    }));
                }
                Err(failure) => {
                    let rests = note(&gateway, target, seat, &failure, &id);
                    steps.tell(Step::Failed {
                        class: failure.class,
                        status: failure.status,
                        elapsed: now.elapsed(),
                        rests,
                    });
                }
            }
        }
        None
    }

    /// Puts what was told behind the conversation; false if nobody may go on from there.
    fn extend(&mut self, gateway: &Gateway, behind: &Behind) -> bool {
        let read = self.prepared.neutral(gateway, &self.call);
        let is_plain = read.is_ok_and(|neutral| {
            let is_room = |most: u64| most > behind.output;
            fit::is_plain(&neutral.request) && neutral.request.max_tokens.is_none_or(is_room)
        });
        let neutral = self.prepared.neutral.get_mut().map(|read| &mut **read);
        match neutral {
            Some(Ok(neutral)) if is_plain => {
                neutral.go_on_from(behind.text.trim_end(), behind.output);
                true
            }
            _ => false,
        }
    }

    /// Writes the request for `target`; `None` if it is not to be asked: it would be told less than the
    /// first, or would do more than to go on.
    fn write(&self, gateway: &Gateway, target: &Target) -> Option<Letter> {
        let (offer, provider) = (&target.offer, gateway.provider(target));
        let endpoint = tongue::endpoint(&self.prepared, offer, provider)?;
        let is_able = fit::takes_prefix(offer)
            // Its answers are items, begun anew.
            && endpoint.dialect != Dialect::OpenAiResponses
            && missing(self.needs, offer.features).is_empty()
            && !self.prepared.has_effects_at(provider);
        if !is_able {
            return None;
        }
        let now = std::time::Instant::now();
        let unsupported = gateway.unsupported();
        let refused = unsupported.of(&target.id.provider, &offer.name, now);
        let reader = Reader {
            endpoint,
            offer,
            provider,
            refused: &refused,
        };
        let needs_nothing = Features::NONE;
        let mut outgoing =
            translate::write(gateway, &self.call, &self.prepared, reader, needs_nothing).ok()?;
        // The headers that would tell of a loss are gone.
        if outgoing.has_effects || outgoing.report.dropped().next().is_some() {
            return None;
        }
        let body = std::mem::take(&mut outgoing.body);
        let written = Written::translated(&self.call, true, reader, body);
        let timeouts = gateway.config().router.timeouts;
        let step = offer.rules.as_ref().and_then(|rules| rules.timeout);
        let limit = step.or(provider.timeout);
        Some(Letter {
            outgoing,
            written,
            first_token: limit.unwrap_or(timeouts.first_token),
            idle: limit.unwrap_or(timeouts.idle),
            connect: timeouts.connect,
        })
    }

    /// Sends the request and reads the answer as far as its first new word.
    async fn ask(
        &self,
        gateway: &Gateway,
        target: &Target,
        mut letter: Letter,
        behind: &Behind,
    ) -> Result<(Letter, Vec<Bytes>, Option<AnswerBody>), Failure> {
        let now = Instant::now();
        let by = self.by.min(now + letter.first_token);
        let outgoing = upstream::Outgoing {
            method: Method::POST,
            path: &letter.written.path,
            key: target.key,
            headers: &letter.written.headers,
            body: std::mem::take(&mut letter.written.body),
            connect_by: now + letter.connect,
            answer_by: by,
            may_repeat: gateway.config().router.retry_ambiguous,
        };
        let upstream = gateway.upstream(target);
        let sent = match gateway.steering().fault_of(&target.id.provider) {
            None => upstream.send(outgoing).await,
            Some(fault) => Box::pin(upstream.send_into(fault, outgoing)).await,
        };
        let answer = sent.map_err(|error| failure(error.class, error.stage, error.message))?;
        let Answer {
            status,
            headers,
            body,
        } = answer;
        if !status.is_success() {
            let said = timeout_at(by, read_error(body)).await.unwrap_or_default();
            let said = gateway.clean(error::read(&said));
            return Err(classify::answer(
                status,
                &headers,
                said,
                asked(gateway, target),
            ));
        }
        if !is_stream(&headers) {
            return Err(malformed("the answer is no event stream"));
        }
        let mut first = First::new(&letter, behind);
        let silence = letter.idle;
        match timeout_at(by, first.read(body, silence)).await {
            Ok(Ok(rest)) => Ok((letter, first.said, rest)),
            Ok(Err(Flaw::Spoken(body))) => {
                let body = gateway.clean(body);
                let status = classify::status_of(&body);
                Err(classify::answer(
                    status,
                    &headers,
                    body,
                    asked(gateway, target),
                ))
            }
            Ok(Err(Flaw::Failure(failure))) => Err(*failure),
            Err(_) => Err(late("no new word in time")),
        }
    }
}

/// The beginning of a new answer.
struct First {
    relay: Relay,
    said: Vec<Bytes>,
}

enum Flaw {
    /// It says so itself, or what it says cannot be gone on with.
    Spoken(ErrorBody),
    Failure(Box<Failure>),
}

impl First {
    fn new(letter: &Letter, behind: &Behind) -> Self {
        let crossing = &letter.outgoing.crossing;
        // Nobody reads what it writes.
        let encoder = Encoder::new(crossing.client, crossing.exchange.clone());
        Self {
            relay: relay(crossing, encoder, behind.splice()),
            said: Vec::new(),
        }
    }

    fn has_words(&mut self) -> bool {
        let translator = self.relay.translator();
        translator.is_some_and(|translator| translator.has_content())
    }

    /// Reads until a new word is said; the rest of the answer, if there is more.
    async fn read(
        &mut self,
        mut body: AnswerBody,
        idle: Duration,
    ) -> Result<Option<AnswerBody>, Flaw> {
        let (mut held, mut told) = (0, std::collections::VecDeque::new());
        // A finish without words is no beginning.
        while !self.has_words() {
            let next = if held == 0 {
                body.chunk().await
            } else {
                let silent = |_| Flaw::Failure(Box::new(late("it fell silent before a new word")));
                timeout(idle, body.chunk()).await.map_err(silent)?
            };
            let Some(chunk) = next else {
                self.relay.finish(&mut told).map_err(Flaw::from)?;
                return Ok(None);
            };
            let chunk = chunk.map_err(|error| Flaw::network(&describe(&error)))?;
            held += chunk.len();
            if held > MAX_HELD {
                return Err(Flaw::network("it had too much to say before a new word"));
            }
            self.said.push(chunk.clone());
            self.relay.feed(chunk, &mut told).map_err(Flaw::from)?;
            told.clear();
        }
        Ok(Some(body))
    }
}

impl Flaw {
    fn network(message: &str) -> Self {
        let message = message.to_owned();
        Self::Failure(Box::new(failure(
            FailureClass::Network,
            Stage::Answered,
            message,
        )))
    }
}

impl From<Broken> for Flaw {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Error(body) => Self::Spoken(body),
            Broken::Truncated => Self::network("the stream ended before a new word"),
        }
    }
}

fn asked<'a>(gateway: &'a Gateway, target: &'a Target) -> Asked<'a> {
    Asked {
        model: &target.offer.name,
        upstream: &target.offer.upstream,
        retryable: gateway.provider(target).retryable_status_codes.as_ref(),
    }
}

fn is_stream(headers: &HeaderMap) -> bool {
    let value = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let kind = value(header::CONTENT_TYPE).unwrap_or_default();
    let coding = value(header::CONTENT_ENCODING).unwrap_or("identity");
    kind.trim_start()
        .to_ascii_lowercase()
        .starts_with("text/event-stream")
        && coding.trim().eq_ignore_ascii_case("identity")
}

fn malformed(message: &str) -> Failure {
    failure(FailureClass::Malformed, Stage::Answered, message.to_owned())
}

fn late(message: &str) -> Failure {
    failure(FailureClass::Timeout, Stage::Answered, message.to_owned())
}

fn failure(class: FailureClass, stage: Stage, message: String) -> Failure {
    Failure {
        class,
        stage,
        next: Next::Provider,
        blame: match class {
            FailureClass::Local => Blame::Nobody,
            _ => Blame::Place,
        },
        status: None,
        message,
        kind: None,
        code: None,
        param: None,
        retry_after: None,
    }
}

/// Books the failure and tells the log; returns how long what failed rests.
fn note(
    gateway: &Gateway,
    target: &Target,
    seat: Seat,
    failure: &Failure,
    id: &str,
) -> Option<Duration> {
    let toll = seat.failed(failure, std::time::Instant::now(), gateway.next_dice());
    tracing::warn!(
        target: "autogw::stream",
        request_id = id,
        provider = &*target.id.provider,
        model = &*target.offer.name,
        class = failure.class.name(),
        status = failure.status,
        code = failure.code,
        reason = failure.own_words(),
        "stream was not continued here"
    );
    toll.rested.map(|rest| rest.wait)
}
