import { connect } from 'node:net';

/** Resolves once a broker answers a Metadata request that names at least one broker. */
export function kafkaAnswers(address: string): Promise<void> {
  const [host, port] = address.split(':');
  return new Promise((resolve, reject) => {
    const socket = connect({ host: host ?? '', port: Number(port) });
    let answer = Buffer.alloc(0);
    socket.setTimeout(2_000, () => socket.destroy(new Error(`${address} does not answer`)));
    socket.once('connect', () => socket.write(metadataRequest()));
    socket.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      const brokers = brokersIn(answer);
      if (brokers === null) return;
      socket.destroy();
      if (brokers > 0) resolve();
      else reject(new Error(`${address} knows of no broker yet`));
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`${address} closed the connection`)));
  });
}

const correlation = 7;

/** Metadata, version 1, about no topic. */
export function metadataRequest(): Buffer {
  const request = Buffer.alloc(18);
  request.writeInt32BE(request.length - 4, 0);
  request.writeInt16BE(3, 4);
  request.writeInt16BE(1, 6);
  request.writeInt32BE(correlation, 8);
  request.writeInt16BE(-1, 12);
  request.writeInt32BE(0, 14);
  return request;
}

/** The number of brokers that a Metadata response names; null while it is incomplete. */
export function brokersIn(answer: Buffer): number | null {
  if (answer.length < 12) return null;
  if (answer.readInt32BE(4) !== correlation) throw new Error('an answer to somebody else');
  return answer.readInt32BE(8);
}
