//! `muster targets` and `muster metrics`: a view for Prometheus, printed or written into a file by rename. They only ask.

use crate::cli::ExportArgs;
use crate::effects::files::replace;
use crate::exit::ExitCode;
use crate::plan::view::{View, metrics, targets};
use crate::verbs::Outcome;
use crate::verbs::asks::Asks;

/// The nodes to be scraped. Without a leader, or without one of its lists, a file stays as it is: targets that vanish would silence
/// every alert just then.
pub async fn export_targets(args: &ExportArgs, asks: &Asks) -> Outcome {
    let view = asks.look().await;
    let keeps = !view.has_all_lists() && args.out.as_ref().is_some_and(|file| file.exists());
    written(args, &view, (!keeps).then(|| targets::targets(&view)))
}

/// What is seen of the cluster, in figures.
pub async fn export_metrics(args: &ExportArgs, asks: &Asks) -> Outcome {
    let view = asks.look().await;
    written(args, &view, Some(metrics::metrics(&view)))
}

fn written(args: &ExportArgs, view: &View, text: Option<String>) -> Outcome {
    let code = match &view.leader {
        Ok(_) if text.is_some() => ExitCode::Ok,
        _ => view.whole().code(),
    };
    let report = view.leader.as_ref().err().map_or_else(String::new, |why| {
        format!("warning: no leader is believed: {why}\n")
    });
    let output = match (&args.out, text) {
        (None, text) => text.unwrap_or_default(),
        (Some(_), None) => String::new(),
        (Some(file), Some(text)) => match replace(file, text.as_bytes()) {
            Ok(()) => String::new(),
            Err(error) => return Outcome::failed(&error, ExitCode::Taken),
        },
    };
    Outcome { output, report, code }
}
