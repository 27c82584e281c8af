//! What is used of what there is, as bars where there is a limit.

use agent_api::{DiskUsageView, ResourcesView};

use super::Pen;
use crate::cli::bar::bar;
use crate::cli::figures::{amount, percent};
use crate::cli::page::Page;
use crate::cli::paint::plain;

/// A row for each that is known.
pub(super) fn rows(page: &mut Page, view: &ResourcesView, pen: Pen) {
    page.gap();
    page.row_if("memory", memory(view, pen));
    page.row_if(
        "cpu",
        view.cpu_cores.map(|cores| format!("{cores:.3} cores")),
    );
    page.row_if("event loop", event_loop(view));
    for disk in &view.disks {
        let label = format!("disk {}", plain(&disk.volume));
        page.row(&label, &self::disk(disk, pen));
    }
}

fn memory(view: &ResourcesView, pen: Pen) -> Option<String> {
    let used = view.memory_bytes?;
    Some(match view.memory_limit_bytes {
        Some(limit) if limit > 0 => {
            let bar = bar(part(used, limit), pen.screen.unicode, pen.paint);
            format!("{bar}  {} of {}", amount(used), amount(limit))
        }
        _ => format!("{}, no limit", amount(used)),
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a part of one needs no exact bytes"
)]
fn part(used: u64, limit: u64) -> f64 {
    used as f64 / limit as f64
}

fn event_loop(view: &ResourcesView) -> Option<String> {
    let delay = view.event_loop_delay_seconds;
    let delay = delay.map(|delay| format!("{:.0} ms late (99th percentile)", delay * 1000.0));
    let busy = view.event_loop_utilization;
    let busy = busy.map(|busy| format!("{} busy", percent(busy)));
    let parts: Vec<String> = delay.into_iter().chain(busy).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn disk(disk: &DiskUsageView, pen: Pen) -> String {
    let bar = bar(disk.used_ratio, pen.screen.unicode, pen.paint);
    let (free, inodes) = (amount(disk.free_bytes), percent(disk.inodes_ratio));
    format!("{bar}  {free} free, {inodes} of its inodes used")
}
