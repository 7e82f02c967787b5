// A square in which a kernel, or a mask over a picture, is drawn with the pointer or with the keyboard: rows of 0 and 1,
// sent as they change.

function line([i, j], [k, l]) {
  const n = Math.max(Math.abs(k - i), Math.abs(l - j), 1);
  return Array.from({ length: n + 1 }, (_, t) => [i + Math.round(((k - i) * t) / n), j + Math.round(((l - j) * t) / n)]);
}

function render({ model, el }) {
  const size = model.get("value").length;
  const CELL = model.get("cell"); // screen pixels
  const canvas = Object.assign(document.createElement("canvas"), { width: size * CELL, height: size * CELL, tabIndex: 0 });
  const clear = Object.assign(document.createElement("button"), { textContent: "clear", className: "jupyter-button" });
  const title = Object.assign(document.createElement("div"), { textContent: model.get("title") });
  const said = document.createElement("span");
  const gone = new AbortController();
  const context = canvas.getContext("2d");
  let cursor = [size >> 1, size >> 1];
  let last = null; // the cell where the pointer was, while it is pressed
  let ink = 1;
  const background = new Image(); // the picture under a mask; a kernel has none
  const show = () => model.get("background") && (background.src = model.get("background"));
  show();

  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", model.get("label"));
  canvas.style.cssText = "touch-action: none; cursor: crosshair; display: block; margin: 4px 0";
  said.setAttribute("role", "status");
  said.style.marginLeft = "8px";

  function paint() {
    const value = model.get("value");
    context.fillStyle = "black";
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (background.complete && background.naturalWidth)
      context.drawImage(background, 0, 0, canvas.width, canvas.height);
    context.fillStyle = model.get("ink");
    value.forEach((row, i) => row.forEach((ink, j) => ink && context.fillRect(j * CELL, i * CELL, CELL, CELL)));
    context.strokeStyle = "#56b4e9"; // the centre of a kernel, and in orange the keyboard's place
    if (!background.src) context.strokeRect((size >> 1) * CELL + 0.5, (size >> 1) * CELL + 0.5, CELL - 1, CELL - 1);
    if (document.activeElement !== canvas) return;
    context.strokeStyle = "#e69f00";
    context.lineWidth = 2;
    context.strokeRect(cursor[1] * CELL + 1, cursor[0] * CELL + 1, CELL - 2, CELL - 2);
    context.lineWidth = 1;
  }

  function write(cells, ink) {
    const value = model.get("value").map((row) => [...row]);
    for (const [i, j] of cells) if (i >= 0 && i < size && j >= 0 && j < size) value[i][j] = ink;
    model.set("value", value);
    model.save_changes();
  }

  function say() {
    const [i, j] = cursor;
    const words = model.get("value")[i][j] ? "drawn" : "empty";
    said.textContent = `row ${i + 1}, column ${j + 1}: ${words}`;
  }

  function place(event) {
    const box = canvas.getBoundingClientRect();
    const at = (offset, side) => Math.floor((offset / side) * size);
    return [at(event.clientY - box.top, box.height), at(event.clientX - box.left, box.width)];
  }

  const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const inside = (x) => Math.min(Math.max(x, 0), size - 1);
  const listeners = {
    pointerdown(event) {
      if (event.button !== 0) return;
      try {
        canvas.setPointerCapture(event.pointerId); // a stroke may leave the square and come back
      } catch {}
      canvas.focus();
      cursor = last = place(event).map(inside);
      ink = event.shiftKey ? 0 : 1;
      write([last], ink);
    },
    pointermove(event) {
      if (!last || !event.buttons) return;
      const here = place(event);
      write(line(last, here), ink);
      last = here;
    },
    pointerup() {
      last = null;
    },
    keydown(event) {
      if (event.key in moves) cursor = cursor.map((x, axis) => inside(x + moves[event.key][axis]));
      else if (event.key === " ") write([cursor], 1 - model.get("value")[cursor[0]][cursor[1]]);
      else return;
      event.preventDefault();
      event.stopPropagation(); // JupyterLab has its own use for these keys
      say();
      paint();
    },
    focus: paint,
    blur: paint,
  };
  for (const [name, listener] of Object.entries(listeners))
    canvas.addEventListener(name, listener, { signal: gone.signal });
  clear.addEventListener("click", () => {
    model.set("value", model.get("value").map((row) => row.map(() => 0)));
    model.save_changes();
  });
  background.addEventListener("load", paint, { signal: gone.signal });
  model.on("change:value", paint);
  model.on("change:background", show); // paints when it has loaded
  const pad = document.createElement("div");
  pad.style.marginLeft = "7em"; // where the other controls begin
  pad.replaceChildren(title, canvas, clear, said);
  el.replaceChildren(pad);
  paint();
  return () => {
    gone.abort();
    model.off("change:value", paint);
    model.off("change:background", show);
  };
}

export default { render };
