import type { UnitCosts } from '../../contracts/unit-costs.ts';
import type { GovernedRecord } from '../../schemas/governed-record.ts';
import type { LedgerRow } from '../../schemas/ledger-row.ts';
import { Refusal } from '../../schemas/refusal.ts';
import { longestEvent, usageOf } from '../../schemas/usage.ts';
import type { Processor } from '../flow/stage.ts';
import type { Received } from '../topic/received.ts';

interface Metered {
  readonly topic: string; // Of usage; all others are governed changes.
  readonly units: UnitCosts;
  readonly now: () => number; // Microseconds since 1970.
  readonly laneOf: (tenant: string) => number;
  readonly form: Processor<Received, GovernedRecord>;
  readonly ofChange: (record: GovernedRecord) => LedgerRow;
}

/** Reads what a record tells to be used: a CloudEvent of JSON in the lane of its tenant, or a governed change. */
export function metered({
  topic: ofUsage,
  units,
  now,
  laneOf,
  form,
  ofChange,
}: Metered): Processor<Received, LedgerRow> {
  const decimals = (unit: string): number | null => units.get(unit)?.decimals ?? null;
  return (came) => {
    const { topic, partition: lane, offset, value } = came;
    if (topic !== ofUsage) return form(came).map(ofChange);
    if (value && value.length > longestEvent)
      throw new Refusal(
        'invalid-usage',
        `an event of ${topic}: event is longer than ${longestEvent} bytes`,
      );
    const read = usageOf(parsed(topic, value), { decimals, now: now() });
    if (read.is === 'refused')
      throw new Refusal('invalid-usage', `an event of ${topic}: ${read.field} ${read.fault}`);
    const { usage } = read;
    if (laneOf(usage.tenant) !== lane)
      throw new Refusal('astray', `an event of ${topic} is not in the lane of its subject`);
    return [{ ...usage, topic, lane, offset }];
  };
}

function parsed(topic: string, value: Buffer | null): unknown {
  try {
    return JSON.parse(value?.toString() ?? '');
  } catch {
    throw new Refusal('undecodable', `an event of ${topic} is not JSON`); // The parser's words would quote it.
  }
}
