//! Names of strangers that become labels: few, clean, and for good.
//!
//! The first come stay, as long as the page has room for their series; all others share `other`. A name never loses its
//! label while the process lives: its counters would jump.

use super::counters::Model;

/// What all others share.
pub const OTHER: &str = "other";

/// Providers with a label of their own.
const PROVIDERS: usize = 8;

/// Models with a label of their own.
const MODELS: usize = 16;

/// The longest label, in bytes.
const LENGTH: usize = 64;

/// Series of one model: calls by two outcomes, tokens of two kinds, cost.
const OF_MODEL: usize = 5;

/// Series of one provider beside those: a histogram of 7 buckets, and failures in a row.
const OF_PROVIDER: usize = 11;

/// Series of one platform: requests by two outcomes, and a histogram of 7 buckets.
const OF_PLATFORM: usize = 12;

/// Series of one channel.
const OF_CHANNEL: usize = 1;

/// Series of the rest: a model, the requests of a platform, a channel. No histogram: what strangers share is nobody's
/// latency.
const OF_OTHERS: usize = OF_MODEL + 2 + OF_CHANNEL;

/// The channels of the gateway's own catalogue.
const CHANNELS: [&str; 30] = [
    "buzz",
    "clickclack",
    "discord",
    "feishu",
    "googlechat",
    "imessage",
    "irc",
    "line",
    "matrix",
    "mattermost",
    "msteams",
    "nextcloud-talk",
    "nostr",
    "openclaw-weixin",
    "openclaw-zaloclawbot",
    "qqbot",
    "raft",
    "signal",
    "slack",
    "sms",
    "synology-chat",
    "telegram",
    "tlon",
    "twitch",
    "webchat",
    "wecom",
    "whatsapp",
    "yuanbao",
    "zalo",
    "zalouser",
];

/// Which names have a label of their own.
#[derive(Clone, Debug)]
pub struct Labels {
    /// Series that may still be handed out.
    left: usize,
    providers: Vec<String>,
    models: Vec<Model>,
    platforms: Vec<&'static str>,
    channels: Vec<&'static str>,
}

impl Labels {
    /// Labels for at most so many series, those of `other` among them.
    pub fn new(series: usize) -> Self {
        Self {
            left: series.saturating_sub(OF_OTHERS),
            providers: Vec::new(),
            models: Vec::new(),
            platforms: Vec::new(),
            channels: Vec::new(),
        }
    }

    /// The label of a model, with that of its provider.
    pub fn model(&mut self, provider: &str, model: &str) -> Model {
        let named = Model {
            provider: clean(provider),
            model: clean(model),
        };
        if self.models.contains(&named) {
            return named;
        }
        let free = self.models.len() < MODELS && named.model != OTHER;
        let price = self.price(&named.provider).map(|price| price + OF_MODEL);
        match price.filter(|price| free && *price <= self.left) {
            Some(price) => {
                self.left -= price;
                if !self.providers.contains(&named.provider) {
                    self.providers.push(named.provider.clone());
                }
                self.models.push(named.clone());
                named
            }
            None => Model::other(),
        }
    }

    /// The label of a provider that has one: it comes with its first model.
    pub fn provider(&self, name: &str) -> Option<String> {
        let name = clean(name);
        self.providers.contains(&name).then_some(name)
    }

    /// The label of a platform that calls webhooks; `None` for what shares `other`.
    pub fn platform(&mut self, name: &str) -> Option<&'static str> {
        let known = channel(name)?;
        place(&mut self.platforms, known, OF_PLATFORM, &mut self.left)
    }

    /// The label of a channel.
    pub fn channel(&mut self, name: &str) -> &'static str {
        let own = channel(name)
            .and_then(|known| place(&mut self.channels, known, OF_CHANNEL, &mut self.left));
        own.unwrap_or(OTHER)
    }

    /// What a provider costs that has no label yet.
    fn price(&self, provider: &str) -> Option<usize> {
        if self.providers.iter().any(|known| known == provider) {
            return Some(0);
        }
        let free = self.providers.len() < PROVIDERS && provider != OTHER;
        free.then_some(OF_PROVIDER)
    }
}

