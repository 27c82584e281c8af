//! Networks: those that sandboxes may join, and the making of the browser's.

use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    answer,
    create::{read, write},
    filters::Filters,
    handle::{Context, Reply},
    lookup,
    refusal::Refusal,
    unused::{self, Unused},
    upstream::Call,
};

/// A new network, of which nothing but its name may be said.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct Create {
    name: String,
    check_duplicate: bool,
    driver: String,
    #[serde(skip_serializing)]
    scope: Unused,
    #[serde(rename = "EnableIPv4", skip_serializing)]
    enable_ipv4: Option<bool>,
    #[serde(rename = "EnableIPv6", skip_serializing)]
    enable_ipv6: Unused,
    #[serde(rename = "IPAM", skip_serializing)]
    ipam: Option<Ipam>,
    internal: bool,
    #[serde(skip_serializing)]
    attachable: Unused,
    #[serde(skip_serializing)]
    ingress: Unused,
    #[serde(skip_serializing)]
    config_only: Unused,
    #[serde(skip_serializing)]
    config_from: Unused,
    #[serde(skip_serializing)]
    options: Unused,
    #[serde(skip_serializing)]
    labels: Unused,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct Ipam {
    driver: String,
    options: Unused,
    config: Unused,
}

impl Create {
    fn check(&self, allowed: Option<&str>) -> Result<(), Refusal> {
        if allowed != Some(&self.name) {
            return Err(Refusal::forbidden(format!(
                "the network `{}` may not be made",
                self.name
            )));
        }
        let ipam = self.ipam.as_ref().map_or("", |ipam| &ipam.driver);
        if !["", "bridge"].contains(&self.driver.as_str())
            || !["", "default"].contains(&ipam)
            || self.enable_ipv4 == Some(false)
        {
            return Err(Refusal::forbidden(
                "a network of sandboxes must be a plain bridge",
            ));
        }
        let Ipam {
            options, config, ..
        } = self.ipam.as_ref().unwrap_or(&NO_IPAM);
        unused::refuse(&[
            ("Scope", &self.scope),
            ("EnableIPv6", &self.enable_ipv6),
            ("IPAM.Options", options),
            ("IPAM.Config", config),
            ("Attachable", &self.attachable),
            ("Ingress", &self.ingress),
            ("ConfigOnly", &self.config_only),
            ("ConfigFrom", &self.config_from),
            ("Options", &self.options),
            ("Labels", &self.labels),
        ])
    }
}

static NO_IPAM: Ipam = Ipam {
    driver: String::new(),
    options: Unused::UNSET,
    config: Unused::UNSET,
};

/// `networks`.
pub(crate) async fn list(context: &Context) -> Reply {
    context.query.only(&["filters"])?;
    let filters = Filters::read(context.query.get("filters"), &["name", "id", "driver"])?;
    let mut query = context.query.clone();
    query.set("filters", filters.write());
    let mut networks: Vec<Value> = context.read(query.behind("/networks")).await?;
    networks.retain_mut(|network| keep(network, &context.guard.settings.networks));
    Ok(answer::json(
        StatusCode::OK,
        Value::from(networks).to_string(),
    ))
}

/// `networks/{name}`.
pub(crate) async fn inspect(context: &Context, name: &str) -> Reply {
    context.query.only(&["scope", "verbose"])?;
    let absent = || Refusal::Absent(format!("network {name} not found"));
    let call = Call::get(context.version, format!("/networks/{name}"));
    let (status, body) = context.guard.upstream.ask(call).await?;
    match status {
        StatusCode::OK => {}
        status if status.is_server_error() => return Err(Refusal::Said(status, body)),
        _ => return Err(absent()),
    }
    let mut network: Value = lookup::read(&body)?;
    if !keep(&mut network, &context.guard.settings.networks) {
        return Err(absent());
    }
    Ok(answer::json(StatusCode::OK, network.to_string()))
}

/// Whether a network is one of these. Who else is on it is not told.
fn keep(network: &mut Value, names: &[String]) -> bool {
    if let Some(containers) = network.get_mut("Containers") {
        *containers = Value::Object(serde_json::Map::new());
    }
    let name = network.get("Name").and_then(Value::as_str);
    name.is_some_and(|name| names.iter().any(|known| known == name))
}

/// `networks/create`.
pub(crate) async fn create(context: &Context, body: &[u8]) -> Reply {
    context.query.only(&[])?;
    let create: Create = read(body)?;
    create.check(context.guard.settings.browser_network.as_deref())?;
    let call = Call::new(Method::POST, Some(context.version), "/networks/create");
    context.pass(call.json(write(&create)?)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_plain_browser_network_may_be_made() {
        let check = |text: &str| {
            read::<Create>(text.as_bytes()).and_then(|create| create.check(Some("browser")))
        };
        for text in [
            r#"{"Name":"browser"}"#,
            r#"{"CheckDuplicate":true,"Name":"browser","Driver":"bridge","Scope":"","EnableIPv6":false,"IPAM":{"Driver":"default","Options":{},"Config":[]},"Internal":false,"Attachable":false,"Ingress":false,"ConfigOnly":false,"ConfigFrom":null,"Options":{},"Labels":{}}"#,
        ] {
            check(text).unwrap();
        }
        for text in [
            "{}",
            r#"{"Name":"Browser"}"#,
            r#"{"Name":"browser","Driver":"macvlan"}"#,
            r#"{"Name":"browser","Driver":"host"}"#,
            r#"{"Name":"browser","Options":{"parent":"eth0"}}"#,
            r#"{"Name":"browser","IPAM":{"Config":[{"Subnet":"10.0.0.0/8"}]}}"#,
            r#"{"Name":"browser","ConfigFrom":{"Network":"x"}}"#,
            r#"{"Name":"browser","EnableIPv4":false}"#,
            r#"{"Name":"browser","name":"host"}"#,
            r#"{"Name":"browser","Name":"host"}"#,
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }
}
