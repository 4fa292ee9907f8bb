import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { answer } from './answer.ts';
import { type Body, readBody } from './body.ts';
import { type Account, authenticate } from './credentials.ts';
import { complain } from './errors.ts';
import { execute } from './execute.ts';
import { mergeForm } from './form.ts';
import { readQuestion } from './question.ts';
import type { Connections } from './sessions.ts';

/** What a front needs to serve. */
export interface Front {
  readonly connections: Connections;
  readonly account: Account;
  /** A folder for bodies that are too long for memory. */
  readonly spool: string;
  readonly memoryPerBody: number;
}

/** A server that behaves as ClickHouse's HTTP interface. */
export function frontServer(front: Front): Server {
  const server = createServer(
    // A query may be as long in the URL as ClickHouse allows it to be.
    { maxHeaderSize: 2 * 1024 * 1024, keepAliveTimeout: 30_000, requestTimeout: 0 },
    (request, response) => {
      route(front, request, response).catch((error: unknown) => refuse(response, error));
    },
  );
  return server;
}

async function route(
  front: Front,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://front');
  const asks = url.searchParams.has('query') || request.method === 'POST';
  if (request.method === 'OPTIONS') {
    response.writeHead(204, {
      'Access-Control-Allow-Origin': '*',
      'Access-Control-Allow-Headers': '*',
      'Access-Control-Allow-Methods': 'POST, GET, OPTIONS',
    });
    response.end();
  } else if (
    ['/ping', '/replicas_status'].includes(url.pathname) ||
    (url.pathname === '/' && !asks)
  ) {
    response.writeHead(200, { 'Content-Type': 'text/html; charset=UTF-8' });
    response.end('Ok.\n');
  } else if (url.pathname !== '/') {
    request.resume();
    response.writeHead(404, { 'Content-Type': 'text/plain; charset=UTF-8' });
    response.end(
      `There is no handle ${url.pathname}\n\nUse / or /ping for health checks.\n` +
        `Send queries from your program with POST method or GET /?query=...\n`,
    );
  } else if (!['GET', 'HEAD', 'POST'].includes(request.method ?? '')) {
    request.resume();
    response.writeHead(405, { Allow: 'GET, HEAD, POST, OPTIONS' }).end();
  } else await ask(front, request, response, url.searchParams);
}

async function ask(
  front: Front,
  request: IncomingMessage,
  response: ServerResponse,
  url: URLSearchParams,
): Promise<void> {
  let body: Body | null = null;
  try {
    response.setHeader('X-ClickHouse-Server-Display-Name', 'conductor');
    response.setHeader('X-ClickHouse-Timezone', process.env['TZ'] ?? 'UTC');
    response.setHeader('X-ClickHouse-Query-Id', url.get('query_id') ?? '');
    authenticate(request.headers, url, front.account);
    const plain = readQuestion(request, url);
    response.setHeader('X-ClickHouse-Query-Id', plain.queryId);
    const received = (body = await readBody(request, front.spool, front.memoryPerBody));
    const { question, body: asked } = await mergeForm(request, plain, received);
    const begun = process.hrtime.bigint();
    await front.connections.lend(question.session, async (connection) => {
      const outcome = await execute(connection, question, asked, front.spool);
      await answer(response, question, outcome, begun);
    });
  } catch (error) {
    // Without reading on, a client that is still sending would never see the answer.
    request.resume();
    refuse(response, error);
  } finally {
    await body?.dispose();
  }
}

function refuse(response: ServerResponse, error: unknown): void {
  const { code, status, text } = complain(error);
  if (response.headersSent || response.destroyed) {
    // The status is gone: a broken connection is the only way left to say that this is not all.
    response.destroy();
    return;
  }
  for (const name of ['Content-Encoding', 'X-ClickHouse-Format', 'X-ClickHouse-Summary']) {
    response.removeHeader(name);
  }
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=UTF-8',
    'X-ClickHouse-Exception-Code': `${code}`,
  });
  response.end(`${text}\n`);
}
