// What the page does around the instrument: tell how far it is, notice that its kernel is gone,
// and free the kernel when the tab closes.
(() => {
  const base = () => document.body.dataset.baseUrl.replace(/voila\/$/, "");
  const kernel = () => {
    const config = document.getElementById("jupyter-config-data");
    return config ? JSON.parse(config.textContent).kernelId : null;
  };

  // Voila calls these while it streams the cells.
  window.voila_heartbeat = () => {};
  window.update_loading_text = window.voila_process = (cell, cells) => {
    const text = document.getElementById("loading_text");
    if (text) text.textContent = `Preparing the instrument, step ${cell} of ${cells}…`;
  };
  window.display_cells = window.voila_finish = () => {
    window.cellLoaded = true;
    if (!window.themeLoaded) return;
    document.getElementById("loading")?.remove();
    document.getElementById("rendered_cells").style.display = "";
  };
  setTimeout(() => {
    const text = document.getElementById("loading_text");
    if (text) text.textContent += " This takes longer than usual. Try to reload the page.";
  }, 30_000);

  // The banner: shown while the kernel does not answer, gone when it does again.
  let leaving = false;
  function gone(sentence) {
    const banner = document.getElementById("qlab-gone");
    if (!sentence || leaving) {
      banner.hidden = true;
      return;
    }
    const button = document.createElement("button");
    button.textContent = "Reload";
    button.onclick = () => location.reload();
    banner.replaceChildren(sentence + " ", button);
    banner.hidden = false;
  }
  let open = 0;
  async function check(failures = 0) {
    if (open > 0 || leaving) return;
    try {
      const answer = await fetch(base() + "api/kernels/" + kernel());
      if (answer.status === 404)
        return gone("This instrument has stopped: the numbers no longer follow the controls.");
      if (failures > 0) gone("The connection was lost. Waiting for it to come back.");
      setTimeout(check, 2000, failures + 1);
    } catch {
      if (failures > 0) gone("The server does not answer: the numbers no longer follow the controls.");
      setTimeout(check, 1000, failures + 1);
    }
  }
  window.WebSocket = class extends window.WebSocket {
    constructor(url, protocols) {
      super(url, protocols);
      if (!/\/api\/kernels\/[^/]+\/channels/.test(url)) return;
      let was = false;
      this.addEventListener("open", () => { was = true; open += 1; gone(null); });
      this.addEventListener("close", () => { if (was) open -= 1; check(); });
    }
  };

  // A tab that closes frees its kernel (Voila's own message goes out on beforeunload, which phones
  // do not send); one that comes back from the browser's memory starts anew.
  addEventListener("pagehide", () => {
    leaving = true;
    const token = document.cookie.match(/(?:^|; )_xsrf=([^;]*)/)?.[1];
    if (kernel() && token)
      navigator.sendBeacon(base() + "voila/api/shutdown/" + kernel(), new URLSearchParams({ _xsrf: decodeURIComponent(token) }));
  });
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
})();
