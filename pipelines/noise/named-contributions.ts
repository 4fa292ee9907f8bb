import { createHmac, type KeyObject } from 'node:crypto';
import type { Registry } from '../../contracts/registry.ts';
import type { NamedContribution } from '../../processors/noise/bounded.ts';
import { type Contribution, contributions } from '../../processors/noise/contributions.ts';
import type { Plan } from '../../processors/noise/plan.ts';
import type { Opener } from '../../processors/unseal.ts';
import { positionText } from '../../schemas/position.ts';
import { Refusal } from '../../schemas/refusal.ts';
import { decodeChange, schemaIdOf } from '../../schemas/wire.ts';
import type { Refused } from '../flow/stage.ts';
import type { Received } from '../topic/received.ts';
import type { WindowRow } from '../windows/closed-window.ts';

interface Reading {
  readonly plan: Plan;
  readonly key: KeyObject;
  readonly registry: Pick<Registry, 'type'>;
  readonly open: Opener;
}

/** What the rows of a window contribute, in their order, and those of them that can never count. */
export function namedContributions(
  { plan, key, registry, open }: Reading,
  rows: readonly WindowRow[],
): {
  readonly named: readonly NamedContribution[];
  readonly refused: readonly Refused<Received>[];
} {
  const named: NamedContribution[] = [];
  const refused: Refused<Received>[] = [];
  const { table } = plan.contract;
  for (const { record, log, position } of rows)
    try {
      const type = registry.type(schemaIdOf(record.value) ?? -1);
      if (!type) throw new Refusal('undecodable', `a record of ${record.topic} is not in Avro`);
      const change = decodeChange(type, record.value, { table, lane: record.partition });
      const secret = open(change);
      if (!secret) continue; // Its subject was erased.
      const at = `${positionText(position)}/${log}`;
      for (const each of contributions(plan, change, secret)) {
        const { tenant, rows: counts, effects } = each;
        named.push({ name: nameOf(key, plan, each), at, tenant, rows: counts, effects });
      }
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      refused.push({ value: record, refusal });
    }
  return { named, refused };
}

const nameOf = (key: KeyObject, { contract }: Plan, { tenant, subject }: Contribution): string =>
  createHmac('sha256', key)
    .update(JSON.stringify(['subject', contract.subject?.domain ?? '', tenant, subject]))
    .digest('base64url')
    .slice(0, 22);
