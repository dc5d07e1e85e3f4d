// The instrument's hand in the page; see page.py for its duties.

const BUTTONS = [
  ["link", "Copy link", "Copy what opens this page as it is set now (Alt+L)"],
  ["code", "Copy code", "Copy the lines of Python that print the same numbers (Alt+C)"],
  ["csv", "CSV", "Download the numbers and the curve as a table"],
  ["png", "PNG", "Download the pictures as pixels"],
  ["svg", "SVG", "Download the pictures as vectors"],
  ["json", "Settings", "Download the settings as a file"],
  ["open", "Open", "Set the controls from a file of settings"],
];

async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // without https or permission: the old way, through a selected text field
    const field = document.createElement("textarea");
    field.value = text;
    field.style.cssText = "position:fixed;opacity:0";
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}

function saveFile(filename, media, bytes) {
  const address = URL.createObjectURL(new Blob([bytes], { type: media }));
  const link = Object.assign(document.createElement("a"), { href: address, download: filename });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

// A picture from data: is there within 3 ms; one from blob: asks another process first, 15 to 20 ms.
function dataURL(format, buffer) {
  const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192)
    text += String.fromCharCode.apply(null, bytes.subarray(i, i + 8192));
  return `data:image/${format};base64,${btoa(text)}`;
}

// In JupyterLab the address bar is JupyterLab's: there a line of Python opens the same state.
function linkTo(model, query) {
  if (model.get("app")) return location.origin + location.pathname + "?" + query;
  return `${model.get("maker")}(link="${query}")`;
}

// Ask for a small text file; what is in it is for the kernel to judge.
function openFile(send, tell) {
  const field = Object.assign(document.createElement("input"), { type: "file", accept: ".json" });
  field.onchange = async () => {
    const file = field.files[0];
    if (!file) return;
    if (file.size > 20_000) return tell("A file of settings has at most 20 kB; nothing was changed.");
    send({ do: "open", text: await file.text() });
  };
  field.click();
}

// Where a pointer is on a picture, as fractions of its width and height; the kernel knows the axes.
function pointOn(picture, event) {
  const box = picture.getBoundingClientRect();
  const inside = (at, from, length) => Math.min(1, Math.max(0, (at - from) / length));
  return [inside(event.clientX, box.left, box.width), inside(event.clientY, box.top, box.height)];
}

// Send where a picture is pressed and, where it takes that, dragged. At most one message is under
// way: while the kernel answers only the newest place waits.
function pickOn(root, model) {
  let held = null, waiting = null, answer = 0;
  const figure = (event) => {
    const picture = event.target.closest?.("img.qlab-pick");
    const name = picture && Object.keys(model.get("picks")).find((n) => picture.classList.contains("qlab-figure-" + n));
    return name && event.button <= 0 ? { picture, name } : null;
  };
  const send = (place) => {
    if (answer) return (waiting = place);
    model.send({ do: "pick", ...place });
    answer = setTimeout(answered, 300); // a kernel that does not answer holds nothing up
  };
  const answered = () => {
    clearTimeout(answer);
    answer = 0;
    const next = waiting;
    waiting = null;
    if (next) send(next);
  };
  const sendAt = ({ picture, name }, event) => {
    const [x, y] = pointOn(picture, event);
    send({ name, x, y });
  };
  const down = (event) => {
    const found = figure(event);
    if (!found || !event.isPrimary || model.get("picks")[found.name] !== "drag") return;
    event.preventDefault(); // the browser would drag the picture itself
    held = found;
    found.picture.setPointerCapture(event.pointerId);
    sendAt(found, event);
  };
  const move = (event) => held && sendAt(held, event);
  const up = () => (held = null);
  const click = (event) => {
    const found = figure(event);
    if (found && model.get("picks")[found.name] === "click") sendAt(found, event);
  };
  const ways = { pointerdown: down, pointermove: move, pointerup: up, pointercancel: up, click };
  for (const [kind, way] of Object.entries(ways)) root.addEventListener(kind, way);
  const stop = () => {
    clearTimeout(answer);
    for (const [kind, way] of Object.entries(ways)) root.removeEventListener(kind, way);
  };
  return { answered, stop };
}

// Tell which slider a pointer or the keyboard's focus comes to: the kernel has its values ready when
// the hand is there. What a drag passes over is nothing that the hand comes to. A pointer that moves
// among the controls once a menu is set is on its way back to the slider, which the kernel knows.
function nearing(root, model) {
  let last = null, set = false;
  const near = (event) => {
    const control = event.target.closest?.(".qlab-control");
    const slider = control?.querySelector(".noUi-target") ? control : null;
    if (event.buttons || slider === last) return;
    last = slider;
    const name = [...(slider?.classList ?? [])].find((word) => model.get("sliders").includes(word.slice(5)));
    if (name) model.send({ do: "near", name: name.slice(5) });
  };
  const change = (event) => (set = Boolean(event.target.closest?.("select")));
  const move = (event) => {
    if (!set || !event.target.closest?.(".qlab-panel")) return;
    set = false;
    model.send({ do: "near", name: "" });
  };
  const ways = { pointerover: near, focusin: near, change, pointermove: move };
  for (const [kind, way] of Object.entries(ways)) root.addEventListener(kind, way);
  return () => Object.entries(ways).forEach(([kind, way]) => root.removeEventListener(kind, way));
}

