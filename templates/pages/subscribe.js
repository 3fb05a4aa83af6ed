// Suggests the time zone of the reader's browser, where the form asks for one and
// nothing is chosen yet. The form does without.
(() => {
  "use strict";
  const zones = document.getElementById("timezone");
  if (!zones || zones.value !== "") return;
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const option = Array.from(zones.options).find((option) => option.value === own);
  if (option) option.selected = true;
})();
