// The page on which a reader leaves acts at the first sign of life: a person points,
// touches, presses a key or scrolls; a scanner that opens every link only loads it.
"use strict";
(() => {
  const form = document.querySelector("form[data-leave]");
  if (!form) return;
  // A browser that restores where a page was scrolled to is no person who scrolls.
  history.scrollRestoration = "manual";
  let acted = false;
  let pointer = null;

  const act = () => {
    if (acted || document.visibilityState !== "visible") return;
    acted = true;
    form.submit();
    // Whoever was about to press it has left already.
    form.querySelector("button").disabled = true;
  };

  const onMove = (event) => {
    if (!event.isTrusted) return;
    // A page that opens below a pointer at rest may be told where that is: only a way counts.
    const place = `${event.screenX},${event.screenY}`;
    if (pointer !== null && pointer !== place) act();
    pointer = place;
  };
  const onKey = (event) => {
    // Keys that only change others, and those that belong to the browser, say nothing.
    const only = ["Shift", "Control", "Alt", "Meta", "AltGraph", "CapsLock"].includes(event.key);
    if (event.isTrusted && !only && !event.ctrlKey && !event.metaKey && !event.altKey) act();
  };
  const onSign = (event) => {
    if (event.isTrusted) act();
  };

  addEventListener("pointermove", onMove, { passive: true });
  addEventListener("keydown", onKey);
  for (const sign of ["pointerdown", "touchstart", "wheel", "scroll"]) {
    addEventListener(sign, onSign, { passive: true });
  }
  // Shown again from the browser's memory, it asks the site how things stand.
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
})();
