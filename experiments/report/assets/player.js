// Videos of one task and start side by side, driven by one clock.
const clips = JSON.parse(document.getElementById("clips").textContent);
const unique = (values) => [...new Set(values)];
const fill = (select, values) => {
  const before = select.value;
  select.replaceChildren(...values.map((v) => new Option(v, v)));
  if (values.includes(before)) select.value = before;
};
const chip = (colour) => {
  const found = document.createElement("span");
  found.className = "chip";
  found.style.setProperty("--c", colour);
  return found;
};

// Shows a start of a task, if there are videos of it; other parts of the page may ask for one.
let showStart = () => {};

if (clips.length) {
  const [task, seed, stage, slider, play, speed, failed] =
    ["task", "seed", "stage", "time", "play", "speed", "failed"].map((id) => document.getElementById(id));
  const videos = () => [...stage.querySelectorAll("video")];
  const length = () => Math.max(0.1, ...videos().map((v) => v.duration || 0));
  const longest = () => videos().reduce((a, b) => ((b.duration || 0) > (a.duration || 0) ? b : a));
  const ofTask = () => clips.filter((c) => c.group === task.value);

  const pause = () => {
    videos().forEach((v) => v.pause());
    play.textContent = "Play";
  };

  const show = () => {
    pause();
    const chosen = ofTask().filter((c) => String(c.seed) === seed.value);
    stage.replaceChildren(...chosen.map((clip) => {
      const figure = document.createElement("figure"), video = document.createElement("video");
      Object.assign(video, { src: clip.source, muted: true, playsInline: true, preload: "auto" });
      const caption = document.createElement("figcaption"), outcome = document.createElement("b");
      outcome.className = outcome.textContent = clip.outcome;
      caption.append(chip(clip.colour), `${clip.agent} `, outcome);
      figure.append(video, caption);
      return figure;
    }));
    slider.value = 0;
  };

  const seeds = () => {
    const all = ofTask(), bad = unique(all.filter((c) => c.outcome === "failure").map((c) => c.seed));
    const shown = unique(all.map((c) => c.seed)).filter((s) => !failed.checked || bad.includes(s));
    fill(seed, shown.map(String));
    show();
  };

  const toggle = () => {
    if (play.textContent === "Pause") return pause();
    const again = slider.value >= 0.999;
    videos().forEach((v) => {
      if (again) v.currentTime = 0;
      v.playbackRate = Number(speed.value);
      // A clip shorter than the others stays on its last frame.
      if (again || !v.ended) v.play();
    });
    play.textContent = "Pause";
  };

  const follow = () => {
    if (play.textContent === "Pause" && videos().length) {
      slider.value = longest().currentTime / length();
      if (videos().every((v) => v.ended || v.paused)) pause();
    }
    requestAnimationFrame(follow);
  };

  showStart = (group, start) => {
    if (!clips.some((c) => c.group === group && c.seed === start)) return;
    failed.checked = false;
    task.value = group;
    seeds();
    seed.value = String(start);
    show();
    document.getElementById("videos").scrollIntoView();
  };

  slider.addEventListener("input", () => {
    pause();
    const at = slider.value * length();
    videos().forEach((v) => { v.currentTime = Math.min(at, v.duration || 0); });
  });
  speed.addEventListener("change", () => videos().forEach((v) => { v.playbackRate = Number(speed.value); }));
  task.addEventListener("change", seeds);
  failed.addEventListener("change", seeds);
  seed.addEventListener("change", show);
  play.addEventListener("click", toggle);
  fill(task, unique(clips.map((c) => c.group)));
  seeds();
  follow();
}