// While the page turns by itself the kernel need not hear of every value: what it does about one takes
// the processor from the next picture. It hears where the hand is some times a second, and at rest.
const RESTED = 40, SELDOM = 90; // ms; the kernel thinks that a hand rests after 120
function unhurried(control, ahead) {
  const save = control.save_changes;
  let owed = null, since = 0, timer;
  const tell = () => {
    clearTimeout(timer);
    const due = owed;
    owed = null;
    due?.();
  };
  control.save_changes = (callbacks) => {
    if (!owed) since = performance.now();
    owed = () => save.call(control, callbacks);
    if (!ahead()) return tell();
    clearTimeout(timer);
    timer = setTimeout(tell, Math.min(RESTED, since + SELDOM - performance.now()));
  };
  return { tell, leave: () => (tell(), (control.save_changes = save)) };
}

// Write HTML over HTML of the same build: only words that differ are laid out and painted anew.
const blank = document.createElement("template");
function write(box, html) {
  blank.innerHTML = html;
  if (!alter(box, blank.content)) box.replaceChildren(...blank.content.childNodes);
}
function alter(old, fresh) {
  if (old.childNodes.length !== fresh.childNodes.length) return false;
  for (const [i, now] of [...fresh.childNodes].entries()) {
    const was = old.childNodes[i];
    if (was.nodeName !== now.nodeName) return false;
    if (now.nodeType === Node.TEXT_NODE) {
      if (was.data !== now.data) was.data = now.data;
      continue;
    }
    for (const name of new Set([...was.getAttributeNames(), ...now.getAttributeNames()]))
      if (now.getAttribute(name) === null) was.removeAttribute(name);
      else if (was.getAttribute(name) !== now.getAttribute(name)) was.setAttribute(name, now.getAttribute(name));
    if (!alter(was, now)) return false;
  }
  return true;
}

