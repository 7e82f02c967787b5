// What ipywidgets 8.1 leaves out of an explorer's page: names of sliders and pictures for screen readers, values in
// words, changes of the numbers said aloud; and whether the pointer holds a control, so that drafts wait for its release.

function set(element, name, value) {
  if (element && element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function describe(root, alt) {
  for (const slider of root.querySelectorAll(".widget-slider")) {
    const label = slider.querySelector(".widget-label")?.textContent ?? "";
    const readout = slider.querySelector(".widget-readout");
    const handle = slider.querySelector(".noUi-handle");
    set(handle, "aria-label", label);
    if (readout?.textContent) set(handle, "aria-valuetext", readout.textContent);
    if (readout?.isContentEditable) {
      set(readout, "role", "textbox");
      set(readout, "aria-label", `${label}, value`);
    }
  }
  set(root.querySelector(".course-picture"), "alt", alt);
  set(root.querySelector(".course-line"), "aria-live", "polite");
}

function render({ model, el }) {
  const gone = new AbortController();
  const observer = new MutationObserver(start);
  let root = null;

  function start() {
    if (gone.signal.aborted) return;
    root ??= el.closest(".course-explorer");
    if (!root) return requestAnimationFrame(start); // not in the page yet
    describe(root, model.get("alt"));
    const names = ["aria-valuetext", "aria-label", "contenteditable"]; // noUiSlider writes its own value at each move
    observer.observe(root, { subtree: true, childList: true, characterData: true, attributeFilter: names });
  }

  function hold(held) {
    if (model.get("held") === held) return;
    model.set("held", held);
    model.save_changes();
  }

  const press = (event) => root?.contains(event.target) && event.target.closest(".noUi-target, canvas") && hold(true);
  window.addEventListener("pointerdown", press, { capture: true, signal: gone.signal });
  for (const name of ["pointerup", "pointercancel"])
    window.addEventListener(name, () => hold(false), { capture: true, signal: gone.signal });
  window.addEventListener("blur", () => hold(false), { signal: gone.signal }); // the window's own, not that of a control

  el.hidden = true;
  start();
  return () => {
    gone.abort();
    observer.disconnect();
  };
}

export default { render };
