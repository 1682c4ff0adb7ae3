// Where a debugger attaches: the HTTP paths by which Chrome, VS Code and Node's clients find a target
// (https://chromedevtools.github.io/devtools-protocol/#endpoints), and its WebSocket.
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';

/** One debugger, as long as it is attached. */
export interface Frontend {
  send(message: string): void;
  close(why: string): void;
}

/** What becomes of what a debugger says. */
export interface Backend {
  receive(message: string): void;
  /** The debugger has gone. */
  close(): void;
}

export interface DebugEndpoint {
  /** `ws://127.0.0.1:9229/<id>`. */
  url: string;
  close(): Promise<void>;
}

const HOST = '127.0.0.1';
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/**
 * Listens on the loopback's `port`; 0: on any that is free. One debugger at a time.
 *
 * @param attach Called for each debugger that comes; where it rejects, the debugger is sent away.
 */
export async function startEndpoint(
  port: number,
  title: string,
  attach: (frontend: Frontend) => Promise<Backend>,
): Promise<DebugEndpoint> {
  const id = randomUUID();
  const server = createServer((request, response) => {
    answer(request, response, title, id, (server.address() as AddressInfo).port);
  });
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES });
  let isAttached = false;
  server.on('upgrade', (request, socket, head) => {
    // A page in a browser may connect to the loopback, too, and says where it comes from.
    const isForeign = request.headers.origin !== undefined && !isDevtools(request.headers.origin);
    if (request.url !== `/${id}` || isForeign || isAttached || !isLoopback(request)) {
      socket.end(`HTTP/1.1 ${isAttached ? '409 Conflict' : '403 Forbidden'}\r\n\r\n`);
      return;
    }
    isAttached = true;
    sockets.handleUpgrade(request, socket, head, (ws) => {
      ws.on('close', () => {
        isAttached = false;
      });
      serve(ws, attach);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, resolve);
  });
  return {
    url: `ws://${HOST}:${(server.address() as AddressInfo).port}/${id}`,
    close: () =>
      new Promise((resolve) => {
        for (const each of sockets.clients) each.terminate();
        server.close(() => resolve());
      }),
  };
}

function serve(ws: WebSocket, attach: (frontend: Frontend) => Promise<Backend>): void {
  const early: string[] = [];
  let backend: Backend | undefined;
  let isClosed = false;
  ws.on('message', (data) => {
    const message = String(data);
    if (backend === undefined) early.push(message);
    else backend.receive(message);
  });
  ws.on('close', () => {
    isClosed = true;
    backend?.close();
  });
  ws.on('error', () => ws.terminate());
  attach({
    send: (message) => ws.send(message),
    // A reason has at most 123 bytes.
    close: (why) => ws.close(1011, why.slice(0, 100)),
  }).then(
    (made) => {
      backend = made;
      for (const message of early) made.receive(message);
      if (isClosed) made.close();
    },
    () => ws.close(1011),
  );
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  title: string,
  id: string,
  port: number,
): void {
  const reply = isLoopback(request)
    ? replyTo(request.url ?? '', title, `${HOST}:${port}/${id}`)
    : undefined;
  if (reply === undefined) {
    response.writeHead(404).end();
    return;
  }
  response.setHeader('Content-Type', 'application/json; charset=UTF-8');
  response.end(JSON.stringify(reply));
}

function replyTo(url: string, title: string, address: string): unknown {
  if (url === '/json/version') return { Browser: 'shredder', 'Protocol-Version': '1.1' };
  if (url !== '/json' && url !== '/json/list' && url !== '/json/') return undefined;
  return [
    {
      description: 'functions of a tenant of Shredder',
      devtoolsFrontendUrl: `devtools://devtools/bundled/js_app.html?experiments=true&v8only=true&ws=${address}`,
      id: address.split('/').at(-1),
      title,
      type: 'node',
      url: 'file://',
      webSocketDebuggerUrl: `ws://${address}`,
    },
  ];
}

/** Whether a request names the loopback: other names may be a page's that were made to mean it. */
function isLoopback({ headers }: IncomingMessage): boolean {
  return /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/.test(headers.host ?? '');
}

function isDevtools(origin: string): boolean {
  return origin.startsWith('devtools://') || origin.startsWith('vscode-file://');
}