// Pictures and numbers on the page. What the kernel hands over of a slider's other values lies ready
// here: when the handle comes to one the page turns to it by itself, and the kernel's answer follows.
//
// `over` says that the page is ahead of the kernel: by which slider, which value it turned to and which
// came since, and what the kernel showed last, at `kernelAt`, which its next answer builds upon.
function stage(el, model) {
  let shelf = { turn: -1, slider: "", views: new Map(), moved: new Set() };
  let over = null, kernelAt = "";
  const written = new WeakMap(); // by box: the numbers put there, as long as nobody else wrote
  const same = (a, b) => a === b || Math.abs(a - b) <= 1e-8 * Math.max(Math.abs(a), Math.abs(b));
  const place = (sent) => (typeof sent === "number" ? sent.toPrecision(8) : sent);
  const at = (slider, sent) => slider + " " + place(sent);
  const root = () => el.closest(".qlab-instrument") ?? document;
  const figures = (name) => root().querySelectorAll("img.qlab-figure-" + name);
  const boxes = (name) => root().querySelectorAll(`.qlab-readout-${name} .widget-html-content`);

  const view = ({ pictures, numbers }, buffers) => ({
    pictures: Object.fromEntries(pictures.map(([name, format], i) => [name, dataURL(format, buffers[i])])),
    numbers,
  });
  const onto = (below, above) => ({
    pictures: { ...below.pictures, ...above.pictures },
    numbers: { ...below.numbers, ...above.numbers },
  });
  const put = ({ pictures, numbers }) => {
    for (const [name, address] of Object.entries(pictures))
      for (const picture of figures(name)) {
        if (picture.src === address) continue;
        if (picture.src !== over?.kernels.pictures[name]) URL.revokeObjectURL(picture.src); // ipywidgets' own
        picture.src = address;
      }
    for (const [name, html] of Object.entries(numbers))
      for (const box of boxes(name)) {
        const { words, first } = written.get(box) ?? {};
        if (words === html && first === box.firstChild) continue;
        write(box, html);
        written.set(box, { words: html, first: box.firstChild });
      }
  };
  // What stands there now: the kernel's last word, as long as the page has not turned by itself.
  const standing = (pictures, numbers) => ({
    pictures: Object.fromEntries(pictures.map((name) => [name, figures(name)[0]?.src])),
    numbers: Object.fromEntries(numbers.map((name) => [name, boxes(name)[0]?.innerHTML])),
  });
  const drop = (turn) => (shelf = { turn, slider: "", views: new Map(), moved: new Set() });
  // A picture that something holds is loaded already: to turn to it takes no frame of its own.
  const lay = (sent, news) => {
    const sources = Object.values(news.pictures).filter(Boolean);
    const held = sources.map((src) => Object.assign(new Image(), { src }));
    shelf.views.set(place(sent), { ...news, held });
  };

  const keep = (message, buffers) => {
    if (message.turn !== shelf.turn) drop(message.turn);
    shelf.slider = message.at[0];
    lay(message.at[1], view(message, buffers));
  };
  const show = (message, buffers) => {
    if (message.turn !== shelf.turn) drop(message.turn);
    const [slider, sent] = message.at ?? [];
    kernelAt = at(slider, sent);
    let news = view(message, buffers);
    if (message.known) news = onto(shelf.views.get(place(sent)) ?? { pictures: {}, numbers: {} }, news);
    if (over) over.kernels = news = onto(over.kernels, news);
    const whole = message.whole && (over ? news : onto(standing(...message.whole), news));
    const here = !over || over.slider !== slider || over.since.some((one) => same(one, sent));
    if (here) {
      put(news);
      over = null;
    } // else the hand has moved on
    if (!whole) return;
    shelf.slider = slider;
    lay(sent, whole); // after the picture that the hand waits for
  };

  // A control's value changed: by a hand on this page, or because the kernel said so.
  const moved = (name, value, byHand) => {
    shelf.moved.add(name);
    const open = [...shelf.moved].every((one) => one === shelf.slider); // else until another turn
    if (over?.slider === name) over.since.push(value);
    const ready = byHand && open && shelf.views.get(place(value));
    if (!ready) return;
    const kernels = over?.kernels ?? standing(Object.keys(ready.pictures), Object.keys(ready.numbers));
    over = { slider: name, since: [value], kernels };
    put(at(name, value) === kernelAt ? onto(ready, kernels) : ready); // what it found meanwhile
  };
  const hands = [];
  for (const [name, id] of Object.entries(model.get("controls")))
    model.widget_manager.get_model(id).then((control) => {
      const trait = control.get("index") === undefined ? "value" : "index";
      const heard = (_, value, how) => moved(name, value, Boolean(how?.updated_view));
      control.on("change:" + trait, heard);
      const { tell, leave } = unhurried(control, () => over?.slider === name && over.since.length === 1);
      hands.push({ tell, stop: () => (control.off("change:" + trait, heard), leave()) });
    });
  const tell = () => hands.forEach((hand) => hand.tell());
  return { keep, show, tell, stop: () => hands.forEach((hand) => hand.stop()) };
}

// Whatever a hand does but move the slider it holds, the kernel first hears where that slider is.
function tellFirst(root, tell) {
  const heed = (event) => {
    const holds = event.type === "keydown" && event.target.closest?.(".noUi-handle") && !event.altKey;
    if (!holds) tell();
  };
  const kinds = ["pointerdown", "click", "focusin", "change", "keydown"];
  for (const kind of kinds) root.addEventListener(kind, heed, true);
  return () => kinds.forEach((kind) => root.removeEventListener(kind, heed, true));
}

// noUiSlider's Home and End go where a slider ended when it was made; it may have grown since.
function toItsEnd(event) {
  const slider = event.target.closest?.(".noUi-target")?.noUiSlider;
  const end = { Home: "min", End: "max" }[event.key];
  if (!slider || !end) return;
  event.preventDefault();
  event.stopPropagation();
  slider.set(slider.options.range[end]);
}

// ipywidgets gives a slider's handle no name and a picture no alternative text; we do.
function nameParts(root, alts, picks) {
  for (const control of root.querySelectorAll(".qlab-control")) {
    const label = control.querySelector(".widget-label");
    if (!label) continue;
    for (const handle of control.querySelectorAll(".noUi-handle")) {
      if (handle.getAttribute("aria-label") !== label.textContent) {
        handle.setAttribute("aria-label", label.textContent);
        handle.title = label.title || control.title || "";
      }
      const shown = control.querySelector(".widget-readout");
      if (shown && handle.getAttribute("aria-valuetext") !== shown.textContent)
        handle.setAttribute("aria-valuetext", shown.textContent);
    }
    for (const shown of control.querySelectorAll(".widget-readout[contenteditable]"))
      if (!shown.hasAttribute("aria-label")) {
        shown.setAttribute("role", "textbox");
        shown.setAttribute("aria-label", label.textContent + ", as a number");
      }
  }
  for (const [name, words] of Object.entries(alts))
    for (const picture of root.querySelectorAll("img.qlab-figure-" + name))
      if (picture.alt !== words) picture.alt = words;
  for (const [name, how] of Object.entries(picks))
    for (const picture of root.querySelectorAll("img.qlab-figure-" + name + ":not(.qlab-pick)"))
      picture.classList.add("qlab-pick", "qlab-pick-" + how);
}