/// A known name keeps its place; a new one gets one where there is room.
fn place(
    known: &mut Vec<&'static str>,
    name: &'static str,
    price: usize,
    left: &mut usize,
) -> Option<&'static str> {
    if known.contains(&name) {
        return Some(name);
    }
    *left = left.checked_sub(price)?;
    known.push(name);
    Some(name)
}

fn channel(name: &str) -> Option<&'static str> {
    let place = CHANNELS.binary_search(&name).ok()?;
    CHANNELS.get(place).copied()
}

/// A name as a label shows it: printable and short. Nothing is left of some: those share `other`.
fn clean(name: &str) -> String {
    let mut label = String::new();
    for letter in name.trim().chars() {
        let letter = if letter.is_ascii_graphic() {
            letter
        } else {
            '_'
        };
        if label.len() == LENGTH {
            break;
        }
        label.push(letter);
    }
    if label.is_empty() {
        OTHER.clone_into(&mut label);
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(labels: &mut Labels, provider: &str, model: &str) -> String {
        let label = labels.model(provider, model);
        format!("{}/{}", label.provider, label.model)
    }

    #[test]
    fn the_first_models_and_providers_stay() {
        let mut labels = Labels::new(1000);
        for n in 0..9 {
            let want = if n < 8 {
                format!("p{n}/m")
            } else {
                "other/other".to_owned()
            };
            assert_eq!(shown(&mut labels, &format!("p{n}"), "m"), want);
        }
        for n in 0..9 {
            let want = if n < 8 {
                format!("p0/x{n}")
            } else {
                "other/other".to_owned()
            };
            assert_eq!(shown(&mut labels, "p0", &format!("x{n}")), want);
        }
        assert_eq!(shown(&mut labels, "p7", "m"), "p7/m");
        assert_eq!(labels.provider("p7").as_deref(), Some("p7"));
        assert_eq!(labels.provider("p8"), None);
    }

    #[test]
    fn the_room_on_the_page_binds_as_well() {
        let one = OF_OTHERS + OF_PROVIDER + OF_MODEL;
        let mut labels = Labels::new(one + OF_MODEL + OF_CHANNEL);
        assert_eq!(shown(&mut labels, "p", "a"), "p/a");
        assert_eq!(labels.platform("telegram"), None);
        assert_eq!(shown(&mut labels, "q", "a"), "other/other");
        assert_eq!(shown(&mut labels, "p", "b"), "p/b");
        assert_eq!(shown(&mut labels, "p", "c"), "other/other");
        assert_eq!(labels.channel("telegram"), "telegram");
        assert_eq!(labels.channel("slack"), OTHER);
        assert_eq!(labels.channel("telegram"), "telegram");
        assert_eq!(shown(&mut Labels::new(0), "p", "a"), "other/other");
    }

    #[test]
    fn names_are_cleaned() {
        let long = "x".repeat(1000);
        for (name, want) in [
            ("gpt-5.1", "gpt-5.1"),
            (" a b\n\"c\"\u{7f}é ", "a_b_\"c\"__"),
            ("", "other"),
            ("  ", "other"),
            (long.as_str(), &long[..64]),
        ] {
            assert_eq!(clean(name), want, "{name:?}");
        }
        assert_eq!(shown(&mut Labels::new(100), "", "m"), "other/other");
        assert_eq!(shown(&mut Labels::new(100), "p", ""), "other/other");
    }

    #[test]
    fn a_channel_is_one_of_the_catalogue() {
        assert!(CHANNELS.is_sorted());
        let mut labels = Labels::new(100);
        assert_eq!(labels.channel("nobody-knows"), OTHER);
        assert_eq!(labels.platform("nobody-knows"), None);
        assert_eq!(labels.platform("msteams"), Some("msteams"));
    }
}
