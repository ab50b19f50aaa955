//! One registered file.

use crate::{Behaviour, Shared};
use alloc::sync::{Arc, Weak};
use alloc::task::Wake;
use core::sync::atomic::{AtomicBool, Ordering};
use file::{Events, File, Registration, Share, WaitQueue};
use spinlock::Mutex;
use uapi::{Errno, Result};

/// What epoll_ctl(2) asked for.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    /// Empty while disabled: after a one-shot report, or removed.
    mask: Events,
    pub(crate) behaviour: Behaviour,
    data: u64,
}

impl Settings {
    pub(crate) fn new(events: u32, data: u64) -> Result<Settings> {
        let mask = Events::from_bits_truncate(events) | Events::ALWAYS;
        Ok(Settings { mask, behaviour: Behaviour::from_bits_truncate(events), data })
    }

    /// EPOLLEXCLUSIVE goes with few other bits (epoll_ctl(2)).
    pub(crate) fn check_exclusive(&self) -> Result<()> {
        let events = Events::IN | Events::OUT | Events::ALWAYS;
        let behaviour = Behaviour::EXCLUSIVE | Behaviour::WAKEUP | Behaviour::EDGE;
        if events.contains(self.mask) && behaviour.contains(self.behaviour) { Ok(()) } else { Err(Errno::EINVAL) }
    }

    /// Files wake with the plain bits, the `NORM` ones or both: whoever asks for one hears of the other.
    fn wake_interest(&self) -> Events {
        let mut interest = self.mask;
        for both in [Events::READABLE, Events::WRITABLE] {
            if interest.intersects(both) {
                interest |= both;
            }
        }
        interest
    }
}

/// One item's readiness on its way to the application.
pub(crate) struct Report {
    pub(crate) events: Events,
    pub(crate) data: u64,
    /// Level-triggered: the item goes back on the list.
    pub(crate) level: bool,
    /// What a one-shot item was asked for, before the report disabled it.
    disabled: Option<Events>,
}

pub(crate) struct Item {
    file: Weak<dyn File>,
    epoll: Weak<Shared>,
    settings: Mutex<Settings>,
    /// This item as a waker on the file's queue. The queue and the item own each other: `disable` ends that.
    registration: Mutex<Option<Registration>>,
    /// Whether it is on the ready list; set under the list's lock.
    queued: AtomicBool,
}

impl Item {
    pub(crate) fn new(file: &Arc<dyn File>, epoll: &Arc<Shared>, settings: Settings) -> Item {
        Item {
            file: Arc::downgrade(file),
            epoll: Arc::downgrade(epoll),
            settings: Mutex::new(settings),
            registration: Mutex::new(None),
            queued: AtomicBool::new(false),
        }
    }

    pub(crate) fn file(&self) -> Option<Arc<dyn File>> {
        self.file.upgrade()
    }

    /// Whether it is for `file`.
    pub(crate) fn watches(&self, file: &Arc<dyn File>) -> bool {
        core::ptr::addr_eq(self.file.as_ptr(), Arc::as_ptr(file))
    }

    /// Whether the file was closed.
    pub(crate) fn is_gone(&self) -> bool {
        self.file.strong_count() == 0
    }

    /// EINVAL when either side is EPOLLEXCLUSIVE.
    pub(crate) fn modify(&self, new: Settings) -> Result<()> {
        let mut settings = self.settings.lock();
        if (settings.behaviour | new.behaviour).contains(Behaviour::EXCLUSIVE) {
            return Err(Errno::EINVAL);
        }
        *settings = new;
        Ok(())
    }

    /// Waits on the file's queue for what the settings ask.
    pub(crate) fn listen(self: &Arc<Self>, queue: &WaitQueue) {
        let interest = self.settings.lock().wake_interest();
        let registration = queue.register(interest, Share::All, self.clone().into());
        let old = self.registration.lock().replace(registration);
        drop(old);
    }

    /// Never reported again; off the file's queue.
    pub(crate) fn disable(&self) {
        self.settings.lock().mask = Events::empty();
        let registration = self.registration.lock().take();
        drop(registration);
    }

    pub(crate) fn requeue_if_ready(self: &Arc<Self>, file: &Arc<dyn File>) {
        if self.would_report(file.poll()) {
            self.wake_by_ref();
        }
    }

    pub(crate) fn would_report(&self, ready: Events) -> bool {
        self.settings.lock().mask.intersects(ready)
    }

    /// What to report when the file is `ready`. A one-shot item is disabled by it, so that only one caller gets it.
    pub(crate) fn take_report(&self, ready: Events) -> Option<Report> {
        let mut settings = self.settings.lock();
        let events = settings.mask & ready;
        if events.is_empty() {
            return None;
        }
        let oneshot = settings.behaviour.contains(Behaviour::ONESHOT);
        let disabled = oneshot.then(|| core::mem::replace(&mut settings.mask, Events::empty()));
        let level = !oneshot && !settings.behaviour.contains(Behaviour::EDGE);
        Some(Report { events, data: settings.data, level, disabled })
    }

    /// Undoes [`take_report`](Self::take_report): the report did not reach the application.
    pub(crate) fn give_back(self: &Arc<Self>, epoll: &Shared, report: &Report) {
        if let Some(mask) = report.disabled {
            let registered = self.registration.lock().is_some();
            let mut settings = self.settings.lock();
            if registered && settings.mask.is_empty() {
                settings.mask = mask;
            }
        }
        epoll.push(self);
    }

    /// Off the ready list. Before the file is asked, so that no event between is lost.
    pub(crate) fn unqueued(&self) {
        self.queued.store(false, Ordering::SeqCst);
    }

    /// Under the ready list's lock: whether the item must be put on it.
    pub(crate) fn mark_queued(&self) -> bool {
        !self.queued.swap(true, Ordering::SeqCst)
    }
}

impl Wake for Item {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.settings.lock().mask.is_empty() {
            return;
        }
        if let Some(epoll) = self.epoll.upgrade() {
            epoll.push(self);
            // Also when it was on the list already: a waiter may have gone to sleep before another put it back there.
            epoll.queue.wake(Events::READABLE);
        }
    }
}
