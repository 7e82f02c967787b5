// The explorers of the pages: a slider moves through pictures that were made beforehand.
document.querySelectorAll("figure.course-explorer").forEach((figure) => {
  const slider = figure.querySelector("input");
  if (!slider) return;
  const frames = JSON.parse(figure.dataset.frames);
  const [picture, place, line] = ["img", "output", ".line"].map((part) => figure.querySelector(part));
  slider.addEventListener("input", () => {
    const frame = frames[slider.valueAsNumber];
    picture.src = frame.file;
    place.textContent = frame.label;
    line.innerHTML = frame.line;
    slider.setAttribute("aria-valuetext", frame.label);
  });
  frames.forEach((frame) => { new Image().src = frame.file; });
});
