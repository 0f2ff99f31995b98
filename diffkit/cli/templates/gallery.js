(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const button = document.getElementById("theme");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const label = () => { button.textContent = dark() ? "☀ light" : "☾ dark"; };
  const remember = (theme) => { try { localStorage.setItem("diffkit-theme", theme); } catch {} };
  const remembered = () => { try { return localStorage.getItem("diffkit-theme"); } catch {} };

  const flip = () => {
    root.dataset.theme = dark() ? "light" : "dark";
    remember(root.dataset.theme);
    label();
  };
  if (["light", "dark"].includes(remembered())) root.dataset.theme = remembered();
  button.hidden = false;
  button.addEventListener("click", flip);
  system.addEventListener("change", label);
  label();

  const stops = document.querySelectorAll("button.motion");
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let moving = !still.matches;
  const move = (wanted) => {
    moving = wanted;
    const media = moving ? "all" : "not all";
    document.querySelectorAll("picture source").forEach((source) => { source.media = media; });
    stops.forEach((stop) => { stop.hidden = false; stop.textContent = moving ? "■ stop" : "▶ move"; });
  };
  stops.forEach((stop) => stop.addEventListener("click", () => move(!moving)));
  still.addEventListener("change", () => move(!still.matches));
  move(moving);

  const pages = [...document.querySelectorAll("article")];
  const go = (step) => {
    const top = pages.map((page) => page.getBoundingClientRect().top);
    const next = step > 0
      ? top.findIndex((y) => y > 40)
      : top.findLastIndex((y) => y < -40);
    if (next >= 0) pages[next].scrollIntoView();
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("pre, input")) return;
    if (event.key === "ArrowRight") go(1);
    if (event.key === "ArrowLeft") go(-1);
    if (event.key === "d") flip();
    if (event.key === "m") move(!moving);
  });
})();
