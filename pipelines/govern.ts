import type { Observable } from 'rxjs';
import type { TableContract } from '../contracts/contract.ts';
import type { Registry } from '../contracts/registry.ts';
import { tableOf } from '../contracts/topics.ts';
import type { Dedupe, Marks } from '../processors/dedupe.ts';
import { stamp } from '../processors/provenance.ts';
import { redaction } from '../processors/redact.ts';
import type { Tokeniser } from '../processors/tokens.ts';
import type { Opener } from '../processors/unseal.ts';
import type { Governed } from '../schemas/change.ts';
import { Refusal } from '../schemas/refusal.ts';
import { decodeChange, schemaIdOf } from '../schemas/wire.ts';
import { besideLetters } from './flow/beside.ts';
import { into } from './flow/into.ts';
import type { Sink } from './flow/sink.ts';
import type { Source } from './flow/source.ts';
import { each, type Processor, pull, type Pulling, type Refused } from './flow/stage.ts';
import type { Received } from './topic/received.ts';

/** A change that may be read, and what of its lane was released with it. */
export interface Released {
  readonly change: Governed;
  readonly marks: Marks;
}

export interface GovernEnds {
  readonly changes: Source<Received>;
  readonly governed: Sink<Released>;
  readonly letters: Sink<Refused<Received>>;
}

/** `cdc.*` → once → stamped → unsealed and redacted → `gov.*`; the refused → `dlq.govern`. */
export function govern(
  { changes, governed, letters }: GovernEnds,
  rules: Rules,
  pulling: Pulling,
): Observable<number> {
  return besideLetters(letters, (refused) =>
    pull(changes, pulling).pipe(
      each(governing(rules), refused),
      into(governed, { size: 4_096, lingerMs: 0 }, unexpected),
    ),
  );
}

interface Rules {
  readonly contracts: ReadonlyMap<string, TableContract>;
  readonly registry: Registry;
  readonly dedupe: Dedupe;
  readonly open: Opener;
  readonly tokens: Tokeniser;
}

/** What govern does to one record. A pure function of the log: no clock, no chance, no other state. */
export function governing(rules: Rules): Processor<Received, Released> {
  const { contracts, registry, dedupe, open, tokens } = rules;
  const plans = new Map(
    [...contracts].map(([table, contract]) => [table, redaction(contract, tokens)]),
  );

  return ({ topic, partition, value }) => {
    const type = value && registry.type(schemaIdOf(value) ?? -1);
    if (!type) throw new Refusal('undecodable', `a record of ${topic} is not in Avro`);
    const table = tableOf(topic);
    const plan = plans.get(table);
    if (!plan) throw new Refusal('no-contract', `table ${table} has no contract`);

    const change = decodeChange(type, value, { table, lane: partition });
    const marks = dedupe.admit(topic, change);
    if (!marks) return [];
    const secret = open(change);
    if (!secret) return [];
    return [{ change: plan.change(stamp(change), secret), marks }];
  };
}

/** What was governed always fits its topic; if it does not, that is our mistake and not the row's. */
const unexpected = {
  next({ values: [first] }: { readonly values: readonly Refused<Released>[] }): void {
    throw new TypeError('a governed change does not fit its topic', { cause: first?.refusal });
  },
};
