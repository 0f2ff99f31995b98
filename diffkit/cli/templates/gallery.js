(() => {
  const root = document.documentElement, body = document.body;
  const by = (id) => document.getElementById(`ui-${id}`);
  const search = by("search"), found = by("found"), keys = by("keys"), show = by("show");
  const cards = [...document.querySelectorAll(".card")];
  const articles = [...document.querySelectorAll("article")];
  const named = new Map(articles.map((article) => [article.id, article]));
  const linked = (card) => named.get(card.querySelector("a").hash.slice(1));
  const visible = () => cards.filter((card) => !card.hidden);
  body.classList.add("scripted");
  [search, by("start"), by("theme"), by("help")].forEach((part) => { part.hidden = false; });

  // Light or dark: the reader's setting until it is switched here.
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const remembered = () => { try { return localStorage.getItem("diffkit-theme"); } catch {} };
  const label = () => {
    by("theme").textContent = dark() ? "☀" : "☾";
    by("theme").setAttribute("aria-label", dark() ? "Light pictures" : "Dark pictures");
  };
  const flip = () => {
    root.dataset.theme = dark() ? "light" : "dark";
    try { localStorage.setItem("diffkit-theme", root.dataset.theme); } catch {}
    label();
    if (!show.hidden) draw();
  };
  if (["light", "dark"].includes(remembered())) root.dataset.theme = remembered();
  system.addEventListener("change", label);
  label();

  // Moving or still: still for readers who ask for less motion.
  const stops = document.querySelectorAll("button.motion");
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let moving = !still.matches;
  const move = (wanted) => {
    moving = wanted;
    const media = moving ? "all" : "not all";
    document.querySelectorAll("picture source").forEach((source) => { source.media = media; });
    stops.forEach((stop) => { stop.hidden = false; stop.textContent = moving ? "■ stop" : "▶ move"; });
    if (!show.hidden) draw();
  };

  // The wall, a page, or a search: what the address says, so that each can be linked to.
  let current = null, scrolled = 0;
  const wall = () => {
    const from = current;
    body.dataset.view = "wall";
    document.title = "diffkit gallery";
    current?.classList.remove("current");
    current = null;
    if (from) scrollTo({ top: scrolled, behavior: "instant" });
    if (from) cards.find((card) => linked(card) === from)?.querySelector("a").focus({ preventScroll: true });
  };
  const open = (article) => {
    if (!current) scrolled = scrollY;
    current?.classList.remove("current");
    (current = article).classList.add("current");
    body.dataset.view = "page";
    const title = article.querySelector("h2");
    document.title = `${title.textContent} · diffkit gallery`;
    scrollTo({ top: 0, behavior: "instant" });
    title.focus({ preventScroll: true });
  };
  const plain = (text) => { try { return decodeURIComponent(text); } catch { return text; } };
  const route = () => {
    const target = plain(location.hash.slice(1));
    if (named.has(target)) return open(named.get(target));
    wall();
    if (target.startsWith("find=")) {
      search.value = target.slice(5);
      filter();
      scrollTo({ top: 0, behavior: "instant" });
    } else if (target) {
      if (search.value) { search.value = ""; filter(); }
      document.getElementById(target)?.scrollIntoView();
    }
  };
  const leave = () => { if (current) location.hash = search.value ? `find=${encodeURIComponent(search.value)}` : ""; };
  const step = (by) => {
    const order = current ? articles : visible();
    const place = current ? articles.indexOf(current)
      : order.findIndex((card) => card.contains(document.activeElement));
    const next = order[place < 0 ? (by > 0 ? 0 : order.length - 1) : place + by];
    if (!next) return;
    if (current) location.hash = next.id;
    else next.querySelector("a").focus();
  };

  // Every word must be found somewhere; a concept in full finds its own pages only.
  const concepts = new Set(cards.flatMap((card) => card.dataset.concepts.split(", ")));
  const matches = (card, wanted) => {
    if (concepts.has(wanted)) return card.dataset.concepts.split(", ").includes(wanted);
    const text = `${card.textContent.toLowerCase()} ${card.dataset.concepts} ${card.dataset.words}`;
    return wanted.split(/\s+/).every((word) => text.includes(word));
  };
  function filter() {
    const wanted = search.value.trim().toLowerCase();
    cards.forEach((card) => { card.hidden = !!wanted && !matches(card, wanted); });
    document.querySelectorAll(".chapter").forEach((chapter) => {
      chapter.hidden = !chapter.querySelector(".card:not([hidden])");
    });
    const count = visible().length;
    body.classList.toggle("finding", !!wanted);
    found.textContent = wanted ? `${count || "no"} ${count === 1 ? "picture" : "pictures"} with “${search.value.trim()}”` : "";
  }
  search.addEventListener("input", () => {
    if (current) history.pushState(null, "", "#"), wall();
    filter();
    scrollTo({ top: 0, behavior: "instant" });
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") visible()[0]?.querySelector("a").focus();
    if (event.key === "Escape") { search.value = ""; filter(); search.blur(); }
  });

  // The show: question, picture, numbers, next question.
  const STAGES = ["question", "picture", "numbers"];
  const stage = show.querySelector(".stage"), told = show.querySelector(".told");
  let playing = [], at = 0, phase = 0, back = null;
  const element = (tag, kind, content = "") => {
    const made = document.createElement(tag);
    made.className = kind;
    made.textContent = content;
    return made;
  };
  const picture = (article) => {
    const chosen = article.querySelector(`img.${dark() ? "dark" : "light"}`);
    if (!chosen) return element("p", "broken", "this page failed");
    const image = new Image();
    const gif = chosen.parentElement.querySelector("source");
    image.src = gif && moving && phase > 0 ? gif.srcset : chosen.src;
    image.alt = phase > 0 ? chosen.alt : "";
    return image;
  };
  function draw() {
    const article = playing[at];
    const question = article.querySelector(".question")?.textContent ?? "What does this picture show?";
    show.dataset.stage = STAGES[phase];
    const ask = element("div", "ask");
    ask.append(element("p", "eyebrow", article.querySelector(".eyebrow").textContent), element("p", "big", question));
    stage.replaceChildren(picture(article), ask);
    told.replaceChildren(phase === 0 ? element("span", "eyebrow", "space or → shows the picture")
      : phase === 1 ? element("span", "", question)
      : article.querySelector(".numbers ul")?.cloneNode(true) ?? "");
    told.scrollTop = 0;
    const after = playing[at + 1]?.querySelector("img.light");
    if (after) new Image().src = after.src;
  }
  const play = () => {
    playing = visible().map(linked);
    if (current && !playing.includes(current)) playing = articles;
    if (!playing.length) return;
    at = Math.max(0, playing.indexOf(current));
    phase = 0;
    back = document.activeElement;
    show.hidden = false;
    body.style.overflow = "hidden";
    draw();
    show.focus();
    root.requestFullscreen?.().catch(() => {});
  };
  const stop = () => {
    show.hidden = true;
    body.style.overflow = "";
    if (document.fullscreenElement) document.exitFullscreen();
    if (current !== playing[at]) location.hash = playing[at].id;
    else back?.focus();
  };
  const turn = (by) => {
    const total = at * STAGES.length + phase + by;
    if (total < 0 || total >= playing.length * STAGES.length) return;
    at = Math.floor(total / STAGES.length);
    phase = total % STAGES.length;
    draw();
  };
  stage.addEventListener("click", () => turn(1));
  show.querySelectorAll("button").forEach((button) => button.addEventListener("click", () => {
    ({ back: () => turn(-1), on: () => turn(1), leave: stop })[button.dataset.go]();
  }));
  document.addEventListener("fullscreenchange", () => { if (!document.fullscreenElement && !show.hidden) stop(); });
  articles.forEach((article) => article.querySelector("figure")?.addEventListener("click", (event) => {
    if (event.target.tagName === "IMG") { play(); turn(1); }
  }));

  const help = () => (keys.open ? keys.close() : keys.showModal());
  stops.forEach((button) => button.addEventListener("click", () => move(!moving)));
  still.addEventListener("change", () => move(!still.matches));
  move(moving);
  by("theme").addEventListener("click", flip);
  by("help").addEventListener("click", help);
  by("start").addEventListener("click", play);
  addEventListener("hashchange", route);
  route();

  const inShow = { ArrowRight: () => turn(1), " ": () => turn(1), PageDown: () => turn(1), Enter: () => turn(1),
    ArrowLeft: () => turn(-1), PageUp: () => turn(-1), Escape: stop, f: stop, d: flip, m: () => move(!moving) };
  const outside = { ArrowRight: () => step(1), ArrowLeft: () => step(-1), Escape: leave, f: play, d: flip,
    m: () => move(!moving), "?": help, "/": () => { search.focus(); search.select(); } };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, pre, dialog")) return;
    if (!show.hidden && [" ", "Enter"].includes(event.key) && event.target.closest("button")) return;
    const action = (show.hidden ? outside : inShow)[event.key];
    if (action) { event.preventDefault(); action(); }
  });
})();
