// The course's hand in the page: names for what ipywidgets leaves nameless, Enter, files, a voice.

function saveFile(filename, media, bytes) {
  const address = URL.createObjectURL(new Blob([bytes], { type: media }));
  const link = Object.assign(document.createElement("a"), { href: address, download: filename });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

function nameParts(root, names) {
  for (const [css, name] of Object.entries(names))
    for (const part of root.querySelectorAll("." + css)) {
      const group = part.querySelector(".widget-radio-box");
      if (group) {
        group.setAttribute("role", "radiogroup");
        group.setAttribute("aria-label", name);
      } else
        for (const field of part.querySelectorAll("input, textarea, select"))
          field.setAttribute("aria-label", name);
    }
}

export default {
  render({ model, el }) {
    el.classList.add("qlab-hand");
    const live = Object.assign(document.createElement("div"), { className: "qlab-live" });
    live.setAttribute("role", "status");
    live.setAttribute("aria-live", "polite");
    el.append(live);
    const onMessage = (message, buffers) => {
      if (message.do === "save") saveFile(message.filename, message.media, buffers[0]);
    };
    const onSaid = () => (live.textContent = model.get("said"));
    model.on("msg:custom", onMessage);
    model.on("change:said", onSaid);

    const tidyUp = [];
    let gone = false;
    const adopt = () => {
      const root = el.closest(".qlab-course");
      if (gone) return;
      if (!root) return requestAnimationFrame(adopt);
      const nameNow = () => nameParts(root, model.get("names"));
      let asked = false;
      const watcher = new MutationObserver(() => {
        if (asked) return;
        asked = true;
        setTimeout(() => ((asked = false), nameNow()), 50);
      });
      const onKey = (event) => {
        if (event.key !== "Enter" || event.isComposing || !event.target.matches?.("input[type=text]")) return;
        if (event.shiftKey || event.ctrlKey || event.altKey || event.metaKey) return; // a notebook's own
        const part = event.target.closest(".qlab-part") ?? root;
        const button = part.querySelector("button.qlab-primary:not(:disabled)");
        if (!button) return;
        event.preventDefault();
        // the field's value is on its way to the kernel: the click follows it
        setTimeout(() => button.click(), 0);
      };
      nameNow();
      model.on("change:names", nameNow);
      watcher.observe(root, { subtree: true, childList: true });
      root.addEventListener("keydown", onKey, true); // ipywidgets stops it on its way up
      tidyUp.push(() => {
        watcher.disconnect();
        model.off("change:names", nameNow);
        root.removeEventListener("keydown", onKey, true);
      });
    };
    adopt();
    return () => {
      gone = true;
      model.off("msg:custom", onMessage);
      model.off("change:said", onSaid);
      for (const tidy of tidyUp) tidy();
    };
  },
};
