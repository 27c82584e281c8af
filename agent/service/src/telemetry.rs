//! The log: text for people at a terminal, JSON lines for machines, always on stderr.

use std::io::{self, IsTerminal};

use tracing_subscriber::{
    Layer, Registry,
    field::MakeExt,
    filter::Targets,
    fmt::{self, MakeWriter, format::debug_fn},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::Error;

/// How the process logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Levels by target, such as `info` or `warn,agent=debug`.
    pub filter: String,
    /// Text or JSON.
    pub format: LogFormat,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            format: LogFormat::Auto,
        }
    }
}

/// What a log line looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Text when stderr is a terminal, else JSON.
    #[default]
    Auto,
    /// Text; colours only on a terminal and without `NO_COLOR`.
    Text,
    /// One JSON object a line.
    Json,
}

/// What stands behind the log.
#[derive(Clone, Copy, Debug)]
enum Surface {
    Pipe,
    Terminal { colours: bool },
}

/// Sets the log of the whole process; once, from `main`.
pub fn init(settings: &LogSettings) -> Result<(), Error> {
    let layer = layer(settings, surface(), io::stderr)?;
    tracing_subscriber::registry()
        .with(layer)
        .try_init()
        .map_err(|source| Error::LogSet { source })
}

fn surface() -> Surface {
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if io::stderr().is_terminal() {
        Surface::Terminal {
            colours: !no_colour,
        }
    } else {
        Surface::Pipe
    }
}

fn layer<W>(
    settings: &LogSettings,
    surface: Surface,
    writer: W,
) -> Result<Box<dyn Layer<Registry> + Send + Sync>, Error>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let targets: Targets = settings.filter.parse().map_err(|source| Error::LogFilter {
        filter: settings.filter.clone(),
        source,
    })?;
    let text = match settings.format {
        LogFormat::Auto => matches!(surface, Surface::Terminal { .. }),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let colours = matches!(surface, Surface::Terminal { colours: true });
    // A reader of the log that went away must not take the process with it.
    let lines = fmt::layer().with_writer(writer).log_internal_errors(false);
    Ok(if text {
        let fields = debug_fn(|line, field, value| {
            let value = one_line(&format!("{value:?}"));
            match field.name() {
                "message" => line.write_str(&value),
                name => write!(line, "{name}={value}"),
            }
        });
        let text = lines.with_ansi(colours).fmt_fields(fields.delimited(" "));
        text.with_filter(targets).boxed()
    } else {
        let json = lines.json().flatten_event(true).with_span_list(false);
        json.with_filter(targets).boxed()
    })
}

/// A value may come from a stranger: it must not begin lines of its own or paint the terminal.
fn one_line(value: &str) -> String {
    let mut line = String::with_capacity(value.len());
    for character in value.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    const COLOURED: Surface = Surface::Terminal { colours: true };
    const PLAIN: Surface = Surface::Terminal { colours: false };

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(filter: &str, format: LogFormat, surface: Surface) -> String {
        captured(filter, format, surface, || {
            tracing::info_span!("pass", round = 7).in_scope(|| {
                tracing::info!(generation = 2, "written\x1b[31m");
                tracing::debug!("quiet");
            });
        })
    }

    fn captured(filter: &str, format: LogFormat, surface: Surface, work: impl FnOnce()) -> String {
        let page = Page::default();
        let settings = LogSettings {
            filter: filter.to_owned(),
            format,
        };
        let writer = page.clone();
        let layer = layer(&settings, surface, move || writer.clone()).unwrap();
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, work);
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn colours_are_for_terminals_only() {
        let cases = [
            (LogFormat::Auto, COLOURED, true, true),
            (LogFormat::Auto, PLAIN, true, false),
            (LogFormat::Auto, Surface::Pipe, false, false),
            (LogFormat::Text, Surface::Pipe, true, false),
            (LogFormat::Json, COLOURED, false, false),
        ];
        for (format, surface, text, colours) in cases {
            let page = logged("info", format, surface);
            assert_eq!(!page.starts_with('{'), text, "{page}");
            assert_eq!(page.contains("\x1b["), colours, "{page}");
            assert_eq!(page.lines().count(), 1, "{page}");
        }
    }

    #[test]
    fn a_json_line_has_message_fields_and_span() {
        let page = logged("info", LogFormat::Json, Surface::Pipe);
        let line: serde_json::Value = serde_json::from_str(&page).unwrap();
        assert_eq!(line["message"], "written\x1b[31m");
        assert_eq!(line["generation"], 2);
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["span"]["round"], 7);
    }

    #[test]
    fn what_strangers_say_stays_on_its_line() {
        let hostile = "\x1b[2J\nINFO fine";
        for format in [LogFormat::Text, LogFormat::Json] {
            let page = captured("info", format, Surface::Pipe, || {
                tracing::warn!(said = hostile, shown = %hostile, "heard {hostile}");
            });
            assert_eq!(page.lines().count(), 1, "{page}");
            assert!(!page.contains('\x1b'), "{page}");
        }
    }

    #[test]
    fn a_text_line_has_message_fields_and_span() {
        let page = logged("info", LogFormat::Text, Surface::Pipe);
        let (_, line) = page.split_once("INFO ").unwrap();
        let expected =
            "pass{round=7}: service::telemetry::tests: written\\u{1b}[31m generation=2\n";
        assert_eq!(line, expected);
    }

    #[test]
    fn levels_go_by_target() {
        for (filter, lines) in [
            ("off", 0),
            ("warn", 0),
            ("info", 1),
            ("debug", 2),
            ("warn,service=debug", 2),
            ("debug,service=warn", 0),
        ] {
            let page = logged(filter, LogFormat::Text, Surface::Pipe);
            assert_eq!(page.lines().count(), lines, "{filter}: {page}");
        }
    }

    #[test]
    fn a_wrong_filter_is_named() {
        let settings = LogSettings {
            filter: "service=loud".to_owned(),
            format: LogFormat::Auto,
        };
        let error = layer(&settings, Surface::Pipe, io::sink)
            .map(|_| ())
            .unwrap_err();
        assert_eq!(error.reason(), "log_filter");
        assert!(error.to_string().contains("service=loud"), "{error}");
    }
}
