// The stop-watch inside the page: from the event of the hand to pictures whose pixels changed.
//
// A picture counts as shown when the frame that paints it has been handed over: its `load` event
// (fetched and decoded), then the next animation frame, then the first task after that frame.
// Whether its pixels changed is looked at afterwards, outside the measured time.
(() => {
  const eye = { start: 0, last: 0, paints: [], told: [], kept: new Map() };
  const name = (image) => [...image.classList].find((c) => c.startsWith("qlab-figure-")) || "picture";

  const note = (event) => {
    eye.gap = event.timeStamp - eye.last;
    eye.start = eye.last = event.timeStamp;
    eye.paints = [];
    eye.told = [];
    eye.released = 0;
  };
  addEventListener("keydown", note, true);
  addEventListener("pointerdown", note, true);
  addEventListener("pointermove", (e) => (eye.moved = e.timeStamp), true);
  const release = (event) => {
    eye.released = event.timeStamp;
    eye.late = {};
    for (const image of document.images)
      eye.kept.set(name(image), image.complete && image.naturalWidth ? pixels(image) : NaN);
  };
  addEventListener("pointerup", release, true);


  const afterFrame = (call) =>
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = call;
      channel.port2.postMessage(0);
    });
  document.addEventListener(
    "load",
    ({ target }) => {
      if (target.tagName !== "IMG") return;
      const early = !eye.released;
      afterFrame(async () => {
        const time = performance.now(), released = eye.released;
        eye.paints.push({ name: name(target), image: target, time });
        if (!released || !target.isConnected) return;
        const differs = await changed(target); // idle work sends some pictures once more, unchanged
        if (early || differs) (eye.late[name(target)] ??= []).push(time - released);
      });
    },
    true,
  );

  // Numbers are shown as well once the frame that paints their change has been handed over.
  let telling = false;
  new MutationObserver((changes) => {
    const within = ({ target }) => (target.closest ? target : target.parentElement)?.closest('[class*="qlab-readout-"]');
    if (telling || !changes.some(within)) return;
    telling = true;
    const { start } = eye;
    afterFrame(() => {
      telling = false;
      if (start === eye.start) eye.told.push(performance.now());
    });
  }).observe(document, { subtree: true, childList: true, characterData: true });

  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  function pixels(image) {
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    pen.drawImage(image, 0, 0);
    const words = new Uint32Array(pen.getImageData(0, 0, canvas.width, canvas.height).data.buffer);
    let hash = words.length;
    for (const word of words) hash = (Math.imul(hash, 31) + word) | 0;
    return hash;
  }
  const changed = async (image) => {
    await image.decode().catch(() => {}); // where the next frame is on its way already
    if (!image.naturalWidth) return false; // a picture that is drawn only at rest
    const [key, now] = [name(image), pixels(image)];
    const differs = eye.kept.get(key) !== now;
    eye.kept.set(key, now);
    return differs;
  };
  const rest = (ms) => new Promise((done) => setTimeout(done, ms));

  // Remember the pixels of all pictures as they are.
  eye.look = () => Promise.all([...document.images].map(changed));

  // Wait until the pictures rest, then tell when the first and the last changed one was shown; where
  // no picture had to change (another width of activations, the same predictions), when the numbers did.
  eye.answer = async (quiet, patience) => {
    const end = performance.now() + patience;
    for (;;) {
      await rest(6);
      const now = performance.now(), newest = eye.paints.at(-1)?.time;
      if (now < end && [...document.images].some((image) => !image.complete)) continue; // on its way
      if (newest ? now - newest > quiet : now > end) break;
      if (!newest && now - eye.told[0] > quiet) {
        const told = eye.told[0] - eye.start;
        return { gap: eye.gap, pictures: 0, first: told, all: told };
      }
    }
    const shown = eye.paints.filter((p) => p.image.isConnected);
    const differ = new Set();
    for (const image of new Set(shown.map((p) => p.image))) if (await changed(image)) differ.add(image);
    const times = shown.filter((p) => differ.has(p.image)).map((p) => p.time - eye.start);
    return { gap: eye.gap, pictures: differ.size, first: Math.min(...times), all: Math.max(...times) };
  };

  // Tell how many frames a second of a drag had a new picture or new numbers, and how old the last
  // picture was when it was shown.
  eye.dragged = () => {
    const counts = {};
    for (const p of eye.paints) (counts[p.name] ??= []).push(p.time);
    const times = [...Object.values(counts), eye.told].sort((a, b) => b.length - a.length)[0];
    const moving = Object.keys(counts).filter((name) => counts[name].length > times.length / 2);
    const during = times.filter((t) => t <= eye.moved);
    const rate = (1000 * during.length) / (eye.moved - eye.start);
    return { rate, late: lastValue(moving.map((name) => eye.late[name] ?? [])) };
  };

  // When the last of the pictures showed the last value, from the times after the release at which
  // each changed. Idle work begins when the hand has rested for 120 ms: what follows such a gap is
  // idle work's (a curve of which more was measured), unless every picture comes so late.
  const IDLE = 120;
  const lastValue = (changes) => {
    const handed = changes.map((all) => all.findLast((t, i) => all.slice(0, i + 1).every((u, k) => u - (all[k - 1] ?? 0) < IDLE)) ?? 0);
    const late = changes.length && changes.every((all) => all[0] >= IDLE);
    return Math.max(0, ...(late ? changes.map((all) => all[0]) : handed));
  };
  eye.lastValue = lastValue;
  window.eye = eye;
})();
