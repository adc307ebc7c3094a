//! Whether a provider takes each key and knows each model: the listing of models is asked for, which costs
//! nothing; a request of a few tokens only where the listing does not answer the question.
//!
//! Nothing of an answer is shown but its status and the names of models: error texts can hold parts of keys.

use std::time::{Instant, SystemTime};

use futures_util::future::join_all;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;
use url::Url;

use super::clock::Sample;
use super::finding::Finding;
use super::listing::names;
use super::patient::Patient;
use crate::chat::Dialect;
use crate::cli::caller::caller;
use crate::cli::live::{meaning, name_of, question, with_headers};
use crate::provider::{ApiKey, Model, Models, Provider};
use crate::proxy::shown::near;

/// Largest listing that is read: aggregators have thousands of models.
const MAX_ANSWER: usize = 8 << 20;

/// Models of a provider that are asked for by name.
const MOST_MODELS: usize = 8;

/// A provider that can be reached.
pub(super) struct Asked<'a> {
    patient: &'a Patient,
    provider: &'a Provider,
    base: String,
    place: String,
    client: Client,
}

/// What came back.
enum Answer {
    /// A status, and the body if that is JSON.
    Came(StatusCode, Option<Value>),
    /// Nothing in time.
    Late,
    /// The connection broke.
    Broken,
}

impl Answer {
    fn status(&self) -> Option<StatusCode> {
        match self {
            Answer::Came(status, _) => Some(*status),
            Answer::Late | Answer::Broken => None,
        }
    }

    fn is_good(&self) -> bool {
        self.status().is_some_and(|status| status.is_success())
    }

    fn names(&self) -> Option<Vec<String>> {
        match self {
            Answer::Came(status, Some(body)) if status.is_success() => names(body),
            _ => None,
        }
    }
}

impl<'a> Asked<'a> {
    /// Makes ready to ask `provider` at `url`.
    pub(super) async fn new(
        patient: &'a Patient,
        provider: &'a Provider,
        url: &Url,
    ) -> Option<Self> {
        let builder = caller(patient.share(0.25)).await.no_proxy();
        let builder = match &provider.proxy {
            Some(proxy) => builder.proxy(reqwest::Proxy::all(proxy.as_str()).ok()?),
            None => builder,
        };
        Some(Self {
            patient,
            provider,
            base: url.as_str().trim_end_matches('/').to_owned(),
            place: url.origin().ascii_serialization(),
            client: builder.build().ok()?,
        })
    }

    /// What is found of its keys and models.
    pub(super) async fn check(&self) -> Vec<Finding> {
        let keys = &self.provider.keys;
        if keys.is_empty() {
            let answer = self.list(None).await;
            let (finding, is_good) = self.judge(None, &answer).await;
            let mut findings = vec![finding];
            if is_good {
                findings.extend(self.models(None, answer.names()).await);
            }
            return findings;
        }
        // Where anybody gets the listing, it says nothing of a key.
        let open = self.list(None);
        let listed = join_all(keys.iter().map(|key| self.list(Some(key))));
        let (open, listed) = futures_util::join!(open, listed);
        let open = &open;
        let judged = keys.iter().zip(&listed).map(|(key, answer)| async move {
            if open_to_all(answer, open) {
                self.try_out(key, answer.names()).await
            } else {
                self.judge(Some(key), answer).await
            }
        });
        let judged = join_all(judged).await;
        let good = judged.iter().position(|(_, is_good)| *is_good);
        let mut findings: Vec<Finding> = judged.into_iter().map(|(finding, _)| finding).collect();
        if let Some(good) = good {
            findings.extend(self.models(keys.get(good), listed[good].names()).await);
        }
        findings
    }

    fn subject(&self, key: Option<&ApiKey>) -> String {
        let keys = &self.provider.keys;
        let named = key.and_then(|key| {
            let index = keys.iter().position(|one| std::ptr::eq(one, key))?;
            Some(name_of(key, index))
        });
        match named {
            Some(name) => format!("{} [{name}]", self.provider.name),
            None => self.provider.name.to_string(),
        }
    }

    async fn list(&self, key: Option<&ApiKey>) -> Answer {
        let url = format!("{}{}", self.base, self.provider.models_path);
        self.send(self.client.get(url), key).await
    }

