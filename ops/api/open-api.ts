import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sql } from '@databases/pg';
import type { Config } from '../../contracts/config.ts';
import type { TableContract } from '../../contracts/contract.ts';
import type { Keyring } from '../../contracts/keys/keyring.ts';
import { kafkaOptions } from '../../pipelines/topic/kafka.ts';
import { ownPool, partFrom } from '../../pipelines/wal/own-pool.ts';
import { postgresTrouble } from '../../pipelines/wal/postgres-trouble.ts';
import { tokeniser } from '../../processors/tokens.ts';
import { cursors } from '../gateway/cursor.ts';
import { gatewayOf } from '../gateway/gateway.ts';
import { opening } from '../gateway/opening.ts';
import { readerOf } from '../gateway/reader-of.ts';
import { log } from '../log.ts';
import { redactionRulesIn } from '../rollout/redaction-rules.ts';
import { livePolicy } from '../policy/live-policy.ts';
import { rolloutIn } from '../rollout/rollout.ts';
import { ownSecret } from '../tokens/own-secret.ts';
import { publicKeys } from '../tokens/key-file.ts';
import { verifier } from '../tokens/verify.ts';
import type { Counters } from '../worker/counters.ts';
import type { ApiMetrics } from './api-metrics.ts';
import { auditIn } from './audit.ts';
import { kindOf } from './error-kind.ts';
import { guardBy } from './guard.ts';
import { openUsageDoor } from '../usage/usage-door.ts';
import { type Api, serveApi } from './host.ts';
import { privacyFields } from './privacy-fields.ts';
import { rowFields } from './row-fields.ts';
import { guardedSchema } from './schema.ts';

export interface ApiSetting {
  readonly config: Config;
  readonly contracts: ReadonlyMap<string, TableContract>;
  readonly keyring: Keyring;
  readonly metrics: ApiMetrics;
  readonly counters: Pick<Counters, 'pipeline' | 'policy'>;
}

const sdlFolder = fileURLToPath(new URL('../../contracts/graphql', import.meta.url));
const hourMs = 3_600_000;

/** Connects the API host: tokens, policy, the audit, the rollout and what rests. */
export async function openApi({
  config,
  contracts,
  keyring,
  metrics,
  counters,
}: ApiSetting): Promise<Api> {
  await using stack = new AsyncDisposableStack();
  const { state, api, tokens } = config;
  const db = ownPool(state.url, { name: 'conductor api', size: 4 });
  stack.defer(() => partFrom(db));
  const inState = <T>(asked: Promise<T>): Promise<T> =>
    asked.catch((error: unknown) => {
      throw postgresTrouble(error, 'state.url', state.url);
    });
  const live = stack.use(await livePolicy(kafkaOptions(config, 'api'), config, counters));
  const audit = await inState(auditIn(db));
  const rollout = await inState(rolloutIn(db));
  const orders = await inState(redactionRulesIn(db));
  metrics.rollout(rollout.all);
  const gateway = gatewayOf({
    contracts,
    policy: live.now,
    published: config.govern,
    tokens: tokeniser(keyring),
    open: opening(keyring),
    reader: stack.use(readerOf(config, contracts)),
    rollout,
    orders,
    cursors: cursors(await ownSecret(keyring, 'cursors')),
    metrics,
    mostRows: api.rows,
  });
  const schema = guardedSchema(
    await sdl(),
    {
      ...privacyFields({ contracts, policy: live.now, rollout, orders }),
      ...rowFields(gateway),
    },
    guardBy(live.now, audit, metrics.call),
  );
  const forget = () =>
    void audit.forget().catch((error: unknown) => {
      log.warn({ error: kindOf(error) }, 'the audit keeps more than 30 days');
    });
  await inState(audit.forget());
  const forgetting = setInterval(forget, hourMs);
  stack.defer(() => clearInterval(forgetting));
  const served = stack.use(
    await serveApi({
      settings: api,
      schema,
      verify: verifier(tokens),
      keys: () => publicKeys(tokens.directory),
      healthy: () =>
        db.query(sql`SELECT 1`).then(
          () => true,
          () => false,
        ),
      metrics,
      usage: config.metering ? stack.use(await openUsageDoor(config, config.metering)) : null,
    }),
  );
  const opened = stack.move();
  return { url: served.url, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

async function sdl(): Promise<readonly string[]> {
  const names = (await readdir(sdlFolder)).filter((name) => name.endsWith('.graphql')).sort();
  return Promise.all(names.map((name) => readFile(join(sdlFolder, name), 'utf8')));
}
