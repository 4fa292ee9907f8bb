import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** What becomes of a produce request: the connection may break half-way through it, or before its answer. */
export type Fate = 'passes' | 'cut in half' | 'answer lost';

/** Before a broker of one: what is asked of it goes through here, also by those who ask where it is. */
export interface BrokerProxy extends AsyncDisposable {
  readonly broker: string;
  /** How many produce requests have come. */
  readonly requests: number;
}

/** Decides for each produce request, by its number, what becomes of it. */
export async function brokerProxy(
  broker: string,
  fateOf: (request: number) => Fate,
): Promise<BrokerProxy> {
  const [host, port] = broker.split(':') as [string, string];
  let requests = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(port), host);
    const unanswered = new Set<number>(); // Correlations whose answers get lost.
    const cut = () => {
      client.resetAndDestroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {}); // Its close says enough.
      socket.on('close', () => {
        sockets.delete(socket);
        cut();
      });
    }
    onFrames(client, (frame) => {
      const fate = frame.readInt16BE(4) === 0 ? fateOf(requests++) : 'passes';
      if (fate === 'cut in half') upstream.write(frame.subarray(0, frame.length >> 1), cut);
      else upstream.write(frame);
      if (fate === 'answer lost') unanswered.add(frame.readInt32BE(8));
    });
    onFrames(upstream, (frame) => {
      if (unanswered.has(frame.readInt32BE(4))) cut();
      else client.write(redirected(frame));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const here = (server.address() as AddressInfo).port;
  const address = (at: number) => {
    const bytes = Buffer.from(`\u000a${host}....`);
    bytes.writeInt32BE(at, bytes.length - 4);
    return bytes;
  };
  const theirs = address(Number(port));
  const ours = address(here);
  function redirected(frame: Buffer): Buffer {
    const at = frame.indexOf(theirs);
    if (at >= 0) ours.copy(frame, at);
    return frame;
  }
  return {
    broker: `127.0.0.1:${here}`,
    get requests() {
      return requests;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Calls with each message whole, its length before it. */
function onFrames(socket: Socket, handle: (frame: Buffer) => void): void {
  let waiting = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    waiting = Buffer.concat([waiting, chunk]);
    while (waiting.length >= 4 && waiting.length >= 4 + waiting.readInt32BE(0)) {
      const end = 4 + waiting.readInt32BE(0);
      handle(waiting.subarray(0, end));
      waiting = waiting.subarray(end);
    }
  });
}
