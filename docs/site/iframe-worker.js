/* Browsers give no worker to a page that was opened as a file. The search's runs in a hidden frame then. */
if (location.protocol === "file:") {
  const tell = (whom, data) =>
    setTimeout(() => whom.dispatchEvent(new MessageEvent("message", { data })));

  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      // What is posted here waits until the script in the frame has loaded.
      this.inside = new Promise((loaded) => {
        frame.onload = () => {
          const inside = frame.contentWindow;
          inside.postMessage = (data) => tell(this, data);
          const script = inside.document.createElement("script");
          script.src = new URL(url, location.href).href;
          script.onload = () => loaded(inside);
          inside.document.body.append(script);
        };
      });
      frame.srcdoc = "<!doctype html><body></body>";
      document.body.append(frame);
    }

    postMessage(data) {
      this.inside.then((inside) => tell(inside, data));
    }
  };
}
