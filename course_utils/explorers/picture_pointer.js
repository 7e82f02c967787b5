// Tells where the pointer is pressed on the picture of an explorer: [x, y] in [0, 1], x to the right and y downwards.

function render({ model, el }) {
  const gone = new AbortController();

  function attach() {
    const picture = el.closest(".course-explorer")?.querySelector(".course-picture");
    if (!picture) {
      if (!gone.signal.aborted) requestAnimationFrame(attach); // not in the page yet
      return;
    }
    const send = (event) => {
      const box = picture.getBoundingClientRect();
      const inside = (offset, side) => Math.min(Math.max(offset / side, 0), 1);
      model.set("value", [inside(event.clientX - box.left, box.width), inside(event.clientY - box.top, box.height)]);
      model.save_changes();
    };
    const listeners = {
      pointerdown(event) {
        if (event.button !== 0) return;
        event.preventDefault(); // or the browser drags the picture itself
        try {
          picture.setPointerCapture(event.pointerId);
        } catch {}
        send(event);
      },
      pointermove(event) {
        if (event.buttons & 1) send(event);
      },
    };
    picture.style.touchAction = "none";
    picture.style.cursor = "crosshair";
    for (const [name, listener] of Object.entries(listeners))
      picture.addEventListener(name, listener, { signal: gone.signal });
  }

  attach();
  return () => gone.abort();
}

export default { render };
