import type { Registry } from '../../contracts/registry.ts';
import { GovernedForm } from '../../schemas/governed-record.ts';
import { schemaIdOf } from '../../schemas/wire.ts';
import { learning } from '../topic/learning.ts';
import type { LaneRecords } from '../topic/lane-records.ts';
import type { Dated } from '../topic/received.ts';

type Valued = Dated & { readonly value: Buffer };

/** A governed record, and the schema that it came in. */
export interface LaneChange {
  readonly record: Valued;
  readonly form: GovernedForm;
}

const isValued = (record: Dated): record is Valued => record.value !== null;

/** Reads governed records lane by lane; what deliver could not read either is left out, for it is a dead letter. */
export class LaneChanges {
  readonly records: LaneRecords;
  readonly #registry: Registry;
  readonly #forms = new Map<number, GovernedForm>();

  constructor(records: LaneRecords, registry: Registry) {
    this.records = records;
    this.#registry = registry;
  }

  /** Calls `take` with the records from one offset up to, and without, another. */
  async each(
    lane: number,
    from: bigint,
    to: bigint,
    take: (change: LaneChange) => void,
  ): Promise<void> {
    if (from >= to) return;
    const learn = learning(this.#registry);
    for await (const batch of this.records.read(lane, from, to)) {
      await learn(batch);
      for (const record of batch) {
        const form = isValued(record) && this.#formOf(schemaIdOf(record.value));
        if (form) take({ record, form });
      }
    }
  }

  #formOf(id: number | null): GovernedForm | null {
    if (id === null) return null;
    const known = this.#forms.get(id);
    const type = known ? undefined : this.#registry.type(id);
    if (known || !type) return known ?? null;
    const form = new GovernedForm(type);
    this.#forms.set(id, form);
    return form;
  }
}
