// Runs one function: finds its handler, and serves it on a Unix socket.
const [entry, socket, pingPath, drainSeconds] = Deno.args;
const listen = Deno.serve.bind(Deno);
const exit = Deno.exit.bind(Deno);
const pending = new Set();
let handler;
let onError;

function accept(first, second) {
  const options = typeof first === "function" ? {} : first ?? {};
  handler = typeof first === "function" ? first : second ?? options.handler ?? options.fetch;
  onError = options.onError;
  const server = {
    finished: new Promise(() => {}),
    addr: { transport: "tcp", hostname: "0.0.0.0", port: options.port ?? 8000 },
    shutdown: () => Promise.resolve(),
    ref() {},
    unref() {},
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  options.onListen?.(server.addr);
  return server;
}
Object.defineProperty(Deno, "serve", { value: accept, configurable: true, writable: true });

globalThis.EdgeRuntime = {
  waitUntil(promise) {
    const settled = Promise.resolve(promise).catch((error) => console.error(error)).finally(() => pending.delete(settled));
    pending.add(settled);
    return promise;
  },
};

async function unload(reason) {
  globalThis.dispatchEvent(new CustomEvent("beforeunload", { detail: { reason } }));
  const deadline = new Promise((done) => setTimeout(done, Number(drainSeconds) * 1000));
  await Promise.race([Promise.all([...pending]), deadline]);
  exit(0);
}
Deno.addSignalListener("SIGTERM", () => unload("termination"));

function failed(error) {
  console.error(error);
  return Response.json({ code: "WORKER_ERROR", message: "The function failed; its log says why" }, { status: 500 });
}

async function run(request, info) {
  try {
    const response = await handler(request, info);
    if (!(response instanceof Response)) {
      return failed(new TypeError("The function returned no Response"));
    }
    return response;
  } catch (error) {
    if (onError) {
      try {
        return await onError(error);
      } catch (second) {
        return failed(second);
      }
    }
    return failed(error);
  }
}

// What nobody handles must not end the process and with it the answers of others.
globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  console.error(event.reason);
});
globalThis.addEventListener("error", (event) => {
  event.preventDefault();
  console.error(event.error);
});

const module = await import(entry);
if (!handler && typeof module.default?.fetch === "function") {
  handler = module.default.fetch.bind(module.default);
} else if (!handler && typeof module.default === "function") {
  handler = module.default;
}
if (typeof handler !== "function") {
  console.error("The function calls no Deno.serve and exports no handler");
  exit(1);
}

const peer = { transport: "tcp", hostname: "127.0.0.1", port: 0 };
listen({ path: socket, onListen() {} }, (request, info) => {
  const url = new URL(request.url);
  if (url.pathname === pingPath) {
    return new Response(null, { status: 204 });
  }
  return run(request, { ...info, remoteAddr: peer });
});