export default {
  render({ model, el }) {
    el.classList.add("qlab-page");
    const bar = Object.assign(document.createElement("div"), { className: "qlab-toolbar" });
    bar.setAttribute("role", "toolbar");
    bar.setAttribute("aria-label", "Copy and download");
    const told = Object.assign(document.createElement("span"), { className: "qlab-told" });
    const live = Object.assign(document.createElement("div"), { className: "qlab-live" });
    live.setAttribute("aria-live", "polite");
    live.setAttribute("role", "status");

    let clearing;
    const tell = (text) => {
      told.textContent = text;
      live.textContent = text;
      clearTimeout(clearing);
      clearing = setTimeout(() => (told.textContent = ""), 4000);
    };
    const copied = async (text, what) =>
      tell((await toClipboard(text)) ? what + " copied." : "The browser did not allow copying.");
    const ask = (name) => {
      if (name === "open") openFile((message) => model.send(message), tell);
      else model.send({ do: name === "link" || name === "code" ? "copy" : "save", name });
    };
    for (const [name, label, hint] of BUTTONS) {
      const button = Object.assign(document.createElement("button"), {
        type: "button",
        className: "qlab-button qlab-" + (name === "link" || name === "code" ? "copy-" : "") + name,
        textContent: label,
        title: hint,
        onclick: () => ask(name),
      });
      if (!["link", "code", "open"].includes(name)) button.setAttribute("aria-label", "Download " + label);
      bar.append(button);
    }
    bar.append(told);
    el.append(bar, live);

    let picking = null;
    const scene = stage(el, model);
    const onMessage = (message, buffers) => {
      if (message.do === "picked") picking?.answered();
      if (message.do === "show") scene.show(message, buffers);
      if (message.do === "keep") scene.keep(message, buffers);
      if (message.do === "copy" && message.name === "link")
        copied(linkTo(model, message.text), model.get("app") ? "Link" : "Line of Python");
      if (message.do === "copy" && message.name === "code") copied(message.text, "Code");
      if (message.do === "save") {
        saveFile(message.filename, message.media, buffers[0]);
        tell(message.filename + " saved.");
      }
    };
    const onSaid = () => (live.textContent = model.get("said"));
    let pending;
    const onQuery = () => {
      if (!model.get("app")) return;
      clearTimeout(pending); // browsers allow about 100 changes of the address in 30 s
      pending = setTimeout(() => {
        history.replaceState(history.state, "", "?" + model.get("query") + location.hash);
      }, 400);
    };
    model.on("msg:custom", onMessage);
    model.on("change:said", onSaid);
    model.on("change:query", onQuery);
    if (model.get("query")) onQuery(); // a kernel that was warm before we came knew it already
    model.send({ do: "hello", search: location.search, density: window.devicePixelRatio || 1 });

    // the instrument around this widget: names for its parts, keys for its buttons
    const tidyUp = [];
    const adopt = () => {
      const root = el.closest(".qlab-instrument");
      if (!root) return requestAnimationFrame(adopt);
      let asked = false;
      const nameNow = () => nameParts(root, model.get("alts"), model.get("picks"));
      const watcher = new MutationObserver(() => {
        if (asked) return;
        asked = true;
        setTimeout(() => ((asked = false), nameNow()), 150); // not within a drag's frame
      });
      nameNow();
      model.on("change:alts", nameNow);
      model.on("change:picks", nameNow);
      picking = pickOn(root, model);
      const leave = nearing(root, model), forget = tellFirst(root, scene.tell);
      watcher.observe(root, { subtree: true, childList: true, characterData: true });
      const onKey = (event) => {
        if (!event.altKey || event.ctrlKey || event.metaKey) return;
        const act = {
          KeyL: () => ask("link"),
          KeyC: () => ask("code"),
          Digit0: () => root.querySelector("button.qlab-reset")?.click(),
        }[event.code];
        if (act) {
          event.preventDefault();
          act();
        }
      };
      root.addEventListener("keydown", onKey);
      root.addEventListener("keydown", toItsEnd, true); // before the slider hears it
      tidyUp.push(() => (picking.stop(), leave(), forget(), watcher.disconnect(), model.off("change:alts", nameNow), model.off("change:picks", nameNow), root.removeEventListener("keydown", onKey), root.removeEventListener("keydown", toItsEnd, true)));
    };
    adopt();
    return () => {
      model.off("msg:custom", onMessage);
      model.off("change:said", onSaid);
      model.off("change:query", onQuery);
      clearTimeout(pending);
      scene.stop();
      for (const tidy of tidyUp) tidy();
    };
  },
};
