// Where a debugger attaches: the HTTP paths by which Chrome, VS Code and Node's clients find a target
// (https://chromedevtools.github.io/devtools-protocol/#endpoints), and its WebSocket.
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import { hasCode, UserError } from '../errors.ts';

/** One debugger, as long as it is attached. */
export interface Frontend {
  send(message: string): void;
  close(why: string): void;
}

/** What becomes of what a debugger says. */
export interface Backend {
  receive(message: string): void;
  /** The debugger has gone: resolves when another one may come. */
  close(): Promise<void>;
}

export interface DebugEndpoint {
  /** `ws://127.0.0.1:9229/<id>`. */
  url: string;
  /** Resolves when the debugger that is attached has been sent away, and its backend is closed. */
  close(): Promise<void>;
}

const HOST = '127.0.0.1';
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
/** A WebSocket's reason has three more at most, which may be what is left of a character. */
const MAX_REASON_BYTES = 120;

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
  let session = Promise.resolve();
  server.on('upgrade', (request, socket, head) => {
    // Who is refused may be gone before it is told.
    socket.on('error', () => socket.destroy());
    // A page in a browser may connect to the loopback, too, and says where it comes from.
    const isForeign = request.headers.origin !== undefined && !isDevtools(request.headers.origin);
    if (request.url !== `/${id}` || isForeign || isAttached || !isLoopback(request)) {
      const status = isAttached ? '409 Conflict' : '403 Forbidden';
      socket.end(`HTTP/1.1 ${status}\r\n\r\n`, () => socket.destroy());
      return;
    }
    isAttached = true;
    sockets.handleUpgrade(request, socket, head, (ws) => {
      ws.on('close', () => {
        isAttached = false;
      });
      session = serve(ws, attach, session);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, resolve);
  }).catch((error: unknown) => {
    if (!hasCode(error, 'EADDRINUSE')) throw error;
    throw new UserError(
      `port ${port} of ${HOST} is taken, by another debugger or a Node program with --inspect`,
      'Give another with --port; 0 is any.',
    );
  });
  return {
    url: `ws://${HOST}:${(server.address() as AddressInfo).port}/${id}`,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const each of sockets.clients) each.terminate();
      server.closeAllConnections();
      await closed;
      await session;
    },
  };
}

/**
 * @param before The end of the session before this one, which may take a moment more.
 * @returns when the session has ended.
 */
async function serve(
  ws: WebSocket,
  attach: (frontend: Frontend) => Promise<Backend>,
  before: Promise<void>,
): Promise<void> {
  const early: string[] = [];
  let backend: Backend | undefined;
  ws.on('message', (data) => {
    const message = String(data);
    if (backend === undefined) early.push(message);
    else backend.receive(message);
  });
  const closed = new Promise((resolve) => ws.once('close', resolve));
  ws.on('error', () => ws.terminate());
  await before;
  if (ws.readyState !== ws.OPEN) return;
  try {
    backend = await attach({
      send: (message) => ws.send(message),
      close: (why) => ws.close(1011, Buffer.from(why).subarray(0, MAX_REASON_BYTES).toString()),
    });
  } catch {
    ws.close(1011);
    return;
  }
  for (const message of early) backend.receive(message);
  await closed;
  await backend.close();
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
