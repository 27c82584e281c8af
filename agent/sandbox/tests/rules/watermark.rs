//! Steps of the disk.

use sandbox::{Disk, Share, Step, Watermarks, next};

fn disk(percent: u64) -> Disk {
    Disk {
        bytes: Share {
            used: percent,
            total: 100,
        },
        ..Disk::default()
    }
}

#[test]
fn steps_rise_at_once_and_fall_late() {
    use Step::{Critical, Normal, Strict, Tight};
    let cases = [
        (Normal, 0, Normal),
        (Normal, 79, Normal),
        (Normal, 80, Tight),
        (Normal, 90, Strict),
        (Normal, 95, Critical),
        (Normal, 100, Critical),
        (Tight, 70, Tight),
        (Tight, 69, Normal),
        (Tight, 89, Tight),
        (Tight, 97, Critical),
        (Strict, 85, Strict),
        (Strict, 84, Tight),
        (Strict, 70, Tight),
        (Strict, 69, Normal),
        (Critical, 90, Critical),
        (Critical, 89, Strict),
        (Critical, 84, Tight),
        (Critical, 10, Normal),
    ];
    for (previous, percent, wanted) in cases {
        let seen = next(previous, &disk(percent), &Watermarks::default());
        assert_eq!(seen, wanted, "{previous:?} at {percent} %");
    }
}

#[test]
fn a_disk_that_stands_still_changes_no_step_twice() {
    for previous in Step::ALL {
        for percent in 0..=100 {
            let once = next(previous, &disk(percent), &Watermarks::default());
            let twice = next(once, &disk(percent), &Watermarks::default());
            assert_eq!(once, twice, "{previous:?} at {percent} %");
        }
    }
}

#[test]
fn wrong_marks_are_all_told() {
    let fine = Watermarks::default();
    assert_eq!(fine.problems(), [""; 0]);
    let cases = [
        (
            Watermarks {
                low: 0.0,
                ..fine.clone()
            },
            1,
        ),
        (
            Watermarks {
                critical: 101.0,
                ..fine.clone()
            },
            1,
        ),
        (
            Watermarks {
                high: f64::NAN,
                ..fine.clone()
            },
            2,
        ),
        (
            Watermarks {
                low: 85.0,
                ..fine.clone()
            },
            1,
        ),
        (
            Watermarks {
                hysteresis: -1.0,
                budget_bytes: Some(0),
                ..fine
            },
            2,
        ),
    ];
    for (marks, wanted) in cases {
        assert_eq!(marks.problems().len(), wanted, "{marks:?}");
    }
}
