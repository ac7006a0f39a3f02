"use strict";
// Runs before the first paint, so that a page never flashes in the wrong theme.
try {
  const stored = localStorage.getItem("theme");
  if (stored) document.documentElement.dataset.theme = stored;
} catch { /* storage is forbidden: the system's theme it is */ }
