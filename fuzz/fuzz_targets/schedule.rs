//! Lines of cron: what is taken has slots in order, in zones with odd clocks.
#![no_main]

use libfuzzer_sys::fuzz_target;
use syndicated::domain::schedule::Schedule;
use syndicated::domain::time::Timestamp;

fuzz_target!(|input: (&str, u32, u8)| {
    let (line, from, zone) = input;
    let zone = ["UTC", "Asia/Seoul", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia"]
        [usize::from(zone) % 6];
    let Ok(schedule) = Schedule::parse(line, zone.parse().expect("a zone")) else { return };
    let from = Timestamp::from_millis(i64::from(from) * 1000);
    let mut last = None;
    for slot in schedule.slots_after(from).take(8) {
        assert!(slot.due > from, "{line}: a slot of the past");
        if let Some((due, nominal)) = last {
            // What falls into an hour that the clock leaves out is due at once, each for itself.
            assert!(slot.due >= due && slot.nominal > nominal, "{line}: a slot does not come after the one before");
        }
        last = Some((slot.due, slot.nominal));
    }
});
