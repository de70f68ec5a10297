"""A phone's browser that takes notifications: Debian's Chromium with our real service worker, and a push service of ours.

What is not real is the way between push service and browser, which is the browser maker's: `PushManager` in the page hands
out a subscription at `tests.peers.push_service`, and what comes there is opened with that subscription's keys and handed to
the worker by `ServiceWorker.deliverPushMessage`, as Chromium's own service does.
"""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, Worker

from tests.peers.push_service import Browser, Push, PushService
from tests.system.browser import sign_in, window
from tests.system.stack import until

SUBSCRIBES_HERE = """(() => {
    const given = %s;
    const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (sign) => sign.charCodeAt(0));
    const made = (key) => ({
        endpoint: given.endpoint,
        options: {userVisibleOnly: true, applicationServerKey: bytes(key).buffer},
        toJSON: () => ({endpoint: given.endpoint, keys: {p256dh: given.p256dh, auth: given.auth}}),
        unsubscribe: async () => { localStorage.removeItem("subscribed"); return true; },
    });
    PushManager.prototype.subscribe = async ({userVisibleOnly, applicationServerKey}) => {
        if (!userVisibleOnly || bytes(applicationServerKey).length !== 65) throw new DOMException("refused", "NotAllowedError");
        localStorage.setItem("subscribed", applicationServerKey);
        return made(applicationServerKey);
    };
    PushManager.prototype.getSubscription = async () => {
        const key = localStorage.getItem("subscribed");
        return key ? made(key) : null;
    };
})()"""
SHOWN = """navigator.serviceWorker.ready.then((registration) => registration.getNotifications()).then((all) => all.map(
    ({title, body, tag, silent, requireInteraction, actions}) =>
        ({title, body, tag, silent, requireInteraction, actions: actions.map((each) => each.title)})))"""
# A script's own events may not ask to live longer, so what the worker does is waited for here.
PRESS = """async ([tag, action]) => {
    const [notification] = await self.registration.getNotifications({tag});
    const event = new NotificationEvent("notificationclick", {notification, action});
    const work = [];
    event.waitUntil = (promise) => work.push(promise);
    self.dispatchEvent(event);
    return (await Promise.allSettled(work)).filter((one) => one.status === "rejected").map((one) => String(one.reason));
}"""
FIRE = """async (name) => {
    const work = [];
    const event = Object.assign(new Event(name), {tag: "answers", lastChance: false, waitUntil: (one) => work.push(one)});
    self.dispatchEvent(event);
    return (await Promise.allSettled(work)).filter((one) => one.status === "rejected").map((one) => String(one.reason));
}"""


class Phone:
    """`page` is a tab of it. `browser`: its subscription at `service`."""

    def __init__(self, page: Page, service: PushService, browser: Browser, url: str) -> None:
        self.page, self.service, self.browser, self._url = page, service, browser, url
        self._got = 0

    def add(
        self, at: str = "/pocket/", button: str = "Notify this phone", done: str = "This device is notified"
    ) -> None:
        """Press the button there, as its owner would, and see that it is done."""
        self.page.goto(f"{self._url}{at}")
        self.page.get_by_role("button", name=button).click()
        self.page.get_by_text(done).first.wait_for()
        self._devtools = self.page.context.new_cdp_session(self.page)
        found: list[str] = []
        self._devtools.on(
            "ServiceWorker.workerRegistrationUpdated",
            lambda event: found.extend(one["registrationId"] for one in event["registrations"]),
        )
        self._devtools.send("ServiceWorker.enable")
        until(lambda: found or self.page.wait_for_timeout(20), 5, "the worker is registered")
        self._registration = found[-1]

    def next_push(self) -> tuple[Push, dict[str, Any]]:
        """The next one that came to this browser, and what it tells the worker; it is waited for."""
        mine = self.service.pushes.wait(
            self._got + 1, lambda push: self.browser.endpoint.endswith(push.path), seconds=15
        )
        push = mine[self._got]
        self._got += 1
        return push, push.told(self.browser)

    def deliver(self, told: dict[str, Any]) -> list[dict[str, Any]]:
        """Chromium hands it to the worker; the notifications that stand there once it is among them."""
        message = {"origin": self._url, "registrationId": self._registration, "data": json.dumps(told)}
        self._devtools.send("ServiceWorker.deliverPushMessage", message)
        return self.showing(told["title"])

    def showing(self, words: str) -> list[dict[str, Any]]:
        """All notifications, as soon as one of them has `words` in its title or body."""

        def there() -> Any:
            shown = self.page.evaluate(SHOWN)
            return any(words in one["title"] + one["body"] for one in shown) and shown

        shown: list[dict[str, Any]] = until(there, 10, f"a notification says {words!r}")
        return shown

    def press(self, tag: str, action: str = "") -> list[str]:
        """Press a button of the notification with that tag, or itself; what went wrong in the worker."""
        failed: list[str] = self.worker.evaluate(PRESS, [tag, action])
        return failed

    def fire(self, event: str) -> list[str]:
        """The browser wakes the worker with that event; what went wrong in the worker."""
        failed: list[str] = self.worker.evaluate(FIRE, event)
        return failed

    @property
    def worker(self) -> Worker:
        """The service worker, awake."""
        return self.page.context.service_workers[0]


@contextlib.contextmanager
def phone(chromium: Chromium, url: str, service: PushService, email: str, password: str) -> Iterator[Phone]:
    """A phone whose owner is signed in and has allowed notifications."""
    browser = service.browser(email.partition("@")[0])
    with window(chromium, url, width=375) as context:
        context.grant_permissions(["notifications", "background-sync"], origin=url)
        context.add_init_script(SUBSCRIBES_HERE % json.dumps(browser.subscription))
        page = context.new_page()
        sign_in(page, url, email, password)
        yield Phone(page, service, browser, url)
