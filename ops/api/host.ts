import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { GraphQLSchema } from 'graphql';
import { CannotRun } from '../../contracts/cannot-run.ts';
import type { Config } from '../../contracts/config.ts';
import type { Claims } from '../../contracts/token-claims.ts';
import { log } from '../log.ts';
import type { PublicKey } from '../tokens/key-file.ts';
import { TokenRefused, type Verifier } from '../tokens/verify.ts';
import { type Answer, errors, json } from './answer.ts';
import type { ApiMetrics } from './api-metrics.ts';
import { BadRequest, jsonBody } from './body.ts';
import { kindOf } from './error-kind.ts';
import { type UsageDoor, usagePath } from '../usage/usage-door.ts';
import { answering, graphqlPath } from './graphql.ts';

export interface Api extends AsyncDisposable {
  readonly url: string;
}

export interface HostParts {
  readonly settings: Config['api'];
  readonly schema: GraphQLSchema;
  readonly verify: Verifier;
  readonly keys: () => Promise<readonly PublicKey[]>;
  readonly healthy: () => Promise<boolean>;
  readonly metrics: ApiMetrics;
  readonly usage: UsageDoor | null; // Where nothing is metered, there is none.
}

const loopback = /^(127(\.\d+){3}|::1|localhost)$/;

/**
 * Listens for requests: `/graphql` for whoever bears a token, `/v1/usage` for whoever has the key of a source, `/healthz` and `/.well-known/jwks.json` for
 * everybody. Sets no cookie, allows no other origin, and takes a token from the Authorization header alone.
 */
export async function serveApi(parts: HostParts): Promise<Api> {
  const { settings } = parts;
  if (!settings.tls && !settings.behindProxy && !loopback.test(settings.host))
    throw new CannotRun({
      what: `tokens would cross the network in the clear to ${settings.host}`,
      where: 'api.host',
      fix: 'set api.tls, or api.behindProxy where a proxy ends TLS, or listen on 127.0.0.1',
    });
  const graphql = answering(parts.schema, settings);
  const server = await serverOf(settings, (request, response) => {
    const began = performance.now();
    answerOf(request, parts, graphql)
      .catch(failed)
      .then((answer) => send(response, answer))
      .catch((error: unknown) => {
        log.error({ error: kindOf(error) }, 'not answered');
        response.destroy();
      })
      .finally(() => parts.metrics.answered((performance.now() - began) / 1_000));
  });
  const timeoutMs = settings.timeoutSeconds * 1_000;
  Object.assign(server, { requestTimeout: timeoutMs, headersTimeout: timeoutMs });
  server.keepAliveTimeout = 5_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(settings.port, settings.host, resolve);
  });
  const { address, port } = server.address() as AddressInfo;
  return {
    url: `${settings.tls ? 'https' : 'http'}://${address.includes(':') ? `[${address}]` : address}:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections(); // Whoever is being answered is waited for.
      await closed;
    },
  };
}

async function serverOf(
  { tls }: Config['api'],
  listener: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Server> {
  if (!tls) return createServer(listener);
  const read = (path: string, where: string) =>
    readFile(path).catch((cause: unknown) => {
      const trouble = { what: `${path} cannot be read`, where, fix: 'name a PEM file' };
      throw new CannotRun(trouble, { cause });
    });
  const cert = await read(tls.certificate, 'api.tls.certificate');
  const key = await read(tls.key, 'api.tls.key');
  return createTlsServer({ cert, key, minVersion: 'TLSv1.2' }, listener);
}

async function answerOf(
  request: IncomingMessage,
  parts: HostParts,
  graphql: ReturnType<typeof answering>,
): Promise<Answer> {
  const { settings, healthy, keys } = parts;
  const [path] = (request.url ?? '/').split('?');
  if (path === '/healthz') {
    const is = await healthy();
    return json(is ? 200 : 503, { healthy: is });
  }
  if (path === '/.well-known/jwks.json')
    return json(200, { keys: await keys() }, { 'cache-control': 'max-age=300' });
  if (path === usagePath && parts.usage) return parts.usage.answer(request);
  if (path !== graphqlPath) throw new BadRequest(404, `there is ${graphqlPath}`);
  if (request.method !== 'GET' && request.method !== 'POST')
    throw new BadRequest(405, 'say GET or POST');
  if ((request.url ?? '').length > settings.bodyBytes)
    throw new BadRequest(414, `send no more than ${settings.bodyBytes} bytes`);
  const claims = await bearer(request, parts);
  if ('status' in claims) return claims;
  const body = request.method === 'POST' ? await jsonBody(request, settings.bodyBytes) : null;
  return graphql({ url: request.url ?? '', body }, claims);
}

/** Whoever bears the token of a request, or why it is refused. */
async function bearer(
  request: IncomingMessage,
  { verify, metrics }: HostParts,
): Promise<Claims | Answer> {
  const [, token] = /^Bearer +([^\s]+) *$/i.exec(request.headers.authorization ?? '') ?? [];
  const asking = 'Bearer realm="conductor"';
  if (token === undefined)
    return json(401, errors('UNAUTHENTICATED', 'send a token: Authorization: Bearer …'), {
      'www-authenticate': asking,
    });
  try {
    return await verify(token, new Date());
  } catch (error) {
    if (!(error instanceof TokenRefused)) throw error;
    const { check, message } = error;
    metrics.tokenRefused(check);
    log.warn({ check }, 'a token was refused');
    return json(401, errors('UNAUTHENTICATED', message, check), {
      'www-authenticate': `${asking}, error="invalid_token", error_description="${message}"`,
    });
  }
}

/** What is not known is told to the log, by its kind, and to nobody else. */
function failed(error: unknown): Answer {
  if (error instanceof BadRequest)
    return json(error.status, errors('BAD_REQUEST', error.message), { connection: 'close' });
  log.error({ error: kindOf(error) }, 'a request failed');
  return json(500, errors('INTERNAL', 'the host has failed; its log says more'));
}

function send(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  });
  response.end(body);
}
