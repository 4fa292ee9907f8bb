import { baseOf } from '../../pipelines/backfill/first-copy.ts';
import { isReplaced, requestReplacements } from '../../pipelines/backfill/replace-tables.ts';
import type { Runs } from '../../pipelines/backfill/runs.ts';
import { repairTable } from '../../pipelines/compare/repair.ts';
import type { Prepared } from '../../pipelines/wal/prepare.ts';
import type { Records } from '../../schemas/records.ts';
import type { Sink } from '../../pipelines/flow/sink.ts';
import { log } from '../log.ts';
import type { Setting } from './setting.ts';

/**
 * Before a new slot is read that follows a lost one: fetches only what differs. What cannot be repaired
 * is copied anew, in place of all that was captured of it, and that is said loudly.
 */
export async function repairTables(
  setting: Setting,
  { from }: Prepared,
  { runs, records }: { readonly runs: Runs; readonly records: Sink<Records> },
): Promise<void> {
  const { config, contracts, keyring, registry, kafka } = setting;
  const whole = new Map(contracts);
  const before = await runs.all();
  for (const contract of contracts.values()) {
    const { table } = contract;
    if (isReplaced(before, table, from)) continue; // Since a repair that was interrupted.
    await runs.set(table, 'cancelled'); // Of the old slot, or of a repair that was interrupted.
    if (contract.outbox) continue;
    const repaired = await repairTable({
      url: config.source.url,
      database: config.database,
      publication: config.source.publication,
      kafka,
      runs,
      slot: config.source.slot,
      from: baseOf(from),
      contract,
      registry,
      keyring,
      write: (batch) => records.write(batch),
    });
    if (repaired.kind === 'whole')
      log.error({ table, why: repaired.why }, 'the table cannot be repaired: it is copied anew');
    else {
      whole.delete(table);
      log.warn({ ...repaired, table }, 'repaired: only what differs is fetched');
    }
  }
  await requestReplacements(runs, whole, from);
}