    async fn say(&self, model: &Model, key: Option<&ApiKey>) -> Answer {
        let (path, body) = question(self.provider, model);
        let request = self.client.post(format!("{}{path}", self.base)).json(&body);
        self.send(request, key).await
    }

    async fn send(&self, request: RequestBuilder, key: Option<&ApiKey>) -> Answer {
        let (asked, began) = (SystemTime::now(), Instant::now());
        let mut response = match with_headers(request, self.provider, key).send().await {
            Ok(response) => response,
            Err(error) if error.is_timeout() => return Answer::Late,
            Err(_) => return Answer::Broken,
        };
        let took = began.elapsed();
        let sample = Sample::read(self.place.clone(), response.headers(), asked, took);
        self.patient.samples.borrow_mut().extend(sample);
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            if body.len() + chunk.len() > MAX_ANSWER {
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Answer::Came(response.status(), serde_json::from_slice(&body).ok())
    }

    /// What the answer to a request for the listing says of `key`, and whether that is good.
    async fn judge(&self, key: Option<&ApiKey>, answer: &Answer) -> (Finding, bool) {
        let subject = self.subject(key);
        let Answer::Came(status, body) = answer else {
            return (self.silent(subject, answer), false);
        };
        match status.as_u16() {
            200..=299 if body.is_none() => (self.no_api(subject), false),
            200..=299 => (good(subject, key, answer.names().as_deref()), true),
            404 | 405 => self.without_listing(subject, key, *status).await,
            _ => (self.refused(subject, key, *status), false),
        }
    }

    fn silent(&self, subject: String, answer: &Answer) -> Finding {
        let message = match answer {
            Answer::Late => format!("no answer within {:?}", self.patient.share(0.25)),
            _ => "the connection broke before an answer".to_owned(),
        };
        let fix = match self.provider.proxy {
            Some(_) => "check proxy of the provider",
            None => "check base_url of the provider, and how the provider is",
        };
        Finding::error(subject, message).fix(fix)
    }

    fn no_api(&self, subject: String) -> Finding {
        let message = format!(
            "{} answers with something that is no API: a web page, perhaps",
            self.base
        );
        Finding::error(subject, message)
            .fix("correct base_url of the provider; or log in to the network")
    }

    fn refused(&self, subject: String, key: Option<&ApiKey>, status: StatusCode) -> Finding {
        let code = status.as_u16();
        let message = match (code, key) {
            (401 | 403, None) => format!("HTTP {code}: it asks for a key, and none is configured"),
            _ => meaning(status),
        };
        let variable = self.provider.preset.key_variables.first();
        let renew = match variable {
            Some(variable) => {
                format!("set another key: `export {variable}=…`, or api_key of the provider")
            }
            None => "set another api_key of the provider".to_owned(),
        };
        match code {
            401 => Finding::error(subject, message).fix(renew),
            402 => Finding::error(subject, message)
                .fix("add credit to the account, or take the key out"),
            403 => Finding::error(subject, message).fix(
                "give the key its rights at the provider's console (models, region, IP addresses)",
            ),
            429 => Finding::warning(subject, message)
                .fix("wait; if it stays so, the account has no quota left"),
            300..=399 => Finding::error(subject, message)
                .fix("write the address that it redirects to in base_url"),
            500..=599 => Finding::error(subject, message)
                .fix("wait, and see the provider's status page; another provider serves meanwhile"),
            _ => Finding::error(subject, message)
                .fix("check base_url and models_path of the provider"),
        }
    }

    /// No listing is there: the address is wrong, or it has none.
    async fn without_listing(
        &self,
        subject: String,
        key: Option<&ApiKey>,
        status: StatusCode,
    ) -> (Finding, bool) {
        if let Some(better) = self.better_base(key).await {
            let message = format!("{}: nothing is there", meaning(status));
            let fix = format!("set base_url of the provider to {better}");
            return (Finding::error(subject, message).fix(fix), false);
        }
        if let Some(model) = self.first_model() {
            let answer = self.say(model, key).await;
            return self.judge_words(subject, key, model, &answer, &[]);
        }
        let message = format!("{}, and no model is configured to ask for", meaning(status));
        let fix = "check base_url and models_path of the provider, or list its models";
        (Finding::warning(subject, message).fix(fix), false)
    }

    /// The base URL with the version that was left out, if there is a listing below it.
    async fn better_base(&self, key: Option<&ApiKey>) -> Option<String> {
        let dialect = self.provider.preset.dialects.first();
        let version = match dialect {
            Some(Dialect::Gemini) => "/v1beta",
            _ => "/v1",
        };
        if self.base.ends_with(version) {
            return None;
        }
        let better = format!("{}{version}", self.base);
        let url = format!("{better}{}", self.provider.models_path);
        let answer = self.send(self.client.get(url), key).await;
        answer.is_good().then_some(better)
    }

    fn first_model(&self) -> Option<&Model> {
        match &self.provider.models {
            Models::Listed(models) => models.first(),
            Models::Everything => None,
        }
    }

    /// Asks for a few words, as the listing is for everybody.
    async fn try_out(&self, key: &ApiKey, names: Option<Vec<String>>) -> (Finding, bool) {
        let names = names.unwrap_or_default();
        let subject = self.subject(Some(key));
        if let Some(model) = self.first_model() {
            let answer = self.say(model, Some(key)).await;
            return self.judge_words(subject, Some(key), model, &answer, &names);
        }
        let message = "it answers; whether it takes the key shows with the first request";
        (Finding::note(subject, message), true)
    }

    /// What the answer to a few words for `model` says of `key`.
    fn judge_words(
        &self,
        subject: String,
        key: Option<&ApiKey>,
        model: &Model,
        answer: &Answer,
        names: &[String],
    ) -> (Finding, bool) {
        match answer.status() {
            None => (self.silent(subject, answer), false),
            Some(status) if status.is_success() => (
                Finding::ok(subject, format!("{} answers", model.name)),
                true,
            ),
            // What is wrong with the model is told of the model.
            Some(status) if is_about_the_model(status) && !names.is_empty() => {
                (Finding::ok(subject, "the key is taken"), true)
            }
            Some(status) if is_about_the_model(status) => {
                let fix = "check base_url of the provider, and the names of its models";
                (Finding::error(subject, meaning(status)).fix(fix), false)
            }
            Some(status) => (self.refused(subject, key, status), false),
        }
    }

    /// Models that are configured and not listed: they are asked for, as listings leave out aliases.
    async fn models(&self, key: Option<&ApiKey>, names: Option<Vec<String>>) -> Vec<Finding> {
        let (Models::Listed(models), Some(names)) = (&self.provider.models, names) else {
            return Vec::new();
        };
        let is_listed = |model: &&Model| {
            let name = upstream_name(model);
            let tagged = format!("{name}:latest");
            names
                .iter()
                .any(|listed| listed == name || *listed == tagged)
        };
        let unlisted = models.iter().filter(|model| !is_listed(model));
        let asked = unlisted.take(MOST_MODELS).map(|model| async {
            let answer = self.say(model, key).await;
            let status = answer
                .status()
                .filter(|status| is_about_the_model(*status))?;
            Some(self.no_model(model, status, &names))
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    fn no_model(&self, model: &Model, status: StatusCode, names: &[String]) -> Finding {
        let name = upstream_name(model);
        let subject = format!("{}/{}", self.provider.name, model.name);
        let message = match status.as_u16() {
            404 => format!("HTTP 404: there is no model {name}"),
            code => format!("HTTP {code}: {name} is not listed, and a request for it is refused"),
        };
        let near = near(name, names.iter().map(String::as_str));
        let finding = Finding::error(subject, message);
        if near.is_empty() {
            finding.fix("correct the name in models of the provider")
        } else {
            finding.fix(format!(
                "in models of the provider, write {}",
                near.join(" or ")
            ))
        }
    }
}

/// What is told of an answer that is as it should be.
fn good(subject: String, key: Option<&ApiKey>, names: Option<&[String]>) -> Finding {
    let what = if key.is_some() {
        "the key is taken"
    } else {
        "it answers"
    };
    match names.map(<[String]>::len) {
        Some(1) => Finding::ok(subject, format!("{what}, one model is listed")),
        Some(count) => Finding::ok(subject, format!("{what}, {count} models are listed")),
        None => Finding::ok(subject, what),
    }
}

fn upstream_name(model: &Model) -> &str {
    model.upstream.as_deref().unwrap_or(&model.name)
}

/// Whether a status says that there is no such model: 400 and 422 do, where the request itself is as small and
/// plain as it can be.
fn is_about_the_model(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 404 | 422)
}

/// Whether the listing comes with a key as without.
fn open_to_all(with_key: &Answer, without: &Answer) -> bool {
    with_key.is_good() && without.is_good()
}
