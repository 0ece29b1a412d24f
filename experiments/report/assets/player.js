// Videos of one task and seed side by side, driven by one clock.
const clips = JSON.parse(document.getElementById("clips").textContent);
const task = document.getElementById("task"), seed = document.getElementById("seed");
const stage = document.getElementById("stage"), slider = document.getElementById("time");
const play = document.getElementById("play"), speed = document.getElementById("speed");

const unique = (values) => [...new Set(values)];
const fill = (select, values) => select.replaceChildren(...values.map((v) => new Option(v, v)));
const videos = () => [...stage.querySelectorAll("video")];
const length = () => Math.max(0.1, ...videos().map((v) => v.duration || 0));
const longest = () => videos().reduce((a, b) => ((b.duration || 0) > (a.duration || 0) ? b : a));

function show() {
  pause();
  const chosen = clips.filter((c) => c.task === task.value && String(c.seed) === seed.value);
  stage.replaceChildren(...chosen.map((clip) => {
    const figure = document.createElement("figure"), video = document.createElement("video");
    Object.assign(video, { src: clip.source, muted: true, playsInline: true, preload: "auto" });
    const caption = document.createElement("figcaption"), outcome = document.createElement("b");
    outcome.className = outcome.textContent = clip.outcome;
    caption.append(`${clip.agent} `, outcome);
    figure.append(video, caption);
    return figure;
  }));
  slider.value = 0;
}

function seeds() {
  fill(seed, unique(clips.filter((c) => c.task === task.value).map((c) => String(c.seed))));
  show();
}

function pause() {
  videos().forEach((v) => v.pause());
  play.textContent = "Play";
}

function toggle() {
  if (play.textContent === "Pause") return pause();
  const again = slider.value >= 0.999;
  videos().forEach((v) => {
    if (again) v.currentTime = 0;
    v.playbackRate = Number(speed.value);
    // A clip shorter than the others stays on its last frame.
    if (again || !v.ended) v.play();
  });
  play.textContent = "Pause";
}

function follow() {
  if (play.textContent === "Pause" && videos().length) {
    slider.value = longest().currentTime / length();
    if (videos().every((v) => v.ended || v.paused)) pause();
  }
  requestAnimationFrame(follow);
}

slider.addEventListener("input", () => {
  pause();
  const at = slider.value * length();
  videos().forEach((v) => { v.currentTime = Math.min(at, v.duration || 0); });
});
speed.addEventListener("change", () => videos().forEach((v) => { v.playbackRate = Number(speed.value); }));
task.addEventListener("change", seeds);
seed.addEventListener("change", show);
play.addEventListener("click", toggle);
fill(task, unique(clips.map((c) => c.task)));
seeds();
follow();
